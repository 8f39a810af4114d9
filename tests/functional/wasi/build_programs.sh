#!/bin/sh
# usage: build_programs.sh FOLDER: compiles the test programs to FOLDER/*.wasm with Debian's compilers, and with
# AssemblyScript, which npm puts into FOLDER at the versions of its lock file. A compiler that is missing is named, and its
# programs are left out: the tests that need them say SKIPPED.
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
# No registry within reach is no failure of ours: npm gives up after one try.
get_assemblyscript() {
    command -v npm >/dev/null || return 1
    cmp -s "$here/assemblyscript/package-lock.json" "$out/assemblyscript/installed" && return 0
    mkdir -p "$out/assemblyscript"
    cp "$here/assemblyscript/package.json" "$here/assemblyscript/package-lock.json" "$out/assemblyscript/"
    npm ci --prefix "$out/assemblyscript" --ignore-scripts --no-audit --no-fund --fetch-retries=0 --fetch-timeout=30000 \
        --loglevel=error || return 1
    cp "$here/assemblyscript/package-lock.json" "$out/assemblyscript/installed"
}
if get_assemblyscript; then
    # The compiler takes paths relative to the folder that it is installed in.
    cp "$here/assemblyscript/report.ts" "$out/assemblyscript/"
    (cd "$out/assemblyscript" && node_modules/.bin/asc report.ts -O2 --outFile ../report_as.wasm \
        --config node_modules/@assemblyscript/wasi-shim/asconfig.json) || failed=1
else
    echo "SKIPPED: AssemblyScript program (install npm and node 18 or newer; its packages come from npm's registry)"
fi
exit $failed
