#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Times whole processes from start to exit, in turns on the same trace in the page cache: flowos-bench with the module
`sum`, the floor, and other engines doing the same sum. Holds what each says against what the trace was made of.

usage: bench/peers/compare.py [options] --traces FOLDER [NAME…]     the traces that targets are for, made where missing
       bench/peers/compare.py [options] TRACE.pcap SESSIONS         any plain pcap file

Ratios are medians over rounds of the ratio within a round, with a bootstrapped 95 % interval; CPU is the same of processor
time, which a busy machine disturbs less. Memory: the peak of what
is resident, and of what is anonymous (a mapped file is not), each over one process; the latter from a run that is not
timed. Exit status 1 where this project's engine is wrong, or with --hold slower than a target.
"""
import argparse
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import time

import traces

SLOW = 3.0  # seconds: a peer that takes longer runs in three rounds only
WORDS = re.compile(r"(\d+) bytes, sum ([0-9a-f]{16})")


def once(command, watch=False):
    """Runs it: dict of wall, cpu, rss, anon (bytes; 0 unless watched) and its output."""
    start = time.monotonic()
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    anon = 0
    while watch:  # an ended process has no memory to be read
        try:
            with open(f"/proc/{p.pid}/status") as f:
                found = re.search(r"RssAnon:\s+(\d+)", f.read())
        except OSError:
            found = None
        if not found:
            break
        anon = max(anon, int(found.group(1)) * 1024)
        time.sleep(0.002)
    out = p.stdout.read()
    said = p.stderr.read().decode(errors="replace").strip()
    p.stdout.close()
    p.stderr.close()
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        raise RuntimeError(f"{command[0]}: status {p.returncode}: {said.splitlines()[-1] if said else ''}")
    return {"wall": time.monotonic() - start, "cpu": used.ru_utime + used.ru_stime, "rss": used.ru_maxrss * 1024,
            "anon": anon, "out": out}


def said(name, out):
    """What it says that it summed: bytes, sum, bytes of gaps."""
    if name.startswith("flowos"):
        run = json.loads(out)["runs"][0]
        report = run["modules"][0]["report"]
        return {"bytes": report["bytes"], "sum": report["sum"], "gap_bytes": report["gap_bytes"], "drops": run["drops"]}
    found = WORDS.search(out.decode())
    return {"bytes": int(found.group(1)), "sum": found.group(2), "gap_bytes": None}


def programs(folder, also, trace, sessions, peers):
    """name: command of what is there."""
    found = {}
    for name, where in [("flowos", folder), *also]:
        found[name] = [os.path.join(where, "flowos-bench"), "--trace", trace, "--stage", "sum", "--no-check", "--repeat",
                       "1", "--json", "-"]
    found["floor"] = [os.path.join(folder, "peer-floor"), "sum", trace, str(sessions)]
    if peers:
        found["libnids"] = [os.path.join(folder, "peer-libnids-sum"), trace, str(sessions)]
        found["gopacket"] = [os.path.join(folder, "peer-gopacket-sum"), trace]
    for name in list(found):
        if os.access(found[name][0], os.X_OK):
            continue
        if name not in ("libnids", "gopacket"):
            sys.exit(f"compare.py: {found[name][0]} is not there")
        print(f"compare.py: {found[name][0]} is not built: left out (bench/setup.sh --peers)", file=sys.stderr)
        del found[name]
    return found


def interval(values):
    """Bootstrapped 95 % of the median."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(1000))
    return [medians[25], medians[974]]


def measure(commands, rounds, seed):
    """Samples by name, round by round; a round runs each once, in an order of its own."""
    order, samples, failed = random.Random(seed), {name: {} for name in commands}, {}
    for k in range(-1, rounds):  # the first warms up
        names = list(commands)
        order.shuffle(names)
        for name in names:
            before = samples[name].get(-1)
            if name in failed or (k >= 3 and name in ("libnids", "gopacket") and before["wall"] > SLOW):
                continue
            try:
                samples[name][k] = once(commands[name])
            except RuntimeError as e:
                failed[name] = str(e)
    return samples, failed


def ratio(samples, name, base, of="wall"):
    values = [samples[name][k][of] / max(samples[base][k][of], 1e-6)
              for k in samples[name] if k >= 0 and k in samples[base]]
    return {"ratio": statistics.median(values), "ci95": interval(values)} if values else None


def summary(samples, name, base):
    timed = [s for k, s in samples[name].items() if k >= 0]
    result = said(name, timed[0]["out"])
    result.update({"wall": [round(s["wall"], 6) for s in timed], "wall_median": statistics.median(s["wall"] for s in timed),
                   "cpu_median": statistics.median(s["cpu"] for s in timed), "rss_bytes": max(s["rss"] for s in timed)})
    if name != base:
        result["to_" + base] = ratio(samples, name, base)
    return result


def right(facts, result, floor, clean_sum):
    """What is wrong with these bytes, sum and gaps; None: nothing. A doubled trace's sum is that of the trace without."""
    if facts["lossy"]:
        want = (floor["bytes"], floor["sum"])
        missing = facts["bytes"] - floor["bytes"]  # the last bytes of a stream may be missed by nobody
        if result["gap_bytes"] is not None and not missing * 0.95 <= result["gap_bytes"] <= missing:
            return f"{result['gap_bytes']} bytes of gaps, {missing} are missing"
    else:
        want = (facts["bytes"], clean_sum)
        if result["gap_bytes"]:
            return f"{result['gap_bytes']} bytes of gaps, nothing is missing"
    if (result["bytes"], result["sum"]) != want:
        return f"{result['bytes']} bytes, sum {result['sum']}; must be {want[0]}, {want[1]}"
    return None


def into_cache(path, how):
    """Puts the file into the page cache as a capture lies there that was written packet by packet, or as one that was read."""
    step = {"written": 4 << 10, "read": 1 << 20}[how]
    with open(path, "rb") as f:
        if how == "read":
            os.fsync(f.fileno())
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while f.read(step):
                pass
            return
        with open(path + ".new", "wb", buffering=0) as new:
            while piece := f.read(step):
                new.write(piece)
            os.fsync(new.fileno())
    os.replace(path + ".new", path)


def one_trace(folder, name, args):
    facts = traces.make(folder, name, lambda text: print(text, file=sys.stderr))
    pcap = os.path.join(folder, name + ".pcap")
    if args.cache:
        into_cache(pcap, args.cache)
    commands = programs(args.bin, args.also, pcap, facts["sessions"], not args.no_peers)
    base = facts["target"][0]
    if base != "floor":  # held against the engine's own time for another trace
        traces.make(folder, base)
        if args.cache:
            into_cache(os.path.join(folder, base + ".pcap"), args.cache)
        commands["flowos " + base] = programs(args.bin, [], os.path.join(folder, base + ".pcap"), 0, False)["flowos"]
    if facts["base"]:
        commands["order"] = [commands["floor"][0], "order", *commands["floor"][2:]]
    samples, failed = measure(commands, args.runs, args.seed)
    if "flowos" in failed or "floor" in failed:
        sys.exit(f"compare.py: {name}: {failed}")
    clean = commands["floor"]
    if facts["doubled"]:
        traces.make(folder, facts["base"])
        clean = [clean[0], "sum", os.path.join(folder, facts["base"] + ".pcap"), str(facts["sessions"])]
    clean_sum = said("floor", once(clean)["out"])["sum"]
    line = {"trace": name, "cache": args.cache, "what": facts["what"], "packets": facts["packets"], "file_bytes": facts["file_bytes"],
            "programs": {n: summary(samples, n, "floor") for n in commands if n not in failed}, "failed": failed}
    for n, result in line["programs"].items():
        if n != "floor" and not n.startswith("flowos "):
            result["wrong"] = right(facts, result, line["programs"]["floor"], clean_sum)
    for n in ["flowos", *(n for n, _ in args.also)]:
        line["programs"][n]["anon_bytes"] = once(commands[n], watch=True)["anon"]
    beside = base if base == "floor" else "flowos " + base
    held = ratio(samples, "flowos", beside)
    line["target"] = {"beside": base, "at_most": facts["target"][1], **held, "met": held["ratio"] <= facts["target"][1],
                      "cpu_ratio": ratio(samples, "flowos", beside, "cpu")["ratio"]}
    return line


HEAD = ("trace", "floor s", "in order s", "flowos s", "best peer s", "ratio", "95 %", "CPU", "target", "", "RSS MiB", "anon MiB", "streams")


def row(line):
    p, t = line["programs"], line["target"]
    peers = [(r["wall_median"], n, r["wrong"]) for n, r in p.items() if n in ("libnids", "gopacket")]
    best = min(peers) if peers else None
    order = f"{p['order']['wall_median']:.3f}" if "order" in p else "-"
    return (line["trace"], f"{p['floor']['wall_median']:.3f}", order, f"{p['flowos']['wall_median']:.3f}",
            f"{best[0]:.3f} {best[1]}{' (wrong)' if best[2] else ''}" if best else "-",
            f"{t['ratio']:.2f}" + ("" if t["beside"] == "floor" else f" x {t['beside']}"),
            f"{t['ci95'][0]:.2f}-{t['ci95'][1]:.2f}", f"{t['cpu_ratio']:.2f}", f"{t['at_most']:.2f}", "met" if t["met"] else "MISSED",
            f"{p['flowos']['rss_bytes'] / 2**20:.0f}", f"{p['flowos']['anon_bytes'] / 2**20:.0f}",
            p["flowos"]["wrong"] or "right")


def table(lines):
    rows = [HEAD, *map(row, lines)]
    wide = [max(len(r[i]) for r in rows) for i in range(len(HEAD))]
    for r in rows:
        print("  ".join(text.ljust(w) for text, w in zip(r, wide)).rstrip())


def any_trace(args):
    commands = programs(args.bin, args.also, args.names[0], args.names[1], not args.no_peers)
    samples, failed = measure(commands, args.runs, args.seed)
    for name in commands:
        if name in failed:
            print(f"{name}: {failed[name]}")
            continue
        r = summary(samples, name, "floor")
        beside = f", {r['to_floor']['ratio']:.2f} times the floor" if name != "floor" and r["to_floor"] else ""
        print(f"{name}: {r['wall_median']:.3f} s{beside}, {r['rss_bytes'] / 2**20:.0f} MiB; {r['bytes']} bytes, sum {r['sum']}")
    return 1 if failed else 0


def machine():
    try:
        with open("/proc/cpuinfo") as f:
            cpu = re.search(r"model name\s*: (.*)", f.read()).group(1)
    except (OSError, AttributeError):
        cpu = platform.machine()
    commit = subprocess.run(["git", "-C", traces.TOP, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(), "commit": commit or None}


def options():
    parser = argparse.ArgumentParser(description="Whole processes in turns: flowos-bench --stage sum, the floor, peers.")
    parser.add_argument("names", nargs="*", help="with --traces: which of them (default: all); else TRACE.pcap SESSIONS")
    parser.add_argument("--traces", metavar="FOLDER", help="where the traces are, or are made: 3.5 GB for all")
    parser.add_argument("--runs", type=int, default=7, help="rounds (default 7)")
    parser.add_argument("--seed", type=int, default=1, help="of the order within a round")
    parser.add_argument("--cache", choices=("written", "read"),
                        help="write each trace anew, or evict it and read it, before it is measured (default: it lies in the "
                             "page cache as it does): pages that were read are larger, and cost less to map")
    parser.add_argument("--no-peers", action="store_true", help="only the floor beside the engine")
    parser.add_argument("--hold", action="store_true", help="a target that is missed fails")
    parser.add_argument("--json", metavar="FILE", help="JSON lines, one a trace, appended")
    parser.add_argument("--bin", default=traces.BIN, help="folder of the programs")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=DIR", help="another build of flowos-bench")
    args = parser.parse_args()
    args.also = [("flowos-" + a.split("=", 1)[0], a.split("=", 1)[1]) for a in args.also if "=" in a]
    if args.traces is None and len(args.names) != 2:
        parser.error("--traces FOLDER, or a trace and its number of sessions")
    if args.traces and set(args.names) - set(traces.TRACES):
        parser.error("traces: " + " ".join(traces.TRACES))
    if args.runs < 1:
        parser.error("--runs: at least 1")
    return args


def main():
    args = options()
    if args.traces is None:
        return any_trace(args)
    os.makedirs(args.traces, exist_ok=True)
    lines = []
    for name in args.names or traces.TRACES:
        line = {**one_trace(args.traces, name, args), "machine": machine(), "seed": args.seed}
        lines.append(line)
        if args.json:
            with open(args.json, "a") as f:
                f.write(json.dumps(line) + "\n")
        for n, r in line["programs"].items():
            if not n.startswith("flowos ") and n != "floor":
                print(f"{name}: {n} {r['wall_median']:.3f} s, {r['to_floor']['ratio']:.2f} times the floor, "
                      f"{r['wrong'] or 'right'}", file=sys.stderr)
    table(lines)
    wrong = any(line["programs"]["flowos"]["wrong"] for line in lines)
    return 1 if wrong or (args.hold and not all(line["target"]["met"] for line in lines)) else 0


if __name__ == "__main__":
    sys.exit(main())
