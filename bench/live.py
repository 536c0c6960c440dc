#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Drives real traffic through the middlebox, and the same through a Linux bridge and a plain AF_PACKET forwarder, in turns.

usage: bench/live.py [--quick] [-o FOLDER] [options]   FOLDER/live.jsonl, a line a measurement, then the figures and a table
       bench/live.py --draw [-o FOLDER]                only the figures and the table, of what is there

Client, middlebox and server are network namespaces joined by veth. Traffic: iperf3 by streams; nginx with wrk by kept
sessions, plain and TLS; curl with a connection a file; single packets at low load. Rounds go through all points, with the
kernel's offloads and without, and at each point through all boxes, in an order that is drawn. Ctrl-C ends it: what was
measured is drawn, and no namespace or process is left. Needs root, and what bench/setup.sh --live installs. --quick takes
about two minutes, all of it about half an hour.
"""
import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import live_figures
import live_net

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
BIN = os.environ.get("FLOWOS_BIN") or os.path.join(TOP, "build/release/bin")
DONE, FAILED, CANNOT = 0, 1, 2
BOXES = ("bridge", "forwarder", "tap", "gate")
UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}


def say(text):
    print("live.py: " + text, file=sys.stderr, flush=True)


def number(text, units="B"):
    """wrk's numbers: 1.5GB, 320us."""
    value, unit = re.fullmatch(r"([\d.]+)(\w*)", text).groups()
    return float(value) * UNITS[unit.removesuffix(units)]


class Traffic:
    """One kind of traffic at one size. run(chain) returns what the ends measured: gbps, or what else there is."""

    def __init__(self, kind, size, seconds):
        self.kind, self.size, self.seconds = kind, size, seconds

    def name(self):
        what = {"iperf3": "streams", "ping": "packets"}.get(self.kind, "sessions")
        return f"{self.kind}, {self.size} {what}"

    def client(self, chain, *command, status=(0,)):
        done = subprocess.run(["ip", "netns", "exec", chain.ns["client"], *map(str, command)], capture_output=True, text=True,
                              timeout=self.seconds * 4 + 60, check=False, preexec_fn=live_net.die_with_parent)
        if done.returncode not in status:
            raise RuntimeError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-200:]}")
        return done.stdout

    def iperf3(self, chain):
        said, late = {"error": "busy"}, time.monotonic() + 30
        while "busy" in said.get("error", "") and time.monotonic() < late: # with the end of the one before
            said = json.loads(self.client(chain, "iperf3", "-c", chain.SERVER[0], "-P", self.size, "-t", self.seconds, "-J",
                                          status=(0, 1)))
        if "error" in said:
            raise RuntimeError(f"iperf3: {said['error']}")
        end = said["end"]
        return {"gbps": end["sum_received"]["bits_per_second"] / 1e9, "bytes": end["sum_received"]["bytes"],
                "retransmits": end["sum_sent"].get("retransmits")}

    def wrk(self, chain, scheme="http"):
        said = self.client(chain, "wrk", "-t", min(2, self.size), "-c", self.size, "-d", f"{self.seconds}s", "--timeout", "10s",
                           "--latency", f"{scheme}://{chain.SERVER[0]}/64k")
        total = re.search(r"(\d+) requests in ([\d.]+\w+), ([\d.]+\w+) read", said)
        seconds = number(total.group(2), "") / 1e6
        late = dict(re.findall(r"(\d+)%\s+([\d.]+\w+)", said))
        errors = re.search(r"Socket errors: (.*)", said)
        size = number(total.group(3))
        return {"gbps": size * 8e-9 / seconds, "bytes": size, "requests_per_second": int(total.group(1)) / seconds,
                "request_us": {f"p{q}": number(late[q], "") for q in ("50", "99") if q in late},
                "errors": errors.group(1) if errors else None}

    def wrk_tls(self, chain):
        return self.wrk(chain, "https")

    def curl(self, chain):
        """As many connections as sessions, each for one file; up to 100 at once; again and again until the time is over."""
        begin = time.monotonic()
        size = count = seconds = 0
        while seconds < self.seconds:
            done = self.client(chain, "curl", "-q", "--no-progress-meter", "-f", "-H", "Connection: close", "-m", "60",
                               "--parallel", "--parallel-max", "100", "-o", "/dev/null", "-w", "%{size_download}\\n",
                               f"http://{chain.SERVER[0]}/64k?[1-{self.size}]")
            size += sum(map(int, done.split()))
            count += self.size
            seconds = time.monotonic() - begin
        return {"gbps": size * 8e-9 / seconds, "bytes": size, "requests_per_second": count / seconds}

    def ping(self, chain):
        late = live_net.round_trips(chain, self.size)
        return {"latency_us": {f"p{q:g}": late[min(int(len(late) * q / 100), len(late) - 1)] for q in (50, 90, 99, 99.9)},
                "lost": self.size - len(late)}

    def run(self, chain):
        return getattr(self, self.kind)(chain)


class Box:
    """What stands in the middle; begins with `with`."""

    def __init__(self, kind, chain, options):
        self.kind, self.chain, self.options = kind, chain, options
        self.undo = self.process = None

    def __enter__(self):
        ring = self.options.ring << 20
        if self.kind == "bridge":
            self.undo = self.chain.bridge("box", "left", "right")
        elif self.kind == "forwarder":
            self.process = self.chain.start("box", os.path.join(BIN, "peer-afpacket-forward"), "-r", self.options.ring, "left", "right",
                                            stdout=subprocess.PIPE, text=True)
            self.process.stdout.readline()
        else:
            self.json = os.path.join(self.options.work, "box.json")
            self.process = self.chain.start("box", os.path.join(BIN, "flowos"), "run", "-i", "left,right", "--control", "none",
                                            "--ring-bytes", ring, "--release", self.kind, "--workers", self.options.workers,
                                            "--json", self.json, "--stage", self.options.stage, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.PIPE, text=True)
            said = self.process.stderr.readline()
            if "forwarding" not in said:
                raise RuntimeError(said.strip())
        if not live_net.until(lambda: live_net.reaches(self.chain)):
            raise RuntimeError(f"{self.kind} does not forward")
        return self

    def cpu(self):
        return live_net.cpu_seconds(self.process.pid) if self.process else None

    def __exit__(self, *_):
        self.found = {}
        if self.undo:
            self.undo()
            return
        status = self.chain.end(self.process)
        if self.kind == "forwarder":
            self.found = {"drops": sum(map(int, re.findall(r" drops=(\d+)", self.process.stdout.read())))}
            self.process.stdout.close()
        else:
            said = self.process.stderr.read()
            self.process.stderr.close()
            if status:
                self.found = {"error": f"flowos ended with status {status}: {said.strip()[-200:]}"}
            else:
                with open(self.json, encoding="utf-8") as text:
                    result = json.load(text)
                self.found = {"drops": sum(port["drops"] for port in result["ports"]), "gaps": result["engine"]["gaps"],
                              "not_sent": result["tx_lost"], "sessions": result["engine"]["sessions"]}


def measure(traffic, kind, chain, options):
    """One line's numbers."""
    with Box(kind, chain, options) as box:
        busy, own = live_net.busy_seconds(), box.cpu()
        found = traffic.run(chain)
        found["busy_seconds"] = live_net.busy_seconds() - busy
        if own is not None:
            found["box_seconds"] = box.cpu() - own
    found.update(box.found)
    size = found.pop("bytes", 0)
    if size:
        found["busy_seconds_per_gbit"] = found["busy_seconds"] / (size * 8e-9)
        if own is not None:
            found["box_seconds_per_gbit"] = found["box_seconds"] / (size * 8e-9)
    return found


def refused(kind, options):
    """What the box says where it cannot be had, or None."""
    if kind == "forwarder" and not os.access(os.path.join(BIN, "peer-afpacket-forward"), os.X_OK):
        return "was not built"
    if kind in ("tap", "gate"):
        done = subprocess.run([os.path.join(BIN, "flowos"), "run", "-i", "lo,nosuch0", "--control", "none", "--release", kind,
                               "--stage", options.stage], capture_output=True, text=True, check=False)
        if "nosuch0" not in done.stderr:
            return done.stderr.strip()
    return None


def numbers(text):
    return [int(word) for word in text.split(",") if word]


def plan(options):
    """[(offloads, Traffic)] of a round."""
    kinds = [("iperf3", options.streams), ("wrk", options.sessions), ("wrk_tls", options.sessions), ("curl", options.sessions),
             ("ping", [options.pings])]
    return [(offloads == "on", Traffic(kind, size, options.seconds)) for offloads in options.offloads.split(",")
            for kind, sizes in kinds if kind in options.traffic.split(",") for size in sizes]


def machine():
    done = subprocess.run([os.path.join(BIN, "flowos-bench"), "--gen", "bytes=10", "--sessions", "1", "--no-check", "--repeat", "1",
                           "--json", "-"], capture_output=True, text=True, check=False)
    return json.loads(done.stdout)["machine"] if done.returncode == 0 else {}


def spread(chain):
    """Received packets are worked on by any CPU (RPS), on all cables."""
    mask = f"{(1 << os.cpu_count()) - 1:x}"
    for name, device in chain.ports():
        chain.command(name, "sh", "-c", f"for q in /sys/class/net/{device}/queues/rx-*/rps_cpus; do echo {mask} > $q; done")


def rounds(chain, options, boxes, out):
    draws, points = random.Random(options.seed), plan(options)
    total, done, on = options.rounds * len(points) * len(boxes), 0, True
    for number_ in range(1, options.rounds + 1):
        for offloads, traffic in points:
            if offloads != on:
                chain.offloads(offloads, *chain.ports())
                on = offloads
            for kind in draws.sample(boxes, len(boxes)):
                line = {"round": number_, "box": kind, "offloads": offloads, "traffic": traffic.kind, "size": traffic.size}
                try:
                    line.update(measure(traffic, kind, chain, options))
                except (RuntimeError, subprocess.TimeoutExpired, OSError, AttributeError, KeyError, ValueError) as error:
                    line["error"] = str(error)
                done += 1
                out.write(json.dumps(line) + "\n")
                out.flush()
                told = line.get("error") or (f"{line['gbps']:.2f} Gbit/s" if "gbps" in line else f"p99 {line['latency_us']['p99']:.0f} us")
                say(f"{done}/{total} {traffic.name()}, offloads {'on' if offloads else 'off'}, {kind}: {told}")


def serve(chain, options):
    site = os.path.join(options.work, "site")
    os.makedirs(site)
    os.chmod(options.work, 0o755)
    with open(os.path.join(site, "64k"), "wb") as page:
        page.write(os.urandom(65536))
    chain.web(options.work, site)
    chain.start("server", "iperf3", "-s", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    live_net.echo(chain)
    if not live_net.until(lambda: chain.listens(5201)):
        raise RuntimeError("iperf3 does not start")
    if options.rps:
        spread(chain)


def run(options, path):
    boxes = []
    for kind in options.boxes.split(","):
        why = refused(kind, options)
        if why:
            say(f"{kind} is left out: {why}")
        else:
            boxes.append(kind)
    if not boxes:
        return CANNOT
    live_net.sweep("flowos-live")
    with open(path, "w", encoding="utf-8") as out, tempfile.TemporaryDirectory(prefix="flowos-live-") as options.work:
        told = {key: value for key, value in vars(options).items() if key not in ("work", "draw", "folder")}
        out.write(json.dumps({"live": 1, "date": time.strftime("%Y-%m-%d"), "machine": machine(), "options": told}) + "\n")
        chain = live_net.Chain("flowos-live")
        try:
            serve(chain, options)
            rounds(chain, options, boxes, out)
            return DONE
        except KeyboardInterrupt:
            say("ended early; here is what there is")
            return FAILED
        finally:
            chain.close()


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quick", action="store_true", help="one round, a second each, fewer points")
    p.add_argument("-o", dest="folder", metavar="FOLDER", help="default: results/live")
    p.add_argument("--draw", action="store_true", help="only the figures and the table")
    p.add_argument("--rounds", type=int, help="default 5")
    p.add_argument("--seconds", type=int, help="of each measurement; default 3")
    p.add_argument("--streams", type=numbers, help="of iperf3; default 1,10,100")
    p.add_argument("--sessions", type=numbers, help="of wrk and curl; default 1,10,100,1000")
    p.add_argument("--pings", type=int, help="single packets there and back; default 2000")
    p.add_argument("--traffic", default="iperf3,wrk,wrk_tls,curl,ping", help="default %(default)s")
    p.add_argument("--boxes", default=",".join(BOXES), help="default %(default)s; what is not built is left out")
    p.add_argument("--offloads", default="on,off", help="default %(default)s")
    p.add_argument("--ring", type=int, default=32, metavar="MIB", help="receive ring of each interface; default %(default)s")
    p.add_argument("--rps", action="store_true", help="all CPUs take what cables deliver")
    p.add_argument("--stage", default="count", help="of flowos; default %(default)s")
    p.add_argument("--workers", type=int, default=1, help="of flowos; default %(default)s")
    p.add_argument("--seed", type=int, default=1, help="of the order of boxes; default %(default)s")
    o = p.parse_args()
    quick = o.quick
    o.rounds = o.rounds or (1 if quick else 5)
    o.seconds = o.seconds or (1 if quick else 3)
    o.streams = o.streams or [1, 10, 100]
    o.sessions = o.sessions or ([1, 100] if quick else [1, 10, 100, 1000])
    o.pings = o.pings or (300 if quick else 2000)
    o.folder = o.folder or os.path.join(TOP, "results", "live")
    known = {"--boxes": (o.boxes, BOXES), "--traffic": (o.traffic, ("iperf3", "wrk", "wrk_tls", "curl", "ping")),
             "--offloads": (o.offloads, ("on", "off"))}
    for option, (said, words) in known.items():
        for word in said.split(","):
            if word not in words:
                p.error(f"{option} {word}: there are {', '.join(words)}")
    return o


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    options = arguments()
    path, status = os.path.join(options.folder, "live.jsonl"), DONE
    if not options.draw:
        why = live_net.cannot_run("flowos-live", "iperf3", "wrk", "curl", "nginx", "openssl", "ethtool", "sysctl")
        if why:
            say(why + " (bench/setup.sh --live)")
            return CANNOT
        os.makedirs(options.folder, exist_ok=True)
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, interrupted)
        try:
            status = run(options, path)
        except KeyboardInterrupt:
            return FAILED
        except (RuntimeError, OSError, AssertionError) as error:
            say(str(error))
            return CANNOT
    try:
        lines = live_figures.load(path)
        for line in live_figures.table(lines):
            print(line)
        for figure in live_figures.draw(lines, options.folder):
            say(figure)
    except (OSError, ValueError, RuntimeError) as error:
        say(str(error))
        return CANNOT
    return status


if __name__ == "__main__":
    sys.exit(main())
