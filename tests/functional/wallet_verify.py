#!/usr/bin/env python3
"""The wallet against a node that lies: a proxy between it and a real `millraced --dev` changes a balance, a job's state, a
receipt, serves an old block, another chain, no proofs at all. What is proven is used, what is not is exit code 11.

usage: wallet_verify.py BIN_DIR
"""
import copy
import json
import pathlib
import shutil
import sys
import time

from proxy import Proxy
from support import Bench, wait_until

UNPROVEN, BAD_INPUT, REFUSED, NOT_FOUND = 11, 7, 4, 5
PROGRAM = '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }'
ACCOUNT, JOB, CHUNK, RESULT, PARAMS = "03", "10", "12", "13", "02"


def changed_row(table):
    """A lie about the first row of a table among those that are asked for: its first byte."""
    def lie(method, params, result):
        if method != "state_proofs":
            return result
        result = copy.deepcopy(result)
        for key, row in zip(params["keys"], result["rows"]):
            if key.startswith(table) and row["value"] is not None:
                row["value"] = f"{int(row['value'][:2], 16) ^ 1:02x}" + row["value"][2:]
                return result
        return result
    return lie


def replaced(name, change):
    def lie(method, _, result):
        return change(copy.deepcopy(result)) if method == name else result
    return lie


class Checked:
    def __init__(self, bench, proxy):
        self.bench, self.proxy = bench, proxy
        bench.env["MILLRACE_NODE"] = proxy.url

    def good(self, *words):
        self.proxy.lie = None
        return self.bench.wallet_json("--verify", *words)

    def refused(self, lie, *words, says=""):
        """The lie costs the command, with a sentence that names the node and a way out, as text and as JSON."""
        self.proxy.lie = lie
        try:
            done = self.bench.wallet("--verify", "--yes", *words, code=UNPROVEN)
            text = done.stderr.decode()
            assert says in text and self.proxy.url in text, text
            failure = self.bench.wallet_json("--verify", *words, code=UNPROVEN)
            assert failure["error"]["exit"] == UNPROVEN, failure
        finally:
            self.proxy.lie = None


def short_epochs(bench):
    """A chain whose epochs last two seconds, so that its validators hand over while the test runs."""
    bench.start()
    bench.stop()
    document = json.loads((bench.data / "genesis.json").read_text())
    document["params"]["time"]["epoch_ms"] = 2_000
    (bench.data / "genesis.json").write_text(json.dumps(document))
    for name in bench.data.iterdir():
        if name.name in ("ledger", "provider"):
            shutil.rmtree(name)
    bench.start()


def check_lies(c, module):
    bench = c.bench
    address = c.good("account", "show", "buyer")["address"]
    shown = c.good("account", "show", "buyer")
    assert shown["verified"] is True and int(shown["balance"]) == bench.balance(address), shown
    # The node's own word about it is not even asked for.
    c.proxy.lie = replaced("state_account", lambda r: {**r, "balance": "1"})
    assert c.bench.wallet_json("--verify", "account", "show", "buyer")["balance"] == shown["balance"]
    assert c.bench.wallet_json("account", "show", "buyer")["balance"] == "1", "a node on this machine is believed"
    c.refused(changed_row(ACCOUNT), "account", "show", "buyer", says="is not what the ledger")
    c.refused(replaced("state_proofs", lambda r: {**r, "certificate": None}), "account", "show", "buyer",
              says="no certificate")
    c.refused(replaced("state_proofs", lambda r: {**r, "rows": r["rows"][:-1]}), "account", "show", "buyer")
    c.refused(lambda m, _, r: LookupError("no such method") if m == "state_proofs" else r, "account", "show", "buyer",
              says="--no-verify")

    # Nothing is signed on a false balance, nonce or parameter.
    before = bench.rpc("state_account", account=address)
    for lie in (changed_row(ACCOUNT), changed_row(PARAMS), replaced("tx_nonce", lambda r: {**r, "sequence": 0}),
                replaced("node_status", lambda r: {**r, "chain": "00" * 32})):
        c.refused(lie, "send", address, "1")
    assert bench.rpc("state_account", account=address) == before
    sent = c.good("send", address, "1")
    assert sent["verified"] is True, sent
    # Who hears that his payment was refused pays twice.
    def refusal(status):
        if status["receipt"] is not None:
            status["receipt"]["refusal"] = "balance_too_low"
        return status
    c.refused(replaced("tx_status", refusal), "send", address, "1", says="another receipt")

    ran = c.good("job", "run", str(module), "--gas", "1G", "--max-price", "1")
    assert ran["succeeded"] == 1 and ran["verified"] is False and ran["unverified"] == ["the price now"], ran
    job = ran["job"]
    shown = c.good("job", "show", job)
    assert shown["verified"] is True and shown["succeeded"] == 1, shown
    assert c.good("job", "watch", job)["verified"] is True
    for table in (JOB, CHUNK, RESULT):
        for command in (["job", "show", job], ["job", "watch", job],
                        ["job", "fetch", job, "--output", str(bench.folder / "never")]):
            c.refused(changed_row(table), *command)
    assert not (bench.folder / "never").exists()
    fetched = c.good("job", "fetch", job, "--output", str(bench.folder / "out"))
    assert fetched["verified"] is True, fetched
    # What no proof covers is said.
    listed = c.good("job", "list", "--from", "buyer")
    assert listed[0]["id"] == job and listed[0]["verified"] is True, listed
    text = bench.wallet("--verify", "job", "list", "--from", "buyer").stderr.decode()
    assert "that no job is missing" in text, text
    assert c.good("account", "history", "buyer")["unverified"] == ["the history"]
    text = bench.wallet("--verify", "market", "book").stderr.decode()
    assert "Not verified" in text and "the book" in text, text
    provider = bench.rpc("provider_list")[0]["id"]
    assert c.good("provider", "show", provider)["verified"] is True
    assert bench.wallet_json("--verify", "job", "show", "11" * 32, code=NOT_FOUND)["error"]["exit"] == NOT_FOUND
    # The variable, and what comes nearer.
    bench.env["MILLRACE_VERIFY"] = "true"
    c.proxy.lie = changed_row(ACCOUNT)
    bench.wallet("account", "show", "buyer", code=UNPROVEN)
    bench.wallet("--no-verify", "account", "show", "buyer")
    c.proxy.lie = None
    del bench.env["MILLRACE_VERIFY"]


def check_old_block(c):
    old = {}

    def record(method, params, result):
        if method == "state_proofs":
            old[json.dumps(params["keys"])] = result
        return result

    c.proxy.lie = record
    c.bench.wallet("--verify", "account", "show", "buyer")
    time.sleep(6)
    c.good("account", "show", "buyer")
    c.refused(lambda m, p, r: old.get(json.dumps(p["keys"]), r) if m == "state_proofs" else r, "account", "show", "buyer",
              says="that this wallet has")


def check_epochs(c):
    """The wallet follows the validators while they hand over, and refuses a hand over to others."""
    bench = c.bench

    def checkpoint():
        return c.good("chain", "status").get("checkpoint")

    first = wait_until("an epoch has ended that the wallet needs", checkpoint, 30)
    wait_until("the next has, too", lambda: checkpoint() != first, 30)
    # A new wallet walks the same way from the beginning, here with its trust named.
    chain = c.good("chain", "status")["node"]["chain"]
    trust = bench.folder / ".millrace" / "wallet" / "trust"
    shutil.rmtree(trust)
    bench.wallet("--verify", "--chain", "00" * 32, "account", "show", "buyer", code=UNPROVEN)
    bench.wallet("--verify", "--chain", "0", "account", "show", "buyer", code=BAD_INPUT)
    done = bench.wallet("--verify", "--chain", chain, "account", "show", "buyer")
    assert b"First meeting" in done.stderr and chain[:12].encode() in done.stderr, done.stderr
    done = bench.wallet("--verify", "account", "show", "buyer")
    assert b"First meeting" not in done.stderr
    for mode in ((path.stat().st_mode & 0o777) for path in trust.iterdir()):
        assert mode == 0o600, oct(mode)
    shutil.rmtree(trust)
    last = bench.rpc("chain_handovers", **{"from": 0})[-1]
    bench.wallet("--verify", "--checkpoint", "00" * 32, "account", "show", "buyer", code=UNPROVEN)
    ended = bench.rpc("chain_block", height=last["header"]["height"])["hash"]
    bench.wallet("--verify", "--checkpoint", ended, "account", "show", "buyer")
    shutil.rmtree(trust)

    def other_set(handovers):
        for row in handovers:
            row["set"] = row["set"][:-2] + f"{int(row['set'][-2:], 16) ^ 1:02x}"
        return handovers
    c.refused(replaced("chain_handovers", other_set), "account", "show", "buyer", says="validators")
    c.refused(replaced("chain_handovers", lambda _: []), "account", "show", "buyer", says="validators")
    c.good("account", "show", "buyer")
    # A restarted node goes on where it was.
    bench.kill()
    bench.start()
    c.good("account", "show", "buyer")


def check_other_chain(c, bin_dir):
    with Bench(bin_dir, "--no-provide") as other:
        other.start()
        c.proxy.port = other.port
        c.refused(None, "account", "show", "buyer", says="--chain")
        chain = other.rpc("node_status")["chain"]
        c.bench.wallet("--verify", "--chain", chain, "account", "show", "buyer")
        c.bench.wallet("--verify", "account", "show", "buyer")
        other.stop()


def main():
    bin_dir = pathlib.Path(sys.argv[1])
    with Bench(bin_dir) as bench:
        short_epochs(bench)
        with Proxy(bench.port) as proxy:
            c = Checked(bench, proxy)
            bench.open_account()
            module = bench.compile("program", PROGRAM)
            check_lies(c, module)
            check_old_block(c)
            check_epochs(c)
            check_other_chain(c, bin_dir)
        bench.stop()


if __name__ == "__main__":
    main()
