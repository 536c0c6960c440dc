#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Captures that others made, under several impairments: flowos-bench finds no stream that differs, and of the very
packets that it ran on (its -w) the engine's lines are the oracle's, bytes, gaps, ends and starts.

    test_profiles.py [--all] [--seed N] [--profile NAME] [--largest BYTES] [FILE...]

By default a sample of the captures, drawn with the seed; --all (or FLOWOS_LONG=1): all that MANIFEST.tsv in
FLOWOS_CAPTURES lists. Captures larger than --largest (plain size; default: none is) are not given to the oracle.
"""

import argparse
import collections
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "model"))

import engine

PROFILES = {
    "reorder-dup": "--reorder 20%,depth=100 --dup 5%",
    "loss": "--loss 2%",
    "loss-burst": "--loss 5%,burst=4 --reorder 10%",
    "truncate-corrupt": "--truncate 3% --corrupt 3%,checksum=fix --reorder 5%",
    "corrupt": "--corrupt 3%",
    "jitter": "--delay 1ms,jitter=50ms",
}
LOSSLESS = ("reorder-dup", "jitter")
SAMPLE = 6 if engine.SLOW else 64  # captures
SECONDS = 900
REFUSED = "checksums in the trace are wrong already"  # --corrupt without fix


def bench(path, impaired, profile, seed):
    """flowos-bench's RUN and None, or None and why it has none."""
    command = [engine.program("flowos-bench"), "-r", path, *PROFILES[profile].split(), "--seed", str(seed), "--repeat",
               "1", "--warmup", "0", "--json", "-", "-w", impaired]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if not done.stdout:
        return None, f"status {done.returncode}: {done.stderr.strip()[-500:]}"
    run = json.loads(done.stdout)["runs"][0]
    if "streams" not in run:
        return None, f"status {done.returncode}: {done.stderr.strip()[-500:]}"
    return run, None if done.returncode == 0 else f"status {done.returncode}: {done.stderr.strip()[-500:]}"


def verdict(run, profile):
    """What is wrong with a RUN, as words."""
    streams = run["streams"]
    wrong = [key for key in ("differ", "needless_gap_bytes") if streams[key]]
    wrong += ["udp"] if run["udp"]["differ"] else []
    wrong += ["partial"] if run["partial"] else []
    if profile in LOSSLESS and streams["identical"] + streams["conflicted"] != streams["total"]:
        wrong.append("gapped")
    return wrong


def compare(job):
    """(job, what is wrong or "", counts)"""
    path, profile, seed, with_oracle = job
    counts = collections.Counter(runs=1)
    with tempfile.TemporaryDirectory() as folder:
        impaired = os.path.join(folder, "impaired.pcapng")
        run, problem = bench(path, impaired, profile, seed)
        if problem and REFUSED in problem:
            return job, "", collections.Counter(refused=1)
        if run is None:
            return job, f"  {problem}", counts
        wrong = verdict(run, profile)
        found = [f"  {problem or ''} {', '.join(wrong)}: {run['streams']} {run['udp']}"] if wrong or problem else []
        counts.update({key: run["streams"][key] for key in ("total", "identical", "gapped", "conflicted", "differ",
                                                            "gap_bytes", "needless_gap_bytes")})
        counts["packets"] += run["packets"]
        if with_oracle:
            found += against_oracle(impaired, profile, counts)
    return job, "\n".join(found), counts


def against_oracle(impaired, profile, counts):
    checksum = "verify" if profile == "corrupt" else "ignore"
    try:
        got, streams = engine.record(impaired, checksum=checksum), engine.model(impaired, checksum=checksum)
    except engine.Failed as error:
        return [f"  {error}"]
    if got is None or streams is None:
        return ["  what flowos-bench wrote cannot be read"]
    want = engine.lines_of(streams)
    counts["lines"] += len(want)
    counts["with_gaps"] += sum(" gaps=-" not in line for line in want if line.startswith("tcp"))
    counts["lines_different"] += len(set(want) ^ set(got))
    different = engine.difference(want, got)
    return [different] if different else []


def jobs_of(chosen):
    files = chosen.files or engine.captures()
    if not files:
        engine.skip(f"no captures at {engine.captures_root()} (set FLOWOS_CAPTURES)")
    if not engine.reads_compressed():
        files = [path for path in files if not path.endswith(".gz")]
    if not (chosen.all or chosen.files):
        files = sorted(random.Random(chosen.seed).sample(files, min(SAMPLE, len(files))))
    profiles = [chosen.profile] if chosen.profile else list(PROFILES)
    return [(path, profile, chosen.seed, not chosen.largest or os.path.getsize(path) <= chosen.largest)
            for path in files for profile in profiles], len(files)


def arguments():
    parser = argparse.ArgumentParser(description="Captures under impairments: no stream differs, and the oracle agrees.")
    parser.add_argument("--all", action="store_true", default=engine.LONG, help="all captures, not a sample")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("FLOWOS_SEED", "1")), metavar="N")
    parser.add_argument("--profile", choices=PROFILES)
    parser.add_argument("--largest", type=int, default=0, metavar="BYTES", help="larger ones are kept from the oracle")
    parser.add_argument("files", nargs="*", metavar="FILE")
    return parser.parse_args()


def main():
    chosen = arguments()
    engine.need("flowos-bench", "flowos-golden")
    jobs, files = jobs_of(chosen)
    per_profile, bad = collections.defaultdict(collections.Counter), 0
    with multiprocessing.Pool(2) as pool:
        for (path, profile, seed, with_oracle), wrong, counts in pool.imap_unordered(compare, jobs):
            per_profile[profile].update(counts)
            per_profile[profile]["not_by_oracle"] += not with_oracle
            if wrong:
                bad += 1
                print(f"{engine.short(path)}: {profile}, seed {seed}\n{wrong}\n  again: python3 "
                      f"{os.path.relpath(__file__)} --profile {profile} --seed {seed} {path}", flush=True)
    total = collections.Counter()
    for profile, counts in sorted(per_profile.items()):
        total.update(counts)
        print(f"{profile} ({PROFILES[profile]}): {words(counts)}")
    print(f"seed {chosen.seed}, {files} captures: {words(total)}; {bad} runs wrong")
    return 1 if bad or not total["total"] or not total["lines"] else 0


def words(counts):
    return (f"{counts['runs']} runs, {counts['refused']} refused for wrong checksums, {counts['packets']} packets; "
            f"{counts['total']} streams: {counts['identical']} identical, {counts['gapped']} gapped, "
            f"{counts['conflicted']} conflicted, {counts['differ']} differ, {counts['needless_gap_bytes']} needless gap "
            f"bytes; {counts['lines']} lines of the oracle ({counts['with_gaps']} with gaps), "
            f"{counts['lines_different']} different, {counts['not_by_oracle']} runs without it")


if __name__ == "__main__":
    sys.exit(main())
