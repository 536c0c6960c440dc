#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Golden files agree with two witnesses that are not the engine: what the programs sent (traces/check_sent.py), and the
oracle. And the engine still writes the very golden files that are there."""

import os
import subprocess
import sys
import unittest

import common


def lines(text):
    return sorted(line for line in text.split("\n") if line and not line.startswith("#"))


class Witnesses(common.Case):
    def golden(self, name):
        return self.read(os.path.join(common.TRACES, name + ".golden")).decode()

    def test_what_was_sent(self):
        done = subprocess.run([sys.executable, os.path.join(common.TRACES, "check_sent.py")], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count("agree"), len(common.traces()), done.stdout)

    def test_oracle(self):
        oracle = os.path.join(common.TOP, "tests", "model", "oracle.py")
        for name in common.traces():
            done = subprocess.run([sys.executable, oracle, os.path.join(common.TRACES, name)], capture_output=True,
                                  text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(lines(done.stdout), lines(self.golden(name)), name)

    def test_recorded_again(self):
        for name in common.traces():
            done = self.ok("flowos-golden", "record", os.path.join(common.TRACES, name), "-o", "-")
            self.assertEqual(done.text, self.golden(name), name)

    def test_oracle_under_impairments(self):
        """The engine and the oracle agree on the same impaired packets, whatever they are."""
        oracle = os.path.join(common.TOP, "tests", "model", "oracle.py")
        impaired = self.path("impaired.pcapng")
        for name in ("port-reuse.pcap", "reset.pcap", "half-closed.pcap", "fragments.pcap"):
            for seed in range(1, 11 if common.LONG else 3):
                for options in (["--reorder", "20%,depth=100", "--dup", "5%"], ["--reorder", "10%", "--loss", "10%"],
                                ["--delay", "1ms,jitter=20ms"]):
                    self.ok("flowos-trace", "impair", os.path.join(common.TRACES, name), "-o", impaired, "--seed", seed,
                            *options)
                    engine = self.ok("flowos-golden", "record", impaired, "-o", "-")
                    model = subprocess.run([sys.executable, oracle, impaired], capture_output=True, text=True,
                                           check=False)
                    self.assertEqual(lines(engine.text), lines(model.stdout), f"{name} {options} --seed {seed}")


if __name__ == "__main__":
    common.require("flowos-golden", "flowos-trace")
    sys.exit(unittest.main())
