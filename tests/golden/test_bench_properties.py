#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What must hold of flowos-bench for every trace in traces/, whatever the impairment and the seed.

FLOWOS_LONG=1: more seeds, and the model for every trace.
"""

import concurrent.futures
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import unittest

import common

PROGRAM = "flowos-bench"
ONCE = ["--repeat", "1", "--warmup", "0"]
SEEDS = range(1, 21) if common.LONG else (1, 2) if common.SANITIZE else (1, 2, 3)
LOSSLESS = ("--reorder 5% --dup 1%", "--reorder 20%,depth=1000", "--delay 1ms,jitter=5ms",
            "--reorder 30%,delay=20ms --dup 10%,depth=5", "--reorder 50%,depth=10,scope=link")
LOSSY = ("--loss 3%", "--loss 1%,burst=4,retransmit=50ms --reorder 5%", "--loss gemodel:2%,40%,60%,0.1%",
         "--truncate 2%", "--corrupt 20%,checksum=fix --loss 5%,retransmit=1ms --truncate 10%", "--corrupt 2%,checksum=fix", "--corrupt 2%,checksum=fix --reorder 5% --dup 2% --loss 1%")
TIMED = {"seconds", "pps", "gbps", "goodput_gbps", "sessions_per_second", "service_ns", "memory", "noisy"}
FEW = ("http-keepalive.pcap", "port-reuse.pcap", "fragments.pcap", "bulk-sack-loss-behind.pcap", "ipv6.pcap")


def trace(name):
    return os.path.join(common.TRACES, name)


def bench(*arguments):
    done = common.run(PROGRAM, *ONCE, "--json", "-", *arguments)
    where = f"status {done.returncode}: flowos-bench {' '.join(map(str, arguments))}: {done.errors}"
    return json.loads(done.stdout) if done.returncode == 0 else None, where


def untimed(result):
    return [{key: value for key, value in run.items() if key not in TIMED} for run in result["runs"]]


def whole(name, options, seed, lossless):
    """What is wrong, or "": one run and its numbers."""
    result, where = bench("-r", trace(name), *options.split(), "--seed", seed)
    if result is None:
        return where, None
    run = result["runs"][0]
    streams = run["streams"]
    total = sum(streams[key] for key in ("identical", "gapped", "conflicted", "differ"))
    if streams["differ"] or streams["needless_gap_bytes"] or run["udp"]["differ"] or streams["total"] != total:
        return f"{where} {streams} {run['udp']}", run
    if lossless and (streams["gapped"] or streams["gap_bytes"] != PLAIN[name]["streams"]["gap_bytes"]):
        return f"{where} {streams}", run
    return "", run


def outside(drawn, n, share):
    """Is a number of draws further from n * share than five deviations?"""
    return abs(drawn - n * share) > 5 * (n * share * (1 - share)) ** 0.5 + 1


class Case(common.Case):
    def bench(self, *arguments):
        result, where = bench(*arguments)
        self.assertIsNotNone(result, where)
        return result

    def first(self, *arguments):
        return self.bench(*arguments)["runs"][0]


class EveryTrace(Case):
    def every(self, profiles, lossless):
        jobs = [(name, options, seed, lossless) for name in common.traces() for options in profiles for seed in SEEDS]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda job: whole(*job), jobs))
        wrong = [text for text, _ in found if text]
        self.assertEqual(wrong, [], "\n".join(wrong[:10]))
        return zip(jobs, (run for _, run in found))

    def test_lossless(self):
        drawn, packets = 0, 0
        for (name, options, _, _), run in self.every(LOSSLESS, True):
            impaired, n = run["impaired"], PLAIN[name]["packets"]
            self.assertEqual([impaired[key] for key in ("lost", "corrupted", "truncated")], [0, 0, 0])
            self.assertEqual(run["packets"], n + impaired["duplicated"])
            if options == LOSSLESS[0]:
                self.assertFalse(outside(impaired["selected"], n, 0.05), (name, impaired))
                self.assertFalse(outside(impaired["duplicated"], n, 0.01), (name, impaired))
                drawn, packets = drawn + impaired["selected"], packets + n
            self.assertLessEqual(impaired["reordered_ratio"], 1)
        self.assertFalse(outside(drawn, packets, 0.05), (drawn, packets))

    def test_lossy(self):
        for (name, options, _, _), run in self.every(LOSSY, False):
            impaired, n = run["impaired"], PLAIN[name]["packets"]
            if options == "--loss 3%":
                self.assertFalse(outside(impaired["lost"], n, 0.03), (name, impaired))
                self.assertEqual(run["packets"], n - impaired["lost"])
            if "retransmit" in options and "truncate" not in options:
                self.assertEqual((run["packets"], run["streams"]["gapped"]), (n, 0), name)
            if options == "--corrupt 2%,checksum=fix":
                self.assertEqual((run["packets"], run["streams"]["gapped"]), (n, 0), name)

    def test_rst_before_its_syn(self):
        """Seeds whose RSTs overtake the SYN of their connection, the one before being over."""
        for seed in (14, 30, 40, 74, 83, 87, 115):
            wrong, _ = whole("port-reuse.pcap", "--delay 1ms,jitter=20ms", seed, True)
            self.assertFalse(wrong)

    def test_connections_that_become_one(self):
        """A lost SYN on ports that are used again: two connections in one, as the model has it."""
        wrong, run = whole("mixed.pcap", "--corrupt 20%,checksum=fix --truncate 30%", 5, False)
        self.assertEqual(wrong, "")
        self.assertGreater(run["streams"]["conflicted"], 0)

    def test_corrupt(self):
        for name in set(common.traces()) - {"offload-on.pcap"}:
            wrong, run = whole(name, "--corrupt 3%", 1, False)
            self.assertEqual(wrong, "")
            self.assertGreaterEqual(run["impaired"]["corrupted"], run["drops"].get("checksum", 0))

    def test_model(self):
        """With loss, what is delivered and the gaps are those of the second implementation."""
        for name in common.traces() if common.LONG else FEW:
            for options in ("--loss 3% --reorder 5%", "--truncate 4%", "--corrupt 4%,checksum=fix --dup 5%"):
                run = self.first("-r", trace(name), *options.split(), "--reference", "model")
                streams = run["streams"]
                self.assertEqual((streams["reference"], streams["identical"]), ("model", streams["total"]), name)
                if "fix" not in options:
                    clean = self.first("-r", trace(name), *options.split(), "--reference", "clean")
                    self.assertEqual(streams["gap_bytes"], clean["streams"]["gap_bytes"], name)
        run = self.first("-r", trace("offload-on.pcap"), "--corrupt", "9%,checksum=fix", "--reference", "model")
        self.assertEqual(run["streams"]["identical"], 4)


class Repeatable(Case):
    def test_same_twice(self):
        options = ["--reorder", "10%", "--loss", "2%", "--dup", "3%", "--seed", "9", "--stage", "digest", "--stage", "count"]
        for name in ("mixed.pcap", "port-reuse.pcap", "fragments.pcap"):
            first, again = (untimed(self.bench("-r", trace(name), *options)) for _ in range(2))
            self.assertEqual(first, again)
            self.assertIsNotNone(first[0]["hol_wait_ns"])

    def test_order_of_options(self):
        options = [["--reorder", "10%"], ["--loss", "2%,burst=2"], ["--dup", "3%"], ["--seed", "9"], ["--truncate", "1%"],
                   ["--delay", "1ms,jitter=1ms"], ["--only", "tcp"]]
        packets = set()
        for turn in range(4):
            random.Random(turn).shuffle(options)
            out = self.path(f"{turn}.pcapng")
            self.bench("-r", trace("http-keepalive.pcap"), *sum(options, []), "-w", out)
            packets.add(self.read(out))
        self.assertEqual(len(packets), 1)

    def test_seeds_differ(self):
        packets = set()
        for seed in range(5):
            out = self.path(f"{seed}.pcapng")
            self.bench("-r", trace("http-keepalive.pcap"), "--reorder", "20%", "--seed", seed, "-w", out)
            packets.add(self.read(out))
        self.assertEqual(len(packets), 5)
        runs = self.bench("-r", trace("mixed.pcap"), "--reorder", "20%", "--seed", "4", "--seeds", "3")["runs"]
        self.assertEqual([run["axes"]["seed"] for run in runs], ["4", "5", "6"])
        self.assertEqual(len({run["impaired"]["reordered"] for run in runs} | {run["impaired"]["selected"] for run in runs}), 6)

    def test_decisions(self):
        """A replayed list is the same run, changed bytes included."""
        for options in ("--corrupt 10%,checksum=fix --reorder 10% --dup 5% --loss 1%", "--corrupt 5%", "--truncate 10%",
                        "--loss 5%,retransmit=2ms --delay 1ms,jitter=1ms"):
            name, decisions, drawn, replayed = trace("http-keepalive.pcap"), *map(self.path, "abc")
            first = self.first("-r", name, *options.split(), "--decisions-out", decisions, "-w", drawn)
            again = self.first("-r", name, "--decisions-in", decisions, "-w", replayed)
            self.assertEqual(first["streams"], again["streams"], options)
            self.assertEqual(self.read(drawn), self.read(replayed), options)

    def test_flowos_trace_writes_the_same(self):
        if not os.path.exists(os.path.join(common.BIN, "flowos-trace")):
            self.skipTest("flowos-trace was not built")
        for options in ("--reorder 5% --dup 2%", "--loss 3%,retransmit=1ms --delay 1ms,jitter=3ms", "--corrupt 5%,checksum=fix",
                        "--truncate 5% --seed 3", "--reorder 5% --sessions 12", "--reorder 5% --sessions 3"):
            mine, other = self.path("mine"), self.path("other")
            self.bench("-r", trace("http-keepalive.pcap"), *options.split(), "-w", mine)
            common.run("flowos-trace", "impair", trace("http-keepalive.pcap"), "-o", other, *options.split())
            self.assertEqual(self.read(mine), self.read(other), options)

    def test_comments(self):
        if not shutil.which("tshark"):
            self.skipTest("no tshark")
        out = self.path("x.pcapng")
        run = self.first("-r", trace("http-keepalive.pcap"), "--dup", "5%", "-w", out)
        shown = subprocess.run(["tshark", "-r", out, "-Y", "frame.comment", "-T", "fields", "-e", "frame.comment"],
                               capture_output=True, text=True, check=True).stdout.splitlines()
        self.assertEqual(len([line for line in shown if "dup" in line]), len(shown))
        self.assertGreaterEqual(len(shown), run["impaired"]["duplicated"])

    def test_only(self):
        """Nothing but what the filter matches is touched."""
        def ports(data):
            place, found = 24, []
            while place < len(data):
                length = struct.unpack_from("<I", data, place + 8)[0]
                frame = data[place + 16:place + 16 + length]
                found.append(struct.unpack_from(">HH", frame, 34) if frame[12:14] == b"\x08\0" else (0, 0))
                place += 16 + length
            return found
        name, decisions = trace("http-keepalive.pcap"), self.path("d")
        numbers = ports(self.read(name))
        run = self.first("-r", name, "--reorder", "40%", "--loss", "20%", "--dup", "20%", "--only", "port 53458",
                         "--decisions-out", decisions)
        touched = [int(line.split()[0]) for line in self.read(decisions).decode().splitlines() if line[0] != "#"]
        self.assertGreater(len(touched), 5)
        self.assertEqual([number for number in touched if 53458 not in numbers[number - 1]], [])
        self.assertLessEqual(run["streams"]["gapped"], 2)
        self.assertEqual(self.first("-r", name, "--loss", "90%", "--only", "port 81")["impaired"]["lost"], 0)


class References(Case):
    def test_which(self):
        for arguments, want in (("-r http-keepalive.pcap", "golden"), ("-r http-keepalive.pcap --reorder 5%", "golden"),
                                ("-r http-keepalive.pcap --loss 5%", "clean"), ("-r http-keepalive.pcap --sessions 5", "clean"),
                                ("-r http-keepalive.pcap --overlap linux", "clean"),
                                ("-r http-keepalive.pcap --hole-wait 2000", "clean"),
                                ("-r http-keepalive.pcap --checksum verify", "clean"),
                                ("-r http-keepalive.pcap --vlan-key", "clean"),
                                ("-r http-keepalive.pcap --flow tcp", "clean"),
                                ("-r http-keepalive.pcap --reference clean", "clean"),
                                ("--gen bytes=100", "formula"), ("--gen bytes=100 --reorder 5% --dup 5%", "formula"),
                                ("--gen bytes=100 --loss 5%", "clean"), ("--gen bytes=100 --reference clean", "clean"),
                                ("--gen bytes=100 --corrupt 5%,checksum=fix", "clean"),
                                ("--gen bytes=3000 --loss 5% --reference formula", "formula"),
                                ("--gen bytes=3000,mss=300,sessions=50 --loss 10% --reference formula", "formula"),
                                ("--gen bytes=3000 --truncate 5% --reference formula", "formula")):
            words = [trace(word) if word.endswith(".pcap") else word for word in arguments.split()]
            streams = self.first(*words)["streams"]
            self.assertEqual((streams["reference"], streams["differ"]), (want, 0), arguments)

    def test_golden_is_held_against(self):
        """A wrong golden file is found, in its own folder, and one of another trace is not used."""
        copy = self.path("x.pcap", self.read(trace("http-keepalive.pcap")))
        lines = self.read(trace("http-keepalive.pcap.golden")).decode()
        self.path("x.pcap.golden", lines)
        self.assertEqual(self.first("-r", copy)["streams"]["reference"], "golden")
        self.path("x.pcap.golden", lines.replace("bytes=702", "bytes=703"))
        done = common.run(PROGRAM, "-r", copy, *ONCE, "--reorder", "5%")
        self.assertEqual(done.returncode, 1)
        self.assertIn("first difference: tcp 10.9.1.2:53446", done.errors)
        self.assertIn(f"to repeat: flowos-bench --trace {copy} --reorder 5%", done.errors)
        self.path("x.pcap.golden", lines.replace("trace-sha256: 3", "trace-sha256: 4"))
        self.assertEqual(self.first("-r", copy)["streams"]["reference"], "clean")


class Points(Case):
    def test_sessions(self):
        runs = self.bench("-r", trace("http-keepalive.pcap"), "--sessions", "1,2,5,20", "--reorder", "5%")["runs"]
        self.assertEqual([run["sessions"] for run in runs], [1, 2, 5, 20])
        packets = [run["packets"] for run in runs]
        self.assertLess(max(packets) - min(packets), max(packets) * 0.1)
        self.assertTrue(all(run["streams"]["identical"] == run["streams"]["total"] for run in runs))
        self.assertLess(runs[3]["distinct_payload_bytes"], runs[3]["payload_bytes"] / 3)

    def test_generated(self):
        runs = self.bench("--gen", "bytes=3000,mss=500", "--sessions", "1,10,1k", "--reorder", "10%", "--dup", "5%")["runs"]
        for run, sessions in zip(runs, (1, 10, 1000)):
            self.assertEqual((run["sessions"], run["concurrent_peak"], run["streams"]["identical"]),
                             (sessions, sessions, 2 * sessions))
        self.assertEqual(self.first("--gen", "sessions=7")["sessions"], 7)

    def test_sweep(self):
        runs = self.bench("-r", trace("mixed.pcap"), "--sweep", "reorder=0%,5%,depth=4,10%", "--sweep", "dup=0%,1%")["runs"]
        self.assertEqual([(run["axes"]["reorder"], run["axes"]["dup"]) for run in runs],
                         [(a, b) for a in ("0%", "5%,depth=4", "10%") for b in ("0%", "1%")])
        self.assertEqual(runs[0]["impaired"]["selected"], 0)
        self.assertLess(runs[2]["impaired"]["selected"], runs[4]["impaired"]["selected"])
        runs = self.bench("-r", trace("mixed.pcap"), "--sweep", "stage=sum,grep:pattern=a=b,count")["runs"]
        self.assertEqual([[one["name"] for one in run["modules"]] for run in runs], [["sum"], ["grep"], ["count"]])
        runs = self.bench("-r", trace("mixed.pcap"), "--sweep", "loss=1%,gemodel:1%,10%,gemodel:5%")["runs"]
        self.assertEqual([run["axes"]["loss"] for run in runs], ["1%", "gemodel:1%,10%", "gemodel:5%"])

    def test_failed_point(self):
        """One that fails does not lose the others."""
        done = common.run(PROGRAM, "-r", trace("offload-on.pcap"), *ONCE, "--json", "-", "--sweep", "corrupt=0%,5%")
        self.assertEqual(done.returncode, 1, done.errors)
        good, bad = json.loads(done.stdout)["runs"]
        self.assertEqual((good.get("error"), good["packets"]), (None, 49))
        self.assertIn("checksum=fix", bad["error"])

    def test_paced(self):
        name = trace("http-keepalive.pcap")
        for option, least in (("--pps=1000", 0.21), ("--mbps=20", 0.06), ("--multiplier=2", 0.11)):
            for _ in range(20):  # again where others had the processor
                run = self.first("-r", name, option)
                self.assertEqual(set(run["latency_ns"]), {"p50", "p99", "p999"})
                self.assertGreater(run["seconds"]["median"], least)
                if run["seconds"]["median"] < 2 * least:
                    break
            self.assertLess(run["seconds"]["median"], 2 * least)
        self.assertIsNone(self.first("-r", name)["latency_ns"])

    def test_memory(self):
        run = self.first("--gen", "bytes=200", "--sessions", "20k" if common.SANITIZE else "100k")
        if not common.SANITIZE:
            self.assertTrue(100 < run["memory"]["bytes_per_session"] < 4096, run["memory"])
        self.assertGreater(run["memory"]["peak_rss_bytes"], run["concurrent_peak"] * 100)
        held = self.first("-r", trace("mixed.pcap"), "--reorder", "20%,depth=1000")["memory"]["held_peak_bytes"]
        self.assertGreater(held, 1000)


if __name__ == "__main__":
    common.require(PROGRAM)
    PLAIN = {one: bench("-r", trace(one))[0]["runs"][0] for one in common.traces()}
    sys.exit(unittest.main())
