#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What does the running kernel make of overlapping segments, and does the engine do the same?

    overlap.py [--long] [--seed N]      how many cases, how many disagreements; status 1 when there are any
    overlap.py --table                  each relative placement: who gives which part, by the kernel and by the engine
    overlap.py --plot FILE.svg|.png     the same as a picture, side by side
    overlap.py --sizes                  of which sizes two segments become one, by how packets reach the kernel

--policy NAME holds another policy of the engine against the kernel. Needs root (network namespaces) and the programs:
FLOWOS_BIN is their folder, build/release/bin by default. Status 77: it cannot run here.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import cases
import measure
import picture

SIZES = (2, 8, 32, 64, 90, 100, 128, 150, 180, 190, 200, 256, 300, 350, 400, 500, 512, 600, 700, 800, 1000, 1200, 1448)
SEED = 20071


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--policy", default="linux")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    if options.plot and os.path.splitext(options.plot)[1] not in (".svg", ".png"):
        parser.error(f"--plot {options.plot}: the name must end in .svg or .png")
    if options.plot and not os.access(os.path.dirname(os.path.abspath(options.plot)), os.W_OK | os.X_OK):
        parser.error(f"--plot {options.plot}: there is no such folder, or it cannot be written to")
    return options


def kernel_name():
    return f"{os.uname().sysname} {os.uname().release}"


class Row:
    """One relative placement: what the kernel and the engine give, behind a hole and without one."""

    def __init__(self, placement, given):
        self.placement, self.given = placement, given  # given: (kernel, engine) for each place
        self.published = cases.published(placement)
        self.cases = self.disagree = 0

    @property
    def agrees(self):
        return self.disagree == 0 and all(kernel == engine for kernel, engine in self.given)

    def relations(self):
        names = []
        for first in range(len(self.placement)):
            for second in range(first + 1, len(self.placement)):
                names.append(cases.relation(self.placement[first], self.placement[second]))
        return names


def rows(policy):
    """A row for each relative placement of two and three segments, in the middle of a stream."""
    placements = sorted({cases.order(placement) for count in (2, 3) for placement in cases.placements(count)},
                        key=lambda placement: (len(placement), Row(placement, ()).relations(), placement))
    given = [[] for _ in placements]
    for hole in (True, False):
        asked = [cases.Case(placement, cases.Where("middle", hole, lead=19)) for placement in placements]
        with tempfile.TemporaryDirectory(prefix="flowos-kernel-") as folder:
            pcap = os.path.join(folder, "asked.pcap")
            kernel = measure.ask_kernel(asked, pcap)
            engine = measure.engine_answers(pcap, asked, policy)
        for number, case in enumerate(asked):
            given[number].append((case.cells(kernel[number]), case.cells(engine[number])))
    return [Row(*row) for row in zip(placements, given)]


def count_cases(table, outcome):
    """How many cases of each row there were in the full run, and how many disagreed."""
    by_placement = {row.placement: row for row in table}
    wrong = set(outcome.engine)
    for number, case in enumerate(outcome.group.cases):
        row = by_placement[cases.order(case.placement)]
        row.cases += 1
        row.disagree += number in wrong


def print_table(table):
    print("Segments in order of arrival on a grid; who gives each unit of it, '.' being what filled the holes. Joined:")
    print("not what the published rule for two segments gives, since two of them became one.\n")
    print(f"{'segments':24} {'relations':44} {'kernel':7}{'engine':7} {'kernel':7}{'engine':7} {'cases':>6} {'differ':>6}")
    print(f"{'':24} {'A-B (A-C, B-C)':44} {'behind a hole':14} {'without one':14}")
    for row in table:
        where = " ".join(f"{chr(ord('A') + tag)}{a}-{b}" for tag, (a, b) in enumerate(row.placement))
        cells = " ".join(f"{kernel:7}{engine:7}" for kernel, engine in row.given)
        note = "" if row.agrees else " DIFFER"
        note += " joined" if row.given[0][0] != row.published else ""
        print(f"{where:24} {', '.join(row.relations()):44} {cells} {row.cases:6} {row.disagree:6}{note}")
    print()


def print_outcome(outcome):
    group = outcome.group
    oracle = f", oracle {len(outcome.oracle)}" if group.ask_oracle else ""
    print(f"{len(group.cases):8} cases, {outcome.unanswered} without an answer; disagree: engine {len(outcome.engine)}"
          f"{oracle}: {group.name}", flush=True)
    for number in (outcome.engine + outcome.oracle)[:3] if len(group.cases[0].placement) < 9 else ():
        case = group.cases[number]
        print(f"         e.g. {case.placement}, {case.where}: kernel {outcome.answers[number]}")


def print_sizes():
    """A and B touch, C lies over both: B keeps its bytes only when it became a part of A."""
    for device in ("veth", "tap"):
        for options in ("plain", "sack", "ts"):
            asked = []
            for size in SIZES:
                case = cases.Case(((0, 1), (1, 2), (0, 2)), cases.Where("start", True), size)
                case.sent[2] = (case.sent[2][0] + size // 2, case.sent[2][1] + 1, 2)
                case.length += 1
                asked.append(case)
            joined = ["1*%d " % size in answer for size, answer in
                      zip(SIZES, measure.ask_kernel(asked, options=options, device=device))]
            words = " ".join(f"{size}{'' if one else '-'}" for size, one in zip(SIZES, joined))
            print(f"{device:5}{options:6} {words}")
    print("bytes in each of two segments that touch; a minus where they stay two")


def main():
    options = arguments()
    print(f"{kernel_name()}, policy {options.policy}, seed {options.seed}")
    if options.sizes:
        print_sizes()
        return 0
    table = rows(options.policy) if options.table or options.plot else []
    total = disagree = unanswered = 0
    for group in measure.groups(options.long, options.seed):
        outcome = measure.measure(group, options.policy)
        if total == 0 and table:
            count_cases(table, outcome)
            if options.table:
                print_table(table)
        print_outcome(outcome)
        total += len(group.cases)
        disagree += len(set(outcome.engine) | set(outcome.oracle))
        unanswered += outcome.unanswered
    if options.plot:
        picture.draw(table, options.plot, f"{kernel_name()} and the engine's policy {options.policy}")
    print(f"{total} cases, {total - unanswered} answered, {disagree} disagreements"
          + (f", {len(table)} relative placements, {sum(not row.agrees for row in table)} differ" if table else ""))
    return 1 if disagree or unanswered or any(not row.agrees for row in table) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except measure.CannotRun as why:
        print(f"overlap.py: {why}", file=sys.stderr)
        sys.exit(measure.SKIPPED)
    except KeyboardInterrupt:
        print("overlap.py: interrupted", file=sys.stderr)
        sys.exit(130)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as why:
        print(f"overlap.py: {why}", file=sys.stderr)
        sys.exit(2)
