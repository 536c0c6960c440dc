#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The cases of traces/cases: the files are what their scripts make, and everybody's answer is the one that is right.

FLOWOS_SEED: the first seed (1). FLOWOS_LONG=1: many seeds, and every case under the harder impairments.
"""

import json
import os
import random
import subprocess
import sys
import unittest

import common

sys.path.insert(0, common.TRACES)
sys.path.insert(0, os.path.join(common.TOP, "tests", "model"))
sys.dont_write_bytecode = True

import cases  # noqa: E402
import engine  # noqa: E402
import tshark  # noqa: E402
from cases_list import CASES  # noqa: E402

FOLDER = os.path.join(common.TRACES, "cases")
FIRST = int(os.environ.get("FLOWOS_SEED", "1"))
SEEDS = 100 if common.LONG else 1 if common.SANITIZE else 6
HARDER = (
    ["--reorder", "20%,depth=1000"],
    ["--reorder", "10%,delay=30ms", "--dup", "10%,depth=20"],
    ["--reorder", "30%,scope=link,depth=200"],
    ["--loss", "10%", "--dup", "20%,depth=50", "--reorder", "20%"],
    ["--loss", "gemodel:1%,20%,80%,0.1%", "--delay", "1ms,jitter=20ms"],
)
IMPAIRED = (["--reorder", "20%,depth=100", "--dup", "5%"], ["--loss", "5%,burst=4", "--reorder", "10%"],
            ["--truncate", "5%", "--delay", "1ms,jitter=20ms"])
POLICIES = ("bsd", "first", "last", "linux", "solaris")
SAMPLE = len(CASES) if common.LONG else 10 if common.SANITIZE else 40
BUGGY = os.path.join(os.path.dirname(common.BIN), "tests", "bugs", "flowos-golden")
NOT_SHOWN = ("cap", "crash")  # the cases reach no cap; what crashes writes no streams
SCRIPT = [sys.executable, os.path.join(common.TRACES, "cases.py")]


def path_of(name):
    return os.path.join(FOLDER, name + ".pcap")


def golden_of(name):
    return cases.golden_lines(path_of(name) + ".golden")


def settings(name):
    """The case's options, as tests/model takes them."""
    return CASES[name].engine_options()


def conflicting(name):
    """Whether the trace has other bytes than those written: then policies differ."""
    return name.startswith("conflict-") or CASES[name].function.__name__ in ("bad_checksum", "bad_header_checksum")


class Cases(common.Case):
    def script(self, *arguments):
        return subprocess.run([*SCRIPT, *arguments], capture_output=True, text=True, check=False)

    def test_made_anew(self):
        """Each file is what its script makes, and each golden file is what its script says is right."""
        done = self.script("--check")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"{len(CASES)} cases", done.stdout)

    def test_check_finds_what_is_wrong(self):
        """The test before this one would fail: a byte in a trace, a digit in a golden file."""
        found = cases.difference(["tcp a bytes=1"], ["tcp a bytes=2"])
        self.assertEqual(found, "  - tcp a bytes=1\n  + tcp a bytes=2\n")
        self.assertFalse(cases.same(path_of("fast-open"), path_of("fast-open-ipv6")))

    def test_list(self):
        done = self.script("--list")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()], list(CASES))
        for case in CASES.values():
            on_wire, right = case.text()
            self.assertTrue(on_wire and right and case.users, case.name)

    def test_what_was_sent(self):
        done = subprocess.run([sys.executable, os.path.join(common.TRACES, "check_sent.py"), "-d", FOLDER],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count("agree"), len(CASES), done.stdout)

    def test_suite(self):
        done = common.run("flowos-golden", "verify", "--suite", FOLDER, "--seeds", f"{FIRST}-{FIRST + SEEDS - 1}")
        print(done.text)
        self.assertEqual((done.returncode, done.errors), (0, ""), done.text)

    def test_harder(self):
        for options in HARDER:
            done = common.run("flowos-golden", "verify", "--suite", FOLDER, "--seeds", f"{FIRST}-{FIRST + SEEDS - 1}",
                              *options)
            print(" ".join(options), done.text)
            self.assertEqual((done.returncode, done.errors), (0, ""), f"{options}: {done.text}")

    def test_bugs_are_found(self):
        """Each bug put into the engine on purpose (engine/bug.h) fails cases as they are, without any impairment."""
        if not os.path.exists(BUGGY):
            self.skipTest("no engine with bugs was built")
        listed = subprocess.run([BUGGY], env={**os.environ, "FLOWOS_BUG": "list"}, capture_output=True, text=True,
                                check=False).stdout
        names = [line.split()[0] for line in listed.splitlines() if line.split()[0] not in NOT_SHOWN]
        self.assertGreater(len(names), 7)
        for name in names:
            done = subprocess.run([BUGGY, "verify", "--suite", FOLDER, "--seeds", "1-1"], timeout=common.SECONDS,
                                  env={**os.environ, "FLOWOS_BUG": name}, capture_output=True, text=True, check=False)
            found = [line for line in done.stdout.splitlines() if line.startswith("repeat: ") and " --" not in line]
            print(f"bug {name}: {len(found)} cases fail as they are")
            self.assertEqual(done.returncode, 1, f"{name}: {done.stdout[-500:]}")
            self.assertGreater(len(found), 0, name)

    def test_oracle(self):
        for name in CASES:
            model = engine.lines_of(engine.model(path_of(name), **settings(name)))
            self.assertEqual(engine.difference(golden_of(name), model), "", name)

    def test_policies(self):
        """Without conflicting bytes every policy gives the same streams; with them the engine is the oracle's equal."""
        for name in sorted(random.Random(FIRST).sample(sorted(CASES), min(SAMPLE, len(CASES)))):
            for policy in POLICIES:
                how = {**settings(name), "overlap": policy}
                got = engine.record(path_of(name), **how)
                want = engine.lines_of(engine.model(path_of(name), **how)) if conflicting(name) else golden_of(name)
                self.assertEqual(engine.difference(want, got), "", f"{name} --overlap {policy}")

    def test_oracle_under_impairments(self):
        """Of the same impaired packets, engine and oracle make the same lines."""
        impaired, draw = self.path("impaired.pcapng"), random.Random(FIRST)
        for name in sorted(draw.sample(sorted(CASES), min(SAMPLE, len(CASES)))):
            for seed in range(FIRST, FIRST + (3 if common.LONG else 1)):
                for options in IMPAIRED:
                    options = [*options, "--seed", str(seed)]
                    self.assertTrue(engine.impair(path_of(name), impaired, options), name)
                    model = engine.lines_of(engine.model(impaired, **settings(name)))
                    got = engine.record(impaired, **settings(name))
                    self.assertEqual(engine.difference(model, got), "", f"{name} {' '.join(options)}")

    def test_patience(self):
        """A hole that is waited for with less patience than it takes to fill it is a gap, and only then."""
        name = "ack-before-hole-is-filled"
        stream = "tcp 198.51.100.1:9999 > 192.0.2.1:40000 #0"
        for hole_wait, bytes_, gaps in (("8", 12100, "100+200"), ("59", 12100, "100+200"), ("1024", 12300, "-")):
            got = engine.record(path_of(name), hole_wait=hole_wait)
            line = next(line for line in got if line.startswith(stream))
            self.assertIn(f" bytes={bytes_} ", line, hole_wait)
            self.assertIn(f" gaps={gaps} ", line, hole_wait)
            self.assertEqual(got, engine.lines_of(engine.model(path_of(name), hole_wait=hole_wait)))

    def test_lost_syns(self):
        """Both SYNs of a 4-tuple's second use are lost and the first was never closed: nobody can tell them apart."""
        for name in ("port-reuse-without-close", "port-reuse-without-close-ipv6"):
            lost = "tcp[13] & 2 != 0" if "ipv6" not in name else "ip6[53] & 2 != 0"
            done = self.ok("flowos-golden", "verify", path_of(name), path_of(name) + ".golden", "--loss", "100%",
                           "--only", lost)
            self.assertIn("0 differ", done.text, name)

    def test_cut_packets_cannot_be_verified(self):
        """A cut packet counts as right; where the whole ones did not, nothing can be expected of the run."""
        path = path_of("bad-checksum-first-copy-verify")
        self.refused("flowos-golden", "verify", path, path + ".golden", "--truncate", "2%", says="--truncate: 2 of 13")
        self.ok("flowos-golden", "verify", path_of("fast-open"), path_of("fast-open") + ".golden", "--truncate", "2%",
                "--checksum", "verify")

    def drops(self, name, checksum):
        done = self.ok("flowos-bench", "-r", path_of(name), "--checksum", checksum, "--repeat", 1, "--warmup", 0,
                       "--json", "-", "--overlap", settings(name).get("overlap", "bsd"))
        return json.loads(done.text)["runs"][0]["drops"]

    def test_bad_checksums_are_counted(self):
        """Verifying, as many as the script made wrong; ignoring, none."""
        counted = 0
        for name, case in CASES.items():
            wrong = case.make().wrong
            if wrong or "checksum" in name:
                self.assertEqual(self.drops(name, "verify").get("checksum", 0), wrong, name)
                self.assertEqual(self.drops(name, "ignore").get("checksum", 0), 0, name)
                counted += wrong
        self.assertGreater(counted, 20)

    def test_headers_that_were_cut_are_counted(self):
        for name in CASES:
            if name.startswith("snap-length-within"):
                self.assertEqual(self.drops(name, "ignore"), {"truncated": len(CASES[name].make().frames)}, name)

    def test_tshark(self):
        """Where tshark follows streams it has the same bytes, or the case says why it has not."""
        if not tshark.there():
            self.skipTest("no tshark")
        followed = explained = 0
        for name in sorted(random.Random(FIRST).sample(sorted(CASES), min(SAMPLE, len(CASES)))):
            want = {key: (size, digest) for key, (size, digest, gaps) in tshark.of_golden(golden_of(name)).items()}
            got = tshark.streams(path_of(name), tshark.connections(golden_of(name)))
            wrong = [key for key, value in want.items() if got.get(key) != value]
            if CASES[name].tshark:
                explained += 1
                continue
            self.assertEqual(wrong, [], f"{name}: tshark has {[got.get(key) for key in wrong]}")
            followed += len(want)
        print(f"tshark: {followed} streams the same, {explained} cases where it says why not")
        self.assertGreater(followed, 0)


if __name__ == "__main__":
    common.require("flowos-golden", "flowos-trace", "flowos-bench")
    print(f"seeds from {FIRST} on, {SEEDS} of them")
    sys.exit(unittest.main())
