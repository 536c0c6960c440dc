#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Changes that must not change a stream do not: random cases over all traces of the project; and an engine that is wrong is found.

FLOWOS_LONG=1: 10,000 cases and more, also over captures of others. FLOWOS_SEED: the first seed.
"""

import os
import re
import shlex
import sys
import textwrap
import unittest
import xml.etree.ElementTree

import common

SEED = int(os.environ.get("FLOWOS_SEED", "1"))
CASES = 10000 if common.LONG else 300 if common.SANITIZE else 1500
CAPTURES = os.environ.get("FLOWOS_CAPTURES", "")
KINDS = ("rename", "isn", "split", "coalesce", "resegment", "overlap", "interleave", "duplicate", "permute", "fragment",
         "tag", "pad", "link", "time")

# An engine in a few lines: correct but for streams with a segment that starts at an odd place, of which it drops a byte.
WRONG = """\
    import collections, hashlib, struct, sys
    data = open(sys.argv[1], "rb").read()
    order = "<" if data[:4] in (b"\\xd4\\xc3\\xb2\\xa1", b"\\x4d\\x3c\\xb2\\xa1") else ">"
    at, streams, isn = 24, collections.defaultdict(dict), {}
    odd = set()
    while at < len(data):
        cap = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        p, at = data[at + 16:at + 16 + cap], at + 16 + cap
        if p[12:14] != b"\\x08\\x00" or p[23] != 6:
            continue
        ip = p[14:14 + struct.unpack(">H", p[16:18])[0]]
        tcp = ip[20:]
        ports = struct.unpack(">HH", tcp[:4])
        seq = struct.unpack(">I", tcp[4:8])[0]
        name = "%s:%d > %s:%d" % (".".join(map(str, ip[12:16])), ports[0], ".".join(map(str, ip[16:20])), ports[1])
        if tcp[13] & 2:
            isn[name] = seq + 1
        for i, byte in enumerate(tcp[(tcp[12] >> 4) * 4:]):
            streams[name][seq + i] = byte
            if i == 0 and (seq - isn.get(name, seq)) % 2 and BUG:
                odd.add(name)
    for name in isn:
        got = bytes(streams[name][k] for k in sorted(streams[name]))[1 if name in odd else 0:]
        print("tcp %s #0 bytes=%d sha256=%s" % (name, len(got), hashlib.sha256(got).hexdigest()))
"""


class Metamorph(common.Case):
    def run_suite(self, folder, cases, seed):
        junit, kept = self.path("m.xml"), self.path("differs.pcapng")
        done = common.run("flowos-golden", "metamorph", "--suite", folder, "--cases", cases, "--seed", seed, "--junit",
                          junit, "--keep", kept)
        print(done.text, done.errors)
        self.assertEqual((done.returncode, done.errors), (0, ""))
        suite = xml.etree.ElementTree.parse(junit).getroot().find("testsuite")
        self.assertEqual((suite.get("failures"), suite.get("errors")), ("0", "0"))
        return done.text

    def test_traces(self):
        text = self.run_suite(common.TRACES, CASES, SEED)
        self.assertIn(f"{CASES} cases hold, 0 do not", text)
        for kind in KINDS:
            self.assertRegex(text, rf"(?m)^{kind} +[1-9]")

    def test_cases_of_users(self):
        folder = os.path.join(common.TRACES, "cases")
        if not os.path.isdir(folder):
            self.skipTest("there is no traces/cases")
        self.assertIn(" 0 do not", self.run_suite(folder, CASES, SEED + 1))

    def test_captures(self):
        if not common.LONG or not os.path.isdir(CAPTURES):
            self.skipTest("FLOWOS_LONG=1 and the captures of others are needed")
        ran = 0
        for folder, _, names in sorted(os.walk(CAPTURES)):
            for name in sorted(names):
                path = os.path.join(folder, name)
                if not name.endswith((".pcap", ".pcapng", ".cap", ".trace")) or os.path.getsize(path) > 30 << 20:
                    continue
                done = common.run("flowos-golden", "metamorph", path, "--cases", "8", "--seed", SEED)
                if done.returncode == 2 and " cases hold" not in done.text:
                    continue  # no capture, or damaged from its start
                self.assertEqual(done.returncode, 0, done.text + done.errors)
                ran += 1
        print(f"{ran} captures, 8 cases each, seed {SEED}")
        self.assertGreater(ran, 100)

    def engine(self, wrong):
        script = self.path("engine.py", f"BUG = {wrong}\n" + textwrap.dedent(WRONG))
        return f"'{sys.executable}' '{script}' {{}}"

    def metamorph_engine(self, wrong, *options):
        return common.run("flowos-golden", "metamorph", os.path.join(common.TRACES, "zero-window.pcap"), "--engine",
                          self.engine(wrong), "--engine-lacks", "udp,ipv6,fragments", "--cases", "6", "--seed", SEED,
                          *options)

    def test_right_engine(self):
        done = self.metamorph_engine(False, "--only", "split,permute,duplicate,overlap")
        self.assertEqual(done.returncode, 0, done.text + done.errors)

    def test_wrong_engine_is_found(self):
        kept = self.path("kept.pcapng")
        done = self.metamorph_engine(True, "--only", "resegment,rename", "--keep", kept)
        self.assertEqual(done.returncode, 1, done.text + done.errors)
        line = re.search(r"(?m)^repeat: flowos-golden (.*)$", done.text)
        self.assertTrue(line, done.text)
        self.assertIn("--only resegment", line.group(1))
        self.assertGreater(os.path.getsize(kept), 1000)
        self.assertIn(b"resegment", self.read(kept))
        again = common.run("flowos-golden", *shlex.split(line.group(1)))
        self.assertEqual(again.returncode, 1, again.text + again.errors)
        first = [text for text in done.errors.splitlines() if ": case " in text][0]
        self.assertEqual(again.errors.splitlines()[0].split(": ")[2], first.split(": ")[2])

    def test_engine_that_says_nothing(self):
        trace = os.path.join(common.TRACES, "tls.pcap")
        done = common.run("flowos-golden", "metamorph", trace, "--engine", "true {}", "--cases", "2")
        self.assertEqual(done.returncode, 1, done.text)
        self.assertIn("not one line", done.errors)

    def test_engine_that_cannot(self):
        trace = os.path.join(common.TRACES, "tls.pcap")
        self.refused("flowos-golden", "metamorph", trace, "--engine", "exit 3; : {}", "--cases", "2", says="status 3")

    def test_same_seed_same_packets(self):
        kept = []
        for name in ("a", "b"):
            path = self.path(name)
            common.run("flowos-golden", "metamorph", os.path.join(common.TRACES, "mixed.pcap"), "--case", "5", "--seed", "9",
                       "--keep", path)
            kept.append(self.read(path))
        self.assertGreater(len(kept[0]), 100)
        self.assertEqual(kept[0], kept[1])

    def test_refused(self):
        trace = os.path.join(common.TRACES, "tls.pcap")
        self.refused("flowos-golden", "metamorph", says="TRACE")
        self.refused("flowos-golden", "metamorph", trace, "--only", "shuffle", says="no change is called")
        self.refused("flowos-golden", "metamorph", trace, "--cases", "many", says="no number")
        self.refused("flowos-golden", "metamorph", "--suite", self.folder, says="no trace")
        self.refused("flowos-golden", "metamorph", "--suite", self.folder, "--case", "1", says="one trace only")
        self.refused("flowos-golden", "metamorph", trace, "--engine", "true", says="{}")

    def test_wrong_golden_file(self):
        trace = os.path.join(common.TRACES, "tls.pcap")
        golden = self.read(trace + ".golden").replace(b"end=fin", b"end=rst", 1)
        done = common.run("flowos-golden", "metamorph", trace, self.path("g", golden), "--cases", "3")
        self.assertEqual(done.returncode, 1)
        self.assertIn("without any change", done.errors)


if __name__ == "__main__":
    common.require("flowos-golden")
    print(f"seed {SEED}, {CASES} cases")
    sys.exit(unittest.main())
