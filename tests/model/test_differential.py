#!/usr/bin/env python3
"""Holds the engine against the oracle: the same packets, impaired in many ways, must give the same golden lines.

    test_differential.py [--seeds A-B] [--profile NAME] [FILE...]      without files: traces/ and the captures
By default few seeds and a sample of the captures; FLOWOS_LONG=1: many seeds, all captures.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import engine
import tcp

PROFILES = {
    "clean": "",
    "reorder": "--reorder 5%",
    "reorder-deep": "--reorder 20%,depth=100 --dup 5%",
    "reorder-time": "--reorder 30%,delay=20ms",
    "loss": "--loss 3% --reorder 5%",
    "loss-burst": "--loss 5%,burst=5",
    "dup": "--dup 10%,depth=50",
    "truncate": "--truncate 5%",
    "corrupt": "--corrupt 5% --reorder 5%",
    "corrupt-fix": "--corrupt 5%,checksum=fix --reorder 10%",
    "all": "--reorder 50%,depth=20 --dup 20%,depth=10 --loss 5% --truncate 3%",
}
HOLE_WAITS = ("5", "64", "1024", "10ms", "64,2ms")
SAMPLE = 80  # captures


def settings(path, profile, seed):
    """The engine's options, drawn so that each seed has others; the same for the same file, profile and seed."""
    draw = random.Random(f"{os.path.basename(path)} {profile} {seed}")
    checksum = "verify" if profile == "corrupt" else draw.choice(("ignore", "ignore", "verify"))
    return draw.choice(sorted(tcp.POLICIES)), draw.choice(HOLE_WAITS), checksum


def compare(job):
    """(job, what differs or "", whether there was anything to compare)"""
    path, profile, seed = job
    how = settings(path, profile, seed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            source = path
            if PROFILES[profile]:
                source = os.path.join(folder, "impaired.pcapng")
                if not engine.impair(path, source, PROFILES[profile].split() + ["--seed", str(seed)]):
                    return job, "", False
            got, streams = engine.record(source, *how), engine.model(source, *how)
        except engine.Failed as error:
            return job, f"  {error}", True
    if got is None or streams is None:
        return job, "", False
    found = engine.difference(engine.lines_of(streams), got)
    return job, found and f"{found}\n  overlap, hole-wait, checksum: {' '.join(how)}", True


def jobs_of(chosen):
    profiles = [chosen.profile] if chosen.profile else list(PROFILES)
    first, last = (int(part) for part in chosen.seeds.split("-"))
    seeds = range(first, last + 1)
    if chosen.files:
        return [(path, profile, seed) for path in chosen.files for profile in profiles for seed in seeds]
    captures = engine.captures()
    if not captures:
        print("no captures, traces only")
    jobs = [(path, profile, seed) for path in engine.traces() for profile in profiles for seed in seeds]
    if engine.LONG:
        return jobs + [(path, profile, seed) for path in captures for profile in profiles for seed in seeds[:3]]
    draw = random.Random(first)
    sample = draw.sample(captures, min(SAMPLE // (4 if engine.SLOW else 1), len(captures)))
    return jobs + [(path, profile, first) for path in sample for profile in ("clean", *draw.sample(profiles, 2))]


def main():
    parser = argparse.ArgumentParser(description="The engine held against the oracle.")
    parser.add_argument("--seeds", default="1-40" if engine.LONG else "1-1" if engine.SLOW else "1-2", metavar="A-B")
    parser.add_argument("--profile", choices=PROFILES)
    parser.add_argument("files", nargs="*", metavar="FILE")
    chosen = parser.parse_args()
    engine.need("flowos-golden", "flowos-trace")
    equal = different = nothing = 0
    with multiprocessing.Pool(2) as pool:
        for (path, profile, seed), found, compared in pool.imap_unordered(compare, jobs_of(chosen), chunksize=2):
            if found:
                different += 1
                print(f"{engine.short(path)}: {profile}, seed {seed}: engine and oracle differ\n{found}\n"
                      f"  again: python3 {os.path.relpath(__file__)} --profile {profile} --seeds {seed}-{seed} {path}")
            elif compared:
                equal += 1
            else:
                nothing += 1
    print(f"seeds {chosen.seeds}: {equal} runs equal, {different} differ, {nothing} of files that cannot be read whole")
    return 1 if different or not equal else 0


if __name__ == "__main__":
    sys.exit(main())
