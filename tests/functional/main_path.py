#!/usr/bin/env python3
"""From a module on disk to a paid job: posted by the wallet, auctioned, run, paid, and seen over RPC.

usage: main_path.py BIN_DIR
"""
import pathlib
import sys

from support import Bench, RpcError

GGAS = 10**9
GAS = 2 * GGAS
BASIS = 10_000

# What it does depends on its argument: ends well, with exit code 3, with a trap, or never.
PROGRAM = r"""
#include <stdio.h>
#include <string.h>
int main(int argc, char** argv) {
    const char* what = argc > 1 ? argv[1] : "well";
    FILE* in = fopen("/in/words.txt", "r");
    FILE* out = fopen("/result.txt", "w");
    if (in == 0 || out == 0) return 9;
    for (int c; (c = getc(in)) != EOF;) putc(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c, out);
    fclose(out);
    printf("doing %s\n", what);
    fprintf(stderr, "to the other stream\n");
    fflush(stdout);
    if (strcmp(what, "badly") == 0) return 3;
    if (strcmp(what, "trap") == 0) __builtin_trap();
    for (volatile int i = 0; strcmp(what, "never") == 0;) i = i + 1;
    return 0;
}
"""
# Writes 3 MiB into two files, or says that the disk is full.
FULL = 28
FILLER = r"""
#include <errno.h>
#include <stdio.h>
int main(void) {
    static char block[1500];
    FILE* out[2] = {fopen("/a.bin", "w"), fopen("/b.bin", "w")};
    for (int i = 0; i < 2 << 10; ++i)
        if (fwrite(block, sizeof block, 1, out[i % 2]) != 1 || fflush(out[i % 2]) != 0)
            return errno == ENOSPC ? 28 : 9;
    return 0;
}
"""
WORDS = "one path from end to end\n"

# (argument, gas limit, exit code of the wallet, end, exit code of the task)
CASES = [
    ("well", GAS, 0, "exited", 0),
    ("badly", GAS, 8, "exited", 3),
    ("trap", GAS, 8, "trapped", None),
    ("never", GGAS // 4, 8, "out_of_gas", None),
]


def ceil_div(a, b):
    return -(-a // b)


def number(value):
    return int(value)


def grossed_up(ask, fee_bp):
    """What the buyer pays a Ggas so that the provider gets its ask after the fee (auction.md, part 1)."""
    return ceil_div(ask * BASIS, BASIS - fee_bp)


def check_supply(bench, genesis):
    """Nothing is made or lost but what is issued and burnt; gives the burnt."""
    now = bench.genesis_money()
    assert now == genesis, f"supply + burnt - issued was {genesis}, is {now}"
    return number(bench.rpc("chain_state")["state"]["burnt"])


def run_case(bench, account, genesis, module, case):
    argument, gas, wallet_code, end, task_code = case
    before, burnt_before = bench.balance(account), check_supply(bench, genesis)
    output = bench.folder / f"out_{argument}"
    answer = bench.wallet_json("job", "run", module, "--gas", gas, "--input", bench.folder / "in", "--output", output,
                               "--", argument, code=wallet_code)
    if wallet_code != 0:
        assert answer["error"]["exit"] == wallet_code and "did not succeed" in answer["error"]["message"], answer
        answer = answer["error"]["data"]
    posted = answer["posted"]

    status = bench.rpc("tx_status", hash=posted["transaction"])
    assert status["state"] == "final" and status["receipt"]["refusal"] == "none", status
    job = bench.rpc("job_get", job=posted["job"])
    assert job["job"]["state"] == "closed" and job["tasks_settled"] == 1, job
    (task,) = bench.rpc("job_tasks", job=posted["job"])
    assert task["state"] == "settled" and len(task["claims"]) == 1, task
    claim = task["claims"][0]["result"]
    assert claim["end"] == end, claim
    assert task_code is None or claim["code"] == task_code, claim
    assert end != "out_of_gas" or number(claim["gas"]) == gas, claim

    (lease_id,) = task["leases"]
    lease = bench.rpc("lease_get", lease=lease_id)["lease"]
    provider = bench.rpc("provider_get", provider=lease["provider"])["provider"]
    fee_bp = bench.rpc("chain_state")["params"]["auction"]["market_fee_bp"]
    ask = min(number(step["price"]) for step in provider["ask"]["steps"])
    price = number(lease["price"])
    assert price == grossed_up(ask, fee_bp), f"price {price}, ask {ask}, fee {fee_bp} bp"

    pay = ceil_div(number(claim["gas"]) * price, GGAS)
    assert number(job["job"]["paid"]) == pay, f"paid {job['job']['paid']}, expected {pay}"
    # The fee is rounded down, in the provider's favour, and burnt.
    fee = pay * fee_bp // BASIS
    assert number(lease["paid"]) == pay - fee, f"provider got {lease['paid']} of {pay}, fee {fee}"
    burnt = check_supply(bench, genesis)
    assert burnt - burnt_before >= fee, "the task's fee was not burnt"
    assert number(job["job"]["escrow"]) == 0, job
    spent = before - bench.balance(account)
    assert spent >= pay, f"spent {spent}, paid {pay}"

    tails = bench.rpc("blob_get_tails", tails=claim["tails"])
    assert bytes.fromhex(tails["out"]) == f"doing {argument}\n".encode(), tails
    assert bytes.fromhex(tails["err"]) == b"to the other stream\n", tails
    result = list(output.rglob("result.txt"))
    # Only a task that ends by itself leaves an output.
    expected = [WORDS.upper()] if end == "exited" else []
    assert [f.read_text() for f in result] == expected, f"{result}"
    print(f"{argument}: {end}, gas {claim['gas']}, price {price}, paid {pay}, fee {fee}")


def run_into_output_cap(bench):
    """A program that writes more than the buyer pays to keep finds its disk full; what fitted is kept."""
    module = bench.compile("filler", FILLER)
    output = bench.folder / "out_filler"
    answer = bench.wallet_json("job", "run", module, "--gas", GAS, "--output-mib", 1, "--output", output, code=8)
    (task,) = bench.rpc("job_tasks", job=answer["error"]["data"]["posted"]["job"])
    claim = task["claims"][0]["result"]
    assert (claim["end"], claim["code"]) == ("exited", FULL), claim
    kept = sum(f.stat().st_size for f in output.rglob("*") if f.is_file())
    assert kept == 1 << 20, f"{kept} bytes of output"


def main():
    with Bench(pathlib.Path(sys.argv[1])) as bench:
        bench.start()
        genesis = bench.genesis_money()
        account = bench.open_account()
        (bench.folder / "in").mkdir()
        (bench.folder / "in" / "words.txt").write_text(WORDS)
        module = bench.compile("program", PROGRAM)
        for case in CASES:
            run_case(bench, account, genesis, module, case)
        jobs = bench.rpc("job_list", buyer=account)
        assert len(jobs) == len(CASES), f"{len(jobs)} jobs"
        run_into_output_cap(bench)
        try:
            bench.rpc("job_get", job="0" * 64)
            raise AssertionError("a job that never was is there")
        except RpcError as error:
            assert error.code == -32001, error
        bench.stop()


if __name__ == "__main__":
    main()
