"""Page trees: hashes of pages and nodes, proofs of pages (docs/protocol/trees.md, codec.md)."""
import hashlib

PAGE_SIZE = 4096
STATE_LEVELS = 52
PAGES_MAX = 256
FLAGS_MAX = 1664
SIBLINGS_MAX = 13312


class Refused(Exception):
    """A proof or a witness that breaks a rule; the message is the rule's name."""


def digest(domain, data):
    return hashlib.blake2b(data, digest_size=32, person=domain).digest()


def page_hash(page):
    return digest(b"mill/page", page)


def node_hash(left, right):
    return digest(b"mill/node", left + right)


def _zeros():
    out = [page_hash(bytes(PAGE_SIZE))]
    for _ in range(STATE_LEVELS):
        out.append(node_hash(out[-1], out[-1]))
    return out


ZERO = _zeros()


class Decoder:
    """The binary form of codec.md, as far as witnesses need it."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if size > len(self.data) - self.at:
            raise Refused("truncated")
        out = self.data[self.at:self.at + size]
        self.at += size
        return out

    def u64(self):
        return int.from_bytes(self.take(8), "little")

    def length(self, bound):
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift > 63:
                raise Refused("length_above_bound")
        if byte == 0 and shift > 7:
            raise Refused("length_not_shortest")
        if value > bound:
            raise Refused("length_above_bound")
        return value

    def end(self):
        if self.at != len(self.data):
            raise Refused("trailing_bytes")


class Proof:
    """Indices of the pages, and the hash beside each step of the walk: None for the zero subtree's."""

    def __init__(self, decoder):
        self.pages = [decoder.u64() for _ in range(decoder.length(PAGES_MAX))]
        self.flags = decoder.take(decoder.length(FLAGS_MAX))
        self.siblings = [decoder.take(32) for _ in range(decoder.length(SIBLINGS_MAX))]

    def check(self):
        pages = self.pages
        if not pages:
            raise Refused("no_pages")
        if any(a >= b for a, b in zip(pages, pages[1:])):
            raise Refused("pages_not_ascending")
        if pages[-1] >> STATE_LEVELS:
            raise Refused("page_out_of_range")
        count = STATE_LEVELS + sum((a ^ b).bit_length() - 2 for a, b in zip(pages, pages[1:]))
        if len(self.flags) != (count + 7) // 8:
            raise Refused("flags_size_differs")
        bits = int.from_bytes(self.flags, "little")
        if bits >> count:
            raise Refused("spare_bit_set")
        if bits.bit_count() != len(self.siblings):
            raise Refused("sibling_count_differs")

    def root(self, leaves):
        """The root when `leaves` (hash of each page, in order) stand at the indices."""
        bits = int.from_bytes(self.flags, "little")
        siblings = iter(self.siblings)

        def sibling(level):
            nonlocal bits
            sent, bits = bits & 1, bits >> 1
            if not sent:
                return ZERO[level]
            value = next(siblings)
            if value == ZERO[level]:
                raise Refused("zero_sibling_sent")
            return value

        def walk(level, first, low, high):
            """The node of `level` whose first page is `first`; its pages of the set are low to high - 1."""
            if level == 0:
                return leaves[low]
            middle = first + (1 << (level - 1))
            split = low
            while split < high and self.pages[split] < middle:
                split += 1
            if split == high:
                left = walk(level - 1, first, low, high)
                right = sibling(level - 1)
            elif split == low:
                left = sibling(level - 1)
                right = walk(level - 1, middle, low, high)
            else:
                left = walk(level - 1, first, low, split)
                right = walk(level - 1, middle, split, high)
            return node_hash(left, right)

        return walk(STATE_LEVELS, 0, 0, len(leaves))
