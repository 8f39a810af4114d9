#!/usr/bin/env python3
"""Says what happened to a job: summary.py JOB.json BLOCK.json BALANCE_BEFORE BALANCE_AFTER

JOB.json is what `millrace job run --json` printed, BLOCK.json what `millrace chain block N --json` prints of the block that
the job names as `closed`; balances are in credits. Each lot of the job must hold one task.
"""
import json
import math
import sys

NANO = 10**9
COLUMNS = 4


def credits(nano):
    return f"{nano / NANO:.9f}"


def main():
    job = json.load(open(sys.argv[1]))
    block = json.load(open(sys.argv[2]))
    if block["header"]["height"] != job["closed"]:
        sys.exit(f'{sys.argv[2]} is not block {job["closed"]}, in which the job closed')
    before, after = float(sys.argv[3]), float(sys.argv[4])
    price = int(job["price_high"])
    cells = []
    total = 0
    for task in job["task_list"]:
        # What a lot is paid: gas used times the clearing price, rounded up once.
        pay = math.ceil(task["result"]["gas"] * price / NANO)
        total += pay
        cells.append(f'{task["task"]:>4} {task["result"]["gas"] / 1e6:>9.3f} {pay / NANO:.6f}')
    if job["price_low"] == job["price_high"] and total != int(job["paid"]):
        sys.exit(f'the tasks add up to {total} nano-credits, the ledger paid {job["paid"]}')
    print("   ".join([f'{"task":>4} {"Mgas":>9} {"credits":<8}'] * COLUMNS))
    for at in range(0, len(cells), COLUMNS):
        print("   ".join(cells[at:at + COLUMNS]))
    print()
    rows = [
        ("job", job["job"]),
        ("tasks", f'{job["succeeded"]} of {job["tasks"]} done and paid'),
        ("clearing price", f"{credits(price)} credits per Ggas"),
        ("paid", f'{credits(int(job["paid"]))} credits for {int(job["gas"]):,} gas: the sum of the tasks above'),
        ("came back", f'{credits(int(job["refunded"]))} of {credits(int(job["posted"]["cost"]["total"]))} credits held at most'),
        ("balance", f"{before:.6f} credits before, {after:.6f} after (the rest of the difference: fees, module, storage)"),
        ("posted", f'in block {job["posted"]["block"]}'),
        ("final", f'all of it by block {job["closed"]}, {block["hash"]} (millrace chain block {job["closed"]})'),
    ]
    for name, value in rows:
        print(f"{name:<16}{value}")


if __name__ == "__main__":
    main()
