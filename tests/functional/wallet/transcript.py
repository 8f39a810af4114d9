#!/usr/bin/env python3
"""Commands of the wallet against a real `millraced --dev`, on good and bad input, held to a golden transcript.

usage: transcript.py BIN_DIR GOLDEN [--update]

Each line of COMMANDS runs with a fresh keystore and chain; what may differ from run to run (ids, addresses, heights,
times, paths) is masked, all else must be as in GOLDEN: wording, exit codes, amounts.
"""
import difflib
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

PASSPHRASE = "a good passphrase"
READY_S = 60
COMMAND_S = 120
# The first of the published BIP-39 vectors.
GOOD_WORDS = "abandon " * 11 + "about"


def leb(n):
    out = bytearray()
    while True:
        out.append(n & 127 | (128 if n > 127 else 0))
        n >>= 7
        if not n:
            return bytes(out)


def vector(items):
    return leb(len(items)) + b"".join(items)


def section(number, content):
    return bytes([number]) + leb(len(content)) + content


def name(text):
    return leb(len(text)) + text.encode()


def program():
    """Says hello on standard output; with an argument it ends with exit code 3."""
    i32 = b"\x7f"
    types = [b"\x60" + vector([i32] * 4) + vector([i32]), b"\x60" + vector([i32]) + vector([]),
             b"\x60" + vector([]) + vector([]), b"\x60" + vector([i32] * 2) + vector([i32])]
    wasi = name("wasi_snapshot_preview1")
    imports = [wasi + name("fd_write") + b"\x00\x00", wasi + name("proc_exit") + b"\x00\x01",
               wasi + name("args_sizes_get") + b"\x00\x03"]
    body = bytes([0x00,  # no locals
                  0x41, 1, 0x41, 0, 0x41, 1, 0x41, 24, 0x10, 0, 0x1A,  # fd_write(1, iov at 0, 1, 24)
                  0x41, 32, 0x41, 36, 0x10, 2, 0x1A,  # args_sizes_get(32, 36)
                  0x41, 32, 0x28, 2, 0, 0x41, 1, 0x4B, 0x04, 0x40, 0x41, 3, 0x10, 1, 0x0B,  # more than one: exit 3
                  0x0B])
    data = (8).to_bytes(4, "little") + (6).to_bytes(4, "little") + b"hello\n"
    return b"\0asm\1\0\0\0" + section(1, vector(types)) + section(2, vector(imports)) + section(3, vector([b"\x02"])) \
        + section(5, vector([b"\x00\x01"])) \
        + section(7, vector([name("memory") + b"\x02\x00", name("_start") + b"\x00\x03"])) \
        + section(10, vector([leb(len(body)) + body])) \
        + section(11, vector([b"\x00\x41\x00\x0b" + leb(len(data)) + data]))


COMMANDS = """
account list
account show
account new alice
account new alice
account new Alice
account list
account show
send tmill1qqqq 1 --yes
faucet 1000.000000001
faucet 1000
account show alice
send ADDRESS 0 --yes
send ADDRESS 12x --yes
send ADDRESS 2000 --yes
send ADDRESS 1
send ADDRESS 1.5 --yes --memo rent
send nobody 1 --yes
send ADDRESS 1 --yes --chain NONE
account show --chain zz
account list --chain zz
account history alice
account history alice --limit 1
account history --limit 0
account history nobody
account export ADDRESS
account export alice --out alice.csv
account export alice --out alice.csv
account export alice --out alice.csv --overwrite
account export alice --out none/alice.csv
WRONG send ADDRESS 1 --yes
DOWN chain status
check hello.wasm
check broken.wasm
check none.wasm
run hello.wasm
run hello.wasm -- x
run hello.wasm --gas 10
run hello.wasm --gas 10 --json
run hello.wasm --output in
run hello.wasm --gas-limit much
run none.wasm
module publish broken.wasm --yes
module publish hello.wasm --days 3 --yes
module publish hello.wasm --yes
job post hello.wasm
job post hello.wasm --tasks 0 --yes
job post hello.wasm --gas 1125900G --yes
job post hello.wasm --gas 61G --tasks-per-lot 2 --tasks 2 --yes
job post hello.wasm --env MILLRACE_X=1 --yes
job post hello.wasm --memory-mib 1000000 --yes
job post hello.wasm --max-total 0.01 --gas 10G --yes
job post hello.wasm --max-price 0 --yes
job post hello.wasm --replicas 3 --gas 1G
job post hello.wasm --spread 1 --tasks 3 --gas 1G
job run hello.wasm --gas 1G --yes --output in
job run hello.wasm --gas 1G --yes --output hello.wasm --overwrite
job run hello.wasm --input in --gas 1G --yes --quiet --output out
job run hello.wasm --gas 1G --yes --quiet --output out
job run hello.wasm --gas 100G --yes --quiet
job run hello.wasm --gas 1G --yes --quiet -- x
job show JOB
job fetch JOB --output out
job fetch JOB
job show 12
job show NONE
job cancel JOB --yes
job logs JOB
job logs JOB --task 7
job logs NONE
job verify JOB
job verify NONE
job watch JOB
job watch NONE
job explain JOB
job explain NONE
job explain 12
job history NONE
job history 12
job topup JOB 1 --yes
job topup NONE 1 --yes
job post hello.wasm --gas 1G --max-price 0.0001 --tasks-per-lot 1 --yes --quiet
job post hello.wasm --gas 30G --max-price 0.001 --yes --quiet
job list
job list --limit 1
job list --from nobody
job explain JOB
market explain JOB
market explain nobody
market explain NONE
job raise JOB --max-price 0.0001 --yes
job raise JOB --max-price x --yes
job raise JOB --max-price 0.0012
job fetch JOB --output none
job topup JOB 0.5
job topup JOB 0.5 --yes
job raise JOB --max-price 0.0011 --yes
job logs JOB
job cancel JOB
job cancel JOB --yes
job watch JOB --quiet
job show JOB
run hello.wasm --stdin in/a.txt --env A=1
run hello.wasm --stdin none.txt
run hello.wasm --env bad
market book
market book --limit 0
market prices
market quote --lots 0
market quote --lots 2 --gas 1G
market quote --memory-mib 1000000
market quote --replicas 3 --gas 1G
provider stake 10 --yes
provider show
provider show nobody
provider show alice
provider list
provider explain
market explain ADDRESS
provider register --stake 1000
provider register --stake 1 --step 0.005
provider register --stake 1 --step 0.005:1 --vrf-key 12
provider register --stake 1 --step 0.005:1 --keys-from http://127.0.0.1:1
provider keys
provider update
provider ask --step 0.004:1
chain block 999999999
chain block -1
chain block zz
rpc chain_tail
rpc chain_block height=x
rpc chain_block height
rpc chain_block {"height"
rpc job_get {"job":"12"}
rpc tx_nonce account=ADDRESS lane=16
tx show none.json
tx show in/a.txt
tx sign in/a.txt
tx send in/a.txt
account watch cold 12
account import bob < GOODWORDS
account import carl --number 1 < GOODWORDS
account import dora --key < 0101010101010101010101010101010101010101010101010101010101010101
account import bob < GOODWORDS
account import eva < abandon abandon
account import eva < abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon
account import eva < abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon zzzz
account import eva --key < 12
account import eva --key < 0000000000000000000000000000000000000000000000000000000000000000
account import eva
account list
account show bob
account show nobody
account show
account history
send ADDRESS 1 --yes
chain tx NONE
chain status -- x
nothing
job
job nothing
job post
account show bob --verify
account show bob --verify
account show bob --verify --json
account show nobody --verify
account history bob --verify
chain status --verify --chain 12
account show bob --verify --chain NONE
account show bob --verify --checkpoint NONE
--json
--json nothing
send --json
chain status --json -- x
""".strip().splitlines()

MASKS = [
    (r"  (?:[a-z]+ ){23}[a-z]+", "  <words>"),
    (r"\b[0-9a-f]{64}\b", "<id>"),
    (r"\bt?mill1[02-9ac-hj-np-z]{38}\b", "<address>"),
    (r"\b[0-9a-f]{12}\b", "<short id>"),
    (r"127\.0\.0\.1:\d+", "<node>"),
    (r"\b(block) \d+", r"\1 <n>"),
    (r", \d+(\.\d)? m?s$", ", <time>"),
    (r'"wall_ms":\d+', '"wall_ms":<time>'),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
    (r"^\d+ +<time>", "<n> <time>"),
    (r"^\d+,\d+,<time>", "<n>,<index>,<time>"),
    # Between a freeze and its clearing a cancellation takes effect a moment later.
    (r"; [\d.]+ credits came back(\. Tasks.*) \(1 (?:open|failed)\)", r"; <credits> came back\1 (1 <state>)"),
    (r"in clearing \d+,", "in clearing <n>,"),
    (r"for (?:3 d|2 d 23 h) more", "for <time> more"),
    (r"clearing \d+ is done, the next in .*", "clearing <n> is done, the next in <time>"),
    (r"(MiB, region \d+ +[\d.]+ +)\d+ +\d+ +\d+$", r"\1<sold> <offered> <n>"),
    (r"^\d+\.\d+ +(\d+ +\d+ +\d+ +active)", r"<stake> \1"),
]


class Bench:
    def __init__(self, bin_dir, folder):
        self.bin = bin_dir
        self.folder = folder
        (folder / "in").mkdir()
        (folder / "in" / "a.txt").write_text("input\n")
        (folder / "hello.wasm").write_bytes(program())
        (folder / "broken.wasm").write_bytes(program()[:-9])
        self.address = self.job = ""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = open(folder / "node.log", "w")
        self.node = subprocess.Popen([bin_dir / "millraced", "--dev", "--data-dir", folder / "data", "--rpc-port",
                                      str(self.port), "--provider-cores", "1", "--provider-memory-mib", "512"],
                                     stdout=self.log, stderr=self.log)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "MILLRACE_PASSPHRASE": PASSPHRASE,
                    "MILLRACE_NODE": f"http://127.0.0.1:{self.port}"}
        self.wait_until_ready()

    def wait_until_ready(self):
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            listed = subprocess.run([self.bin / "millrace", "market", "quote"], env=self.env, capture_output=True,
                                    text=True, cwd=self.folder)
            if "of 1 lots" in listed.stdout:
                return
            assert self.node.poll() is None, (self.folder / "node.log").read_text()
            time.sleep(0.1)
        raise SystemExit("the node's provider is not on the market: " + (self.folder / "node.log").read_text())

    def run(self, line):
        command, _, typed = line.partition(" < ")
        words = command.replace("ADDRESS", self.address).replace("JOB", self.job).replace("NONE", "0" * 64).split()
        env = dict(self.env)
        if words[0] == "WRONG":
            env["MILLRACE_PASSPHRASE"] = "another"
            words = words[1:]
        if words[0] == "DOWN":
            env["MILLRACE_NODE"] = "http://127.0.0.1:1"
            words = words[1:]
        done = subprocess.run([self.bin / "millrace", *words], env=env, capture_output=True, text=True,
                              cwd=self.folder, input=typed.replace("GOODWORDS", GOOD_WORDS), timeout=COMMAND_S)
        if found := re.search(r"tmill1\w+", done.stdout):
            self.address = found.group()
        if found := re.search(r"job fetch ([0-9a-f]{64})", done.stdout):
            self.job = found.group(1)
        return f"$ millrace {line}\n{done.stdout}{done.stderr}=> {done.returncode}\n"

    def stop(self):
        self.node.terminate()
        code = self.node.wait(timeout=30)
        self.log.close()
        assert code == 0, f"millraced ended with {code}: " + (self.folder / "node.log").read_text()


def mask(text, folder):
    text = text.replace(str(folder), "<dir>")
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


def main():
    bin_dir, golden = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="millrace_wallet_") as name_of_folder:
        bench = Bench(bin_dir, pathlib.Path(name_of_folder))
        try:
            text = "\n".join(mask(bench.run(line), bench.folder) for line in COMMANDS)
        finally:
            bench.stop()
    if "--update" in sys.argv[3:]:
        golden.write_text(text)
        print(f"wrote {golden}")
        return 0
    diff = list(difflib.unified_diff(golden.read_text().splitlines(), text.splitlines(), "golden", "now", lineterm=""))
    print("\n".join(diff) or f"{len(COMMANDS)} commands as in {golden.name}")
    return 1 if diff else 0


if __name__ == "__main__":
    sys.exit(main())
