#!/usr/bin/env bash
# Every C++ file is as clang-format leaves it.
set -euo pipefail
cd "$(dirname "$0")/../.."
tool=$(command -v clang-format-19 || true)
[ -n "$tool" ] || { echo "SKIPPED: clang-format-19 is not installed"; exit 0; }
mapfile -t files < <(find common vm consensus market node wallet tests contrib \( -name '*.hpp' -o -name '*.cpp' \) | sort)
bad=()
for file in "${files[@]}"; do
  "$tool" --dry-run --Werror "$file" >/dev/null 2>&1 || bad+=("$file")
done
[ ${#bad[@]} -eq 0 ] || { printf 'not formatted; run clang-format-19 -i on:\n'; printf '  %s\n' "${bad[@]}"; exit 1; }
echo "format: ${#files[@]} files"
