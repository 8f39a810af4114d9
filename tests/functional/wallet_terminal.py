#!/usr/bin/env python3
"""The wallet on a terminal: prompts for passphrases and for a yes, progress on wide, narrow and dumb terminals, Ctrl-C
while a job runs, a node that is slow, or goes away while it is watched.

usage: wallet_terminal.py BIN_DIR
"""
import pathlib
import re
import signal
import sys
import time

from proxy import Proxy
from support import PASSPHRASE, Bench, wait_until
from terminal import Terminal

CTRL_C, BACKSPACE, CTRL_U = "\x03", "\x7f", "\x15"
USAGE, WRONG_PASSPHRASE, CANCELLED, INTERRUPTED = 2, 6, 9, 130
# Long enough to be seen running.
PROGRAM = r"""
#include <stdlib.h>
int main(int argc, char** argv) {
    const long rounds = argc > 1 ? atol(argv[1]) : 1;
    for (volatile long i = 0; i < rounds; i = i + 1) {}
    return 0;
}
"""
SLOW = "20000000"
SLOW_ANSWER_S = 0.4
STUCK_ANSWER_S = 20


def on_terminal(bench, *words, columns=80, **variables):
    env = {**bench.env, "TERM": "xterm", **variables}
    if "MILLRACE_PASSPHRASE" not in variables:
        env.pop("MILLRACE_PASSPHRASE")
    return Terminal([bench.bin / "millrace", *words], env, bench.folder, columns)


def answer(terminal, prompt, text):
    terminal.expect(prompt)
    terminal.expect_quiet()
    terminal.shown = b""
    terminal.type(text + "\n")


def check_new_account(bench):
    with on_terminal(bench, "account", "new", "buyer") as t:
        answer(t, "Passphrase for the new account: ", PASSPHRASE)
        answer(t, "The same again: ", "another")
        assert t.end() == USAGE and "the two passphrases differ" in t.text(), t.text()
        assert "another" not in t.text() and PASSPHRASE not in t.text()
    with on_terminal(bench, "account", "new", "buyer") as t:
        answer(t, "Passphrase for the new account: ", "")
        assert t.end() == USAGE and "protects nothing" in t.text(), t.text()
    # Ctrl-C at a prompt leaves a terminal that echoes.
    with on_terminal(bench, "account", "new", "buyer") as t:
        t.expect("Passphrase for the new account: ")
        t.expect_quiet()
        t.type("half of it" + CTRL_C)
        assert t.end() == INTERRUPTED, t.text()
        assert "half of it" not in t.text()
    assert bench.wallet_json("account", "list") == [], "an account was written all the same"
    # Typing mistakes can be mended, also in characters of several bytes.
    with on_terminal(bench, "account", "new", "buyer") as t:
        answer(t, "Passphrase for the new account: ", "rubbish" + CTRL_U + PASSPHRASE + "x\u00e4" + BACKSPACE * 2)
        answer(t, "The same again: ", PASSPHRASE)
        t.expect("Write these 24 words down")
        assert t.end() == 0 and t.text().count(PASSPHRASE) == 0, t.text()
    bench.wallet("faucet", "1000")
    # The words open the same account elsewhere.
    with on_terminal(bench, "account", "new", "again") as t:
        answer(t, "Passphrase for the new account: ", PASSPHRASE)
        answer(t, "The same again: ", PASSPHRASE)
        assert t.end() == 0
        words = re.search(r"(?:[a-z]+ ){23}[a-z]+", " ".join(t.text().split())).group()
    bench.wallet_json("account", "import", "copy", text=words + "\n")
    rows = {row["name"]: row["address"] for row in bench.wallet_json("account", "list")}
    assert rows["copy"] == rows["again"] != rows["buyer"], rows
    return rows


def check_send(bench, to):
    with on_terminal(bench, "send", to, "1", "--from", "buyer") as t:
        answer(t, 'Passphrase of account "buyer": ', "wrong")
        assert t.end() == WRONG_PASSPHRASE and 'wrong passphrase for account "buyer"' in t.text(), t.text()
    for typed, code in (("n", CANCELLED), ("", CANCELLED), ("maybe", CANCELLED), ("y", 0)):
        with on_terminal(bench, "send", to, "1", "--from", "buyer") as t:
            answer(t, 'Passphrase of account "buyer": ', PASSPHRASE)
            t.expect("[y/N]")
            assert t.echoes(), "a question without a secret is not echoed"
            t.type(typed + "\n")
            assert t.end() == code, t.text()
    assert bench.balance(to) == 10**9, "not exactly one payment was made"


def lines_of(t):
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9]*[Km]", "", t.text()))


def check_bar(bench, module):
    for columns in (60, 200):
        with on_terminal(bench, "job", "run", module, "--gas", "1G", "--tasks", "3", "--from", "buyer", "--yes",
                         columns=columns, MILLRACE_PASSPHRASE=PASSPHRASE) as t:
            assert t.end() == 0, t.text()
        bars = [line for line in lines_of(t) if "%" in line]
        assert any("100%" in line and "3 settled" in line for line in bars), t.text()
        assert "\r\x1b[K" in t.text(), "the bar is not drawn over itself"
        wide = [line for line in bars if len(line) >= columns]
        assert not wide, f"wider than {columns}: {wide}"
    for variables in ({"TERM": "dumb"}, {"NO_COLOR": "1", "TERM": "dumb"}):
        with on_terminal(bench, "job", "run", module, "--gas", "1G", "--from", "buyer", "--yes",
                         MILLRACE_PASSPHRASE=PASSPHRASE, **variables) as t:
            assert t.end() == 0, t.text()
        assert "\x1b" not in t.text() and "done: 1 of 1" in t.text(), t.text()
    # On a narrow terminal nothing of a table is cut, and no word of a sentence is torn.
    job = bench.wallet_json("job", "list", "--from", "buyer")[-1]["id"]
    for columns in (40, 60):
        with on_terminal(bench, "job", "list", "--from", "buyer", columns=columns, NO_COLOR="1") as t:
            assert t.end() == 0
        assert re.search(rf"^JOB +{job}\r$", t.text(), re.MULTILINE), t.text()
        with on_terminal(bench, "account", "show", "nobody", columns=columns) as t:
            assert t.end() == 5
        long = [line for line in lines_of(t) if len(line) > columns and "/" not in line]
        assert not long and "shows all" in " ".join(t.text().split()), t.text()
    with on_terminal(bench, "job", "list", "--from", "buyer", columns=200, NO_COLOR="1") as t:
        assert t.end() == 0 and re.search(rf"^{job}  closed", t.text(), re.MULTILINE), t.text()
    with on_terminal(bench, "account", "list", NO_COLOR="1") as t:
        assert t.end() == 0 and "\x1b" not in t.text(), t.text()
    with on_terminal(bench, "account", "list") as t:
        assert t.end() == 0 and "\x1b[1m" in t.text(), "the head of a table is not bold"


def check_slow_node(bench, module):
    """A node whose every answer takes its time: the job is run and paid, and the bar says meanwhile what goes on."""
    with Proxy(bench.port) as proxy:
        proxy.delay_s = SLOW_ANSWER_S
        with on_terminal(bench, "job", "run", module, "--gas", "1G", "--from", "buyer", "--yes",
                         MILLRACE_PASSPHRASE=PASSPHRASE, MILLRACE_NODE=proxy.url) as t:
            assert t.end(120) == 0, t.text()
            assert "100%" in t.text() and "1 settled" in t.text(), t.text()
            assert "no answer" not in t.text(), t.text()
        # Ctrl-C does not wait for the answer that is under way.
        proxy.delay_s = STUCK_ANSWER_S
        asked = proxy.arrived
        with on_terminal(bench, "account", "show", "buyer", MILLRACE_NODE=proxy.url) as t:
            wait_until("the question arrives", lambda: proxy.arrived > asked, 30)
            begun = time.monotonic()
            t.type(CTRL_C)
            assert t.end() in (INTERRUPTED, -signal.SIGINT), t.text()
            assert time.monotonic() - begun < STUCK_ANSWER_S / 2, "Ctrl-C waited for the node"


def check_interrupt(bench, module):
    """Ctrl-C in `job run`, before and after the job is posted; what it says goes on watching."""
    with on_terminal(bench, "job", "run", module, "--gas", "10G", "--from", "buyer",
                     MILLRACE_PASSPHRASE=PASSPHRASE) as t:
        t.expect("[y/N]")
        t.type(CTRL_C)
        assert t.end() in (INTERRUPTED, -signal.SIGINT), t.text()
    before = len(bench.wallet_json("job", "list", "--from", "buyer"))
    with on_terminal(bench, "job", "run", module, "--gas", "10G", "--from", "buyer", "--yes", "--", SLOW,
                     MILLRACE_PASSPHRASE=PASSPHRASE) as t:
        t.expect("running")
        t.type(CTRL_C)
        assert t.end() == INTERRUPTED, t.text()
    job = re.search(r"job watch ([0-9a-f]{64})", t.text().replace("\r\n", "")).group(1)
    assert len(bench.wallet_json("job", "list", "--from", "buyer")) == before + 1
    return job


def check_restart(bench, job):
    """The node goes and comes while it is watched: the watching goes on."""
    with on_terminal(bench, "job", "watch", job) as t, on_terminal(bench, "job", "watch", job, "--verify") as proven:
        for watching in (t, proven):
            watching.expect("running")
        bench.stop()
        for watching in (t, proven):
            watching.expect("no answer")
        bench.start()
        for watching in (t, proven):
            assert watching.end(90) == 0, watching.text()
            assert "1 of 1 succeeded" in watching.text(), watching.text()
    # Nobody there from the start is another matter.
    bench.stop()
    with on_terminal(bench, "job", "watch", job) as t:
        assert t.end() == 3 and "no node answers" in t.text(), t.text()


def main():
    with Bench(pathlib.Path(sys.argv[1])) as bench:
        bench.start()
        rows = check_new_account(bench)
        check_send(bench, rows["again"])
        bench.wait_for_provider()
        module = bench.compile("program", PROGRAM)
        check_bar(bench, module)
        check_slow_node(bench, module)
        check_restart(bench, check_interrupt(bench, module))


if __name__ == "__main__":
    main()
