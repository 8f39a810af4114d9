#!/usr/bin/env python3
"""Every test that docs/requirements.md names is there: a requirement that nothing shows any more is found out.

usage: requirements.py
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Shorter quotations are words, not names of test cases.
NAME_MIN = 12


def main():
    page = (ROOT / "docs" / "requirements.md").read_text()
    sources = "".join(path.read_text() for path in sorted((ROOT / "tests").rglob("*_test.cpp")))
    # A name that was broken over two lines is one name.
    sources = re.sub(r'"\s*\n\s*"', "", sources)
    lists = "".join(path.read_text() for path in sorted((ROOT / "tests").glob("*.cmake")))
    lost = [name for name in re.findall(rf'"([^"]{{{NAME_MIN},}})"', page) if f'"{name}"' not in sources]
    lost += [suite for suite in re.findall(r"suite `([a-z/_]+)`", page) if f'TEST_SUITE("{suite}")' not in sources]
    for name in re.findall(r"`functional_([a-z0-9_]+)`", page):
        if not re.search(rf"\(({name}|NAME functional_{name})[ )]", lists):
            lost.append(f"functional_{name}")
    for name in lost:
        print(f"docs/requirements.md names a test that is not there: {name}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
