#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Bugs put into the engine on purpose (engine/bug.h) are found by the suites, and what flowos-golden shrink makes of what
was found is small, is TCP, fails with the bug, and holds without it.

FLOWOS_LONG=1: more of what was found for each bug. Prints how each bug was found and what is left of it.
"""

import functools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import unittest

import common

sys.path.insert(0, os.path.join(common.TOP, "tests", "model"))
import capture  # noqa: E402
import packets  # noqa: E402

BUGGY = os.path.join(os.path.dirname(common.BIN), "tests", "bugs", "flowos-golden")
RIGHT = os.path.join(common.BIN, "flowos-golden")
CASES = os.path.join(common.TRACES, "cases")
MOST = 12  # packets that are left
EACH = 4 if common.LONG else 1  # failures that are shrunk for each bug
# What the caps of the engine do is seen only where they are lower; only then these traces do not hold without a bug either.
SUITES = (["--suite", common.TRACES], ["--suite", CASES], ["--suite", common.TRACES, "--loss", "5%", "--hold-cap", "2k"])


def start(program, *arguments, bug="", **env):
    return subprocess.Popen([program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "FLOWOS_BUG": bug, **env})


def run(program, *arguments, bug="", **env):
    process = start(program, *arguments, bug=bug, **env)
    process.text, process.errors = process.communicate(timeout=common.SECONDS)
    return process


def bugs():
    return [line.split("\t")[0] for line in run(BUGGY, bug="list").text.splitlines()]


def failures(bug):
    """[arguments of verify] of each check of the suites that fails with the bug, and not without."""
    found = []
    for i, suite in enumerate(SUITES):
        done = run(BUGGY, "verify", *suite, bug=bug)
        assert done.returncode in (0, 1), done.errors
        commands = re.findall(r"(?m)^repeat: flowos-golden verify (.*)$", done.text)
        if bug:
            found += [shlex.split(command) for command in commands if command not in fail_anyway(i)]
        else:
            found.append(commands)
    return found


@functools.lru_cache(1)
def without_bugs():
    return failures("")


def fail_anyway(suite):
    """Checks that fail without a bug: with a cap lowered, where a trace has holes of its own."""
    return without_bugs()[suite]


def hardest(found):
    """Those with the most packets first. A trace that fails without an impairment is said to fail under all of them."""
    clean = [arguments[:2] for arguments in found if len(arguments) == 2]
    found = [arguments for arguments in found if len(arguments) == 2 or arguments[:2] not in clean]
    return sorted(found, key=lambda arguments: (-os.path.getsize(arguments[0]), arguments))


def records(path):
    return list(capture.read_records(path))


def comments(path):
    """The packets' comments, in order, and the file's."""
    data, at, found, whole = common.Case.read(None, path), 0, [], None
    while at < len(data):
        kind, length = (int.from_bytes(data[at + i:at + i + 4], "little") for i in (0, 4))
        body, options = data[at + 8:at + length - 4], None
        if kind == capture.SECTION:
            options = body[16:]
        elif kind == capture.ENHANCED:
            options = body[20 + (int.from_bytes(body[12:16], "little") + 3) // 4 * 4:]
        if options is not None:
            text = [value.decode() for code, value in capture.read_options("<", options) if code == 1]
            if kind == capture.SECTION:
                whole = text[0] if text else None
            else:
                found.append(text[0] if text else None)
        at += length
    return found, whole


class Shrunk:
    """What shrink says of a failure, and what it leaves in `folder`."""

    def __init__(self, folder, bug, arguments, *more):
        self.trace = arguments[0]
        self.small = os.path.join(folder, "small.pcapng")
        self.before = os.path.join(folder, "before.pcapng")
        self.done = run(BUGGY, "shrink", *arguments, "-o", self.small, "--unimpaired", self.before, *more, bug=bug)
        self.text = self.done.text

    def row(self, name):
        """The numbers of a row of the table."""
        return re.search(rf"(?m)^ +{name} +(.*)$", self.text).group(1).split()


class Bugs(common.Case):
    """Each bug is found by the suites and shrunk."""

    def check(self, bug, arguments):
        one = Shrunk(self.folder, bug, arguments)
        self.assertEqual(one.done.returncode, 0, f"{bug}: {arguments}: {one.done.errors}")
        golden, seen = one.small + ".golden", records(one.small)
        where = f"{bug}: {arguments}\n{one.text}"
        self.assertLessEqual(len(seen), MOST, where)
        self.assertLessEqual(int(one.row("packets")[1]), MOST, where)
        self.assertEqual(run(BUGGY, "verify", one.small, golden, bug=bug).returncode, 1, where)
        held = run(RIGHT, "verify", one.small, golden)
        self.assertEqual(held.returncode, 0, where + held.errors)
        self.comments(one, where)
        self.is_tcp(one, where)
        self.replays(one, where)
        return one

    def comments(self, one, where):
        of_packets, whole = comments(one.small)
        self.assertIn("the least packets that still fail", whole, where)
        for text in of_packets:
            self.assertRegex(text, r"^flowos: frame \d+: ", where)

    def is_tcp(self, one, where):
        """Before the decisions: headers and checksums are as right as in the original, and nothing is acknowledged that
        was not sent."""
        original = records(one.trace)
        for record, text in zip(records(one.before), comments(one.before)[0]):
            was = original[int(re.search(r"frame (\d+)", text).group(1)) - 1]
            for verify in (False, True):
                is_right = [packets.Decoder(verify).decode(r.link, r.data, r.wire, 0) is not None for r in (was, record)]
                self.assertEqual(*is_right, where + text)
        if not shutil.which("tshark"):
            return
        odd = "tcp.analysis.ack_lost_segment || _ws.malformed"
        done = subprocess.run(["tshark", "-r", one.before, "-Y", odd], capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout, "", where + done.stdout)

    def replays(self, one, where):
        """The packets before the decisions and the decisions give the same packets again."""
        again = self.path("again.pcapng")
        self.ok("flowos-trace", "impair", one.before, "--decisions-in", one.before + ".decisions", "-o", again)
        self.assertEqual([(r.time, r.data) for r in records(again)], [(r.time, r.data) for r in records(one.small)], where)

    def test_all(self):
        names = bugs()
        self.assertGreaterEqual(len(names), 12)
        for bug in names:
            if bug == "crash":
                continue  # no suite would end
            with self.subTest(bug=bug):
                began = time.monotonic()
                found = failures(bug)
                self.assertTrue(found, f"{bug} was not found")
                for arguments in hardest(found)[:EACH]:
                    one = self.check(bug, arguments)
                    tries = re.search(r"(?m)^(\d+) tries.*?([\d.]+) s", one.text).groups()
                    print(f"{bug}: {len(found)} checks of the suites fail; {os.path.basename(arguments[0])} "
                          f"{' '.join(arguments[2:])}: packets {' -> '.join(one.row('packets'))}, decisions "
                          f"{' -> '.join(one.row('decisions'))}, {tries[0]} tries, {tries[1]} s "
                          f"({time.monotonic() - began:.1f} s in all)")

    def test_same_again(self):
        arguments = [os.path.join(common.TRACES, "mixed.pcap"), "--reorder", "5%", "--seed", "3"]
        outputs = []
        for name in ("one", "two"):
            os.mkdir(self.path(name))
            one = Shrunk(self.path(name), "drain", arguments)
            self.assertEqual(one.done.returncode, 0, one.done.errors)
            outputs.append([self.read(path) for path in (one.small, one.small + ".golden", one.before,
                                                         one.before + ".decisions")])
        self.assertEqual(*outputs)

    def test_nothing_of_it_elsewhere(self):
        """The programs that people use have no such switch."""
        for program in ("flowos-golden", "flowos-bench"):
            self.assertNotIn(b"FLOWOS_BUG", self.read(os.path.join(common.BIN, program)))
            self.assertEqual(run(os.path.join(common.BIN, program), "--version", bug="no-such-bug").returncode, 0)
        self.assertEqual(run(BUGGY, "--version", bug="no-such-bug").returncode, 2)


# Reads a capture and writes golden lines: payload in order of arrival, which is right until packets are reordered.
NAIVE = """
import hashlib, os, sys
sys.path.insert(0, {model!r})
import capture, golden, packets
decoder, streams, order = packets.Decoder(), {{}}, {{}}
for record in capture.read_records(sys.argv[1]):
    p = decoder.decode(record.link, record.data, record.wire, record.time or 0)
    if p is None or p.protocol != packets.TCP:
        continue
    key = golden.endpoint(p.src, p.sport) + " > " + golden.endpoint(p.dst, p.dport)
    streams[key] = streams.get(key, b"") + p.payload
    if p.payload and order.setdefault(key, p.seq) > p.seq and {dies!r}:
        os.kill(os.getpid(), 11)
    order[key] = p.seq
print("# udp: no")
print("# ends: no")
print("# empty: no")
for key, data in sorted(streams.items()):
    print("tcp", key, "#0 bytes=%d sha256=%s gaps=- end=fin" % (len(data), hashlib.sha256(data).hexdigest()))
"""


class Others(common.Case):
    """Another engine under test; what ends the search; what is refused."""

    def engine(self, dies=False):
        script = self.path("naive.py", NAIVE.format(model=os.path.join(common.TOP, "tests", "model"), dies=dies))
        return f"{sys.executable} -B {script} {{}}"

    def test_another_engine(self):
        trace = os.path.join(common.TRACES, "http-keepalive.pcap")
        for dies in (False, True):
            small = self.path(f"small-{dies}.pcapng")
            done = run(RIGHT, "shrink", trace, "--reorder", "5%", "--engine", self.engine(dies), "-o", small)
            self.assertEqual(done.returncode, 0, done.errors)
            self.assertLessEqual(len(records(small)), 3, done.text)
            self.assertIn("signal 11" if dies else "other bytes", done.text)
            again = run(RIGHT, "verify", small, small + ".golden", "--engine", self.engine(dies))
            self.assertEqual(again.returncode, 1, again.text + again.errors)
            self.assertEqual(run(RIGHT, "verify", small, small + ".golden").returncode, 0)

    def test_our_engine_dies(self):
        trace, small = os.path.join(common.TRACES, "fragments.pcap"), self.path("small.pcapng")
        done = run(BUGGY, "shrink", trace, "--reorder", "20%,depth=100", "-o", small, bug="crash")
        self.assertEqual(done.returncode, 0, done.errors)
        self.assertIn("the engine died: signal", done.text)
        self.assertLessEqual(len(records(small)), 3, done.text)
        self.assertLess(run(BUGGY, "verify", small, small + ".golden", bug="crash").returncode, 0)
        self.assertEqual(run(RIGHT, "verify", small, small + ".golden").returncode, 0)

    def test_interrupted(self):
        small = self.path("small.pcapng")
        process = start(RIGHT, "shrink", os.path.join(common.TRACES, "http-keepalive.pcap"), "--reorder", "5%",
                        "--engine", "sleep 0.2; " + self.engine(), "-o", small)
        self.assertIn("fails:", process.stdout.readline())
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        text, errors = process.communicate(timeout=common.SECONDS)
        self.assertEqual(process.returncode, 0, errors)
        self.assertIn("ended early", text)
        self.assertTrue(records(small))
        self.assertTrue(os.path.exists(small + ".golden"))

    def test_limits(self):
        trace, small = os.path.join(common.TRACES, "mixed.pcap"), self.path("small.pcapng")
        done = run(BUGGY, "shrink", trace, "--reorder", "5%", "--seed", "3", "--tries", "5", "-o", small, bug="drain")
        self.assertEqual(done.returncode, 0, done.errors)
        self.assertRegex(done.text, r"(?m)^5 tries.*ended early")
        self.assertEqual(run(BUGGY, "verify", small, small + ".golden", bug="drain").returncode, 1)

    def test_order_alone(self):
        """Connections of one 4-tuple that come among each other: the model says what the engine says, the golden file does not."""
        trace, small = os.path.join(common.TRACES, "port-reuse.pcap"), self.path("small.pcapng")
        arguments = [trace, trace + ".golden", "--delay", "1ms,jitter=200ms", "--seed", "58"]
        self.assertEqual(run(RIGHT, "verify", *arguments).returncode, 1)
        done = run(RIGHT, "shrink", *arguments, "-o", small)
        self.assertEqual(done.returncode, 0, done.errors)
        self.assertIn("the run without decisions", done.errors)
        self.assertLessEqual(len(records(small)), MOST)
        self.assertEqual(run(RIGHT, "verify", small, small + ".golden").returncode, 1)

    def test_the_golden_file_is_wrong(self):
        trace, small = os.path.join(common.TRACES, "port-reuse.pcap"), self.path("small.pcapng")
        with open(trace + ".golden", encoding="ascii") as lines:
            wrong = self.path("wrong.golden", lines.read().replace("bytes=135", "bytes=136"))
        done = run(RIGHT, "shrink", trace, wrong, "-o", small)
        self.assertEqual(done.returncode, 2, done.text)
        self.assertIn("wrong.golden that says otherwise", done.errors)
        self.assertFalse(os.path.exists(small))

    def test_without_the_model(self):
        trace, small = os.path.join(common.TRACES, "mixed.pcap"), self.path("small.pcapng")
        done = run(BUGGY, "shrink", trace, "--reorder", "5%", "--seed", "3", "-o", small, bug="drain",
                   FLOWOS_MODEL="/nonexistent")
        self.assertEqual(done.returncode, 0, done.errors)
        self.assertIn("clean run", done.errors)
        self.assertLessEqual(len(records(small)), MOST)
        done = run(BUGGY, "shrink", trace, "--loss", "5%", "-o", small, bug="drain", FLOWOS_MODEL="/nonexistent")
        self.assertEqual((done.returncode, done.errors.count("\n")), (2, 1), done.errors)

    def test_refused(self):
        trace, small = os.path.join(common.TRACES, "mixed.pcap"), self.path("small.pcapng")
        self.refused("flowos-golden", "shrink", trace, "-o", small, says="nothing fails")
        self.assertFalse(os.path.exists(small))
        self.refused("flowos-golden", "shrink", trace, says="-o")
        self.refused("flowos-golden", "shrink", "-o", small, says="which trace")
        self.refused("flowos-golden", "shrink", trace, "-o", small, "--flow", "tcp", says="--flow")
        self.refused("flowos-golden", "shrink", trace, "-o", small, "--time", "5", says="--time")
        self.refused("flowos-golden", "shrink", trace, "-o", small, "--tries", "many", says="--tries")
        self.refused("flowos-golden", "shrink", trace, "-o", small, "--engine", "false {}")


if __name__ == "__main__":
    if common.SANITIZE:
        print("the engine with bugs is built without sanitizers only")
        sys.exit(77)
    if not os.path.exists(BUGGY):
        print(f"{BUGGY} was not built")
        sys.exit(77)
    common.require("flowos-golden", "flowos-trace")
    unittest.main()
