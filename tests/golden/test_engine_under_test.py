#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""flowos-golden verify --engine: this project's own engine and the oracle, asked as strangers are, pass every check;
engines that are wrong, lack something, crash or hang are told apart. FLOWOS_LONG=1: all traces with the oracle too."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import unittest
import xml.etree.ElementTree

import common

PROGRAM = "flowos-golden"
TRACE = os.path.join(common.TRACES, "http-keepalive.pcap")
GOLDEN = TRACE + ".golden"
MIXED = os.path.join(common.TRACES, "mixed.pcap")
ORACLE = os.path.join(common.TOP, "tests", "model", "oracle.py")
SELF = shlex.quote(os.path.join(common.BIN, PROGRAM)) + " record {} -o -"
QUICK = ["--seeds", "1-1"] if common.SANITIZE else ["--seeds", "1-2"]


class Engines(common.Case):
    def check(self, status, *options, engine, trace=TRACE):
        done = common.run(PROGRAM, "verify", trace, trace + ".golden", "--engine", engine, *options)
        self.assertEqual(done.returncode, status, f"{engine} {options}: {done.text}{done.errors}")
        self.assertEqual(done.errors.count("\n"), 1 if status else 0, done.errors)
        return done

    def changed(self, script):
        """The own engine, with its lines changed by sed."""
        return SELF + " | sed -E " + shlex.quote(script)


class Right(Engines):
    def test_self_suite(self):
        done = self.ok(PROGRAM, "verify", "--suite", common.TRACES, "--engine", SELF, *QUICK)
        held = re.search(r": (\d+) checks hold, 0 do not", done.text)
        self.assertTrue(held, done.text)
        self.assertGreater(int(held.group(1)), 100)

    def test_oracle(self):
        engine = f"{sys.executable} {shlex.quote(ORACLE)} --checksum $FLOWOS_CHECKSUM {{}}"
        names = common.traces() if common.LONG else ["http-keepalive.pcap", "fragments6.pcap", "port-reuse.pcap", "reset.pcap"]
        for name in names:
            trace = os.path.join(common.TRACES, name)
            for options in ([], ["--reorder", "20%,depth=100", "--dup", "5%"], ["--loss", "5%", "--reorder", "5%"],
                            ["--truncate", "5%"]):
                self.check(0, *options, engine=engine, trace=trace)

    def test_model_as_reference(self):
        for options in ([], ["--loss", "5%"]):
            done = self.check(0, "--reference", "model", *options, engine=SELF)
            self.assertIn("10 streams hold, 0 differ", done.text)

    def test_environment_and_capture(self):
        """The packets as impaired, in a plain pcap file; seed, trace and a folder for what the command leaves."""
        keep = self.path("kept.pcap")
        engine = (f"cp {{}} {shlex.quote(keep)} && test $FLOWOS_SEED = 7 && test $FLOWOS_TRACE = http-keepalive.pcap && "
                  f"echo $TMPDIR >{shlex.quote(self.path('tmp'))} && mkdir -p $TMPDIR/a/b && echo x >$TMPDIR/a/b/c && {SELF}")
        self.check(0, "--loss", "10%", "--seed", "7", engine=engine)
        self.assertIn(self.read(keep)[:4], (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"))
        whole = common.run("flowos-trace", "info", TRACE).text
        self.assertNotEqual(common.run("flowos-trace", "info", keep).text, whole)
        self.assertFalse(os.path.exists(self.read(self.path("tmp")).decode().strip()))

    def test_checksums(self):
        """An engine that takes wrong checksums and says so is asked for what it then must deliver."""
        self.check(0, "--corrupt", "20%", engine=SELF)
        self.check(1, "--corrupt", "20%", engine=self.changed("/^# checksum/d"))
        self.check(0, "--corrupt", "20%", "--engine-lacks", "checksum", engine=self.changed("/^# checksum/d"))
        self.check(0, "--corrupt", "20%", engine=SELF + " --checksum $FLOWOS_CHECKSUM")


class Lacking(Engines):
    def test_words(self):
        for script in ("s/ gaps=.*//", "s/ end=.*//", "/^#/d", "s/ end=[a-z]*//"):
            self.check(0, engine=self.changed(script), trace=MIXED)
            self.check(0, "--loss", "3%", engine=self.changed(script), trace=MIXED)
        self.check(1, engine=self.changed("1,/^tcp.*gaps=/s/ gaps=.*//"), trace=MIXED)  # some have it, one has not

    def test_said_by_the_engine(self):
        for lack, trace, script in (("udp", "dns-udp.pcap", "/^udp/d"), ("ipv6", "ipv6.pcap", r"/^(tcp|udp) \[/d"),
                                    ("uses", "port-reuse.pcap", "/ #[1-9]/d"),
                                    ("empty", "reset.pcap", "/ bytes=0 /d"), ("empty", "half-closed.pcap", "/ bytes=0 /d"),
                                    ("fragments", "fragments.pcap", "/^(udp|tcp)/d")):
            trace = os.path.join(common.TRACES, trace)
            engine = self.changed(script)
            lines = common.run(PROGRAM, "record", trace, "-o", "-").text
            self.check(0, "--engine-lacks", lack, engine=engine, trace=trace)
            said = f"echo '# {lack}: no'; {engine}"
            done = self.check(0, "--loss", "3%", engine=said, trace=trace)
            if re.search(r"(?m)^tcp .* bytes=0 " if lack == "empty" else ".", lines) and lack != "empty":
                self.check(1, engine=engine, trace=trace)
            self.assertNotIn("differ 1", done.text)

    def test_no_handshake(self):
        """Without both SYNs nothing is asked of an engine that says mid: no; without saying so it must deliver all."""
        engine = self.changed("/43246/d")
        lost = ["--loss", "100%", "--only", "tcp port 43246 and src port 80 and tcp[13] & 2 != 0"]
        self.check(0, *lost, "--engine-lacks", "mid", engine=engine, trace=MIXED)
        self.check(1, *lost, engine=engine, trace=MIXED)
        self.check(1, "--engine-lacks", "mid", engine=engine, trace=MIXED)

    def test_gaps(self):
        """Engines that stop at the first missing byte, or put zeros in its place, are held to just that."""
        tool = self.path("gaps.py", GAPS)
        for kind in ("stop", "zeros"):
            engine = f"{sys.executable} {shlex.quote(tool)} {kind} {shlex.quote(os.path.join(common.BIN, 'flowos-bench'))} {{}}"
            for seed in "123":
                self.check(0, "--loss", "5%", "--seed", seed, engine=engine, trace=MIXED)
            self.check(1, "--loss", "5%", engine=engine.replace(kind, "zeros" if kind == "stop" else "stop", 1)
                       + f" | sed 's/gaps: .*/gaps: {kind}/'", trace=MIXED)

    def test_options(self):
        for options in (["--engine-lacks", "udp"], ["--engine-timeout", "5s"], ["--reference", "model"],
                        ["--engine", "cat"], ["--engine", "cat {}", "--engine-lacks", "much"],
                        ["--engine", "cat {}", "--engine-timeout", "5"], ["--engine", "cat {}", "--reference", "me"],
                        ["--engine", "cat {}", "--flow", "tcp"]):
            self.refused(PROGRAM, "verify", TRACE, GOLDEN, *options)


# An engine that lacks gaps: streams from flowos-bench, whose gaps.tsv says where to stop or to fill.
GAPS = '''
import hashlib, os, re, subprocess, sys, tempfile
kind, bench, path = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    out = os.path.join(folder, "out")
    subprocess.run([bench, "-r", path, "--no-check", "--repeat", "1", "--json", "-", "--streams-out", out], check=True,
                   stdout=subprocess.DEVNULL)
    gaps = {}
    for line in open(os.path.join(out, "gaps.tsv")):
        if line[0].isdigit():
            name, at, length = line.split()[:3]
            gaps.setdefault(name, []).append((int(at), int(length)))
    print("# gaps:", kind)
    for word in ("udp", "empty"):
        print(f"# {word}: no")
    for name in sorted(os.listdir(out)):
        match = re.fullmatch(r"([\\d.]{15})\\.(\\d{5})-([\\d.]{15})\\.(\\d{5})(?:c(\\d+))?", name)
        if not match:
            continue
        data = open(os.path.join(out, name), "rb").read()
        if kind == "stop" and name in gaps:
            data = data[:gaps[name][0][0]]
        for at, length in gaps.get(name, []) if kind == "zeros" else []:
            if at < len(data):
                data = data[:at] + bytes(length) + data[at:]
        address = [".".join(str(int(n)) for n in match.group(i).split(".")) for i in (1, 3)]
        if data:
            print(f"tcp {address[0]}:{int(match.group(2))} > {address[1]}:{int(match.group(4))} #{match.group(5) or 0} "
                  f"bytes={len(data)} sha256={hashlib.sha256(data).hexdigest()}")
'''


class Wrong(Engines):
    def test_other_bytes(self):
        done = self.check(1, "--reorder", "5%", "--seed", "3", engine=self.changed(r"s/(tcp.*sha256=)..../\1abcd/"), trace=MIXED)
        self.assertIn("other bytes", done.errors)
        self.assertRegex(done.text, r"(?m)^want: tcp .* sha256=[0-9a-f]{64}")
        self.assertRegex(done.text, r"(?m)^ got: tcp .* sha256=abcd")
        self.assertRegex(done.text, r"(?m)^its bytes are in packets \d+ to \d+ of the trace$")
        self.assertRegex(done.text, r"(?m)^smaller: flowos-golden shrink \S+ \S+ -o small.pcapng --engine .*--seed 3$")
        repeat = re.search(r"(?m)^repeat: flowos-golden (.*)$", done.text).group(1)
        again = common.run(PROGRAM, *shlex.split(repeat))
        self.assertEqual((again.returncode, again.text), (1, done.text))


    def test_missing_and_more(self):
        self.assertIn("missing", self.check(1, engine=self.changed("/^tcp/{0,//d}")).errors)
        more = SELF + f"; echo 'tcp 9.9.9.9:1 > 8.8.8.8:2 #0 bytes=0 sha256={'0' * 64} gaps=- end=fin'"
        self.assertIn("9.9.9.9", self.check(1, engine=more).errors)
        self.check(1, engine=": {}")  # nothing at all

    def test_wrong_only_when_reordered(self):
        """The wrong engine of a first try: it takes packets as they come."""
        engine = f"{sys.executable} {shlex.quote(self.path('naive.py', NAIVE))} {{}}"
        self.check(0, engine=engine)
        done = self.check(1, "--reorder", "20%", engine=engine)
        self.assertIn("other bytes", done.errors)

    def test_died(self):
        for engine, says in (("kill -SEGV $$; : {}", "signal 11"), ("sh -c 'kill -ABRT $$' {}; exit $?", "signal 6")):
            done = self.check(1, engine=engine)
            self.assertIn(says, done.errors)
            self.assertIn("repeat: ", done.text)
        start = time.monotonic()
        done = self.check(1, "--engine-timeout", "300ms", engine="sleep 1000; : {}")
        self.assertIn("within 0.3 s", done.errors)
        self.assertIn("--engine-timeout 300000us", done.text)
        self.assertLess(time.monotonic() - start, 300)

    def test_interrupted(self):
        """Ended while the engine runs: neither it nor its files are left."""
        tmp, pid = self.path("tmp"), self.path("pid")
        os.mkdir(tmp)
        engine = f"echo $$ >{shlex.quote(pid)}.new && mv {shlex.quote(pid)}.new {shlex.quote(pid)}; sleep 1000; : {{}}"
        program = subprocess.Popen([os.path.join(common.BIN, PROGRAM), "verify", TRACE, GOLDEN, "--engine", engine],
                                   env={**os.environ, "TMPDIR": tmp}, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not os.path.exists(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(len(os.listdir(tmp)), 1)
        program.terminate()
        self.assertEqual(program.wait(60), -signal.SIGTERM)
        self.assertEqual(os.listdir(tmp), [])
        shell = int(self.read(pid))
        while time.monotonic() < deadline:
            try:
                os.kill(shell, 0)
            except ProcessLookupError:
                return
            time.sleep(0.02)
        self.fail("the engine runs on")

    def test_could_not_be_run(self):
        for engine, says in (("no-such-engine {}", "status 127"), ("echo why >&2; exit 3; : {}", "status 3: why"),
                             ("cat {}", "line 1"), ("echo hello; : {}", "line 1: is neither"),
                             ("echo '# overlap: best'; : {}", "names no policy")):
            self.assertIn(says, self.check(2, engine=engine).errors)

    def test_the_same_for_all(self):
        """An engine that is not there fails every check alike: that is said once."""
        done = common.run(PROGRAM, "verify", TRACE, TRACE + ".golden", "--seeds", "1-20",
                          "--reorder", "5%", "--engine", "no-such-engine {}")
        self.assertEqual((done.returncode, done.errors.count("\n")), (2, 2), done.errors)
        self.assertIn("the same", done.errors.splitlines()[1])
        self.assertIn("20 could not be run", done.text)

    def test_report(self):
        report = self.path("out.xml")
        suite = self.path("suite")
        os.mkdir(suite)
        for name in ("http-keepalive.pcap", "tls.pcap", "vlan.pcap"):
            for end in ("", ".golden"):
                os.symlink(os.path.join(common.TRACES, name + end), os.path.join(suite, name + end))
        engine = (f"case $FLOWOS_TRACE in tls*) kill -SEGV $$;; vlan*) exit 5;; *) {SELF};; esac")
        done = common.run(PROGRAM, "verify", "--suite", suite, "--reorder", "5%", "--engine", engine, "--junit", report)
        self.assertEqual(done.returncode, 1)
        self.assertIn("1 checks hold, 1 do not, 1 could not be run", done.text)
        root = xml.etree.ElementTree.parse(report).getroot()
        cases = {case.get("classname"): case for case in root.iter("testcase")}
        self.assertEqual(len(cases), 3)
        self.assertEqual(len(cases["http-keepalive.pcap"]), 0)
        self.assertIn("signal 11", cases["tls.pcap"].find("failure").get("message"))
        self.assertRegex(cases["tls.pcap"].find("failure").text, r"(?m)^repeat: flowos-golden verify \S+tls.pcap ")
        self.assertIn("status 5", cases["vlan.pcap"].find("error").get("message"))
        suite = root.find("testsuite")
        self.assertEqual([suite.get(name) for name in ("tests", "failures", "errors", "skipped")], ["3", "1", "1", "0"])
        self.assertTrue(all(float(case.get("time")) >= 0 for case in cases.values()))


NAIVE = '''
import hashlib, struct, sys
data = open(sys.argv[1], "rb").read()
streams, at = {}, 24
while at < len(data):
    length = struct.unpack_from("=I", data, at + 8)[0]
    ip = data[at + 16 + 14:at + 16 + length]
    at += 16 + length
    if ip[0] >> 4 != 4 or ip[9] != 6:
        continue
    tcp = ip[(ip[0] & 15) * 4:struct.unpack_from(">H", ip, 2)[0]]
    name = "{}:{} > {}:{}".format(".".join(map(str, ip[12:16])), tcp[0] << 8 | tcp[1],
                                  ".".join(map(str, ip[16:20])), tcp[2] << 8 | tcp[3])
    streams[name] = streams.get(name, b"") + tcp[(tcp[12] >> 4) * 4:]
print("# udp: no")
for name, text in streams.items():
    print(f"tcp {name} #0 bytes={len(text)} sha256={hashlib.sha256(text).hexdigest()}")
'''


if __name__ == "__main__":
    common.require(PROGRAM, "flowos-bench", "flowos-trace")
    unittest.main()
