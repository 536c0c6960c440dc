#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Modules on real traces through flowos-bench: what they say is right, and the same in order and out of order."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import common

PROGRAM = "flowos-bench"
HTTP = ("http-keepalive", "http-pipelining", "many-short", "mixed", "ipv6", "vlan", "qinq", "port-reuse")
CLEAN, IMPAIRED = [], ["--reorder", "20%,depth=100", "--dup", "5%", "--seed", "3"]


def trace(name):
    return os.path.join(common.TRACES, name + ".pcap")


def golden_tcp(name):
    """{(direction, use): (bytes, sha256)} of a trace's golden file."""
    with open(trace(name) + ".golden", encoding="utf-8") as lines:
        found = re.findall(r"^tcp (\S+ > \S+) #(\d+) bytes=(\d+) sha256=(\S+)", lines.read(), re.M)
    return {(direction, int(use)): (int(length), digest) for direction, use, length, digest in found}


class Case(common.Case):
    def need(self, module):
        if not os.path.exists(os.path.join(os.environ.get("FLOWOS_MODULES") or common.BIN + "/../lib/flowos", module + ".so")):
            self.skipTest(f"module {module} was not built")

    def reports(self, name, *stages, options=(), more=()):
        arguments = [word for stage in stages for word in ("--stage", stage)]
        done = self.ok(PROGRAM, "-r", trace(name), "--repeat", "1", "--warmup", "0", *arguments, *options, *more, "--json", "-")
        modules = json.loads(done.stdout)["runs"][0]["modules"]
        return [(one["name"], one["report"]) for one in modules]

    def report(self, name, stage, options=()):
        return self.reports(name, stage, options=options)[0][1]


class Interrupted(Case):
    def test_leaves_nothing(self):
        """Ctrl-C while modules write: what they had begun is gone, what was there stays."""
        self.need("digest")
        out = self.path("out.txt")
        with open(out, "w", encoding="ascii") as old:
            old.write("as it was")
        program = subprocess.Popen(
            [os.path.join(common.BIN, PROGRAM), "-r", trace("mixed"), "--sessions", "20k", "--repeat", "1000", "--stage",
             "digest:out=" + out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        late = time.monotonic() + 60
        while len(os.listdir(self.folder)) < 2 and time.monotonic() < late and program.poll() is None:
            time.sleep(0.001)
        program.send_signal(signal.SIGINT)
        self.assertEqual(program.wait(60), -signal.SIGINT)
        self.assertEqual(os.listdir(self.folder), ["out.txt"])
        with open(out, encoding="ascii") as old:
            self.assertEqual(old.read(), "as it was")


class Modules(Case):
    def test_sum_digest_count(self):
        for module in ("sum", "digest", "count"):
            self.need(module)
        for name in HTTP + ("tls", "ssh", "bulk-sack-loss-behind", "fragments", "half-closed"):
            expect = golden_tcp(name)
            clean, impaired = (dict(self.reports(name, "sum+digest", "count", options=o)) for o in (CLEAN, IMPAIRED))
            self.assertEqual(clean["sum"]["sum"], impaired["sum"]["sum"], name)
            self.assertEqual(clean["digest"]["combined"], impaired["digest"]["combined"], name)
            for reports in (clean, impaired):
                total = sum(length for length, _ in expect.values())
                tcp = reports["count"]["tcp"]
                self.assertEqual((reports["sum"]["bytes"], reports["digest"]["bytes"], tcp["delivered_bytes"]), (total,) * 3)
                self.assertEqual((tcp["gaps"], tcp["app_bytes"] - tcp["repeated_bytes"]), (0, total), name)
                self.assertEqual(2 * tcp["sessions"], len(expect) if len(expect) % 2 == 0 else 2 * tcp["sessions"], name)

    def test_sum_is_a_sum(self):
        self.need("sum")
        folder = self.path("s")
        self.ok(PROGRAM, "-r", trace("mixed"), "--repeat", "1", "--streams-out", folder)
        total = 0
        for name in set(os.listdir(folder)) - {"gaps.tsv"}:
            data = self.read(os.path.join(folder, name))
            data += bytes(-len(data) % 8)
            total += sum(int.from_bytes(data[at:at + 8], "little") for at in range(0, len(data), 8))
        self.assertEqual(self.report("mixed", "sum")["sum"], f"{total % 2**64:016x}")

    def test_dump(self):
        self.need("dump")
        for name in ("mixed", "port-reuse", "ipv6"):
            for turn, options in enumerate((CLEAN, IMPAIRED)):
                folder = self.path(f"{name}{turn}")
                self.reports(name, f"dump:dir={folder}", options=options)
                files = [self.read(os.path.join(folder, one)) for one in os.listdir(folder) if one != "gaps.tsv"]
                found = sorted(hashlib.sha256(data).hexdigest() for data in files)
                self.assertEqual(found, sorted(digest for length, digest in golden_tcp(name).values() if length), name)

    def test_http(self):
        self.need("http")
        for name in HTTP:
            clean, impaired = (self.report(name, "http", options=o) for o in (CLEAN, IMPAIRED))
            del clean["waited"], impaired["waited"] # of responses that came before their requests
            self.assertEqual(clean, impaired, name)
            self.assertEqual((clean["incomplete"], clean["errors"], clean["gaps"]), (0, 0, 0), name)
            self.assertEqual(clean["requests"], clean["responses"], name)
            if shutil.which("tshark"):
                shown = subprocess.run(["tshark", "-r", trace(name), "-Y", "http.response", "-T", "fields", "-e",
                                        "http.response.code"], capture_output=True, text=True, check=True).stdout
                codes = re.findall(r"\d+", shown)
                self.assertEqual(clean["responses"], len(codes), name)
                self.assertEqual(clean["status"], {code: codes.count(code) for code in set(codes)}, name)

    def test_grep(self):
        self.need("grep")
        pattern = self.path("pattern", "Host: [0-9]+")
        patterns = self.path("patterns", "HTTP/1.1 200 OK\n# no pattern\nServer: nginx\n")
        for name in HTTP[:4]:
            for stage in ("grep:pattern=HTTP/1", "grep:pattern=Host\\: 10", f"grep:pattern=@{pattern}", f"grep:file={patterns}",
                          "grep:pattern=host\\: 10:nocase=yes:literal=yes"):
                clean, impaired = (self.report(name, stage, options=o) for o in (CLEAN, IMPAIRED))
                self.assertEqual(clean, impaired, (name, stage))
                self.assertGreater(clean["matches"], 0 if name == "mixed" else -1, (name, stage))
        data = b""
        folder = self.path("s")
        self.ok(PROGRAM, "-r", trace("mixed"), "--repeat", "1", "--streams-out", folder)
        for name in os.listdir(folder):
            data += b"\n\n" + self.read(os.path.join(folder, name))
        self.assertEqual(self.report("mixed", "grep:pattern=HTTP/1")["matches"], data.count(b"HTTP/1"))

    def test_grep_across_packets(self):
        """What a pattern matches may lie in many packets."""
        self.need("grep")
        generated = ["--gen", "bytes=4000,mss=5", "--sessions", "3", "--stage", "grep:pattern=@" + self.path("p", "(?s)^.{3000}")]
        for options in (CLEAN, IMPAIRED):
            done = self.ok(PROGRAM, *generated, "--repeat", "1", *options, "--json", "-")
            self.assertGreaterEqual(json.loads(done.stdout)["runs"][0]["modules"][0]["report"]["streams_with_matches"], 3)

    def test_template(self):
        self.need("template")
        for name in HTTP[:3]:
            self.assertEqual(self.report(name, "template"), self.report(name, "template", options=IMPAIRED))

    def test_many_stages(self):
        for module in ("count", "sum", "digest", "template"):
            self.need(module)
        stages = ("count+sum", "digest", "template+count", "sum")
        names = [name for name, _ in self.reports("http-keepalive", *stages)]
        self.assertEqual(names[:4], ["count", "sum", "digest", "template"])
        alone, together = self.report("http-keepalive", "sum"), dict(self.reports("http-keepalive", *stages))["sum"]
        self.assertEqual(alone["sum"], together["sum"])
        for level in ("ip", "tcp", "app"):
            self.assertGreater(dict(self.reports("http-keepalive", "sum", more=["--level", level]))["sum"]["bytes"], 0)

    def test_gaps_are_told(self):
        for module in ("count", "sum", "http", "template"):
            self.need(module)
        reports = dict(self.reports("mixed", "count+sum", "http", "template", options=["--loss", "5%"]))
        self.assertEqual(reports["count"]["tcp"]["gap_bytes"], reports["sum"]["gap_bytes"])
        self.assertGreater(reports["sum"]["gap_bytes"], 0)


if __name__ == "__main__":
    common.require(PROGRAM)
    sys.exit(unittest.main())
