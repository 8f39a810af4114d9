#!/usr/bin/env python3
"""From `millrace job run` of a tiny job to its final payment on a --dev chain: wall time, and the share of each phase.

usage: job_phases.py BIN_DIR [RUNS]

Medians of RUNS runs (5), each with a module of its own, so that publishing is part of it. Times are of the blocks that
made a step final, and of the first answer of the node that shows it.
"""
import json
import pathlib
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "functional"))
from support import Bench  # noqa: E402

PROGRAM = "#include <stdio.h>\nint main(void) {{ printf(\"tiny %d\\n\", {number}); return 0; }}\n"
POLL_S = 0.004
WINDOW = "window"
PHASES = ["open, publish", "upload, post", "until leased", "start", "run, commit", "reveal", WINDOW, "settle", "wallet"]


class Observer(threading.Thread):
    """When the job that comes next was first seen leased, and settled."""

    def __init__(self, bench, buyer):
        super().__init__()
        self.bench, self.buyer = bench, buyer
        self.skip = len(bench.rpc("job_list", buyer=buyer, limit=1000))
        self.seen, self.is_over = {}, threading.Event()

    def run(self):
        while not self.is_over.wait(POLL_S):
            jobs = self.bench.rpc("job_list", buyer=self.buyer, skip=self.skip)
            now = time.time() * 1000
            for state in ("leased", "settled"):
                if jobs and (jobs[0]["tasks_" + state] or jobs[0]["tasks_settled"]):
                    self.seen.setdefault(state, now)


def final_times(bench, from_height):
    """Wall time of the block of each kind of transaction since a height."""
    out = {}
    head = bench.rpc("chain_head")["header"]["height"]
    for height in range(from_height + 1, head + 1):
        block = bench.rpc("chain_block", height=height)
        for tx in block["transactions"]:
            out[tx["tx"]["body"]["type"]] = block["header"]["time"]
    return out


def one_run(bench, buyer, number):
    module = bench.compile(f"tiny{number}", PROGRAM.format(number=number))
    height = bench.rpc("chain_head")["header"]["height"]
    observer = Observer(bench, buyer)
    observer.start()
    begin = time.time() * 1000
    bench.wallet_json("job", "run", module, "--gas", "100M")
    end = time.time() * 1000
    observer.is_over.set()
    observer.join()
    at = final_times(bench, height)
    job = bench.rpc("job_list", buyer=buyer, skip=observer.skip)[0]
    revealed, settled = at["lease_reveal"], observer.seen["settled"]
    window = min(job["spec"]["window_ms"], settled - revealed)
    marks = [at["module_publish"], at["job_post"], observer.seen["leased"], at["lease_start"], at["lease_commit"],
             revealed, revealed + window, settled, end]
    return [after - before for before, after in zip([begin, *marks], marks)], end - begin


def main():
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with Bench(pathlib.Path(sys.argv[1])) as bench:
        bench.start()
        buyer = bench.open_account()
        measured = [one_run(bench, buyer, i) for i in range(runs)]
        bench.stop()
    total = statistics.median(whole for _, whole in measured)
    rows = [{"name": f"node/job/phase:{name}", "ms": round(statistics.median(m[0][i] for m in measured))}
            for i, name in enumerate(PHASES)]
    for row in rows:
        print(f"{row['name']:32} {row['ms']:6} ms {100 * row['ms'] / total:5.1f} %")
    print(f"{'node/job/whole':32} {round(total):6} ms")
    print(json.dumps({"runs": runs, "whole_ms": round(total), "phases": rows}))


if __name__ == "__main__":
    main()
