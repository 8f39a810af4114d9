#!/usr/bin/env python3
"""contrib/examples/render at a small size: four tiles as paid tasks, joined by the wallet, decoded, and compared pixel by
pixel with one made of local runs without node and market; and what summary.py says of the job.

usage: picture.py BIN_DIR SOURCE_DIR
"""
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import zlib

from support import Bench, CLANG, skip

WIDTH, HEIGHT, SAMPLES, TILES = 48, 32, 4, 4


def paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def decode_png(raw):
    """Width, height and the bytes of the pixels of an 8-bit RGB PNG; all checksums are checked."""
    assert raw[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
    at, data, head = 8, b"", None
    while True:
        size, kind = struct.unpack(">I4s", raw[at:at + 8])
        body = raw[at + 8:at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack(">I", raw[at + 8 + size:at + 12 + size])[0], f"checksum of {kind}"
        at += 12 + size
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", body)
        if kind == b"IDAT":
            data += body
        if kind == b"IEND":
            break
    assert at == len(raw) and head[2:] == (8, 2, 0, 0, 0), head
    width, height = head[:2]
    lines = zlib.decompress(data)
    stride = 3 * width
    assert len(lines) == height * (stride + 1), f"{len(lines)} bytes for {width}x{height}"
    out, above = [], bytes(stride)
    for y in range(height):
        method, line = lines[y * (stride + 1)], bytearray(lines[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            left, corner = (line[x - 3], above[x - 3]) if x >= 3 else (0, 0)
            line[x] = (line[x] + (0, left, above[x], (left + above[x]) // 2, paeth(left, above[x], corner))[method]) & 255
        out.append(bytes(line))
        above = bytes(line)
    return width, height, b"".join(out)


def small_scene(source, folder):
    folder.mkdir()
    text = (source / "scene" / "scene.txt").read_text()
    text = re.sub(r"^image .*$", f"image {WIDTH} {HEIGHT}", text, flags=re.MULTILINE)
    text = re.sub(r"^samples .*$", f"samples {SAMPLES}", text, flags=re.MULTILINE)
    (folder / "scene.txt").write_text(text)


def join(bench, module, tiles, output):
    bench.wallet("run", module, "--quiet", "--input", tiles, "--output", output, "--", "join")
    return decode_png((output / "picture.png").read_bytes())


def check_summary(bench, example, job):
    """The closing lines name the block in which the job closed, which holds for good, not the chain's head."""
    closed = job["closed"]
    block = bench.wallet_json("chain", "block", closed)
    end = bench.rpc("job_history", job=job["job"], limit=1000)["rows"][-1]
    assert (end["what"], end["height"]) == ("job_closed", closed), end
    # Later blocks change nothing of it.
    bench.wallet("faucet", "1")
    assert bench.wallet_json("job", "show", job["job"])["closed"] == closed < bench.rpc("node_status")["height"]
    (bench.folder / "job.json").write_text(json.dumps(job))
    (bench.folder / "block.json").write_text(json.dumps(block))
    words = [sys.executable, example / "summary.py", bench.folder / "job.json", bench.folder / "block.json", "1000", "999"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"final           all of it by block {closed}, {block['hash']} (millrace chain block {closed})" in done.stdout, \
        done.stdout
    # Another block is not passed off as that one.
    (bench.folder / "block.json").write_text(json.dumps(bench.wallet_json("chain", "block", closed + 1)))
    assert subprocess.run(words, capture_output=True).returncode == 1


def main():
    bin_dir, example = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]) / "contrib/examples/render"
    if shutil.which("clang++-19") is None:
        skip("clang++-19 is not installed")
    with Bench(bin_dir) as bench:
        module = bench.folder / "render.wasm"
        done = subprocess.run([example / "build", module], capture_output=True, text=True)
        if done.returncode != 0:
            skip(f"{CLANG} cannot compile C++ for wasm32-wasi: {done.stderr[:200]}")
        scene, tiles, local = bench.folder / "scene", bench.folder / "tiles", bench.folder / "local"
        small_scene(example, scene)
        bench.start()
        bench.open_account()
        job = bench.wallet_json("job", "run", module, "--input", scene, "--tasks", TILES, "--gas", "4G", "--output", tiles,
                                "--flat")
        assert job["succeeded"] == TILES, job
        check_summary(bench, example, job)
        assert sorted(f.name for f in tiles.iterdir() if f.suffix == ".bin") == [f"tile-{i:05}.bin" for i in range(TILES)]
        width, height, pixels = join(bench, module, tiles, bench.folder / "picture")
        assert (width, height) == (WIDTH, HEIGHT), f"{width}x{height}"

        # The same on this machine, task by task, without node and market.
        local.mkdir()
        for task in range(TILES):
            bench.wallet("run", module, "--quiet", "--input", scene, "--output", local, "--overwrite", "--task", task,
                         "--tasks", TILES)
        for task in range(TILES):
            name = f"tile-{task:05}.bin"
            assert (tiles / name).read_bytes() == (local / name).read_bytes(), f"{name} differs from a local run"
        assert join(bench, module, local, bench.folder / "local_picture")[2] == pixels

        # A picture of something: a bright sky above, no two halves alike, many colours.
        rows = [pixels[3 * WIDTH * y:3 * WIDTH * (y + 1)] for y in range(HEIGHT)]
        colours = {pixels[i:i + 3] for i in range(0, len(pixels), 3)}
        sky = sum(rows[0][2::3]) / WIDTH
        assert len(colours) > 200 and sky > 150, f"{len(colours)} colours, blue of the top row {sky}"
        print(f"{WIDTH}x{HEIGHT}, {len(colours)} colours, {job['gas']} gas, paid {job['paid']}")
        bench.stop()


if __name__ == "__main__":
    main()
