#!/usr/bin/env python3
"""`--json` of every command of the wallet: standard output is exactly one JSON value, with the fields that scripts need, and
standard error says nothing of it; a failure is one value too. The list of commands comes from the wallet itself, so that
a new command without a row here fails. On the way: offline signing, programs with standard input and environment, logs,
verification, completion in three shells, the manual page.

usage: wallet_json.py BIN_DIR
"""
import csv
import decimal
import io
import json
import pathlib
import re
import shutil
import subprocess
import sys

from support import PASSPHRASE, Bench, wait_until
from terminal import Terminal

NANO = 10**9
# Rounds of a loop that take some seconds.
# Some seconds of a release build: long enough to be watched, and still told of at several boundaries.
LONG = "60000000"
WORDS = "abandon " * 11 + "about\n"
# Shows what it was given, and ends with the code that it is told.
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char** argv) {
    char line[64] = "";
    if (argc > 2) {  // a long task: says a word, then works
        printf("working\n");
        fflush(stdout);
        for (volatile long i = 0; i < atol(argv[2]); i = i + 1) {}
    }
    fgets(line, sizeof line, stdin);
    printf("read %s", line);
    printf("COLOUR is %s\n", getenv("COLOUR") ? getenv("COLOUR") : "not set");
    fprintf(stderr, "task %s of %s\n", getenv("MILLRACE_TASK"), getenv("MILLRACE_TASKS"));
    FILE* out = fopen("/out.txt", "w");
    fprintf(out, "%s\n", getenv("MILLRACE_TASK"));
    return argc > 1 ? atoi(argv[1]) : 0;
}
"""


class Checked:
    """Runs commands under --json and remembers which."""

    def __init__(self, bench):
        self.bench, self.paths = bench, leaves(bench)
        self.seen, self.failed = set(), set()

    def path_of(self, words):
        path = "millrace"
        for word in words:
            if f"{path} {word}" not in self.paths and not any(p.startswith(f"{path} {word} ") for p in self.paths):
                break
            path = f"{path} {word}"
        return path

    def run(self, *words, code=0, text=""):
        done = self.bench.wallet("--json", "--yes", *words, code=code, text=text)
        value = json.loads(done.stdout)
        assert done.stdout.count(b"\n") == 1, f"{words}: more than one line\n{done.stdout}"
        path = self.path_of([str(w) for w in words if not str(w).startswith("-")])
        assert path in self.paths, f"{words} is no command: {path}"
        if code == 0:
            self.seen.add(path)
        else:
            self.failed.add(path)
            assert value["error"]["exit"] == code and len(value["error"]["message"]) > 10, value
        return value

    def result_of_exit(self, *words, code):
        """A command that ends with its program's code and still prints its result."""
        done = self.bench.wallet("--json", *words, code=code)
        return json.loads(done.stdout)


def completion(bench, shell):
    return bench.wallet("completion", shell).stdout.decode()


def leaves(bench):
    """Every command that has none below it, as the completion for bash lists them."""
    paths = {"millrace"} | set(re.findall(r'^    "(millrace[^"]*)"\)', completion(bench, "bash"), re.MULTILINE))
    return {p for p in paths if not any(q.startswith(p + " ") for q in paths)}


def check_accounts(c):
    alice = c.run("account", "new", "default")
    assert len(alice["phrase"].split()) == 24 and alice["address"].startswith("tmill1"), alice
    carl = c.run("account", "import", "carl", text=WORDS)
    assert c.run("account", "import", "dora", "--number", "1", text=WORDS)["address"] != carl["address"]
    c.run("account", "import", "carl", text=WORDS, code=7)
    c.run("account", "new", "default", code=7)
    watched = c.run("account", "watch", "cold", carl["public_key"])
    assert watched["address"] == carl["address"] and watched["kind"] == "watch", watched
    c.run("account", "watch", "cold2", "12", code=7)
    assert len(c.run("account", "list")) == 4
    c.run("account", "show", "nobody", code=5)
    assert c.run("faucet", "1000")["fee"] == "0"
    c.run("faucet", "much", code=2)
    c.run("send", carl["address"], "100")
    c.run("send", "tmill1x", "100", code=7)
    assert c.run("account", "show", "carl")["balance"] == str(100 * NANO)
    return alice, carl


def check_usage(c):
    """A command line that is wrong is a failure like any other."""
    for words in (["--json"], ["--json", "nonsense"], ["job", "--json"], ["send", "--json"], ["--json", "job", "show"],
                  ["--json", "job", "show", "12", "--none"], ["--json", "account", "history", "--limit", "0"],
                  ["--json", "market", "quote", "--lots", "many"], ["job", "list", "--json", "--", "x"],
                  ["--json", "--verify=perhaps", "chain", "status"]):
        done = c.bench.wallet(*words, code=2)
        value = json.loads(done.stdout)
        assert done.stdout.count(b"\n") == 1 and done.stderr == b"", (words, done)
        assert value["error"]["exit"] == 2 and len(value["error"]["message"]) > 10, value
    # Behind `--` it is the program's.
    done = c.bench.wallet("job", "post", "none.wasm", "--", "--json", code=5)
    assert done.stdout == b"" and done.stderr.startswith(b"millrace: "), done


def nano(credits):
    return int(decimal.Decimal(credits) * NANO)


def check_history(c, alice, carl):
    """What came less what went is the balance, in both formats; an export has every row."""
    rows = c.run("account", "history", "default", "--limit", "1000")
    assert rows["older"] == 0 and rows["since"] == 0, rows
    moved = sum(int(r["in"]) - int(r["out"]) for r in rows["rows"])
    assert moved == c.bench.balance(alice["address"]), f"{moved}, {rows['rows']}"
    assert carl["address"] in [r["other"] for r in rows["rows"]], rows
    newest = c.run("account", "history", "default", "--limit", "1")
    assert newest["rows"] == rows["rows"][-1:] and newest["older"] == len(rows["rows"]) - 1, newest
    c.run("account", "history", "nobody", code=5)
    exported = c.run("account", "export", "default")
    table = list(csv.DictReader(io.StringIO(exported["csv"], newline="")))
    assert exported["rows"] == len(table) == len(rows["rows"]), exported
    assert sum(nano(r["in_credits"]) - nano(r["out_credits"]) for r in table) == moved, table
    assert [r["transaction"] for r in table] == [r["transaction"] or "" for r in rows["rows"]]
    file = c.bench.folder / "default.csv"
    assert c.run("account", "export", alice["address"], "--out", file)["rows"] == len(table)
    plain = c.bench.wallet("account", "export", "default").stdout
    assert file.read_bytes() == exported["csv"].encode() == plain, "three ways of one export differ"
    c.run("account", "export", "default", "--out", file, code=7)
    c.run("account", "export", "default", "--out", file, "--overwrite")
    c.run("account", "export", "default", "--out", c.bench.folder / "none" / "x.csv", code=7)
    c.run("account", "export", "nobody", code=5)


def check_export(c, kind, whose, nobody):
    """What `history` shows of a job or a provider is in its export, row by row, and nobody's leaves no file."""
    rows = c.run(kind, "history", whose, "--limit", "1000")["rows"]
    assert rows and c.run(kind, "history", whose, "--limit", "1")["rows"][0]["height"] >= rows[-1]["height"], rows
    exported = c.run(kind, "export", whose)
    table = list(csv.DictReader(io.StringIO(exported["csv"], newline="")))
    # A provider's goes on between two calls.
    assert exported["rows"] == len(table) >= len(rows), exported
    for row, line in zip(rows, table):
        assert (line["block"], line["index"]) == (str(row["height"]), str(row["index"])), line
        assert line["what"] == row["what"], line
        assert nano(line["in_credits"]) == int(row["in"]) and nano(line["out_credits"]) == int(row["out"]), line
        assert (line["lease"], line["job"], line["chunk"]) == \
            (row["lease"] or "", row["job"] or "", "" if row["chunk"] is None else str(row["chunk"])), line
    file = c.bench.folder / f"{kind}.csv"
    assert c.run(kind, "export", whose, "--out", file)["rows"] >= len(table)
    assert file.read_bytes().startswith(exported["csv"].encode()), "two ways of one export differ"
    c.run(kind, "export", whose, "--out", file, code=7)
    none = c.bench.folder / "none.csv"
    for command in (["history"], ["export"], ["export", "--out", none]):
        c.run(kind, *command, nobody, code=5)
    assert not list(c.bench.folder.glob("none.csv*")), "an export of nothing is left"
    done = c.bench.wallet(kind, "export", nobody, code=5)
    assert done.stdout == b"", done


def check_offline(c, alice, carl):
    """A watch-only account's payment: made here, signed in another keystore without a node, sent from anywhere."""
    bench = c.bench
    c.run("send", alice["address"], "1", "--from", "cold", code=7)
    made = c.run("send", alice["address"], "1", "--from", "cold", "--dry-run")
    assert bench.balance(carl["address"]) == 100 * NANO, "a dry run has moved money"
    unsigned, signed = bench.folder / "tx.json", bench.folder / "signed.json"
    unsigned.write_text(json.dumps(made))
    shown = c.run("tx", "show", unsigned)
    assert shown["from"] == carl["address"] and not shown["is_signed"], shown
    # Whoever signs without a node reads credits and a date.
    text = bench.wallet("tx", "show", unsigned).stdout.decode()
    assert re.search(r"^amount +1 credits$", text, re.M) and re.search(r"^expires +20\d\d-", text, re.M), text
    assert shown["tx"]["body"]["amount"] in (NANO, str(NANO)), shown
    c.run("tx", "send", unsigned, code=7)
    away = ["--keystore", bench.folder / "away", "--node", "http://127.0.0.1:1"]
    c.run("tx", "sign", unsigned, *away, code=5)
    bench.wallet(*away, "account", "import", "carl", text=WORDS)
    signed.write_text(json.dumps(c.run("tx", "sign", unsigned, *away)))
    c.run("tx", "sign", signed, *away, code=7)
    sent = c.run("tx", "send", signed)
    after = bench.balance(carl["address"])
    assert after == 99 * NANO - int(sent["fee"]), f"{after}, fee {sent['fee']}"
    assert c.run("tx", "show", signed)["transaction"] == sent["transaction"] and not sent["already"], sent
    # Sending it twice pays once, and says that it is paid: who is told to try again signs anew.
    assert c.run("tx", "send", signed) == {**sent, "already": True}
    # On another chain nothing is signed and sent, whether or not answers are checked.
    other = ["--chain", "1" * 64]
    c.run("tx", "sign", unsigned, *away, *other, code=7)
    c.run("tx", "send", signed, *other, code=7)
    c.run("send", alice["address"], "1", "--from", "carl", *other, code=7)
    c.run("account", "show", "--chain", "zz", code=7)
    c.run("account", "list", "--chain", "zz", code=7)
    c.run("account", "show", "carl", "--chain", bench.rpc("node_status")["chain"])
    forged = json.loads(signed.read_text())
    forged["signed_tx"] = forged["signed_tx"][:-2] + ("00" if forged["signed_tx"][-2:] != "00" else "01")
    signed.write_text(json.dumps(forged))
    c.run("tx", "send", signed, code=4)
    c.run("tx", "show", bench.folder / "none.json", code=7)
    assert bench.balance(carl["address"]) == after
    return sent


def check_programs(c, module, broken):
    text = c.bench.folder / "line.txt"
    text.write_text("a line\n")
    done = c.run("run", module, "--stdin", text, "--env", "COLOUR=blue", "--task", "2", "--tasks", "3")
    assert done["stdout"] == "read a line\nCOLOUR is blue\n" and done["stderr"] == "task 2 of 3\n", done
    assert c.result_of_exit("run", module, "--", "3", code=3)["code"] == 3
    spent = c.result_of_exit("run", module, "--gas", "10", code=8)
    assert spent["end"] == "out_of_gas" and spent["code"] is None and "exit_code" not in spent, spent
    c.run("run", "none.wasm", code=7)
    assert c.run("check", module)["ok"]
    assert not c.run("check", broken, code=7)["error"]["data"]["ok"]
    image = c.run("module", "publish", module, "--days", "2")["image"]
    assert c.run("module", "publish", module)["already"]
    c.run("module", "publish", broken, code=7)
    c.run("module", "renew", image, "--days", "1")
    c.run("module", "renew", "00" * 32, code=5)
    assert image in [row["image"] for row in c.run("module", "list")]
    return image, text


def check_running(c, image):
    """A long task tells how far it is before it ends: in the logs, and in the lines of `job watch`."""
    job = c.run("job", "post", image, "--gas", "60G", "--", "0", LONG)["job"]

    def running():
        rows = json.loads(c.bench.wallet("--json", "job", "logs", job, code=None).stdout)
        return rows if isinstance(rows, list) and rows[0].get("gas_used") else None
    row = wait_until("the task tells how far it is", running, 60)[0]
    assert row["task"] == 0 and row["end"] == "running" and 0 < row["gas_used"] < row["gas_limit"] == 60 * NANO, row
    assert bytes.fromhex(row["tails"]["out"]).endswith(b"working\n"), row
    watched = c.bench.wallet("job", "watch", job)
    lines = [line for line in watched.stderr.decode().splitlines() if line.startswith("running")]
    shares = [int(s) for s in re.findall(r"task 0: (\d+)% of its gas", watched.stderr.decode())]
    assert shares and shares == sorted(shares) and shares[-1] > 0, watched.stderr
    assert len(lines) <= 12, f"chatty: {lines}"
    assert c.run("job", "logs", job)[0]["end"] == "exit 0"


def check_jobs(c, image, text):
    posted = c.run("job", "post", image, "--tasks", "2", "--gas", "1G", "--stdin", text, "--env", "COLOUR=red")
    job = posted["job"]
    ended = c.run("job", "watch", job)
    assert ended["succeeded"] == 2 and ended["closed"] > posted["block"], ended
    rows = c.run("job", "history", job, "--limit", "1000")["rows"]
    assert rows[0]["height"] == posted["block"] and rows[-1]["height"] == ended["closed"], rows
    assert rows[-1]["what"] == "job_closed" and "lease_settled" in [r["what"] for r in rows], rows
    c.run("job", "history", "12", code=7)
    check_export(c, "job", job, "00" * 32)
    c.run("job", "export", "12", code=7)
    assert "has ended" in c.run("job", "explain", job)["sentence"]
    output = c.bench.folder / "out"
    fetched = c.run("job", "fetch", job, "--output", output)
    assert fetched["output"]["files"] == 2 and (output / "task-00001" / "out.txt").read_text() == "1\n", fetched
    assert (output / "task-00000.stdout").read_text() == "read a line\nCOLOUR is red\n"
    c.run("job", "fetch", job, "--output", output, code=7)
    c.run("job", "fetch", job, "--output", output, "--overwrite")
    logs = c.run("job", "logs", job)
    assert [row["task"] for row in logs] == [0, 1] and logs[0]["end"] == "exit 0", logs
    assert bytes.fromhex(logs[1]["tails"]["err"]) == b"task 1 of 2\n", logs
    assert [row["agrees"] for row in c.run("job", "verify", job, "--all")["tasks"]] == [True, True]
    assert len(c.run("job", "verify", job)["tasks"]) == 1
    check_blobs(c, job)
    assert c.run("job", "show", job, "--tasks")["job_view"]["id"] == job
    ran = c.run("job", "run", image, "--gas", "1G", "--", "3", code=8)
    assert ran["error"]["data"]["exited_nonzero"] == 1, ran
    assert c.run("job", "run", image, "--gas", "1G")["succeeded"] == 1
    # One that nobody takes at its price.
    waits = c.run("job", "post", image, "--gas", "30G", "--max-price", "0.001")["job"]
    why = c.run("job", "explain", waits)
    assert (why["reason"], why["filled"], why["left"]) == ("below_price", 0, 1), why
    assert int(why["price_needed"]) > 1_000_000 and c.run("market", "explain", waits)["advice"] == why["advice"], why
    assert c.run("job", "topup", waits, "2")["spare"] == str(2 * NANO)
    assert c.run("job", "raise", waits, "--max-price", "0.002")["limit"] in (2_000_000, "2000000")
    c.run("job", "raise", waits, "--max-price", "0.001", code=4)
    wait_until("it may be cancelled", lambda: c.bench.wallet("--json", "--yes", "job", "cancel", waits, code=None)
               .returncode == 0, 30)
    c.seen.add("millrace job cancel")
    check_running(c, image)
    for command in ("watch", "show", "logs", "verify", "explain"):
        c.run("job", command, "00" * 32, code=5)
    c.run("job", "cancel", waits, code=4)
    c.run("job", "topup", "12", "1", code=7)
    rows = c.run("job", "list")
    assert [row["job"]["state"] for row in rows] == ["closed"] * 3 + ["cancelled", "closed"], rows


def check_blobs(c, job):
    """Files and folders to the node and back; a job's data pinned and let go."""
    folder = c.bench.folder / "blobs"
    folder.mkdir()
    (folder / "a").write_bytes(b"a" * 300_000)
    file = c.run("blob", "put", folder / "a")
    assert file["bytes"] == 300_000 and c.run("blob", "put", folder / "a")["moved"] == 0, file
    back = c.bench.folder / "back"
    assert c.run("blob", "get", file["id"], "--output", back)["bytes"] == 300_000
    assert back.read_bytes() == b"a" * 300_000
    c.run("blob", "get", file["id"], "--output", back, code=7)
    root = c.run("blob", "put", folder)["root"]
    c.run("blob", "get", root, "--folder", "--output", c.bench.folder / "folder")
    assert (c.bench.folder / "folder" / "a").read_bytes() == b"a" * 300_000
    c.run("blob", "get", "00" * 32, "--output", c.bench.folder / "none", code=5)
    assert c.run("blob", "pin", job)["job"] == job
    assert [pin["job"] for pin in c.run("blob", "pins")] == [job]
    c.run("blob", "unpin", job)
    c.run("blob", "unpin", job, code=5)
    c.run("blob", "pin", "00" * 32, code=5)


def check_market(c, sent):
    assert c.run("market", "book")["asks_total"] == 1
    assert len(c.run("market", "prices")) == 1
    assert c.run("market", "quote", "--lots", "2", "--gas", "1G")["lots"] == 2
    c.run("market", "quote", "--gas", "much", code=2)
    status = c.run("chain", "status")
    block = c.run("chain", "block", str(sent["block"]))
    assert sent["transaction"] in [receipt["transaction"] for receipt in block["receipts"]]
    assert c.run("chain", "block", block["hash"])["header"]["height"] == sent["block"] <= status["node"]["height"]
    c.run("chain", "block", "00" * 32, code=5)
    assert c.run("chain", "tx", sent["transaction"])["status"]["state"] == "final"
    c.run("chain", "tx", "00" * 32, code=5)
    assert c.run("rpc", "chain_block", f"height={sent['block']}")["hash"] == block["hash"]
    assert c.run("rpc", "chain_block", json.dumps({"hash": block["hash"]}))["hash"] == block["hash"]
    c.run("rpc", "chain_tail", code=1)


def check_provider(c):
    own = c.run("rpc", "node_keys")["provider"]
    assert c.run("provider", "list")[0]["id"] == own
    assert c.run("provider", "show", own)["id"] == own
    assert c.run("market", "explain", own) == c.run("provider", "explain", own) and \
        c.run("provider", "explain", own)["sentence"]
    check_export(c, "provider", own, "carl")
    c.run("provider", "explain", code=5)
    c.run("market", "explain", "nobody", code=5)
    c.run("market", "explain", "00" * 32, code=5)
    c.run("provider", "show", code=5)
    c.run("provider", "register", "--stake", "1", "--step", "5:1", code=4)
    # Nobody buys at this price, so that no lease of it is missed.
    c.run("faucet", "1000")
    c.run("faucet", "1000")
    c.run("provider", "register", "--stake", "1001", "--step", "500:1")
    c.run("provider", "ask", "--step", "400:1", "--step", "500:1")
    c.run("provider", "update", "--endpoint", "localhost:1")
    c.run("provider", "keys", "--payout", "carl")
    c.run("provider", "stake", "5")
    c.run("provider", "unstake", "5")
    c.run("provider", "withdraw", code=4)
    c.run("provider", "pause")
    c.run("provider", "resume")
    c.run("provider", "resume", code=4)


def check_fish(c, script):
    """Each line of the script for fish names the whole path of the command that it is for, and each command has its
    lines under its own path: `show` of accounts offers nothing of `job show`."""
    own = {}
    pattern = re.compile(r"complete -c millrace (?:-f )?-n '__fish_millrace_at ([^']+)' (?:-a|-l) (\S+) -d '")
    for line in script.splitlines():
        if found := pattern.match(line):
            own.setdefault(found[1], set()).add(found[2])
        else:
            assert "-n" not in line.split(), f"a condition that is no path: {line}"
    assert own.keys() >= c.paths, f"nothing for {c.paths - own.keys()}"
    for path in c.paths:
        parent, _, leaf = path.rpartition(" ")
        assert leaf in own[parent], f"{parent} does not offer {leaf}"
    assert "tasks" in own["millrace job show"] and "tasks" not in own["millrace account show"], own
    if shutil.which("fish") is None:
        print("SKIPPED: fish is not installed")
        return
    file = c.bench.folder / "completion.fish"
    file.write_text(script)

    def offered(line):
        done = subprocess.run(["fish", "--no-config", "-c", f"source {file}; complete -C '{line}'"], env=c.bench.env,
                              cwd=c.bench.folder, capture_output=True, text=True, check=True)
        return {row.split("\t")[0].lstrip("-") for row in done.stdout.splitlines()}
    everywhere = offered("millrace --")
    for line, path in (("account show", "account show"), ("--json job show", "job show"), ("job list", "job list"),
                       ("module list", "module list"), ("provider explain", "provider explain"),
                       # An account may be called like a group.
                       ("account show job", "account show"), ("send provider show", "send")):
        assert offered(f"millrace {line} --") == everywhere | own[f"millrace {path}"], line
    assert offered("millrace job ") == own["millrace job"] - {"help"}
    assert offered("millrace ") == {p.split()[1] for p in c.paths}


# How each shell is started without its user's settings, and made ready to complete.
SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], "source {}"),
    "zsh": (["-f", "-i"], "autoload -U compinit; compinit -u -D; source {}"),
    "fish": (["--no-config", "-i"], "source {}"),
}


def check_shells(c):
    """The scripts in the shells themselves, on a terminal: half a word and the tab key make a command that works."""
    bench = c.bench
    check_fish(c, c.run("completion", "fish")["script"])
    for shell, (flags, setup) in SHELLS.items():
        script = bench.folder / f"completion.{shell}"
        script.write_text(c.run("completion", shell)["script"])
        program = shutil.which(shell)
        if program is None:
            print(f"SKIPPED: {shell} is not installed")
            continue
        env = {**bench.env, "TERM": "xterm", "PATH": f"{bench.bin}:{bench.env['PATH']}"}
        with Terminal([program, *flags], env, bench.folder, columns=200) as t:
            t.type(setup.format(script) + "; echo rea''dy\n")
            t.expect("ready")
            for half, expected in (("job wat", "Show progress until"), ("market quo", "What the next clearing would take"),
                                   ("send --hel", "Pay credits to an account")):
                t.type(f"millrace {half}\t" + ("" if "--" in half else "--help") + "\n")
                t.expect(expected)
            t.type("exit\n")
            t.end()
    c.run("completion", "bash")


def check_page(c):
    page = c.bench.folder / "millrace.1"
    page.write_text(c.run("man")["page"])
    if shutil.which("groff") is None:
        print("SKIPPED: groff is not installed")
        return
    done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", page], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    shown = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)
    missing = [path for path in c.paths if not re.search(rf"^ +{re.escape(path)}$", shown, re.MULTILINE)]
    assert not missing, f"not in the manual page: {missing}"
    assert re.search(r"^ +--passphrase-file", shown, re.MULTILINE) and "130" in shown


def main():
    with Bench(pathlib.Path(sys.argv[1])) as bench:
        bench.start()
        module = bench.compile("program", PROGRAM)
        broken = bench.folder / "broken.wasm"
        broken.write_bytes(module.read_bytes()[:-9])
        bench.wait_for_provider()
        c = Checked(bench)
        check_usage(c)
        alice, carl = check_accounts(c)
        sent = check_offline(c, alice, carl)
        check_history(c, alice, carl)
        image, text = check_programs(c, module, broken)
        check_jobs(c, image, text)
        check_market(c, sent)
        check_provider(c)
        check_shells(c)
        check_page(c)
        never = c.paths - c.seen - {"millrace provider withdraw"}
        assert not never, f"no row here for {sorted(never)}"
        print(f"{len(c.paths)} commands, {len(c.failed)} of them on bad input too")
        assert PASSPHRASE not in bench.log_tail()
        bench.stop()


if __name__ == "__main__":
    main()
