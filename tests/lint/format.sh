#!/usr/bin/env bash
# Every C++ file is as clang-format leaves it.
set -euo pipefail
cd "$(dirname "$0")/../.."
tool=$(command -v clang-format-19 || true)
[ -n "$tool" ] || { echo "SKIPPED: clang-format-19 is not installed"; exit 0; }
mapfile -t files < <(find common vm consensus market node wallet tests contrib \( -name '*.hpp' -o -name '*.cpp' \) | sort)
"$tool" --dry-run --Werror "${files[@]}"
echo "format: ${#files[@]} files"
