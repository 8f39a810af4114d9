#!/bin/sh
# usage: build_programs.sh FOLDER: compiles the test programs to FOLDER/*.wasm with Debian's compilers. A compiler that is
# missing is named, and its programs are left out: the tests that need them say SKIPPED.
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=$1
mkdir -p "$out"
rm -f "$out"/*.wasm
failed=0

if command -v clang-19 >/dev/null && [ -e /usr/lib/wasm32-wasi/libc.a ]; then
    for source in "$here"/*.c; do
        clang-19 --target=wasm32-wasi -O2 -o "$out/$(basename "$source" .c)_c.wasm" "$source" || failed=1
    done
else
    echo "SKIPPED: C programs (install clang-19 and wasi-libc)"
fi
if command -v clang++-19 >/dev/null && ls /usr/lib/wasm32-wasi/libc++.a >/dev/null 2>&1; then
    for source in "$here"/*.cpp; do
        case $source in *_test.cpp) continue ;; esac
        clang++-19 --target=wasm32-wasi -std=c++20 -fno-exceptions -O2 -o "$out/$(basename "$source" .cpp)_cpp.wasm" "$source" || failed=1
    done
else
    echo "SKIPPED: C++ programs (install clang-19 and libc++-19-dev-wasm32)"
fi
if [ -x /usr/bin/rustc ] && [ -d /usr/lib/rustlib/wasm32-wasi ]; then
    for source in "$here"/*.rs; do
        /usr/bin/rustc --target wasm32-wasi -O -o "$out/$(basename "$source" .rs)_rs.wasm" "$source" || failed=1
    done
else
    echo "SKIPPED: Rust programs (install rustc and libstd-rust-dev-wasm32)"
fi
exit $failed
