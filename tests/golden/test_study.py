#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The study: its points are commands that run; it goes on where it was stopped or killed; parts are merged; figures are
drawn; two are compared. And the comparison of whole processes: what it holds to be right."""
import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.dom.minidom

import common

sys.path[:0] = [os.path.join(common.TOP, "bench"), os.path.join(common.TOP, "bench", "peers")]
import compare  # noqa: E402
import study  # noqa: E402
import study_figures  # noqa: E402
import study_points  # noqa: E402
import targets  # noqa: E402
import traces  # noqa: E402

STUDY = os.path.join(common.TOP, "bench", "study.py")
TWO = "module-[nc]o*-64"  # none and count


class Study(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def study(self, *options, status=0):
        done = subprocess.run([sys.executable, STUDY, "--quick", "--bin", common.BIN, *options], capture_output=True,
                              text=True, timeout=300)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    @staticmethod
    def narrow(name):
        """Samples of a point's result that lie within 1 % of their median."""
        with open(name) as f:
            result = json.load(f)
        seconds = result["runs"][0]["seconds"]
        seconds["samples"] = [seconds["median"] * share for share in (0.99, 1, 1, 1, 1.01)]
        with open(name, "w") as f:
            json.dump(result, f)

    def test_points(self):
        for quick in (False, True):
            points = study_points.points(quick)
            self.assertEqual(len({p.name for p in points}), len(points))
            self.assertEqual({p.group for p in points}, {"sessions", "reorder", "damage", "modules", "workers", "peers"})
            self.assertGreaterEqual({p.axes["sessions"] for p in points if p.group == "sessions"}, {1, 1000000})
        done = self.study("--list", "-o", self.path("x"))
        self.assertEqual(len(done.stdout.splitlines()), len(study_points.points(True)))
        self.assertFalse(os.path.exists(self.path("x")))
        self.study("--point", "nosuch", "-o", self.path("x"), status=2)

    def test_run_merge_draw_compare(self):
        a, b, both = self.path("a"), self.path("b"), self.path("both")
        self.study("--only", TWO, "-o", a)
        with open(os.path.join(a, "study.jsonl")) as f:
            lines = [json.loads(line) for line in f]
        self.assertEqual([line["point"] for line in lines], ["module-none-64", "module-count-64"])
        for line in lines:
            self.assertEqual(line["seed"], 1)
            self.assertEqual(len(line["run"]["seconds"]["samples"]), 5)
            self.assertEqual(line["kernel"], os.uname().release)
        again = self.study("--only", TWO, "-o", a)
        self.assertIn("2 of 2 points are measured already", again.stderr)
        self.study("--point", "module-digest-64", "-o", b)
        self.study("--merge", a, b, "-o", both)
        with open(os.path.join(both, "study.jsonl")) as f:
            self.assertEqual(len(f.readlines()), 3)
        if shutil.which("gnuplot"):
            xml.dom.minidom.parse(os.path.join(both, "figures", "modules.svg"))
            with open(os.path.join(both, "figures", "modules.png"), "rb") as f:
                self.assertEqual(f.read(4), b"\x89PNG")
        # A result that is 100 times as slow is found, point by point; the same is not. (What a busy machine measured may be that
        # far apart by itself.)
        for point in os.listdir(os.path.join(a, "points")):
            self.narrow(os.path.join(a, "points", point))
        slow = self.path("slow")
        shutil.copytree(a, slow)
        self.study("--compare", a, slow)
        name = os.path.join(slow, "points", "module-count-64.json")
        with open(name) as f:
            result = json.load(f)
        seconds = result["runs"][0]["seconds"]
        seconds["samples"] = [100 * s for s in seconds["samples"]]
        with open(name, "w") as f:
            json.dump(result, f)
        done = self.study("--compare", a, slow, status=1)
        self.assertIn("2 points compared, 1 slower beyond the noise or no longer right: module-count-64", done.stdout)
        self.study("--compare", a, b, status=2)

    def test_another_command_is_measured_again(self):
        a = self.path("a")
        self.study("--only", "module-none-64", "-o", a)
        name = os.path.join(a, "points", "module-none-64.json")
        with open(name) as f:
            text = f.read()
        with open(name, "w") as f:
            f.write(text.replace("sessions=1000,", "sessions=999,"))
        self.assertNotIn("already", self.study("--only", "module-none-64", "-o", a).stderr)
        with open(name, "w") as f:
            f.write(text[:100])  # damaged
        self.assertNotIn("already", self.study("--only", "module-none-64", "-o", a).stderr)

    def stopped(self, number):
        """Starts it, and stops it in the middle; its child is gone, too."""
        p = subprocess.Popen([sys.executable, STUDY, "--quick", "--bin", common.BIN, "--only", "module-*", "-o", self.folder],
                             stderr=subprocess.DEVNULL)
        until = time.monotonic() + 100
        while time.monotonic() < until and p.poll() is None and not os.path.exists(
                self.path("points", "module-none-64.json")):
            time.sleep(0.02)
        self.assertIsNone(p.poll())
        child = ""
        while not child and p.poll() is None:
            with open(f"/proc/{p.pid}/task/{p.pid}/children") as f:
                child = f.read().strip()
        p.send_signal(number)
        status = p.wait(timeout=60)
        until = time.monotonic() + 30
        while time.monotonic() < until and os.path.exists(f"/proc/{child}"):
            time.sleep(0.02)
        self.assertFalse(os.path.exists(f"/proc/{child}"))
        left = os.listdir(self.path("points"))
        self.assertIn("module-none-64.json", left)
        for name in (n for n in left if n.endswith(".json")):
            with open(self.path("points", name)) as f:
                json.load(f)  # each is whole
        return status

    def test_stopped(self):
        self.assertEqual(self.stopped(signal.SIGINT), 130)
        self.assertIn("are measured already", self.study("--only", "module-none-*", "-o", self.folder).stderr)

    def test_killed(self):
        self.assertEqual(self.stopped(signal.SIGKILL), -9)
        self.assertIn("are measured already", self.study("--only", "module-none-*", "-o", self.folder).stderr)


class Figures(unittest.TestCase):
    """Of made-up lines: all figures, whatever is missing."""

    @staticmethod
    def run_of(axes, point):
        seconds = {"median": 0.01, "ci95": [0.009, 0.011], "samples": [0.01]}
        return {"packets": 1000, "wire_bytes": 100000, "seconds": seconds, "axes": axes, "sessions": 10,
                "service_ns": {"p50": 100, "p99": 200, "p999": 0}, "hol_wait_ns": None if point == "x" else
                {"p50": 1000, "p99": 2000, "p999": 3000}, "memory": {"bytes_per_session": 500.0},
                "peers": [{"name": "floor: sum", "seconds": seconds}, {"name": "libnids", "seconds": seconds}]}

    def lines(self):
        lines = []
        for point in study_points.points(False):
            sweep = next((o for k, o in zip(point.options, point.options[1:]) if k == "--sweep"), None)
            values = [v for v in sweep.split("=", 1)[1].split(",") if "%" in v] if sweep else [None]
            for value in values:
                axes = {sweep.split("=", 1)[0]: value} if value else {}
                run = self.run_of(axes, point.name)
                lines.append({"group": point.group, "axes": study_points.axes_of(point, run), "run": run,
                              "machine": {"cpu": "a 'CPU' {of_some^kind}", "cores": 2, "kernel": "6", "commit": None}, "date": "2026-01-02"})
        return lines

    def test_all(self):
        if not shutil.which("gnuplot"):
            self.skipTest("gnuplot is not there")
        with tempfile.TemporaryDirectory() as folder:
            drawn = list(study_figures.draw(self.lines(), folder))
            self.assertEqual(len(drawn), 2 * len(study_figures.FIGURES))
            for path in drawn:
                if path.endswith(".svg"):
                    xml.dom.minidom.parse(path)
            self.assertLess(max(map(os.path.getsize, drawn)), 400000)

    def test_beside_order(self):
        lines = self.lines()
        slow = [line for line in lines if line["group"] == "reorder" and line["axes"]["share"] == 20]
        for line in slow:
            line["run"]["seconds"] = {"median": 0.02, "ci95": [0.02, 0.02]}
        _, _, panels = study_figures.throughput_reorder(lines)
        self.assertEqual(len(panels), 2)
        for _, colour, points in panels[0].series:
            if colour != study_figures.GREY:
                self.assertEqual([point[:2] for point in points][0], (0.0, 1.0))
                self.assertAlmostEqual(points[-1][1], 0.5)


class Targets(unittest.TestCase):
    def test_line(self):
        self.assertTrue(targets.line("x", 0.9, [95, 96, 94], [100, 101, 99])["met"])
        missed = targets.line("x", 0.9, [85, 86, 84], [100, 101, 99])
        self.assertFalse(missed["met"])
        self.assertAlmostEqual(missed["ratio"], 0.85)
        self.assertLessEqual(missed["ci95"][0], 0.85)

    def test_run(self):
        args = targets.argparse.Namespace(bin=common.BIN, repeat=3)
        found = list(targets.disorder(args, "reorder", ["5%", "20%,depth=9"], [0, 99], "sessions=20,bytes=20000"))
        self.assertEqual([f["what"] for f in found], ["reorder 5% against none", "reorder 20%,depth=9 against none"])
        self.assertEqual([f["met"] for f in found], [True, False])
        with self.assertRaises(targets.Missing):
            targets.runs(args, "--gen", "nonsense")


class WholeProcesses(unittest.TestCase):
    FACTS = {"bytes": 1000, "lossy": False}

    def test_right(self):
        floor = {"bytes": 900, "sum": "beef"}
        good = {"bytes": 1000, "sum": "cafe", "gap_bytes": 0}
        self.assertIsNone(compare.right(self.FACTS, good, floor, "cafe"))
        for key, value in (("bytes", 999), ("sum", "caff"), ("gap_bytes", 1)):
            self.assertIsNotNone(compare.right(self.FACTS, {**good, key: value}, floor, "cafe"))
        lossy = {**self.FACTS, "lossy": True}
        left = {"bytes": 900, "sum": "beef", "gap_bytes": 98}
        self.assertIsNone(compare.right(lossy, left, floor, "cafe"))
        for key, value in (("bytes", 899), ("sum", "cafe"), ("gap_bytes", 101), ("gap_bytes", 50)):
            self.assertIsNotNone(compare.right(lossy, {**left, key: value}, floor, "cafe"))

    def test_into_cache(self):
        """However a file is brought into the page cache, it is the same file."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x")
            whole = os.urandom(3 * 4096 + 17)
            with open(path, "wb") as f:
                f.write(whole)
            for how in ("written", "read", "written"):
                compare.into_cache(path, how)
                with open(path, "rb") as f:
                    self.assertEqual(f.read(), whole)
                self.assertEqual(os.listdir(folder), ["x"])

    def test_run(self):
        """A small trace made as the large ones are, and all programs on it."""
        keep = copy.deepcopy(traces.TRACES)
        traces.TRACES.clear()
        traces.TRACES.update({
            "a": ("plain", 20, 14480, 1448, None, [], ("floor", 1.25)),
            "b": ("worse", 20, 14480, 1448, "a", ["--reorder", "10%,depth=8", "--dup", "5%"], ("a", 9)),
            "c": ("lost", 20, 14480, 1448, "a", ["--loss", "3%"], ("floor", 9))})
        args = compare.argparse.Namespace(bin=common.BIN, also=[("flowos-twin", common.BIN)], no_peers=True, runs=3, seed=1, cache=None)
        try:
            with tempfile.TemporaryDirectory() as folder:
                for name in traces.TRACES:
                    args.cache = {"a": None, "b": "written", "c": "read"}[name]
                    line = compare.one_trace(folder, name, args)
                    self.assertEqual(line["cache"], args.cache)
                    ours = line["programs"]["flowos"]
                    self.assertIsNone(ours["wrong"])
                    self.assertEqual(ours["sum"], line["programs"]["flowos-twin"]["sum"])
                    self.assertGreater(line["target"]["ratio"], 0)
                    self.assertEqual(len(ours["wall"]), 3)
                    self.assertTrue(compare.row(line))
        finally:
            traces.TRACES.clear()
            traces.TRACES.update(keep)


if __name__ == "__main__":
    if not os.path.exists(os.path.join(common.BIN, "flowos-bench")):
        print("flowos-bench was not built")
        sys.exit(77)
    if common.SANITIZE:
        print("not with sanitizers: it is about times")
        sys.exit(77)
    unittest.main()
