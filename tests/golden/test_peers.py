#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The adapters in bench/peers, those of peers that are here, and the differential run: what it counts, lists and writes;
and the rules by which differences are named, on streams made up for each of them."""

import hashlib
import json
import os
import re
import subprocess
import sys
import unittest
import xml.etree.ElementTree

import common

PEERS = os.path.join(common.TOP, "bench", "peers")
sys.path.insert(0, PEERS)
import classify  # noqa: E402
import streams  # noqa: E402

NAMES = ("libnids", "gopacket", "tshark", "tcpflow")
os.environ["FLOWOS_BIN"] = common.BIN
common.overlook_leaks()


def trace(name):
    return os.path.join(common.TRACES, name)


def python(script, *arguments):
    done = subprocess.run([sys.executable, os.path.join(PEERS, script), *map(str, arguments)], capture_output=True, text=True,
                          timeout=common.SECONDS, check=False)
    return done


HERE = [name for name in NAMES if python(f"{name}_golden.py", trace("ssh.pcap")).returncode == 0]


class Adapters(common.Case):
    def lines(self, name, path):
        done = python(f"{name}_golden.py", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""), name)
        self.assertTrue(done.stdout.startswith(f"# flowos-golden 1\n# engine: {name}\n"), done.stdout[:80])
        return {line for line in done.stdout.split("\n") if line and not line.startswith("#")}

    def test_clean_traces(self):
        """As it is, every peer gives what the golden files have, with the words that its lines have."""
        for name in ("flowos", *HERE):
            for file in ("http-keepalive.pcap", "tls.pcap"):
                want = set()
                for line in common.run("flowos-golden", "record", trace(file), "-o", "-").text.split("\n"):
                    match = re.match(r"(tcp .* #)\d+( bytes=[1-9]\d* sha256=[0-9a-f]{64})", line)
                    want.update([match.group(1) + match.group(2)] if match else [])
                got = {re.sub(r" #\d+ ", " # ", re.sub(r" gaps=-", "", line)) for line in self.lines(name, trace(file))}
                self.assertEqual(got, want, f"{name} {file}")

    def test_as_engines_under_test(self):
        for name in ("flowos", *HERE):
            engine = f"{sys.executable} {os.path.join(PEERS, name)}_golden.py {{}}"
            for options in ([], ["--loss", "2%"]) if name != "tcpflow" else ([],):
                done = common.run("flowos-golden", "verify", trace("tls.pcap"), trace("tls.pcap.golden"), "--engine", engine, *options)
                self.assertEqual(done.returncode, 0, f"{name} {options}: {done.text}{done.errors}")
        if "tshark" in HERE:
            engine = f"{sys.executable} {os.path.join(PEERS, 'tshark')}_golden.py {{}}"
            done = common.run("flowos-golden", "verify", trace("mixed.pcap"), trace("mixed.pcap.golden"), "--reorder", "20%",
                              "--engine", engine)
            self.assertEqual(done.returncode, 1, "tshark follows reordered streams now: tell bench/peers/README.md")

    def test_streams_out(self):
        for name in ("flowos", *HERE):
            out = self.path(name)
            self.assertEqual(python(f"{name}_golden.py", trace("port-reuse.pcap"), "--streams-out", out).returncode, 0)
            found = streams.number(streams.read_files(out))
            lines = sorted(streams.line(one, False) for one in found)
            got = sorted(re.sub(" gaps=.*", "", line) for line in self.lines(name, trace("port-reuse.pcap")))
            self.assertEqual(lines, got, name)
            self.assertEqual(python(f"{name}_golden.py", trace("ssh.pcap"), "--streams-out", out).returncode, 2)

    def test_refusals(self):
        for name in ("flowos", *NAMES):
            self.assertIn("usage:", python(f"{name}_golden.py", "--help").stdout)
            done = python(f"{name}_golden.py", self.path("nowhere"))
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
            if name in ("flowos", *HERE) and name != "tcpflow":
                done = python(f"{name}_golden.py", self.path("text", "this is no capture\n" * 20))
                self.assertEqual(done.returncode, 2, f"{name}: {done.stdout}")
                self.assertNotIn("Traceback", done.stderr)


class Differential(common.Case):
    def test_run(self):
        report, junit, plot = (self.path(name) for name in ("d.json", "d.xml", "d.svg"))
        done = python("differential.py", trace("vlan.pcap"), "--profiles", "--seeds", "3", "--json", report,
                      "--junit", junit, "--plot", plot)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for name in set(NAMES) - set(HERE):
            self.assertIn(f"left out: {name}: ", done.stderr)
        for profile in ("clean", "reorder-5", "reorder-20", "dup", "loss"):
            row = re.search(rf"(?m)^{profile} +flowos +(\d+) +(\d+) +0 +0 +0 +0", done.stdout)
            self.assertTrue(row and row.group(1) == row.group(2) and int(row.group(1)) >= 3, done.stdout)
        with open(report, encoding="utf-8") as text:
            data = json.load(text)
        self.assertEqual(len(data["runs"]), 5)
        self.assertEqual(set(data["runs"][0]["engines"]), {"flowos", *HERE})
        counts = [run["engines"]["flowos"] for run in data["runs"]]
        self.assertTrue(all(one["equal"] and not one["error"] and not one["differences"] for one in counts))
        root = xml.etree.ElementTree.parse(junit).getroot()
        self.assertEqual(len(list(root.iter("testcase"))), 5 * (1 + len(HERE)))
        self.assertTrue(self.read(plot).startswith(b"<?xml"))

    def test_wrong_engine(self):
        """One that takes packets as they come: right as it is, wrong when reordered; its errors are named."""
        tool = self.path("naive.py", NAIVE)
        engine = f"naive={sys.executable} {tool} {{}} {{out}}"
        done = python("differential.py", trace("http-keepalive.pcap"), "--engines", "flowos", "--engine", engine, "--must-hold", "naive")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        options = ["--reorder", "20%", "--seeds", "1-2", "--engines", "flowos", "--engine", engine]
        done = python("differential.py", trace("http-keepalive.pcap"), *options)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"naive: tcp \S+ > \S+ #0: error: (wrong|lost|duplicated) ")
        done = python("differential.py", trace("http-keepalive.pcap"), *options, "--must-hold", "naive")
        self.assertEqual(done.returncode, 1, done.stdout)

    def test_dying_engine(self):
        done = python("differential.py", trace("ssh.pcap"), "--engines", "flowos", "--engine", "dead=kill -SEGV $$; : {} {out}",
                      "--must-hold", "dead")
        self.assertEqual(done.returncode, 1)
        self.assertIn("dead: could not be run: died of signal 11", done.stdout)

    def test_not_begun(self):
        some = trace("http-keepalive.pcap")
        for options, says in (([self.path("nowhere")], "nowhere"), ([some, "--must-hold", "nobody"], "nobody"),
                              ([some, "--engines", "flowos", "--must-hold", "tshark"], "tshark"),
                              ([some, "--json", self.path("no/such")], "no/such"), ([some, "--plot", self.folder], self.folder),
                              ([some, "--junit", some], "is read"), ([some, "--seeds", "3-1"], "3-1")):
            done = python("differential.py", *options)
            self.assertEqual((done.returncode, done.stdout), (2, ""), options)
            self.assertIn(says, done.stderr.splitlines()[-1])
        self.assertEqual(os.listdir(self.folder), [])

    def test_refusals(self):
        for arguments in ([], ["--engines", "nobody", trace("ssh.pcap")], ["--engine", "x=cat {}", trace("ssh.pcap")],
                          ["--seeds", "x", trace("ssh.pcap")], ["--reorder", "5", trace("ssh.pcap")], [self.path("nowhere")],
                          ["--profiles", "--loss", "1%", trace("ssh.pcap")]):
            done = python("differential.py", *arguments)
            self.assertEqual(done.returncode, 2, f"{arguments}: {done.stdout}{done.stderr}")
            self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(python("differential.py", "--rules").stdout.count("\n"), len(classify.RULES))


NAIVE = '''
import os, struct, sys
data = open(sys.argv[1], "rb").read()
ng = data[:4] == bytes.fromhex("0a0d0d0a")
out, at = {}, 0 if ng else 24
while at < len(data):
    if ng:
        kind, size = struct.unpack_from("=II", data, at)
        body, at = at + 28, at + size
        if kind != 6:
            continue
        ip = data[body + 14:body + struct.unpack_from("=I", data, body - 8)[0]]
    else:
        size = struct.unpack_from("=I", data, at + 8)[0]
        ip, at = data[at + 30:at + 16 + size], at + 16 + size
    if ip[0] >> 4 != 4 or ip[9] != 6:
        continue
    tcp = ip[(ip[0] & 15) * 4:struct.unpack_from(">H", ip, 2)[0]]
    def end(address, port):
        return ".".join("%03d" % part for part in address) + ".%05d" % (port[0] << 8 | port[1])
    name = end(ip[12:16], tcp[:2]) + "-" + end(ip[16:20], tcp[2:4])
    out[name] = out.get(name, b"") + tcp[(tcp[12] >> 4) * 4:]
for name, text in out.items():
    open(os.path.join(sys.argv[2], name), "wb").write(text)
'''


class One:
    """A stream of the oracle, made up."""

    def __init__(self, data, gaps=(), use=0, mid=False, start=1000, src="1.1.1.1:1", dst="2.2.2.2:2"):
        self.src, self.dst, self.use, self.data, self.gaps, self.mid, self.start_seq = src, dst, use, data, list(gaps), mid, start


DATA = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(63))[:2000]


class Rules(common.Case):
    """Each rule, by a case that it alone fits."""

    def one(self, ref, data, rule, *, gaps=(), lacks=None, setup=None):
        refs = ref if isinstance(ref, list) else [ref]
        reference = classify.Reference(refs, set())
        for one in refs:
            reference.handshakes[frozenset((one.src, one.dst))] = (set(range(9)), set(range(9)))
            reference.segments.setdefault((one.src, one.dst), []).extend(
                (one.start_seq + at, part) for at, part in classify.pieces(one.data, one.gaps))
        if setup:
            setup(reference)
        datas = data if isinstance(data, list) else [data]
        peers = streams.number([streams.Stream(refs[0].src, refs[0].dst, text, list(gaps)) for text in datas if text])
        found = [finding.rule for finding in classify.classify(reference, peers, lacks or {})]
        self.assertEqual(sorted(set(found)), sorted({rule} if isinstance(rule, str) else rule), found)

    def test_equal(self):
        self.one(One(DATA), DATA, "equal")
        self.one(One(DATA, [(10, 5)]), DATA, "equal", gaps=[(10, 5)])

    def test_gaps(self):
        holed = One(DATA, [(100, 50)])
        self.one(holed, DATA, "gap-skip")
        self.one(holed, DATA, "gap-report", gaps=[(100, 49)])
        self.one(One(DATA, [(2000, 7)]), DATA, "gap-report")
        self.one(holed, DATA[:100], "gap-stop", lacks={"gaps": "stop"})
        self.one(holed, DATA[:100], "lost")
        self.one(holed, DATA[:100] + bytes(50) + DATA[100:], "gap-zeros", lacks={"gaps": "zeros"})
        self.one(holed, DATA[:100] + bytes(50) + DATA[100:], "wrong")
        self.one(holed, DATA[:99], "lost", lacks={"gaps": "stop"})
        self.one(One(DATA, [(0, 9)]), b"", "gap-stop", lacks={"gaps": "stop"})

    def test_overlap(self):
        other = DATA[:500] + bytes(byte ^ 255 for byte in DATA[500:510]) + DATA[510:]

        def conflicting(reference):
            reference.segments["1.1.1.1:1", "2.2.2.2:2"].append((1500, other[500:510]))
        self.one(One(DATA), other, "overlap", setup=conflicting)
        self.one(One(DATA), other[:505] + bytes([DATA[505] ^ 1]) + other[506:], "wrong", setup=conflicting)
        self.one(One(DATA), other, "wrong")

    def test_errors(self):
        self.one(One(DATA), DATA[:700], "lost")
        self.one(One(DATA), DATA[:700] + DATA[800:], "lost")
        self.one(One(DATA), DATA[:700] + DATA[600:], "duplicated")
        self.one(One(DATA), DATA + DATA[100:300], "duplicated")
        self.one(One(DATA), DATA + b"never sent", "wrong")
        self.one(One(DATA), DATA[:700] + DATA[800:], "gave-up", gaps=[(700, 100)])
        self.one(One(DATA), [DATA, b"another one"], {"equal", "extra"})
        self.one(One(DATA), [DATA, DATA[50:90]], {"equal", "duplicated"})
        self.one([One(DATA[:900]), One(DATA[1000:], use=1, start=90000)], DATA[:900] + DATA[1000:], "merged")
        self.one(One(DATA), b"", "absent")

    def test_not_asked(self):
        six = {"src": "[::1]:1", "dst": "[::2]:2"}
        self.one(One(DATA, **six), b"", "not-supported", lacks={"ipv6": "no"})
        self.one(One(DATA, **six), b"", "absent")
        self.one(One(DATA), DATA[:9], "not-supported", lacks={"fragments": "no"},
                 setup=lambda reference: reference.fragments.add(frozenset(("1.1.1.1", "2.2.2.2"))))
        self.one(One(DATA), b"", "not-supported", lacks={"qinq": "no"},
                 setup=lambda reference: reference.tags.add(("1.1.1.1:1", "2.2.2.2:2")))
        self.one(One(DATA), b"", "no-handshake", lacks={"mid": "no"}, setup=lambda reference: reference.handshakes.clear())
        self.one(One(DATA), b"", "absent", lacks={"mid": "no"})
        self.one(One(DATA, mid=True), DATA[300:], "mid-start")
        self.one(One(DATA), DATA[300:], "lost")
        self.one(One(DATA), b"", "ambiguous", setup=lambda reference: reference.ambiguous.update(reference.streams))

    def test_urgent(self):
        def urgent(reference):
            reference.urgent["1.1.1.1:1", "2.2.2.2:2"] = [(1100, DATA[100:150]), (1400, DATA[400:401])]
        self.one(One(DATA), DATA[:149] + DATA[150:], "urgent", setup=urgent)
        self.one(One(DATA), DATA[:149] + DATA[150:400] + DATA[401:], "urgent", setup=urgent)
        self.one(One(DATA), DATA[:160] + DATA[161:], "lost", setup=urgent)
        self.one(One(DATA), DATA[:149] + DATA[150:], "lost")


if __name__ == "__main__":
    common.require("flowos-golden", "flowos-bench", "flowos-trace")
    if common.SANITIZE:
        print("nothing here is built with sanitizers but what other tests run")
        sys.exit(77)
    missing = [name for name in NAMES if name not in HERE]
    if missing:
        print("not here, and left out:", " ".join(missing), "(bench/setup.sh --peers)")
    unittest.main()
