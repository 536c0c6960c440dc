#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A bounded run of all fuzz targets, in a build folder of its own beside this build's programs. FLOWOS_FUZZ_SECONDS is
# the time for each target (default 8), FLOWOS_SEED the seed. Other tests run at the same time: an input may take longer than by
# itself.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! command -v clang >/dev/null; then
    echo "skipped: no clang here (Debian: clang, libclang-rt-14-dev)"
    exit 77
fi
printf '%s\n' '#include <stddef.h>' '#include <stdint.h>' 'int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);' \
    'int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n) { return d && n ? 0 : 0; }' >"$work/probe.c"
if ! clang -fsanitize=fuzzer,address,undefined "$work/probe.c" -o "$work/probe" 2>/dev/null ||
    ! "$work/probe" -runs=1 >/dev/null 2>&1; then
    echo "skipped: clang is here, but what it makes with -fsanitize=fuzzer does not link or run (Debian: libclang-rt-14-dev)"
    exit 77
fi
"$here/run.sh" --build "${FLOWOS_BIN:?}/../fuzz" --work "$work/out" --seconds "${FLOWOS_FUZZ_SECONDS:-8}" \
    --seed "${FLOWOS_SEED:-20240607}" --timeout 60
status=$?
# What was found outlives the test.
if [ "$status" -eq 1 ]; then
    mkdir -p "$FLOWOS_BIN/../fuzz/found"
    cp -r "$work/out/found/." "$FLOWOS_BIN/../fuzz/found/"
    echo "the inputs were kept in $(cd "$FLOWOS_BIN/../fuzz/found" && pwd): /TARGET/crash-..."
fi
exit "$status"
