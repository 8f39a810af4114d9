#!/usr/bin/env python3
"""A wall clock that is set under a node, while it runs and between two starts: it goes on, waits or stops as documented.

usage: clock_jumps.py BIN_DIR SHIFTED_CLOCK_LIBRARY

After each case the clock is right again, every block that was final is there, and a job is paid. While the chain waits
for the clock the node answers, says for how long, and rests.
"""
import os
import pathlib
import re
import subprocess
import sys
import time

from support import Bench, get, wait_until

HOUR, YEAR = 3600, 365 * 86400
STOP_S = 10
TOLD_S = 30
FAULT = 6
DATA_FOLDER = 2
REST_S = 3
# A spinning thread takes all of it.
REST_CPU_S = 1.5

PROGRAM = r"""
#include <stdio.h>
int main(void) {
    FILE* out = fopen("/x.txt", "w");
    fputs("done\n", out);
    return fclose(out);
}
"""


class ClockBench(Bench):
    """A bench whose node reads a wall clock that `shift` sets."""

    def __init__(self, bin_dir, library):
        super().__init__(bin_dir)
        self.file = self.folder / "shift"
        self.node_env = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self.file)}

    def shift(self, seconds):
        fresh = self.file.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.rename(self.file)

    def height(self):
        return self.rpc("chain_head")["header"]["height"]

    def goes_on(self, blocks=2):
        before = self.height()
        wait_until("blocks come", lambda: self.height() >= before + blocks, TOLD_S)

    def is_told(self, pattern):
        wait_until(f"the log says: {pattern}", lambda: re.search(pattern, self.log_text()[self.log_seen:]), TOLD_S)

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.node.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metric(self, name):
        for line in get(self.port, "/metrics")[1].decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise AssertionError(f"no metric {name}")


def prepare(bench):
    bench.open_account()
    bench.module = str(bench.compile("small", PROGRAM))
    bench.wallet("module", "publish", bench.module, "--days", 7, "--yes")


def all_is_well(bench, before):
    after = bench.final_blocks()
    assert all(after.get(h) == block for h, block in before.items()), "a final block is gone"
    done = bench.wallet_json("job", "run", bench.module, "--gas", "100M")
    assert bench.rpc("job_get", job=done["posted"]["job"])["tasks_settled"] == 1, done


def waits(bench):
    """The chain waits for the clock, and the node does not spin, nor say that it is ready."""
    bench.is_told("ahead of this machine's clock")
    wait_until("the node is not ready", lambda: get(bench.port, "/ready")[0] == 503, TOLD_S)
    height, cpu = bench.height(), bench.cpu_s()
    time.sleep(REST_S)
    assert bench.height() == height, "a block came before its parent's time"
    used = bench.cpu_s() - cpu
    assert used < REST_CPU_S, f"{used} s of processor in {REST_S} s of waiting"
    assert bench.metric("millrace_chain_clock_behind_seconds") > 0


def hour_forward_and_back(bench):
    before = bench.final_blocks()
    bench.new_log()
    bench.shift(HOUR)
    # The two clocks are not read at one instant, on a busy machine not even within the same second.
    bench.is_told(r"clock went forward by (1 h 0 min|59 min 5\d s)")
    bench.goes_on()
    all_is_well(bench, before)
    before = bench.final_blocks()
    bench.new_log()
    bench.shift(0)
    waits(bench)
    # What is sent meanwhile waits, and does not expire.
    post = subprocess.Popen([str(bench.bin / "millrace"), "--yes", "job", "post", bench.module, "--gas", "100M",
                             "--max-price", "0.02"], env=bench.env, stdout=bench.log, stderr=bench.log)
    wait_until("the job's transaction waits", lambda: bench.metric("millrace_mempool_transactions") > 0, TOLD_S)
    bench.shift(HOUR)
    bench.goes_on()
    assert post.wait(timeout=30) == 0
    all_is_well(bench, before)


def few_seconds_back(bench):
    """The wait ends by itself when the time has come."""
    before = bench.final_blocks()
    bench.new_log()
    bench.shift(HOUR - 12)
    bench.is_told("ahead of this machine's clock")
    height = bench.height()
    wait_until("the chain goes on by itself", lambda: bench.height() > height, 60)
    bench.is_told("the chain goes on")
    all_is_well(bench, before)


def year_forward(bench):
    before = bench.final_blocks()
    bench.new_log()
    bench.shift(YEAR)
    code, log = bench.ends_with(STOP_S)
    assert code == FAULT and "clock went forward by 364 d" in log and "Set the clock right" in log, (code, log)
    bench.launch()
    code, log = bench.ends_with(STOP_S)
    assert code == FAULT and "--accept-clock-gap" in log, (code, log)
    bench.shift(HOUR)
    bench.start()
    all_is_well(bench, before)


def between_starts(bench):
    before = bench.final_blocks()
    bench.stop()
    bench.shift(2 * HOUR)
    bench.start()
    bench.goes_on()
    all_is_well(bench, before)
    before = bench.final_blocks()
    for back in (60, HOUR):
        bench.stop()
        bench.new_log()
        bench.shift(2 * HOUR - back)
        bench.launch()
        wait_until("the node answers", lambda: answers(bench), TOLD_S)
        waits(bench)
        bench.shift(2 * HOUR)
        wait_until("the node is ready", bench.is_ready, TOLD_S)
        all_is_well(bench, before)
        before = bench.final_blocks()


def answers(bench):
    try:
        return get(bench.port, "/health")[0] == 200
    except OSError:
        return False


def first_start_without_a_battery(bench):
    bench.shift(-int(time.time()) + 1000)
    bench.launch()
    code, log = bench.ends_with(STOP_S)
    assert code == DATA_FOLDER and "clock is before the year 2026" in log, (code, log)
    bench.shift(0)


def main():
    bin_dir, library = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    with ClockBench(bin_dir, library) as bench:
        first_start_without_a_battery(bench)
        bench.start()
        prepare(bench)
        for case in (hour_forward_and_back, few_seconds_back, year_forward, between_starts):
            case(bench)
            print(case.__name__.replace("_", " "), flush=True)
        bench.stop()


if __name__ == "__main__":
    main()
