"""What the functional tests share: a `millraced --dev` of their own, the wallet, JSON-RPC, small programs.

Only loopback, only processes started here, everything in one temporary folder.
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import schema

READY_S = 30
COMMAND_S = 60
STOP_S = 5
BATCH = 50
PASSPHRASE = "a good passphrase"
CLANG = "clang-19"


# A program in C whose work is real and whose output is its own number: takes the number of its steps, some 50 ns each in the interpreter.
BUSY_PROGRAM = r"""
#include <stdio.h>
int main(void) {
    unsigned x = 1;
    for (unsigned i = 0; i < %du; ++i) x = x * 1664525u + 1013904223u + (x >> 7);
    FILE* out = fopen("/x.txt", "w");
    fprintf(out, "%%u\n", x);
    return fclose(out);
}
"""


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code, self.message, self.data = error["code"], error["message"], error.get("data")


def post(port, body, timeout=10):
    """Sends raw bytes as a JSON-RPC request; gives the parsed answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def get(port, path, timeout=10):
    """GET of a path; gives status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def workers_of(pid):
    """Pids of the running millrace-worker children of a process."""
    out = []
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            name, rest = re.fullmatch(r"\d+ \((.*)\) (.*)", (folder / "stat").read_text(), re.DOTALL).groups()
        except (OSError, AttributeError):
            continue
        fields = rest.split()
        if int(fields[1]) == pid and name.startswith("millrace-worker") and fields[0] != "Z":
            out.append(int(folder.name))
    return out


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] not in "ZX"
    except OSError:
        return False


def wait_until(what, check, seconds):
    """Calls check until it gives something true, and gives that; a timeout names what was waited for."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.03)


class Bench:
    """A folder, a wallet in it, and a node that can be stopped, killed and started again on the same port."""

    def __init__(self, bin_dir, *flags):
        self.bin = pathlib.Path(bin_dir).resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace_functional_"))
        self.data = self.folder / "data"
        self.port = free_port()
        self.flags = ["--provider-cores", "2", "--provider-memory-mib", "1024", *flags]
        self.node = None
        self.methods = None
        self.log = open(self.folder / "node.log", "ab")
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "MILLRACE_PASSPHRASE": PASSPHRASE,
                    "MILLRACE_NODE": f"http://127.0.0.1:{self.port}"}
        self.node_env = {}
        self.log_seen = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.node is not None and self.node.poll() is None:
            self.kill()
        self.log.close()
        if kind is not None:
            print("the node's last lines:\n" + self.log_tail(), file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self):
        return "\n".join((self.folder / "node.log").read_text(errors="replace").splitlines()[-40:])

    def log_text(self):
        return (self.folder / "node.log").read_text(errors="replace")

    def new_log(self):
        """What the node has logged since the last call."""
        text = self.log_text()
        seen, self.log_seen = self.log_seen, len(text)
        return text[seen:]

    def command(self, *more):
        return [str(self.bin / "millraced"), "--dev", "--data-dir", str(self.data), "--rpc-port", str(self.port),
                *self.flags, *more]

    def launch(self):
        self.node = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log, env={**self.env, **self.node_env})

    def start(self):
        self.launch()
        wait_until("the node answers /ready", self.is_ready, READY_S)

    def is_ready(self):
        assert self.node.poll() is None, f"millraced ended with {self.node.returncode}\n{self.log_tail()}"
        try:
            return get(self.port, "/ready")[0] == 200
        except OSError:
            return False

    def stop(self):
        """SIGTERM; the node must end with 0 in time. Gives the seconds that it took."""
        begin = time.monotonic()
        self.node.send_signal(signal.SIGTERM)
        code = self.node.wait(timeout=STOP_S)
        assert code == 0, f"millraced ended with {code}"
        return time.monotonic() - begin

    def kill(self):
        self.node.kill()
        self.node.wait()

    def check_answer(self, method, answer):
        """Every answer that a test gets is held against the node's own OpenRPC document."""
        if self.methods is None:
            call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "rpc_discover"})
            self.methods = {m["name"]: m for m in post(self.port, call)["result"]["methods"]}
        known = self.methods.get(method)
        if known is None:
            return
        if "error" in answer:
            codes = [e["code"] for e in known["errors"]]
            assert answer["error"]["code"] in codes, f"{method}: an error that is not listed: {answer['error']}"
            return
        trouble = schema.check(answer["result"], known["result"]["schema"])
        assert trouble is None, f"{method}: {trouble}"

    def rpc(self, method, **params):
        answer = post(self.port, json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        self.check_answer(method, answer)
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def rpc_all(self, method, params_list):
        """Results of one method for many parameters, by batches."""
        out = []
        for i in range(0, len(params_list), BATCH):
            calls = [{"jsonrpc": "2.0", "id": n, "method": method, "params": params}
                     for n, params in enumerate(params_list[i:i + BATCH])]
            for answer in post(self.port, json.dumps(calls)):
                self.check_answer(method, answer)
                if "error" in answer:
                    raise RpcError(answer["error"])
                out.append(answer["result"])
        return out

    def wallet(self, *words, code=0, text="", **more):
        """Runs the wallet with `text` on standard input; it must end with `code`, if there is one."""
        done = subprocess.run([str(self.bin / "millrace"), *map(str, words)], env=self.env, capture_output=True,
                              input=text.encode(), timeout=COMMAND_S, cwd=self.folder, **more)
        assert code is None or done.returncode == code, \
            f"millrace {' '.join(map(str, words))}: ended with {done.returncode}, not {code}\n" \
            f"{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}"
        return done

    def wallet_json(self, *words, code=0, text=""):
        """The wallet's one JSON value; where it fails, the data that the failure carries."""
        done = self.wallet("--json", "--yes", "--quiet", *words, code=code, text=text)
        return json.loads(done.stdout)

    def open_account(self, credits=1000):
        """An account with money, and a provider on the market; gives the account's address."""
        self.wallet("account", "new", "buyer")
        self.wallet("faucet", credits)
        self.wait_for_provider()
        return self.wallet_json("account", "show", "buyer")["address"]

    def wait_for_provider(self):
        wait_until("the provider is on the market",
                   lambda: b"of 1 lots" in self.wallet("market", "quote", code=None).stdout, READY_S)

    def balance(self, account):
        return int(self.rpc("state_account", account=account)["balance"])

    def final_blocks(self):
        """Hashes of all final blocks by their heights."""
        head = self.rpc("chain_head")["header"]["height"]
        blocks = self.rpc_all("chain_block", [{"height": h} for h in range(1, head + 1)])
        return {h: block["hash"] for h, block in enumerate(blocks, 1)}

    def ends_with(self, seconds=STOP_S):
        """Waits for the node to stop by itself; gives its exit code and what it has logged."""
        code = self.node.wait(timeout=seconds)
        return code, self.new_log()

    def genesis_money(self):
        """Supply and burnt less issued: what there was at the beginning, and must be at any time."""
        state = self.rpc("chain_state")["state"]
        return int(state["supply"]) + int(state["burnt"]) - int(state["issued"])

    def compile(self, name, source):
        """A C program as a module; gives its path."""
        path = self.folder / f"{name}.c"
        path.write_text(source)
        module = self.folder / f"{name}.wasm"
        subprocess.run([CLANG, "--target=wasm32-wasi", "-O1", "-Wall", "-Werror", "-o", module, path], check=True)
        return module


def skip(why):
    """Ends the test as skipped; ctest shows it so."""
    print(f"SKIPPED: {why}")
    sys.exit(77)
