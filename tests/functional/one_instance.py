#!/usr/bin/env python3
"""One folder, one node: what a second start, a folder of another version and a taken port answer; and a stop and a
kill in the middle of a long task, after which the next start goes on with the same lease.

usage: one_instance.py BIN_DIR
"""
import ctypes
import ctypes.util
import pathlib
import socket
import subprocess
import sys

from support import Bench, is_alive, wait_until, workers_of

REFUSED_S = 30

# Short enough to end soon after the restart, long enough to be met running.
PROGRAM = r"""
#include <stdio.h>
int main(int argc, char** argv) {
    unsigned x = 1;
    for (unsigned i = 0; i < 100000000u; ++i) x = x * 1664525u + 1013904223u + (x >> 7);
    printf("%u\n", x);
    return 0;
}
"""


def refused(bench, code, word, port=None, data=None):
    """A start that must end by itself with this exit code and a sentence; else as the bench's own."""
    command = bench.command()
    for flag, value in (("--rpc-port", port or "0"), ("--data-dir", data or bench.data)):
        command[command.index(flag) + 1] = str(value)
    done = subprocess.run(command, env=bench.env, capture_output=True, text=True, timeout=REFUSED_S)
    assert done.returncode == code, f"ended with {done.returncode}, not {code}: {done.stdout}{done.stderr}"
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("millraced: ") and word in last, f"no sentence with \"{word}\": {done.stderr}"
    print(f"exit {code}: {last.replace(str(bench.folder), 'DIR')}")


def second_start(bench):
    refused(bench, 3, "another millraced uses")
    assert bench.is_ready(), "the first node did not survive a second one's start"


def write_version(ledger, version):
    """Writes another data version into a ledger, by RocksDB's C interface."""
    name = ctypes.util.find_library("rocksdb")
    assert name, "no librocksdb on this machine"
    db = ctypes.CDLL(name)
    for function in ("rocksdb_options_create", "rocksdb_writeoptions_create", "rocksdb_list_column_families",
                     "rocksdb_open_column_families"):
        getattr(db, function).restype = ctypes.c_void_p
    error = ctypes.c_char_p()
    count = ctypes.c_size_t()
    path = str(ledger).encode()
    options = ctypes.c_void_p(db.rocksdb_options_create())
    listed = db.rocksdb_list_column_families(options, path, ctypes.byref(count), ctypes.byref(error))
    assert not error.value, error.value
    names = ctypes.cast(listed, ctypes.POINTER(ctypes.c_char_p * count.value)).contents
    handles = (ctypes.c_void_p * count.value)()
    each_options = (ctypes.c_void_p * count.value)(*[options] * count.value)
    opened = ctypes.c_void_p(db.rocksdb_open_column_families(options, path, ctypes.c_int(count.value), names,
                                                             each_options, handles, ctypes.byref(error)))
    assert not error.value, error.value
    meta = ctypes.c_void_p(handles[list(names).index(b"default")])
    key = b"data_version"
    db.rocksdb_put_cf(opened, ctypes.c_void_p(db.rocksdb_writeoptions_create()), meta, key,
                      ctypes.c_size_t(len(key)), version, ctypes.c_size_t(len(version)), ctypes.byref(error))
    assert not error.value, error.value
    for handle in handles:
        db.rocksdb_column_family_handle_destroy(ctypes.c_void_p(handle))
    db.rocksdb_close(opened)


def another_version(bench):
    with Bench(bench.bin) as old:
        old.start()
        old.stop()
        write_version(old.data / "ledger", b"999")
        refused(bench, 4, "data version 999", data=old.data)


def port_taken(bench):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused(bench, 5, port, port=port, data=bench.folder / "other")


def stop_in_a_task(bench):
    bench.open_account()
    module = bench.compile("long", PROGRAM)
    job = bench.wallet_json("job", "post", module, "--gas", "60G")["job"]
    (worker,) = wait_until("a worker runs", lambda: workers_of(bench.node.pid), 30)
    (task,) = bench.rpc("job_tasks", job=job)
    leases = task["leases"]
    assert task["state"] == "leased" and len(leases) == 1, task
    # Neither a connection at rest nor a request that never ends may hold up a stop.
    at_rest, half_sent = (socket.create_connection(("127.0.0.1", bench.port)) for _ in range(2))
    half_sent.sendall(b"PUT /blob HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbegin")
    with at_rest, half_sent:
        seconds = bench.stop()
    assert not is_alive(worker), "the worker goes on without its node"
    print(f"stopped in {seconds:.2f} s with a task running")
    bench.start()
    (worker,) = wait_until("the task runs again", lambda: workers_of(bench.node.pid), 30)
    bench.kill()
    wait_until("a killed node's worker is gone", lambda: not is_alive(worker), 5)
    bench.start()
    view = wait_until("the job ends", lambda: ended(bench, job), 60)
    assert view["tasks_settled"] == 1, view
    (task,) = bench.rpc("job_tasks", job=job)
    assert task["leases"] == leases and task["attempts"] <= 1, f"the lease was missed: {task}, before {leases}"
    assert bench.rpc("lease_get", lease=leases[0])["lease"]["state"] == "settled"
    assert task["claims"][0]["result"]["code"] == 0, task
    left = list((bench.data / "blobs" / "incoming").iterdir())
    assert not left, f"the cut upload left {left}"


def ended(bench, job):
    view = bench.rpc("job_get", job=job)
    return view if view["tasks_settled"] + view["tasks_failed"] == view["spec"]["tasks"] else None


def main():
    with Bench(pathlib.Path(sys.argv[1])) as bench:
        bench.start()
        second_start(bench)
        another_version(bench)
        port_taken(bench)
        stop_in_a_task(bench)
        bench.stop()


if __name__ == "__main__":
    main()
