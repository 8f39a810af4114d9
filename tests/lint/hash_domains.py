#!/usr/bin/env python3
"""Compares the hash domains in the sources with the table in docs/protocol/codec.md.

A domain that the table lacks is a fault: the table is how a reader sees that no two uses share one. So is a row twice,
and a row that no source names.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["common", "vm", "consensus", "market", "node", "wallet", "tests"]
DOMAIN = re.compile(r'"(mill/[a-z0-9-]*)"')
ROW = re.compile(r"^\| `(mill/[^`]*)` \|", re.MULTILINE)


def main():
    used = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".hpp", ".cpp"):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                for domain in DOMAIN.findall(line):
                    used.setdefault(domain, f"{path.relative_to(ROOT).as_posix()}:{number}")
    rows = ROW.findall((ROOT / "docs/protocol/codec.md").read_text())
    found = [f"{place}: {domain} is not in the table of docs/protocol/codec.md"
             for domain, place in sorted(used.items()) if domain not in rows]
    found += [f"docs/protocol/codec.md: {row} is listed twice" for row in sorted(set(rows)) if rows.count(row) > 1]
    found += [f"docs/protocol/codec.md: no source names {row}" for row in rows if row not in used]
    for fault in found:
        print(fault)
    print(f"hash domains: {len(used)} used, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
