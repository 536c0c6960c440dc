#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""More than one worker: everything that a run says, and every file that it leaves, is what one worker says and leaves."""

import glob
import json
import os
import shutil
import sys
import unittest

import common

PROGRAM = "flowos-bench"
GOLDEN = "flowos-golden"
TRACES = sorted(glob.glob(os.path.join(common.TRACES, "*.pcap")))
CASES = sorted(glob.glob(os.path.join(common.TRACES, "cases", "*.pcap")))
WORKERS = (2, 3, 7)
IMPAIRED = ([], ["--reorder", "20%,depth=100", "--dup", "5%"], ["--loss", "2%,burst=3"], ["--delay", "10ms,jitter=5ms"],
            ["--corrupt", "3%,checksum=fix"], ["--truncate", "2%", "--reorder", "5%,scope=link"])
TIME = ("seconds", "pps", "gbps", "goodput_gbps", "sessions_per_second", "service_ns", "latency_ns", "memory", "noisy",
        "workers", "speedup")


class Case(common.Case):
    def stages(self, folder):
        """Every module that was built, each with every file that it can write."""
        modules = os.environ.get("FLOWOS_MODULES") or os.path.join(common.BIN, "..", "lib", "flowos")
        wanted = {"count": f"count:per=session:file={folder}/count", "sum": "sum", "template": "template",
                  "digest": f"digest:out={folder}/digest:udp=yes", "http": f"http:out={folder}/http",
                  "grep": f"grep:pattern=[a-z]{{6}}:out={folder}/grep", "dump": f"dump:dir={folder}/dump:udp=yes:files=3"}
        there = [stage for name, stage in wanted.items() if os.path.exists(os.path.join(modules, name + ".so"))]
        self.assertGreater(len(there), 3)
        return ["--stage", "+".join(there[:3]), "--stage", "+".join(there[3:])]

    def found(self, *arguments, workers):
        """All that a run says but for times and memory, and its files."""
        folder = self.path("out")
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        done = common.run(PROGRAM, *arguments, "--workers", str(workers), "--repeat", "1", "--warmup", "0", "--json", "-",
                          "--streams-out", folder + "/streams", "-w", folder + "/packets", *self.stages(folder))
        self.assertIn(done.returncode, (0, 1), done.errors)
        run = json.loads(done.stdout)["runs"][0]
        self.assertEqual(run["workers"], workers)
        for key in TIME:
            run.pop(key, None)
        files = {}
        for top, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(top, name)
                files[os.path.relpath(path, folder)] = self.read(path)
        return done.returncode, run, files

    def same(self, *arguments, workers=WORKERS):
        alone = self.found(*arguments, workers=1)
        for count in workers:
            status, run, files = self.found(*arguments, workers=count)
            self.assertEqual((status, run), alone[:2], (arguments, count))
            self.assertEqual(sorted(files), sorted(alone[2]), (arguments, count))
            for name, data in files.items():
                self.assertEqual(data, alone[2][name], (arguments, count, name))
        return alone


class Same(Case):
    def test_traces(self):
        """Each trace as it is, and under two of the impairments in turn."""
        for at, trace in enumerate(TRACES[::4] if common.SANITIZE else TRACES):
            for options in (IMPAIRED[0], IMPAIRED[1 + at % 5], IMPAIRED[1 + (at + 2) % 5]):
                self.same("-r", trace, "--seed", str(at + 1), *options, workers=(2, 4) if common.SANITIZE else WORKERS)

    def test_fragments(self):
        for trace in TRACES:
            if "fragments" in trace:
                for options in IMPAIRED:
                    self.same("-r", trace, *options)

    def test_cases(self):
        """Small traces, each with one thing that goes wrong in TCP, below it or in time: by golden lines."""
        for trace in CASES[::40] if common.SANITIZE else CASES[::5]:
            alone, many = self.path("alone"), self.path("many")
            self.ok(GOLDEN, "record", trace, "-o", alone)
            self.ok(GOLDEN, "record", trace, "-o", many, "--workers", "3")
            self.assertEqual(self.read(alone), self.read(many), trace)
            self.ok(GOLDEN, "verify", trace, alone, "--workers", "2", "--reorder", "20%", "--dup", "5%")

    def test_made_up(self):
        generated = ("--gen", "bytes=3000,mss=100,request=50", "--sessions", "50" if common.SANITIZE else "500")
        alone = self.same(*generated, "--reorder", "5%", workers=(2, 7))
        self.assertEqual((alone[0], alone[1]["streams"]["differ"]), (0, 0))
        self.same(*generated, "--loss", "1%", "--vlan-key", "--hold-cap", "2k", workers=(4,))

    def test_paced(self):
        """Batches are what has come meanwhile: how many sessions there are, and what is in them, stays."""
        for pace in (["--pps", "100k"], ["--mbps", "500"]):
            runs = [self.found("-r", TRACES[0], *pace, workers=count) for count in (1, 3)]
            for key in ("packets", "payload_bytes", "streams", "udp", "drops", "impaired"):
                self.assertEqual(runs[0][1][key], runs[1][1][key], key)


class Rest(Case):
    def test_sweep(self):
        """Workers as an axis: the speed-up is there, and that of the floor."""
        done = self.ok(PROGRAM, "--gen", "bytes=2000", "--sessions", "100", "--sweep", "workers=1,2,4", "--peers", "--repeat", "3",
                       "--json", "-")
        runs = json.loads(done.stdout)["runs"]
        self.assertEqual([run["workers"] for run in runs], [1, 2, 4])
        self.assertIsNone(runs[0]["speedup"])
        for run in runs[1:]:
            medians = [one["seconds"]["median"] for one in (runs[0], run)]
            self.assertAlmostEqual(run["speedup"]["engine"], medians[0] / medians[1], places=3)
            floors = [peer["seconds"]["median"] for one in (runs[0], run) for peer in one["peers"] if peer["name"] == "floor: sum"]
            self.assertAlmostEqual(run["speedup"]["floor"], floors[0] / floors[1], places=3)
        table = self.ok(PROGRAM, "--gen", "bytes=2000", "--sessions", "100", "--sweep", "workers=1,2", "--repeat", "2").stdout
        self.assertIn(b"speedup", table)

    def test_refused(self):
        self.refused(PROGRAM, "-r", TRACES[0], "--workers", "0", says="--workers 0")
        self.refused(PROGRAM, "-r", TRACES[0], "--workers", "1025", says="1024")

    def test_cpus(self):
        for cpus in ("0", "none", "0,0"):
            self.ok(PROGRAM, "-r", TRACES[0], "--workers", "3", "--cpus", cpus, "--repeat", "1", "--warmup", "0")


if __name__ == "__main__":
    common.require(PROGRAM, GOLDEN)
    sys.exit(unittest.main())
