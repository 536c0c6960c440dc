#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""flowos-trace from outside: what it refuses and how, and that its commands fit together."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

import common

PROGRAM = "flowos-trace"
TRACE = os.path.join(common.TRACES, "mixed.pcap")
SMALL = os.path.join(common.TRACES, "vlan.pcap")
TSHARK = shutil.which("tshark")


class Interrupted(common.Case):
    def test_leaves_nothing(self):
        out = self.path("out.pcapng")
        with open(out, "w", encoding="ascii") as old:
            old.write("as it was")
        program = subprocess.Popen([os.path.join(common.BIN, PROGRAM), "gen", "--sessions", "60k", "--bytes", "40k", "-o", out],
                                   stderr=subprocess.DEVNULL)
        late = time.monotonic() + 60
        while len(os.listdir(self.folder)) < 2 and time.monotonic() < late and program.poll() is None:
            time.sleep(0.001)
        program.send_signal(signal.SIGINT)
        self.assertEqual(program.wait(60), -signal.SIGINT)
        self.assertEqual(os.listdir(self.folder), ["out.pcapng"])
        with open(out, encoding="ascii") as old:
            self.assertEqual(old.read(), "as it was")


class Refusals(common.Case):
    def test_usage(self):
        out = self.path("out.pcapng")
        self.refused(PROGRAM)
        self.refused(PROGRAM, "burn", says="burn")
        self.refused(PROGRAM, "gen", says="-o")
        self.refused(PROGRAM, "gen", "-o", out, TRACE)
        self.refused(PROGRAM, "scale", TRACE, "-o", out, says="--sessions")
        self.refused(PROGRAM, "scale", TRACE, "--sessions", "5", says="-o")
        self.refused(PROGRAM, "scale", "--sessions", "5", "-o", out)
        self.refused(PROGRAM, "impair", TRACE, says="-o")
        self.refused(PROGRAM, "impair", TRACE, SMALL, "-o", out)
        self.refused(PROGRAM, "info")
        self.refused(PROGRAM, "info", TRACE, SMALL)
        self.assertEqual(os.listdir(self.folder), [])

    def test_options(self):
        out = self.path("out.pcapng")
        for options in (["--sessions", "0"], ["--sessions", "x"], ["--sessions", "9999999999999"], ["--mss", "0"],
                        ["--mss", "65001"], ["--bytes", "-1"], ["--gap", "5"], ["--ip", "5"], ["--vlan", "4095"],
                        ["--close", "slam"], ["--bytes", "1,mss=2"], ["--no-such"], ["--bytes"], ["--seed", "1x"]):
            self.refused(PROGRAM, "gen", "-o", out, *options)
        for options in (["--sessions", "0"], ["--sessions", "x"], ["--sessions", "5", "--seed", "x"], ["--no-such"]):
            self.refused(PROGRAM, "scale", TRACE, "-o", out, *options)
        for options in (["--reorder", "5"], ["--loss", "101%"], ["--delay", "3"], ["--sessions", "0"], ["--only", "nonsense ("],
                        ["--decisions-in", self.path("nowhere")]):
            self.refused(PROGRAM, "impair", TRACE, "-o", out, *options)
        self.refused(PROGRAM, "impair", os.path.join(common.TRACES, "offload-on.pcap"), "-o", out, "--corrupt", "5%",
                     says="checksum=fix")
        self.refused(PROGRAM, "scale", os.path.join(common.TRACES, "dns-udp.pcap"), "-o", out, "--sessions", "5",
                     says="no TCP session")
        self.refused(PROGRAM, "info", TRACE, "--stage", "count")
        self.assertEqual(os.listdir(self.folder), [])

    def test_outputs_clash(self):
        trace, out = self.path("t.pcap"), self.path("o")
        shutil.copy(TRACE, trace)
        self.refused(PROGRAM, "impair", trace, "-o", trace, "--dup", "5%", says="t.pcap is read")
        self.refused(PROGRAM, "scale", trace, "-o", trace, "--sessions", "5", says="t.pcap is read")
        self.refused(PROGRAM, "info", trace, "--json", trace, says="t.pcap is read")
        self.refused(PROGRAM, "impair", trace, "-o", out, "--dup", "5%", "--decisions-out", out, says="two things")
        self.assertEqual(os.listdir(self.folder), ["t.pcap"])

    def test_too_much(self):
        self.refused(PROGRAM, "gen", "--sessions", "1000M", "--bytes", "1000M", "-o", self.path("out.pcapng"))
        self.assertEqual(os.listdir(self.folder), [])

    def test_help_and_version(self):
        self.assertRegex(self.ok(PROGRAM, "--version").text, r"^flowos-trace \d+\.\d+")
        for command in ([], ["gen"], ["scale"], ["impair"], ["info"]):
            self.assertIn("usage: flowos-trace", self.ok(PROGRAM, *command, "--help").text)

    def test_traces_that_are_none(self):
        whole = self.read(SMALL)
        out = self.path("out.pcapng", "good\n")
        for name, content in (("empty", b""), ("text", b"This is no capture.\n" * 50), ("magic", b"\x00" * 4 + whole[4:]),
                              ("head", whole[:20])):
            path = self.path(name, content)
            self.refused(PROGRAM, "info", path, says=name)
            self.refused(PROGRAM, "impair", path, "-o", out, "--loss", "1%", says=name)
            self.refused(PROGRAM, "scale", path, "-o", out, "--sessions", "5", says=name)
        self.refused(PROGRAM, "info", self.path("nowhere"))
        self.refused(PROGRAM, "info", self.folder)
        self.assertEqual(self.read(out), b"good\n")

    def test_output(self):
        commands = (["gen", "--sessions", "5"], ["scale", SMALL, "--sessions", "5"], ["impair", SMALL, "--loss", "1%"])
        for command in commands:
            self.refused(PROGRAM, *command, "-o", self.path("no/such/folder"))
            self.refused(PROGRAM, *command, "-o", self.folder)
            if os.path.exists("/dev/full"):
                self.refused(PROGRAM, *command, "-o", "/dev/full")
        self.refused(PROGRAM, "info", SMALL, "--json", self.path("no/such/folder"))
        if os.path.exists("/dev/full"):
            self.refused(PROGRAM, "info", SMALL, "--json", "/dev/full")
            with open("/dev/full", "wb") as full:
                done = subprocess.run([os.path.join(common.BIN, PROGRAM), "info", SMALL], stdout=full, stderr=subprocess.PIPE,
                                      check=False)
            self.assertEqual((done.returncode, done.stderr.count(b"\n")), (2, 1))

    def test_a_reader_that_leaves(self):
        done = subprocess.run(f"{common.BIN}/{PROGRAM} gen --sessions 2000 -o - | head -c 100 >/dev/null; "
                              "echo ${PIPESTATUS[0]}", shell=True, executable="/bin/bash", capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.stdout, "2\n")
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_damage(self):
        cut = self.path("cut.pcap", self.read(TRACE)[:-100])
        done = self.refused(PROGRAM, "info", cut, status=1, says="partial")
        self.assertIn("2187", done.text)
        out = self.path("out.pcapng")
        self.refused(PROGRAM, "impair", cut, "-o", out, "--loss", "1%", status=1, says="partial")
        self.ok(PROGRAM, "info", out)
        self.refused(PROGRAM, "scale", cut, "-o", out, "--sessions", "200", status=1, says="partial")
        self.ok(PROGRAM, "info", out)


class Together(common.Case):
    def info(self, path, **more):
        return json.loads(self.ok(PROGRAM, "info", path, "--json", "-", **more).text)

    def made(self, name, *options):
        path = self.path(name)
        self.ok(PROGRAM, *options, "-o", path)
        return path

    def test_gen(self):
        path = self.made("gen.pcapng", "gen", "--sessions", "20", "--bytes", "10k", "--request", "50", "--mss", "500")
        facts = self.info(path)
        self.assertEqual((facts["tcp_sessions"], facts["streams"], facts["tcp_bytes"]), (20, 40, 20 * 10050))
        self.assertEqual((facts["gaps"], facts["conflicts"], facts["checksums_wrong"]), (0, 0, 0))
        self.assertEqual(facts["trace"]["name"], "gen.pcapng")
        other = self.made("six.pcapng", "gen", "--sessions", "3", "--ipv6", "--vlan", "7", "--close", "rst", "--seed", "9")
        facts = self.info(other)
        self.assertEqual(facts["vlans"], {"7": facts["packets"]})
        self.assertEqual(facts["tcp_sessions"], 3)

    def test_same_bytes_every_time(self):
        for options in (["gen", "--sessions", "20"], ["scale", TRACE, "--sessions", "150"],
                        ["scale", TRACE, "--sessions", "7"],
                        ["impair", TRACE, "--reorder", "5%", "--loss", "1%", "--dup", "1%", "--delay", "1ms,jitter=1ms"]):
            first, again = self.made("a", *options), self.made("b", *options)
            self.assertEqual(self.read(first), self.read(again), options)
            to_pipe = common.run(PROGRAM, *options, "-o", "-")
            self.assertEqual((to_pipe.returncode, to_pipe.stdout), (0, self.read(first)), options)

    def test_seed(self):
        for options in (["gen"], ["scale", TRACE, "--sessions", "150"], ["impair", TRACE, "--reorder", "5%"]):
            first, again = self.made("a", *options), self.made("b", *options, "--seed", "2")
            self.assertNotEqual(self.read(first), self.read(again), options)

    def test_scale(self):
        source = self.made("gen.pcapng", "gen", "--sessions", "30", "--bytes", "5k")
        more = self.info(self.made("more.pcapng", "scale", source, "--sessions", "75"))
        self.assertEqual((more["tcp_sessions"], more["tcp_bytes"]), (75, 75 * 5100))
        self.assertEqual((more["gaps"], more["conflicts"], more["checksums_wrong"]), (0, 0, 0))
        once = self.info(self.made("less.pcapng", "scale", source, "--sessions", "7", "--once"))
        self.assertEqual((once["tcp_sessions"], once["tcp_bytes"]), (7, 7 * 5100))
        waves = self.info(self.made("waves.pcapng", "scale", source, "--sessions", "7"))
        whole = self.info(source)
        self.assertLess(abs(waves["packets"] - whole["packets"]), whole["packets"] / 2)

    def test_chain(self):
        """gen, info, scale, impair, verify: bytes survive all of them."""
        source = self.made("gen.pcapng", "gen", "--sessions", "30", "--bytes", "5k")
        scaled = self.made("scaled.pcapng", "scale", source, "--sessions", "60")
        impaired = self.made("impaired.pcapng", "impair", scaled, "--reorder", "10%", "--dup", "5%")
        facts, clean = self.info(impaired), self.info(scaled)
        for key in ("tcp_bytes", "streams", "tcp_sessions"):
            self.assertEqual(facts[key], clean[key], key)
        self.assertGreater(facts["out_of_order_segments"], 0)
        self.assertGreater(facts["late_bytes"], 0)
        golden = {path: {line.split(" gaps=")[0] for line in self.ok("flowos-golden", "record", path, "-o", "-").text.split("\n")
                         if line.startswith("tcp ")} for path in (scaled, impaired)}
        self.assertEqual(golden[scaled], golden[impaired])
        direct = self.made("direct.pcapng", "impair", source, "--sessions", "60", "--reorder", "10%", "--dup", "5%")
        self.assertEqual(self.info(direct)["packets"], facts["packets"])

    def test_decisions(self):
        for options in (["--reorder", "10%", "--loss", "2%", "--dup", "3%"], ["--corrupt", "3%", "--delay", "1ms,jitter=2ms"],
                        ["--loss", "3%,burst=3,retransmit=20ms", "--truncate", "5%"], ["--reorder", "5%,depth=3,scope=link"]):
            decisions = self.path("decisions")
            first = self.made("a", "impair", TRACE, *options, "--decisions-out", decisions)
            again = self.made("b", "impair", TRACE, "--decisions-in", decisions)
            self.assertEqual(self.read(first), self.read(again), options)

    def test_decisions_that_are_none(self):
        out = self.path("out.pcapng")
        for name, text in (("text", "hello\n"), ("action", "# flowos-decisions 1\n1 burn\n"),
                           ("twice", "# flowos-decisions 1\n1 loss\n1 loss\n")):
            self.refused(PROGRAM, "impair", TRACE, "-o", out, "--decisions-in", self.path(name, text), says=name)
        self.assertFalse(os.path.exists(out))

    def test_untouched(self):
        """Without an impairment, the packets are those of the trace."""
        same = self.made("same.pcapng", "impair", TRACE)
        facts, before = self.info(same), self.info(TRACE)
        for key in ("trace", "encapsulations"):
            facts.pop(key), before.pop(key)
        self.assertEqual(facts, before)

    def test_info_text(self):
        text = self.ok(PROGRAM, "info", os.path.join(common.TRACES, "qinq.pcap")).text
        for word in ("packets", "Ethernet", "VLAN", "sessions", "order", "gaps", "checksums"):
            self.assertIn(word, text)
        self.assertEqual(self.info("-", stdin=self.read(SMALL))["trace"]["sha256"], None)

    def test_bench_feeds_the_same(self):
        """flowos-bench --impaired-out writes what impair writes."""
        if not os.path.exists(os.path.join(common.BIN, "flowos-bench")):
            self.skipTest("flowos-bench is not built")
        for number, options in enumerate((["--reorder", "10%", "--dup", "2%"], ["--sessions", "150", "--loss", "2%"],
                                          ["--sessions", "7", "--reorder", "10%"])):
            mine = self.made("mine.pcapng", "impair", TRACE, *options)
            theirs = self.path(f"theirs{number}.pcapng")
            done = common.run("flowos-bench", "-r", TRACE, *options, "--repeat", "1", "--warmup", "0", "--impaired-out",
                              theirs)
            self.assertEqual(done.returncode, 0, done.errors)
            self.assertEqual(self.read(mine), self.read(theirs), options)


@unittest.skipUnless(TSHARK, "tshark is not installed")
class Judge(common.Case):
    """tshark reads what is written, finds nothing malformed, and sees the same sessions."""

    def fields(self, path, *names, only="frame"):
        command = [TSHARK, "-r", path, "-Y", only, "-T", "fields", "-o", "tcp.check_checksum:TRUE", "-o",
                   "ip.check_checksum:TRUE"]
        for name in names:
            command += ["-e", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [line.split("\t") for line in done.stdout.split("\n") if line]

    def judge(self, path, sessions):
        rows = self.fields(path, "tcp.stream", only="tcp")
        self.assertEqual(len({row[0] for row in rows}), sessions)
        self.assertEqual(self.fields(path, "frame.number", only="_ws.malformed || tcp.checksum.status == 0 || "
                                                                 "ip.checksum.status == 0"), [])

    def test_gen_and_scale(self):
        source, scaled = self.path("gen.pcapng"), self.path("scaled.pcapng")
        self.ok(PROGRAM, "gen", "--sessions", "20", "--bytes", "3k", "-o", source)
        self.judge(source, 20)
        self.ok(PROGRAM, "scale", source, "--sessions", "50", "-o", scaled)
        self.judge(scaled, 50)

    def test_comments(self):
        out = self.path("out.pcapng")
        self.ok(PROGRAM, "impair", TRACE, "-o", out, "--reorder", "5%", "--dup", "5%", "--seed", "3")
        rows = self.fields(out, "frame.comment", only="frame.comment")
        self.assertGreater(len(rows), 50)
        for row in rows:
            self.assertRegex(row[0], r"^flowos: frame \d+: ")
        self.assertEqual(len(self.fields(out, "frame.number")), json.loads(
            self.ok(PROGRAM, "info", out, "--json", "-").text)["packets"])


if __name__ == "__main__":
    common.require(PROGRAM, "flowos-golden")
    sys.exit(unittest.main())
