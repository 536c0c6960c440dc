#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh [--quick] [--format]: everything, from a clone: installs what is missing, builds, runs the demo, then all
# tests: all of them on the release build, all but the source checks with the address and undefined-behaviour
# sanitizers, the unit tests with the thread sanitizer. --quick leaves the sanitizers out; --format also holds the
# sources against .clang-format. Exit status 0 when nothing failed; what was skipped is listed with the reason.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
export DEBIAN_FRONTEND=noninteractive

sanitize=yes
exclude='^format$'
for option in "$@"; do
    case $option in
    --quick) sanitize=no ;;
    --format) exclude='^$' ;;
    -h | --help) sed -n '4,7s/^# \{0,1\}//p' tests/run.sh; exit 0 ;;
    *) echo "run.sh: unknown option $option (see --help)" >&2; exit 2 ;;
    esac
done

jobs=$(nproc)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
title() { printf '\n==== %s\n' "$*"; }

# A step that is no test of ctest's, counted as one: step NAME COMMAND…
step() {
    local name=$1 status=0
    shift
    "$@" || status=$?
    printf '%s\t%d\n' "$name" "$status" >>"$out/steps"
    return "$status"
}

# leave NAME REASON: counted as skipped
leave() {
    printf '%s\t77\t%s\n' "$1" "$2" >>"$out/steps"
    echo "$1 skipped: $2"
}

build() { # PRESET [CMAKE-OPTION…]
    cmake --preset "$@" >"$out/cmake.log" 2>&1 || { cat "$out/cmake.log"; return 1; }
    cmake --build --preset "$1" || return 1
}

run_tests() { # PRESET CTEST-OPTION…
    local preset=$1
    shift
    $launcher ctest --test-dir "build/$preset" -j "$jobs" --no-tests=error --output-on-failure \
        --test-output-size-passed 65536 --output-junit "$out/$preset.xml" "$@"
    [ -s "$out/$preset.xml" ] || printf '%s\t1\n' "ctest $preset" >>"$out/steps"
}

# Can a program with the thread sanitizer run here? Some kernels place memory where it does not expect it; then it
# helps to switch that off. Sets launcher, or fails and sets why.
launcher=
probe_tsan() {
    echo 'int main(void) { return 0; }' >"$out/probe.c"
    why="nothing can be linked with it here"
    gcc -fsanitize=thread "$out/probe.c" -o "$out/probe" 2>/dev/null || return 1
    why="its programs do not start on this kernel"
    for launcher in "" "setarch -R"; do
        $launcher "$out/probe" >/dev/null 2>&1 && return 0
    done
    return 1
}

title "setup, and a build to use and measure"
step setup bench/setup.sh --tests || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }

title "demo: the main job"
step demo bench/demo.sh

title "release: all tests"
run_tests release -LE "$exclude"

if [ "$sanitize" = yes ]; then
    title "asan: address, leak and undefined-behaviour sanitizers"
    if step "build asan" build asan -DFLOWOS_SANITIZE=address,undefined; then
        run_tests asan -LE '^(format|check)$'
    fi
    title "tsan: thread sanitizer"
    if probe_tsan; then
        if step "build tsan" build tsan; then
            run_tests tsan -L '^unit$'
        fi
    else
        leave "tsan" "$why"
    fi
else
    leave "asan" "left out by --quick"
    leave "tsan" "left out by --quick"
fi

title "summary"
python3 tests/check/summary.py "$out"
