#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# demo.sh [OPTION…]: from a clone to a result. Installs what is missing, builds, and runs the project's main job: a
# recorded trace, its packets reordered and doubled, through the engine at several numbers of sessions, every stream
# checked. A table on the terminal, a plot and a report in results/. Options go to flowos-bench behind those here.
# Exit status as flowos-bench: 0 done, 1 a stream is not what it must be, 2 could not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1-} in
-h | --help) sed -n '4,7s/^# \{0,1\}//p' bench/demo.sh; exit 0 ;;
esac

bench/setup.sh || exit 2
mkdir -p results

command=(build/release/bin/flowos-bench --trace traces/mixed.pcap --reorder 5% --dup 1%
    --sessions "1,10,100,1k" --repeat 5
    --plot results/demo.svg --report results/demo.html --json results/demo.json "$@")
printf '\n$ %s\n\n' "${command[*]}"
status=0
"${command[@]}" || status=$?

if [ "$status" -lt 2 ]; then
    cat <<END

plot     results/demo.svg    throughput by number of sessions
report   results/demo.html   the same with everything behind it, for a browser
numbers  results/demo.json   for programs; compare two with: flowos-bench compare OLD.json NEW.json
END
fi
exit "$status"
