#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""flowos-bench from outside: what it refuses and how, what it writes and what it leaves alone."""

import gzip
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
import unittest

import common

PROGRAM = "flowos-bench"
TRACE = os.path.join(common.TRACES, "http-keepalive.pcap")
MIXED = os.path.join(common.TRACES, "mixed.pcap")
UDP = os.path.join(common.TRACES, "dns-udp.pcap")
OFFLOAD = os.path.join(common.TRACES, "offload-on.pcap")
ONCE = ["--repeat", "1", "--warmup", "0"]


class Case(common.Case):
    def bench(self, *arguments, status=0, **more):
        """Runs it once, with --json -; the result."""
        done = common.run(PROGRAM, *ONCE, "--json", "-", *arguments, **more)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.errors}")
        return json.loads(done.stdout)

    def first(self, *arguments, **more):
        return self.bench(*arguments, **more)["runs"][0]

    def refuse(self, *arguments, **more):
        """Refused, and nothing on standard output."""
        done = self.refused(PROGRAM, *arguments, **more)
        self.assertEqual(done.stdout, b"", arguments)
        return done


class Refusals(Case):
    def test_usage(self):
        self.refuse(says="--trace")
        self.refuse("x.pcap", says="x.pcap")
        self.refuse("-r", TRACE, "--gen", "bytes=1", says="exclude")
        self.refuse("--bogus", says="--bogus")
        self.refuse("-z", says="-z")
        self.refuse("--trace", says="needs a value")
        self.refuse("--help=x", says="--help=x")
        self.refuse("-r", TRACE, "--json", "", says="name is missing")

    def test_bare_numbers(self):
        for option in ("--reorder 5", "--reorder 5%,delay=5", "--loss 0.5", "--loss 5%,retransmit=5", "--dup 1",
                       "--corrupt 1", "--truncate 1", "--delay 1", "--delay 1ms,jitter=1"):
            self.refuse("-r", TRACE, *option.split(" "), says=option)

    def test_values(self):
        for option in ("--reorder 101%", "--reorder -5%", "--reorder nan%", "--reorder 5%,depth=0", "--reorder 5%,depth=2,delay=1s",
                       "--reorder 5%,scope=all", "--loss 5%,burst=0", "--loss gemodel:5", "--seed -1", "--seed x",
                       "--seed 99999999999999999999999", "--hole-wait 0", "--hole-wait -1", "--hole-wait 5x",
                       "--overlap best", "--checksum maybe", "--level foo", "--reference truth", "--sessions 0",
                       "--sessions -1", "--sessions 1,,2", "--sessions 1,", "--sessions 1e3", "--sessions 9999999M",
                       "--repeat 0", "--repeat 1.5", "--repeat 1000000000", "--warmup -1", "--seeds 0", "--pps 0",
                       "--pps -1", "--mbps nan", "--multiplier 0", "--cpus x", "--cpus 9999", "--cpus 0,9999",
                       "--cpus 0-9999", "--cpus 0,", "--workers 0", "--release foo"):
            self.refuse("-r", TRACE, *option.split(" "), says=option)
        self.refuse("-r", TRACE, "--pps", "1k", "--mbps", "1", says="exclude")
        self.refuse("-r", TRACE, "--peers", "--pps", "1k", says="as fast as possible")
        self.refuse("-r", TRACE, "--only", "port port", says="--only")
        self.refuse("-r", TRACE, "--flow", "port port", says="port port")
        self.refuse("-r", TRACE, "--plot", self.path("x.jpg"), says=".svg or .png")
        self.refuse("--gen", "foo", says="foo")
        self.refuse("--gen", "bytes=-1", says="bytes")

    def test_live(self):
        """What is only for interfaces, and what is not; the rest is in tests/netns."""
        for option in ("--duration 5s", "--ring blocks"):
            self.refuse("-r", TRACE, *option.split(" "), says="of a live run")
        self.refuse("-r", TRACE, "-i", "eth0", says="exclude each other")
        self.refuse("-i", "eth0", "--sessions", "5", says="for traces")
        for option in ("-i eth0,", "-i ,eth0", "--live a,b,c"):
            self.refuse(*option.split(" "), says="one interface or two")
        self.refuse("-i", "nosuch0,nosuch1", says="nosuch0")

    def test_not_built(self):
        self.refuse("-r", TRACE, "--parallel-stages", says="not built yet")
        self.refuse("--sim", "x", says="not built yet")
        self.ok(PROGRAM, "-r", TRACE, *ONCE, "--workers", "2", "--release", "tap", "--cpus", "none")

    def test_delay_beyond_the_next_connection(self):
        """Two connections of one 4-tuple that a delay mixes: that is said, and is no verdict."""
        mixed = os.path.join(common.TRACES, "mixed.pcap")
        done = self.refused(PROGRAM, "-r", mixed, *ONCE, "--delay", "5ms,jitter=10s", says="only 2.70 s apart")
        self.assertIn("up to 10.0 s later", done.errors)
        self.ok(PROGRAM, "-r", mixed, *ONCE, "--delay", "10s,jitter=1s")

    def test_outputs_clash(self):
        """Nothing that is read is written over, and two results do not go into one file."""
        trace, link, x = self.path("t.pcap"), self.path("l.pcap"), self.path("x")
        shutil.copy(TRACE, trace)
        os.symlink("t.pcap", link)
        self.refuse("-r", link, *ONCE, "-w", trace, says="t.pcap is read")
        self.refuse("-r", trace, *ONCE, "--json", link, says="l.pcap is read")
        self.refuse("-r", trace, *ONCE, "--json", x, "--csv", os.path.join(self.folder, ".", "x"), says="two things")
        self.refuse("-i", "lo", "--json", x, "--report", x, says="two things")
        self.refused(PROGRAM, "worst", "--json", x, "--csv", x, says="two things")
        self.ok(PROGRAM, "-r", trace, *ONCE, "--json", "/dev/null", "--csv", "/dev/null")
        self.assertEqual(sorted(os.listdir(self.folder)), ["l.pcap", "t.pcap"])
        self.assertEqual(self.read(trace), self.read(TRACE))

    def test_gate(self):
        """All that goes into a gate leaves it, once; streams are those of a tap; and what had to wait is told."""
        out = self.path("gate.json")
        for options in ([], ["--workers", "2"], ["--no-check"], ["--fail", "closed", "--stage", "sum"]):
            self.ok(PROGRAM, "-r", TRACE, *ONCE, "--sweep", "release=tap,gate", "--sweep", "dup=0%,9%,depth=3",
                    "--stage", "count", "--json", out, *options)
            for run in json.loads(self.read(out))["runs"]:
                gate = run["gate"]
                self.assertEqual(gate is not None, run["axes"]["release"] == "gate", options)
                if gate:
                    self.assertEqual((gate["released"], gate["not_released"]), (run["packets"], 0), options)
                if "--no-check" not in options:
                    self.assertEqual(run["streams"]["identical"], run["streams"]["total"], options)
        mixed = os.path.join(common.TRACES, "mixed.pcap")
        self.ok(PROGRAM, "-r", mixed, *ONCE, "--release", "gate", "--stage", "sum", "--reorder", "20%", "--seed", "4", "--json", out,
                "--report", self.path("gate.html"))
        gate = json.loads(self.read(out))["runs"][0]["gate"]
        for key in ("released_late", "waiting_peak", "waiting_peak_bytes", "longest_wait_ns"):
            self.assertGreater(gate[key], 0)
        self.assertIn(b"let go by the gate", self.read(self.path("gate.html")))
        cases = os.path.join(common.TRACES, "cases", "mid-stream-reordered.pcap")
        self.ok(PROGRAM, "-r", cases, *ONCE, "--release", "gate", "--json", out)
        self.assertEqual(json.loads(self.read(out))["runs"][0]["gate"]["mid_streams"], 1)
        self.refuse("-r", TRACE, "--release", "gate", "--fail", "soft", says="open or closed")
        self.refuse("-r", TRACE, *ONCE, "--release", "gate", "--reference", "model", says="knows no --release gate")

    def test_peers(self):
        out = self.path("peers.json")
        done = self.ok(PROGRAM, "--gen", "bytes=6000,mss=1000", "--sessions", "20,50", "--stage", "sum", "--peers",
                       "--repeat", "3", "--json", out)
        for run in json.loads(self.read(out))["runs"]:
            peers = {peer["name"]: peer for peer in run["peers"]}
            always = {"floor: headers", "floor: hash", "floor: sum", "plain: xxh3", "plain: xxh3 wide"}
            self.assertIn(set(peers), (always, always | {"libnids"}))
            for name, peer in peers.items():
                self.assertEqual(len(peer["seconds"]["samples"]), 3)
                self.assertGreater(peer["ratio"], 0)
                self.assertLessEqual(peer["ratio_ci95"][0], peer["ratio"])
                self.assertEqual(peer["bytes"], None if name == "floor: headers" else run["sessions"] * 6100)
            self.assertRegex(done.text, rf"sessions={run['sessions']}: floor: sum takes .* times the engine's time")

    def test_sweeps(self):
        for sweep in ("reorder", "reorder=", "reorder=5", "reorder=1%,,2%", "foo=1", "json=a,b", "sessions=1,2",
                      "decisions-out=a,b"):
            self.refuse("-r", TRACE, "--sweep", sweep, says="reorder 5" if sweep == "reorder=5" else sweep.split("=")[0])
        self.refuse("-r", TRACE, "--sweep", "loss=1%", "--sweep", "loss=2%", says="twice")
        self.refuse("-r", TRACE, "--sweep", "seed=1,2", "--seeds", "2", says="twice")
        self.refuse("-r", TRACE, "--sweep", "loss=1%,2%", "-w", self.path("w"), says="one point")
        self.refuse("-r", TRACE, "--seeds", "2", "--streams-out", self.path("w"), says="one point")
        self.refuse("-r", TRACE, "--sessions", "1,2", "--decisions-out", self.path("w"), says="one point")

    def test_modules(self):
        for stage in ("nosuch", "+", "count+", "count:foo=1", "grep", "grep:pattern=(", "grep:pattern=@/nonexistent",
                      "../../etc/passwd"):
            self.refuse("-r", TRACE, "--stage", stage, says=f"--stage {stage}: ")
        self.refuse("-r", TRACE, "--stage", "", says="--stage")

    def test_references(self):
        self.refuse("-r", TRACE, "--reference", "formula", says="formula")
        self.refuse("--gen", "bytes=1", "--reference", "golden", says="golden")
        for options in ("--loss 5%", "--sessions 3", "--overlap linux", "--hole-wait 5000", "--checksum verify"):
            self.refuse("-r", TRACE, *ONCE, "--reference", "golden", *options.split(), says="golden")
        self.refuse("-r", TRACE, *ONCE, "--reference", "model", "--flow", "port 80", says="--flow")
        self.refuse("--gen", "", *ONCE, "--reference", "formula", "--corrupt", "9%,checksum=fix", says="formula")

    def test_corrupt_on_offload(self):
        self.refuse("-r", OFFLOAD, "--corrupt", "5%", says="checksum=fix")
        self.refuse("-r", OFFLOAD, *ONCE, "--truncate", "5%", "--checksum", "verify", says="cut short")
        self.assertEqual(self.first("-r", OFFLOAD, "--corrupt", "50%,checksum=fix")["streams"]["differ"], 0)

    def test_help(self):
        done = self.ok(PROGRAM, "--help")
        self.assertLessEqual(max(map(len, done.text.splitlines())), 100)
        for option in ("--sessions", "--stage", "--level", "--overlap", "--release", "--checksum", "--hole-wait",
                       "--workers", "--parallel-stages", "--cpus", "--repeat", "--warmup", "--seeds", "--sweep",
                       "--multiplier", "--pps", "--mbps", "--duration", "--peers", "--json", "--csv", "--plot",
                       "--report", "-w", "--impaired-out", "--streams-out", "--no-check", "--reference", "--vlan-key",
                       "--decisions-out", "--decisions-in", "--only", "--seed"):
            self.assertIn(option, done.text)
        page = self.read(os.path.join(common.TOP, "bench", "man", "flowos-bench.1")).decode()
        for option in re.findall(r"^ +(?:-[a-z], )?--([a-z-]+)", done.text, re.M):
            if option not in ("help", "version"):
                self.assertRegex(page, rf"Fl {option}\b")
        self.assertRegex(self.ok(PROGRAM, "--version").text, r"^flowos-bench \d")

    def test_compare(self):
        good = self.path("good.json")
        self.ok(PROGRAM, "-r", TRACE, "--repeat", "3", "--json", good)
        slow = json.loads(self.read(good))
        for run in slow["runs"]:  # a busy machine may measure what is a hundred times slower
            median = run["seconds"]["median"]
            run["seconds"] = {"median": median, "min": 0.99 * median, "max": 1.01 * median,
                              "ci95": [0.99 * median, 1.01 * median], "samples": [0.99 * median, median, 1.01 * median]}
        self.path("good.json", json.dumps(slow))
        for run in slow["runs"]:
            seconds = run["seconds"]
            for key in ("median", "min", "max"):
                seconds[key] *= 100
            for key in ("ci95", "samples"):
                seconds[key] = [100 * one for one in seconds[key]]
        worse = self.path("worse.json", json.dumps(slow))
        self.assertEqual(common.run(PROGRAM, "compare", good, good).returncode, 0)
        self.assertEqual(common.run(PROGRAM, "compare", good, worse).returncode, 1)
        other = self.path("other.json")
        self.ok(PROGRAM, "-r", UDP, *ONCE, "--json", other)
        for arguments in ([], [good], [good, good, good], [good, other], [good, "/nonexistent"], [good, "/dev/null"],
                          [TRACE, good], [good, self.path("list.json", "[1]")], [good, self.path("half", "{")]):
            done = common.run(PROGRAM, "compare", *arguments)
            self.assertEqual((done.returncode, done.errors.count("\n")), (2, 1), (arguments, done.errors))


class Input(Case):
    def damaged(self, path):
        self.path("j", "old")
        done = common.run(PROGRAM, "-r", path, *ONCE, "--reorder", "5%", "--json", self.path("j"))
        self.assertEqual((done.returncode, done.errors.count("\n")), (1, 1), done.errors)
        self.assertIn("damaged at byte", done.errors)
        run = json.loads(self.read(self.path("j")))["runs"][0]
        self.assertTrue(run["partial"])
        self.assertIn("damaged", run["partial_reason"])
        return run

    def test_no_capture(self):
        for name, content in (("empty", b""), ("text", b"hello\n" * 50), ("magic", b"\0\1\2\3" + self.read(TRACE)[4:]),
                              ("short", self.read(TRACE)[:10])):
            path, old = self.path(name, content), self.path("old.json", "old")
            self.refuse("-r", path, "--json", old, says=name)
            self.assertEqual(self.read(old), b"old")
        for path in (self.folder, self.path("nowhere"), "/dev/null"):
            self.refuse("-r", path, says=path)
        self.refuse("-r", "-", stdin=b"", says="standard input")

    def test_damaged(self):
        data = self.read(TRACE)
        self.assertEqual(self.damaged(self.path("cut.pcap", data[:20000]))["packets"], 31)
        self.assertEqual(self.damaged(self.path("none.pcap", data[:30]))["packets"], 0)
        bad = bytearray(data)
        place = 24
        for _ in range(20):
            place += 16 + struct.unpack_from("<I", data, place + 8)[0]
        struct.pack_into("<I", bad, place + 8, 0xfffffff0)
        self.assertEqual(self.damaged(self.path("absurd.pcap", bytes(bad)))["packets"], 20)

    def test_cut_gzip(self):
        with open(TRACE, "rb") as trace:
            packed = gzip.compress(trace.read())
        run = self.damaged(self.path("cut.pcap.gz", packed[:len(packed) // 2]))
        self.assertGreater(run["packets"], 10)

    def test_endless(self):
        self.refuse("-r", "/dev/zero", says="/dev/zero")

    def test_little(self):
        data = self.read(TRACE)
        one = data[:24 + 16 + struct.unpack_from("<I", data, 32)[0]]
        self.assertEqual(self.first("-r", self.path("one.pcap", one), "--reorder", "50%")["packets"], 1)
        done = common.run(PROGRAM, "-r", self.path("nothing.pcap", data[:24]), *ONCE, "--json", self.path("j"))
        self.assertEqual((done.returncode, done.errors.count("\n")), (0, 1), done.errors)
        self.assertIsNone(json.loads(self.read(self.path("j")))["runs"][0]["seconds"])
        run = self.first("-r", UDP, "--reorder", "5%")
        self.assertEqual((run["sessions"], run["streams"]["total"], run["udp"]["datagrams"]), (0, 0, 180))
        self.refuse("-r", UDP, *ONCE, "--sessions", "5", says="no TCP session")

    def test_pipe(self):
        data = self.read(TRACE)
        result = self.bench("-r", "-", "--reorder", "5%", stdin=data)
        self.assertEqual((result["trace"]["sha256"], result["runs"][0]["packets"]), (None, 218))
        self.assertTrue(self.bench("-r", "-", stdin=data[:20000], status=1)["runs"][0]["partial"])

    def test_compressed(self):
        if not os.path.exists(os.path.join(os.environ.get("FLOWOS_MODULES", ""), "libtrace_port.so")):
            self.skipTest("the port over libtrace was not built")
        packed = gzip.compress(self.read(TRACE))
        self.assertEqual(self.first("-r", self.path("x.pcap.gz", packed), "--reorder", "5%")["packets"], 218)
        self.assertEqual(self.first("-r", "-", stdin=packed)["streams"]["total"], 10)

    def test_names(self):
        for name in ("a b'c\"d;$(x)é.pcap", "new\nline.pcap", "<b>&.pcap", "%s%n.pcap", "-dash.pcap"):
            path = self.path(name)
            shutil.copy(TRACE, path)
            report, csv = self.path("r.html"), self.path("r.csv")
            result = self.bench("-r", path, "--reorder", "5%", "--report", report, "--csv", csv)
            self.assertEqual(result["trace"]["name"], name)
            self.assertNotIn(b"<b>&.pcap", self.read(report))

    def test_anywhere(self):
        program = os.path.join(common.BIN, PROGRAM)
        link = self.path("link")
        os.symlink(program, link)
        for how in ([program], [os.path.relpath(program, "/")], [link]):
            done = subprocess.run([*how, "-r", TRACE, *ONCE, "--stage", "count"], cwd="/", capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""), how)
        environment = dict(os.environ, PATH=common.BIN + ":" + os.environ["PATH"])
        done = subprocess.run([PROGRAM, "-r", TRACE, *ONCE, "--stage", "count"], cwd=self.folder, capture_output=True,
                              env=environment, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))


class Output(Case):
    KEYS = {"sessions", "concurrent_peak", "packets", "wire_bytes", "payload_bytes", "distinct_payload_bytes", "seconds",
            "pps", "gbps", "goodput_gbps", "sessions_per_second", "service_ns", "hol_wait_ns", "latency_ns", "memory",
            "impaired", "streams", "udp", "drops", "noisy"}

    def test_keys(self):
        result = self.bench("-r", TRACE, "--reorder", "5%", "--dup", "1%", "--seed", "7")
        self.assertLessEqual({"schema", "flowos", "command", "trace", "seed", "impair", "machine", "runs"}, set(result))
        self.assertEqual((result["schema"], result["seed"], result["trace"]["name"]), (1, 7, "http-keepalive.pcap"))
        self.assertEqual(result["trace"]["sha256"], "36ae46416ee1110df911d55b3937d8f64e85d0533e05260de60eb3df69d43bb6")
        self.assertEqual(result["command"][1:3], ["--repeat", "1"])
        self.assertEqual(result["impair"]["dup"][:2], "1%")
        self.assertLessEqual({"cpu", "kernel", "commit", "flags"}, set(result["machine"]))
        run = result["runs"][0]
        self.assertLessEqual(self.KEYS, set(run))
        self.assertEqual(set(run["seconds"]), {"median", "min", "max", "ci95", "samples"})
        for key in ("service_ns", "hol_wait_ns"):
            self.assertEqual(set(run[key]), {"p50", "p99", "p999"})
        self.assertIsNone(run["latency_ns"])
        self.assertLessEqual({"peak_rss_bytes", "peak_anon_bytes", "bytes_per_session", "held_peak_bytes"},
                             set(run["memory"]))
        self.assertLessEqual({"selected", "reordered", "lost", "duplicated", "corrupted", "truncated", "reordered_ratio",
                              "max_extent"}, set(run["impaired"]))
        self.assertLessEqual({"reference", "total", "identical", "gapped", "conflicted", "differ", "gap_bytes",
                              "needless_gap_bytes"}, set(run["streams"]))
        self.assertAlmostEqual(run["pps"], run["packets"] / run["seconds"]["median"], delta=run["pps"] * 1e-6)
        self.assertAlmostEqual(run["gbps"], 8e-9 * run["wire_bytes"] / run["seconds"]["median"], delta=run["gbps"] * 1e-6)

    def test_no_check(self):
        result = self.bench("-r", TRACE, "--no-check")
        run = result["runs"][0]
        self.assertIsNone(result["trace"]["sha256"])
        self.assertEqual([run[key] for key in ("streams", "udp", "service_ns", "hol_wait_ns", "memory")], [None] * 5)
        self.assertEqual(len(self.first("-r", TRACE, "--no-check", "--repeat", "3")["seconds"]["samples"]), 3)

    def test_mapped_ahead(self):
        """Of a trace that is read as it goes the pages are mapped by another thread, where there is a CPU for it."""
        cpus = sorted(os.sched_getaffinity(0))
        alone = ["-r", TRACE, "--no-check", "--stage", "sum", "--cpus", str(cpus[0])]
        both = [*alone[:-1], ",".join(map(str, cpus[:2]))]
        self.assertNotIn("mapped_ahead", self.first(*alone))
        self.assertEqual(self.first(*both).get("mapped_ahead"), True if len(cpus) > 1 else None)
        self.assertNotIn("mapped_ahead", self.first(*both, "--reorder", "5%"))
        self.assertEqual(self.first(*both)["modules"], self.first(*alone)["modules"])

    def test_table_says_how_to_repeat(self):
        self.assertIn("--seed 1", self.ok(PROGRAM, "-r", TRACE, *ONCE, "--reorder", "5%").text)

    def test_one_standard_output(self):
        self.refuse("-r", TRACE, "--json", "-", "--csv", "-", says="standard output")
        self.refuse("-r", TRACE, "--json", "-", "--report", "-", says="standard output")
        self.refuse("-r", TRACE, "--json", "-", "-w", "-", says="standard output")
        self.refuse("-r", TRACE, "--json", "-", "--decisions-out", "-", says="standard output")
        for option in ("--csv", "--report", "-w", "--decisions-out"):
            self.assertNotIn(b"repeat:", self.ok(PROGRAM, "-r", TRACE, *ONCE, option, "-").stdout)

    def test_pipes_get_all(self):
        """What is no regular file is written directly, and opened once: its reader must not see an early end."""
        for option in ("--json", "--csv", "--report", "-w", "--decisions-out"):
            fifo, got = self.path("fifo" + option), []
            os.mkfifo(fifo)
            reader = threading.Thread(target=lambda: got.append(self.read(fifo)), daemon=True)
            reader.start()
            done = subprocess.run([os.path.join(common.BIN, PROGRAM), "-r", TRACE, *ONCE, "--reorder", "5%", option, fifo],
                                  capture_output=True, timeout=60, check=False)
            reader.join(60)
            self.assertEqual((done.returncode, done.stderr), (0, b""), option)
            self.assertGreater(len(got[0]), 50, option)

    def test_unwritable(self):
        for option in ("--json", "--csv", "--plot", "--report", "-w", "--decisions-out"):
            for path in ("/nonexistent/x.svg", self.folder + "/no/x.svg"):
                self.refuse("-r", TRACE, option, path, says=path)
        self.refuse("-r", TRACE, "--json", self.folder, says="directory")
        self.refuse("-r", TRACE, "--streams-out", "/nonexistent/a/b", says="/nonexistent")
        self.refuse("-r", TRACE, "--streams-out", self.path("file", "x"), says="file")
        for option in ("--json", "--csv", "--report", "-w", "--decisions-out"):
            self.refused(PROGRAM, "-r", TRACE, *ONCE, "--reorder", "5%", option, "/dev/full", says="No space")
        for arguments in (["-r", TRACE, *ONCE], ["--help"], ["--version"], ["worst", "--list"],
                          ["-r", TRACE, *ONCE, "--json", "-"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([os.path.join(common.BIN, PROGRAM), *arguments], stdout=full, stderr=subprocess.PIPE,
                                      check=False)
            self.assertEqual((done.returncode, done.stderr.count(b"\n")), (2, 1), arguments)

    def limited(self, before, *arguments):
        command = [os.path.join(common.BIN, PROGRAM), "-r", MIXED, *ONCE, *arguments]
        return subprocess.run(["bash", "-c", before + ' && exec "$@"', "bash", *command], cwd=self.folder,
                              capture_output=True, check=False)

    def test_too_large(self):
        """A file that may not grow: no half-written one in the place of a good one, and no death by a signal."""
        for option, name in (("-w", "w.pcapng"), ("--report", "r.html"), ("--decisions-out", "d")):
            old = self.path(name, "old")
            done = self.limited("ulimit -f 4", "--reorder", "90%", option, name)
            self.assertEqual((done.returncode, done.stderr.count(b"\n")), (2, 1), done.stderr)
            self.assertEqual(self.read(old), b"old")
        self.assertEqual(sorted(os.listdir(self.folder)), ["d", "r.html", "w.pcapng"])

    def test_disk_full(self):
        mount = "mkdir -p full && mount -t tmpfs -o size=64k none full && cd full && echo old >a.html && echo old >a.json"
        if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
            self.skipTest("no mount namespaces here")
        fill = mount + " && (cat /dev/zero >fill; true) 2>/dev/null"
        for before, option in ((fill, "--report a.html"), (fill, "--json a.json"), (mount, "-w a.pcapng"),
                               (mount, "--streams-out s")):
            command = " ".join([os.path.join(common.BIN, PROGRAM), "-r", MIXED, *ONCE, option])
            done = subprocess.run(["unshare", "-m", "bash", "-c", f"{before}; {command} >/dev/null; echo $? >&2; cat a.*"],
                                  cwd=self.folder, capture_output=True, check=False)
            lines = done.stderr.decode().splitlines()
            self.assertEqual(lines[-1], "2", lines)
            self.assertEqual(len(lines), 2, lines)
            self.assertIn("No space left", lines[0])
            self.assertEqual(done.stdout, b"old\nold\n")

    def test_link_stays(self):
        os.symlink(self.path("real.json", "old"), self.path("link.json"))
        self.ok(PROGRAM, "-r", TRACE, *ONCE, "--json", self.path("link.json"))
        self.assertTrue(os.path.islink(self.path("link.json")))
        json.loads(self.read(self.path("real.json")))

    def test_files(self):
        names = [self.path("r" + suffix) for suffix in (".json", ".csv", ".html")]
        arguments = ["--sessions", "1,5,20", "--sweep", "loss=0%,2%"]
        self.ok(PROGRAM, "-r", TRACE, *ONCE, *arguments, "--json", names[0], "--csv", names[1], "--report", names[2])
        self.assertEqual(len(json.loads(self.read(names[0]))["runs"]), 6)
        self.assertEqual(len(self.read(names[1]).splitlines()), 7)
        page = self.read(names[2])
        self.assertIn(b"<html", page[:200])
        self.assertIsNone(re.search(rb'(src|href)="?(https?:)?//', page))
        if shutil.which("gnuplot"):
            self.ok(PROGRAM, "-r", TRACE, *ONCE, *arguments, "--plot", self.path("p.svg"))
            self.assertIn(b"<svg", self.read(self.path("p.svg"))[:500])

    def test_later_option_counts(self):
        self.assertEqual(self.bench("-r", UDP, "-r", TRACE, "--seed", "3", "--seed", "4")["seed"], 4)


class StreamsOut(Case):
    def test_names(self):
        folder = self.path("s")
        self.ok(PROGRAM, "-r", os.path.join(common.TRACES, "port-reuse.pcap"), *ONCE, "--streams-out", folder)
        client, server = "010.009.001.002.40000", "010.009.002.002.00080"
        want = {f"{a}-{b}{use}" for a, b in ((client, server), (server, client)) for use in ("", "c1", "c2", "c3", "c4", "c5")}
        self.assertEqual(set(os.listdir(folder)), want | {"gaps.tsv"})
        self.assertEqual(self.read(os.path.join(folder, "gaps.tsv")), b"file\toffset\tlength\n")
        self.refuse("-r", TRACE, *ONCE, "--streams-out", folder, says="not empty")
        self.assertEqual(len(os.listdir(folder)), 13)

    def test_odd_folders(self):
        for name in ("a:b+c\\d", "@s", "sp ace"):
            self.ok(PROGRAM, "-r", TRACE, *ONCE, "--streams-out", name, cwd=self.folder)
            self.assertEqual(len(os.listdir(self.path(name))), 11)

    def test_gaps(self):
        folder = self.path("s")
        run = self.first("-r", os.path.join(common.TRACES, "bulk-sack-loss.pcap"), "--loss", "5%", "--streams-out", folder)
        with open(os.path.join(folder, "gaps.tsv"), encoding="utf-8") as stream:
            gaps = [line.split("\t") for line in stream.read().splitlines()[1:]]
        self.assertGreater(len(gaps), 0)
        self.assertEqual(sum(int(length) for _, _, length in gaps), run["streams"]["gap_bytes"])
        self.assertLessEqual({name for name, _, _ in gaps}, set(os.listdir(folder)))


if __name__ == "__main__":
    common.require(PROGRAM)
    common.overlook_leaks()
    unittest.main()
