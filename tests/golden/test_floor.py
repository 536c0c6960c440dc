#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""peer-floor: what is reordered and doubled comes to the same sum in order, and what is lost is missing and nothing else."""

import os
import re
import subprocess
import sys
import unittest

import common

sys.path.insert(0, os.path.join(common.TOP, "bench", "peers"))
import traces  # noqa: E402  (found by the line before)

WORDS = re.compile(r"(\d+) packets, (\d+) flows, (\d+) bytes, sum ([0-9a-f]+), 0 other")


class Floor(common.Case):
    def trace(self, name, *command):
        raw, plain = self.path(name + ".pcapng"), self.path(name + ".pcap")
        subprocess.run([os.path.join(common.BIN, "flowos-trace"), *command, "-o", raw], check=True, stderr=subprocess.DEVNULL)
        traces.to_pcap(raw, plain)
        return raw, plain

    def floor(self, mode, trace):
        done = subprocess.run([os.path.join(common.BIN, "peer-floor"), mode, trace, "100"], check=True, capture_output=True, text=True)
        packets, flows, size, total = WORDS.match(done.stdout).groups()
        self.assertEqual(int(flows), 100)
        return int(packets), int(size), total

    def test_order(self):
        raw, clean = self.trace("clean", "gen", "--sessions", "100", "--bytes", "40k")
        packets, size, total = self.floor("sum", clean)
        self.assertEqual(size, 100 * (40000 + traces.REQUEST))
        self.assertEqual(self.floor("order", clean), (packets, size, total))
        _, mixed = self.trace("mixed", "impair", raw, "--reorder", "20%,depth=50", "--dup", "5%", "--seed", "3")
        more, doubled, other = self.floor("sum", mixed)
        self.assertGreater(doubled, size)
        self.assertNotEqual(other, total)
        self.assertEqual(self.floor("order", mixed), (more, size, total))
        _, lossy = self.trace("lossy", "impair", raw, "--loss", "2%", "--seed", "3")
        self.assertEqual(self.floor("order", lossy), self.floor("sum", lossy))
        self.assertLess(self.floor("sum", lossy)[1], size)


if __name__ == "__main__":
    unittest.main()
