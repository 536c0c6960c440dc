#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""bench/live.py in its smallest form: a line a measurement, a table, figures; ended early it leaves nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import unittest

import net
from net import common
from live_net import until

LIVE = os.path.join(net.TOP, "bench", "live.py")


class Script(common.Case):
    def start(self, *options):
        self.log = self.path("log")
        with open(self.log, "wb") as log:
            return subprocess.Popen([sys.executable, LIVE, "-o", self.path("out"), *options], stdout=log, stderr=log,
                                    env={**os.environ, "FLOWOS_BIN": common.BIN})

    def lines(self):
        return [json.loads(line) for line in self.read(self.path("out/live.jsonl")).splitlines()]

    def mine(self, one):
        """Namespaces and processes of this run."""
        listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout.split()
        spaces = [name for name in listed if name.startswith(f"flowos-live-{one.pid}-")]
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(one.pid)], capture_output=True, text=True, check=False).stdout
        return spaces, children.split()

    def test_measures(self):
        one = self.start("--rounds", "1", "--seconds", "1", "--streams", "2", "--sessions", "5", "--pings", "20", "--offloads", "on",
                         "--boxes", "bridge,forwarder,tap")
        self.assertEqual(one.wait(600), 0, self.read(self.log))
        head, *lines = self.lines()
        self.assertEqual(head["live"], 1)
        self.assertEqual({line["box"] for line in lines}, {"bridge", "forwarder", "tap"})
        self.assertEqual(len(lines), 3 * 5)
        for line in lines:
            self.assertNotIn("error", line)
            if line["traffic"] == "ping":
                self.assertGreater(line["latency_us"]["p50"], 1)
                self.assertLess(line["latency_us"]["p50"], 1e6)
                self.assertEqual(line["lost"], 0)
            else:
                self.assertGreater(line["gbps"], 0)
                self.assertGreater(line["busy_seconds_per_gbit"], 0)
            if line["box"] == "tap":
                self.assertGreater(line["sessions"], 0)
        for word in (b"tap/forwarder", b"CPU ms/Gbit", b"us p99"):
            self.assertIn(word, self.read(self.log))
        if shutil.which("gnuplot"):
            for name in ("throughput", "latency", "cpu"):
                self.assertGreater(os.path.getsize(self.path(f"out/{name}.svg")), 1000)
        self.assertEqual(self.mine(one), ([], []))

    def test_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            one = self.start("--quick", "--boxes", "tap", "--traffic", "iperf3")
            self.assertTrue(until(lambda: b"live.py: 1/" in self.read(self.log), 200), self.read(self.log))
            self.assertEqual(len(self.mine(one)[0]), 3)
            one.send_signal(number)
            self.assertEqual(one.wait(200), 1, self.read(self.log))
            self.assertEqual(self.mine(one), ([], []))
            self.assertGreaterEqual(len(self.lines()), 2)

    def test_killed(self):
        """Programs end with it, and the next one takes its namespaces down."""
        one = self.start("--quick", "--boxes", "bridge", "--traffic", "iperf3")
        self.assertTrue(until(lambda: b"live.py: 1/" in self.read(self.log), 200))
        spaces, children = self.mine(one)
        self.assertGreaterEqual(len(children), 3)
        one.kill()
        one.wait()
        self.assertTrue(until(lambda: not any(alive(pid) for pid in children)))
        two = self.start("--pings", "5", "--rounds", "1", "--boxes", "bridge", "--traffic", "ping")
        self.assertEqual(two.wait(200), 0, self.read(self.log))
        self.assertEqual(len(spaces), 3)
        self.assertEqual(self.mine(one)[0], [])

    def test_gate(self):
        """What cannot be had is said and left out."""
        one = self.start("--boxes", "bridge,gate", "--traffic", "ping", "--pings", "5", "--rounds", "1", "--offloads", "on")
        self.assertEqual(one.wait(200), 0, self.read(self.log))
        self.assertTrue(b"gate is left out" in self.read(self.log) or any(line.get("box") == "gate" for line in self.lines()))


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    net.require("iperf3", "wrk", "curl", "nginx", "openssl", "ethtool", "sysctl", "ps")
    unittest.main(verbosity=1)
