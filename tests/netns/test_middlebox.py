#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""flowos run between two interfaces: files arrive whole, modules saw what was sent, replay gives the same, and it can be
asked, ended, and impaired meanwhile."""

import glob
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

import net
import rawtcp
from net import SEED, SIZES, common



class Live(net.Site):
    def fetch(self, version=4, sizes=SIZES):
        """Every file is as it was."""
        for size in sizes:
            out = self.path("got")
            self.assertEqual(self.net.get(str(size), out, version), 0, f"IPv{version}, {size} bytes")
            self.assertEqual(self.read(out), self.read(os.path.join(self.site, str(size))), f"IPv{version}, {size} bytes")

    def bodies(self, folder):
        """What dump wrote of the server's streams, without the heads, sorted by length."""
        found = []
        for name in glob.glob(os.path.join(folder, "*")):
            data = self.read(name)
            if data.startswith(b"HTTP/1.0 200"):
                found.append(data.split(b"\r\n\r\n", 1)[1])
        return sorted(found, key=len)

    def gaps(self, folder):
        with open(os.path.join(folder, "gaps.tsv"), encoding="ascii") as table:
            return [line for line in table if not line.startswith("file\t")]


class Forwards(Live):
    def listed(self, box):
        """The sessions are counted, and of them those that are asked for listed. One that is over is forgotten a minute later."""
        def ends(*options):
            return {(one["protocol"], one["from"], one["to"]) for one in box.ctl("sessions", *options)["sessions"]}

        four, six = f"{net.SERVER[0]}:{net.PORT}", f"[{net.SERVER[1]}]:{net.PORT}"
        for options, to in (("--protocol", "tcp", "--port", net.PORT), {four, six}), (("--host", net.CLIENT[1], "--protocol", "tcp"), {six}):
            before, found, after = ends(), ends(*options), ends()
            self.assertLessEqual(found, {one for one in before if one[0] == "tcp" and one[2] in to})
            self.assertGreaterEqual(found, {one for one in after if one[0] == "tcp" and one[2] in to})
            self.assertGreater(len(found), 0)
        before, flows, after = ends(), box.ctl("flows"), ends()
        self.assertTrue(flows["complete"])
        self.assertEqual(flows["flows"][0]["name"], "all")
        self.assertIn(flows["flows"][0]["sessions"], range(len(after), len(before) + 1))

    def test_files(self):
        box = net.Box(self.net, self.folder, "-i", "left,right", "--stage", f"dump:dir={self.path('dump')}+count",
                      "--stage", f"digest:out={self.path('live')}")
        capture = self.path("beside.pcap")
        with open(self.path("tcpdump.log"), "wb") as log:
            tcpdump = self.net.start("box", "tcpdump", "-i", "left", "-w", capture, "-s", "0", "-B", "65536", "-U", "-Z",
                                     "root", "tcp", stderr=log)
        self.assertTrue(net.until(lambda: b"listening" in self.read(log.name)))
        self.net.serve(self.site)
        for version in (4, 6):
            self.fetch(version)
        self.assertEqual(box.ctl("stats")["engine"]["tcp_sessions"], 2 * len(SIZES))
        self.listed(box)
        net.beside(box, capture)
        tcpdump.send_signal(signal.SIGINT)
        tcpdump.wait(100)
        self.assertRegex(self.read(log.name), rb"\n0 packets dropped by kernel")
        status, result = box.end()
        self.assertEqual(status, 0, box.said())
        self.assertEqual(result["engine"]["gaps"], 0)
        self.assertEqual(result["tx_lost"], 0)
        self.assertEqual([port["drops"] for port in result["ports"]], [0, 0])
        self.assertEqual(result["modules"]["count"]["tcp"]["gaps"], 0)
        want = sorted((self.read(os.path.join(self.site, str(size))) for size in SIZES for _ in (4, 6)), key=len)
        self.assertEqual(self.bodies(self.path("dump")), want)
        self.assertEqual(self.gaps(self.path("dump")), [])
        self.ok("flowos", "run", "-r", capture, "--stage", f"digest:out={self.path('replayed')}", "--json", self.path("r.json"))
        self.assertEqual(self.read(self.path("replayed")), self.read(self.path("live")))
        golden = self.path("golden")
        self.ok("flowos-golden", "record", capture, "-o", golden)
        self.assertEqual(self.read(golden).count(b"gaps=-"), 4 * len(SIZES))

    def test_other_traffic(self):
        """What is no TCP, and what no flow wants, passes."""
        box = net.Box(self.net, self.folder, "-i", "left,right", "--flow", "tcp port 1", "--stage", "count")
        self.net.serve(self.site)
        self.fetch(4, [1, 1000003])
        for family, address in zip(("AF_INET", "AF_INET6"), net.SERVER): # nobody listens: ICMP comes back and says so
            ask = (f"import socket\ns = socket.socket(socket.{family}, socket.SOCK_DGRAM)\ns.settimeout(60)\n"
                   f"s.connect(('{address}', 9))\ns.send(b'x')\ntry:\n    s.recv(1)\nexcept ConnectionRefusedError:\n    pass")
            self.net.command("client", sys.executable, "-c", ask)
        status, result = box.end()
        self.assertEqual(status, 0)
        self.assertGreater(result["engine"]["unmatched"], 10)
        self.assertGreater(result["engine"]["non_ip_packets"], 0) # ARP
        self.assertGreaterEqual(result["engine"]["other_packets"], 2)
        self.assertEqual(result["modules"]["count"]["tcp"]["sessions"], 0)
        self.assertEqual(result["forwarded"], result["engine"]["packets"])

    def test_one_interface(self):
        """It only looks on: another box forwards."""
        box = net.Box(self.net, self.folder, "-i", "left,right")
        eye = net.Box(self.net, self.folder, "--in", "eth0", "--stage", "count", where="server")
        self.assertIn("receiving on eth0", eye.said())
        self.net.serve(self.site)
        self.fetch(4, [1000])
        self.assertTrue(net.until(lambda: eye.ctl("stats")["engine"]["delivered_bytes"] > 40), eye.said())
        status, result = eye.end()
        self.assertEqual(status, 0)
        self.assertEqual(result["forwarded"], 0)
        self.assertGreater(result["modules"]["count"]["tcp"]["delivered_bytes"], 40) # the client's direction: what it received
        self.assertEqual(box.end()[0], 0)


class Forms(Live):
    """Other forms of packets than the ones that veth likes best."""

    def whole(self, *versions):
        box = net.Box(self.net, self.folder, "-i", "left,right", "--ring-bytes", "64M", "--stage", f"dump:dir={self.path('dump')}")
        self.net.serve(self.site)
        for version in versions:
            self.fetch(version)
        status, result = box.end()
        self.assertEqual(status, 0)
        self.assertEqual(result["engine"]["gaps"] + result["engine"]["bad_checksum"] + result["tx_lost"], 0)
        want = sorted((self.read(os.path.join(self.site, str(size))) for size in SIZES for _ in versions), key=len)
        self.assertEqual(self.bodies(self.path("dump")), want)
        self.assertEqual(self.gaps(self.path("dump")), [])

    def test_no_offloads(self):
        for name, port in (("client", "eth0"), ("box", "left"), ("box", "right"), ("server", "eth0")):
            self.net.command(name, "ethtool", "-K", port, "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off",
                             "sg", "off", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.whole(4, 6)

    def test_vlan(self):
        probe = ["ip", "-n", self.net.ns["box"], "link", "add", "link", "left", "name", "probe", "type", "vlan", "id", "5"]
        if subprocess.run(probe, capture_output=True, check=False).returncode:
            self.skipTest("this kernel has no VLAN interfaces")
        self.net.ip("box", "link", "del", "probe")
        for side, name in enumerate(("client", "server")):
            for address, bits in zip((net.CLIENT, net.SERVER)[side], (24, 64)):
                self.net.ip(name, "address", "del", f"{address}/{bits}", "dev", "eth0")
            self.net.ip(name, "link", "add", "link", "eth0", "name", "tagged", "type", "vlan", "id", "77")
            for address, bits in zip((net.CLIENT, net.SERVER)[side], (24, 64)):
                self.net.ip(name, "address", "add", f"{address}/{bits}", "dev", "tagged", *(["nodad"] if bits == 64 else []))
            self.net.ip(name, "link", "set", "tagged", "up")
        self.whole(4, 6)


class Asked(Live):
    def test_while_traffic_runs(self):
        """Peers that ask for everything, say nothing, or rubbish, for as long as files are fetched: nothing is lost, and
        others are answered."""
        box = net.Box(self.net, self.folder, "-i", "left,right", "--stage", "count")
        self.net.serve(self.site)
        peers = []
        for _ in range(20):
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(box.socket)
            peer.setblocking(False)
            peers.append(peer)
        self.addCleanup(lambda: [peer.close() for peer in peers])
        stop = threading.Event()

        def pester():
            while not stop.is_set():
                for i, peer in enumerate(peers):
                    try:
                        peer.send((b'{"command":"sessions","max":1000}\n' * 20, b"x" * 500, b"", b'{"command":"stats"}\n')[i % 4])
                    except OSError: # its buffer is full, or it was dropped
                        pass
                time.sleep(0.01)

        thread = threading.Thread(target=pester)
        thread.start()
        try:
            before = 0
            for _ in range(3):
                self.fetch(4)
                now = box.ctl("stats")["engine"]["packets"]
                self.assertGreater(now, before)
                before = now
            table = self.ok("flowos", "ctl", "sessions", "--socket", box.socket, "--max", "3").text.splitlines()
            self.assertEqual(len(table), 4)
            self.assertTrue(table[0].startswith("proto"))
            self.assertIn("engine", self.ok("flowos", "ctl", "stats", "--socket", box.socket).text)
            self.assertIn("all", self.ok("flowos", "ctl", "flows", "--socket", box.socket).text)
            self.refused("flowos", "ctl", "attach", "--socket", box.socket, status=1, says="not built yet")
        finally:
            stop.set()
            thread.join()
        status, result = box.end()
        self.assertEqual(status, 0, box.said())
        self.assertEqual(result["engine"]["gaps"], 0)
        self.assertEqual(result["tx_lost"], 0)
        self.assertFalse(os.path.exists(box.socket))


class Impaired(Live):
    def test_live(self):
        """Loss, reordering and delay between the interfaces: TCP gets the files through nevertheless."""
        box = net.Box(self.net, self.folder, "-i", "left,right", "--loss", "3%", "--reorder", "5%,delay=3ms", "--dup", "1%",
                      "--delay", "2ms", "--seed", SEED, "--stage", f"dump:dir={self.path('dump')}")
        self.net.serve(self.site)
        begin = time.monotonic()
        self.fetch(4, [1])
        self.assertGreater(time.monotonic() - begin, 0.008) # four ways at 2 ms
        self.fetch(4, [65536, 1000003])
        self.fetch(6, [1000003])
        sizes, words = [1, 65536, 1000003, 1000003], ("lost", "selected", "delayed")
        while len(sizes) < 100 and min(box.ctl("stats")["impaired"][word] for word in words) == 0: # few packets, some of 64 KiB
            self.fetch(4, [65536])
            sizes.append(65536)
        status, result = box.end()
        self.assertEqual(status, 0, box.said())
        for word in words:
            self.assertGreater(result["impaired"][word], 0, word)
        self.assertEqual(result["engine"]["gaps"], 0)
        want = [self.read(os.path.join(self.site, str(size))) for size in sorted(sizes)]
        self.assertEqual(self.bodies(self.path("dump")), want)

    def test_changed_while_it_runs(self):
        conf = self.path("box.conf", 'ports = { interfaces = [ "left", "right" ]; };\nimpair = { loss = "100%"; };\n')
        box = net.Box(self.net, self.folder, "-c", conf)
        self.net.serve(self.site)
        self.assertNotEqual(self.net.get("1", self.path("got"), seconds=1), 0)
        self.path("box.conf", 'ports = { interfaces = [ "left", "right" ]; };\nworkers = 1;\nmetrics = "127.0.0.1:9478";\n'
                  'caps = { sessions = 1000; };\n')
        box.process.send_signal(signal.SIGHUP)
        self.assertTrue(net.until(lambda: "impair: now" in box.said()), box.said())
        self.assertIn("caps.sessions", box.said())
        self.assertIn("start it again", box.said())
        self.fetch(4, [1000])
        before = box.ctl("stats")["engine"]["packets"]
        page = self.net.command("box", "curl", "-si", "http://127.0.0.1:9478/metrics", capture_output=True).stdout.decode()
        after = box.ctl("stats")["engine"]["packets"]
        self.assertTrue(page.startswith("HTTP/1.0 200 OK\r\n"), page[:100])
        self.assertIn("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n", page)
        self.assertIn(int(re.search(r"^flowos_engine_packets_total (\d+)$", page, re.M).group(1)), range(max(before, 1), after + 1))
        self.assertRegex(page, r'(?m)^flowos_port_rx_packets_total\{port="left"\} \d+$')
        self.path("box.conf", "ports = { interfaces = 5; };\n")
        box.process.send_signal(signal.SIGHUP)
        self.assertTrue(net.until(lambda: "nothing is changed" in box.said()), box.said())
        for wrong in 'filter = "tcp porrt 80"', 'levels = "ip:nothing"':
            said = len(box.said())
            self.path("box.conf", 'ports = { interfaces = [ "left", "right" ]; };\nimpair = { loss = "100%"; };\n'
                      f'flows = ( {{ name = "f";\n{wrong}; }} );\n')
            box.process.send_signal(signal.SIGHUP)
            self.assertTrue(net.until(lambda: len(box.said()) > said), wrong)
            self.assertRegex(box.said()[said:], r"^flowos run: .*box\.conf:4: flows\[0\].*; nothing is changed\n$")
        box.process.send_signal(signal.SIGUSR1)
        self.fetch(4, [1])
        status, result = box.end()
        self.assertEqual(status, 0)
        self.assertGreater(result["impaired"]["lost"], 0)


    def test_hole_wait_changes(self):
        """How long holes are waited for, by itself and for an impairment's sake, counts from the next packet on."""
        conf = 'ports = { interfaces = [ "left", "right" ]; };\nworkers = 2;\n'
        path = self.path("box.conf", conf + 'engine = { hole-wait = "4"; };\n')
        box = net.Box(self.net, self.folder, "-c", path, "--stage", "count")

        def gaps(number):
            """Of a session with a hole that was acknowledged twenty packets before it is filled."""
            above = [rawtcp.frame(number, 0, 106, 0x18, b"ghi")] * 20
            frames = [rawtcp.frame(number, 0, 99, 2), rawtcp.frame(number, 1, 499, 0x12, ack=100),
                      rawtcp.frame(number, 0, 100, 0x18, b"abc", ack=500), rawtcp.frame(number, 0, 106, 0x18, b"ghi", ack=500),
                      rawtcp.frame(number, 1, 500, 0x10, ack=109), *above, rawtcp.frame(number, 0, 103, 0x18, b"def", ack=500)]
            before = box.ctl("stats")["engine"]
            self.path("frames", b"".join(struct.pack("!H", len(one)) + one for one in frames))
            self.net.command("client", sys.executable, "-c", rawtcp.SEND, self.path("frames"))
            self.assertTrue(net.until(lambda: box.ctl("stats")["engine"]["tcp_packets"] == before["tcp_packets"] + len(frames)))
            return box.ctl("stats")["engine"]["gaps"] - before["gaps"]

        self.assertEqual(gaps(1), 1)
        for number, (engine, impair, says) in enumerate((("50", "", "50"), ("4", "", "4"), ("4", 'reorder = "1%,depth=100";', "199"),
                                                         ("4", "", "4"), ("4,30s", "", "4,30000ms"))):
            self.path("box.conf", conf + f'engine = {{ hole-wait = "{engine}"; }};\nimpair = {{ {impair} }};\n')
            said = len(box.said())
            box.process.send_signal(signal.SIGHUP)
            self.assertTrue(net.until(lambda: f"hole-wait: now {says}\n" in box.said()[said:]), box.said())
            if not impair:
                self.assertEqual(gaps(2 + number), says == "4", says)
        said = len(box.said())
        box.process.send_signal(signal.SIGHUP)
        self.assertTrue(net.until(lambda: "nothing has changed" in box.said()[said:]), box.said())
        self.assertEqual(box.end()[0], 0)


class Service(Live):
    def test_manager_is_told(self):
        """What systemd hears: ready, reloading, ready again, stopping."""
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(self.path("notify"))
        manager.settimeout(100)
        conf = self.path("box.conf", 'ports = { interfaces = [ "left", "right" ]; };\n')
        box = net.Box(self.net, self.folder, "-c", conf, NOTIFY_SOCKET=self.path("notify"))
        self.assertEqual(manager.recv(1000), b"READY=1\nSTATUS=forwarding between left and right")
        box.process.send_signal(signal.SIGHUP)
        self.assertEqual(manager.recv(1000), b"RELOADING=1")
        self.assertEqual(manager.recv(1000), b"READY=1")
        self.assertEqual(box.end()[0], 0)
        self.assertEqual(manager.recv(1000), b"STOPPING=1\nSTATUS=draining")

    def test_twice_at_once(self):
        """Two signals for one request, as timeout(1) sends them: it ends in order."""
        box = net.Box(self.net, self.folder, "-i", "left,right")
        box.process.send_signal(signal.SIGINT)
        status, result = box.end()
        self.assertEqual(status, 0)
        self.assertEqual(result["seconds"] > 0, True)
        self.assertFalse(os.path.exists(box.socket))

    def test_drains(self):
        """What an impairment holds when SIGTERM comes leaves before the end."""
        box = net.Box(self.net, self.folder, "-i", "left,right", "--delay", "600s")
        self.assertNotEqual(self.net.get("1", self.path("got"), seconds=1), 0)
        held = box.ctl("stats")
        self.assertEqual(held["engine"]["packets"], 0)
        status, result = box.end() # and not when it is due, for which that does not wait
        self.assertEqual(status, 0)
        self.assertGreater(result["forwarded"], 0)
        self.assertEqual(result["forwarded"], sum(port["rx_packets"] for port in result["ports"]))
        self.assertEqual(result["engine"]["packets"], result["forwarded"])
        self.assertEqual(self.read(self.path("box.out"))[:6], b"left: ")


# Datagrams to the client, as frames: of 50 sessions, numbered, until SIGTERM; says how many.
NUMBERED = r"""
import signal, socket, struct, time
number, go = 0, True
def stop(*_):
    global go
    go = False
signal.signal(signal.SIGTERM, stop)
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
def total(data):
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return 0xffff - value
ends = socket.inet_aton("10.77.0.2") + socket.inet_aton("10.77.0.1")
while go and number < 500000:
    data = struct.pack("!HHHHI", 5000, 6000 + number % 50, 12, 0, number)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 1, 0, 64, 17, 0) + ends
    ip = ip[:10] + struct.pack("!H", total(ip)) + ip[12:]
    s.send(b"\xff" * 6 + b"\x02" * 6 + b"\x08\x00" + ip + data)
    number += 1
    time.sleep(0.001)
print(number)
"""


class Workers(Live):
    def sessions(self, box):
        """{worker: how many}; each session is whole with one worker: both its directions have bytes there."""
        found = {}
        for one in box.ctl("sessions", "--protocol", "tcp", "--max", "1000")["sessions"]:
            found[one["worker"]] = found.get(one["worker"], 0) + 1
            self.assertGreater(min(one["forward"]["bytes"], one["back"]["bytes"]), 0, one)
        return found

    def test_three(self):
        box = net.Box(self.net, self.folder, "-i", "left,right", "--workers", "3", "--stage", "count",
                      "--stage", f"digest:out={self.path('digest')}")
        self.net.serve(self.site)
        for _ in range(5):
            for version in (4, 6):
                self.fetch(version, SIZES[:7])
        found = self.sessions(box)
        self.assertEqual(set(found), {0, 1, 2})
        self.assertEqual(box.ctl("stats")["engine"]["tcp_sessions"], 70)
        self.net.ip("box", "link", "del", "left")
        self.assertTrue(net.until(lambda: box.ctl("stats")["ports"][0]["state"] == "gone"), box.said())
        self.assertLess(box.idle(0.3), 0.3)
        self.net.join("client", "left", 0)
        self.assertTrue(net.until(lambda: "left: is there again" in box.said()), box.said())
        self.assertTrue(net.until(lambda: self.net.get("1", self.path("got")) == 0), box.said()) # each that begins ends
        for _ in range(5):
            self.fetch(4, SIZES[:7])
        self.assertGreater(sum(self.sessions(box).values()), 0)
        status, result = box.end()
        self.assertEqual(status, 0, box.said())
        self.assertEqual(result["workers"], 3)
        self.assertEqual(result["engine"]["gaps"], 0)
        self.assertGreaterEqual(result["modules"]["count"]["tcp"]["sessions"], 105)
        lines = self.read(self.path("digest")).splitlines()
        self.assertGreaterEqual(len(lines), 210)
        self.assertTrue(all(line.endswith(b"gaps=-") for line in lines))


    def goes_away(self, box, seconds):
        """The client's interface is not there for so long, and is made again. How long it took from then on until packets left by it
        again, and how long that may have taken, on a machine on which it took as long to make it as it did."""
        def counted(word, more):
            before = box.ctl("stats")[word]
            self.assertTrue(net.until(lambda: box.ctl("stats")[word] > before + more), box.said())

        self.net.ip("box", "link", "del", "left")
        self.assertTrue(net.until(lambda: box.ctl("stats")["ports"][0]["state"] == "gone"), box.said())
        counted("tx_lost", 100)
        time.sleep(seconds)
        began = time.monotonic()
        self.net.join("client", "left", 0)
        back = time.monotonic()
        counted("forwarded", 20)
        return time.monotonic() - back, 1 + back - began

    def test_one_gone(self):
        """While one interface is away and is opened again, every frame that comes on the other one is seen by the engine; what cannot
        leave is counted; and soon after it is back all of it leaves again."""
        for release in ("tap", "gate"):
            box = net.Box(self.net, self.folder, "-i", "left,right", "--workers", "3", "--release", release, "--stage", "count")
            sender = self.net.start("server", sys.executable, "-c", NUMBERED, stdout=subprocess.PIPE)
            self.assertTrue(net.until(lambda: box.ctl("stats")["forwarded"] > 200))
            for away in (0.2, 3.3): # so long that it would be looked for every two seconds only
                for _ in range(20): # more where others have the processors
                    took, most = self.goes_away(box, away)
                    print(f"{release}: {took:.2f} s after the interface was back, packets left by it again")
                    if took < most:
                        break
                self.assertLess(took, most)
            sender.send_signal(signal.SIGTERM)
            sent = int(sender.communicate(timeout=100)[0])
            self.assertTrue(net.until(lambda: box.ctl("stats")["engine"]["udp_packets"] >= sent), box.ctl("stats"))
            status, result = box.end()
            self.assertEqual(status, 0, box.said())
            self.assertEqual(result["engine"]["udp_packets"], sent)
            self.assertEqual(result["ports"][1]["drops"], 0)
            self.assertEqual(result["forwarded"] + result["tx_lost"], result["engine"]["packets"])
            print(f"{release}: of {sent} packets {result['tx_lost']} had nowhere to go")


class Privileges(Live):
    def test_given_up(self):
        for options, caps, user in (([], 0x6000, "0"), (["--net-admin"], 0x7000, "0"), (["--user", "nobody"], 0x6000, "65534")):
            if user != "0": # nobody may not write into this folder: that is said before anything runs
                with self.assertRaisesRegex(AssertionError, "box.json: cannot write: Permission denied"):
                    net.Box(self.net, self.folder, "-i", "left,right", *options)
                os.chmod(self.folder, 0o777)
                os.unlink(self.path("box.json"))
            box = net.Box(self.net, self.folder, "-i", "left,right", *options)
            for pid in [box.process.pid, *map(int, os.listdir(f"/proc/{box.process.pid}/task"))]:
                with open(f"/proc/{pid}/status", encoding="ascii") as text:
                    status = dict(line.rstrip("\n").split(":\t", 1) for line in text if ":\t" in line)
                for word in ("CapEff", "CapPrm"):
                    self.assertEqual(int(status[word], 16), 0x2000 | 0x4000 | (caps & 0x1000), f"{options}: {word}")
                self.assertEqual(int(status["CapInh"], 16), 0)
                self.assertEqual(status["Seccomp"], "2" if not common.SANITIZE else status["Seccomp"])
                self.assertEqual(status["NoNewPrivs"], "1")
                self.assertEqual(set(status["Uid"].split()), {user})
            self.assertGreaterEqual(len(os.listdir(f"/proc/{box.process.pid}/task")), 2)
            self.assertEqual(os.stat(box.socket).st_mode & 0o777, 0o600)
            self.assertEqual(os.stat(box.socket).st_uid, int(user))
            self.assertIn("engine", box.ctl("stats"))
            self.assertEqual(box.end()[0], 0)


    def test_queues(self):
        """An interface that is opened again without CAP_NET_ADMIN has shorter queues: that is said, once."""
        limits = [int(self.read(f"/proc/sys/net/core/{word}_max")) for word in ("rmem", "wmem")]
        if max(limits) >= 8 << 20:
            self.skipTest("this system's queues are long enough")
        for options in ([], ["--workers", "2"], ["--net-admin"]):
            box = net.Box(self.net, self.folder, "-i", "left,right", *options)
            for times in (1, 2):
                self.net.ip("box", "link", "del", "left")
                self.assertTrue(net.until(lambda: box.said().count("left: is gone") == times), box.said())
                self.net.join("client", "left", 0)
                self.assertTrue(net.until(lambda: box.said().count("left: is there again") == times), box.said())
            self.assertEqual(box.end()[0], 0)
            want = 0 if "--net-admin" in options else 1
            self.assertEqual(box.said().count(f"left: a queue of {limits[1]} bytes, and not of {8 << 20}, for want of CAP_NET_ADMIN "
                                              "(--net-admin keeps it)"), want, box.said())
            self.assertEqual(box.said().count("queue"), want)


class Interfaces(Live):
    def works(self):
        return net.until(lambda: self.net.get("1000", self.path("got"), seconds=5) == 0)

    def test_come_and_go(self):
        box = net.Box(self.net, self.folder, "-i", "left,right", "--stage", "count")
        self.net.serve(self.site)
        self.assertTrue(self.works())
        busy = {"up": box.idle(0.2)}
        self.net.ip("box", "link", "set", "right", "down")
        self.assertTrue(net.until(lambda: "right: went down" in box.said()), box.said())
        self.assertEqual([port["state"] for port in box.ctl("stats")["ports"]], ["up", "down"])
        busy["down"] = box.idle(0.2)
        self.net.ip("box", "link", "set", "right", "up")
        self.assertTrue(net.until(lambda: "right: is up again" in box.said()), box.said())
        self.assertTrue(self.works(), "after it was down")
        self.net.ip("box", "link", "set", "left", "down")
        self.net.ip("box", "link", "set", "left", "name", "other")
        self.net.ip("box", "link", "set", "other", "up")
        self.assertTrue(net.until(lambda: "waiting for something of that name" in box.said() or "left: is gone" in box.said()),
                        box.said())
        busy["renamed"] = box.idle(0.2)
        self.net.ip("box", "link", "set", "other", "down")
        self.net.ip("box", "link", "set", "other", "name", "left")
        self.net.ip("box", "link", "set", "left", "up")
        self.assertTrue(self.works(), "after it was renamed: " + box.said())
        self.net.ip("box", "link", "del", "left")
        self.assertTrue(net.until(lambda: box.ctl("stats")["ports"][0]["state"] == "gone"), box.said())
        busy["deleted"] = box.idle(0.2)
        self.net.join("client", "left", 0)
        self.assertTrue(self.works(), "after it was made again: " + box.said())
        status, result = box.end()
        self.assertEqual(status, 0, box.said())
        self.assertGreaterEqual(result["ports"][0]["losses"], 2)
        self.assertLess(max(busy.values()), 0.2, f"busy: {busy}")

    def test_down_under_load(self):
        """Super-packets that wait when an interface goes down are not left in the kernel's queue: afterwards files arrive, and
        nothing keeps the box busy."""
        box = net.Box(self.net, self.folder, "-i", "left,right", "--stage", "count")
        self.net.serve(self.site)
        for _ in range(6):
            pull = self.net.start("client", "curl", "-s", "-m", "20", "--limit-rate", "300M",
                                  *[f"http://{net.SERVER[0]}:{net.PORT}/{max(SIZES)}"] * 8, stdout=subprocess.DEVNULL)
            time.sleep(0.1)
            self.net.ip("box", "link", "set", "right", "down")
            time.sleep(0.3)
            self.net.ip("box", "link", "set", "right", "up")
            net.until(lambda: pull.poll() is not None, 10)
            self.net.end(pull) # on a slow machine not all has come
            self.assertLess(box.idle(0.4, 0.5), 0.4)
        self.fetch(4, [max(SIZES)])
        self.assertEqual(box.end()[0], 0)

    def test_not_there(self):
        self.refused("flowos", "run", "-i", "lo,nosuch0", "--control", "none", says="nosuch0")

    def test_waits_at_the_start(self):
        self.net.serve(self.site)
        self.net.ip("box", "link", "set", "left", "down")
        self.net.ip("box", "link", "set", "left", "name", "later")
        program = self.net.start("box", os.path.join(net.common.BIN, "flowos"), "run", "-i", "left,right", "--wait", "--control",
                                 self.path("sock"), "--stage", "count", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.assertEqual(program.stderr.readline(), b"flowos run: left: is not there yet; waiting for it\n")
        self.assertFalse(os.path.exists(self.path("sock")))
        self.net.ip("box", "link", "set", "later", "name", "left")
        self.net.ip("box", "link", "set", "left", "up")
        self.assertEqual(program.stderr.readline(), b"flowos run: forwarding between left and right\n")
        self.assertTrue(self.works())
        program.send_signal(signal.SIGTERM)
        self.assertEqual(program.wait(60), 0)
        program.stderr.close()
        program = self.net.start("box", os.path.join(net.common.BIN, "flowos"), "run", "-i", "nosuch0", "--wait",
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.assertIn(b"waiting", program.stderr.readline())
        program.send_signal(signal.SIGTERM) # and a signal ends it
        self.assertEqual(program.wait(60), -signal.SIGTERM)
        program.stderr.close()


if __name__ == "__main__":
    net.require("curl", "tcpdump", "sysctl", "ethtool")
    unittest.main(verbosity=1)
