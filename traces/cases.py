#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes traces/cases: small traces of what users of other stream engines met, each with what is right.

    cases.py                    all of them: NAME.pcap and NAME.pcap.sent, CASES.md
    cases.py NAME...            some of them
    cases.py --golden           and NAME.pcap.golden, by flowos-golden record, held against the case's own answer
    cases.py --check            makes all anew in a scratch folder: every file must be what it is, byte for byte
    cases.py --list             names, and what is on the wire

Nothing is drawn, no clock is read: the files are the same on every machine. See cases/README.md.
Exit status: 0 done, 1 a file differs or an engine's answer is wrong, 2 wrong usage or a program is missing.
"""

import argparse
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import cases_bytes
import cases_ends
import cases_frames
import cases_order
import cases_starts
import cases_wire
from cases_list import CASES

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "cases")
GROUPS = (("Order, holes, duplicates, one direction alone", cases_order), ("Beginnings", cases_starts),
          ("Ends, and the same ports again", cases_ends), ("Bytes that come more than once", cases_bytes),
          ("Below TCP", cases_frames))


def write(path, data):
    with open(path, "wb") as out:
        out.write(data if isinstance(data, bytes) else data.encode())


def snap_of(trace):
    return 262144 if trace.snap is None else trace.snap


def make(folder, names):
    """The case's Trace of each, by name."""
    made = {}
    for name in names:
        trace = made[name] = CASES[name].make()
        path = os.path.join(folder, name + ".pcap")
        write(path, cases_wire.pcap(trace.frames, snap_of(trace)))
        write(path + ".sent", "".join(line + "\n" for line in trace.sent_lines()))
    return made


def table():
    """CASES.md: a table of all cases, those that are one script under one heading."""
    lines = ["# The cases", "", "Written by `../cases.py`; do not edit. Variants are given as endings of the name.", ""]
    for title, module in GROUPS:
        lines += ["## " + title, ""]
        by_function = {}
        for case in CASES.values():
            if case.function.__module__ == module.__name__:
                by_function.setdefault(case.function, []).append(case)
        for cases in by_function.values():
            lines += section(cases)
    return "\n".join(lines[:-1]) + "\n"


def section(cases):
    on_wire, right = cases[0].text()
    lines = ["### " + ", ".join("`%s`" % case.name for case in cases), "", on_wire, "", "**Right:** " + right, "",
             "**Met by:** " + cases[0].users]
    options = sorted({"`%s`: --%s %s" % (case.name, key, value)
                      for case in cases for key, value in case.engine_options().items()})
    if options:
        lines += ["", "**Engine's options:** " + "; ".join(options)]
    tshark = sorted({case.tshark for case in cases if case.tshark})
    if tshark:
        lines += ["", "**tshark differs:** " + "; ".join(tshark)]
    return lines + [""]


def golden_lines(path):
    with open(path, encoding="utf-8") as lines:
        return sorted(line for line in lines.read().splitlines() if line and not line.startswith("#"))


def difference(want, got):
    return "".join("  %s %s\n" % (sign, line) for sign, one, other in (("-", want, got), ("+", got, want))
                   for line in one if line not in other)


def record(folder, name):
    """Has the engine write the golden file."""
    program = os.path.join(os.environ.get("FLOWOS_BIN") or os.path.join(HERE, "..", "build", "release", "bin"),
                           "flowos-golden")
    path = os.path.join(folder, name + ".pcap")
    options = [word for key, value in CASES[name].engine_options().items() for word in ("--" + key, value)]
    done = subprocess.run([program, "record", path, "-o", path + ".golden", *options], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise OSError("%s: %s" % (name, done.stderr.strip()))


def check_golden(folder, made):
    """How many golden files are not what the case says is right; they are told."""
    wrong = 0
    for name, trace in made.items():
        found = difference(trace.golden_lines(), golden_lines(os.path.join(folder, name + ".pcap.golden")))
        if found:
            wrong += 1
            print("%s: right (-) and the golden file (+)\n%s" % (name, found), end="")
    return wrong


def same(path, other):
    try:
        with open(path, "rb") as one, open(other, "rb") as two:
            return one.read() == two.read()
    except FileNotFoundError:
        return False


def check():
    """Everything made anew: which files are not what they should be."""
    with tempfile.TemporaryDirectory() as scratch:
        made = make(scratch, CASES)
        write(os.path.join(scratch, "CASES.md"), table())
        names = sorted(os.listdir(scratch))
        wrong = [name for name in names if not same(os.path.join(scratch, name), os.path.join(FOLDER, name))]
    known = set(names) | {name + ".pcap.golden" for name in CASES} | {"README.md"}
    for name in wrong:
        print("%s: is not what cases.py makes" % name)
    extra = [name for name in sorted(os.listdir(FOLDER)) if name not in known]
    for name in extra:
        print("%s: no case has this name" % name)
    bad = check_golden(FOLDER, made)
    print("%d cases, %d files" % (len(CASES), len(names)))
    return 1 if wrong or extra or bad else 0


def arguments():
    parser = argparse.ArgumentParser(description="Make the traces in traces/cases.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases to make (default: all)")
    parser.add_argument("--list", action="store_true", help="list the cases and what is on the wire")
    parser.add_argument("--check", action="store_true", help="make all anew and compare with what is there")
    parser.add_argument("--golden", action="store_true", help="record golden files, too (FLOWOS_BIN: the programs)")
    parser.add_argument("-o", metavar="DIR", default=FOLDER, help="where to write (default: cases/ beside this script)")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in CASES]
    if unknown:
        parser.error("no case named " + ", ".join(unknown))
    return chosen


def main():
    chosen = arguments()
    if chosen.list:
        for name, case in CASES.items():
            print("%-44s %s" % (name, case.text()[0]))
        return 0
    try:
        if chosen.check:
            return check()
        os.makedirs(chosen.o, exist_ok=True)
        made = make(chosen.o, chosen.names or CASES)
        write(os.path.join(chosen.o, "CASES.md"), table())
        if chosen.golden:
            for name in made:
                record(chosen.o, name)
            return 1 if check_golden(chosen.o, made) else 0
    except OSError as problem:
        print("cases.py: %s" % problem, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
