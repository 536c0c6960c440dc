#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""flowos run as a gate: files arrive whole, with offloads and without, also where packets are lost and reordered on the
way to it; modules saw all of them, without a gap; what waits is shown, and what must not pass does not."""

import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import unittest

import net
import test_middlebox

SIZES = [1, 1460, 65536, 1000003] + ([] if net.common.SANITIZE else [20 << 20])


PORT, SYN, ACK = 8078, 2, 16


def ones_sum(data):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return 0xffff - total


def segment(seq, flags, payload, sport):
    """An Ethernet frame to everybody with a TCP segment from the client to the server."""
    ends = socket.inet_aton(net.CLIENT[0]) + socket.inet_aton(net.SERVER[0])
    tcp = struct.pack("!HHIIBBHHH", sport, PORT, seq, 1, 5 << 4, flags, 65535, 0, 0) + payload
    check = ones_sum(ends + struct.pack("!HH", 6, len(tcp)) + tcp)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + ends
    ip = ip[:10] + struct.pack("!H", ones_sum(ip)) + ip[12:]
    return b"\xff" * 6 + b"\x02" * 6 + b"\x08\x00" + ip + tcp[:16] + struct.pack("!H", check) + tcp[18:]


class Gate(test_middlebox.Live):
    def setUp(self):
        super().setUp()
        for size in SIZES:
            if not os.path.exists(os.path.join(self.site, str(size))):
                with open(os.path.join(self.site, str(size)), "wb") as out:
                    out.write(os.urandom(1 << 20) * (size >> 20))

    def offloads_off(self, *more):
        for name, port in (("client", "eth0"), ("box", "left"), ("box", "right"), ("server", "eth0"), *more):
            self.net.command(name, "ethtool", "-K", port, "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off",
                             "sg", "off", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def middle(self):
        """Another veth within the box's namespace, so that two boxes stand behind each other."""
        self.net.ip("box", "link", "add", "mid1", "type", "veth", "peer", "name", "mid2")
        for port in ("mid1", "mid2"):
            self.net.command("box", "sysctl", "-qw", f"net.ipv6.conf.{port}.disable_ipv6=1")
            self.net.ip("box", "link", "set", port, "up")

    def box(self, release, *options, ports="left,right", before=()):
        os.makedirs(self.path(release), exist_ok=True)
        return net.Box(self.net, self.path(release), "-i", ports, "--ring-bytes", "64M", "--release", release, *options, before=before)

    def clean(self, result):
        """Nothing is lost, torn, or left behind."""
        engine = result["engine"]
        for word in ("gaps", "waiting", "waiting_bytes", "not_released", "wait_overflow", "forced_releases", "shut"):
            self.assertEqual(engine[word], 0, word)
        self.assertEqual(result["tx_lost"], 0)

    def whole(self, *options, before=(), handed=-1):
        """`handed`: more than so many packets must be handed over, which is the kernel's draw: more files come until they are."""
        box = self.box("gate", *options, "--stage", f"dump:dir={self.path('dump')}", "--stage", f"digest:out={self.path('digest')}", before=before)
        self.assertEqual(box.ctl("flows")["flows"][0]["release"], "gate")
        self.assertEqual(box.ctl("flows")["flows"][0]["fail"], "open")
        self.net.serve(self.site)
        sizes = [size for size in SIZES for _ in (4, 6)]
        for version in (4, 6):
            self.fetch(version, SIZES)
        while len(sizes) < 100 and box.ctl("stats")["hand_handed"] <= handed:
            self.fetch(4, [65536])
            sizes.append(65536)
        status, result = box.end()
        self.assertEqual(status, 0, box.said())
        self.clean(result)
        self.assertGreater(result["hand_handed"], handed)
        self.assertEqual(result["hand_lost"], 0)
        self.assertEqual(result["engine"]["released"], result["engine"]["packets"])
        self.assertEqual(result["forwarded"], result["engine"]["packets"])
        self.assertEqual(result["forwarded"], sum(port["rx_packets"] for port in result["ports"]))
        want = [self.read(os.path.join(self.site, str(size))) for size in sorted(sizes)]
        self.assertEqual(self.bodies(self.path("dump")), want)
        self.assertEqual(self.gaps(self.path("dump")), [])
        return result

    def test_default_offloads(self):
        self.whole()

    def test_no_offloads(self):
        self.offloads_off()
        self.whole()

    def test_several_workers(self):
        """Each lets go what is its own."""
        result = self.whole("--workers", "3")
        self.assertEqual(result["workers"], 3)
        self.assertEqual(result["hand_handed"], 0)

    def test_several_workers_copying(self):
        """Where about half of all packets, super-packets too, come to a worker whose they are not: they leave once."""
        self.whole("--workers", "2", before=net.REFUSE, handed=20)

    def test_several_workers_copying_no_offloads(self):
        self.offloads_off()
        self.whole("--workers", "3", before=net.REFUSE, handed=100)

    def upstream(self, sizes, *impairment, options=(), before=()):
        """Two boxes: the one at the server's side loses and reorders. The same through a tap. What it does to a packet goes by the
        session, and so by the ports that are drawn: more files come until one packet has waited in the gate."""
        seconds = {}
        self.middle()
        os.makedirs(self.path("far"))
        far = net.Box(self.net, self.path("far"), "-i", "mid2,right", "--ring-bytes", "64M", *impairment)
        started = False
        for release in ("tap", "gate"):
            dump = self.path("dump-" + release)
            box = self.box(release, *options, "--stage", f"dump:dir={dump}", "--stage", "count", ports="left,mid1", before=before)
            if not started:
                self.net.serve(self.site)
                started = True
            begin, fetched = time.monotonic(), [size for size in sizes for _ in (4, 6)]
            for version in (4, 6):
                self.fetch(version, sizes)
            seconds[release] = time.monotonic() - begin
            while release == "gate" and len(fetched) < 100 and not box.ctl("stats")["engine"]["longest_wait_ns"]:
                self.fetch(4, [1000003])
                fetched.append(1000003)
            status, result = box.end()
            self.assertEqual(status, 0, box.said())
            want = [self.read(os.path.join(self.site, str(size))) for size in sorted(fetched)]
            self.assertEqual(self.bodies(dump), want, release)
            self.assertEqual(self.gaps(dump), [], release)
            self.assertEqual(result["engine"]["gaps"], 0, release)
            self.assertEqual(result["tx_lost"], 0)
        self.clean(result)
        self.assertGreater(result["engine"]["released_late"], 0)
        self.assertGreater(result["engine"]["longest_wait_ns"], 0)
        status, impaired = far.end()
        self.assertEqual(status, 0)
        print("%s: %.2f s as a tap, %.2f s as a gate; lost %d, held back %d; %d waited, the longest %.0f ms, at most %d bytes" %
              (" ".join(impairment), seconds["tap"], seconds["gate"], impaired["impaired"]["lost"],
               impaired["impaired"]["selected"], result["engine"]["released_late"],
               result["engine"]["longest_wait_ns"] / 1e6, result["engine"]["waiting_peak_bytes"]))

    def test_reordered(self):
        self.offloads_off()
        self.upstream(SIZES, "--reorder", "5%,depth=8", "--seed", "7")

    def test_lost(self):
        self.offloads_off()
        self.upstream([size for size in SIZES if size < 5000000], "--loss", "1%", "--seed", "7")

    def test_lost_and_reordered(self):
        self.upstream(SIZES, "--loss", "1%", "--reorder", "5%,delay=2ms", "--seed", "3")

    def test_lost_and_reordered_several_workers(self):
        self.upstream(SIZES, "--loss", "1%", "--reorder", "5%,delay=2ms", "--seed", "3", options=("--workers", "2"))

    def test_lost_and_reordered_copying(self):
        self.upstream(SIZES, "--loss", "1%", "--reorder", "5%,delay=2ms", "--seed", "3", options=("--workers", "2"), before=net.REFUSE)

    def sniff(self):
        """Writes down the sequence numbers of what comes to the server for the port of the test."""
        code = ("import socket\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(0x0800))\ns.bind(('eth0', 0))\n"
                "print('ready', flush=True)\nwhile True:\n    f, a = s.recvfrom(9000)\n"
                f"    if a[2] != 4 and f[23] == 6 and f[36:38] == ({PORT}).to_bytes(2, 'big'):\n"
                "        print(int.from_bytes(f[38:42], 'big'), flush=True)\n")
        sniffer = self.net.start("server", sys.executable, "-c", code, stdout=subprocess.PIPE)
        self.assertEqual(sniffer.stdout.readline(), b"ready\n")
        self.addCleanup(sniffer.stdout.close)
        return sniffer

    def send(self, *segments):
        """Segments of one connection, which the kernel knows nothing of, as frames."""
        frames = [segment(*one, 41000).hex() for one in segments]
        code = ("import socket,sys\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\ns.bind(('eth0', 0))\n"
                "for f in sys.argv[1:]:\n    s.send(bytes.fromhex(f))\n")
        self.net.command("client", sys.executable, "-c", code, *frames)

    def test_shown(self):
        """What a gate keeps is shown; when it ends, a closed one drops it, an open one lets it go."""
        for fail in ("open", "closed"):
            conf = self.path(fail + ".conf", 'ports = { interfaces = [ "left", "right" ]; };\nrelease = "tap";\n'
                             'pipelines = ( { name = "p"; stages = [ "count" ]; } );\n'
                             f'flows = ( {{ name = "kept"; filter = "port {PORT}"; pipeline = "p"; release = "gate"; '
                             f'fail = "{fail}"; }}, {{ name = "rest"; pipeline = "p"; }} );\n')
            os.makedirs(self.path(fail))
            box = net.Box(self.net, self.path(fail), "-c", conf)
            sniffer = self.sniff()
            flows = {flow["name"]: (flow["release"], flow.get("fail")) for flow in box.ctl("flows")["flows"]}
            self.assertEqual(flows, {"kept": ("gate", fail), "rest": ("tap", None)})
            self.send((1000, SYN, b""), (1101, ACK, b"above a hole"), (1001, ACK, b"x" * 50))
            self.assertEqual([int(sniffer.stdout.readline()) for _ in range(2)], [1000, 1001])
            sessions = box.ctl("sessions", "--flow", "kept")["sessions"]
            self.assertEqual([s["forward"]["waiting"] for s in sessions], [1])
            self.assertGreater(sessions[0]["forward"]["waiting_bytes"], 60)
            self.assertAlmostEqual(sessions[0]["forward"]["waits_since"], time.time(), delta=100)
            self.assertIn("waiting", net.common.run("flowos", "ctl", "sessions", "--socket", box.socket).text)
            self.assertEqual(box.ctl("stats")["engine"]["waiting"], 1)
            status, result = box.end()
            self.assertEqual(status, 0)
            self.assertEqual(result["engine"]["waiting"], 0)
            self.assertEqual(result["engine"]["not_released"], fail == "closed")
            self.assertEqual(result["engine"]["shut"], fail == "closed")
            if fail == "open":
                self.assertEqual(int(sniffer.stdout.readline()), 1101)
            sniffer.kill()
            self.assertEqual(sniffer.stdout.read(), b"")
            sniffer.wait()


if __name__ == "__main__":
    net.require("curl", "ethtool", "sysctl")
    unittest.main(verbosity=1)
