#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""TCP through two AF_PACKET ports (bench/peers/afpacket_forward.c): every stream arrives as it was sent, with the
kernel's offloads and without, IPv4 and IPv6, in a tunnel, received in frames and in blocks, sent by calls and by rings;
also by a slow reader, whose packets wait long after they were forwarded."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import line  # noqa: E402

FORWARD = os.path.join(os.environ.get("FLOWOS_BIN", "build/release/bin"), "peer-afpacket-forward")
SLOW = bool(os.environ.get("FLOWOS_SANITIZE"))
STREAMS, MEGABYTES = (2, 2) if SLOW else (4, 8)


def counts(text):
    """{interface: {word: number}}"""
    return {row.split()[0]: {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", row)}
            for row in text.splitlines() if "=" in row}


def mean(one, way):
    """Bytes of a packet that an interface received, or sent."""
    return one[way + "_bytes"] / one[way + "_packets"]


class Forward(unittest.TestCase):
    def through(self, net, options, hosts, delay=0.0):
        program = net.start("box", FORWARD, *options, "west", "east")
        self.assertEqual(program.stdout.readline(), "forwarding\n")
        for host in hosts:
            whole, seconds = net.transfer(host, STREAMS, MEGABYTES, delay)
            print("%-12s to %-10s %.2f s" % (" ".join(options), host, seconds))
            self.assertEqual(whole, 2 * STREAMS, "streams that are the same, to %s with %s" % (host, options))
        status, said = net.stop(program)
        self.assertEqual(status, 0, said)
        got = counts(said)
        for one, other in (("west", "east"), ("east", "west")):
            self.assertGreater(got[one]["rx_bytes"], len(hosts) * STREAMS * MEGABYTES << 20)
            self.assertEqual(got[one]["tx_errors"], 0, said)
        return got

    def all_kinds(self, offloads):
        net = line.Line(offloads)
        try:
            for options in ([], ["-b"], ["-t"], ["-b", "-t", "-q"]):
                got = self.through(net, options, (line.SERVER, line.SERVER6))
                # Super-packets are passed on as such: or they are not there at all.
                (self.assertGreater if offloads else self.assertLess)(mean(got["west"], "rx"), 1515)
        finally:
            net.close()

    def test_default_offloads(self):
        self.all_kinds(True)

    def test_no_offloads(self):
        self.all_kinds(False)

    def test_one_side_without(self):
        """The server's side takes no super-packets: the kernel cuts what is sent to it."""
        net = line.Line()
        try:
            net.run("box", "ethtool", "-K", "east", "tx", "off", "tso", "off", "gso", "off", "gro", "off")
            self.through(net, [], (line.SERVER, line.SERVER6))
            self.through(net, ["-b", "-t", "-q"], (line.SERVER,))
        finally:
            net.close()

    def test_tunnel(self):
        net = line.Line()
        try:
            net.vxlan()
            for options in ([], ["-b", "-t"]):
                got = self.through(net, options, (line.TUNNEL,))
                # What came as super-packets left as packets.
                self.assertGreater(got["east"]["tx_packets"], got["west"]["rx_packets"])
                self.assertLess(mean(got["east"], "tx"), 1515)
        finally:
            net.close()

    def test_slow_reader(self):
        net = line.Line()
        try:
            for options in ([], ["-t"], ["-b", "-t"]):
                self.through(net, options, (line.SERVER,), delay=1.0)
        finally:
            net.close()

    def test_small_ring(self):
        """What is lost at a full ring is counted, TCP sends it again, and streams are the same."""
        net = line.Line()
        try:
            for options in (["-r", "1"], ["-b", "-r", "1"]):
                self.through(net, options, (line.SERVER,))
        finally:
            net.close()


if __name__ == "__main__":
    why = line.cannot_run()
    if why is None and not os.access(FORWARD, os.X_OK):
        why = "%s is not there" % FORWARD
    if why:
        print("skipped: " + why)
        sys.exit(77)
    unittest.main(verbosity=2)
