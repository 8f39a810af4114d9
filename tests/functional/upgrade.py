#!/usr/bin/env python3
"""Upgrades with live leases: a node is stopped with SIGTERM while it computes and started again, several times in one
job, as a new program version would be. Each lease goes on where it was and is paid; none is lost or sold again.
With `ended` after it, a lease ends while its task hangs (a minute and more, the time that a lease has): the work stops
at once. Nobody else is there to do it: whoever failed a job gets no more of it.

usage: upgrade.py BIN_DIR [ended]
"""
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

from support import BUSY_PROGRAM, Bench, is_alive, wait_until, workers_of

TASKS = 6
RESTARTS = 4
PAID_S = 120
# Between the end of a lease's time and the end of its worker: a block a second, a pass of the loop, a look at the flag.
ENDED_S = 10

# A second or two on one core.
PROGRAM = BUSY_PROGRAM % 30_000_000


def tasks_of(bench, job):
    return bench.rpc("job_tasks", job=job, limit=TASKS)


def leases_of(bench, job):
    """All leases of a job's tasks, by id."""
    ids = {lease for task in tasks_of(bench, job) for lease in task["leases"]}
    return {i: bench.rpc("lease_get", lease=i)["lease"] for i in ids}


def is_paid(bench, job):
    return bench.rpc("job_get", job=job)["tasks_settled"]


def upgrade(bench, rng, job):
    """Stops the node while its workers run, and starts it from a file of settings that was checked before."""
    if is_paid(bench, job) == TASKS:
        return set(), 0
    wait_until("a task runs", lambda: workers_of(bench.node.pid) or is_paid(bench, job) == TASKS, PAID_S)
    time.sleep(rng.uniform(0, 0.5))
    workers = workers_of(bench.node.pid)
    live = {i for i, lease in leases_of(bench, job).items() if lease["state"] in ("matched", "started", "committed")}
    took = bench.stop()
    assert not any(map(is_alive, workers)), "a worker outlived its node"
    config = bench.folder / "node.conf"
    printed = subprocess.run(bench.command("--print-config"), env=bench.env, capture_output=True, check=True).stdout
    config.write_bytes(printed)
    bench.flags = ["--config", str(config)]
    subprocess.run(bench.command("--check-config"), env=bench.env, capture_output=True, check=True)
    bench.start()
    return live, took


def upgrades(bench, rng):
    job = bench.wallet_json("job", "post", bench.module, "--tasks", TASKS, "--gas", "4G", "--max-price", "0.02")["job"]
    met, longest = set(), 0
    for _ in range(RESTARTS):
        live, took = upgrade(bench, rng, job)
        met |= live
        longest = max(longest, took)
    wait_until("the job is paid", lambda: is_paid(bench, job) == TASKS, PAID_S)
    assert met, "no lease was live at any stop"
    leases = leases_of(bench, job)
    for task in tasks_of(bench, job):
        assert len(task["leases"]) == 1, f"sold again: {task}"
    for lease in met:
        assert leases[lease]["state"] == "settled" and int(leases[lease]["paid"]) > 0, leases[lease]
    print(f"{RESTARTS} upgrades, {len(met)} leases live at a stop, each paid; a stop took {longest:.1f} s at most")


def ended_lease(bench):
    """A worker that hangs until its lease is over is gone with the lease."""
    job = bench.wallet_json("job", "post", bench.module, "--gas", "4G", "--max-price", "0.02")["job"]
    (worker,) = wait_until("the task runs", lambda: workers_of(bench.node.pid), PAID_S)
    os.kill(worker, signal.SIGSTOP)
    (lease,) = leases_of(bench, job)
    try:
        wait_until("the lease ends", lambda: lease not in leases_of(bench, job), PAID_S)
        wait_until("its worker is gone", lambda: not is_alive(worker), ENDED_S)
    finally:
        if is_alive(worker):
            os.kill(worker, signal.SIGCONT)
    assert is_paid(bench, job) == 0
    print("a lease that ended took its worker with it")


def main():
    rng = random.Random(16)
    with Bench(pathlib.Path(sys.argv[1])) as bench:
        bench.start()
        genesis = bench.genesis_money()
        bench.open_account()
        bench.module = str(bench.compile("work", PROGRAM))
        bench.wallet("module", "publish", bench.module, "--days", 7, "--yes")
        upgrades(bench, rng)
        if sys.argv[2:] == ["ended"]:
            ended_lease(bench)
        assert bench.genesis_money() == genesis
        bench.stop()


if __name__ == "__main__":
    main()
