#!/usr/bin/env python3
"""Everything at once on one node, with its memory and descriptors watched: payments, jobs, blobs sent, fetched and
evicted, subscriptions that come and go, requests of every wrong kind, clients that leave in the middle.

usage: load.py BIN_DIR SECONDS

What is asserted are bounds, not speed: the descriptors are back where they were when the load has ended; after the
first third, in which caches fill, the resident memory grows by less than GROWTH_MAX_MIB; it never is above
RSS_MAX_MIB. Nothing fails meanwhile, and the money adds up.
"""
import collections
import http.client
import json
import os
import pathlib
import random
import socket
import sys
import threading
import time

from support import Bench, RpcError, get, post, wait_until, workers_of
from transfers import Account
from websocket import TEXT, Closed, WebSocket

SAMPLE_S = 0.5
RSS_MAX_MIB = 512
GROWTH_MAX_MIB = 32
QUOTA = 24 << 20
BLOB = 1 << 20
END_S = 90
# The ledger's database opens and closes its tables as it likes, up to this many.
LEDGER_FILES_MAX = 256 + 16
GONE = (OSError, http.client.HTTPException, Closed)

PROGRAM = r"""
#include <stdio.h>
#include <unistd.h>
int main(void) {
    unsigned char bytes[64];
    if (getentropy(bytes, sizeof bytes) != 0) return 1;
    unsigned x = bytes[0];
    for (unsigned i = 0; i < 2000000u; ++i) x = x * 1664525u + 1013904223u;
    FILE* out = fopen("/x.txt", "w");
    fprintf(out, "%u\n", x);
    fwrite(bytes, 1, sizeof bytes, out);
    return fclose(out);
}
"""

WRONG = [
    b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 5000, b'{"jsonrpc":"2.0","id":1,"method":"no_such"}',
    b'{"jsonrpc":"2.0","id":1,"method":"state_account","params":{"account":"x"}}',
    b'{"jsonrpc":"2.0","id":1,"method":"tx_send","params":{"tx":"00"}}',
    b'{"jsonrpc":"2.0","id":' + b"9" * 300 + b',"method":"chain_head"}',
    b'{"jsonrpc":"2.0","id":1,"method":"blob_announce","params":{"length":1,"chunks":[]}}',
    b'{"jsonrpc":"2.0","id":1,"method":"node_stop"}',
]


class Loop(threading.Thread):
    """Does its turn again and again until it is told to end; an exception is a finding."""

    def __init__(self, bench, turn, pause_s):
        super().__init__(daemon=True, name=turn.__name__)
        self.bench, self.turn, self.pause_s = bench, turn, pause_s
        self.turns, self.trouble, self.is_over = 0, None, threading.Event()

    def run(self):
        rng = random.Random(self.name)
        while not self.is_over.wait(self.pause_s):
            try:
                self.turn(self.bench, rng)
                self.turns += 1
            except Exception as trouble:  # told by the main thread
                self.trouble = trouble
                return

    def end(self):
        self.is_over.set()
        self.join(timeout=60)
        assert not self.is_alive(), f"{self.name} hangs"


def payments(bench, _):
    """A burst from one account; what is waiting from the last one is awaited first."""
    sequence = bench.rpc("tx_nonce", account=bench.payer.text(), lane=0)["sequence"]
    for i in range(16):
        to = bytes.fromhex(f"{random.randrange(1, 10**9):040x}")
        try:
            bench.rpc("tx_send", tx=bench.payer.transfer(sequence + i, to, 10**7))
        except RpcError as error:
            assert (error.data or {}).get("refusal") in ("sender_full", "nonce_too_low"), error
            return


def wrong_payments(bench, rng):
    """Refused in many ways: no money, a nonce of the past, one far ahead that waits for ever, no signature."""
    nobody = Account(bench.chain)
    to = bytes(20)
    good = bench.second.transfer(0, to, 10**7)
    for tx, refused in ((nobody.transfer(0, to, 1), True), (bench.payer.transfer(0, to, 1), True),
                        (good[:-2] + f"{int(good[-2:], 16) ^ 1:02x}", True),
                        (bench.second.transfer(1_000_000 + rng.randrange(10**6), to, 1), False)):
        try:
            bench.rpc("tx_send", tx=tx)
            assert not refused, "taken"
        except RpcError as error:
            assert refused or (error.data or {}).get("refusal") in ("sender_full", "tip_too_low"), error
    for method, params in (("tx_status", {"hash": os.urandom(32).hex()}), ("job_list", {"buyer": nobody.text()})):
        bench.rpc(method, **params)


def blobs(bench, rng):
    """New bytes above the quota in the long run, so that old ones go; some uploads break off; old ones are fetched."""
    body = os.urandom(rng.choice((100, BLOB // 2, 2 * BLOB + 17)))
    connection = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=20)
    try:
        connection.request("PUT", "/blob", body)
        response = connection.getresponse()
        answer = response.read()
        assert response.status == 200, (response.status, answer)
        bench.stored.append(json.loads(answer)["id"])
    finally:
        connection.close()
    with socket.create_connection(("127.0.0.1", bench.port), timeout=10) as broken:
        broken.sendall(b"PUT /blob HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\n" + b"x" * 1000)
    one = rng.choice(bench.stored)
    if rng.random() < 0.3:
        with socket.create_connection(("127.0.0.1", bench.port), timeout=10) as broken:
            broken.sendall(f"GET /blob/{one} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            broken.recv(100)
        return
    status, got = get(bench.port, f"/blob/{one}", timeout=20)
    assert status in (200, 404), status
    bench.fetched += len(got)


def announced(bench, _):
    """Blobs that are announced and never sent: each takes a place that it must give back."""
    bench.rpc("blob_announce", length=BLOB, chunks=[os.urandom(32).hex()])


def subscriptions(bench, rng):
    """A few subscriptions that hear something, ended in each way that there is."""
    with WebSocket(bench.port, timeout=20) as ws:
        ws.subscribe("heads")
        account = ws.subscribe("account", id=bench.payer.text(), **{"from": {"height": 0, "index": 0}})
        for _ in range(rng.randrange(1, 40)):
            ws.subscribe("tx", id=os.urandom(32).hex())
        for _ in range(5):
            ws.notification()
        how = rng.randrange(3)
        if how == 0:
            ws.call("node_unsubscribe", subscription=account)
        elif how == 1:
            ws.send_frame(TEXT, b"[" * 3000)
    # The socket closes without a word.


def wrong_requests(bench, rng):
    for body in rng.sample(WRONG, 4):
        try:
            post(bench.port, body)
        except (ValueError, *GONE):
            pass
    for head in (b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01", b"POST / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
                 b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", b"GET /x"):
        with socket.create_connection(("127.0.0.1", bench.port), timeout=10) as one:
            one.sendall(head)


def readers(bench, rng):
    """What explorers and wallets ask."""
    head = bench.rpc("chain_head")["header"]["height"]
    bench.rpc_all("chain_block", [{"height": rng.randrange(head + 1)} for _ in range(5)])
    bench.rpc("state_account", account=bench.payer.text())
    bench.rpc("account_history", account=bench.payer.text(), **{"from": {"height": 0, "index": 0}, "limit": 50})
    bench.rpc("market_book")
    bench.rpc("node_status")
    get(bench.port, "/metrics")


def jobs(bench, rng):
    """A wallet posts a job and watches it; sometimes it is killed in the middle."""
    import subprocess
    child = subprocess.Popen([str(bench.bin / "millrace"), "--yes", "--json", "--quiet", "job", "run", bench.module,
                              "--gas", "100M", "--tasks", str(rng.randrange(1, 4))], env=bench.env,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    if rng.random() < 0.3:
        try:
            child.wait(timeout=rng.uniform(0.1, 2))
        except subprocess.TimeoutExpired:
            child.kill()
        child.communicate()
        return
    trouble = child.communicate(timeout=120)[1]
    assert child.returncode == 0, trouble.decode(errors="replace")


LOOPS = ((payments, 0.1), (wrong_payments, 0.3), (blobs, 0.1), (announced, 0.5), (subscriptions, 0.1),
         (wrong_requests, 0.1), (readers, 0.1), (jobs, 0.2))


def rss_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def descriptors(pid):
    """Open descriptors by what they are, without the numbers in their names."""
    kinds = collections.Counter()
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(link)
        except OSError:
            continue
        kinds[target.split(":")[0] if ":" in target else pathlib.Path(target).parent.name] += 1
    return kinds


def watch(bench, loops, seconds):
    """Samples of the resident memory, one after the other."""
    samples = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(SAMPLE_S)
        assert bench.node.poll() is None, f"the node ended with {bench.node.returncode}"
        for loop in loops:
            if loop.trouble:
                raise loop.trouble
        samples.append(rss_mib(bench.node.pid))
    return samples


def check_memory(samples):
    third = len(samples) // 3
    # Peaks come and go: what stays is what the quiet moments have.
    early, late = sorted(samples[third:2 * third])[third // 4], sorted(samples[-third:])[third // 4]
    assert max(samples) < RSS_MAX_MIB, f"{max(samples):.0f} MiB"
    assert late - early < GROWTH_MAX_MIB, f"grew from {early:.0f} to {late:.0f} MiB: {[round(s) for s in samples]}"
    return early, late


def check_descriptors(bench, before):
    def is_back():
        now = descriptors(bench.node.pid)
        return now["ledger"] <= LEDGER_FILES_MAX and all(
            count <= before[kind] for kind, count in now.items() if kind != "ledger")
    try:
        wait_until("the descriptors are closed", is_back, END_S)
    except AssertionError as trouble:
        raise AssertionError(f"{trouble}: {descriptors(bench.node.pid) - before} more than {before}") from trouble


def prepare(bench):
    bench.buyer = bench.open_account()
    bench.chain = bench.rpc("node_status")["chain"]
    bench.payer, bench.second = Account(bench.chain), Account(bench.chain)
    for account in (bench.payer, bench.second):
        bench.wallet("send", account.text(), 300, "--yes")
    bench.module = str(bench.compile("work", PROGRAM))
    bench.wallet("module", "publish", bench.module, "--days", 7, "--yes")
    bench.stored, bench.fetched = [], 0


def all_jobs_end(bench):
    def ended():
        views = bench.rpc("job_list", buyer=bench.buyer, limit=1000)
        return views if all(v["tasks_settled"] == v["spec"]["tasks"] for v in views) else None
    views = wait_until("all jobs are paid", ended, END_S)
    wait_until("no worker is left", lambda: not workers_of(bench.node.pid), END_S)
    return len(views)


def main():
    seconds = float(sys.argv[2])
    with Bench(pathlib.Path(sys.argv[1]), "--blob-quota-bytes", str(QUOTA), "--rpc-idle-timeout-ms", "30000") as bench:
        bench.start()
        genesis = bench.genesis_money()
        prepare(bench)
        before = descriptors(bench.node.pid)
        loops = [Loop(bench, turn, pause_s) for turn, pause_s in LOOPS]
        for loop in loops:
            loop.start()
        samples = watch(bench, loops, seconds)
        print(f"resident MiB, ten times: {[round(s) for s in samples[::max(1, len(samples) // 10)]]}", flush=True)
        for loop in loops:
            loop.end()
        for loop in loops:
            if loop.trouble:
                raise loop.trouble
        count = all_jobs_end(bench)
        check_descriptors(bench, before)
        early, late = check_memory(samples)
        assert bench.genesis_money() == genesis
        assert all(loop.turns > 0 for loop in loops), {loop.name: loop.turns for loop in loops}
        print(f"{seconds:.0f} s: " + ", ".join(f"{loop.turns} {loop.name}" for loop in loops) + f"; {count} jobs paid; "
              f"resident {early:.0f} MiB after a third, {late:.0f} at the end, at most {max(samples):.0f}; "
              f"descriptors {sum(before.values())} before, {sum(descriptors(bench.node.pid).values())} after")
        bench.stop()


if __name__ == "__main__":
    main()
