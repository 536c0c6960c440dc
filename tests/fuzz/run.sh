#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh [--seconds N] [--target NAME]... [--jobs N] [--seed N] [--timeout N] [--build DIR] [--work DIR] [--merge]
#
# Fuzzes: builds the targets with clang, libFuzzer and the address and undefined-behaviour sanitizers, runs each for N
# seconds (default 60) beginning with its corpus, and prints what came of it. --jobs runs so many at the same time (default
# 1). The seed is printed, --seed repeats it. An input that takes --timeout seconds (default 10) is a finding: give more
# where there are more jobs than processors, or others go first. New inputs and findings go to --work (default:
# BUILD/work); --merge puts into corpus/ those that reach what it does not. Exit status: 0 nothing was found, 1 something
# was, with the line that repeats it, 2 it could not be run (no clang, no build).
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)

die() { echo "run.sh: $*" >&2; exit 2; }

options() { # TARGET: libFuzzer's options
    case $1 in
    tcp) echo -max_len=392 -len_control=100 ;;
    frag) echo -max_len=516 -len_control=100 ;;
    parse) echo -max_len=600 ;;
    chain) echo -max_len=6000 ;;
    *) echo -max_len=3000 ;;
    esac
    [ ! -f "$here/dict/$1.dict" ] || echo "-dict=$here/dict/$1.dict"
}

fuzz() { # TARGET
    local target=$1 found=$work/found/$1 new=$work/new/$1 program=$build/tests/fuzz/fuzz_$1
    mkdir -p "$found" "$new"
    # shellcheck disable=SC2046
    timeout -k 30 $((seconds + 300 + timeout)) "$program" "$new" "$here/corpus/$target" $(options "$target") -seed="$seed" \
        -max_total_time="$seconds" -timeout="$timeout" -rss_limit_mb=1500 -print_final_stats=1 -artifact_prefix="$found/" \
        >"$work/$target.log" 2>&1 &
    # shellcheck disable=SC2064
    trap "kill $! 2>/dev/null" TERM
    wait $!
    echo $? >"$work/$target.status"
}

report() { # TARGET: a line; fails where something was found
    local target=$1 log=$work/$1.log runs cov took status input
    status=$(cat "$work/$target.status")
    runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
    cov=$(grep -a -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -1)
    took=$(sed -n 's/^Done [0-9]* runs in \([0-9]*\) second.*/\1/p' "$log")
    printf '%-8s %6s s %12s inputs   %-22s ' "$target" "${took:-?}" "${runs:-?}" "${cov:-no coverage}"
    if [ "$status" -eq 0 ]; then
        echo "nothing found"
        return 0
    fi
    input=$(grep -a -o 'Test unit written to .*' "$log" | tail -1 | sed 's/Test unit written to //')
    echo "FOUND (status $status)"
    grep -a -m3 -E 'does not hold|runtime error|SUMMARY' "$log"
    echo "repeat: $build/tests/fuzz/fuzz_$target ${input:-(no input was kept: see $log)}"
    return 1
}

# In a function, so that all of this file was read before anything is run: it may change in an hour.
main() {
    seconds=60 jobs=1 timeout=10 seed=$RANDOM merge=no targets=() build=$top/build/fuzz work=
    while [ $# -gt 0 ]; do
        case $1 in
        --merge) merge=yes ;;
        -h | --help) sed -n '4,11p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//'; exit 0 ;;
        --seconds | --target | --jobs | --seed | --timeout | --build | --work)
            [ $# -gt 1 ] || die "$1 needs a value"
            case $1 in
            --target) targets+=("$2") ;;
            --build) build=$2 ;;
            --work) work=$2 ;;
            *)
                [[ $2 =~ ^[0-9]+$ ]] || die "$1 $2: a number"
                printf -v "${1#--}" %s "$2"
                ;;
            esac
            shift
            ;;
        *) die "unknown option $1 (see --help)" ;;
        esac
        shift
    done
    [ ${#targets[@]} -gt 0 ] || targets=(parse tcp frag trace chain options golden modules)
    for target in "${targets[@]}"; do
        [ -f "$here/fuzz_$target.c" ] || die "no target $target"
    done
    work=${work:-$build/work}
    mkdir -p "$work" || die "$work cannot be made"

    command -v clang >/dev/null || die "no clang here, which brings libFuzzer (Debian: clang, libclang-rt-14-dev)"
    log=$work/build.log
    (cd "$top" && cmake --preset fuzz -B "$build" && cmake --build "$build" --target "${targets[@]/#/fuzz_}") >"$log" 2>&1 || {
        grep -E 'error|warning|FAILED' "$log" | head -20 >&2
        die "the build failed: see $log"
    }

    # Inputs are small and many: little memory is kept back from being used again.
    export ASAN_OPTIONS=quarantine_size_mb=16:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1

    echo "fuzzing ${targets[*]}: $seconds s each, $jobs at a time, seed $seed"
    trap 'kill $(jobs -p) 2>/dev/null; wait; echo "run.sh: interrupted" >&2; exit 2' INT TERM
    running=0
    for target in "${targets[@]}"; do
        while [ "$running" -ge "$jobs" ]; do
            wait -n
            running=$((running - 1))
        done
        fuzz "$target" &
        running=$((running + 1))
    done
    wait

    status=0
    for target in "${targets[@]}"; do
        report "$target" || status=1
        if [ "$merge" = yes ]; then
            mkdir -p "$here/corpus/$target"
            "$build/tests/fuzz/fuzz_$target" -merge=1 -use_counters=0 "$here/corpus/$target" "$work/new/$target" \
                >"$work/$target.merge.log" 2>&1 || { echo "$target: not merged: see $work/$target.merge.log"; status=1; }
        fi
    done
    return $status
}

main "$@"
exit
