#!/usr/bin/env python3
"""What `state_proof` answers, held against the header of a final block by code that shares nothing with the node:
tests/vectors/check_trees.py, written from docs/protocol/trees.md. Presence, absence, and answers that lie.

usage: state_proof.py BIN_DIR
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "vectors"))
from check_trees import H, Refused, decode_map_proof, proven_map_root
from support import Bench, RpcError
from transfers import BECH32

TABLE_ACCOUNT = b"\x03"
# docs/protocol/trees.md: where a key lies in the map, and what its leaf holds.
PATH, VALUE = "mill/key", "mill/value"


def address_bytes(text):
    """The 20 bytes of an address; its checksum is the wallet's test."""
    bits = "".join(f"{BECH32.index(c):05b}" for c in text[text.rindex("1") + 1:-6])
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits) // 8 * 8, 8))


def root_by(key, value, proof):
    path = H(PATH, key)
    return proven_map_root(path, None if value is None else H(VALUE, value), decode_map_proof(proof)).hex()


def prove(bench, key):
    """The proof and the state root in the header of the block that it names."""
    answer = bench.rpc("state_proof", key=key.hex())
    block = bench.rpc("chain_block", hash=answer["block"])
    assert block["hash"] == answer["block"]
    root = block["header"]["state_root"]
    assert root == answer["state_root"], "the proof's root is not that of the block that it names"
    value = None if answer["value"] is None else bytes.fromhex(answer["value"])
    return value, bytes.fromhex(answer["proof"]), root


def holds(key, value, proof, root):
    try:
        return root_by(key, value, proof) == root
    except Refused:
        return False


def main():
    with Bench(pathlib.Path(sys.argv[1]), "--no-provide") as bench:
        bench.start()
        bench.wallet("account", "new", "alice")
        address = bench.wallet_json("account", "list")[0]["address"]
        key = TABLE_ACCOUNT + address_bytes(address)
        assert len(key) == 21, key

        # Absent, until it is paid.
        value, proof, root = prove(bench, key)
        assert value is None and holds(key, None, proof, root), "the account's absence is not proven"
        assert not holds(key, b"", proof, root), "a proof of absence passes for presence"
        try:
            bench.rpc("state_account", account=address)
            raise AssertionError("an account that nobody paid is there")
        except RpcError as error:
            assert error.code == -32001, error

        bench.wallet("faucet", "12.5")
        value, proof, root = prove(bench, key)
        assert value is not None and holds(key, value, proof, root), "the account's presence is not proven"
        # The balance stands first in the record (docs/protocol/codec.md).
        assert int.from_bytes(value[:8], "little") == bench.balance(address) == 12_500_000_000

        # A node that lies is found out: another balance, nothing there, another account, any flipped bit of the proof.
        richer = (int.from_bytes(value[:8], "little") + 1).to_bytes(8, "little") + value[8:]
        assert not holds(key, richer, proof, root)
        assert not holds(key, None, proof, root)
        assert not holds(key[:-1] + bytes([key[-1] ^ 1]), value, proof, root)
        for bit in range(8 * len(proof)):
            forged = bytearray(proof)
            forged[bit // 8] ^= 1 << bit % 8
            assert not holds(key, value, bytes(forged), root), f"bit {bit} of the proof says nothing"
        # The neighbour that is not there, and every other table's first key.
        value, proof, root = prove(bench, key[:-1] + bytes([key[-1] ^ 1]))
        assert value is None and holds(key[:-1] + bytes([key[-1] ^ 1]), None, proof, root)
        for table in (b"\x01", b"\x02"):
            value, proof, root = prove(bench, table)
            assert value is not None and holds(table, value, proof, root), f"table {table.hex()} is not proven"
        print(f"{8 * len(proof)} forgeries of one proof refused; state root {root}")
        bench.stop()


if __name__ == "__main__":
    main()
