#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""flowos-bench --live: what it measures is what went through it; it ends in time or when told to; what it cannot do it
says."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

import net
import test_gate
from net import common


class Live(common.Case):
    def setUp(self):
        super().setUp()
        self.net = net.Net()
        self.addCleanup(self.net.close)
        self.site = self.path("site")
        os.mkdir(self.site)
        self.path("site/file", b"0123456789" * 100000)

    def bench(self, *options, where="box", interfaces="left,right"):
        """Starts it, and waits until packets would be taken."""
        self.log = self.path("bench.log")
        with open(self.log, "wb") as log, open(self.path("bench.out"), "wb") as out:
            one = self.net.start(where, os.path.join(common.BIN, "flowos-bench"), "-i", interfaces, "--json", self.path("r.json"),
                                 *options, stdout=out, stderr=log)
        self.assertTrue(net.until(lambda: b"ing\n" in self.read(self.log) or one.poll() is not None))
        self.assertIsNone(one.poll(), self.read(self.log))
        return one

    def ended(self, one, status=0):
        self.assertEqual(one.wait(200), status, self.read(self.log))
        return json.loads(self.read(self.path("r.json")))

    def interrupted(self, one):
        one.send_signal(signal.SIGINT)
        return self.ended(one)

    def fetch(self):
        self.assertEqual(self.net.get("file", self.path("got")), 0)
        self.assertEqual(self.read(self.path("got")), self.read(self.path("site/file")))


class Measures(Live):
    def test_forwards(self):
        one = self.bench("--stage", "count", "--ring", "bytes=64M,slot=4096", "--report", self.path("r.html"), "--csv",
                         self.path("r.csv"))
        self.net.serve(self.site)
        for _ in range(5):
            self.fetch()
        result = self.interrupted(one)
        run = result["runs"][0]
        live = run["live"]
        self.assertEqual(result["trace"], {"name": "live:left,right", "sha256": None})
        self.assertIsNone(run["streams"])
        self.assertGreaterEqual(run["sessions"], 5)
        self.assertEqual(run["sessions"], run["modules"][0]["report"]["tcp"]["sessions"])
        self.assertEqual(live["received"], run["packets"])
        self.assertEqual(live["forwarded"], run["packets"])
        self.assertEqual(live["ring_drops"] + live["not_sent"], 0)
        self.assertEqual(run["drops"].get("ring", 0), 0)
        self.assertGreater(run["payload_bytes"], 5000000)
        seconds = run["seconds"]["median"]
        self.assertAlmostEqual(run["pps"] * seconds, run["packets"], delta=1)
        self.assertAlmostEqual(run["gbps"] * seconds * 1e9 / 8, run["wire_bytes"], delta=100)
        latency = run["latency_ns"]
        self.assertLess(1000, latency["p50"])
        self.assertLessEqual(latency["p50"], latency["p99"])
        self.assertLessEqual(latency["p99"], latency["p999"])
        self.assertLess(latency["p50"], 10e9)
        self.assertGreater(live["cpu_seconds"], 0)
        self.assertAlmostEqual(live["cpu_seconds_per_gbit"], live["cpu_seconds"] / (run["wire_bytes"] * 8e-9), delta=1e-3)
        table = self.read(self.path("bench.out")).decode()
        for word in ("latency p50", "CPU s/Gbit", "ring drops"):
            self.assertIn(word, table)
        self.assertIn(b"latency p50", self.read(self.path("r.html")))
        self.assertIn(b"live_cpu_seconds", self.read(self.path("r.csv")).splitlines()[0])

    def test_duration(self):
        self.net.serve(self.site)
        for seconds in (1.5, 6, 24, 96): # in which the file must come
            begin = time.monotonic()
            one = self.bench("--duration", f"{seconds * 1000:.0f}ms", "--workers", "2", "--cpus", "none")
            status = self.net.get("file", self.path("got"), seconds=seconds)
            run = self.ended(one)["runs"][0]
            self.assertGreater(time.monotonic() - begin, seconds)
            self.assertGreater(run["seconds"]["median"], seconds - 0.01)
            self.assertLess(run["seconds"]["median"], seconds + 60)
            if status == 0:
                break
        self.assertEqual(status, 0)
        self.assertEqual(run["workers"], 2)
        self.assertGreaterEqual(run["sessions"], 1)

    def test_nothing_comes(self):
        run = self.ended(self.bench("--duration", "300ms"))["runs"][0]
        self.assertLess(run["payload_bytes"], 1000)
        self.assertEqual(run["sessions"], 0)

    def test_gate(self):
        """Latency ends when packets leave, and in a gate that is when modules had them."""
        one = self.bench("--stage", "count", "--release", "gate")
        self.net.serve(self.site)
        self.fetch()
        run = self.interrupted(one)["runs"][0]
        self.assertEqual(run["live"]["forwarded"], run["live"]["received"])
        self.assertGreater(run["latency_ns"]["p50"], 1000)

    def test_gate_waits(self):
        """Forty packets wait half a second for one: so does the median, as each is measured once, when it leaves."""
        frames = [test_gate.segment(*one, 41000).hex() for one in
                  [(1000, 2, b"")] + [(1101 + 10 * i, 16, b"above hole") for i in range(40)] + [(1001, 16, b"x" * 100)]]
        code = ("import socket,sys,time\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\ns.bind(('eth0', 0))\n"
                "for f in sys.argv[1:]:\n    time.sleep(0.6 if f == sys.argv[-1] else 0)\n    s.send(bytes.fromhex(f))\n")
        one, sniffer = self.bench("--stage", "count", "--release", "gate"), test_gate.Gate.sniff(self)
        self.net.command("client", sys.executable, "-c", code, *frames)
        self.assertEqual(sorted(int(sniffer.stdout.readline()) for _ in frames), [1000, 1001, *range(1101, 1501, 10)])
        run = self.interrupted(one)["runs"][0]
        self.assertEqual(run["gate"]["released_late"], 40)
        self.assertGreater(run["latency_ns"]["p50"], 0.4e9)
        self.assertLess(run["latency_ns"]["p50"], 10e9)

    def test_receives(self):
        """On one interface nothing is sent."""
        box = net.Box(self.net, self.folder, "-i", "left,right")
        one = self.bench(where="server", interfaces="eth0")
        self.net.serve(self.site)
        self.fetch()
        run = self.interrupted(one)["runs"][0]
        self.assertEqual(run["live"]["forwarded"], 0)
        self.assertGreater(run["live"]["received"], 5)
        self.assertGreater(run["latency_ns"]["p50"], 0)
        self.assertEqual(box.end()[0], 0)

    def test_impaired(self):
        one = self.bench("--loss", "5%", "--reorder", "10%,delay=2ms", "--seed", "3")
        self.net.serve(self.site)
        for _ in range(25): # some packets have 64 KiB: 5 % must be some
            self.fetch()
        result = self.interrupted(one)
        run = result["runs"][0]
        self.assertEqual(result["impair"]["loss"], "5%")
        self.assertGreater(run["live"]["impaired_lost"], 0)
        self.assertGreater(run["live"]["impaired_held"], 0)
        self.assertLess(run["packets"], run["live"]["received"])


class Refuses(Live):
    def test_usage(self):
        for options, says in ((["--sessions", "5"], "--sessions"), (["--peers"], "--peers"), (["--repeat", "2"], "--repeat"),
                              (["--gen", "bytes=5"], "exclude"), (["--ring", "bytes=5"], "number from"),
                              (["--ring", "x"], "no such setting"), (["--duration", "5"], "unit")):
            self.refused("flowos-bench", "-i", "lo,nosuch0", *options, says=says)
        self.refused("flowos-bench", "-i", "lo,nosuch0", says="nosuch0")
        self.refused("flowos-bench", "-i", "lo,lo", says="the same")
        self.refused("flowos-bench", "--gen", "bytes=5", "--duration", "1s", says="live")


if __name__ == "__main__":
    net.require("curl", "sysctl")
    unittest.main(verbosity=1)
