#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every trace in traces/ holds against its golden file, as it is and under all profiles, for a few seeds.

FLOWOS_LONG=1: for many seeds, and under harder impairments.
"""

import os
import sys
import unittest
import xml.etree.ElementTree

import common

FIRST = int(os.environ.get("FLOWOS_SEED", "1"))
SEEDS = 100 if common.LONG else 1 if common.SANITIZE else 4
HARDER = (
    ["--reorder", "20%,depth=1000"],
    ["--reorder", "10%,delay=30ms", "--dup", "10%,depth=20"],
    ["--reorder", "30%,scope=link,depth=200"],
    ["--loss", "gemodel:1%,20%,80%,0.1%"],
    ["--loss", "5%,retransmit=200ms", "--dup", "20%,depth=50", "--reorder", "20%"],
    ["--corrupt", "10%,checksum=fix", "--loss", "5%,retransmit=10ms"],
    ["--reorder", "5%", "--dup", "1%"],
)


class Suite(common.Case):
    def seeds(self):
        return f"{FIRST}-{FIRST + SEEDS - 1}"

    def test_every_trace_has_a_golden_file(self):
        self.assertGreater(len(common.traces()), 10)
        for name in common.traces():
            self.assertTrue(os.path.exists(os.path.join(common.TRACES, name + ".golden")), name)

    def test_profiles(self):
        junit = self.path("suite.xml")
        done = common.run("flowos-golden", "verify", "--suite", common.TRACES, "--seeds", self.seeds(), "--junit", junit)
        print(done.text, done.errors)
        self.assertEqual((done.returncode, done.errors), (0, ""))
        suite = xml.etree.ElementTree.parse(junit).getroot().find("testsuite")
        self.assertEqual(suite.get("failures"), "0")
        cases = suite.findall("testcase")
        self.assertEqual(len(cases), int(suite.get("tests")))
        self.assertEqual({case.get("classname") for case in cases}, set(common.traces()))

    def test_harder(self):
        for options in HARDER if common.LONG else HARDER[:2] if common.SANITIZE else HARDER:
            done = common.run("flowos-golden", "verify", "--suite", common.TRACES, "--seeds", self.seeds(), *options)
            print(" ".join(options), done.text, done.errors)
            self.assertEqual((done.returncode, done.errors), (0, ""), options)


if __name__ == "__main__":
    common.require("flowos-golden")
    print(f"seeds from {FIRST} on, {SEEDS} of them")
    sys.exit(unittest.main())
