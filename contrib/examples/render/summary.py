#!/usr/bin/env python3
"""Says what happened to a job: summary.py JOB.json CHAIN.json BALANCE_BEFORE BALANCE_AFTER

JOB.json is what `millrace job run --json` printed, CHAIN.json what `millrace chain status --json` printed after it;
balances are in credits.
"""
import json
import math
import sys

NANO = 10**9


def credits(nano):
    return f"{nano / NANO:.9f}"


def main():
    job = json.load(open(sys.argv[1]))
    chain = json.load(open(sys.argv[2]))["node"]
    before, after = float(sys.argv[3]), float(sys.argv[4])
    price = int(job["price_high"])
    gas = sorted(task["result"]["gas"] for task in job["task_list"])
    # A lot is paid once, rounded up; here each lot is one task.
    pay = sorted(math.ceil(g * price / NANO) for g in gas)
    middle = len(gas) // 2
    rows = [
        ("job", job["job"]),
        ("tasks", f'{job["succeeded"]} of {job["tasks"]} done and paid'),
        ("clearing price", f"{credits(price)} credits per Ggas"),
        ("gas a task", f"{gas[0]:,} least, {gas[middle]:,} middle, {gas[-1]:,} most"),
        ("credits a task", f"{credits(pay[0])} least, {credits(pay[middle])} middle, {credits(pay[-1])} most"),
        ("paid", f'{credits(int(job["paid"]))} credits for {int(job["gas"]):,} gas'),
        ("came back", f'{credits(int(job["refunded"]))} of {credits(int(job["posted"]["cost"]["total"]))} credits held at most'),
        ("balance", f"{before:.6f} credits before, {after:.6f} after (the rest of the difference: fees, module, storage)"),
        ("final", f'in block {chain["height"]}, {chain["head"][:16]}…'),
    ]
    for name, value in rows:
        print(f"{name:<16}{value}")


if __name__ == "__main__":
    main()
