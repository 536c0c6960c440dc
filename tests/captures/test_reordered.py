#!/usr/bin/env python3
"""Reordering and duplicates change nothing: every stream of a capture comes out whole and the same, impaired or not.

    test_reordered.py [--seeds A-B] [--impair OPTIONS] [FILE...]      without files: all captures

Streams are held against those of the clean run by content (a use may have another number). Those that ORDER.md calls
conflicted or ambiguous may differ; of these the engine's lines must be the oracle's for the same packets.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "model"))

import engine
import golden


def content(line):
    """(direction, bytes, digest, gaps) of a golden line of a TCP stream with data; None of others."""
    words = line.split()
    if words[0] != "tcp" or words[5] == "bytes=0":
        return None
    return " ".join(words[1:4]), words[5], words[6], words[7]


def contents(lines):
    return Counter(found for found in map(content, lines) if found)


def unclear_streams(streams):
    """Directions with a stream that may differ, and what these streams are in the clean run."""
    unclear = [one for one in streams if one in golden.ambiguous(streams) or one.conflicts]
    return {f"{one.src} > {one.dst}" for one in unclear}, contents(golden.tcp_line(one) for one in unclear)


def compare(job):
    """(job, what is wrong or "", streams, of those doubtful)"""
    path, options, seed = job
    with tempfile.TemporaryDirectory() as folder:
        impaired = os.path.join(folder, "impaired.pcapng")
        try:
            if not engine.impair(path, impaired, options.split() + ["--seed", str(seed)]):
                return job, "", 0, 0
            clean, run = contents(engine.record(path)), contents(engine.record(impaired))
            if clean == run:
                return job, "", clean.total(), 0
            directions, doubtful = unclear_streams(engine.model(path))
            missing, extra = clean - run, run - clean
            wrong = [f"  not there: {' '.join(one)}" for one in missing - doubtful]
            wrong += [f"  not in the clean run: {' '.join(one)}" for one in extra if one[0] not in directions]
            model = engine.difference(engine.lines_of(engine.model(impaired)), engine.record(impaired))
        except engine.Failed as error:
            return job, f"  {error}", 0, 0
    return job, "\n".join(wrong + [model] if model else wrong), clean.total(), missing.total()


def main():
    parser = argparse.ArgumentParser(description="Reordering and duplicates change nothing.")
    parser.add_argument("--seeds", default="1-20" if engine.LONG else "1-1", metavar="A-B")
    parser.add_argument("--impair", default="--reorder 5% --dup 1%", metavar="OPTIONS")
    parser.add_argument("files", nargs="*", metavar="FILE")
    chosen = parser.parse_args()
    engine.need("flowos-golden", "flowos-trace")
    first, last = (int(part) for part in chosen.seeds.split("-"))
    files = chosen.files or engine.captures()
    if not files:
        engine.skip(f"no captures at {engine.captures_root()} (set FLOWOS_CAPTURES)")
    if engine.SLOW and not chosen.files:
        files = files[::8]
    jobs = [(path, chosen.impair, seed) for path in files for seed in range(first, last + 1)]
    total = doubtful = bad = 0
    with multiprocessing.Pool(2) as pool:
        for (path, options, seed), wrong, streams, unlike in pool.imap_unordered(compare, jobs, chunksize=4):
            total, doubtful = total + streams, doubtful + unlike
            if wrong:
                bad += 1
                print(f"{engine.short(path)}: seed {seed}\n{wrong}\n  again: python3 {os.path.relpath(__file__)} "
                      f"--seeds {seed}-{seed} --impair '{options}' {path}")
    print(f"{chosen.impair}, seeds {chosen.seeds}: {len(jobs)} runs, {total} streams, {doubtful} unclear "
          f"and unlike the clean run, {bad} runs wrong")
    return 1 if bad or not total else 0


if __name__ == "__main__":
    sys.exit(main())
