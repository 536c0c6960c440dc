#!/usr/bin/env python3
"""Holds the engine against what others say of captures that others made.

1. On every capture the engine's golden lines are the oracle's.
2. The oracle's streams are those of STREAMS.tsv and EXPECTED.tsv (tests/model/check_streams.py). So the engine's are.
"""

import multiprocessing
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "model"))

import check_streams
import engine


def compare(path):
    """(path, what differs or "", streams compared)"""
    try:
        got, streams = engine.record(path), engine.model(path)
    except engine.Failed as error:
        return path, f"  {error}", 0
    if got is None or streams is None:
        return path, "", 0
    return path, engine.difference(engine.lines_of(streams), got), len(got)


def main():
    engine.need("flowos-golden")
    captures, root = engine.captures(), engine.captures_root()
    if not captures:
        engine.skip(f"no captures at {root} (set FLOWOS_CAPTURES)")
    if engine.SLOW:
        captures = captures[::8]
    files = lines = different = 0
    with multiprocessing.Pool(2) as pool:
        for path, found, compared in pool.imap_unordered(compare, captures, chunksize=4):
            files, lines = files + 1, lines + compared
            if found:
                different += 1
                print(f"{engine.short(path)}: engine and oracle differ\n{found}\n"
                      f"  again: flowos-golden record {path} -o -; tests/model/oracle.py {path}")
    print(f"engine and oracle: {files} captures, {lines} lines, {different} captures differ")
    failures = check_streams.check_table(root, False) + check_streams.check_expected(root)
    for failure in failures:
        print(failure)
    return 1 if different or failures or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
