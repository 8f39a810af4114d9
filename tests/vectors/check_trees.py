#!/usr/bin/env python3
"""Checks tests/golden/trees.json with an implementation of its own, written from docs/protocol/trees.md.

Usage: check_trees.py trees.json
Exits with 1 and a line for each difference. It shares no code with the node, so an error in that page, or one that both
trees' code and tests make alike, shows here.
"""
import hashlib
import json
import sys

PAGE = 4096
REGION_LEVELS = 20
PAGES_MAX = 256
FLAGS_MAX = 1664
SIBLINGS_MAX = 13312
TERMINATOR = bytes(32)


def H(domain, *parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32, person=domain.encode()).digest()


def u64(value):
    return value.to_bytes(8, "little")


class Refused(Exception):
    """The input breaks a rule; the message is the refusal's name."""


# --- the codec, as far as proofs need it -------------------------------------------------------------------------


class Reader:
    def __init__(self, raw):
        self.raw = raw
        self.at = 0

    def take(self, size):
        if self.at + size > len(self.raw):
            raise Refused("malformed")
        self.at += size
        return self.raw[self.at - size:self.at]

    def integer(self, size):
        return int.from_bytes(self.take(size), "little")

    def length(self, bound):
        value = 0
        for i in range(10):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                if byte == 0 and i > 0 or value > bound:
                    raise Refused("malformed")
                return value
        raise Refused("malformed")

    def end(self):
        if self.at != len(self.raw):
            raise Refused("malformed")


def bits(flags):
    return [(byte >> i) & 1 for byte in flags for i in range(8)]


# --- the page tree -----------------------------------------------------------------------------------------------


def page_leaf(start):
    return H("mill/page", start.ljust(PAGE, b"\0"))


ZERO = [page_leaf(b"")]
for _ in range(52):
    ZERO.append(H("mill/node", ZERO[-1], ZERO[-1]))


def page_root(level, leaves):
    """Root of a tree of `level` levels from {page index: leaf}, bottom up."""
    row = dict(leaves)
    for k in range(level):
        parents = {}
        for index in {i >> 1 for i in row}:
            parents[index] = H("mill/node", row.get(2 * index, ZERO[k]), row.get(2 * index + 1, ZERO[k]))
        row = parents
    return row.get(0, ZERO[level])


def decode_page_proof(raw):
    reader = Reader(raw)
    pages = [reader.integer(8) for _ in range(reader.length(PAGES_MAX))]
    flags = reader.take(reader.length(FLAGS_MAX))
    siblings = [reader.take(32) for _ in range(reader.length(SIBLINGS_MAX))]
    reader.end()
    return pages, flags, siblings


def proven_page_root(proof, leaves, levels, leaf_level=0):
    pages, flags, siblings = proof
    height = levels - leaf_level
    if not pages:
        raise Refused("no_pages")
    if len(pages) > PAGES_MAX:
        raise Refused("too_many_pages")
    if any(a >= b for a, b in zip(pages, pages[1:])):
        raise Refused("pages_not_ascending")
    if pages[-1] >> height:
        raise Refused("page_out_of_range")
    count = height + sum((a ^ b).bit_length() - 1 - 1 for a, b in zip(pages, pages[1:]))
    if len(flags) != (count + 7) // 8:
        raise Refused("flags_size_differs")
    flag_list = bits(flags)
    if any(flag_list[count:]):
        raise Refused("spare_bit_set")
    if sum(flag_list) != len(siblings):
        raise Refused("sibling_count_differs")
    if len(leaves) != len(pages):
        raise Refused("leaf_count_differs")
    leaf_of = dict(zip(pages, leaves))
    flag_iter, sibling_iter = iter(flag_list), iter(siblings)
    zero_sent = False

    def sibling(h):
        nonlocal zero_sent
        if not next(flag_iter):
            return ZERO[leaf_level + h]
        sent = next(sibling_iter)
        zero_sent = zero_sent or sent == ZERO[leaf_level + h]
        return sent

    def walk(h, index, inside):
        if h == 0:
            return leaf_of[index]
        middle = (2 * index + 1) << (h - 1)
        left = [p for p in inside if p < middle]
        right = [p for p in inside if p >= middle]
        l = walk(h - 1, 2 * index, left) if left else sibling(h - 1)
        r = walk(h - 1, 2 * index + 1, right) if right else sibling(h - 1)
        return H("mill/node", l, r)

    root = walk(height, 0, pages)
    if zero_sent:
        raise Refused("zero_sibling_sent")
    return root


# --- the authenticated map ---------------------------------------------------------------------------------------


def path_bit(path, at):
    return (path[at // 8] >> (7 - at % 8)) & 1


def leaf_hash(path, value_hash):
    return H("mill/leaf", path, value_hash)


def map_node(entries, depth):
    if not entries:
        return TERMINATOR
    if len(entries) == 1:
        return leaf_hash(*entries[0])
    left = map_node([e for e in entries if not path_bit(e[0], depth)], depth + 1)
    right = map_node([e for e in entries if path_bit(e[0], depth)], depth + 1)
    return H("mill/inner", left, right)


def map_root(count, top):
    return H("mill/map", u64(1), u64(count), top)


def map_pages(entries):
    """All stored pages, {id: bytes}, from the entries alone."""
    pages = {}

    def fill(d, prefix_entries):
        kinds = 0
        records = {}
        deeper = []

        def place(slot, depth, inside):
            nonlocal kinds
            if slot > 1:
                kind = 0 if not inside else 2 if len(inside) == 1 else 1
                kinds |= kind << (2 * (slot - 2))
                if kind == 1:
                    records[slot] = map_node(inside, depth)
                if kind == 2:
                    records[slot] = inside[0][0] + inside[0][1]
            if len(inside) < 2:
                return
            if depth == 6 * d + 6:
                deeper.append(inside)
                return
            place(2 * slot, depth + 1, [e for e in inside if not path_bit(e[0], depth)])
            place(2 * slot + 1, depth + 1, [e for e in inside if path_bit(e[0], depth)])

        place(1, 6 * d, prefix_entries)
        size = (6 * d + 7) // 8
        number = int.from_bytes(prefix_entries[0][0], "big") >> (256 - 6 * d)
        page_id = bytes([d]) + (number << (8 * size - 6 * d)).to_bytes(size, "big")
        pages[page_id] = b"\1" + kinds.to_bytes(32, "little") + b"".join(records[s] for s in sorted(records))
        for inside in deeper:
            fill(d + 1, inside)

    if len(entries) > 1:
        fill(0, entries)
    return pages


def decode_map_proof(raw):
    reader = Reader(raw)
    count = reader.integer(8)
    depth = reader.integer(2)
    flags = reader.take(reader.length(32))
    siblings = [reader.take(32) for _ in range(reader.length(256))]
    kind = reader.integer(1)
    if kind > 2:
        raise Refused("malformed")
    other = (reader.take(32), reader.take(32)) if kind == 2 else None
    reader.end()
    return count, depth, flags, siblings, kind, other


def proven_map_root(path, value_hash, proof):
    count, depth, flags, siblings, kind, other = proof
    if depth > 256:
        raise Refused("too_deep")
    if len(flags) != (depth + 7) // 8:
        raise Refused("flags_size_differs")
    flag_list = bits(flags)
    if any(flag_list[depth:]):
        raise Refused("spare_bit_set")
    if sum(flag_list) != len(siblings):
        raise Refused("sibling_count_differs")
    if TERMINATOR in siblings:
        raise Refused("terminator_sent")
    if depth > 0 and not flag_list[depth - 1]:
        raise Refused("not_highest")
    if (kind == 0) != (value_hash is not None):
        raise Refused("wrong_end")
    if kind == 0:
        node = leaf_hash(path, value_hash)
    elif kind == 1:
        node = TERMINATOR
    else:
        if other[0] == path or any(path_bit(path, i) != path_bit(other[0], i) for i in range(depth)):
            raise Refused("leaf_elsewhere")
        node = leaf_hash(*other)
    left_over = list(siblings)
    for d in reversed(range(depth)):
        beside = left_over.pop() if flag_list[d] else TERMINATOR
        node = H("mill/inner", beside, node) if path_bit(path, d) else H("mill/inner", node, beside)
    return map_root(count, node)


# --- the golden file ---------------------------------------------------------------------------------------------


class Checker:
    def __init__(self):
        self.checks = 0
        self.faults = 0

    def equal(self, what, got, expected):
        self.checks += 1
        if got != expected:
            self.faults += 1
            print(f"{what}: got {got.hex() if isinstance(got, bytes) else got}, the file says {expected}")

    def refused(self, what, expected, function, *arguments):
        try:
            function(*arguments)
            self.equal(what, "accepted", expected)
        except Refused as refusal:
            self.equal(what, str(refusal), expected)

    def never(self, what, root, function):
        """`function` is refused or gives another root."""
        self.checks += 1
        try:
            if function() == root:
                self.faults += 1
                print(f"{what}: still accepted")
        except Refused:
            pass

    def page_tree(self, case):
        name = case["name"]
        levels = case["levels"]
        leaves = {int(p["index"]): page_leaf(bytes.fromhex(p["start"])) for p in case["pages"]}
        self.equal(name, page_root(levels, leaves).hex(), case["root"])
        raw = bytes.fromhex(case["proof"])
        proof = decode_page_proof(raw)
        asked = [int(p) for p in case["asked"]]
        self.equal(name + ": pages", proof[0], asked)
        held = [leaves.get(p, ZERO[0]) for p in asked]
        self.equal(name + ": proof", proven_page_root(proof, held, levels).hex(), case["root"])
        after = [page_leaf(b"\xff")] * len(asked)
        self.equal(name + ": after", proven_page_root(proof, after, levels).hex(), case["root_after"])
        changed = dict(leaves)
        changed.update(zip(asked, after))
        self.equal(name + ": after, built", page_root(levels, changed).hex(), case["root_after"])
        root = bytes.fromhex(case["root"])
        for at in range(len(raw)):
            bent = bytearray(raw)
            bent[at] ^= 1 << (at % 8)

            def check():
                other = decode_page_proof(bytes(bent))
                if other[0] != asked:
                    raise Refused("other pages")
                return proven_page_root(other, held, levels)

            self.never(f"{name}: byte {at} changed", root, check)

    def blob(self, case):
        length = case["length"]
        name = f"blob of {length}"
        content = bytes((31 * i + (i >> 8)) & 0xFF for i in range(length))
        leaves = {i // PAGE: page_leaf(content[i:i + PAGE]) for i in range(0, length, PAGE)}
        root = page_root(REGION_LEVELS, leaves)
        self.equal(name, root.hex(), case["region_root"])
        self.equal(name + ": id", H("mill/file", u64(length), root).hex(), case["file_id"])
        k = case["chunk_level"]
        size = PAGE << k
        self.equal(name + ": chunks", len(case["chunk_proofs"]), (length + size - 1) // size)
        for i, raw in enumerate(case["chunk_proofs"]):
            proof = decode_page_proof(bytes.fromhex(raw))
            chunk = content[i * size:(i + 1) * size]
            leaf = page_root(k, {j // PAGE: page_leaf(chunk[j:j + PAGE]) for j in range(0, len(chunk), PAGE)})
            self.equal(name + f": chunk {i}", proof[0], [i])
            self.equal(name + f": chunk {i}", proven_page_root(proof, [leaf], REGION_LEVELS, k).hex(),
                       case["region_root"])

    def map(self, case):
        name = case["name"]
        for entry in case["entries"]:
            if "key" in entry:
                self.equal(name, H("mill/key", bytes.fromhex(entry["key"])).hex(), entry["path"])
                self.equal(name, H("mill/value", bytes.fromhex(entry["value"])).hex(), entry["value_hash"])
        entries = sorted((bytes.fromhex(e["path"]), bytes.fromhex(e["value_hash"])) for e in case["entries"])
        top = map_node(entries, 0)
        self.equal(name + ": top", top.hex(), case["top"])
        root = map_root(len(entries), top)
        self.equal(name + ": root", root.hex(), case["root"])
        stored = {bytes.fromhex(p["id"]): bytes.fromhex(p["bytes"]) for p in case["pages"]}
        self.equal(name + ": pages", map_pages(entries) == stored, True)
        values = dict(entries)
        for row in case["proofs"]:
            path = bytes.fromhex(row["path"])
            raw = bytes.fromhex(row["proof"])
            self.equal(name + ": proof", proven_map_root(path, values.get(path), decode_map_proof(raw)).hex(),
                       case["root"])
            for at in range(len(raw)):
                bent = bytearray(raw)
                bent[at] ^= 1 << (at % 8)
                self.never(f"{name}: byte {at} changed", root,
                           lambda: proven_map_root(path, values.get(path), decode_map_proof(bytes(bent))))

    def document(self, golden):
        for level, expected in enumerate(golden["zero_subtrees"]):
            self.equal(f"zero subtree {level}", ZERO[level].hex(), expected)
        for case in golden["page_trees"]:
            self.page_tree(case)
        for case in golden["refused_page_proofs"]:
            proof = decode_page_proof(bytes.fromhex(case["proof"]))
            self.refused(case["name"], case["refusal"], proven_page_root, proof, [ZERO[0]] * len(proof[0]),
                         case["levels"])
        for case in golden["blobs"]:
            self.blob(case)
        for case in golden["maps"]:
            self.map(case)
        for case in golden["refused_map_proofs"]:
            value_hash = bytes.fromhex(case["value_hash"]) if "value_hash" in case else None
            self.refused(case["name"], case["refusal"], proven_map_root, bytes.fromhex(case["path"]), value_hash,
                         decode_map_proof(bytes.fromhex(case["proof"])))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        golden = json.load(file)
    checker = Checker()
    checker.document(golden)
    print(f"{checker.checks} checks, {checker.faults} differences")
    if checker.faults or checker.checks < 1000:
        sys.exit(1)


if __name__ == "__main__":
    main()
