#!/usr/bin/env python3
"""kill -9 at random moments, 50 times in a row on one folder, while payments and jobs come in.

After each start: every block that was ever seen as final is there with its hash, every job that was ever seen or whose
posting was final is there, and no worker of the killed node is left. In the end every job has ended in a paid result,
and the money adds up.

usage: restarts.py BIN_DIR [SEED]
"""
import http.client
import json
import pathlib
import random
import subprocess
import sys
import threading
import time

from support import BUSY_PROGRAM, Bench, RpcError, is_alive, wait_until, workers_of
from transfers import Account

ROUNDS = 50
ROUND_S = (0.2, 1.4)
# The first start is over within this; each of them begins with what the one before left.
NEW_ROUNDS, NEW_ROUND_S = 12, 0.2
END_S = 90
ORPHANS_S = 5
# A node that is gone cannot be asked; any other trouble of a request is a finding.
GONE = (OSError, http.client.HTTPException)

UNREACHABLE = 3
PAYMENTS_AT_ONCE = 8
PAYMENTS_PAUSE_S = 0.15
PAYMENT = 10**7

# Long enough that kills meet it running.
PROGRAM = BUSY_PROGRAM % 20_000_000


class Memory:
    """What was ever told as final: blocks by height, jobs by id, transactions with their block."""

    def __init__(self):
        self.blocks, self.jobs, self.sent, self.wrong = {}, set(), {}, []


class Loop(threading.Thread):
    """Does one thing again and again, whether a node is there or not."""

    def __init__(self, bench, memory):
        super().__init__(daemon=True)
        self.bench, self.memory, self.is_over = bench, memory, threading.Event()

    def run(self):
        while not self.is_over.is_set():
            try:
                self.turn()
            except Exception as trouble:  # told by the main thread, which must not wait in vain
                self.memory.wrong.append(f"{type(self).__name__}: {trouble!r}")
                return

    def end(self):
        self.is_over.set()
        self.join()


class Watcher(Loop):
    """Notes each final block and each job as the node tells of it."""

    def __init__(self, bench, memory, buyer):
        super().__init__(bench, memory)
        self.buyer = buyer

    def turn(self):
        time.sleep(0.03)
        try:
            head = self.bench.rpc("chain_head")
            jobs = self.bench.rpc("job_list", buyer=self.buyer, skip=len(self.memory.jobs))
        except GONE:
            return
        height, now = head["header"]["height"], head["hash"]
        if self.memory.blocks.setdefault(height, now) != now:
            self.memory.wrong.append(f"block {height} was {self.memory.blocks[height]}, is {now}")
        self.memory.jobs.update(job["id"] for job in jobs)


class Load(Loop):
    """Runs one command of the wallet after the other; a kill in its middle may fail it."""

    def __init__(self, bench, memory, *command):
        super().__init__(bench, memory)
        self.command = command

    def turn(self):
        node = self.bench.node
        child = subprocess.Popen([str(self.bench.bin / "millrace"), "--yes", "--json", "--quiet", *self.command],
                                 env=self.bench.env, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        # What waits for a transaction that went down with its node waits in vain.
        while child.poll() is None and (self.bench.node is node or node.poll() is None):
            time.sleep(0.02)
        if child.poll() is None:
            child.kill()
        answer = child.communicate()[0]
        if child.returncode == 0:
            done = json.loads(answer)
            self.memory.sent[done["transaction"]] = done["block"]
        elif child.returncode == UNREACHABLE:
            time.sleep(0.05)  # between a kill and the next start
        elif self.bench.node is node and node.poll() is None and not self.is_over.is_set():
            raise AssertionError(f"{' '.join(self.command)}: {child.returncode} {answer}")


class Payments(Loop):
    """Signed transfers in small bursts, from one account to addresses that are each used once."""

    def __init__(self, bench, memory, account):
        super().__init__(bench, memory)
        self.account, self.sequence, self.waiting = account, 0, set()

    def turn(self):
        try:
            self.note_final()
            # What was waiting may have gone down with the node: the nonce says what is needed next.
            self.sequence = self.bench.rpc("tx_nonce", account=self.account.text(), lane=0)["sequence"]
            for _ in range(PAYMENTS_AT_ONCE):
                to = bytes.fromhex(f"{self.sequence + 1:040x}")
                answer = self.bench.rpc("tx_send", tx=self.account.transfer(self.sequence, to, PAYMENT))
                self.waiting.add(answer["hash"])
                self.sequence += 1
            time.sleep(PAYMENTS_PAUSE_S)
        except GONE:
            time.sleep(0.05)
        except RpcError as error:
            # The nonce was read before the kill and used after it.
            if (error.data or {}).get("refusal") not in ("nonce_too_high", "nonce_too_low"):
                raise

    def note_final(self):
        waiting = list(self.waiting)
        for tx, status in zip(waiting, self.bench.rpc_all("tx_status", [{"hash": tx} for tx in waiting])):
            if status["state"] == "final":
                assert status["receipt"]["refusal"] == "none", status
                self.memory.sent[tx] = status["height"]
            if status["state"] != "waiting":
                self.waiting.discard(tx)


def check_kept(bench, memory):
    """Blocks, jobs and transactions of all earlier rounds, from the node as it is now."""
    head = bench.rpc("chain_head")["header"]["height"]
    newest = max(memory.blocks, default=0)
    assert head >= newest, f"the chain ends at {head}, block {newest} was final"
    blocks, jobs, sent = dict(memory.blocks), sorted(memory.jobs), dict(memory.sent)
    # The whole of a block comes with each: what is read must be sound as well.
    for height, block in zip(blocks, bench.rpc_all("chain_block", [{"height": h} for h in blocks])):
        assert block["hash"] == blocks[height], f"block {height} was {blocks[height]}, is {block['hash']}"
    assert [v["id"] for v in bench.rpc_all("job_get", [{"job": job} for job in jobs])] == jobs
    for tx, status in zip(sent, bench.rpc_all("tx_status", [{"hash": tx} for tx in sent])):
        assert status["state"] == "final" and status["height"] == sent[tx], f"{status}, was in block {sent[tx]}"


def one_round(bench, rng, memory):
    bench.start()
    check_kept(bench, memory)
    time.sleep(rng.uniform(*ROUND_S))
    workers = workers_of(bench.node.pid)
    bench.kill()
    assert not memory.wrong, memory.wrong
    wait_until("the killed node's workers are gone", lambda: not any(map(is_alive, workers)), ORPHANS_S)
    return len(workers)


def end_all(bench, genesis, memory, buyer):
    """Nothing new comes in: all that was accepted must end."""
    check_kept(bench, memory)

    def all_ended():
        views = bench.rpc("job_list", buyer=buyer, limit=1000)
        return all(v["tasks_settled"] + v["tasks_failed"] == v["spec"]["tasks"] for v in views) and views

    views = wait_until("all jobs end", all_ended, END_S)
    assert {v["id"] for v in views} >= memory.jobs, "a job that was there is gone"
    for view in views:
        assert view["tasks_settled"] == view["spec"]["tasks"], f"a job failed: {json.dumps(view)}"
    assert bench.genesis_money() == genesis, f"{bench.genesis_money()} of {genesis} nano-credits are there"
    bench.stop()
    return len(views)


def kill_while_new(bench, rng):
    """A folder that is killed while it is being made must still become a node's."""
    for _ in range(NEW_ROUNDS):
        bench.launch()
        time.sleep(rng.uniform(0, NEW_ROUND_S))
        bench.kill()


def prepare(bench):
    """Accounts with money and a published module; gives what the load runs on."""
    buyer = bench.open_account()
    payer = Account(bench.rpc("node_status")["chain"])
    bench.wallet("send", payer.text(), 500, "--yes")
    module = bench.compile("work", PROGRAM)
    bench.wallet("module", "publish", module, "--days", 7, "--yes")
    return buyer, payer, str(module)


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f"seed {seed}", flush=True)
    rng = random.Random(seed)
    memory = Memory()
    with Bench(pathlib.Path(sys.argv[1])) as bench:
        kill_while_new(bench, rng)
        bench.start()
        genesis = bench.genesis_money()
        buyer, payer, module = prepare(bench)
        bench.kill()
        # With a price of its own a job waits on the market while all are busy.
        loops = [Watcher(bench, memory, buyer),
                 Load(bench, memory, "job", "post", module, "--gas", "2G", "--max-price", "0.01"),
                 Payments(bench, memory, payer)]
        for loop in loops:
            loop.start()
        workers = sum(one_round(bench, rng, memory) for _ in range(ROUNDS))
        bench.start()
        for loop in loops:
            loop.end()
        assert not memory.wrong, memory.wrong
        jobs = end_all(bench, genesis, memory, buyer)
        assert memory.blocks and memory.sent and jobs, "there was no load"
        print(f"{ROUNDS} kills, {workers} workers met; {len(memory.blocks)} blocks seen, {jobs} jobs ended, "
              f"{len(memory.sent)} transactions kept")


if __name__ == "__main__":
    main()
