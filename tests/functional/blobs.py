#!/usr/bin/env python3
"""Large files to a node and back: cut off and gone on with, from several nodes, changed in one place, with a full disk,
as a job's input, and with bounded memory on both sides.

usage: blobs.py BIN_DIR MEGABYTES
"""
import filecmp
import json
import os
import pathlib
import resource
import socket
import struct
import subprocess
import sys
import threading
import time

from support import Bench, workers_of

MIB = 1 << 20
RSS_MAX_MIB = 200
# What opening a key takes by design (Argon2id); it comes on top where a command signs.
KEYSTORE_MIB = 256
# What a cut may cost: the chunk under way, headers, and what lies in the sockets' buffers.
SLACK = 24 * MIB

PROGRAM = r"""
#include <stdio.h>
static char buffer[65536];
int main(void) {
    FILE* in = fopen("/in/big.bin", "rb");
    FILE* out = fopen("/copy.bin", "wb");
    if (in == 0 || out == 0) return 9;
    unsigned long long sum = 0;
    for (long long at = 0; fseeko(in, at, SEEK_SET) == 0; at += 1 << 20) {
        int c = getc(in);
        if (c == EOF) break;
        sum = sum * 31 + (unsigned)c;
    }
    rewind(in);
    for (int i = 0; i < 256; ++i)
        if (fread(buffer, 1, sizeof buffer, in) != sizeof buffer || fwrite(buffer, 1, sizeof buffer, out) != sizeof buffer)
            return 8;
    fclose(out);
    printf("%llu\n", sum);
    return 0;
}
"""


class Way:
    """A TCP way to the node that counts what goes over it, and is cut once after so many bytes in one direction."""

    def __init__(self, port, up=None, down=None, on_cut=lambda: None):
        self.port, self.left, self.on_cut = port, {"up": up, "down": down}, on_cut
        self.moved = {"up": 0, "down": 0}
        self.lock = threading.Lock()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            try:
                node = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            except OSError:
                client.close()
                continue
            for direction, a, b in (("up", client, node), ("down", node, client)):
                threading.Thread(target=self.pump, args=(direction, a, b), daemon=True).start()

    def pump(self, direction, source, target):
        is_cut = False
        try:
            while piece := source.recv(1 << 18):
                with self.lock:
                    self.moved[direction] += len(piece)
                    left = self.left[direction]
                    is_cut = left is not None and self.moved[direction] > left
                    if is_cut:
                        self.left[direction] = None
                if is_cut:
                    self.on_cut()
                    break
                target.sendall(piece)
        except OSError:
            pass
        for end in (source, target):
            try:
                if is_cut:
                    # A reset, as from a machine that is gone.
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def close(self):
        self.server.close()


def make_file(path, megabytes):
    """Bytes of which no two MiB are the same."""
    block = bytearray(os.urandom(MIB))
    with open(path, "wb") as out:
        for i in range(megabytes):
            block[:8] = i.to_bytes(8, "little")
            out.write(block)


class Wallet:
    """The wallet with its largest resident set."""

    def __init__(self, bench):
        self.bench, self.rss_mib = bench, 0

    def run(self, *words, node=None, code=0, file_limit=None, signs=False):
        env = dict(self.bench.env)
        if node is not None:
            env["MILLRACE_NODE"] = node

        def limit():
            if file_limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

        # Without restore_signals a file that may not grow is an error and not the end of the process.
        process = subprocess.Popen([str(self.bench.bin / "millrace"), "--json", "--yes", "--quiet", *map(str, words)],
                                   env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=self.bench.folder,
                                   preexec_fn=limit, restore_signals=False)
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        rss_mib = usage.ru_maxrss // 1024 - (KEYSTORE_MIB if signs else 0)
        self.rss_mib = max(self.rss_mib, rss_mib)
        assert process.returncode == code, f"millrace {words}: ended with {process.returncode}, not {code}: {text}"
        return json.loads(text)


def rss_max_mib(pid):
    """A process's largest resident set since its start."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0  # it has just ended


class Memory(threading.Thread):
    """The largest resident sets of the node, in all its lives, and of its workers."""

    def __init__(self, bench):
        super().__init__(daemon=True)
        self.bench, self.node_mib, self.worker_mib = bench, 0, 0

    def run(self):
        while True:
            time.sleep(0.1)
            self.look()

    def look(self):
        try:
            node = self.bench.node.pid
            self.node_mib = max(self.node_mib, rss_max_mib(node))
            self.worker_mib = max([self.worker_mib, *map(rss_max_mib, workers_of(node))])
        except OSError:
            pass  # between two lives


def restart(bench, memory):
    def again():
        memory.look()
        bench.kill()
        bench.start()
    return again


def send_and_fetch(bench, wallet, big, size, memory):
    """Both ways, each cut in its middle by a node that dies and comes back: nothing moves twice."""
    way = Way(bench.port, up=size // 2, on_cut=restart(bench, memory))
    sent = wallet.run("blob", "put", big, node=way.url)
    assert sent["bytes"] == size and sent["moved"] == size, sent
    assert size <= way.moved["up"] <= size + SLACK, f"{way.moved['up']} bytes went up for {size}"
    assert bench.rpc("blob_status", id=sent["id"])["is_here"]
    assert wallet.run("blob", "put", big)["moved"] == 0
    way.close()

    way = Way(bench.port, down=size // 2, on_cut=restart(bench, memory))
    back = bench.folder / "back.bin"
    wallet.run("blob", "get", sent["id"], "--output", back, "--from", "http://127.0.0.1:1", "--from", way.url,
               node=way.url)
    assert size <= way.moved["down"] <= size + SLACK, f"{way.moved['down']} bytes came down for {size}"
    assert filecmp.cmp(big, back, shallow=False)
    back.unlink()
    way.close()
    return sent["id"]


def full_disk(bench, wallet, blob, big, size):
    """A fetch that the disk ends says what to do, keeps only what is verified, and goes on when there is room."""
    back = bench.folder / "back.bin"
    failed = wallet.run("blob", "get", blob, "--output", back, code=1, file_limit=size // 2 + 12_345)
    assert "free some of that disk" in failed["error"]["message"], failed
    part = bench.folder / "back.bin.part"
    assert not back.exists() and part.stat().st_size == size // 2 // MIB * MIB
    way = Way(bench.port)
    wallet.run("blob", "get", blob, "--output", back, node=way.url)
    assert way.moved["down"] <= size - size // 2 + SLACK
    assert filecmp.cmp(big, back, shallow=False) and not part.exists()
    back.unlink()
    way.close()


def changed_folder(bench, wallet, folder, big, size):
    """One byte of one file changes: one MiB moves, and the folder's list of files."""
    (folder / "a.txt").write_text("small\n")
    first = wallet.run("blob", "put", folder)
    assert first["moved"] <= 2 * MIB, first  # the big file is there already
    with open(big, "r+b") as out:
        out.seek(size // 2 + 5)
        out.write(b"!")
    second = wallet.run("blob", "put", folder)
    assert second["root"] != first["root"] and second["moved"] <= MIB + 64 * 1024, second
    return second["root"]


def job(bench, wallet, folder, big, size):
    """The file is a job's input; its output comes back, and stays while it is pinned."""
    bench.open_account()
    module = bench.compile("touch", PROGRAM)
    out = bench.folder / "out"
    answer = wallet.run("job", "run", module, "--input", folder, "--output", out, "--output-mib", 32, "--pin",
                        signs=True)
    expected = 0
    with open(big, "rb") as source:
        for at in range(0, size, MIB):
            source.seek(at)
            expected = (expected * 31 + source.read(1)[0]) % (1 << 64)
        source.seek(0)
        assert (out / "copy.bin").read_bytes() == source.read(16 * MIB)
    assert bytes.fromhex(answer["tails"]["out"]).decode() == f"{expected}\n", answer["tails"]
    name = answer["posted"]["job"]
    wallet.run("job", "fetch", name, "--output", bench.folder / "again", "--from", bench.env["MILLRACE_NODE"])
    assert filecmp.cmp(out / "copy.bin", bench.folder / "again" / "copy.bin", shallow=False)
    pins = wallet.run("blob", "pins")
    assert [pin["job"] for pin in pins] == [name], pins
    # The output is taken up within seconds of its reveal.
    end = time.monotonic() + 30
    while wallet.run("blob", "pins")[0]["bytes_here"] < size + 16 * MIB:
        assert time.monotonic() < end, wallet.run("blob", "pins")
        time.sleep(0.5)
    bench.kill()
    bench.start()
    assert wallet.run("blob", "pins")[0]["job"] == name
    wallet.run("blob", "unpin", name)
    wallet.run("blob", "unpin", name, code=5)


def no_room(bench, wallet, quota):
    """What is above the quota is refused before a byte of it moves."""
    huge = bench.folder / "huge.bin"
    with open(huge, "wb") as out:
        out.truncate(min(quota + MIB, 1 << 32))
    if quota + MIB <= 1 << 32:
        failed = wallet.run("blob", "put", huge, code=1)
        assert "no room" in failed["error"]["message"] and failed["error"]["rpc_code"] == -32007, failed


def main():
    size = int(sys.argv[2]) * MIB
    quota = 4 * size + 64 * MIB
    with Bench(sys.argv[1], "--blob-quota-bytes", str(quota)) as bench:
        begin = time.monotonic()
        folder = bench.folder / "in"
        folder.mkdir()
        big = folder / "big.bin"
        make_file(big, size // MIB)
        bench.start()
        wallet = Wallet(bench)
        memory = Memory(bench)
        memory.start()
        blob = None
        for step in (lambda: send_and_fetch(bench, wallet, big, size, memory),
                     lambda: full_disk(bench, wallet, blob, big, size),
                     lambda: changed_folder(bench, wallet, folder, big, size),
                     lambda: job(bench, wallet, folder, big, size),
                     lambda: no_room(bench, wallet, quota)):
            step_begin = time.monotonic()
            got = step()
            blob = blob or got
            memory.look()
            print(f"step: {time.monotonic() - step_begin:.1f} s, node {memory.node_mib} MiB, "
                  f"worker {memory.worker_mib} MiB, wallet {wallet.rss_mib} MiB", flush=True)
        assert memory.node_mib <= RSS_MAX_MIB, f"the node took {memory.node_mib} MiB"
        assert memory.worker_mib <= RSS_MAX_MIB, f"the worker took {memory.worker_mib} MiB"
        assert wallet.rss_mib <= RSS_MAX_MIB, f"the wallet took {wallet.rss_mib} MiB"
        bench.stop()
        print(f"{size // MIB} MiB: {time.monotonic() - begin:.1f} s; resident at most: node {memory.node_mib} MiB, "
              f"worker {memory.worker_mib} MiB, wallet {wallet.rss_mib} MiB")


if __name__ == "__main__":
    main()
