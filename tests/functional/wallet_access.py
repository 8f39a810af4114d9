#!/usr/bin/env python3
"""The wallet with nodes that want a token, and with nodes that speak TLS.

usage: wallet_access.py BIN_DIR
"""
import json
import pathlib
import shutil
import subprocess
import sys

from support import Bench, is_alive, wait_until

FAILED, USAGE, UNREACHABLE, BAD_INPUT = 1, 2, 3, 7


def check_token(bin_dir):
    with Bench(bin_dir, "--rpc-require-token") as bench:
        bench.start()
        cookie = (bench.data / "rpc.cookie").read_text().strip()
        done = bench.wallet("chain", "status", code=FAILED)
        assert b"--token-file" in done.stderr and b"MILLRACE_TOKEN" in done.stderr, done.stderr
        # The cookie of a node whose data folder is known; with it a token for others.
        own = ["--data-dir", bench.data]
        bench.wallet(*own, "chain", "status")
        made = json.loads(bench.wallet(*own, "--json", "rpc", "node_token_create",
                                       json.dumps({"name": "reader", "scopes": ["read"]})).stdout)
        reader = bench.folder / "reader"
        reader.write_text(made["token"] + "\n")
        by_file = ["--token-file", reader]
        bench.wallet(*by_file, "chain", "status")
        # What the token does not allow is said.
        bench.wallet(*own, "account", "new", "buyer")
        done = bench.wallet(*by_file, "faucet", "1000", code=FAILED)
        assert b"submit" in done.stderr and b"--token-file" in done.stderr, done.stderr
        bench.wallet(*own, "faucet", "1000")
        module = bench.compile("program", "int main(void) { return 0; }")
        wait_until("the provider is on the market",
                   lambda: b"of 1 lots" in bench.wallet(*own, "market", "quote", code=None).stdout, 30)
        # Blobs need it too, both ways.
        ran = json.loads(bench.wallet(*own, "--json", "--yes", "job", "run", module, "--gas", "1G", "--output",
                                      bench.folder / "out").stdout)
        assert ran["succeeded"] == 1, ran
        bench.env["MILLRACE_TOKEN"] = cookie
        bench.wallet("chain", "status")
        # The file is nearer than the variable.
        wrong = bench.folder / "wrong"
        wrong.write_text("0" * 64 + "\n")
        done = bench.wallet("--token-file", wrong, "chain", "status", code=FAILED)
        assert b"does not know this token" in done.stderr and b"0" * 64 not in done.stderr, done.stderr
        bench.wallet("--token-file", wrong, "module", "publish", module, code=FAILED)
        for text in ("", "two words\n", "x" * 1000):
            wrong.write_text(text)
            bench.wallet("--token-file", wrong, "chain", "status", code=BAD_INPUT)
        bench.wallet("--token-file", bench.folder / "none", "chain", "status", code=BAD_INPUT)
        del bench.env["MILLRACE_TOKEN"]
        bench.wallet("--data-dir", bench.folder, "chain", "status", code=UNREACHABLE)
        bench.stop()


def make_certificate(bench, name, alternative):
    certificate, key = bench.folder / f"{name}.pem", bench.folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", f"subjectAltName={alternative}", "-keyout", key,
                    "-out", certificate], check=True, capture_output=True)
    return certificate, key


def check_tls(bin_dir):
    if not shutil.which("openssl"):
        print("SKIPPED: TLS, for want of the openssl program to make a certificate")
        return
    with Bench(bin_dir, "--rpc-require-token") as bench:
        certificate, key = make_certificate(bench, "node", "DNS:localhost")
        other, _ = make_certificate(bench, "other", "DNS:localhost")
        bench.flags += ["--rpc-tls-certificate", str(certificate), "--rpc-tls-key", str(key)]
        bench.env["MILLRACE_NODE"] = f"https://localhost:{bench.port}"
        trusted = ["--ca-file", certificate, "--data-dir", bench.data]
        bench.launch()

        def is_up():
            assert is_alive(bench.node.pid), bench.log_tail()
            return bench.wallet(*trusted, "chain", "status", code=None).returncode == 0
        wait_until("the node answers over TLS", is_up, 30)
        # Nobody is spoken to whose certificate is not good: unknown, another's, or for another name.
        for words in ([], ["--ca-file", other]):
            done = bench.wallet(*words, "--data-dir", bench.data, "chain", "status", code=UNREACHABLE)
            assert b"certificate" in done.stderr and b"--ca-file" in done.stderr, done.stderr
        done = bench.wallet("--node", f"https://127.0.0.1:{bench.port}", *trusted, "chain", "status", code=UNREACHABLE)
        assert b"certificate" in done.stderr, done.stderr
        bench.wallet("--node", f"http://localhost:{bench.port}", *trusted, "chain", "status", code=UNREACHABLE)
        bench.wallet("--ca-file", key, "chain", "status", code=BAD_INPUT)
        bench.wallet("--ca-file", bench.folder / "none", "chain", "status", code=BAD_INPUT)
        # Calls and blobs, both ways.
        bench.wallet(*trusted, "account", "new", "buyer")
        bench.wallet(*trusted, "faucet", "1000")
        module = bench.compile("program", '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }')
        wait_until("the provider is on the market",
                   lambda: b"of 1 lots" in bench.wallet(*trusted, "market", "quote", code=None).stdout, 30)
        big = bench.folder / "in"
        big.mkdir()
        (big / "data").write_bytes(bytes(range(256)) * 8192)
        ran = json.loads(bench.wallet(*trusted, "--json", "--yes", "job", "run", module, "--input", big, "--gas", "1G",
                                      "--output", bench.folder / "out").stdout)
        assert ran["succeeded"] == 1 and bytes.fromhex(ran["tails"]["out"]) == b"hello\n", ran
        bench.stop()


def main():
    check_token(pathlib.Path(sys.argv[1]))
    check_tls(pathlib.Path(sys.argv[1]))


if __name__ == "__main__":
    main()
