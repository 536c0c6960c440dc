#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""flowos run and flowos-bench --live between interfaces that it has by AF_XDP: files arrive whole, with the kernel's
offloads and without; how an interface was had is said; what AF_XDP cannot do, AF_PACKET does; nothing stays behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import unittest

import net
from net import SIZES, common

NATIVE, GENERIC = "native, copying, 1 queue", "generic, copying, 1 queue"


CONNECT = """
import socket, sys, time
for _ in range(int(sys.argv[2])):
    time.sleep(0.02)
    begin = time.monotonic()
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[3])), 60).close()
        print((time.monotonic() - begin) * 1000)
    except ConnectionRefusedError:
        print("refused")
"""


class Live(net.Site):
    def ends(self):
        """Every interface of the line."""
        return ("client", "eth0"), ("box", "left"), ("box", "right"), ("server", "eth0")

    def box(self, *options, **more):
        return net.Box(self.net, self.folder, "-i", "left,right", "--stage", f"digest:out={self.path('live')}", *options, **more)

    def fetch(self, sizes=SIZES, versions=(4, 6)):
        """Every file is as it was."""
        for version in versions:
            for size in sizes:
                out = self.path("got")
                self.assertEqual(self.net.get(str(size), out, version), 0, f"IPv{version}, {size} bytes")
                self.assertEqual(self.read(out), self.read(os.path.join(self.site, str(size))), f"IPv{version}, {size} bytes")

    def taken(self, port):
        """Is there an XDP program on an interface of the box?"""
        shown = subprocess.run(["ip", "-n", self.net.ns["box"], "link", "show", port], capture_output=True, text=True, check=True)
        return "xdp" in shown.stdout

    def connects(self, host, times):
        """Connects from the client, one after the other: milliseconds of each, or "refused"."""
        return self.net.command("client", sys.executable, "-c", CONNECT, host, times, net.PORT, capture_output=True,
                                text=True).stdout.split()

    def ports(self, box):
        return {p["name"]: (p["kind"], p["how"]) for p in box.ctl("stats")["ports"]}


class Forwards(Live):
    def through(self, options, want, offloads=True):
        if not offloads:
            self.net.offloads(False, *self.ends())
        box = self.box(*options)
        self.net.serve(self.site)
        self.assertEqual(self.ports(box), {"left": want, "right": want})
        self.fetch()
        status, result = box.end()
        self.assertEqual(status, 0, box.said())
        for port in result["ports"]:
            self.assertEqual((port["drops"], port["tx_errors"]), (0, 0), port)
            self.assertGreater(port["rx_packets"], 50)
            self.assertEqual((port["kind"], port["how"]), want)
        self.assertEqual(result["engine"]["gaps"], 0)
        self.assertFalse(self.taken("left") or self.taken("right"))
        return box

    def test_native_with_offloads(self):
        box = self.through(["--ring", "port=afxdp"], ("afxdp", NATIVE))
        self.assertEqual(len(re.findall(r"left: an AF_XDP socket: Operation not supported .*trying native, copying", box.said())), 1)

    def test_native_without_offloads(self):
        self.through(["--ring", "port=afxdp,xdp=native"], ("afxdp", NATIVE), False)

    def test_generic_without_offloads(self):
        self.through(["--ring", "port=afxdp,xdp=generic"], ("afxdp", GENERIC), False)

    def test_gate(self):
        self.through(["--ring", "port=afxdp,xdp=copy", "--release", "gate"], ("afxdp", NATIVE))


class Tunnel(Live):
    def test_vxlan(self):
        """The inner checksum is left to the interface, in a packet of which only the outside is the interface's."""
        for name, mine, other in (("client", 1, 2), ("server", 2, 1)):
            made = subprocess.run(["ip", "-n", self.net.ns[name], "link", "add", "vx0", "type", "vxlan", "id", "7", "remote",
                                   f"10.77.0.{other}", "dstport", "4789", "dev", "eth0"], capture_output=True, check=False)
            if made.returncode:
                self.skipTest("this kernel has no VXLAN")
            self.net.ip(name, "address", "add", f"10.88.0.{mine}/24", "dev", "vx0")
            self.net.ip(name, "link", "set", "vx0", "up")
        box = self.box("--ring", "port=afxdp")
        self.net.serve(self.site)
        for size in SIZES:
            out = self.path("got")
            self.net.command("client", "curl", "-sf", "-m", "200", "-o", out, f"http://10.88.0.2:{net.PORT}/{size}")
            self.assertEqual(self.read(out), self.read(os.path.join(self.site, str(size))), f"{size} bytes")
        status, result = box.end()
        self.assertEqual(status, 0, box.said())
        self.assertEqual([port["kind"] for port in result["ports"]], ["afxdp", "afxdp"])


class FallsBack(Live):
    """What AF_XDP cannot do AF_PACKET does, and it is said."""

    def whole(self, box, want):
        self.net.serve(self.site)
        self.assertEqual(self.ports(box), want)
        self.fetch()
        self.assertEqual(box.end()[0], 0, box.said())

    def test_no_zero_copy(self):
        box = self.box("--ring", "port=afxdp,xdp=zerocopy")
        for port in ("left", "right"):
            self.assertIn(f"{port}: an AF_XDP socket: Operation not supported; AF_PACKET instead of AF_XDP", box.said())
        self.whole(box, {"left": ("afpacket", None), "right": ("afpacket", None)})

    def test_one_of_two(self):
        """Super-packets that come by AF_PACKET leave by AF_XDP cut."""
        self.net.ip("box", "link", "set", "right", "mtu", "4000")
        box = self.box("--ring", "port=afxdp")
        self.assertIn("right: its MTU is too large: 3816 at most; AF_PACKET instead of AF_XDP", box.said())
        self.whole(box, {"left": ("afxdp", NATIVE), "right": ("afpacket", None)})

    def test_other_program(self):
        """Somebody else's program stays where it is."""
        first = self.box("--ring", "port=afxdp")
        second = net.Box(self.net, self.folder, "-i", "left", "--stage", "count", "--ring", "port=afxdp",
                         "--control", self.path("second.sock"), "--json", self.path("second.json"))
        self.assertRegex(second.said(), "left: .*AF_PACKET instead of AF_XDP")
        second.process.send_signal(signal.SIGTERM)
        self.assertEqual(second.process.wait(200), 0)
        self.assertTrue(self.taken("left"))
        self.assertEqual(self.ports(first)["left"], ("afxdp", NATIVE))

    def test_super_packets(self):
        """In generic mode a sender's super-packets come, which AF_XDP does not take: it is noticed while it runs."""
        box = self.box("--ring", "port=afxdp,xdp=generic")
        self.net.serve(self.site)
        self.assertEqual(self.ports(box), {"left": ("afxdp", GENERIC), "right": ("afxdp", GENERIC)})
        self.fetch([1000003], [4])
        self.assertIn("right: a frame is longer than AF_XDP takes here: Message too long; AF_PACKET from here on", box.said())
        self.assertEqual(self.ports(box)["right"], ("afpacket", None))
        self.fetch()
        self.assertEqual(box.end()[0], 0, box.said())

    def test_made_again(self):
        """Once privileges are given up there is no AF_XDP: an interface that comes back is had by AF_PACKET."""
        box = self.box("--ring", "port=afxdp")
        self.net.serve(self.site)
        self.fetch([1000])
        self.net.ip("box", "link", "set", "right", "down")
        self.assertTrue(net.until(lambda: "right: went down" in box.said()), box.said())
        self.net.ip("box", "link", "set", "right", "up")
        self.assertTrue(net.until(lambda: "right: is up again" in box.said()), box.said())
        self.assertTrue(net.until(lambda: self.net.get("1000", self.path("got"), seconds=5) == 0), box.said())
        self.assertEqual(self.ports(box)["right"], ("afxdp", NATIVE))
        self.net.ip("box", "link", "del", "left")
        self.assertTrue(net.until(lambda: box.ctl("stats")["ports"][0]["state"] == "gone"), box.said())
        self.net.join("client", "left", 0)
        self.assertTrue(net.until(lambda: self.net.get("1000", self.path("got"), seconds=5) == 0), box.said())
        self.assertRegex(box.said(), "left: .*: Operation not permitted; AF_PACKET instead of AF_XDP")
        self.assertEqual(self.ports(box), {"left": ("afpacket", None), "right": ("afxdp", NATIVE)})
        self.fetch()
        self.assertEqual(box.end()[0], 0, box.said())


class Killed(Live):
    def test_killed(self):
        """Nothing stays on the interfaces, and the next one has them."""
        box = self.box("--ring", "port=afxdp")
        self.assertTrue(self.taken("left") and self.taken("right"))
        box.process.kill()
        box.process.wait()
        self.assertTrue(net.until(lambda: not self.taken("left") and not self.taken("right")))
        self.net.ip("box", "address", "add", "10.77.0.9/24", "dev", "left")  # the host has its packets again
        self.assertEqual(self.connects("10.77.0.9", 1)[0], "refused")
        self.net.ip("box", "address", "flush", "dev", "left")
        box = self.box("--ring", "port=afxdp")
        self.assertEqual(self.ports(box), {"left": ("afxdp", NATIVE), "right": ("afxdp", NATIVE)})
        self.net.serve(self.site)
        self.fetch()
        self.assertEqual(box.end()[0], 0, box.said())


class Measures(Live):
    def test_bench_live(self):
        log = self.path("bench.log")
        with open(log, "wb") as said, open(self.path("bench.out"), "wb") as out:
            one = self.net.start("box", os.path.join(common.BIN, "flowos-bench"), "-i", "left,right", "--ring", "port=afxdp",
                                 "--stage", "count", "--json", self.path("r.json"), stdout=out, stderr=said)
        self.assertTrue(net.until(lambda: b"forwarding" in self.read(log) or one.poll() is not None), self.read(log))
        self.net.serve(self.site)
        self.fetch()
        self.connects(net.SERVER[0], 20)  # lone packets
        one.send_signal(signal.SIGINT)
        self.assertEqual(one.wait(200), 0, self.read(log))
        with open(self.path("r.json"), encoding="utf-8") as result:
            run = json.load(result)["runs"][0]
        live = run["live"]
        self.assertEqual(live["forwarded"], live["received"])
        self.assertEqual(live["ring_drops"] + live["not_sent"], 0)
        self.assertEqual(live["afxdp_ports"], 2)
        self.assertEqual(live["zero_copy_ports"], 0)
        self.assertGreater(run["latency_ns"]["p50"], 0)
        self.assertLess(run["latency_ns"]["p50"], 10e9)

    def test_lone_packet(self):
        """It does not wait for a tick of the box (100 ms): the fastest of some round trips is far below one."""
        self.box("--ring", "port=afxdp")
        self.net.serve(self.site)
        times = []
        while len(times) < 400 and min(times, default=10) >= 10: # more where others have the processors
            times += [float(one) for one in self.connects(net.SERVER[0], 20)]
        print(f"connecting through the box: fastest {min(times):.3f} ms, slowest {max(times):.3f} ms")
        self.assertLess(min(times), 10)


class Refuses(common.Case):
    def test_usage(self):
        for ring, says in (("port=afxdp,xdp=fast", "zerocopy"), ("port=xdp", "afpacket or afxdp"), ("xdp=native", "port afxdp")):
            self.refused("flowos", "run", "-i", "lo", "--control", "none", "--stage", "count", "--ring", ring, says=says)
        self.refused("flowos", "run", "-i", "lo", "--control", "none", "--stage", "count", "--ring", "port=afxdp", "--workers", "2",
                     says="one worker")


def cannot_run():
    """Why there is no AF_XDP here, or None."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    try:
        socket.socket(44, socket.SOCK_RAW).close()  # AF_XDP
    except OSError as error:
        return f"AF_XDP: {error}"
    if tuple(map(int, release.groups())) < (6, 8):
        return "Linux 6.8 is needed"
    tried = subprocess.run(["unshare", "-n", os.path.join(common.BIN, "flowos"), "run", "-i", "lo", "--control", "none", "--stage",
                            "count", "--duration", "100ms", "--ring", "port=afxdp"], capture_output=True, text=True, check=False)
    return "AF_XDP is not built in" if "not built in" in tried.stderr else None


if __name__ == "__main__":
    net.require("curl", "sysctl", "ethtool")
    why = cannot_run()
    if why:
        print(why)
        sys.exit(77)
    unittest.main(verbosity=1)
