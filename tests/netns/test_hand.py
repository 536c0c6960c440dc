#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Several workers: the kernel deals sessions to those whose they are, also in tunnels; those in fragments, and all where it deals by a
hash of its own, are whole with one worker each, too."""

import hashlib
import os
import random
import re
import struct
import subprocess
import sys
import unittest

import net
import rawtcp
from net import common
from live_net import Chain, until

SEED = int(os.environ.get("FLOWOS_SEED", "1"))
SESSIONS, PORT = 32, 7000
SIZES = (100, 4000, 20, 9000, 10, 3000, 1472, 1473)
FRAGMENTS = {4: 2 * (3 + 7 + 3 + 2), 6: 2 * (3 + 7 + 3 + 2 + 2)}  # of these, there and back, in packets of 1,500 bytes


class Several(common.Case):
    def setUp(self):
        super().setUp()
        self.net = Chain(net.PREFIX)
        self.addCleanup(self.net.close)

    def begin(self, workers, *options, before=()):
        self.digest, self.dump = self.path("digest"), self.path("dump")
        return net.Box(self.net, self.folder, "-i", "left,right", "--workers", str(workers), "--stage",
                       f"digest:algo=sha256:out={self.digest}+dump:udp=yes:overwrite=yes:dir={self.dump}", *options, before=before)

    def of_workers(self, workers, box):
        """How many conversations each worker has."""
        sessions = [one["worker"] for one in box.ctl("sessions", "--max", "1000")["sessions"]
                    if int(one["to"].rpartition(":")[2]) in range(PORT, PORT + SESSIONS)]
        return [sessions.count(worker) for worker in range(workers)]

    def end(self, box):
        status, result = box.end()
        self.assertEqual(status, 0, box.said())
        self.assertEqual(result["tx_lost"] + result["hand_lost"], 0)
        self.assertEqual(result["engine"]["packets"], result["forwarded"])
        return result

    def streams(self):
        """{direction: hex} of TCP: each is there once, without a gap."""
        found = {}
        for line in self.read(self.digest).decode().splitlines():
            word = line.split()
            if word[0] == "tcp":
                direction = " ".join(word[1:4])
                self.assertNotIn(direction, found)
                self.assertEqual(word[6], "gaps=-", line)
                found[direction] = word[5]
        return found

    def datagrams(self):
        """{source port: bytes} of the UDP conversations, each once; those of the server are {(its port, target port): bytes}."""
        found = {}
        for name in os.listdir(self.dump):
            parts = re.fullmatch(r"udp-.*[.](\d{5})-.*[.](\d{5})", name)
            if parts:
                found[tuple(map(int, parts.groups()))] = self.read(os.path.join(self.dump, name))
        return found

    def made_of(self, data, parts):
        """Are they these datagrams, in whatever order? Only those in fragments may be late."""
        left, at = sorted(parts, key=len, reverse=True), 0
        while left:
            part = next((part for part in left if data.startswith(part, at)), None)
            if part is None:
                return False
            left.remove(part)
            at += len(part)
        return at == len(data)

    def talk(self, server, client, address, sessions=SESSIONS, sizes=()):
        """Runs a server and a client; returns what the client says of each session: source port, digest of what it sent, and
        of what came back."""
        one = self.net.start("server", sys.executable, "-c", server, str(PORT), str(sessions), stdout=subprocess.PIPE)
        one.stdout.readline()
        done = self.net.command("client", sys.executable, "-c", client, address, PORT, sessions, SEED, *sizes, capture_output=True, text=True)
        one.kill()
        one.wait()
        one.stdout.close()
        return [line.split() for line in done.stdout.splitlines()]


class Deal(Several):
    """TCP and UDP without fragments."""

    def share(self, workers, address, before=()):
        """What part of all packets was handed over, and what the box said."""
        box = self.begin(workers, before=before)
        said = self.talk(MANY_SERVER, MANY_CLIENT, address, 200)
        sessions = box.ctl("sessions", "--max", "1000")["sessions"]
        result = self.end(box)
        self.assertEqual(len(said), 200)
        count = [sum(one["worker"] == worker and one["to"].endswith(f":{PORT}") for one in sessions) for worker in range(workers)]
        self.assertEqual(sum(count), 400, "200 of TCP, 200 of UDP")
        self.assertGreater(min(count), 400 / workers / 2, count)
        streams = self.streams()
        self.assertEqual(len(streams), 400)
        for source, sent, _ in said:
            mine = [digest for direction, digest in streams.items() if direction.split(" > ")[0].endswith(f":{source}")]
            self.assertEqual(mine, [sent])
        share = result["hand_handed"] / result["engine"]["packets"]
        print(f"{address}, {workers} workers{', by the hash of the kernel' if before else ''}: {result['hand_handed']} of "
              f"{result['engine']['packets']} packets were handed over, {share:.2%}")
        return share, box.said()

    def test_dealt(self):
        for workers in (2, 3):
            for address in Chain.SERVER:
                share, said = self.share(workers, address)
                self.assertLess(share, 0.01)
                self.assertNotIn("program", said)

    def test_refused(self):
        """Where the kernel takes no program, everything works as well, with more work."""
        share, said = self.share(2, Chain.SERVER[0], net.REFUSE)
        self.assertGreater(share, 0.2)
        self.assertEqual(said.count("the kernel takes no program that deals sessions to workers (Permission denied)"), 1, said)


class Hand(Several):
    def test_fragmented_datagrams(self):
        """Large datagrams and small ones in turns: fragments have no ports, whole ones do."""
        for workers, release in ((2, "tap"), (3, "tap"), (2, "gate")):
            for address in Chain.SERVER:
                box = self.begin(workers, "--release", release)
                said = self.talk(UDP_SERVER, UDP_CLIENT, address, sizes=SIZES)
                count = self.of_workers(workers, box)
                result = self.end(box)
                self.assertEqual(len(said), SESSIONS)
                fragments = FRAGMENTS[6 if ":" in address else 4]
                self.assertEqual(result["engine"]["fragments"], SESSIONS * fragments)
                self.assertEqual(sum(count), SESSIONS)
                self.assertIn(result["hand_handed"], [fragments * (SESSIONS - one) for one in count], "all but one worker's own")
                seen = self.datagrams()
                for number, (source, *parts) in enumerate(said):
                    sent = [bytes.fromhex(part) for part in parts]
                    for way, want in (((int(source), PORT + number), sent), ((PORT + number, int(source)), [part[::-1] for part in sent])):
                        self.assertTrue(self.made_of(seen[way], want), f"{workers} workers, {address}, {way}: {len(seen[way])} bytes")

    def tunnel(self, kind):
        for end, mine, other, inner in (("client", 0, 1, "10.99.0.1"), ("server", 1, 0, "10.99.0.2")):
            addresses = (Chain.CLIENT[0], Chain.SERVER[0])
            how = {"gre": ["type", "gre", "local", addresses[mine], "remote", addresses[other]],
                   "vxlan": ["type", "vxlan", "id", "7", "dstport", "4789", "local", addresses[mine], "remote", addresses[other], "dev", "eth0"]}
            made = subprocess.run(["ip", "-n", self.net.ns[end], "link", "add", "tun9", *how[kind]], capture_output=True, check=False)
            if made.returncode:
                return False
            self.net.ip(end, "address", "add", inner + "/24", "dev", "tun9")
            self.net.ip(end, "link", "set", "tun9", "up")
        return True

    def through(self, kind):
        if not self.tunnel(kind):
            return False
        for workers, before in ((2, ()), (3, ()), (2, net.REFUSE)):
            box = self.begin(workers, before=before)
            said = self.talk(TCP_SERVER, TCP_CLIENT, "10.99.0.2")
            sessions = [one for one in box.ctl("sessions", "--protocol", "tcp", "--max", "1000")["sessions"] if "10.99.0.2" in one["to"]]
            self.assertGreater(len({one["worker"] for one in sessions}), 1, "all with one worker")
            result = self.end(box)
            self.assertEqual(len(said), SESSIONS)
            streams = self.streams()
            self.assertEqual(len(streams), 2 * SESSIONS)
            for number, (source, sent, came) in enumerate(said):
                there, back = f"10.99.0.1:{source}", f"10.99.0.2:{PORT + number}"
                self.assertEqual(streams[f"{there} > {back}"], sent, f"{kind}, {workers} workers")
                self.assertEqual(streams[f"{back} > {there}"], came, f"{kind}, {workers} workers")
            self.tunnels_dealt(result, before)
        return True

    def tunnels_dealt(self, result, before):
        """The program sees what is in the tunnel; the kernel's own hash does not."""
        if before:
            self.assertGreater(result["hand_handed"], 20)
        else:
            self.assertLess(result["hand_handed"], result["engine"]["packets"] / 100)

    def test_tcp_in_vxlan(self):
        if not self.through("vxlan"):
            self.skipTest("this kernel has no VXLAN")

    def test_tcp_in_gre(self):
        if not self.through("gre"):
            self.skipTest("this kernel has no GRE")

    def test_raw_gre(self):
        """The same made here, for kernels without: each direction of a session in a tunnel of its own, whose ends are other
        addresses, so that the kernel may deal them to different workers."""
        sent = {number: random.Random(SEED + number).randbytes(20_000) for number in range(SESSIONS)}
        for workers, release, before in ((2, "tap", ()), (3, "tap", net.REFUSE), (2, "gate", net.REFUSE)):
            box = self.begin(workers, "--release", release, before=before)
            frames = [one for number in range(SESSIONS) for one in rawtcp.conversation(number, sent[number])]
            self.path("frames", b"".join(struct.pack("!H", len(one)) + one for one in frames))
            self.net.command("client", sys.executable, "-c", rawtcp.SEND, self.path("frames"))
            self.assertTrue(until(lambda: box.ctl("stats")["engine"]["tcp_packets"] >= len(frames)))
            result = self.end(box)
            streams = self.streams()
            for number in range(SESSIONS):
                there, back = f"10.9.0.1:{1000 + number}", "10.9.0.2:80"
                self.assertEqual(streams[f"{there} > {back}"], hashlib.sha256(sent[number]).hexdigest())
                self.assertEqual(streams[f"{back} > {there}"], hashlib.sha256(sent[number][::-1]).hexdigest())
            self.assertEqual(result["engine"]["tcp_sessions"], SESSIONS)
            self.tunnels_dealt(result, before)


MANY_SERVER = """
import selectors, socket, sys
port = int(sys.argv[1])
wait = selectors.DefaultSelector()
def accept(listener):
    s = listener.accept()[0]
    wait.register(s, selectors.EVENT_READ, echo)
def echo(s):
    data = s.recv(65536)
    if data:
        s.sendall(data)
    else:
        wait.unregister(s)
        s.close()
def answer(s):
    data, back = s.recvfrom(2000)
    s.sendto(data, back)
listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256)
wait.register(listener, selectors.EVENT_READ, accept)
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
udp.bind(("::", port))
wait.register(udp, selectors.EVENT_READ, answer)
print("ready", flush=True)
while True:
    for key, _ in wait.select():
        key.data(key.fileobj)
"""
MANY_CLIENT = """
import hashlib, random, socket, sys
address, port, count, seed = sys.argv[1], *map(int, sys.argv[2:])
rnd, kept = random.Random(seed), []
for i in range(count):
    s = socket.create_connection((address, port), 60)
    data, back = rnd.randbytes(20000), bytearray()
    source = s.getsockname()[1]
    s.sendall(data)
    while len(back) < len(data):
        back += s.recv(65536) or sys.exit("ended early")
    assert back == data
    digest = hashlib.sha256(data).hexdigest()
    print(source, digest, digest)
    kept.append(s) # what is over is listed for a minute only
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(60)
    s.connect((address, port))
    for _ in range(5):
        s.send(b"x" * 500)
        assert s.recv(1000) == b"x" * 500
    kept.append(s) # so that no two have one port
for s in kept[::2]:
    s.shutdown(socket.SHUT_WR)
    assert s.recv(1) == b""
"""
UDP_SERVER = """
import select, socket, sys
port, count = map(int, sys.argv[1:])
socks = []
for i in range(count):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", port + i))
    socks.append(s)
print("ready", flush=True)
while True:
    for s in select.select(socks, [], [])[0]:
        data, back = s.recvfrom(65535)
        s.sendto(data[::-1], back)
"""
UDP_CLIENT = """
import random, socket, sys
address, port, count, seed = sys.argv[1], *map(int, sys.argv[2:5])
rnd = random.Random(seed)
for i in range(count):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(60)
    s.connect((address, port + i))
    parts = []
    for size in map(int, sys.argv[5:]):
        data = rnd.randbytes(size)
        s.send(data)
        back = s.recv(65535)
        assert back == data[::-1]
        parts.append(data.hex())
    print(s.getsockname()[1], *parts)
"""
TCP_SERVER = """
import socket, sys, threading
port, count = map(int, sys.argv[1:])
def talk(s):
    with s:
        data = bytearray()
        while more := s.recv(65536):
            data += more
        s.sendall(data[::-1])
def serve(listener):
    while True:
        threading.Thread(target=talk, args=(listener.accept()[0],)).start()
for i in range(count):
    threading.Thread(target=serve, args=(socket.create_server(("", port + i)),)).start()
print("ready", flush=True)
"""
TCP_CLIENT = """
import hashlib, random, socket, sys
address, port, count, seed = sys.argv[1], *map(int, sys.argv[2:])
rnd = random.Random(seed)
for i in range(count):
    s = socket.create_connection((address, port + i), 60)
    data, back = rnd.randbytes(300000), bytearray()
    source = s.getsockname()[1]
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    while more := s.recv(65536):
        back += more
    s.close()
    assert back == data[::-1]
    print(source, hashlib.sha256(data).hexdigest(), hashlib.sha256(back).hexdigest())
"""


if __name__ == "__main__":
    net.require("sysctl")
    unittest.main(verbosity=1)
