#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The gate over instruction counts says what grew, and by how much: files of callgrind's and baselines that are made up."""
import contextlib
import io
import os
import sys
import tempfile
import unittest

import common

sys.path.insert(0, os.path.join(common.TOP, "bench"))
import instructions  # noqa: E402

CALLGRIND = """# callgrind format
events: Ir
ob=(1) /bin/x
fl=(1) a.c
fn=(1) outer
10 100
+2 20
cob=(2) /lib/y.so
cfn=(2) inner.part.0
calls=3 50
12 5000
13 7
fn=(2)
50 4000
* 1000
fn=(3) inner
60 30

totals: 5157
"""


class Gate(unittest.TestCase):
    def test_functions(self):
        with tempfile.NamedTemporaryFile("w") as f:
            f.write(CALLGRIND)
            f.flush()
            self.assertEqual(instructions.functions(f.name), {"outer": 127, "inner": 5030})

    def hold(self, counted, baselines):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            fine = instructions.hold(counted, baselines)
        return fine, out.getvalue()

    def test_hold(self):
        old = {"small": (500.0, {"parse": 200.0, "order": 300.0})}
        self.assertTrue(self.hold({"small": (504.9, {"parse": 204.9, "order": 300.0})}, old)[0])
        fine, text = self.hold({"small": (525.0, {"parse": 200.0, "order": 290.0, "new": 35.0})}, old)
        self.assertFalse(fine)
        self.assertIn("GREW 5.00 %: 500.0 -> 525.0", text)
        self.assertIn("by: new 0 -> 35", text)
        self.assertNotIn("order", text)
        fine, text = self.hold({"small": (400.0, {})}, old)
        self.assertTrue(fine)
        self.assertIn("20.00 % less", text)
        self.assertFalse(self.hold({"full": (400.0, {})}, old)[0])  # one without a baseline does not pass unseen

    def test_files(self):
        keep = instructions.BASELINES
        with tempfile.TemporaryDirectory() as folder:
            try:
                instructions.BASELINES = os.path.join(folder, "x.txt")
                self.assertEqual(instructions.read_baselines(), ({}, None))
                instructions.write_baselines({"full": (3.25, {"a": 19.0}), "small": (99.5, {"b": 60.0, "a": 39.5})}, "gcc, -O2")
                self.assertEqual(instructions.read_baselines(),
                                 ({"small": (99.5, {"b": 60.0, "a": 39.5}), "full": (3.25, {})}, "gcc, -O2"))
            finally:
                instructions.BASELINES = keep
        cases, made = instructions.read_baselines()
        self.assertEqual(set(cases), set(instructions.CASES))
        self.assertTrue(made)


if __name__ == "__main__":
    unittest.main()
