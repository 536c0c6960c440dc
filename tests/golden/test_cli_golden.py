#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""flowos-golden from outside: what it refuses and how, what it leaves alone, and that it finds what is wrong."""

import os
import re
import sys
import unittest
import xml.etree.ElementTree

import common

PROGRAM = "flowos-golden"
TRACE = os.path.join(common.TRACES, "http-keepalive.pcap")
GOLDEN = TRACE + ".golden"
OTHER = os.path.join(common.TRACES, "tls.pcap")


class Refusals(common.Case):
    def test_usage(self):
        self.refused(PROGRAM)
        self.refused(PROGRAM, "burn", says="burn")
        self.refused(PROGRAM, "record")
        self.refused(PROGRAM, "record", TRACE, OTHER)
        self.refused(PROGRAM, "record", "-")
        self.refused(PROGRAM, "verify", TRACE)
        self.refused(PROGRAM, "verify", TRACE, GOLDEN, "more")
        self.refused(PROGRAM, "verify", "--suite", common.TRACES, TRACE, GOLDEN)
        self.refused(PROGRAM, "verify", "--suite", self.folder)
        self.refused(PROGRAM, "verify", "--suite", self.path("nowhere"))
        self.refused(PROGRAM, "verify", TRACE, GOLDEN, "--decisions-out", self.path("d"), "--seeds", "1-2")

    def test_options(self):
        for options in (["--no-such"], ["--reorder", "5"], ["--reorder", "101%"], ["--reorder", "5%,depth=0"],
                        ["--reorder", "5%,depth=9999999999"], ["--loss", "-1%"], ["--delay", "5"], ["--seed", "x"],
                        ["--overlap", "best"], ["--checksum", "maybe"], ["--hole-wait", "0"], ["--reorder"],
                        ["--only", "tcp port port"], ["--decisions-in", self.path("nowhere")], ["--seeds", "5-1"],
                        ["--seeds", "x"], ["--seeds", "0-2000000"], ["--level", "ip"], ["--stage", "count"]):
            self.refused(PROGRAM, "verify", TRACE, GOLDEN, *options)

    def test_nothing_to_shrink(self):
        self.refused(PROGRAM, "shrink", TRACE, "-o", self.path("small.pcapng"), says="nothing fails here")
        self.assertFalse(os.path.exists(self.path("small.pcapng")))

    def test_help_and_version(self):
        self.assertRegex(self.ok(PROGRAM, "--version").text, r"^flowos-golden \d+\.\d+")
        for command in ([], ["record"], ["verify"], ["shrink"], ["metamorph"]):
            self.assertIn("usage: flowos-golden", self.ok(PROGRAM, *command, "--help").text)
        self.assertIn("--reorder 20%,depth=100 --dup 5%", self.ok(PROGRAM, "verify", "--help").text)

    def test_traces_that_are_none(self):
        whole = self.read(TRACE)
        for name, content in (("empty", b""), ("text", b"This is no capture.\n" * 50), ("magic", b"\x00" * 4 + whole[4:]),
                              ("head", whole[:20])):
            path = self.path(name, content)
            self.refused(PROGRAM, "record", path, says=name)
            self.assertFalse(os.path.exists(path + ".golden"))
            self.refused(PROGRAM, "verify", path, GOLDEN, says=name)
        self.refused(PROGRAM, "record", self.path("nowhere"))
        self.refused(PROGRAM, "record", self.folder)

    def test_golden_files_that_are_none(self):
        head = "# flowos-golden 1\n"
        for name, content in (("empty", ""), ("text", "hello\n"), ("binary", bytes(range(256))), ("capture", self.read(TRACE)),
                              ("line", head + "what is this\n"), ("option", head + "# overlap: best\n"),
                              ("level", head + "# level: ip\n"), ("impair", head + "# impair: --reorder 5\n"),
                              ("quote", head + "# impair: --only 'tcp\n"), ("number", "# flowos-golden 2\n")):
            self.refused(PROGRAM, "verify", TRACE, self.path(name, content), says=name)
        self.refused(PROGRAM, "verify", TRACE, self.path("nowhere"))

    def test_another_trace(self):
        self.refused(PROGRAM, "verify", OTHER, GOLDEN, says="another trace")
        done = common.run(PROGRAM, "verify", OTHER, GOLDEN, "--force")
        self.assertEqual(done.returncode, 1)

    def test_output(self):
        self.refused(PROGRAM, "record", TRACE, "-o", self.path("no/such/folder"))
        self.refused(PROGRAM, "record", TRACE, "-o", self.folder)
        self.refused(PROGRAM, "verify", TRACE, GOLDEN, "--junit", self.path("no/such/folder"))
        if os.path.exists("/dev/full"):
            self.refused(PROGRAM, "record", TRACE, "-o", "/dev/full")
            self.refused(PROGRAM, "verify", TRACE, GOLDEN, "--junit", "/dev/full")

    def test_what_is_read_is_not_written_over(self):
        trace, golden = self.path("x.pcap", self.read(TRACE)), self.path("x.pcap.golden", self.read(GOLDEN))
        link = self.path("link")
        os.symlink(trace, link)
        for arguments in (["record", trace, "-o", trace], ["record", trace, "-o", link],
                          ["verify", trace, golden, "--junit", golden], ["metamorph", trace, golden, "--junit", trace],
                          ["metamorph", trace, golden, "--keep", golden],
                          ["shrink", trace, golden, "--engine", "true {}", "-o", trace],
                          ["shrink", trace, golden, "--engine", "true {}", "-o", self.path("y"), "--golden", golden],
                          ["shrink", trace, golden, "--engine", "true {}", "-o", self.path("y"), "--unimpaired", link]):
            self.refused(PROGRAM, *arguments, says="is read")
        self.assertEqual(self.read(trace), self.read(TRACE))
        self.assertEqual(self.read(golden), self.read(GOLDEN))

    def test_what_cannot_be_written_is_not_begun(self):
        nowhere = self.path("no/such/folder")
        for arguments in (["verify", "--suite", common.TRACES, "--junit", nowhere],
                          ["metamorph", TRACE, "--junit", nowhere], ["metamorph", TRACE, "--keep", nowhere],
                          ["shrink", TRACE, GOLDEN, "--engine", "true {}", "-o", nowhere],
                          ["shrink", TRACE, GOLDEN, "--engine", "true {}", "-o", self.path("y"), "--unimpaired", nowhere]):
            self.assertEqual(self.refused(PROGRAM, *arguments, says=nowhere).text, "")
        self.refused("flowos-bench", "worst", "random", "--json", nowhere, says=nowhere)
        self.assertEqual(os.listdir(self.folder), [])

    def test_no_cases(self):
        self.refused(PROGRAM, "metamorph", TRACE, "--cases", "0", says="--cases 0")

    def test_corrupt_needs_right_checksums(self):
        trace = os.path.join(common.TRACES, "offload-on.pcap")
        self.refused(PROGRAM, "verify", trace, trace + ".golden", "--corrupt", "5%", says="checksum=fix")
        self.ok(PROGRAM, "verify", trace, trace + ".golden", "--corrupt", "5%,checksum=fix")


class Damage(common.Case):
    def setUp(self):
        super().setUp()
        self.cut = self.path("cut.pcap", self.read(TRACE)[:-100])

    def test_a_good_file_stays(self):
        good = self.path("cut.pcap.golden", "good\n")
        self.refused(PROGRAM, "record", self.cut, status=1, says="--partial")
        self.assertEqual(self.read(good), b"good\n")

    def test_partial(self):
        done = common.run(PROGRAM, "record", self.cut, "--partial")
        self.assertEqual(done.returncode, 0, done.errors)
        self.assertEqual(done.errors.count("\n"), 1)
        text = self.read(self.cut + ".golden").decode()
        self.assertRegex(text, r"(?m)^# partial: cut\.pcap")
        self.assertNotIn(self.folder, text)
        done = common.run(PROGRAM, "verify", self.cut, self.cut + ".golden", "--reorder", "5%")
        self.assertEqual(done.returncode, 0, done.errors)
        self.assertEqual(common.run(PROGRAM, "verify", self.cut, GOLDEN, "--force").returncode, 1)

    def test_every_length(self):
        """A capture cut anywhere is refused in a line, or recorded in part."""
        whole = self.read(os.path.join(common.TRACES, "vlan.pcap"))
        for length in list(range(0, 120, 1 if common.LONG else 7)) + [len(whole) // 2, len(whole) - 1]:
            path = self.path("some.pcap", whole[:length])
            done = common.run(PROGRAM, "record", path, "--partial", "-o", self.path("some.golden"))
            self.assertIn(done.returncode, (0, 2), done.errors)
            self.assertLessEqual(done.errors.count("\n"), 1)


class Findings(common.Case):
    def changed(self, pattern, replacement, name="changed.golden"):
        text = self.read(GOLDEN).decode()
        new = re.sub(pattern, replacement, text, count=1, flags=re.M)
        self.assertNotEqual(text, new)
        return self.path(name, new)

    def fails(self, golden, *says, options=()):
        done = common.run(PROGRAM, "verify", TRACE, golden, *options)
        self.assertEqual(done.returncode, 1, done.text + done.errors)
        self.assertEqual(done.errors.count("\n"), 1, done.errors)
        self.assertRegex(done.text, r"(?m)^repeat: flowos-golden verify \S+ \S+")
        for word in says:
            self.assertIn(word, done.errors)
        return done

    def test_holds(self):
        done = self.ok(PROGRAM, "verify", TRACE, GOLDEN)
        self.assertRegex(done.text, r"^\S+: 10 streams hold, 0 differ\n$")
        done = self.ok(PROGRAM, "verify", TRACE, GOLDEN, "--reorder", "20%", "--dup", "10%", "--seed", "7")
        self.assertIn("--seed 7", done.text)

    def test_differences(self):
        self.fails(self.changed(r"^(tcp .*sha256=)([0-9a-f]{63}).", r"\g<1>\g<2>x", "digest"), "other bytes", "frames ")
        self.fails(self.changed(r"^(tcp .* bytes=)(\d+)", r"\g<1>1\g<2>", "bytes"), "bytes: want 1")
        self.fails(self.changed(r"^(tcp .*)gaps=-", r"\g<1>gaps=0+7", "gaps"), "gaps: want 0+7, got -", "offset 0", "frame ")
        self.fails(self.changed(r"end=fin", "end=rst", "end"), "end: want rst, got fin")
        self.fails(self.changed(r"^tcp .*\n", "", "less"), "not in the golden file", "frame ")
        self.fails(self.changed(r"^(tcp )(.*\n)", r"\g<1>\g<2>tcp 9.9.9.9:1 > 8.8.8.8:2 #0 bytes=0 sha256=00 gaps=- end=fin\n",
                                "more"), "9.9.9.9", "missing")

    def test_ends_do_not_count_when_reordered(self):
        self.fails(self.changed(r"end=fin", "end=rst"), "without the impairment", options=["--reorder", "5%"])

    def test_options_come_from_the_header(self):
        golden = self.path("linux.golden")
        self.ok(PROGRAM, "record", TRACE, "-o", golden, "--overlap", "linux", "--hole-wait", "2000,5ms", "--checksum", "verify",
                "--vlan-key", "--flow", "tcp")
        text = self.read(golden).decode()
        for line in ("trace: http-keepalive.pcap", "level: app", "overlap: linux", "hole-wait: 2000,5ms", "checksum: verify",
                     "vlan-key: yes", "flow: tcp"):
            self.assertIn(f"# {line}\n", text)
        self.ok(PROGRAM, "verify", TRACE, golden)
        self.ok(PROGRAM, "verify", TRACE, golden, "--loss", "3%")
        empty = self.path("flow.golden")
        self.ok(PROGRAM, "record", TRACE, "-o", empty, "--flow", "udp port 9")
        self.assertNotIn("tcp ", self.read(empty).decode())
        self.ok(PROGRAM, "verify", TRACE, empty)

    def test_recorded_with_an_impairment(self):
        golden = self.path("lossy.golden")
        self.ok(PROGRAM, "record", TRACE, "-o", golden, "--loss", "5%", "--only", "tcp and not port 1", "--seed", "3")
        self.assertIn("# impair: --loss 5% --only 'tcp and not port 1' --seed 3\n", self.read(golden).decode())
        self.ok(PROGRAM, "verify", TRACE, golden)
        self.refused(PROGRAM, "verify", TRACE, golden, "--dup", "1%", says="--loss 5%")

    def test_loss(self):
        for options in (["--loss", "10%"], ["--truncate", "10%"], ["--corrupt", "10%"], ["--corrupt", "10%,checksum=fix"],
                        ["--loss", "gemodel:2%,20%,100%,0%", "--reorder", "10%"]):
            done = self.ok(PROGRAM, "verify", TRACE, GOLDEN, *options)
            self.assertIn("held against their packets", done.text)

    def test_decisions(self):
        decisions = self.path("d")
        self.ok(PROGRAM, "verify", TRACE, GOLDEN, "--loss", "5%", "--decisions-out", decisions)
        first = self.ok(PROGRAM, "verify", TRACE, GOLDEN, "--loss", "5%").text.split(";")[1:]
        again = self.ok(PROGRAM, "verify", TRACE, GOLDEN, "--decisions-in", decisions).text.split(";")[1:]
        self.assertEqual(first, again)

    def test_standard_input_and_output(self):
        golden = self.ok(PROGRAM, "record", "-", "-o", "-", stdin=self.read(TRACE)).text
        lines = [line for line in self.read(GOLDEN).decode().split("\n") if not line.startswith("#")]
        self.assertEqual([line for line in golden.split("\n") if not line.startswith("#")], lines)
        self.ok(PROGRAM, "verify", "-", GOLDEN, stdin=self.read(TRACE))
        self.ok(PROGRAM, "verify", TRACE, "-", stdin=self.read(GOLDEN))


    def test_report_to_standard_output(self):
        for arguments in (["verify", TRACE, GOLDEN], ["metamorph", TRACE, "--cases", "5"]):
            done = common.run(PROGRAM, *arguments, "--junit", "-")
            self.assertEqual(done.returncode, 0, done.errors)
            self.assertEqual(xml.etree.ElementTree.fromstring(done.stdout).tag, "testsuites")
            self.assertRegex(done.errors, "hold")


class Suite(common.Case):
    def test_report(self):
        bad = re.sub(r"end=fin", 'end=<&">', self.read(GOLDEN).decode(), count=1)
        self.path("a & <b>.pcap", self.read(TRACE))
        self.path("a & <b>.pcap.golden", bad)
        self.path("good.pcap", self.read(TRACE))
        self.path("good.pcap.golden", self.read(GOLDEN))
        self.path("lonely.pcap.golden", self.read(GOLDEN))
        junit = self.path("suite.xml")
        done = common.run(PROGRAM, "verify", "--suite", self.folder, "--seeds", "1-2", "--junit", junit)
        self.assertEqual(done.returncode, 1)
        suite = xml.etree.ElementTree.parse(junit).getroot().find("testsuite")
        self.assertEqual({case.get("classname") for case in suite}, {"a & <b>.pcap", "good.pcap", "lonely.pcap"})
        self.assertEqual(suite.get("errors"), "1")
        failed = [case for case in suite if case.find("failure") is not None]
        self.assertEqual({case.get("classname") for case in failed}, {"a & <b>.pcap"})
        self.assertIn('<&">', failed[0].find("failure").get("message"))

    def test_same_results_twice(self):
        self.path("x.pcap", self.read(TRACE))
        self.path("x.pcap.golden", self.read(GOLDEN))
        first, again = (self.ok(PROGRAM, "verify", "--suite", self.folder, "--seeds", "5", "--loss", "3%").text
                        for _ in range(2))
        self.assertEqual(first, again)
        self.assertIn("5 checks hold, 0 do not", first)


if __name__ == "__main__":
    common.require(PROGRAM)
    sys.exit(unittest.main())
