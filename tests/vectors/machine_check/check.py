#!/usr/bin/env python3
"""Checks a file of witnesses (make_witnesses) with a machine of its own, written from docs/protocol alone.

check.py [--agree N] [--instructions N] [--mutants N] OPCODES FILE

Each witness must give its root before, run on its pages alone, touch each of them, and end in its root after. A witness
that reaches a host call which this machine lacks is counted apart, by name, and passes for nothing."""
import argparse
import collections
import random
import sys

from host_base import Unknown
from instructions import read_table
from machine import Machine
from pages import PAGE_SIZE, PAGES_MAX, Decoder, Proof, Refused, page_hash
from state import State

STEPS_MAX = 1 << 16


def records(path):
    with open(path, "rb") as file:
        data = Decoder(file.read())
    number = lambda size: int.from_bytes(data.take(size), "little")
    while data.at < len(data.data):
        name = data.take(number(4)).decode()
        before = data.take(32)
        position, steps = number(8), number(8)
        yield name, before, position, steps, data.take(number(4)), data.take(32)


def verify(witness, before, position, steps, table, seen):
    """The root after the steps. Refuses in the order of machine.md 6."""
    decoder = Decoder(witness)
    proof = Proof(decoder)
    contents = decoder.take(decoder.length(PAGES_MAX * PAGE_SIZE))
    decoder.end()
    if steps > STEPS_MAX:
        raise Refused("too_many_steps")
    proof.check()
    if len(contents) != PAGE_SIZE * len(proof.pages):
        raise Refused("bad_contents")
    pages = {index: contents[PAGE_SIZE * i:PAGE_SIZE * (i + 1)] for i, index in enumerate(proof.pages)}
    if proof.root([page_hash(pages[index]) for index in proof.pages]) != before:
        raise Refused("other_root")
    state = State(pages)
    Machine(state, table, seen).run(position, steps)
    unused = [index for index in proof.pages if index not in state.used]
    if unused:
        raise Refused("page_unused " + " ".join("%x" % (PAGE_SIZE * index) for index in unused))
    return proof.root([page_hash(bytes(state.pages[index])) for index in proof.pages])


def check_mutants(sample, table, count, rng):
    """Witnesses with one byte changed must be refused: there is no second witness of the same steps."""
    reasons = collections.Counter()
    for _ in range(count):
        name, before, position, steps, witness, _ = rng.choice(sample)
        at = rng.randrange(len(witness) if rng.random() < 0.5 else min(len(witness), 3000))
        at = at if rng.random() < 0.7 else rng.randrange(min(len(witness), 200))
        changed = bytearray(witness)
        changed[at] ^= 1 << rng.randrange(8)
        try:
            verify(bytes(changed), before, position, steps, table, collections.Counter())
        except (Refused, Unknown) as refusal:
            reasons[str(refusal).split()[0]] += 1
            continue
        sys.exit("%s at %d, %d steps: byte %d can be changed" % (name, position, steps, at))
    return reasons


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("opcodes")
    parser.add_argument("file")
    parser.add_argument("--agree", type=int, default=1, help="witnesses that must agree, at least")
    parser.add_argument("--instructions", type=int, default=1, help="instructions that must be met, at least")
    parser.add_argument("--mutants", type=int, default=300, help="changed witnesses to try")
    parser.add_argument("--most", type=int, default=8, help="disagreements shown")
    args = parser.parse_args()
    table = read_table(args.opcodes)
    seen, unknown, wrong, agreed = collections.Counter(), collections.Counter(), [], []
    for record in records(args.file):
        name, before, position, steps, witness, after = record
        try:
            result = verify(witness, before, position, steps, table, seen)
            if result == after:
                agreed.append(record)
            else:
                wrong.append((name, position, steps, "another root after"))
        except Unknown as call:
            unknown[str(call)] += 1
        except Refused as refusal:
            wrong.append((name, position, steps, str(refusal)))
    for row in wrong[:args.most]:
        print("DISAGREES: %s at %d, %d steps: %s" % row)
    reasons = check_mutants(agreed, table, args.mutants, random.Random(1)) if agreed else {}
    executed = sum(seen.values())
    instructions = {name for name, _ in table.values() if seen[name]}
    print("%d witnesses agree, %d disagree, %d reach a call unknown here: %s" %
          (len(agreed), len(wrong), sum(unknown.values()), dict(unknown)))
    print("%d steps; %d of %d instructions; not met: %s" %
          (executed, len(instructions), len(table), " ".join(sorted({n for n, _ in table.values()} - instructions))))
    print("also: " + ", ".join("%s %d" % row for row in sorted(seen.items()) if row[0][0] == "("))
    print("%d changed witnesses refused: %s" % (args.mutants, dict(reasons)))
    enough = len(agreed) >= args.agree and len(instructions) >= args.instructions
    return 0 if enough and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
