#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""User instructions that the engine takes per packet, counted by valgrind's callgrind on small inputs that are the same
every time, and held against instructions.txt. Counts repeat to a hundredth of a percent where times do not to ten.

usage: bench/instructions.py [CASE…]            hold against the baselines; status 1 where one grew by more than 1 %
       bench/instructions.py --write [CASE…]    write new ones, on purpose, after a change that is meant to cost or save
       bench/instructions.py --list             the cases

Counted is what happens within the engine's calls that take a batch and end the streams, modules included; making
packets, impairing them, and all else of the program is not. A baseline is good for the compiler, its flags and the C
library that it was made with: with others nothing is held (status 77).
"""
import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import json
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
BASELINES = os.path.join(HERE, "instructions.txt")
TOLERANCE = 0.01
COUNTED = ("fos_worker_run", "fos_worker_end")  # neither calls the other
SKIPPED = 77
FEW = 20  # instructions a packet below which a function is not written down

# name: what flowos-bench runs, once.
FULL = ["--gen", "sessions=100,bytes=434400,mss=1448"]
CASES = {
    "small": ["--gen", "sessions=100,bytes=19200,mss=64", "--stage", "count"],
    "full": [*FULL, "--stage", "count"],
    "full-bare": FULL,
    "full-sum": [*FULL, "--stage", "sum"],
    "full-digest": [*FULL, "--stage", "digest"],
    "reorder": [*FULL, "--stage", "count", "--reorder", "5%,depth=32"],
    "sessions-10k": ["--gen", "sessions=10k,bytes=200,mss=104", "--stage", "count"],
    "duplicates": [*FULL, "--stage", "count", "--dup", "5%"],
    "loss": [*FULL, "--stage", "count", "--loss", "1%"],
}


def functions(path):
    """Of a callgrind file: instructions by function, without those of the functions that it calls."""
    names, cost, at, inclusive = {}, {}, None, False
    entry = re.compile(r"fn=\((\d+)\)(?: (.*))?$")
    with open(path, errors="replace") as f:
        for line in f:
            if line.startswith("fn="):
                number, name = entry.match(line).groups()
                at = names.setdefault(number, name or "?")
            elif line.startswith("cfn="):
                number, name = entry.match(line[1:]).groups()
                names.setdefault(number, name or "?")
            elif line.startswith("calls="):
                inclusive = True
            elif line[:1] in "+-*0123456789" and at is not None:
                if not inclusive:
                    cost[at] = cost.get(at, 0) + int(line.split()[1])
                inclusive = False
    whole = {}
    for name, n in cost.items():  # parts that the compiler made of one function are one
        name = re.sub(r"\.(part|constprop|isra|cold)\.\d+.*|'\d+", "", name)
        whole[name] = whole.get(name, 0) + n
    return whole


def count(name, program):
    """(instructions a packet, the same by function, compiler) of a case."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out,
                   *("--toggle-collect=" + f for f in COUNTED), program, *CASES[name], "--seed", "1", "--no-check",
                   "--repeat", "1", "--cpus", "none", "--json", "-"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}: {(done.stderr.strip() or str(done.returncode)).splitlines()[-1]}")
        result = json.loads(done.stdout)
        packets = result["runs"][0]["packets"]
        cost = functions(out)
    if not packets or not cost:
        raise RuntimeError(f"{name}: nothing was counted: are {' and '.join(COUNTED)} still what is called?")
    machine = result["machine"]
    made = f"{machine['compiler']}, {machine['flags'].strip()}, {' '.join(platform.libc_ver())}, {machine['arch']}"
    return sum(cost.values()) / packets, {f: n / packets for f, n in cost.items()}, made


def read_baselines():
    """({case: (instructions a packet, by function)}, what they were made with)"""
    cases, made, at = {}, None, None
    try:
        with open(BASELINES) as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        return {}, None
    for line in lines:
        if line.startswith("# made with: "):
            made = line.split(": ", 1)[1]
        elif line and not line.startswith("#"):
            name, number = line.split()
            if line[0] == " ":
                cases[at][1][name] = float(number)
            else:
                at = name
                cases[at] = (float(number), {})
    return cases, made


def write_baselines(cases, made):
    with open(BASELINES + ".part", "w") as f:
        f.write("# User instructions per packet; bench/instructions.py holds runs against this and writes it (--write).\n"
                f"# Below each case the functions that take {FEW} and more. What each runs: instructions.py --list.\n"
                f"# made with: {made}\n")
        for name in (n for n in CASES if n in cases):
            total, by = cases[name]
            f.write(f"{name} {total:.2f}\n")
            for function, n in sorted(by.items(), key=lambda item: (-item[1], item[0])):
                if n >= FEW:
                    f.write(f"    {function} {n:.2f}\n")
    os.replace(BASELINES + ".part", BASELINES)


def grown(by, old):
    """The functions that grew most, as text."""
    change = {f: by.get(f, 0) - old.get(f, 0) for f in set(by) | set(old) if f in old or by[f] >= FEW}
    most = sorted(change.items(), key=lambda item: -item[1])[:5]
    return ", ".join(f"{f} {old.get(f, 0):.0f} -> {by.get(f, 0):.0f}" for f, n in most if n >= 1) or "none by itself"


def hold(counted, baselines):
    """Prints a line a case; True when none grew."""
    fine = True
    for name, (total, by) in counted.items():
        if name not in baselines:
            print(f"{name}: {total:.1f} instructions a packet, no baseline (--write)")
            fine = False
            continue
        was, old = baselines[name]
        percent = (total / was - 1) * 100
        if total > was * (1 + TOLERANCE):
            print(f"{name}: GREW {percent:.2f} %: {was:.1f} -> {total:.1f} instructions a packet\n    by: {grown(by, old)}")
            fine = False
        elif total < was * (1 - TOLERANCE):
            print(f"{name}: {total:.1f} instructions a packet, {-percent:.2f} % less than {was:.1f}: --write keeps that")
        else:
            print(f"{name}: {total:.1f} instructions a packet, {percent:+.2f} %")
    return fine


def skip(why):
    print("skipped: " + why)
    return SKIPPED


def main():
    parser = argparse.ArgumentParser(description="Instructions per packet against committed baselines.")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--write", action="store_true", help="write new baselines instead of holding against them")
    parser.add_argument("--list", action="store_true", help="the cases")
    parser.add_argument("--jobs", type=int, default=1, help="cases at the same time (default 1)")
    parser.add_argument("--bin", default=os.environ.get("FLOWOS_BIN") or os.path.join(HERE, "../build/release/bin"),
                        help="folder of the programs")
    args = parser.parse_args()
    if args.list:
        for name, options in CASES.items():
            print(f"{name:14} flowos-bench {' '.join(options)}")
        return 0
    if set(args.cases) - set(CASES):
        parser.error("cases: " + " ".join(CASES))
    if os.environ.get("FLOWOS_SANITIZE"):
        return skip("with sanitizers other instructions are counted")
    if not shutil.which("valgrind"):
        return skip("valgrind is not there (bench/setup.sh --tests)")
    names = args.cases or list(CASES)
    try:
        with ThreadPoolExecutor(args.jobs) as pool:
            found = dict(zip(names, pool.map(lambda n: count(n, os.path.join(args.bin, "flowos-bench")), names)))
    except (RuntimeError, OSError) as e:
        print(f"instructions.py: {e}", file=sys.stderr)
        return 2
    made = next(iter(found.values()))[2]
    counted = {name: (total, by) for name, (total, by, _) in found.items()}
    baselines, was_made = read_baselines()
    if args.write:
        kept = {n: b for n, b in baselines.items() if n not in counted} if made == was_made else {}
        write_baselines({**kept, **counted}, made)
        for name, (total, _) in counted.items():
            print(f"{name}: {total:.1f} instructions a packet, written")
        return 0
    if made != was_made:
        for name, (total, _) in counted.items():
            print(f"{name}: {total:.1f} instructions a packet")
        return skip(f"the baselines were made with {was_made}; this is {made}")
    return 0 if hold(counted, baselines) else 1


if __name__ == "__main__":
    sys.exit(main())
