#!/usr/bin/env python3
"""Compares the metered interpreter with Debian's wasm-interp (wabt) on the kernels beside this file.

usage: compare.py PATH/TO/bench_run_kernel [REPEATS]
Needs clang-19 with lld-19 (wasm32) and wabt. Prints, for each kernel, the median processor time of both and their ratio;
each kernel's result must be the same in both. What wasm-interp takes to start is counted off. Then the time of the state
root of a run with 64 MiB of live memory. Exit status 1 when a result differs, a ratio is below 8, or that root takes above 150 ms.
"""
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WANTED = 8.0
ROOT_MS_MAX = 150

EMPTY = """
#include "kernel.h"
static unsigned kernel(void) { return 1; }
"""
# Every page of it differs from every other.
LIVE = """
#include "kernel.h"
static uint32_t live[16 << 20];
static unsigned kernel(void) {
    for (uint32_t i = 0; i < sizeof live / sizeof live[0]; ++i) live[i] = i * 2654435761u;
    return live[12345];
}
"""


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(command):
    before = processor_seconds()
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return processor_seconds() - before, done.stdout


def build(source, folder):
    module = folder / (source.stem + ".wasm")
    subprocess.run(["clang-19", "--target=wasm32", "-nostdlib", "-fno-builtin", "-O2", "-Wl,--no-entry",
                    "-Wl,-z,stack-size=65536", "-I", str(HERE / "kernels"), str(source), "-o", str(module)], check=True)
    return module


def build_text(text, name, folder):
    source = folder / f"{name}.c"
    source.write_text(text)
    return build(source, folder)


def start_of_theirs(folder, repeats):
    """What their program takes for a module that does nothing."""
    module = build_text(EMPTY, "empty", folder)
    return statistics.median(run(["wasm-interp", "--run-all-exports", str(module)])[0] for _ in range(repeats))


def root_ms(runner, folder, repeats):
    _, text = run([runner, str(build_text(LIVE, "live", folder)), str(repeats)])
    return statistics.median(float(seconds) for seconds in re.findall(r"root_s (\S+)", text)) * 1e3


def main():
    runner = sys.argv[1]
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    bad = False
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        start = start_of_theirs(folder, repeats)
        for source in sorted((HERE / "kernels").glob("*.c")):
            module = build(source, folder)
            theirs, ours = [], []
            for _ in range(repeats):
                seconds, text = run(["wasm-interp", "--run-all-exports", str(module)])
                theirs.append(seconds - start)
                expected = int(re.search(r"result\(\) => i32:(\d+)", text).group(1))
                _, text = run([runner, str(module), "1"])
                ours.append(float(re.search(r"run_s (\S+)", text).group(1)))
                result = int(re.search(r"result (\d+)", text).group(1))
                if result != expected:
                    print(f"{source.stem}: {result} here, {expected} there")
                    bad = True
            ratio = statistics.median(theirs) / statistics.median(ours)
            ratios.append(ratio)
            bad |= ratio < WANTED
            print(f"vm/interpreter/{source.stem:12} wabt {statistics.median(theirs) * 1e3:8.1f} ms   "
                  f"millrace {statistics.median(ours) * 1e3:8.1f} ms   {ratio:5.1f} times")
        root = root_ms(runner, folder, repeats)
        print(f"state root of 64 MiB of live memory after a run: {root:.0f} ms (at most {ROOT_MS_MAX})")
        bad |= root > ROOT_MS_MAX
    print(f"geometric mean {statistics.geometric_mean(ratios):.1f} times, least {min(ratios):.1f} (wanted: {WANTED:.0f})")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
