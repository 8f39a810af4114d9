#!/usr/bin/env python3
"""A provider whose owner's key lies in the wallet and whose machine is a node with a key of its own: registered with the
keys that the node tells, served by it, paid to the owner, changed by each command of `millrace provider`.

usage: wallet_provider.py BIN_DIR
"""
import pathlib
import subprocess
import sys

from support import Bench, wait_until

USAGE, UNREACHABLE, REFUSED, NOT_FOUND = 2, 3, 4, 5
NANO = 10**9
PROGRAM = "int main(void) { for (volatile int i = 0; i < 1000000; ++i) {} return 0; }\n"
MARKET_S = 30
# A --dev chain unbonds in two minutes.
UNBOND_S = 150


def run_job(bench, module, owner):
    """A job of one task, paid for by `buyer`; gives what reached the payout account: the pay makes the stake whole again,
    from which the fees of commit and reveal were drawn (docs/decisions/0012), and the rest is paid out."""
    done = bench.wallet_json("job", "run", module, "--gas", "1G", "--from", "buyer")
    (task,) = bench.rpc("job_tasks", job=done["posted"]["job"])
    lease = bench.rpc("lease_get", lease=task["leases"][0])["lease"]
    assert lease["provider"] == owner, f"leased by {lease['provider']}"
    assert int(lease["paid"]) > int(lease["move_fees"]) > 0, lease
    return int(lease["paid"]) - int(lease["move_fees"])


def provider(bench, owner):
    return bench.rpc("provider_get", provider=owner)["provider"]


def on_market(bench):
    return bench.wallet_json("market", "quote")["lots"] == 1


def check_register(bench, owner, keys):
    for words, code in [
            (["--stake", "1000", "--step", "0.005:2", "--vrf-key", keys["vrf_key"]], USAGE),  # no endpoint
            (["--stake", "1000", "--step", "0.005"], USAGE),
            (["--stake", "1000", "--step", "0.005:2", "--step", "0.005:2"], USAGE),
            (["--stake", "0.5", "--step", "0.005:2"], REFUSED),
            (["--stake", "999999", "--step", "0.005:2"], REFUSED),
            (["--stake", "1000", "--step", "0.005:2", "--operator", "poor"], NOT_FOUND),
            (["--stake", "1000", "--step", "0.005:2", "--keys-from", "http://127.0.0.1:1"], UNREACHABLE)]:
        answer = bench.wallet_json("provider", "register", "--from", "owner", *words, code=code)
        assert len(answer["error"]["message"]) > 20, answer
    assert bench.rpc("provider_list") == []
    done = bench.wallet_json("provider", "register", "--from", "owner", "--stake", "1000", "--step", "0.005:2",
                             "--memory-mib", "256")
    assert done["account"] == owner, done
    now = provider(bench, owner)
    assert now["owner"] == owner and now["payout_account"] == owner, now
    assert now["operator_account"] == keys["operator_account"] and now["vrf_key"] == keys["vrf_key"], now
    assert now["endpoint"] == f"127.0.0.1:{bench.port}" and int(now["stake"]) == 1000 * NANO, now
    again = bench.wallet_json("provider", "register", "--from", "owner", "--stake", "1000", "--step", "0.005:2",
                              code=REFUSED)
    assert again["error"]["data"]["refusal"] == "provider_exists", again


def check_offer(bench, owner):
    """stake, unstake, ask, pause, resume, by the owner."""
    bench.wallet_json("provider", "stake", "10", "--from", "buyer", "--provider", owner)
    assert int(provider(bench, owner)["stake"]) == 1010 * NANO
    bench.wallet_json("provider", "unstake", "5", "--from", "owner")
    now = provider(bench, owner)
    assert int(now["stake"]) == 1005 * NANO and int(now["unbonding"][0]["amount"]) == 5 * NANO, now
    early = bench.wallet_json("provider", "withdraw", "--from", "owner", code=REFUSED)
    assert early["error"]["data"]["refusal"] == "nothing_to_withdraw", early
    bench.wallet_json("provider", "ask", "--from", "owner", "--step", "0.004:1", "--step", "0.006:1")
    assert [int(s["price"]) for s in provider(bench, owner)["next"]["steps"]] == [4_000_000, 6_000_000]
    # The market's fee of 1% is on top of what the provider asks.
    wait_until("the new offer is in force", lambda: int(bench.wallet_json("market", "quote")["price"]) == 4_040_405,
               MARKET_S)
    shown = bench.wallet("provider", "show", owner).stdout.decode()
    assert "1005 credits" in shown and "0.004" in shown and "on the market" in shown and "unbonding 5 credits" in shown
    (row,) = bench.wallet_json("provider", "list")
    assert row["id"] == owner, row
    assert owner in bench.wallet("market", "book").stdout.decode()
    bench.wallet_json("provider", "pause", "--from", "owner")
    assert provider(bench, owner)["paused"] == "by_itself"
    wait_until("nobody sells", lambda: not on_market(bench), MARKET_S)
    assert bench.wallet_json("provider", "pause", "--from", "owner", code=REFUSED)["error"]["data"]["refusal"] == \
        "already_paused"
    bench.wallet_json("provider", "resume", "--from", "owner")
    wait_until("it sells again", lambda: on_market(bench), MARKET_S)


def check_operator(bench, owner):
    """The node's key may run the provider, and touches neither stake nor payout."""
    secret = (bench.data / "keys" / "provider.key").read_text()
    bench.wallet_json("account", "import", "machine", "--key", text=secret)
    by_machine = ["--from", "machine", "--provider", owner]
    bench.wallet_json("provider", "update", "--endpoint", "localhost:1", *by_machine)
    assert provider(bench, owner)["endpoint"] == "localhost:1"
    bench.wallet_json("provider", "update", "--keys-from", f"http://127.0.0.1:{bench.port}", *by_machine)
    assert provider(bench, owner)["endpoint"] == f"127.0.0.1:{bench.port}"
    for words in (["unstake", "5"], ["keys", "--payout", "machine"]):
        answer = bench.wallet_json("provider", *words, *by_machine, code=REFUSED)
        assert answer["error"]["data"]["refusal"] == "not_owner", answer
    stranger = bench.wallet_json("provider", "pause", "--from", "buyer", "--provider", owner, code=REFUSED)
    assert stranger["error"]["data"]["refusal"] == "not_owner_or_operator", stranger


def check_payout(bench, module, owner, savings):
    bench.wallet_json("provider", "keys", "--from", "owner", "--payout", "savings")
    before = bench.balance(savings)
    paid = run_job(bench, module, owner)
    assert bench.balance(savings) == before + paid, "the payout account got something else than the lease was paid"


def main():
    with Bench(pathlib.Path(sys.argv[1])) as bench:
        accounts = {name: bench.wallet_json("account", "new", name)["address"]
                    for name in ("owner", "buyer", "savings", "poor")}
        owner = accounts["owner"]
        # The keys before the node ever ran, and the same from the node.
        printed = subprocess.run([bench.bin / "millraced", "--data-dir", bench.data, "--print-provider-keys"],
                                 env=bench.env, check=True, capture_output=True, text=True).stdout
        printed = dict(line.split("=") for line in printed.splitlines())
        bench.flags += ["--provide-for", owner]
        bench.start()
        keys = bench.rpc("node_keys")
        assert keys == {"operator_account": printed["operator"], "vrf_key": printed["vrf-key"], "provider": owner}, \
            f"{keys} {printed}"
        for name in ("owner", "buyer", "savings"):
            for _ in range(2):
                bench.wallet("faucet", "1000", "--from", name)
        wait_until("the node says that it waits", lambda: "is not registered" in bench.log_tail(), 10)
        assert not on_market(bench)
        check_register(bench, owner, keys)
        wait_until("the provider is on the market", lambda: on_market(bench), MARKET_S)
        module = bench.compile("program", PROGRAM)
        before = bench.balance(owner)
        paid = run_job(bench, module, owner)
        assert bench.balance(owner) == before + paid, f"{bench.balance(owner)} is not {before} and {paid}"
        check_offer(bench, owner)
        check_operator(bench, owner)
        check_payout(bench, module, owner, accounts["savings"])

        # A restarted node goes on; one that is told nothing works for nobody.
        bench.stop()
        bench.start()
        run_job(bench, module, owner)
        bench.stop()
        kept, bench.flags = bench.flags, bench.flags[:-2] + ["--no-provide"]
        bench.start()
        assert bench.rpc("node_keys")["provider"] is None and bench.rpc("node_status")["provider"] is None
        posted = bench.wallet_json("job", "post", module, "--gas", "1G", "--from", "buyer")
        bench.stop()
        bench.flags = kept
        bench.start()
        watched = bench.wallet_json("job", "watch", posted["job"])
        assert watched["succeeded"] == 1, watched

        # With another operator the node has nothing to say.
        bench.wallet_json("provider", "keys", "--from", "owner", "--operator", "savings")
        wait_until("the node says so", lambda: "the operator of" in bench.log_tail(), 10)

        def withdraw():
            done = bench.wallet("--json", "--yes", "provider", "withdraw", "--from", "poor", "--provider", owner,
                                code=None)
            return done.returncode == 0
        bench.wallet("faucet", "1", "--from", "poor")
        before = bench.balance(owner)
        wait_until("what was unstaked has unbonded", withdraw, UNBOND_S)
        assert bench.balance(owner) == before + 5 * NANO
        bench.stop()


if __name__ == "__main__":
    main()
