#!/usr/bin/env python3
"""contrib/examples/wordcount on the texts of Debian's fortunes: as array tasks on the market and summed up by the
wallet, against the same count by tr, sort and uniq.

usage: wordcount.py BIN_DIR SOURCE_DIR
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

from support import Bench, skip

FORTUNES = pathlib.Path("/usr/share/games/fortunes")
TASKS = 4
RUN_S = 100
# The same words: runs of the letters a to z in either case. The program orders by byte.
REFERENCE = r"cat ./* | tr -cs 'A-Za-z' '\n' | tr 'A-Z' 'a-z' | sort | uniq -c | awk 'NF == 2 { print $1, $2 }'"


def texts_of(folder):
    return [f for f in sorted(folder.iterdir()) if f.is_file() and not f.is_symlink() and f.suffix == ""] \
        if folder.is_dir() else []


def can_compile(build):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([build, pathlib.Path(folder) / "x.wasm"], capture_output=True)
    return done.returncode == 0


def main():
    bin_dir, example = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]) / "contrib/examples/wordcount"
    texts = texts_of(FORTUNES)
    if not texts:
        skip("there are no texts in /usr/share/games/fortunes; install Debian's package fortunes")
    if not can_compile(example / "build"):
        skip("rustc cannot compile for wasm32-wasi; install Debian's rustc and libstd-rust-dev-wasm32")
    with Bench(bin_dir) as bench:
        folder = bench.folder / "texts"
        folder.mkdir()
        for text in texts:
            shutil.copy(text, folder / text.name)
        expected = subprocess.run(["sh", "-c", REFERENCE], cwd=folder, env={**bench.env, "LC_ALL": "C"}, check=True,
                                  capture_output=True, text=True).stdout.splitlines()
        bench.start()
        account = bench.open_account()
        counts = bench.folder / "counts.txt"
        done = subprocess.run([example / "run", folder, counts, str(TASKS)], text=True, timeout=RUN_S,
                              env={**bench.env, "MILLRACE": str(bench.bin / "millrace")}, capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr
        got = counts.read_text().splitlines()
        different = sorted(set(expected) ^ set(got))
        assert got == expected, f"{len(got)} lines for {len(expected)}; such as {different[:5]}"
        (job,) = bench.rpc("job_list", buyer=account)
        assert job["tasks_settled"] == TASKS and int(job["job"]["paid"]) > 0, job
        print(f"{len(texts)} texts, {sum(f.stat().st_size for f in texts)} bytes, {len(got)} different words, as by "
              f"uniq\n{done.stdout}")
        bench.stop()


if __name__ == "__main__":
    main()
