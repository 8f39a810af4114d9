#!/usr/bin/env python3
"""What a provider has promised to keep outlives every start of its node, working or not, whatever is uploaded to it.

usage: kept.py BIN_DIR
"""
import http.client
import os
import sys

from support import Bench

MIB = 1 << 20
QUOTA = 32 * MIB
OUTPUT = 6 * MIB
UPLOAD = 4 * MIB

PROGRAM = r"""
#include <stdio.h>
int main(void) {
    FILE* out = fopen("/noise.bin", "wb");
    unsigned x = 1;
    for (unsigned i = 0; i < %du / 4; ++i) {
        x = x * 1664525u + 1013904223u + (x >> 7);
        if (fwrite(&x, 4, 1, out) != 1) return 8;
    }
    return fclose(out);
}
"""


def upload(port):
    """A blob that nobody needs; gives the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("PUT", "/blob", os.urandom(UPLOAD))
        return connection.getresponse().status
    finally:
        connection.close()


def main():
    with Bench(sys.argv[1], "--blob-quota-bytes", str(QUOTA)) as bench:
        bench.start()
        bench.open_account()
        module = bench.compile("noise", PROGRAM % OUTPUT)
        out = bench.folder / "out"
        name = bench.wallet_json("job", "run", module, "--output", out, "--output-mib", 16)["posted"]["job"]
        content = (out / "noise.bin").read_bytes()
        assert len(content) == OUTPUT
        for flags in ([], ["--no-provide"]):
            bench.stop()
            bench.flags.extend(flags)
            bench.start()
            # At once, and twice as much as there is room for.
            statuses = [upload(bench.port) for _ in range(2 * QUOTA // UPLOAD)]
            assert set(statuses) == {200}, statuses
            again = bench.folder / f"again{len(flags)}"
            bench.wallet_json("job", "fetch", name, "--output", again)
            assert (again / "noise.bin").read_bytes() == content
            print(f"{flags}: {len(statuses)} uploads of {UPLOAD // MIB} MiB, the output is there")
        bench.stop()


if __name__ == "__main__":
    main()
