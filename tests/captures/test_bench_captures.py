#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""flowos-bench on captures that others made: with reordering and duplicates every stream is what the clean run gives.

    test_bench_captures.py [FILE...]

Without files: all that MANIFEST.tsv in FLOWOS_CAPTURES lists. FLOWOS_LONG=1: further impairments and seeds.
"""

import concurrent.futures
import csv
import json
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("FLOWOS_BIN") or os.path.join(TOP, "build", "release", "bin")
CAPTURES = os.environ.get("FLOWOS_CAPTURES") or os.path.join(TOP, "..", "shared", "captures")
LONG = os.environ.get("FLOWOS_LONG") == "1"
SLOW = bool(os.environ.get("FLOWOS_SANITIZE"))
SHORT_FORM = [("--reorder 5% --dup 1%", 1)]
LONG_FORM = SHORT_FORM + [(options, seed) for seed in (2, 3) for options in (
    "--reorder 5% --dup 1%", "--reorder 20%,depth=1000", "--delay 1ms,jitter=50ms", "--loss 3%",
    "--loss 1%,burst=4,retransmit=50ms --reorder 5%", "--truncate 2%", "--corrupt 2%,checksum=fix --reorder 5% --loss 1%")]
LOSES = ("--loss", "--truncate")


def captures():
    try:
        with open(os.path.join(CAPTURES, "MANIFEST.tsv"), encoding="utf-8", newline="") as stream:
            return [os.path.join(CAPTURES, row["path"]) for row in csv.DictReader(stream, delimiter="\t")]
    except FileNotFoundError:
        return []


def check(job):
    """(what is wrong or "", streams, of those conflicted)"""
    path, options, seed = job
    command = [os.path.join(BIN, "flowos-bench"), "-r", path, *options.split(), "--seed", str(seed), "--repeat", "1",
               "--warmup", "0", "--json", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        return f"status {done.returncode}: {' '.join(command)}\n  {done.stderr.strip()}", 0, 0
    run = json.loads(done.stdout)["runs"][0]
    streams = run["streams"]
    wrong = [key for key in ("differ", "needless_gap_bytes") if streams[key]]
    wrong += ["udp"] if run["udp"]["differ"] else []
    wrong += ["partial"] if run["partial"] else []
    if not any(word in options for word in LOSES) and streams["identical"] + streams["conflicted"] != streams["total"]:
        wrong.append("gapped")
    text = f"{', '.join(wrong)}: {' '.join(command)}\n  {streams} {run['udp']}" if wrong else ""
    return text, streams["total"], streams["conflicted"]


def main():
    files = sys.argv[1:] or captures()
    if not os.path.exists(os.path.join(BIN, "flowos-bench")):
        print(f"skipped: flowos-bench was not built in {BIN}")
        return 77
    if not files:
        print(f"skipped: no captures at {CAPTURES} (set FLOWOS_CAPTURES)")
        return 77
    if not os.path.exists(os.path.join(BIN, "..", "lib", "flowos", "libtrace_port.so")):
        left = [path for path in files if path.endswith(".gz")]
        files = [path for path in files if not path.endswith(".gz")]
        print(f"skipped: {len(left)} compressed captures, the port over libtrace was not built")
    if SLOW and not sys.argv[1:]:
        files = files[::3]
    jobs = [(path, options, seed) for options, seed in (LONG_FORM if LONG else SHORT_FORM) for path in files]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = list(pool.map(check, jobs))
    wrong = [text for text, _, _ in found if text]
    print("\n".join(wrong + [f"{len(jobs)} runs of {len(files)} captures, {sum(one[1] for one in found)} streams, of these "
                             f"{sum(one[2] for one in found)} conflicted; {len(wrong)} runs wrong"]))
    return 1 if wrong or not any(one[1] for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
