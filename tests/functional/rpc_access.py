#!/usr/bin/env python3
"""Who may do what: the cookie, tokens with scopes, a node that demands them, TLS, and the refusal to listen beyond this
machine without them.

usage: rpc_access.py BIN_DIR
"""
import http.client
import json
import os
import pathlib
import shutil
import ssl
import stat
import subprocess
import sys

from support import Bench, is_alive, wait_until
from websocket import Closed, WebSocket

UNAUTHORIZED = -32006


def ask(port, method, params=None, token=None, tls=None):
    """Gives the HTTP status, and the result or the error's code."""
    connection = (http.client.HTTPSConnection("localhost", port, timeout=10, context=tls) if tls
                  else http.client.HTTPConnection("127.0.0.1", port, timeout=10))
    fields = {"Content-Type": "application/json"}
    if token:
        fields["Authorization"] = f"Bearer {token}"
    connection.request("POST", "/", json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                                                "params": params or {}}), fields)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    if response.status != 200:
        return response.status, None
    answer = json.loads(text)
    return 200, answer["result"] if "result" in answer else answer["error"]["code"]


def cookie_of(bench):
    path = bench.data / "rpc.cookie"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    return path.read_text().strip()


def check_cookie_and_tokens(bench):
    port = bench.port
    for method, params in [("node_set_log_level", {"level": "debug"}), ("node_stop", {}), ("node_tokens", {}),
                           ("node_token_create", {"name": "x", "scopes": ["admin"]}),
                           ("node_token_revoke", {"name": "x"})]:
        assert ask(port, method, params) == (200, UNAUTHORIZED), method
        assert ask(port, method, params, "0" * 64) == (401, None), method
    cookie = cookie_of(bench)
    assert ask(port, "node_set_log_level", {"level": "debug"}, cookie) == (200, {"level": "debug"})
    reader = ask(port, "node_token_create", {"name": "reader", "scopes": ["read"]}, cookie)[1]["token"]
    sender = ask(port, "node_token_create", {"name": "sender", "scopes": ["read", "submit"]}, cookie)[1]["token"]
    assert ask(port, "node_token_create", {"name": "sender", "scopes": ["read"]}, cookie) == (200, -32602)
    assert ask(port, "node_tokens", {}, cookie)[1] == [{"name": "reader", "scopes": ["read"]},
                                                       {"name": "sender", "scopes": ["read", "submit"]}]
    tokens = bench.data / "rpc.tokens"
    assert stat.S_IMODE(os.stat(tokens).st_mode) == 0o600
    assert reader not in tokens.read_text(), "a token lies on the disk"
    assert ask(port, "node_status", {}, reader)[0] == 200
    assert ask(port, "tx_send", {"tx": "00"}, reader) == (200, UNAUTHORIZED)
    assert ask(port, "tx_send", {"tx": "00"}, sender) == (200, -32602)
    assert ask(port, "node_tokens", {}, sender) == (200, UNAUTHORIZED)
    return cookie, reader


def check_revoked_sockets(bench):
    """A token that is taken back ends the WebSockets that it has opened: the one that asks, and the one that only listens."""
    cookie = cookie_of(bench)
    shown = {"Authorization": "Bearer " + ask(bench.port, "node_token_create", {"name": "brief", "scopes": ["read"]},
                                              cookie)[1]["token"]}
    with WebSocket(bench.port, shown) as asking, WebSocket(bench.port, shown) as listening, \
            WebSocket(bench.port, {"Authorization": f"Bearer {cookie}"}) as other:
        assert "result" in asking.call("node_status")
        listening.subscribe("heads")
        assert ask(bench.port, "node_token_revoke", {"name": "brief"}, cookie) == (200, {"revoked": True})
        try:
            raise AssertionError(f"answered: {asking.call('node_status')}")
        except Closed as end:
            assert end.code == 1008 and "revoked" in end.reason, end
        bench.wallet("account", "new", "reader")
        bench.wallet("faucet", 1)
        try:
            raise AssertionError(f"told: {listening.notification()}")
        except Closed as end:
            assert end.code == 1008 and "revoked" in end.reason, end
        assert "result" in other.call("node_tokens")


def check_after_restart(bench, old_cookie, reader):
    """Tokens last, the cookie is new."""
    assert ask(bench.port, "node_tokens", {}, old_cookie) == (401, None)
    cookie = cookie_of(bench)
    assert cookie != old_cookie
    assert ask(bench.port, "node_status", {}, reader)[0] == 200
    assert ask(bench.port, "node_token_revoke", {"name": "reader"}, cookie) == (200, {"revoked": True})
    assert ask(bench.port, "node_status", {}, reader) == (401, None)
    assert ask(bench.port, "node_stop", {}, cookie) == (200, {"stopping": True})
    assert bench.node.wait(timeout=10) == 0


def check_required(bin_dir):
    with Bench(bin_dir, "--rpc-require-token", "--rpc-address", "0.0.0.0") as bench:
        bench.start()
        cookie = cookie_of(bench)
        assert ask(bench.port, "node_status") == (200, UNAUTHORIZED)
        assert ask(bench.port, "node_status", {}, cookie)[1]["network"] == "test"
        connection = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=10)
        connection.request("PUT", "/blob", b"hello")
        assert connection.getresponse().status == 401
        with WebSocket(bench.port) as ws:
            assert ws.call("node_subscribe", topic="heads")["error"]["code"] == UNAUTHORIZED
        with WebSocket(bench.port, {"Authorization": f"Bearer {cookie}"}) as ws:
            assert "result" in ws.call("node_subscribe", topic="heads")
        with WebSocket(bench.port, {"Authorization": "Bearer nonsense"}) as ws:
            assert ws.status == 401


def check_refusal(bin_dir):
    for address in ("0.0.0.0", "192.0.2.1", "::"):
        with Bench(bin_dir, "--rpc-address", address) as bench:
            done = subprocess.run(bench.command(), env=bench.env, capture_output=True, timeout=30)
            assert done.returncode == 1, done
            assert b"--rpc-require-token" in done.stderr and address.encode() in done.stderr, done.stderr


def check_tls(bin_dir):
    if not shutil.which("openssl"):
        print("SKIPPED: TLS, for want of the openssl program to make a certificate")
        return
    with Bench(bin_dir) as bench:
        certificate, key = bench.folder / "cert.pem", bench.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        bench.flags += ["--rpc-tls-certificate", str(certificate), "--rpc-tls-key", str(key)]
        trusted = ssl.create_default_context(cafile=str(certificate))
        bench.launch()

        def answers():
            try:
                return ask(bench.port, "node_status", tls=trusted)[0] == 200
            except OSError:
                assert is_alive(bench.node.pid), bench.log_tail()
                return False
        wait_until("the node answers over TLS", answers, 30)
        with WebSocket(bench.port, wrap=lambda s: trusted.wrap_socket(s, server_hostname="localhost")) as ws:
            ws.subscribe("heads")
            assert ws.notification()["params"]["topic"] == "heads"
        # Blobs go both ways, and who speaks plainly gets nothing.
        connection = http.client.HTTPSConnection("localhost", bench.port, timeout=10, context=trusted)
        connection.request("PUT", "/blob", b"x" * 200_000)
        blob = json.loads(connection.getresponse().read())["id"]
        connection.request("GET", f"/blob/{blob}")
        assert connection.getresponse().read() == b"x" * 200_000
        try:
            ask(bench.port, "node_status")
            raise AssertionError("plain HTTP was answered")
        except (OSError, http.client.HTTPException):
            pass
        bench.stop()
        bench.flags[-1] = "/nonexistent"
        done = subprocess.run(bench.command(), env=bench.env, capture_output=True, timeout=30)
        assert done.returncode == 1 and b"rpc-tls-key" in done.stderr, done


def main():
    bin_dir = pathlib.Path(sys.argv[1])
    with Bench(bin_dir) as bench:
        bench.start()
        cookie, reader = check_cookie_and_tokens(bench)
        bench.stop()
        bench.start()
        check_revoked_sockets(bench)
        check_after_restart(bench, cookie, reader)
    check_required(bin_dir)
    check_refusal(bin_dir)
    check_tls(bin_dir)


if __name__ == "__main__":
    main()
