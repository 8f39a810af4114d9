#!/usr/bin/env python3
"""The node's JSON-RPC under load, side by side with anvil's, each alone on the machine in turn.

usage: rpc_compare.py BIN_DIR [--anvil PROGRAM --ethers DIR] [--rounds N] [--transfers N]

Reads: `wrk -t1 -c64` on state_account, against eth_getBalance. Transfers: signed before, posted one HTTP call each over
64 connections (bench_post_lines), from the first call until the last is final, against eth_sendRawTransaction until it
is in a block; and ours in batches of 100. Needs wrk (Debian); anvil and ethers are npm's `@foundry-rs/anvil-linux-amd64` and `ethers`.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "functional"))
from support import Bench, free_port, post, wait_until  # noqa: E402

SENDERS = 500
BATCH = 100
READ_S = 5
FINAL_S = 120
CONNECTIONS = 64
LINES_S = 300
# It takes a second for a thousand.
ANVIL_TRANSFERS = 5_000
# Without a transaction mined: it has stopped, and goes on only when told to.
STALL_S = 0.5
EXPIRY_MS = 300_000


def wrk(port, body):
    """Requests a second."""
    out = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{READ_S}s", "-s", str(HERE / "post.lua"),
                          f"http://127.0.0.1:{port}/"],
                         env={**os.environ, "BODY": body}, check=True, capture_output=True, text=True,
                         timeout=READ_S + 60).stdout
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if errors:
        print(f"  {errors.group(0)}", file=sys.stderr)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def post_lines(bin_dir, port, file):
    """Posts each line once; all must be taken."""
    done = subprocess.run([str(pathlib.Path(bin_dir) / "bench_post_lines"), str(port), str(CONNECTIONS), file], check=True,
                          capture_output=True, text=True, timeout=LINES_S)
    count, _, errors = done.stdout.split()
    assert errors == "0", f"{errors} of {count} requests were refused"


def call(port, method, *params):
    answer = post(port, json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode(), 60)
    if "error" in answer:
        raise SystemExit(f"{method}: {answer['error']}")
    return answer["result"]


def our_reads(bench, address):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "state_account", "params": [address]})
    return wrk(bench.port, body)


def waiting(bench):
    return bench.rpc("node_status")["waiting_transactions"]


def our_transfers(bin_dir, count, batch):
    """Transfers a second from the first call until all are final."""
    with Bench(bin_dir, "--provider-cores", "1") as bench, tempfile.TemporaryDirectory() as folder:
        bench.start()
        chain = bench.rpc("chain_head")["header"]["chain"]
        faucets, transfers = folder + "/faucets", folder + "/transfers"
        subprocess.run([str(bench.bin / "bench_sign_transfers"), chain, str(int(time.time() * 1000) + EXPIRY_MS),
                        str(SENDERS), str(count // SENDERS), str(batch), faucets, transfers],
                       check=True, capture_output=True)
        post_lines(bin_dir, bench.port, faucets)
        wait_until("the senders have money", lambda: waiting(bench) == 0, FINAL_S)
        first = bench.rpc("chain_head")["header"]["height"]
        begin = time.monotonic()
        post_lines(bin_dir, bench.port, transfers)
        wait_until("all transfers are final", lambda: waiting(bench) == 0, FINAL_S)
        seconds = time.monotonic() - begin
        last = bench.rpc("chain_head")["header"]["height"]
        final = sum(len(bench.rpc("chain_block", height=h)["transactions"]) for h in range(first + 1, last + 1))
        assert final == count // SENDERS * SENDERS, f"{final} of {count} transfers are final"
        return final / seconds


class Anvil:
    """anvil as it comes mines each transaction by itself as it arrives; `--no-mining` mines full blocks when told to."""

    def __init__(self, program, *options):
        self.on_demand = "--no-mining" in options
        self.port = free_port()
        self.process = subprocess.Popen([program, "--port", str(self.port), "--silent", *options], stdout=subprocess.DEVNULL)

    def __enter__(self):
        def answers():
            try:
                return call(self.port, "eth_chainId")
            except OSError:
                return None
        wait_until("anvil answers", answers, 30)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def reads(self):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_getBalance",
                           "params": ["0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "latest"]})
        return wrk(self.port, body)

    def is_done(self, last):
        """Whether nothing waits; tells it to mine where that is up to us, or where it has stopped doing so by itself."""
        waiting, now = int(call(self.port, "txpool_status")["pending"], 16), time.monotonic()
        if waiting != last[0]:
            last[:] = [waiting, now]
        if waiting and (self.on_demand or now - last[1] > STALL_S):
            call(self.port, "evm_mine")
        return waiting == 0

    def transfers(self, bin_dir, ethers, count):
        with tempfile.NamedTemporaryFile() as lines:
            senders = subprocess.run(["node", str(HERE / "anvil_transfers.mjs"), ethers, str(SENDERS), str(count // SENDERS),
                                      lines.name], check=True, capture_output=True, text=True).stdout.split()
            for address in senders:
                call(self.port, "anvil_setBalance", address, hex(10 ** 24))
            begin = time.monotonic()
            post_lines(bin_dir, self.port, lines.name)
            last = [0, 0.0]
            wait_until("anvil's transfers are in blocks", lambda: self.is_done(last), FINAL_S)
            seconds = time.monotonic() - begin
            mined = sum(int(call(self.port, "eth_getTransactionCount", a, "latest"), 16) for a in senders)
            # Mining by itself it loses sight of one or two of thousands; they do not matter here.
            assert mined > 0.99 * count, f"{mined} of {count} transfers were mined"
            return mined / seconds


def show(name, ours, theirs=None):
    line = f"{name:<44} {statistics.median(ours):>10.0f} /s"
    if theirs:
        line += f"  anvil {statistics.median(theirs):>8.0f} /s  ratio {statistics.median(ours) / statistics.median(theirs):6.2f}"
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir")
    parser.add_argument("--anvil")
    parser.add_argument("--ethers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--transfers", type=int, default=0, help="0 (the default): reads only")
    args = parser.parse_args()
    reads, their_reads, singles, their_singles, their_blocks, batches = [], [], [], [], [], []
    for _ in range(args.rounds):
        with Bench(args.bin_dir, "--provider-cores", "1") as bench:
            bench.start()
            bench.wallet_json("account", "new")
            address = bench.wallet_json("account", "list")[0]["address"]
            reads.append(our_reads(bench, address))
        if args.anvil:
            with Anvil(args.anvil) as anvil:
                their_reads.append(anvil.reads())
        if not args.transfers:
            continue
        singles.append(our_transfers(args.bin_dir, args.transfers, 1))
        if args.anvil and args.ethers:
            with Anvil(args.anvil) as anvil:
                their_singles.append(anvil.transfers(args.bin_dir, args.ethers, min(args.transfers, ANVIL_TRANSFERS)))
            with Anvil(args.anvil, "--no-mining") as anvil:
                their_blocks.append(anvil.transfers(args.bin_dir, args.ethers, args.transfers))
        batches.append(our_transfers(args.bin_dir, args.transfers, BATCH))
    show("state_account (eth_getBalance), wrk -t1 -c64", reads, their_reads)
    if args.transfers:
        show("signed transfers, one call each, until final", singles, their_singles)
        if their_blocks:
            show("  the same, anvil mining full blocks on demand", singles, their_blocks)
        show(f"signed transfers, {BATCH} in a batch, until final", batches)


if __name__ == "__main__":
    main()
