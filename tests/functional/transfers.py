"""Signed transfers without the wallet, written from docs/protocol/transactions.md, codec.md and addresses.md: for load
that a passphrase's hashing would slow down. Keys are thrown away with the test; nothing here is constant-time.
"""
import hashlib
import secrets
import time

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
GX = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798
GY = 0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
TRANSFER = b"\x01"
EXPIRY_MS = 300_000


def tagged_hash(domain, data):
    return hashlib.blake2b(data, digest_size=32, person=domain.encode()).digest()


def add(a, b):
    """Affine points of secp256k1; None is the identity."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def doublings():
    out, point = [], (GX, GY)
    for _ in range(256):
        out.append(point)
        point = add(point, point)
    return out


DOUBLINGS = doublings()


def times_generator(k):
    out = None
    for i in range(256):
        if k >> i & 1:
            out = add(out, DOUBLINGS[i])
    return out


def bip340_hash(tag, data):
    tag_hash = hashlib.sha256(tag.encode()).digest()
    return int.from_bytes(hashlib.sha256(tag_hash * 2 + data).digest(), "big") % N


def number(value, size=8):
    return value.to_bytes(size, "little")


class Account:
    """A fresh key, its address, and the transfers that it signs in lane 0."""

    def __init__(self, chain):
        self.chain = bytes.fromhex(chain)
        secret = secrets.randbelow(N - 1) + 1
        x, y = times_generator(secret)
        self.secret = secret if y % 2 == 0 else N - secret
        self.key = x.to_bytes(32, "big")
        self.address = tagged_hash("mill/address", self.key)[:20]

    def transfer(self, sequence, to, amount, fee_max=10**7):
        """The canonical encoding in hexadecimal; `to` are 20 bytes, money is in nano-credits."""
        tx = (self.chain + self.key + number(0, 1) + number(sequence) + number(fee_max) + number(0)
              + number(int(time.time() * 1000) + EXPIRY_MS) + TRANSFER + to + number(amount) + b"\x00")
        return (tx + self.sign(tagged_hash("mill/txsign", tx))).hex()

    def sign(self, message):
        nonce = secrets.randbelow(N - 1) + 1
        rx, ry = times_generator(nonce)
        if ry % 2:
            nonce = N - nonce
        challenge = bip340_hash("BIP0340/challenge", rx.to_bytes(32, "big") + self.key + message)
        return rx.to_bytes(32, "big") + ((nonce + challenge * self.secret) % N).to_bytes(32, "big")

    def text(self):
        """The address as a test network writes it (Bech32m)."""
        symbols = [int.from_bytes(self.address, "big") >> shift & 31 for shift in range(155, -1, -5)]
        prefix = "tmill"
        expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + symbols
        check = polymod(expanded + [0] * 6) ^ 0x2BC830A3
        symbols += [check >> 5 * (5 - i) & 31 for i in range(6)]
        return prefix + "1" + "".join(BECH32[s] for s in symbols)


def polymod(values):
    out = 1
    for value in values:
        top = out >> 25
        out = (out & 0x1FFFFFF) << 5 ^ value
        for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            out ^= g if top >> i & 1 else 0
    return out
