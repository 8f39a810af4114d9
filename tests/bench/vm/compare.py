#!/usr/bin/env python3
"""Compares the metered interpreter with Debian's wasm-interp (wabt) on the kernels beside this file.

usage: compare.py PATH/TO/bench_run_kernel [REPEATS]
Needs clang-19 with lld-19 (wasm32) and wabt. Prints, for each kernel, the median processor time of both and their ratio;
each kernel's result must be the same in both. Exit status 1 when a result differs or a ratio is below 8.
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
                    "-Wl,-z,stack-size=65536", str(source), "-o", str(module)], check=True)
    return module


def main():
    runner = sys.argv[1]
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    bad = False
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for source in sorted((HERE / "kernels").glob("*.c")):
            module = build(source, folder)
            theirs, ours = [], []
            for _ in range(repeats):
                seconds, text = run(["wasm-interp", "--run-all-exports", str(module)])
                theirs.append(seconds)
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
    print(f"geometric mean {statistics.geometric_mean(ratios):.1f} times, least {min(ratios):.1f} (wanted: {WANTED:.0f})")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
