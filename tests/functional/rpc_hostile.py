#!/usr/bin/env python3
"""What is thrown at an open port: each attempt meets its refusal, and another client is answered in time all the while.

usage: rpc_hostile.py BIN_DIR
"""
import contextlib
import json
import os
import pathlib
import socket
import sys
import threading
import time

from support import Bench, wait_until

CONNECTIONS = 40
IDLE_MS = 3000
REQUEST_MS = 1500
BODY_MAX = 100_000
RESPONSE_MAX = 20_000
PATIENCE_S = 5
# What a refusal of a long call says, and no answer.
REFUSED = b"have not read yet"
HEAD = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CALL = '{"jsonrpc":"2.0","id":1,"method":"node_status"}'


class Other(threading.Thread):
    """Another client: asks again and again, on new connections and on an old one, and notes how long it waits."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.end, self.trouble, self.count, self.longest = port, threading.Event(), None, 0, 0.0

    def run(self):
        try:
            while not self.end.is_set():
                begin = time.monotonic()
                answer = talk(self.port, HEAD + f"Connection: close\r\nContent-Length: {len(CALL)}\r\n\r\n{CALL}")
                assert b" 200 " in answer and b'"result"' in answer, answer[:300]
                self.longest = max(self.longest, time.monotonic() - begin)
                self.count += 1
                time.sleep(0.02)
        except Exception as trouble:  # told by the main thread
            self.trouble = trouble


@contextlib.contextmanager
def undisturbed(port, what):
    other = Other(port)
    other.start()
    yield
    other.end.set()
    other.join(PATIENCE_S * 2)
    assert other.trouble is None, f"{what}: the other client: {other.trouble!r}"
    assert other.count > 0 and other.longest < PATIENCE_S, f"{what}: {other.count} answers, one after {other.longest} s"


def connect(port, receive_buffer=None, client=None):
    """`client`: the loopback address to come from."""
    s = socket.socket()
    if client:
        s.bind((client, 0))
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.settimeout(10)
    s.connect(("127.0.0.1", port))
    return s


def talk(port, text, client=None):
    """Sends, and reads until the other side closes."""
    with connect(port, client=client) as s:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            s.sendall(text if isinstance(text, bytes) else text.encode())
        out = b""
        with contextlib.suppress(ConnectionResetError):
            while got := s.recv(65536):
                out += got
        return out


def post(port, body, *fields):
    raw = body if isinstance(body, bytes) else body.encode()
    head = HEAD + "".join(f"{f}\r\n" for f in fields) + f"Connection: close\r\nContent-Length: {len(raw)}\r\n\r\n"
    return talk(port, head.encode() + raw)


def code_of(answer):
    document = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    return document["error"]["code"]


def malformed(port):
    call = '{"jsonrpc":"2.0","id":1,"method":"chain_block","params":{"height":%s}}'
    for name, body, code in [
        ("deep JSON", "[" * 50_000 + "]" * 49_000, -32600),
        ("deep parameters", call % ('{"a":' * 60 + "1" + "}" * 60), -32600),
        ("a huge number", call % ("9" * 400), -32602),
        ("a huge exponent", call % "1e99999", -32602),
        ("a negative number", call % "-1", -32602),
        ("2^64", call % 2**64, -32602),
        ("invalid UTF-8", CALL.encode().replace(b"node", b"\xff\xfe\x80"), -32700),
        ("an overlong form", CALL.encode().replace(b"node", b"\xc0\xaf"), -32700),
        ("a lone surrogate", '{"jsonrpc":"2.0","id":"\\ud800","method":"x"}', -32700),
        ("a long batch", json.dumps([json.loads(CALL)] * 101), -32600),
        ("an id without bound", CALL.replace('"id":1', '"id":"%s"' % ("x" * 90_000)), -32600),
        ("a list as id", CALL.replace('"id":1', '"id":[%s1]' % ("1," * 40_000)), -32600),
        ("nothing", "", -32700),
        ("zeros", b"\0" * 1000, -32700),
    ]:
        answer = post(port, body)
        assert code_of(answer) == code and len(answer) < 1024, f"{name}: {answer[-300:]}"
    assert b" 413 " in post(port, " " * (BODY_MAX + 1))
    # An answer above the limit is refused, not cut.
    many = json.dumps([{"jsonrpc": "2.0", "id": i, "method": "rpc_discover"} for i in range(3)])
    assert code_of(post(port, json.dumps({"jsonrpc": "2.0", "id": 1, "method": "rpc_discover"}))) == -32004
    assert b"-32004" in post(port, many)


def wrong_heads(port):
    for name, text, status in [
        ("a form's type", f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
                          f"Content-Length: {len(CALL)}\r\n\r\n{CALL}", 415),
        ("no type", f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(CALL)}\r\n\r\n{CALL}", 415),
        ("a rebound name", HEAD.replace("localhost", "evil.example") + "Content-Length: 0\r\n\r\n", 403),
        ("a name that begins well", HEAD.replace("localhost", "127.0.0.1.evil.example") +
         "Content-Length: 0\r\n\r\n", 403),
        ("a rebound name for a socket", "GET / HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\n"
         "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n", 403),
        ("another origin", HEAD + "Origin: https://evil.example\r\nContent-Length: 0\r\n\r\n", 403),
        ("another origin's socket", "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n"
         "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
         "Sec-WebSocket-Version: 13\r\n\r\n", 403),
        ("a preflight of another origin", "OPTIONS / HTTP/1.1\r\nHost: localhost\r\n"
         "Origin: https://evil.example\r\n\r\n", 403),
        ("no origin", HEAD + "Origin: null\r\nContent-Length: 0\r\n\r\n", 403),
    ]:
        answer = talk(port, text)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), f"{name}: {answer[:200]}"
    # What is listed, and what the node served itself, is answered.
    listed = post(port, CALL, "Origin: https://good.example")
    assert b" 200 " in listed and b"Access-Control-Allow-Origin: https://good.example" in listed, listed[:300]
    named = talk(port, HEAD.replace("localhost", f"node.example:{port}") + "Connection: close\r\n"
                 f"Content-Length: {len(CALL)}\r\n\r\n{CALL}")
    assert b" 200 " in named, named[:200]
    assert b" 200 " in post(port, CALL, "Origin: http://localhost")
    # A head without end is cut off.
    assert talk(port, "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "a" * 20_000) == b""


def pipelining(port):
    """Twenty requests in one piece are answered in order."""
    calls = [CALL.replace('"id":1', f'"id":{i}') for i in range(20)]
    text = "".join(HEAD + ("Connection: close\r\n" if i == 19 else "") + f"Content-Length: {len(c)}\r\n\r\n{c}"
                   for i, c in enumerate(calls))
    answers = talk(port, text).split(b"HTTP/1.1 200 OK")[1:]
    ids = [json.loads(a.split(b"\r\n\r\n", 1)[1])["id"] for a in answers]
    assert ids == list(range(20)), ids


def smuggled_bodies(port):
    """A body with a request that takes none is no request of its own: one answer, then the end."""
    inner = HEAD + f"Content-Length: {len(CALL)}\r\n\r\n{CALL}"
    chunked = f"{len(inner):x}\r\n{inner}\r\n0\r\n\r\n"
    upgrade = ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
               "Sec-WebSocket-Version: 13\r\n")
    for line, fields in [("GET /health", ""), ("HEAD /health", ""), ("GET /nothing", ""), ("GET /", upgrade),
                         ("OPTIONS /", "Origin: https://good.example\r\n"), ("GET /blob/" + "0" * 64, ""),
                         ("HEAD /blob/" + "0" * 64, ""), ("POST /blob", ""), ("DELETE /", "")]:
        for framing, body in [(f"Content-Length: {len(inner)}", inner), ("Transfer-Encoding: chunked", chunked)]:
            answer = talk(port, f"{line} HTTP/1.1\r\nHost: localhost\r\n{fields}{framing}\r\n\r\n{body}")
            assert answer.count(b"HTTP/1.1 ") == 1 and b"jsonrpc" not in answer, f"{line}, {framing}: {answer[:500]}"
    # Without a body, or with an empty one, the connection lasts.
    text = "".join(f"{line} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n" for line, field in
                   [("GET /health", ""), ("GET /health", "Content-Length: 0\r\n"), ("GET /blob/" + "0" * 64, ""),
                    ("GET /health", "Connection: close\r\n")])
    assert talk(port, text).count(b"HTTP/1.1 ") == 4


def closed_within(s, seconds):
    s.settimeout(seconds)
    try:
        while s.recv(65536):
            pass
        return True
    except socket.timeout:
        return False
    except ConnectionResetError:
        return True


def half_open(port):
    """Far more connections than there may be, none of which asks anything, and some that ask byte by byte."""
    flood = []
    with contextlib.ExitStack() as stack:
        for i in range(CONNECTIONS * 4):
            s = stack.enter_context(connect(port))
            if i % 3 == 0:
                with contextlib.suppress(OSError):
                    s.sendall(b"POST / HTTP/1.1\r\nHo")
            flood.append(s)
        # The oldest have made room, the others are gone once a first head is overdue.
        assert all(closed_within(s, 3) for s in flood[:CONNECTIONS])
        assert all(closed_within(s, 3 * IDLE_MS / 1000) for s in flood)


def slow_requests(port):
    """A body that comes byte by byte is cut off."""
    with connect(port) as s:
        s.sendall((HEAD + "Content-Length: 1000\r\n\r\n").encode())
        begin = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - begin < PATIENCE_S + REQUEST_MS / 1000:
                s.sendall(b" ")
                time.sleep(0.1)
        assert time.monotonic() - begin < PATIENCE_S + REQUEST_MS / 1000, "a slow body was waited for"


def slow_readers(bench):
    """Ask for a blob and do not read it: the connection is given up."""
    size = 8 << 20
    with connect(bench.port) as s:
        s.sendall(f"PUT /blob HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
        s.sendall(os.urandom(1 << 20) * 8)
        answer = b""
        while got := s.recv(65536):
            answer += got
    blob = json.loads(answer.split(b"\r\n\r\n", 1)[1])["id"]
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(connect(bench.port, receive_buffer=4096)) for _ in range(10)]
        for s in readers:
            s.sendall(f"GET /blob/{blob} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        time.sleep(REQUEST_MS / 1000 + 2.5)
        for s in readers:
            got = 0
            s.settimeout(5)
            with contextlib.suppress(ConnectionResetError):
                while piece := s.recv(1 << 20):
                    got += len(piece)
            assert got < size, "a reader that paused for longer than it may got all"


def rate(bin_dir):
    """A client that asks too much is told when to go on; this machine's programs only where that is asked for."""
    with Bench(bin_dir, "--rpc-limit-loopback", "--rpc-client-calls-per-second-max", "20",
               "--rpc-client-connections-max", "8") as bench:
        bench.start()
        wait_until("the allowance is full", lambda: time.sleep(1.1) or True, 3)
        batch = json.dumps([json.loads(CALL)] * 20)
        answers = [post(bench.port, batch) for _ in range(10)]
        assert b" 200 " in answers[0], answers[0][:200]
        refused = [a for a in answers if b" 429 " in a]
        assert refused, "nothing was refused"
        error = json.loads(refused[0].split(b"\r\n\r\n", 1)[1])["error"]
        assert error["code"] == -32008 and 0 < error["data"]["retry_after_ms"] <= 1000, error
        assert b"Retry-After: 1" in refused[0]
        time.sleep(1.1)
        assert b" 200 " in post(bench.port, batch)
        # Its connections are bounded as well: the oldest idle one makes room.
        time.sleep(1.1)
        with contextlib.ExitStack() as stack:
            flood = [stack.enter_context(connect(bench.port)) for _ in range(8)]
            time.sleep(0.5)
            assert b" 200 " in post(bench.port, CALL)
            assert closed_within(flood[0], 3)


def rss_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    return 0


def unread_answers(bin_dir):
    """Very many ask for the largest answer and read none of it: the node's memory stays bounded, short calls are
    answered all the while, and long ones again once the slow readers are gone."""
    with Bench(bin_dir, "--rpc-answers-bytes-max", str(32 << 20), "--rpc-request-timeout-ms", "6000") as bench:
        bench.start()
        big = json.dumps([{"jsonrpc": "2.0", "id": i, "method": "rpc_discover"} for i in range(100)])
        text = (HEAD + f"Content-Length: {len(big)}\r\n\r\n" + big).encode()
        size = len(post(bench.port, big))
        assert size > 8 << 20, f"the largest answer is only {size} bytes"
        before = most = rss_mib(bench.node.pid)
        with contextlib.ExitStack() as stack, undisturbed(bench.port, "unread answers"):
            readers = [stack.enter_context(connect(bench.port, receive_buffer=4096)) for _ in range(60)]
            for s in readers:
                s.sendall(text)
            end = time.monotonic() + 5
            while time.monotonic() < end:
                most = max(most, rss_mib(bench.node.pid))
                time.sleep(0.05)
            # All are answered by now; those whose answer is short were refused.
            busy = 0
            for s in readers:
                s.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    busy += REFUSED in s.recv(2000)
            assert busy >= len(readers) - 8, f"{busy} of {len(readers)} were refused"
            assert most - before < 300, f"{most - before} MiB for {len(readers)} answers of {size >> 20} MiB"
        wait_until("long calls are answered again", lambda: REFUSED not in post(bench.port, big), 15)
        bench.stop()
        print(f"unread answers: {len(readers)} of {size >> 20} MiB took {most - before} MiB, {busy} were refused, "
              "nobody else disturbed")


def hoarder(bin_dir):
    """One client asks for many large answers and reads none: another client's long call is answered all the while."""
    with Bench(bin_dir, "--rpc-limit-loopback", "--rpc-response-bytes-max", str(6 << 20), "--rpc-answers-bytes-max",
               str(48 << 20), "--rpc-client-calls-per-second-max", "0", "--rpc-request-timeout-ms", "20000") as bench:
        bench.start()
        big = json.dumps([{"jsonrpc": "2.0", "id": i, "method": "rpc_discover"} for i in range(100)])
        text = (HEAD + f"Content-Length: {len(big)}\r\n\r\n" + big).encode()
        closing = text.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        with contextlib.ExitStack() as stack:
            readers = [stack.enter_context(connect(bench.port, receive_buffer=4096, client="127.0.0.2"))
                       for _ in range(30)]
            for s in readers:
                s.sendall(text)
            # Each has the beginning of what it gets, so all its calls have found room or a refusal.
            begins = [s.recv(2000) for s in readers]
            refused = sum(REFUSED in b for b in begins)
            assert 0 < refused < len(readers), f"{refused} of {len(readers)} were refused"
            answer = talk(bench.port, closing, client="127.0.0.3")
            assert REFUSED not in answer and len(answer) > 6 << 20, f"the other client: {answer[:500]}"
            # And what it asks for itself is refused for as long as it does not read.
            assert REFUSED in talk(bench.port, closing, client="127.0.0.2"), "it is not refused"
        wait_until("the hoarder is answered again",
                   lambda: REFUSED not in talk(bench.port, closing, client="127.0.0.2"), 15)
        bench.stop()
        print(f"a hoarder: {refused} of {len(readers)} long calls refused, another client's answered")


def main():
    bin_dir = pathlib.Path(sys.argv[1])
    with Bench(bin_dir, "--rpc-connections-max", str(CONNECTIONS), "--rpc-idle-timeout-ms", str(IDLE_MS * 2),
               "--rpc-request-timeout-ms", str(REQUEST_MS), "--rpc-body-bytes-max", str(BODY_MAX),
               "--rpc-response-bytes-max", str(RESPONSE_MAX), "--rpc-allowed-hosts", "node.example, other.example",
               "--rpc-allowed-origins", "https://good.example") as bench:
        bench.start()
        for what, attempt in [("malformed requests", malformed), ("wrong heads", wrong_heads),
                              ("pipelining", pipelining), ("smuggled bodies", smuggled_bodies), ("half-open connections", half_open),
                              ("slow requests", slow_requests)]:
            with undisturbed(bench.port, what):
                attempt(bench.port)
            print(f"{what}: refused, nobody else disturbed")
        with undisturbed(bench.port, "slow readers"):
            slow_readers(bench)
        print("slow readers: refused, nobody else disturbed")
        bench.stop()
    rate(bin_dir)
    unread_answers(bin_dir)
    hoarder(bin_dir)


if __name__ == "__main__":
    main()
