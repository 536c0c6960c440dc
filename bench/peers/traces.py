#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the traces that engines are timed on, as plain pcap that every peer reads, and says what must come out of them.

usage: bench/peers/traces.py FOLDER [NAME…]     (--list: which there are)

A trace that is there already is kept. Beside each FOLDER/NAME.pcap stands NAME.json: sessions, packets, and the bytes
that its streams carry by the formula that made it.
"""
import argparse
import json
import mmap
import os
import struct
import subprocess
import sys

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BIN = os.environ.get("FLOWOS_BIN") or os.path.join(TOP, "build/release/bin")
REQUEST = 100  # bytes that a client sends: flowos-trace's default

# name: what it is, sessions, bytes of each from the server, mss, the trace that it is made from, impairment, target.
# The target is (what beside, at most how often its time).
TRACES = {
    "s100": ("100 sessions of 4 MB, 1,448-byte segments", 100, 4000000, 1448, None, [], ("floor", 1.25)),
    "s10k": ("10,000 of 40 kB", 10000, 40000, 1448, None, [], ("floor", 1.25)),
    "s200k": ("200,000 of 1,448 B", 200000, 1448, 1448, None, [], ("floor", 1.7)),
    "small": ("1,000 of 64-byte payloads, 2 M packets", 1000, 85056, 64, None, [], ("floor", 2.2)),
    "s1m": ("1,000,000 concurrent of 200 B, 10 M packets", 1000000, 200, 104, None, [], ("floor", 2.3)),
    "s10k_r10": ("10,000, 10 % reordered by 1 to 8 of their direction, 1 % doubled", 10000, 40000, 1448, "s10k",
                 ["--reorder", "10%,depth=8", "--dup", "1%"], ("floor", 1.4)),
    "s100_l1": ("100, 1 % lost", 100, 4000000, 1448, "s100", ["--loss", "1%"], ("floor", 1.4)),
    "s100_ahead": ("100, 5 % displaced by 1 to 800 of the link: ACKs ahead of data", 100, 4000000, 1448, "s100",
                   ["--reorder", "5%,depth=800,scope=link"], ("s100", 1.4)),
}


def to_pcap(source, target):
    """Rewrites pcapng (of flowos-trace: one interface, this machine's byte order, ns) as pcap with ns. Returns packets."""
    packets = 0
    with open(source, "rb") as f, open(target + ".part", "wb", buffering=1 << 20) as out:
        m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        block = struct.Struct("=IIIIIII")
        record = struct.Struct("=IIII")
        out.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        at, end = 0, len(m)
        while at + 28 <= end:
            kind, size, _, high, low, cap, wire = block.unpack_from(m, at)
            if kind == 6:
                seconds, ns = divmod(high << 32 | low, 1000000000)
                out.write(record.pack(seconds, ns, cap, wire))
                out.write(m[at + 28:at + 28 + cap])
                packets += 1
            at += size
        m.close()
    os.replace(target + ".part", target)
    return packets


def run(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"traces.py: {' '.join(command)}: {done.stderr.strip().splitlines()[-1] if done.stderr else done.returncode}")


def make(folder, name, say=lambda text: None):
    """The trace's facts; made where it is not there. `folder` exists."""
    what, sessions, size, mss, base, impair, target = TRACES[name]
    pcap, facts = os.path.join(folder, name + ".pcap"), os.path.join(folder, name + ".json")
    tool = os.path.join(BIN, "flowos-trace")
    recipe = [sessions, size, mss, base, impair]
    try:
        with open(facts) as f:
            known = json.load(f)
        if known["recipe"] == recipe and os.path.getsize(pcap) == known["file_bytes"]:
            return known
    except (OSError, ValueError, KeyError):
        pass
    say(f"making {pcap}")
    raw = pcap + "ng"
    if base:
        make(folder, base, say)
        run([tool, "impair", os.path.join(folder, base + ".pcap"), *impair, "--seed", "1", "-o", raw])
    else:
        run([tool, "gen", "--sessions", str(sessions), "--bytes", str(size), "--mss", str(mss), "-o", raw])
    packets = to_pcap(raw, pcap)
    os.unlink(raw)
    known = {"name": name, "what": what, "recipe": recipe, "sessions": sessions, "packets": packets, "base": base,
             "bytes": sessions * (size + REQUEST), "lossy": "--loss" in impair, "doubled": "--dup" in impair,
             "target": list(target), "file_bytes": os.path.getsize(pcap)}
    with open(facts + ".part", "w") as f:
        json.dump(known, f)
    os.replace(facts + ".part", facts)
    return known


def main():
    parser = argparse.ArgumentParser(description="Makes the traces that engines are timed on.")
    parser.add_argument("folder", nargs="?", help="where to; 3.5 GB for all")
    parser.add_argument("names", nargs="*", help="which (default: all)")
    parser.add_argument("--list", action="store_true", help="only say which there are")
    args = parser.parse_args()
    if args.list:
        for name, spec in TRACES.items():
            print(f"{name:12} {spec[0]}")
        return
    if not args.folder or set(args.names) - set(TRACES):
        parser.error("a folder, and names as --list prints them")
    os.makedirs(args.folder, exist_ok=True)
    for name in args.names or TRACES:
        known = make(args.folder, name, print)
        print(f"{name}: {known['packets']} packets, {known['file_bytes'] / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
