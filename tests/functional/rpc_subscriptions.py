#!/usr/bin/env python3
"""Subscriptions over WebSocket: each of the five topics tells what happens, in order, with a place to resume from;
resuming from there gives exactly what was not seen; a client that does not read is told so, where to resume, and closed,
while another goes on undisturbed.

usage: rpc_subscriptions.py BIN_DIR
"""
import json
import pathlib
import sys
import time

import schema
from support import Bench, wait_until
from transfers import Account
from websocket import TEXT, Closed, WebSocket

SLOW_MS = 3000
BEGINNING = {"height": 0, "index": 0}
PROGRAM = "int main(void) { return 0; }\n"


def place(cursor):
    return cursor["height"], cursor["index"]


def take(ws, subscription, is_enough, schemas, limit=5000):
    """Notifications of one subscription until one is enough; checks their form and order."""
    out = []
    while len(out) < limit:
        message = ws.notification()
        assert message["method"] == "node_subscription", message
        params = message["params"]
        if params["subscription"] != subscription:
            continue
        trouble = schema.check(params["item"], schemas[params["topic"]])
        assert trouble is None, f"{params['topic']}: {trouble}"
        assert not out or place(out[-1]["resume"]) < place(params["resume"]) or params["topic"] == "tx", params
        out.append(params)
        if is_enough(params["item"]):
            return out
    raise AssertionError("too many notifications")


def page_all(bench, method, **params):
    rows, at = [], BEGINNING
    while at:
        page = bench.rpc(method, **params, **{"from": at, "limit": 3})
        rows += page["rows"]
        at = page["next"]
    return rows


def check_topics(bench, schemas):
    buyer = bench.open_account()
    module = bench.compile("program", PROGRAM)
    sender = Account(bench.rpc("node_status")["chain"])
    bench.wallet("send", sender.text(), 10, "--yes")
    with WebSocket(bench.port) as ws:
        done = bench.wallet_json("job", "run", module, "--gas", "100M")
        job = done["posted"]["job"]
        life = ws.subscribe("job", id=job, **{"from": BEGINNING})
        rows = take(ws, life, lambda row: row["what"] == "job_closed", schemas)
        assert [r["item"] for r in rows] == page_all(bench, "job_history", job=job)[:len(rows)]
        assert bench.rpc("job_get", job=job)["closed"] == rows[-1]["item"]["height"]
        # Resumed after any of them, the rest comes, and nothing else.
        middle = len(rows) // 2
        again = ws.subscribe("job", id=job, **{"from": rows[middle]["resume"]})
        rest = take(ws, again, lambda row: row["what"] == "job_closed", schemas)
        assert [r["item"] for r in rest] == [r["item"] for r in rows[middle + 1:]]

    with WebSocket(bench.port) as ws:
        account = ws.subscribe("account", id=buyer, **{"from": BEGINNING})
        last = page_all(bench, "account_history", account=buyer)[-1]
        rows = take(ws, account, lambda row: row == last, schemas)
        money = sum(int(r["item"]["in"]) - int(r["item"]["out"]) for r in rows)
        assert money == bench.balance(buyer), (money, bench.balance(buyer))
        clearings = ws.subscribe("clearings", **{"from": BEGINNING})
        traded = take(ws, clearings, lambda row: row["leases"] > 0, schemas)[-1]["item"]
        kept = bench.rpc("market_clearing", number=traded["clearing"])
        assert kept["clearing"] == traded and kept["fills"][0]["job"] == job, kept
        history = bench.rpc("market_history", class_id=traded["classes"][0]["result"]["class_id"])
        assert any(row["clearing"] == traded["clearing"] for row in history["rows"]), history

        heads = ws.subscribe("heads", **{"from": BEGINNING})
        seen = take(ws, heads, lambda item: item["header"]["height"] == 5, schemas)
        assert [s["item"]["header"]["height"] for s in seen] == list(range(6))
        assert ws.call("node_unsubscribe", subscription=heads)["result"] == {"unsubscribed": True}
        assert ws.call("node_unsubscribe", subscription=heads)["error"]["code"] == -32001

    with WebSocket(bench.port) as ws:
        sent = bench.rpc("tx_send", tx=sender.transfer(0, sender.address, 1))["hash"]
        watch = ws.subscribe("tx", id=sent)
        final = take(ws, watch, lambda item: item["state"] == "final", schemas)[-1]
        assert final["last"] and final["item"]["receipt"]["transaction"] == sent, final
        assert ws.call("node_unsubscribe", subscription=watch)["error"]["code"] == -32001
        for wrong in ({"topic": "heads", "id": "00"}, {"topic": "tx"}, {"topic": "job", "id": "xx"},
                      {"topic": "weather"}):
            assert ws.call("node_subscribe", **wrong)["error"]["code"] == -32602, wrong


def check_slow_client(bench):
    """One reads nothing, one reads all."""
    wait_until("there are blocks to tell of", lambda: bench.rpc("node_status")["height"] > 30, 60)
    with WebSocket(bench.port, receive_buffer=4096, timeout=30) as slow, WebSocket(bench.port) as quick:
        quick.subscribe("heads")
        for i in range(64):
            slow.send_frame(TEXT, json.dumps({"jsonrpc": "2.0", "id": i, "method": "node_subscribe", "params":
                                              {"topic": "heads", "from": BEGINNING}}).encode())
        end = time.monotonic() + SLOW_MS / 1000 * 1.5
        count = 0
        while time.monotonic() < end:
            quick.notification()
            count += 1
        assert count > 0
        # It reads on: what was sent before, then the last word, then the close.
        seen = {}
        farewell = None
        try:
            while True:
                message = slow.notification()
                if "method" not in message:
                    assert "result" in message, message
                    continue
                if message["method"] == "node_subscription_end":
                    farewell = message["params"]
                    continue
                assert farewell is None, "something after the last word"
                params = message["params"]
                seen[params["subscription"]] = params["resume"]
        except Closed as closed:
            assert closed.code == 1013, closed
        assert farewell and farewell["reason"] == "too_slow", farewell
        resume = {one["subscription"]: one["from"] for one in farewell["resume"]}
        assert set(seen) <= set(resume) and resume, farewell
        for number, at in resume.items():
            assert at == seen.get(number, BEGINNING), (number, at, seen.get(number))
    # Resuming where it was told loses nothing and repeats nothing.
    number, at = sorted(resume.items())[0]
    with WebSocket(bench.port) as again:
        again.subscribe("heads", **{"from": at})
        first = again.notification()["params"]["item"]["header"]["height"]
        assert first == at["height"] + (1 if at["index"] else 0), (first, at)


def check_limit(bench):
    with WebSocket(bench.port) as ws:
        for _ in range(60):
            ws.subscribe("clearings")
        for _ in range(4):
            ws.subscribe("clearings")
        assert ws.call("node_subscribe", topic="clearings")["error"]["code"] == -32008
    with WebSocket(bench.port) as ws:
        batch = ws.call("node_subscribe", topic="heads")
        assert "result" in batch


def main():
    with Bench(pathlib.Path(sys.argv[1]), "--rpc-slow-client-ms", str(SLOW_MS)) as bench:
        bench.start()
        schemas = bench.rpc("rpc_discover")["x-notifications"]
        check_topics(bench, schemas)
        check_limit(bench)
        check_slow_client(bench)
        assert bench.stop() < 4


if __name__ == "__main__":
    main()
