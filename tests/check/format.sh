#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# format.sh [TOP]: are the C sources laid out as .clang-format says? Lists the files that are not; status 1 if any.
# To mend them: clang-format -i FILE...
set -u
top=${1:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v clang-format >/dev/null || { echo "skipped: clang-format is not installed"; exit 77; }

bad=0 all=0
while IFS= read -r file; do
    all=$((all + 1))
    if ! clang-format --style="file:$top/.clang-format" --dry-run -Werror "$file" >/dev/null 2>&1; then
        echo "${file#"$top"/}: not as .clang-format says"
        bad=$((bad + 1))
    fi
done < <(for dir in engine io impair modules bench tests; do
    [ -d "$top/$dir" ] && find "$top/$dir" -name '*.[ch]'
done | sort)

[ "$all" -gt 0 ] || { echo "no C sources under $top"; exit 1; }
[ "$bad" -eq 0 ] || { echo "$bad of $all files; clang-format -i FILE mends one"; exit 1; }
echo "format: $all files are laid out as .clang-format says"
