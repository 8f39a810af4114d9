#!/usr/bin/env python3
"""A disk that is full, fails to sync or to read, and damaged files: the node goes on or stops as documented.

usage: disk_faults.py BIN_DIR FAULTY_DISK_LIBRARY

Each case puts one fault under one kind of write or read of a running node (a preloaded library; no privileges needed),
and takes it away again. A fault of the ledger's disk stops the node with exit code 6 and a sentence; any other is told
to whom it concerns, and the node goes on. In all cases nothing that was final is lost, and the next job is paid.
"""
import errno
import http.client
import json
import pathlib
import signal
import sys
import threading
import time

from support import STOP_S as SIGNAL_S, Bench, get, wait_until

STOP_S = 30
PAID_S = 60
FAULT = 6
DATA_FOLDER = 2
LATE = 7

# Each job's output is its own: what a store has already it does not write again.
PROGRAM = r"""
#include <stdio.h>
#include <unistd.h>
int main(void) {
    unsigned char bytes[8];
    if (getentropy(bytes, sizeof bytes) != 0) return 1;
    FILE* out = fopen("/x.txt", "w");
    fwrite(bytes, 1, sizeof bytes, out);
    return fclose(out);
}
"""


class FaultyBench(Bench):
    """A bench whose node runs on a disk that fails as `fail` says."""

    def __init__(self, bin_dir, library):
        super().__init__(bin_dir)
        self.rules = self.folder / "rules"
        self.node_env = {"LD_PRELOAD": str(library), "FAULTY_DISK": str(self.rules)}

    def fail(self, operation, part, code):
        fresh = self.rules.with_suffix(".new")
        fresh.write_text(f"{operation} {part} {code}\n")
        fresh.rename(self.rules)

    def heal(self):
        self.rules.unlink(missing_ok=True)

    def put_blob(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("PUT", "/blob", body)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


def pay(bench):
    bench.wallet("send", bench.buyer, 1, "--yes", "--quiet", code=None)


def job_is_paid(bench):
    """Posts a job and waits for its end; every fault is over."""
    done = bench.wallet_json("job", "run", bench.module, "--gas", "100M")
    assert bench.rpc("job_get", job=done["posted"]["job"])["tasks_settled"] == 1, done


def ledger_fault(bench, operation, part, code):
    """The node must stop by itself, and lose nothing."""
    before = bench.final_blocks()
    bench.new_log()
    bench.fail(operation, part, code)
    pay(bench)
    ended = bench.node.wait(timeout=STOP_S)
    log = bench.new_log()
    bench.heal()
    assert ended == FAULT, f"{operation} {part}: ended with {ended}\n{log}"
    assert "the ledger" in log and "disk" in log, log
    bench.start()
    after = bench.final_blocks()
    assert all(after.get(h) == block for h, block in before.items()), "a final block is gone"
    job_is_paid(bench)


def hanging_sync(bench):
    """A disk that hangs does not keep the node from ending in time, and nothing final is lost."""
    before = bench.final_blocks()
    bench.new_log()
    bench.fail("sync", "ledger/", -30)
    # Waits for a block that does not come, until the node is gone.
    payment = threading.Thread(target=pay, args=(bench,))
    payment.start()
    wait_until("the payment waits", lambda: bench.rpc("node_status")["waiting_transactions"] > 0, STOP_S)
    time.sleep(1)
    bench.node.send_signal(signal.SIGTERM)
    ended, log = bench.ends_with(SIGNAL_S)
    bench.heal()
    assert ended == LATE and "nothing final is lost" in log, (ended, log)
    bench.start()
    assert bench.final_blocks().items() >= before.items(), "a final block is gone"
    payment.join()
    job_is_paid(bench)


def blob_fault(bench):
    bench.fail("write", "blobs/", errno.ENOSPC)
    status, sentence = bench.put_blob(b"x" * 100_000)
    bench.heal()
    assert status in (500, 507), (status, sentence)
    assert "space" in sentence or "room" in sentence, sentence
    incoming = list((bench.data / "blobs" / "incoming").iterdir())
    assert not incoming, f"half-written: {incoming}"
    status, answer = bench.put_blob(b"x" * 100_000)
    assert status in (200, 201), (status, answer)
    job_is_paid(bench)


def provider_fault(bench, part):
    """A provider that cannot write does not commit to what it may lose; the job waits and is paid when it can."""
    bench.new_log()
    bench.fail("write", part, errno.ENOSPC)
    posted = bench.wallet_json("job", "post", bench.module, "--gas", "100M", "--max-price", "0.02")
    told = wait_until(f"the log tells of {part}", lambda: "space" in bench.log_text()[bench.log_seen:].lower(), STOP_S)
    assert told and bench.node.poll() is None, "the node ended"
    bench.heal()

    def is_settled():
        return bench.rpc("job_get", job=posted["job"])["tasks_settled"] == 1
    wait_until("the job is paid", is_settled, PAID_S)


def first_start_fault(bin_dir, library):
    """No room for the first files: a sentence, the documented exit code, and a good start afterwards."""
    with FaultyBench(bin_dir, library) as bench:
        for part in ("keys/", "genesis.json", "ledger/"):
            bench.fail("write", part, errno.ENOSPC)
            bench.new_log()
            bench.launch()
            ended = bench.node.wait(timeout=STOP_S)
            log = bench.new_log()
            # RocksDB itself may give up before it can return an error.
            assert ended == DATA_FOLDER or part == "ledger/" and ended == FAULT, f"{part}: ended with {ended}\n{log}"
            assert "space" in log.lower() or "disk" in log, log
            bench.heal()
        bench.start()
        bench.stop()


def read_fault(bench):
    """A ledger that cannot be read: never a wrong answer, never "not there"; a start says what to do."""
    good = bench.final_blocks()
    bench.stop()
    bench.start()  # what was in the log is in tables now, which are read
    bench.new_log()
    bench.fail("read", "ledger/", errno.EIO)
    serves_no_other(bench, good)
    if bench.node.poll() is None:
        bench.kill()
    bench.new_log()
    bench.launch()
    code, log = bench.ends_with(STOP_S)
    bench.heal()
    assert code == DATA_FOLDER and "ledger" in log and "disk" in log, (code, log)
    bench.start()
    assert bench.final_blocks().items() >= good.items()
    job_is_paid(bench)


def serves_no_other(bench, good):
    """The node answers as before, or ends with the code of a fault and a sentence about the ledger."""
    try:
        read = bench.final_blocks()
        assert all(read.get(h) == block for h, block in good.items()), "a changed block was served"
        return
    except (OSError, http.client.HTTPException):
        pass
    code, log = bench.ends_with(STOP_S)
    assert code == FAULT and "ledger" in log, (code, log)


def blob_read_fault(bench):
    status, answer = bench.put_blob(bytes(range(256)) * 5000)
    assert status == 200, answer
    blob = json.loads(answer)["id"]
    bench.fail("read", "blobs/", errno.EIO)
    try:
        status, body = get(bench.port, f"/blob/{blob}")
        assert status == 500 and b"cannot be read" in body, (status, body)
    except (OSError, http.client.HTTPException):
        pass  # cut short, which a client sees by the length
    bench.heal()
    assert get(bench.port, f"/blob/{blob}") == (200, bytes(range(256)) * 5000)


def damaged_module(bench):
    """A byte of the module's file changes: no result is made of it, and it can be sent again."""
    content = pathlib.Path(bench.module).read_bytes()
    files = [f for f in (bench.data / "blobs").glob("*/*") if f.read_bytes() == content]
    assert len(files) == 1, files
    bench.new_log()
    files[0].write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    posted = bench.wallet_json("job", "post", bench.module, "--gas", "100M", "--max-price", "0.02")
    # Where the wallet has looked after its module itself, it is whole again; else the provider finds out and waits.
    wait_until("the damage is told", lambda: "is damaged on the disk and was removed" in bench.log_text()[bench.log_seen:],
               STOP_S)
    assert bench.put_blob(content)[0] == 200
    wait_until("the job is paid", lambda: bench.rpc("job_get", job=posted["job"])["tasks_settled"] == 1, PAID_S)


def cut_journal(bench):
    """The journal's entry of a lease between commit and reveal is cut: named and refused; whole again, it is revealed."""
    posted = bench.wallet_json("job", "post", bench.module, "--gas", "100M", "--max-price", "0.02")
    (entry,) = wait_until("a lease is in the journal", lambda: list((bench.data / "provider").glob("*.lease")), PAID_S)
    bench.kill()
    assert entry.exists(), "the lease was over before the kill"
    whole = entry.read_bytes()
    entry.write_bytes(whole[:len(whole) // 2])
    bench.new_log()
    bench.launch()
    code, log = bench.ends_with(STOP_S)
    assert code == DATA_FOLDER and entry.name in log and "Move the file away" in log, (code, log)
    entry.write_bytes(whole)
    bench.start()
    wait_until("the job is paid", lambda: bench.rpc("job_get", job=posted["job"])["tasks_settled"] == 1, PAID_S)


def damaged_ledger(bench, kind, place):
    """A byte of the database changes while the node is down: it must never answer from damage, nor lose a block.

    Tables are there after a stop, the log after a kill."""
    good = bench.final_blocks()
    if kind == "*.sst":
        bench.stop()
    else:
        job_is_paid(bench)
        good = bench.final_blocks()
        bench.kill()
    files = sorted((bench.data / "ledger").glob(kind), key=lambda p: p.stat().st_size)
    assert files, f"the ledger has no {kind} to damage"
    victim = files[-1]
    whole = victim.read_bytes()
    at = int(len(whole) * place)
    victim.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1:])
    bench.new_log()
    bench.launch()
    wait_until("it answers or ends", lambda: bench.node.poll() is not None or bench_answers(bench), STOP_S)
    if bench.node.poll() is None:
        serves_no_other(bench, good)
        if bench.node.poll() is None:
            bench.kill()
    else:
        log = bench.new_log()
        assert bench.node.returncode in (DATA_FOLDER, FAULT) and "ledger" in log, (bench.node.returncode, log)
    if victim.exists():
        victim.write_bytes(whole)
        bench.start()
        assert bench.final_blocks().items() >= good.items(), "a final block is gone"
        return
    bench.start()  # it was read to its end before it was put away: nothing of it was lost, as was seen


def bench_answers(bench):
    try:
        return get(bench.port, "/ready")[0] == 200
    except OSError:
        return False


def main():
    bin_dir, library = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    first_start_fault(bin_dir, library)
    print("first start: no room is told, nothing half-made", flush=True)
    with FaultyBench(bin_dir, library) as bench:
        bench.start()
        bench.buyer = bench.open_account()
        bench.module = str(bench.compile("small", PROGRAM))
        bench.wallet("module", "publish", bench.module, "--days", 7, "--yes")
        for operation, code in (("write", errno.ENOSPC), ("write", errno.EIO), ("sync", errno.EIO)):
            ledger_fault(bench, operation, "ledger/", code)
            print(f"ledger: {operation} fails with {errno.errorcode[code]}: stops, loses nothing", flush=True)
        hanging_sync(bench)
        print("ledger: sync hangs: stops in time, loses nothing", flush=True)
        blob_fault(bench)
        print("blobs: a full disk is told, nothing half-written", flush=True)
        blob_read_fault(bench)
        print("blobs: a read that fails is told or cut short", flush=True)
        damaged_module(bench)
        print("blobs: a damaged module makes no result and is sent again", flush=True)
        for part in ("provider/", "trees/"):
            provider_fault(bench, part)
            print(f"{part}: a full disk delays, the job is paid", flush=True)
        cut_journal(bench)
        print("a journal that was cut is named, and whole again it is used", flush=True)
        read_fault(bench)
        print("a ledger that cannot be read is never answered from", flush=True)
        for kind, place in (("*.sst", 0.1), ("*.sst", 0.33), ("*.sst", 0.7), ("*.log", 0.2), ("*.log", 0.5)):
            damaged_ledger(bench, kind, place)
        job_is_paid(bench)
        bench.stop()
        print("a damaged ledger is never served", flush=True)


if __name__ == "__main__":
    main()
