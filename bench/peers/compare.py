#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Times whole processes side by side: flowos-bench with the module `sum`, and libnids doing the same sum, in turns on
the same trace. Prints the median of each and of their ratio, pair by pair. Runs nothing else, writes nothing.

usage: bench/peers/compare.py [--runs N] [--bin DIR] TRACE.pcap SESSIONS
"""
import argparse
import os
import statistics
import subprocess
import sys
import time


def wall(command):
    start = time.monotonic()
    status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
    if status:
        sys.exit(f"compare.py: {command[0]}: status {status}")
    return time.monotonic() - start


def main():
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    parser = argparse.ArgumentParser(description="flowos-bench --stage sum against libnids, whole processes in turns.")
    parser.add_argument("trace", help="a plain pcap file")
    parser.add_argument("sessions", help="TCP sessions in it: the size of libnids' table")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--bin", default=os.path.join(top, "build/release/bin"), help="folder of the programs")
    args = parser.parse_args()
    ours = [os.path.join(args.bin, "flowos-bench"), "--trace", args.trace, "--stage", "sum", "--no-check",
            "--repeat", "1", "--json", "-"]
    nids = [os.path.join(args.bin, "peer-libnids-sum"), args.trace, args.sessions]
    for command in (ours, nids):
        if not os.access(command[0], os.X_OK):
            sys.exit(f"compare.py: {command[0]} is not there (libnids needs Debian's libnids-dev and libnet1-dev)")
        wall(command)
    pairs = [(wall(ours), wall(nids)) for _ in range(args.runs)]
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"flowos-bench {statistics.median(a for a, _ in pairs):.3f} s, libnids {statistics.median(b for _, b in pairs):.3f} s, "
          f"ratio {ratio:.2f} (medians of {args.runs} pairs)")


if __name__ == "__main__":
    main()
