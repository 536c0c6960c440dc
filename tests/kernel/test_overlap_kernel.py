#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The engine's policy `linux` gives exactly what the running kernel's application reads, in every case that is asked.

FLOWOS_LONG=1 asks in every way of sending, over IPv6 as well, and more at random. FLOWOS_SEED is the seed. With
sanitizers only pairs and a few cases at random are asked. Skipped where there is no root.
"""

import os
import subprocess
import sys
import tempfile
import unittest

import cases
import measure
import overlap
import picture

LONG = os.environ.get("FLOWOS_LONG") == "1"
SANITIZE = bool(os.environ.get("FLOWOS_SANITIZE"))
SEED = int(os.environ.get("FLOWOS_SEED", overlap.SEED))

RELATIONS = {"before", "after", "meets", "met by", "overlaps", "overlapped by", "starts", "started by", "during", "contains",
             "finishes", "finished by", "equals"}


def groups():
    if not SANITIZE:
        return measure.groups(LONG, SEED)
    asked = [measure.Group("all pairs everywhere", cases.enumerated(counts=(2,)))]
    return asked + [measure.Group(f"{count} at random", cases.at_random(count, 200, SEED)) for count in measure.PROBED]


class Enumeration(unittest.TestCase):
    def test_every_relation_of_two(self):
        placements = cases.placements(2)
        self.assertEqual(len(placements), 15**2)
        self.assertEqual({cases.relation(*placement) for placement in placements}, RELATIONS)
        self.assertEqual(len({cases.order(placement) for placement in placements}), 13)

    def test_every_relation_of_each_two_of_three(self):
        placements = cases.placements(3)
        self.assertEqual(len(placements), 15**3)
        for first, second in ((0, 1), (0, 2), (1, 2)):
            found = {cases.relation(placement[first], placement[second]) for placement in placements}
            self.assertEqual(found, RELATIONS)

    def test_no_placement_of_three_is_missing(self):
        """Six points have room for every order of six ends: a wider grid has no placement that this one has not. There
        are 409, as many as Allen's algebra has consistent scenarios of three intervals."""
        wider = cases.intervals(8)
        orders = {cases.order((a, b, c)) for a in wider for b in wider for c in wider}
        self.assertEqual(orders, {cases.order(placement) for placement in cases.placements(3)})
        self.assertEqual(len(orders), 409)

    def test_everywhere(self):
        """The wrap lies at every edge of a unit and within every unit, in the hole and at its edges."""
        places = list(cases.everywhere())
        self.assertEqual(len({str(where) for where in places}), len(places))
        for hole in (True, False):
            wraps = {where.wrap for where in places if where.hole == hole and where.wrap is not None}
            units = cases.POINTS - 1 + hole
            self.assertEqual(wraps, {at * cases.UNIT // 2 for at in range(2 * units + 1)})
        case = cases.Case(((0, 1),), cases.Where("wrap", True, wrap=12))
        self.assertEqual((case.isn + 1 + 12) % cases.WRAP, 0)


class Kernel(unittest.TestCase):
    def test_no_disagreement(self):
        print(f"{overlap.kernel_name()}, seed {SEED}")
        total = 0
        for group in groups():
            outcome = measure.measure(group)
            overlap.print_outcome(outcome)
            with self.subTest(group.name):
                self.assertGreater(len(group.cases), 0)
                self.assertEqual(len(outcome.answers), len(group.cases))
                self.assertEqual(outcome.unanswered, 0)
                self.assertEqual(outcome.engine, [])
                self.assertEqual(outcome.oracle, [])
            total += len(group.cases)
        print(f"{total} cases")

    def test_a_disagreement_is_found(self):
        """Other policies are not the kernel's, and neither is what the kernel has read one byte of elsewhere."""
        group = measure.Group("pairs", cases.enumerated(counts=(2,), wheres=[cases.Where("start", True)]))
        for policy in ("first", "last", "bsd", "solaris"):
            self.assertGreater(len(measure.measure(group, policy).engine), 0, policy)
        with tempfile.TemporaryDirectory(prefix="flowos-kernel-") as folder:
            pcap = os.path.join(folder, "asked.pcap")
            answers = measure.ask_kernel(group.cases, pcap)
            lines = measure.engine(pcap)
            self.assertEqual(measure.disagreements(group.cases, answers, lines), [])
            answers[7] = "15*1 " + answers[7].replace("15*8", "15*7", 1).replace("0*", "1*", 1)
            answers[9] = "! no answer"
            self.assertEqual(measure.disagreements(group.cases, answers, lines), [7, 9])
            self.assertEqual(len(measure.disagreements(group.cases, answers, lines[:-2])), 4)

    def test_table_and_picture(self):
        table = overlap.rows("linux")
        self.assertEqual(len(table), 13 + 409)
        self.assertEqual([row.placement for row in table if not row.agrees], [])
        self.assertEqual({row.given[0][0] for row in table if len(row.placement) == 2},
                         {"A", "AA", "AAA", "BB", "BBB", "AB", "BA", "AAB", "BBA", "A.B", "B.A"})
        with tempfile.TemporaryDirectory(prefix="flowos-kernel-") as folder:
            for name, begins in (("table.svg", b"<?xml"), ("table.png", b"\x89PNG")):
                picture.draw(table, os.path.join(folder, name), "a title")
                with open(os.path.join(folder, name), "rb") as drawn:
                    self.assertTrue(drawn.read().startswith(begins))
            self.assertEqual(sorted(os.listdir(folder)), ["table.png", "table.svg"])

    def test_what_is_no_case(self):
        for line in ("", "x", "1", "1 8", "1 8 0:8", "1 8 8:0:1", "1 8 0:8:16", "1 99999999 0:8:1", "1 8 0:9999:1",
                     "1 8 " + "0:8:1 " * 200):
            done = subprocess.run([measure.ASK_KERNEL], input=line + "\n", capture_output=True, text=True, timeout=60,
                                  check=False)
            self.assertEqual((done.returncode, done.stderr), (2, "ask_kernel: line 1 is no case\n"), line)
        for option in ("--options=x", "--device=x", "--x", "y"):
            done = subprocess.run([measure.ASK_KERNEL, option], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 2, option)

    def test_no_answer_is_said(self):
        """A hole that nobody fills: there is nothing to read, and the next case is none the worse for it."""
        done = subprocess.run([measure.ASK_KERNEL], input="1 16 8:16:0\n1 8 0:8:3\n", capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, "! the stream stops early\n3*8\n"))


if __name__ == "__main__":
    try:
        measure.ask_kernel([cases.Case(((0, 1),), cases.Where("start", True))])
        measure.program("flowos-golden")
        measure.program("flowos-bench")
    except measure.CannotRun as why:
        print(f"skipped: {why}")
        sys.exit(measure.SKIPPED)
    unittest.main()
