#!/usr/bin/env python3
"""Every method of rpc_discover on a real node: called with its example and with what is really there, by name and by
position; answers as their schemas say; each error code that a caller can meet, met.

usage: rpc.py BIN_DIR
"""
import http.client
import json
import pathlib
import sys

import schema
from support import Bench, post, wait_until
from transfers import Account

ENDS_THE_NODE = "node_stop"
ONCE = {"node_token_create"}  # a second one of the same name is refused
ONLY_ERRORS = {"tx_send", "node_subscribe", "node_unsubscribe", "node_token_revoke"}  # called elsewhere with success
NOT_FOUND, REFUSED, INVALID_PARAMS = -32001, -32002, -32602
PROGRAM = "int main(void) { return 0; }\n"


def put_blob(bench, content):
    connection = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=10)
    connection.request("PUT", "/blob", content)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["id"]


def post_as_owner(bench, body):
    """With the cookie, so that the methods that administer are answered as well."""
    connection = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=10)
    cookie = (bench.data / "rpc.cookie").read_text().strip()
    connection.request("POST", "/", body, {"Content-Type": "application/json", "Authorization": f"Bearer {cookie}"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def call(bench, method, params):
    """Gives the result, or the error's code where the example names what is not there."""
    answer = post_as_owner(bench, json.dumps({"jsonrpc": "2.0", "id": method["name"], "method": method["name"],
                                              "params": params}))
    assert answer["id"] == method["name"], answer
    bench.check_answer(method["name"], answer)
    if "error" in answer:
        assert len(answer["error"]["message"]) > 10, f"no sentence: {answer}"
        return answer["error"]["code"]
    trouble = schema.check(answer["result"], method["result"]["schema"])
    assert trouble is None, f"{method['name']}({json.dumps(params)}): {trouble}"
    return answer["result"]


def call_examples(bench, methods):
    """Each example is called as it stands and comes out as it says: with a result of its schema, or with its error.
    Gives the methods whose example shows an error."""
    failing = set()
    for name, method in methods.items():
        required = {p["name"] for p in method["params"] if p["required"]}
        (example,) = method["examples"]
        params = {p["name"]: p["value"] for p in example["params"]}
        assert required <= set(params), f"{name}: its example lacks {required - set(params)}"
        for param in method["params"]:
            if param["name"] in params:
                trouble = schema.check(params[param["name"]], param["schema"])
                assert trouble is None, f"{name}: its example does not fit its schema: {trouble}"
        if name == ENDS_THE_NODE:
            continue
        expected = example.get("x-error", {}).get("code")
        result = call(bench, method, params)
        assert (result if isinstance(result, int) else None) == expected, f"{name}: its example gives {result}"
        if expected is not None:
            failing.add(name)
        # The same by position, as far as the example gives them from the first on.
        names = [p["name"] for p in method["params"]]
        if list(params) == names[:len(params)] and name not in ONCE:
            again = call(bench, method, list(params.values()))
            assert isinstance(again, int) == isinstance(result, int), f"{name}: by position {again}, by name {result}"
    return failing


def make_something(bench):
    """A job that has ended, so that there is one of everything; gives parameters for each method that needs it."""
    buyer = bench.open_account()
    module = bench.compile("program", PROGRAM)
    done = bench.wallet_json("job", "run", module, "--gas", "100M")
    job = done["posted"]["job"]
    (task,) = bench.rpc("job_tasks", job=job)
    view = bench.rpc("job_get", job=job)
    spec = view["spec"]
    listed = bench.rpc("job_list", buyer=view["job"]["buyer"])
    assert [(row["id"], row["closed"]) for row in listed] == [(job, view["closed"])] and view["closed"], listed
    transaction = {"hash": done["posted"]["transaction"]}
    blob = put_blob(bench, module.read_bytes())
    return {
        "blob_get_tails": {"tails": task["claims"][0]["result"]["tails"]},
        "blob_get_tree": {"root": task["claims"][0]["result"]["output_root"]},
        "blob_have": {"id": blob},
        "blob_status": {"id": blob},
        "blob_chunks": {"id": blob},
        "blob_pin": {"job": job},
        "blob_pins": {},
        "blob_unpin": {"job": job},
        "chain_block": {"height": done["posted"]["block"]},
        "job_cost": {"spec": spec},
        "account_history": {"account": buyer, "limit": 2},
        "job_get": {"job": job},
        "job_history": {"job": job, "from": {"height": 1, "index": 0}},
        "market_clearing": {},
        "market_explain": {"job": job},
        "job_list": {"buyer": buyer},
        "job_tasks": {"job": job},
        "lease_get": {"lease": task["leases"][0]},
        "module_announce": {"blob": blob},
        "module_get": {"image": spec["image"]},
        "module_list": {},
        "state_account": {"account": buyer},
        "tx_get": transaction,
        "tx_status": transaction,
    }


def check_leases(bench):
    """A provider's leases page by page are those of one long page."""
    provider = bench.rpc("node_status")["provider"]
    bench.wallet("job", "run", bench.folder / "program.wasm", "--gas", "100M", "--tasks", "3", "--tasks-per-lot", "1",
                 "--yes")
    leases = [row["id"] for row in bench.rpc("provider_leases", provider=provider)]
    assert len(leases) >= 3 and leases == sorted(leases), leases
    seen, more = [], {}
    while page := bench.rpc("provider_leases", provider=provider, limit=2, **more):
        assert len(page) <= 2, page
        seen += [row["id"] for row in page]
        more = {"from": seen[-1]}
    assert seen == leases, f"{seen} by page, {leases} at once"


def check_errors(bench):
    def code_of(body):
        answer = post(bench.port, body)
        assert answer["jsonrpc"] == "2.0" and len(answer["error"]["message"]) > 5, answer
        print(f"  {answer['error']['code']}: {answer['error']['message']}")
        return answer["error"]["code"]

    def request(method, params):
        return json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})

    poor = Account(bench.rpc("node_status")["chain"])
    forged = poor.transfer(0, poor.address, 1)[:-2] + "00"
    rows = [
        (-32700, "{\"jsonrpc\": "),
        (-32700, "{} x"),
        (-32600, "[]"),
        (-32600, "{\"jsonrpc\": \"1.0\", \"id\": 1, \"method\": \"chain_head\"}"),
        (-32600, "[" * 100 + "]" * 100),
        (-32601, request("chain_tail", {})),
        (-32004, " " * (5 << 20)),
        (-32602, request("chain_block", {"height": "first"})),
        (-32602, request("chain_block", {"depth": 1})),
        (-32602, request("chain_block", [1, "00" * 32, 3])),
        (-32602, request("job_get", {})),
        (-32602, request("tx_send", {"tx": "00"})),
        (-32001, request("chain_block", {"height": 10**9})),
        (-32001, request("job_get", {"job": "00" * 32})),
        (-32001, request("job_tasks", {"job": "00" * 32})),
        (-32002, request("tx_send", {"tx": Account("00" * 32).transfer(0, bytes(20), 1)})),
        (-32002, request("tx_send", {"tx": forged})),
        (-32002, request("tx_send", {"tx": poor.transfer(0, poor.address, 1)})),
    ]
    for code, body in rows:
        got = code_of(body)
        assert got == code, f"{body[:100]}: {got}, not {code}"


def check_batch(bench):
    calls = [{"jsonrpc": "2.0", "id": 1, "method": "chain_head"}, {"jsonrpc": "2.0", "method": "chain_head"},
             {"jsonrpc": "2.0", "id": "x", "method": "nothing"}, 5]
    answers = post(bench.port, json.dumps(calls))
    assert [a["id"] for a in answers] == [1, "x", None], answers
    assert [a.get("error", {}).get("code") for a in answers] == [None, -32601, -32600], answers


def check_money(bench):
    """The history of each account adds up to its balance, page by page."""
    provider = bench.rpc("node_status")["provider"]
    buyer = bench.wallet_json("account", "show", "buyer")["address"]
    for account in (provider, buyer):
        def adds_up():
            before = bench.balance(account)
            total, at = 0, {"height": 0, "index": 0}
            while at:
                page = bench.rpc("account_history", **{"account": account, "from": at, "limit": 3})
                assert len(page["rows"]) <= 3 and page["since"] == 0, page
                total += sum(int(r["in"]) - int(r["out"]) for r in page["rows"])
                at = page["next"]
            # A block between the two readings tells nothing.
            assert total == before or bench.balance(account) != before, (account, total, before)
            return total == before
        wait_until(f"the history of {account} adds up", adds_up, 10)


def check_metrics(bench):
    """Prometheus' text format: each family has help, type and one number; the figures are those of the RPC."""
    connection = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=10)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    values = dict(line.split() for line in lines if not line.startswith("#"))
    for name, value in values.items():
        assert f"# TYPE {name} gauge" in lines or f"# TYPE {name} counter" in lines, name
        assert any(line.startswith(f"# HELP {name} ") for line in lines) and float(value) >= 0, name
    assert 0 < float(values["millrace_chain_height"]) <= bench.rpc("chain_head")["header"]["height"], values
    assert float(values["millrace_market_asks"]) == 1 and float(values["millrace_rpc_requests_total"]) > 10, values
    assert float(values["process_resident_memory_bytes"]) > 1e6 and float(values["process_open_fds"]) > 5, values


def main():
    with Bench(pathlib.Path(sys.argv[1])) as bench:
        bench.start()
        wait_until("the provider is registered", lambda: bench.rpc("provider_list"), 20)
        methods = {m["name"]: m for m in bench.rpc("rpc_discover")["methods"]}
        failing = call_examples(bench, methods)
        real = make_something(bench)
        assert failing <= set(real) | ONLY_ERRORS, f"nothing is called for {failing - set(real) - ONLY_ERRORS}"
        for name, params in real.items():
            result = call(bench, methods[name], params)
            assert not isinstance(result, int), f"{name}({json.dumps(params)}) gives {result}"
        print(f"{len(methods)} methods; examples of {sorted(failing)} show an error")
        check_leases(bench)
        check_errors(bench)
        check_batch(bench)
        check_money(bench)
        check_metrics(bench)
        assert call(bench, methods[ENDS_THE_NODE], {}) == {"stopping": True}
        assert bench.node.wait(timeout=10) == 0


if __name__ == "__main__":
    main()
