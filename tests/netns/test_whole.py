#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Files of every size through the middlebox: each arrives as it is, and what modules saw of each stream is what was sent,
with no gap; HTTP and TLS, IPv4 and IPv6, with the kernel's offloads and without, on a good way and on a bad one.

FLOWOS_LONG=1: 200 files, up to 100 MB, in each of eight ways. FLOWOS_SEED: other bytes."""

import hashlib
import os
import random
import signal
import statistics
import time
import unittest

import net
from net import common
from live_net import HTTP, HTTPS, Chain, host, until

SEED = int(os.environ.get("FLOWOS_SEED", "1"))
COUNT, LARGEST = (200, 100_000_000) if common.LONG else (24, 300_000) if common.SANITIZE else (48, 3_000_000)
ALERT = 24 # bytes of the last record of a TLS server: a client does not wait for it, so that it may be lost for good
BOX = ("-i", "left,right", "--ring-bytes", "64M", "--release")
TAP, GATE = (*BOX, "tap"), (*BOX, "gate")


def sizes(count, largest):
    """From 1 byte on, each as much larger than the one before."""
    return [round(largest ** (i / (count - 1))) for i in range(count)]


def sha256(path):
    with open(path, "rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


class Whole(common.Case):
    way = False

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.net = Chain(net.PREFIX, way=self.way)
        self.addCleanup(self.net.close)
        self.site, self.got = self.path("site"), self.path("got")
        os.mkdir(self.site)
        os.mkdir(self.got)
        self.files = {}

    def make(self, lengths):
        rnd = random.Random(SEED)
        for number, size in enumerate(lengths):
            name = f"{number:03}"
            with open(os.path.join(self.site, name), "wb") as out:
                for left in range(size, 0, -(1 << 24)):
                    out.write(rnd.randbytes(min(left, 1 << 24)))
            self.files[name] = sha256(os.path.join(self.site, name))
        self.net.web(self.folder, self.site)

    def fetch(self, address, port, seconds=600):
        """Every file in a connection of its own, eight at a time; all are as they were. Returns the digests of what
        came in and what was asked, by HTTP's own text."""
        scheme, lines = "https" if port == HTTPS else "http", []
        for name in self.files:
            lines.append(f'url = "{scheme}://{host(address)}/{name}"\noutput = "{os.path.join(self.got, name)}"\n')
        config = self.path("curl.conf", "".join(lines))
        done = self.net.command("client", "curl", "-q", "--no-progress-meter", "-f", "-k", "-i", "--http1.1", "-A", "", "-H", "Connection: close",
                                "-m", seconds, "--parallel", "--parallel-max", "8", "-K", config, capture_output=True)
        self.assertEqual(done.stderr, b"")
        came, asked = [], []
        for name, want in self.files.items():
            path = os.path.join(self.got, name)
            with open(path, "rb") as data:
                head = data.read(4096).split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n"
                data.seek(len(head))
                self.assertEqual(hashlib.file_digest(data, "sha256").hexdigest(), want, f"{scheme} {address} {name}")
            came.append(sha256(path))
            os.unlink(path)
            request = f"GET /{name} HTTP/1.1\r\nHost: {host(address)}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
            asked.append(hashlib.sha256(request.encode()).hexdigest())
        return came, asked

    def streams(self, path):
        """What digest wrote: {direction: [(bytes, hex, gaps)...]}"""
        found = {}
        for line in self.read(path).decode().splitlines():
            word = line.split()
            if word[0] == "tcp":
                found.setdefault(" ".join(word[1:4]), []).append(tuple(word[4:]))
        return found

    def seen(self, path, came, asked):
        """Modules saw these streams of HTTP, each once, and of TLS as many; none has a gap."""
        plain, others = {"from": [], "to": []}, 0
        for direction, uses in self.streams(path).items():
            source, _, target = direction.split()
            for size, digest, gaps in uses:
                if not (self.way and source.endswith(f":{HTTPS}") and gaps == f"gaps={size.removeprefix('bytes=')}+{ALERT}"):
                    self.assertEqual(gaps, "gaps=-", f"{direction} {size}")
                if source.endswith(f":{HTTP}"):
                    plain["from"].append(digest)
                elif target.endswith(f":{HTTP}"):
                    plain["to"].append(digest)
                else:
                    others += 1
        self.assertEqual(sorted(plain["from"]), sorted(came))
        self.assertEqual(sorted(plain["to"]), sorted(asked))
        return others

    def end(self, box):
        status, result = box.end()
        self.assertEqual(status, 0, box.said())
        self.assertEqual(result["tx_lost"] + sum(port["drops"] + port["tx_errors"] for port in result["ports"]), 0)
        return result


class Clean(Whole):
    def all_ways(self, *options):
        self.make(sizes(COUNT, LARGEST))
        box = net.Box(self.net, self.folder, *options, "--stage", f"digest:algo=sha256:out={self.path('digest')}+count")
        came, asked = [], []
        for address in Chain.SERVER:
            for port in (HTTP, HTTPS):
                begin = time.monotonic()
                result = self.fetch(address, port)
                print(f"{len(self.files)} files from {address}:{port} in {time.monotonic() - begin:.1f} s")
                if port == HTTP:
                    came += result[0]
                    asked += result[1]
        result = self.end(box)
        self.assertEqual(result["engine"]["gaps"], 0)
        self.assertEqual(self.seen(self.path("digest"), came, asked), 2 * 2 * len(self.files))

    def test_default_offloads(self):
        self.all_ways(*TAP)

    def test_no_offloads(self):
        self.net.offloads(False, *self.net.ports())
        self.all_ways(*TAP)

    def test_workers(self):
        self.all_ways(*TAP, "--workers", "2")

    def test_gate(self):
        self.all_ways(*GATE)

    def test_gate_no_offloads(self):
        self.net.offloads(False, *self.net.ports())
        self.all_ways(*GATE)

    def test_gate_workers(self):
        self.all_ways(*GATE, "--workers", "2")


class LiveIsReplay(Whole):
    def test_capture_beside(self):
        """A capture that tcpdump made beside gives the golden lines that the live run gave: same bytes, same gaps."""
        self.make(sizes(24, 1_000_000))
        box = net.Box(self.net, self.folder, *TAP, "--stage", f"digest:algo=sha256:out={self.path('digest')}", "--stage",
                      f"dump:dir={self.path('dump')}")
        capture, log = self.path("beside.pcap"), self.path("tcpdump.log")
        with open(log, "wb") as out:
            tcpdump = self.net.start("box", "tcpdump", "-i", "left", "-w", capture, "-s", "0", "-B", "262144", "-U", "-Z", "root",
                                     "tcp", stderr=out)
        self.assertTrue(until(lambda: b"listening" in self.read(log)))
        for address in Chain.SERVER:
            for port in (HTTP, HTTPS):
                self.fetch(address, port)
        net.beside(box, capture)
        tcpdump.send_signal(signal.SIGINT)
        tcpdump.wait(100)
        self.assertIn(b"\n0 packets dropped by kernel", self.read(log))
        self.end(box)
        self.ok("flowos-golden", "record", capture, "-o", self.path("golden"))
        replayed = {}
        for line in self.read(self.path("golden")).decode().splitlines():
            if line.startswith("tcp "):
                word = line.split()
                replayed.setdefault(" ".join(word[1:4]), []).append((word[5], word[6].removeprefix("sha256="), word[7]))
        live = self.streams(self.path("digest"))
        self.assertEqual(len(live), 2 * 4 * len(self.files))
        self.assertEqual(live, {direction: uses for direction, uses in replayed.items() if uses != []})
        dumped = sorted(sha256(os.path.join(self.path("dump"), name)) for name in os.listdir(self.path("dump")) if name != "gaps.tsv")
        self.assertEqual(dumped, sorted(digest for uses in live.values() for _, digest, _ in uses))


class BadWay(Whole):
    """Losses and disorder between the box and the server: the box sees what is left, in whatever order."""

    way = True

    def lossy(self):
        self.make(sizes(60, 10_000_000) if common.LONG else sizes(24, 1_000_000))
        self.net.offloads(False, *self.net.ports())

    def through(self, lost, options=TAP):
        """All files, and what was seen of them. `lost`: how many packets were lost so far, to be asked at the end."""
        box = net.Box(self.net, self.folder, *options, "--stage", f"digest:algo=sha256:out={self.path('digest')}+count")
        came, asked = [], []
        for address in Chain.SERVER:
            result = self.fetch(address, HTTP)
            came += result[0]
            asked += result[1]
        self.fetch(Chain.SERVER[0], HTTPS)
        self.assertGreater(lost(), 20)
        result = self.end(box)
        self.assertGreater(result["engine"]["held_segments"], 20)
        self.assertEqual(self.seen(self.path("digest"), came, asked), 2 * len(self.files))

    def drops(self, options):
        self.lossy()
        self.net.bridge("way", "near", "far")
        self.net.drops("numgen random mod 100 < 2")
        self.through(self.net.dropped, options)

    def test_drops(self):
        self.drops(TAP)

    def test_drops_gate(self):
        self.drops(GATE)

    def disorder(self, options):
        self.lossy()
        way = net.Box(self.net, self.folder, "-i", "near,far", "--reorder", "5%,delay=1ms", "--dup", "2%", "--loss", "1%", "--seed",
                      SEED, where="way")
        self.through(lambda: way.ctl("stats")["impaired"]["lost"], options)
        impaired = way.end()[1]["impaired"]
        self.assertGreater(min(impaired["selected"], impaired["duplicated"]), 20)

    def test_disorder(self):
        self.disorder(TAP)

    def test_disorder_gate(self):
        self.disorder(GATE)

    def times(self, rounds, transfers, most):
        """Seconds through a bridge and through the box in turns, over the same way; medians. Rounds go on for a while where
        a tap is late, since what is lost is drawn anew each time. A gate's time is not looked at."""
        took = {"bridge": [], "tap": [], "gate": []}
        self.make([1_000_000] * transfers)
        for number in range(20 * rounds):
            if number >= rounds and statistics.median(took["tap"]) < most * statistics.median(took["bridge"]):
                break
            for name in took if number < rounds else ("bridge", "tap"):
                undo, box = None, None
                if name == "bridge":
                    undo = self.net.bridge("box", "left", "right")
                else:
                    box = net.Box(self.net, self.folder, *BOX, name, "--stage", "count")
                begin = time.monotonic()
                self.fetch(Chain.SERVER[0], HTTP)
                took[name].append(time.monotonic() - begin)
                if undo:
                    undo()
                else:
                    self.end(box)
        return {name: statistics.median(list_) for name, list_ in took.items()}

    def test_time(self):
        """A transfer over a way of 20 ms that loses 1 % takes as long as through a bridge. No SYN is lost: as one more or less costs a
        second, luck would be all that is measured."""
        self.net.offloads(False, *self.net.ports())
        way = net.Box(self.net, self.folder, "-i", "near,far", "--delay", "10ms", "--loss", "1%", "--seed", SEED,
                      "--only", "not tcp[tcpflags] & tcp-syn != 0", where="way")
        most = 1.1 if common.LONG else 1.5
        took = self.times(5 if common.LONG else 3, 24, most)
        way.end()
        ratio = took["tap"] / took["bridge"]
        print(f"24 MB over a bad way: bridge {took['bridge']:.2f} s, tap {took['tap']:.2f} s, ratio {ratio:.2f}; "
              f"gate {took['gate']:.2f} s")
        self.assertLess(ratio, most)


if __name__ == "__main__":
    net.require("curl", "tcpdump", "sysctl", "ethtool", "nginx", "openssl", "nft")
    unittest.main(verbosity=1)
