#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""flowos-bench worst: every case, small, with the engine's caps and with small ones: memory stays within them, innocent
sessions keep every byte. Times are not looked at. FLOWOS_LONG=1: as large as the command's default."""

import csv
import io
import json
import os
import shutil
import sys
import unittest

import common

PROGRAM = "flowos-bench"
SEGMENTS = "50k" if common.LONG else "2k"
SESSIONS = "1000" if common.LONG else "300"  # more SYNs come while an innocent one is half open, where there are more of them
SEED = os.environ.get("FLOWOS_SEED", "1")
SMALL = ("--segments", SEGMENTS, "--repeat", "1", "--seed", SEED)


def cases():
    return [line.split()[0] for line in common.run(PROGRAM, "worst", "--list").text.splitlines()]


class Worst(common.Case):
    def worst(self, *arguments):
        return json.loads(self.ok(PROGRAM, "worst", *SMALL, *arguments, "--json", "-").text)

    def hold(self, result):
        for case in result["cases"]:
            with self.subTest(case=case["name"]):
                for name, bound in case["bounds"].items():
                    slack = 16384 if name.startswith("held") else 0
                    self.assertLessEqual(bound["peak"], bound["cap"] + slack, name)
                self.assertEqual(case["innocent"], {"total": 200, "whole": 200, "damaged": 0})
                self.assertEqual(case["attack"]["damaged"], 0)
                self.assertTrue(case["holds"] and case["within_caps"] and case["innocents_whole"])
                self.assertGreater(case["ns_per_packet"], 0)

    def test_all(self):
        result = self.worst()
        self.hold(result)
        self.assertEqual([case["name"] for case in result["cases"]], cases())
        self.assertEqual((result["schema"], result["seed"], result["ratio_limit"]), (1, int(SEED), 3))
        self.assertEqual(result["command"][:2][-1], "worst")
        self.assertIn("cpu", result["machine"])
        for case in result["cases"]:  # nothing was given up of a single stream: the engine's caps have room for it
            self.assertEqual(case["attack"]["whole"], case["attack"]["total"], case["name"])

    def test_small_caps(self):
        """Where the caps are small they bite, and still nobody else pays."""
        result = self.worst("--caps", "small")
        self.hold(result)
        drops = {case["name"]: case["drops"] for case in result["cases"]}
        self.assertGreater(drops["syn-flood"]["evicted_half_open"], 0)
        self.assertGreater(drops["never-close"]["evicted_idle"], 0)
        for name in ("fragments", "fragments6"):
            self.assertEqual(drops[name]["fragments_cap_of_many"], drops[name]["fragments_cap"])
        for name in ("fragments-forged", "fragments-forged6"):
            self.assertGreater(drops[name]["fragments_cap"], 0)
            self.assertNotIn("fragments_cap_of_many", drops[name])
        self.assertGreater(drops["keep"]["forced_releases"], 0)
        # In the long form the cap gives the hole up before other bytes come for what lies behind it.
        self.assertGreater(drops["conflict-bsd"].get("cap_gaps" if common.LONG else "conflicts", 0), 0)

    def test_over_by_a_packet(self):
        """What is above its cap, and holds all the same, says why."""
        text = self.ok(PROGRAM, "worst", "random", "--segments", "5k", "--caps", "small", "--repeat", "1").text
        self.assertRegex(text, r"random .* held 2[5-7][0-9] KiB of 256 KiB\* .* holds")
        self.assertIn("* A packet is held before its cap is looked at: up to 16 KiB", text)
        self.assertNotIn("* A packet", self.ok(PROGRAM, "worst", "chain", "--segments", "1k", "--repeat", "1").text)

    def test_each_cap(self):
        for option, value, case, reason in (("--hold-cap", "32k", "reverse", "cap_gaps"),
                                            ("--cap-kept", "20k", "keep", "forced_releases"),
                                            ("--cap-sessions", SESSIONS, "syn-flood", "evicted_half_open"),
                                            ("--cap-fragments", "100", "fragments", "fragments_cap"),
                                            ("--cap-fragment-bytes", "400k", "fragments6", "fragments_cap")):
            result = self.worst(case, option, value)
            self.hold(result)
            self.assertGreater(result["cases"][0]["drops"].get(reason, 0), 0, option)

    def test_cap_in_all(self):
        done = common.run(PROGRAM, "worst", *SMALL, "reverse", "--cap-held-total", "32k", "--json", "-")
        case = json.loads(done.text)["cases"][0]
        self.assertTrue(case["within_caps"])
        self.assertGreater(case["drops"]["cap_gaps"], 0)

    def test_seed_repeats(self):
        def numbers(seed):
            result = json.loads(self.ok(PROGRAM, "worst", "random", "syn-flood", "fragments-forged", "--segments", "500",
                                        "--repeat", "1", "--seed", seed, "--json", "-").text)
            return [[case[key] for key in ("packets", "bounds", "drops", "innocent")] for case in result["cases"]]

        self.assertEqual(numbers("3"), numbers("3"))
        self.assertEqual(numbers("4"), numbers("4"))

    def test_files(self):
        names = [self.path("w" + suffix) for suffix in (".csv", ".json")]
        done = self.ok(PROGRAM, "worst", "reverse", "syn-flood", *SMALL, "--csv", names[0], "--json", names[1])
        self.assertIn("2 of 2 cases hold", done.text)
        with open(names[0], encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        with open(names[1], encoding="utf-8") as stream:
            result = json.load(stream)
        self.assertEqual([row["case"] for row in rows], ["reverse", "syn-flood"])
        for row, case in zip(rows, result["cases"]):
            self.assertEqual(int(row["packets"]), case["packets"])
            self.assertEqual(int(row["sessions_peak"]), case["bounds"]["sessions"]["peak"])
            self.assertEqual(row["holds"], "1")
        head = self.ok(PROGRAM, "worst", "reverse", *SMALL, "--csv", "-").text
        self.assertEqual(len(list(csv.reader(io.StringIO(head)))), 2)

    def test_plot(self):
        if not shutil.which("gnuplot"):
            self.skipTest("gnuplot is not installed")
        for suffix, begins in ((".svg", b"<?xml"), (".png", b"\x89PNG")):
            path = self.path("w" + suffix)
            self.ok(PROGRAM, "worst", "reverse", "hash-known", *SMALL, "--plot", path)
            with open(path, "rb") as stream:
                picture = stream.read()
            self.assertTrue(picture.startswith(begins))
            self.assertGreater(len(picture), 3000)

    def test_fails(self):
        """What does not hold is said with the status: too few places for those that talk."""
        done = common.run(PROGRAM, "worst", "never-close", "--segments", "2k", "--repeat", "1", "--cap-sessions", "20")
        self.assertEqual((done.returncode, done.errors), (1, ""))
        self.assertIn("BYTES LOST", done.text)
        self.assertIn("0 of 1 cases hold", done.text)

    def test_refused(self):
        for arguments, says in ((["nothing"], "--list"), (["--segments", "5"], "--segments"), (["--repeat", "0"], "--repeat"),
                                (["--caps", "huge"], "default or small"), (["--plot", "x.jpg"], ".svg"),
                                (["--json", "-", "--csv", "-"], "standard output"), (["--reorder", "5%"], "--reorder"),
                                (["reverse", "--segments", "200", "--json", "/nonexistent/x"], "/nonexistent/x")):
            self.refused(PROGRAM, "worst", *arguments, says=says)

    def test_help(self):
        text = self.ok(PROGRAM, "worst", "--help").text
        for word in ("--segments", "--cap-sessions", "--hold-cap", "Exit status", "over"):
            self.assertIn(word, text)
        self.assertGreater(len(cases()), 30)
        self.assertEqual(len(set(cases())), len(cases()))


if __name__ == "__main__":
    common.require(PROGRAM)
    print(f"FLOWOS_SEED={SEED}")
    sys.exit(unittest.main())
