#!/bin/sh
# usage: make_witnesses.sh PROGRAM SEED COUNT FOLDER: writes FOLDER/witnesses.bin. A program compiled from C is among those that
# run, where clang and wasi-libc are there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$1 seed=$2 count=$3 folder=$4
mkdir -p "$folder"
rm -f "$folder"/*
if command -v clang-19 >/dev/null && [ -e /usr/lib/wasm32-wasi/libc.a ]; then
    clang-19 --target=wasm32-wasi -O2 -o "$folder/witness_guest.wasm" "$here/witness_guest.c"
    set -- "$folder/witness_guest.wasm"
else
    echo "SKIPPED: witnesses of a program in C (install clang-19 and wasi-libc)"
    set --
fi
exec "$program" "$seed" "$count" "$folder/witnesses.bin" "$@"
