#!/usr/bin/env python3
"""Greps the pure folders for what forks a chain in C++: clocks, randomness, threads, unordered iteration, floats, locales.

A line may carry `// purity: REASON` where it is a stated exception. WebAssembly's own floats live in the files listed
in FLOAT_FILES.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PURE = ["common", "consensus", "market", "vm/module", "vm/image", "vm/machine", "vm/wasi"]
FLOAT_FILES = {"vm/machine/floating.hpp", "vm/machine/float_environment.hpp",
               "vm/machine/assumptions.hpp"}
# Host-side helpers beside the pure semantics that read folders; nothing of consensus is computed from anything but bytes.
HOST_FILES = {"vm/wasi/tree.hpp", "vm/wasi/tree.cpp"}
RULES = [
    (r"\bstd::chrono::(system|steady|high_resolution)_clock", "a clock"),
    (r"\b(time|clock|gettimeofday|clock_gettime)\s*\(", "a clock"),
    (r"\bstd::(thread|jthread|mutex|atomic|async|condition_variable)\b", "threads"),
    (r"\bstd::random_device\b|\bstd::(uniform|normal|bernoulli)_\w+distribution|\bmt19937|\brand\s*\(", "randomness"),
    (r"\bstd::unordered_(map|set|multimap|multiset)\b", "unordered iteration"),
    (r"\bstd::hash\b", "std::hash differs between libraries"),
    (r"\b(float|double)\b", "floating point"),
    (r"\bstd::(stoi|stol|stoul|stoull|stod|stof|strtol|strtod)\b|\bato[if]\s*\(", "the locale"),
    (r"\bstd::(fstream|ifstream|ofstream|cout|cerr|filesystem)\b|#include <(fstream|iostream|filesystem|thread|mutex|random)>", "input or output"),
    (r"\bsize_t\s+\w+\s*=\s*sizeof\s*\(\s*struct", "raw struct bytes"),
]
COMMENT = re.compile(r"//.*$")


def main():
    found = 0
    for folder in PURE:
        for path in sorted((ROOT / folder).rglob("*")):
            relative = path.relative_to(ROOT).as_posix()
            if path.suffix not in (".hpp", ".cpp") or relative in HOST_FILES:
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if "purity:" in line:
                    continue
                code = re.sub(r'"(\\.|[^"\\])*"', '""', COMMENT.sub("", line))
                for rule, what in RULES:
                    if what == "floating point" and relative in FLOAT_FILES:
                        continue
                    if re.search(rule, code):
                        print(f"{relative}:{number}: {what}: {line.strip()}")
                        found += 1
    print(f"purity: {found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
