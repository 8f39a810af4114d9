#!/usr/bin/env bash
# Every C++ file is as clang-format leaves it.
set -euo pipefail
cd "$(dirname "$0")/../.."
tool=$(command -v clang-format-19 || true)
[ -n "$tool" ] || { echo "SKIPPED: clang-format-19 is not installed"; exit 77; }
mapfile -t files < <(find common vm consensus market node wallet tests contrib \( -name '*.hpp' -o -name '*.cpp' \) | sort)
if ! bad=$(printf '%s\0' "${files[@]}" | xargs -0 -n 40 "$tool" --dry-run --Werror 2>&1); then
  echo "not formatted; run clang-format-19 -i on:"
  sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: error:.*/  \1/p' <<<"$bad" | sort -u
  exit 1
fi
echo "format: ${#files[@]} files"
