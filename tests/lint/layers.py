#!/usr/bin/env python3
"""Reads every #include of ours and fails on the first that goes sideways or upwards in the layers.

common <- vm, consensus, market <- node; wallet uses common, market's types, vm's local runner and consensus's certificates.
The heavy third-party headers stay in their rooms: RocksDB in node/storage, Beast in node/rpc and wallet.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAY_INCLUDE = {
    "common": {"common"},
    "vm": {"vm", "common"},
    "consensus": {"consensus", "common"},
    "market": {"market", "common", "vm"},
    "node": {"node", "market", "consensus", "vm", "common"},
    "wallet": {"wallet", "market", "consensus", "vm", "common"},
}
# wallet checks certificates and nothing else of agreement (docs/decisions/0041).
ONLY_HEADERS = {("wallet", "consensus"): {"consensus/messages.hpp", "consensus/types.hpp"}}
# market may use vm for verification only: nothing of the native (process, sandbox) side.
FORBIDDEN_PREFIX = {"market": ("vm/native/",)}
THIRD_PARTY_ROOMS = {
    "rocksdb/": ("node/storage/",),
    "boost/beast": ("node/rpc/", "wallet/"),
    "llvm/": ("vm/native/",),
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def faults():
    for layer, allowed in MAY_INCLUDE.items():
        for path in sorted((ROOT / layer).rglob("*")):
            if path.suffix not in (".hpp", ".cpp"):
                continue
            relative = path.relative_to(ROOT).as_posix()
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                quoted, name = found.group(1) == '"', found.group(2)
                where = f"{relative}:{number}"
                top = name.split("/")[0]
                if quoted and top in MAY_INCLUDE:
                    if top not in allowed:
                        yield f"{where}: {layer}/ may not include {name}"
                    if name not in ONLY_HEADERS.get((layer, top), {name}):
                        yield f"{where}: {layer}/ may not include {name}"
                    if "/detail/" in name and top != layer:
                        yield f"{where}: {name} is private to {top}/"
                    if name.startswith(FORBIDDEN_PREFIX.get(layer, ())) and layer in FORBIDDEN_PREFIX:
                        yield f"{where}: {layer}/ may not include {name}"
                for prefix, rooms in THIRD_PARTY_ROOMS.items():
                    if name.startswith(prefix) and not relative.startswith(rooms):
                        yield f"{where}: <{name}> belongs in {' or '.join(rooms)} only"
                    if name.startswith(prefix) and path.suffix == ".hpp" and prefix != "llvm/" \
                            and not relative.startswith(tuple(r + "detail/" for r in rooms)):
                        yield f"{where}: <{name}> must stay out of headers (build time)"


def main():
    found = list(faults())
    for fault in found:
        print(fault)
    print(f"layers: {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
