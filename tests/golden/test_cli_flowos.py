#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""flowos from outside, without interfaces: what it refuses and how; that a replay gives what flowos-bench gives, through a file
as from the command line."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

import common

PROGRAM = "flowos"
TRACE = os.path.join(common.TRACES, "mixed.pcap")
EXAMPLE = os.path.join(common.TOP, "bench", "conf", "flowos.conf")


class Refusals(common.Case):
    def conf(self, text):
        return self.path("x.conf", text)

    def bad(self, text, *says):
        """The message names file, line and key."""
        done = self.refused(PROGRAM, "run", "-c", self.conf(text), says="x.conf:")
        for word in says:
            self.assertIn(word, done.errors)

    def test_usage(self):
        self.refused(PROGRAM)
        self.refused(PROGRAM, "burn", says="burn")
        self.refused(PROGRAM, "run", says="no port")
        self.refused(PROGRAM, "run", "-r", TRACE, "extra", says="extra")
        self.refused(PROGRAM, "run", "-r", TRACE, "-i", "eth0", says="one of them")
        self.refused(PROGRAM, "run", "-i", "a,b,c", says="one interface or two")
        self.refused(PROGRAM, "run", "-i", "a,a", says="the same")
        self.refused(PROGRAM, "run", "--out", "a", says="--in")
        self.refused(PROGRAM, "run", "--in", "a", "-i", "b", says="one of them")
        self.refused(PROGRAM, "run", "-i", "a/b")
        self.refused(PROGRAM, "run", "-r", TRACE, "--release", "gate", "--fail", "soft", says="open or closed")
        self.refused(PROGRAM, "run", "-r", TRACE, "--release", "slow", says="tap or gate")
        self.refused(PROGRAM, "run", "-r", TRACE, "--workers", "2", says="a replay has one worker")
        self.refused(PROGRAM, "run", "-r", TRACE, "--metrics", "0.0.0.0:9469", says="loopback")
        self.refused(PROGRAM, "run", "-r", TRACE, "--metrics", "localhost", says="127.0.0.1")
        self.refused(PROGRAM, "run", "-r", TRACE, "--user", "no-such-user", says="no-such-user")
        self.refused(PROGRAM, "run", "-r", TRACE, "--duration", "5", says="unit")
        self.refused(PROGRAM, "run", "-r", TRACE, "--stage", "nonesuch", says="nonesuch")
        self.refused(PROGRAM, "run", "-r", TRACE, "--flow", "no such filter", says="all")
        self.refused(PROGRAM, "run", "-r", TRACE, "--loss", "5", says="%")
        self.refused(PROGRAM, "run", "-r", self.path("nowhere"), says="nowhere")
        self.refused(PROGRAM, "run", "-c", self.path("nowhere"), says="No such file")
        self.refused(PROGRAM, "run", "-c", self.folder, says="directory")
        self.refused(PROGRAM, "run", "-c", EXAMPLE, "--stage", "count", says="the file has flows")
        self.refused(PROGRAM, "ctl", says="command")
        self.refused(PROGRAM, "ctl", "stats", "flows", says="one command")
        self.refused(PROGRAM, "ctl", "stats", "--socket", self.path("nowhere"), says="no flowos runs there")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_files_of_another(self):
        """What could not be given its name at the end is said before anything runs; nothing is left."""
        os.chmod(self.folder, 0o755)
        run = ("run", "-r", TRACE, "--user", "nobody", "--stage", f"digest:out={self.path('d.txt')}")
        self.refused(PROGRAM, *run, says=f"{self.folder}: ")
        self.assertEqual(os.listdir(self.folder), [])
        os.chown(self.folder, 65534, 65534)
        self.ok(PROGRAM, *run)
        self.assertEqual(os.stat(self.path("d.txt")).st_uid, 65534)
        os.unlink(self.path("d.txt"))
        self.refused(PROGRAM, *run[:3], *run[5:], says=f"{self.folder}: ") # root, but without its capabilities
        self.assertEqual(os.listdir(self.folder), [])
        os.chown(self.folder, 0, 0)
        os.chmod(self.folder, 0o1777)
        self.ok(PROGRAM, *run)
        self.assertEqual(os.listdir(self.folder), ["d.txt"])

    def test_names_of_any_bytes(self):
        """A trace, a flow and a pattern whose names are no UTF-8: the summary is there all the same."""
        trace = os.path.join(os.fsencode(self.folder), b"caf\xe9.pcap")
        shutil.copy(TRACE, trace)
        with open(self.path("x.conf"), "wb") as conf:
            conf.write(b'ports = { trace = "' + trace + b'"; };\nflows = ( { name = "caf\xe9"; pipeline = "p"; } );\n'
                       b'pipelines = ( { name = "p"; stages = [ "count:per=flow", "grep:pattern=\xff\xd8" ]; } );\n')
        whole = json.loads(self.ok(PROGRAM, "run", "-c", self.path("x.conf"), "--json", "-").text)
        self.assertTrue(whole["ports"][0]["name"].endswith("caf\ufffd.pcap"))
        self.assertEqual(list(whole["modules"]["count"]["flows"]), ["caf\ufffd"])
        self.assertEqual(list(whole["modules"]["grep"]["by_pattern"]), ["\ufffd\ufffd"])
        long = os.path.join(self.folder, "\u00e9" * 100 + ".pcap") # cut somewhere, which may be within a character
        for name in (long, os.path.join(self.folder, "x" + "\u00e9" * 100 + ".pcap")):
            shutil.copy(TRACE, name)
            json.loads(self.ok(PROGRAM, "run", "-r", name, "--json", "-").text)

    def test_outputs_clash(self):
        trace, out = self.path("t.pcap"), self.path("o")
        shutil.copy(TRACE, trace)
        self.refused(PROGRAM, "run", "-r", trace, "-w", trace, says="t.pcap is read")
        self.refused(PROGRAM, "run", "-r", trace, "-w", out, "--json", out, says="two things")
        self.assertEqual(os.listdir(self.folder), ["t.pcap"])

    def test_help_says_once(self):
        for line in ("  --workers N ", "  --stage M"):
            self.assertEqual(self.ok(PROGRAM, "run", "--help").text.count(line), 1, line)

    def test_help_and_version(self):
        self.assertRegex(self.ok(PROGRAM, "--version").text, r"^flowos \d+\.\d+")
        for command in ([], ["run"], ["ctl"]):
            self.assertIn("usage: flowos", self.ok(PROGRAM, *command, "--help").text)

    def test_file(self):
        self.bad("ports = {", "x.conf:1", "syntax")
        self.bad('\n\nport = { trace = "x"; };', "x.conf:3", "port: no such key; there are ports,")
        self.bad('ports = {\n trace = "x";\n trace = "y"; };', "x.conf:3", "duplicate")
        self.bad('ports = {\n tracer = "x"; };', "x.conf:2: ports.tracer: no such key")
        self.bad('ports = { interfaces = [ "a", "b", "c" ]; };', "ports.interfaces", "not 3")
        self.bad('ports = { interfaces = "a"; };', "ports.interfaces", "list")
        self.bad('ports = { trace = 5; };', "ports.trace", "text")
        self.bad('ports = 5;', "ports", "group")
        self.bad('ports = { ring = { bytes = 1; }; };', "ports.ring.bytes", "65536")
        self.bad('ports = { ring = { receive = "slots"; }; };', "ports.ring.receive", '"frames" or "blocks"')
        self.bad('ports = { ring = { block-time = "1us"; }; };', "ports.ring.block-time")
        self.bad('workers = 0;', "workers", "from 1 to")
        self.bad('\nmetrics = "0.0.0.0:1";', "x.conf:2: metrics: ", "loopback")
        self.bad('ports = { trace = "/nonexistent/x"; };', "x.conf:1: ports.trace: /nonexistent/x: ")
        self.bad('ports = { interfaces = [ "a", "a" ]; };', "x.conf:1: ports.interfaces[1]: ", "the same")
        self.bad('ports = { interfaces = [ "nosuch0" ]; };', "x.conf:1: ports.interfaces[0]: nosuch0: ")
        trace = f'ports = {{ trace = "{TRACE}"; }};\n'
        self.bad(trace + 'user = "no-such-user";', "x.conf:2: user: ", "no-such-user")
        self.bad(trace + 'json = "/nonexistent/x";', "x.conf:2: json: ", "/nonexistent/x")
        self.bad(trace + 'control = "/nonexistent/x/y";', "x.conf:2: control: ", "/nonexistent/x/y")
        self.bad(trace + 'flows = ( { name = "a";\n filter = "no such ("; } );', "x.conf:3: flows[0].filter: ")
        self.bad(trace + 'flows = ( { name = "a";\n levels = "ip:tcp:foo"; } );', "x.conf:3: flows[0].levels: ")
        self.bad(trace + 'flows = ( { name = "a"; interface = "b"; } );', "x.conf:2: flows[0].interface: ", "none of")
        self.bad(trace + 'flows = ( { name = "a"; pipeline = "b"; } );\npipelines = ( { name = "b"; stages = [ "nosuch" ]; } );',
                 "x.conf:3: pipelines[0].stages[0]: ", "nosuch")
        self.bad('release = "slow";', "release: tap or gate")
        self.bad('fail = "soft";', "fail: open or closed")
        self.bad('engine = { overlap = "mine"; };', "engine.overlap", "no such policy")
        self.bad('engine = { stage = "count"; };', "engine.stage", "no such key")
        self.bad('engine = { vlan-key = 1; };', "engine.vlan-key", "true or false")
        self.bad('caps = { sessions = "many"; };', "caps.sessions")
        self.bad('caps = { people = 5; };', "caps.people", "no such key; there are direction, total, retained, sessions")
        self.bad('impair = { loss = 5; };', "impair.loss", "%")
        self.bad('impair = { burn = "5%"; };', "impair.burn", "no such impairment")
        self.bad('duration = 5;', "duration", "unit")
        self.bad('seccomp = "on";', "seccomp", "true or false")
        self.bad('pipelines = ( { stages = [ "count" ]; } );', "pipelines[0]: name is missing")
        self.bad('pipelines = ( { name = "a"; } );', "pipelines[0]: stages is missing")
        self.bad('pipelines = ( { name = "a"; stages = [ 5 ]; } );', "pipelines[0].stages[0]")
        self.bad('pipelines = ( { name = "a"; level = "sky"; stages = [ "count" ]; } );', "pipelines[0].level", "no such level")
        self.bad('pipelines = ( { name = "a"; stages = [ "count" ]; },\n { name = "a"; stages = [ "count" ]; } );',
                 "x.conf:2: pipelines[1].name", "before")
        self.bad('flows = ( { filter = "tcp"; } );', "flows[0]: name is missing")
        self.bad('flows = ( { name = "a"; pipeline = "b"; } );', "flows[0].pipeline: no pipeline is named b")
        self.bad('flows = ( { name = "a"; release = "slow"; } );', "flows[0].release: tap or gate")
        self.bad('flows = ( { name = "a"; fail = 1; } );', "flows[0].fail: open or closed")
        self.bad('flows = ( { name = "a"; }, { name = "b"; overlap = "linux"; } );', "flows[1]", "overlap", "not built yet")
        self.bad('flows = ( { name = "a"; overlap = "linux"; }, { name = "b"; } );', "flows[1]", "overlap", "not built yet")
        self.bad('flows = ( { name = "a"; caps = { total = 5; }; }, { name = "b"; } );', "flows[1]", "caps", "not built yet")
        self.bad('flows = ( { name = "%s"; } );' % ("a" * 32), "flows[0].name", "31")
        self.bad('@include "nowhere.conf"', "include")

    def test_what_is_wrong_beyond_one_key(self):
        base = f'ports = {{ trace = "{TRACE}"; }};\n'
        for text, says in (('flows = ( { name = "a"; filter = "no such filter"; } );', "a"),
                           ('pipelines = ( { name = "a"; stages = [ "nonesuch" ]; } );\nflows = ( { name = "f"; pipeline = "a"; } );',
                            "flow f: stage nonesuch"),
                           ('flows = ( { name = "a"; interface = "eth7"; } );', "eth7 is none of the interfaces"),
                           ('pipelines = ( { name = "a"; stages = [ "count" ]; } );', "no flow"),
                           ('metrics = "192.0.2.1:80";', "loopback")):
            self.refused(PROGRAM, "run", "-c", self.conf(base + text), says=says)


class Replay(common.Case):
    def bench(self, *options):
        out = self.path("bench.tsv")
        self.ok("flowos-bench", "-r", *options[:1], "--stage", f"digest:out={out}", "--repeat", "1", "--warmup", "0", "--no-check",
                *options[1:])
        return self.read(out)

    def test_as_bench(self):
        """The same streams, from the command line and through a file, plain and impaired."""
        names = common.traces()[:4] if common.SANITIZE else common.traces()
        for name in names:
            trace, out = os.path.join(common.TRACES, name), self.path("run.tsv")
            for options in ([], ["--reorder", "5%,depth=32", "--dup", "1%", "--seed", "3"]):
                want = self.bench(trace, *options)
                self.ok(PROGRAM, "run", "-r", trace, "--stage", f"digest:out={out}", *options)
                self.assertEqual(self.read(out), want, f"{name} {options}")
                impair = "".join(f'{key[2:]} = "{value}"; ' for key, value in zip(options[::2], options[1::2]))
                conf = self.path("x.conf", f'ports = {{ trace = "{trace}"; }};\nimpair = {{ {impair} }};\n'
                                 f'pipelines = ( {{ name = "p"; stages = [ "digest:out={out}" ]; }} );\n'
                                 'flows = ( { name = "all"; pipeline = "p"; } );\n')
                os.unlink(out)
                self.ok(PROGRAM, "run", "-c", conf)
                self.assertEqual(self.read(out), want, f"{name} {options}, from a file")

    def test_dump(self):
        self.ok("flowos-bench", "-r", TRACE, "--streams-out", self.path("bench"), "--repeat", "1", "--warmup", "0")
        self.ok(PROGRAM, "run", "-r", TRACE, "--stage", f"dump:dir={self.path('run')}")
        names = sorted(os.listdir(self.path("run")))
        self.assertEqual(names, sorted(os.listdir(self.path("bench"))))
        self.assertGreater(len(names), 100)
        for name in names:
            self.assertEqual(self.read(os.path.join(self.path("run"), name)), self.read(os.path.join(self.path("bench"), name)))

    def test_output(self):
        """What leaves is what the impairment made: every packet, also of sessions that no flow wants."""
        options = ["--reorder", "10%", "--loss", "2%", "--seed", "5"]
        self.ok("flowos-trace", "impair", TRACE, "-o", self.path("want.pcapng"), *options)
        self.ok(PROGRAM, "run", "-r", TRACE, "-w", self.path("got.pcapng"), "--flow", "tcp port 1", *options)
        for name in ("want", "got"):
            self.ok("flowos-golden", "record", self.path(name + ".pcapng"), "-o", self.path(name + ".golden"))
        lines = [[line for line in self.read(self.path(name + ".golden")).splitlines() if not line.startswith(b"#")]
                 for name in ("want", "got")]
        self.assertEqual(lines[0], lines[1])
        self.assertGreater(len(lines[0]), 100)

    def test_gate(self):
        """What leaves a gate is what came, each packet once, and no direction has a hole in it any more."""
        for name in ("mixed", "bulk-sack-loss-behind", "fragments", "http-keepalive"):
            trace, out = os.path.join(common.TRACES, name + ".pcap"), self.path("out.pcapng")
            options = ["--reorder", "10%", "--seed", "3"] if name != "mixed" else []
            self.ok(PROGRAM, "run", "-r", trace, "-w", out, "--release", "gate", "--stage", "sum", "--stage", "count", *options,
                    "--json", self.path("gate.json"))
            gate = json.loads(self.read(self.path("gate.json")))
            self.assertEqual(gate["engine"]["released"], gate["engine"]["packets"], name)
            self.assertEqual(gate["forwarded"], gate["engine"]["packets"], name)
            self.assertEqual(gate["engine"]["gaps"] + gate["engine"]["waiting"] + gate["engine"]["not_released"], 0, name)
            self.assertEqual(gate["engine"]["released_late"] > 0, name != "mixed", name)
            self.ok(PROGRAM, "run", "-r", out, "--stage", "count", "--json", self.path("again.json"))
            again = json.loads(self.read(self.path("again.json")))
            self.assertEqual(again["engine"]["held_segments"], 0, name)
            self.assertEqual(again["engine"]["delivered_bytes"], gate["engine"]["delivered_bytes"], name)
            lines = []
            for one in (trace, out):
                self.ok("flowos-golden", "record", one, "-o", self.path("golden"))
                lines.append([line for line in self.read(self.path("golden")).splitlines() if not line.startswith(b"#")])
            self.assertEqual(lines[0], lines[1], name)

    def test_example(self):
        """The file that is installed, with a trace in the place of its interfaces."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            metrics = f"127.0.0.1:{free.getsockname()[1]}"
        done = subprocess.run([os.path.join(common.BIN, PROGRAM), "run", "-c", EXAMPLE, "-r", TRACE, "--control", "none", "--metrics",
                               metrics, "--json", "-"], cwd=self.folder, capture_output=True, check=True, timeout=common.SECONDS)
        result = json.loads(done.stdout)
        self.assertEqual(result["schema"], 1)
        self.assertEqual(result["engine"]["packets"], 2189)
        self.assertEqual(result["engine"]["gaps"], 0)
        self.assertEqual(set(result["modules"]), {"http", "count", "sum", "digest", "sum#2", "digest#2"})
        self.assertEqual(sorted(os.listdir(self.folder)), ["digest.tsv", "web.tsv"])
        self.assertIsNone(result["error"])

    def test_summary(self):
        text = self.ok(PROGRAM, "run", "-r", TRACE, "--stage", "count").text
        self.assertIn("engine: 2189 packets, 99 sessions", text)
        self.assertIn("count: tcp=", text)

    def test_damage(self):
        """What is before the damage is used; the end says so."""
        cut = self.path("cut.pcap", self.read(TRACE)[:500000])
        done = self.refused(PROGRAM, "run", "-r", cut, "--json", self.path("out.json"), status=1, says="cut.pcap")
        result = json.loads(self.read(self.path("out.json")))
        self.assertGreater(result["engine"]["packets"], 500)
        self.assertIn("cut.pcap", result["error"])
        self.assertIn(result["error"], done.errors)

    def test_json_nowhere(self):
        """What cannot be written is said before anything runs."""
        out = self.path("out.tsv")
        self.refused(PROGRAM, "run", "-r", TRACE, "--stage", f"digest:out={out}", "--json", "/nonexistent/x", says="/nonexistent/x")
        self.assertFalse(os.path.exists(out))

    def test_stopped_in_a_pipe(self):
        """A trace that nobody writes: SIGINT and SIGTERM end it, and nothing is left behind."""
        for number in (signal.SIGINT, signal.SIGTERM):
            box = subprocess.Popen([os.path.join(common.BIN, PROGRAM), "run", "-r", "-", "--stage", "digest:out=" + self.path("d.tsv")],
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            with box.stdin, open(TRACE, "rb") as trace:
                box.stdin.write(trace.read(100000))
                box.stdin.flush()
                time.sleep(0.3) # it has begun to read, as the pipe does not hold all that; it may do more by now
                box.send_signal(number)
                self.assertEqual(box.wait(200), -number)
        self.assertEqual(os.listdir(self.folder), [])

    def test_stopped(self):
        """SIGTERM in the middle: what was read is finished."""
        box = subprocess.Popen([os.path.join(common.BIN, PROGRAM), "run", "-r", TRACE, "--delay", "1s", "--json", self.path("out.json"),
                                "--stage", "count", "--duration", "1us"], stdout=subprocess.DEVNULL)
        self.assertEqual(box.wait(60), 0)
        result = json.loads(self.read(self.path("out.json")))
        self.assertEqual(result["engine"]["packets"], result["ports"][0]["rx_packets"])
        self.assertEqual(result["engine"]["sessions_now"], 0)


if __name__ == "__main__":
    common.require(PROGRAM, "flowos-bench", "flowos-golden", "flowos-trace")
    unittest.main()
