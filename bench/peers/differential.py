#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs traces, impaired if asked, through every stream engine that is here, holds each against the oracle, lists the
streams on which they disagree, and says which differences are policy and which are errors.

    bench/peers/differential.py traces/mixed.pcap --reorder 5% --seeds 1-5
    bench/peers/differential.py traces/*.pcap --profiles --plot peers.svg --json peers.json

Engines are the adapters X_golden.py in this folder; `--engine NAME='CMD {} {out}'` adds one, which reads the capture {}
and writes its streams to the folder {out}, named as tcpflow does (gaps.tsv: FILE OFFSET LENGTH).
Exit status: 0; 1 where this project's engine, or one of --must-hold, has an error or lacks a stream; 2 could not run.
"""

import argparse
import importlib
import json
import os
import shlex
import signal
import sys
import tempfile
import time
import xml.sax.saxutils

import classify
import streams

ENGINES = ("flowos", "libnids", "gopacket", "tshark", "tcpflow")
PROFILES = (("clean", []), ("reorder-5", ["--reorder", "5%"]), ("reorder-20", ["--reorder", "20%,depth=100"]),
            ("dup", ["--dup", "5%,depth=10"]), ("loss", ["--loss", "2%"]))
IMPAIRMENTS = ("reorder", "loss", "dup", "corrupt", "truncate", "delay", "only", "decisions-in")
URG = 32
KINDS = ("equal", "policy", "error", "missing", "unsupported")


def model():
    """The oracle's modules."""
    path = os.environ.get("FLOWOS_MODEL") or os.path.join(streams.TOP, "tests", "model", "oracle.py")
    if not os.path.exists(path):
        raise streams.Failed(f"the oracle is not here ({path}); set FLOWOS_MODEL to the path of oracle.py")
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    return [importlib.import_module(name) for name in ("oracle", "capture", "packets", "golden")]


def make_reference(path, modules):
    """What the oracle says of a capture, and what its packets are."""
    oracle, capture, packets, golden = modules
    found = oracle.run(path)
    reference = classify.Reference(found, golden.ambiguous(found))
    decoder, clock = packets.Decoder(False), 0
    for record in capture.read_records(path):
        clock = max(clock, record.time or 0)
        reference.fragments.update(fragment_hosts(record.data))
        packet = decoder.decode(record.link, record.data, record.wire, clock)
        if packet is None or packet.protocol != packets.TCP:
            continue
        ends = golden.endpoint(packet.src, packet.sport), golden.endpoint(packet.dst, packet.dport)
        if len(packet.vlans) > 1:
            reference.tags.add(ends)
        syn, ack = bool(packet.flags & packets.SYN), bool(packet.flags & packets.ACK)
        if syn:
            reference.handshakes.setdefault(frozenset(ends), (set(), set()))[ack].add(packet.seq)
        if packet.payload and not packet.flags & packets.RST:
            piece = ((packet.seq + syn) & 0xFFFFFFFF, packet.payload)
            reference.segments.setdefault(ends, []).append(piece)
            if packet.flags & URG:
                reference.urgent.setdefault(ends, []).append(piece)
    return reference


def fragment_hosts(data):
    """The two addresses of an Ethernet frame that is an IP fragment; tags are skipped."""
    at = 12
    while data[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    kind, ip = data[at:at + 2], data[at + 2:]
    if kind == b"\x08\x00" and len(ip) >= 20 and int.from_bytes(ip[6:8], "big") & 0x3FFF:
        yield frozenset((".".join(map(str, ip[12:16])), ".".join(map(str, ip[16:20]))))
    elif kind == b"\x86\xdd" and len(ip) >= 40 and ip[6] == 44:
        ends = [streams.endpoint(":".join(ip[at:at + 2].hex() for at in range(start, start + 16, 2)), 0) for start in (8, 24)]
        yield frozenset(end.rsplit(":", 1)[0] for end in ends)


class Engine:
    """One of ours by name, or a command."""

    def __init__(self, name, command=None):
        self.name, self.command = name, command
        self.module = None if command else importlib.import_module(f"{name}_golden")
        self.lacks = {} if command else self.module.LACKS

    def collect(self, path):
        """The engine's streams; raises Failed where it cannot be run, Died where a signal ended it."""
        with tempfile.TemporaryDirectory(prefix="flowos-peer-") as folder:
            if self.command:
                out = os.path.join(folder, "out")
                os.mkdir(out)
                text = self.command.replace("{out}", shlex.quote(out)).replace("{}", shlex.quote(path))
                streams.run(["/bin/sh", "-c", text])
                found = streams.read_files(out)
            else:
                found = self.module.collect(path, folder, argparse.Namespace(checksum=False, flush_after=0))
        return streams.number([one for one in found if one.data])

    def here(self, small):
        """None, or why it is not."""
        try:
            self.collect(small)
        except (streams.Failed, OSError) as error:
            return str(error)
        except SystemExit:
            return None  # it is here, and dies
        return None


def impaired(trace, options, seed, folder):
    """The path of the capture to run, and the options as one text."""
    if not options:
        return trace, "as it is"
    path = os.path.join(folder, "impaired.pcapng")
    streams.run([streams.program("flowos-trace"), "impair", trace, *options, "--seed", str(seed), "-o", path])
    return path, f"{shlex.join(options)} --seed {seed}"


class Run:
    """All engines on one capture."""

    def __init__(self, trace, profile, seed, repeat):
        self.trace, self.profile, self.seed, self.repeat = os.path.basename(trace), profile, seed, repeat
        self.findings, self.failed, self.seconds = {}, {}, {}

    def name(self):
        return f"{self.trace}, {self.profile}" + (f", seed {self.seed}" if self.seed is not None else "")

    def engine(self, engine, path, reference):
        start = time.monotonic()
        try:
            self.findings[engine.name] = classify.classify(reference, engine.collect(path), engine.lacks)
        except (streams.Failed, OSError) as error:
            self.failed[engine.name] = str(error)
        except SystemExit as ended:
            self.failed[engine.name] = f"died of signal {ended.code - 128}"
        self.seconds[engine.name] = time.monotonic() - start

    def counts(self, name):
        found = dict.fromkeys(KINDS, 0)
        for finding in self.findings.get(name, ()):
            found[classify.CLASS[finding.rule]] += 1
        return found


def add_up(runs, name, profile=None):
    total, failed, rules = dict.fromkeys(KINDS, 0), 0, {}
    for run in runs:
        if profile is not None and run.profile != profile:
            continue
        for kind, count in run.counts(name).items():
            total[kind] += count
        failed += name in run.failed
        for finding in run.findings.get(name, ()):
            if finding.rule != "equal":
                rules[finding.rule] = rules.get(finding.rule, 0) + 1
    return total, failed, rules


def print_table(runs, engines, profiles, out):
    if len(profiles) == 1:
        print(f"impairment: {profiles[0]}", file=out)
    head = f"{'impairment':12} {'engine':10} {'streams':>8} " + " ".join(f"{kind:>11}" for kind in KINDS) + "  rules"
    print(head, file=out)
    for profile in profiles:
        for engine in engines:
            total, failed, rules = add_up(runs, engine.name, profile)
            why = " ".join(f"{rule}:{count}" for rule, count in sorted(rules.items(), key=lambda one: (-one[1], one[0])))
            if failed:
                why += f" could not be run: {failed}"
            print(f"{profile if len(profiles) > 1 else 'as above':12} {engine.name:10} {sum(total.values()):8} "
                  + " ".join(f"{total[kind]:11}" for kind in KINDS) + f"  {why}".rstrip(), file=out)


def print_findings(runs, engines, most, out):
    """The streams on which engines disagree, errors first, and what each difference is."""
    lines = []
    for run in runs:
        for engine in engines:
            if engine.name in run.failed:
                lines.append((0, f"{run.name()}: {engine.name}: could not be run: {run.failed[engine.name]}"))
            for one in run.findings.get(engine.name, ()):
                kind = classify.CLASS[one.rule]
                if kind == "equal":
                    continue
                order = {"error": 1, "missing": 2, "policy": 3, "unsupported": 4}[kind]
                detail = f" ({one.detail})" if one.detail else ""
                lines.append((order, f"{run.name()}: {engine.name}: tcp {one.src} > {one.dst} #{one.use}: {kind}: {one.rule}{detail}"))
    lines.sort(key=lambda line: line[0])
    for _, text in lines[:most]:
        print(text, file=out)
    if len(lines) > most:
        print(f"... and {len(lines) - most} more (--list N)", file=out)


def write_json(runs, engines, path):
    data = {"schema": 1, "rules": [dict(zip(("class", "rule", "text"), rule)) for rule in classify.RULES], "runs": [
        {"trace": run.trace, "profile": run.profile, "seed": run.seed, "impair": run.repeat, "engines": {
            engine.name: {"seconds": round(run.seconds[engine.name], 3), **run.counts(engine.name),
                          "failed": run.failed.get(engine.name),
                          "differences": [{"src": one.src, "dst": one.dst, "use": one.use, "rule": one.rule,
                                           "class": classify.CLASS[one.rule], "detail": one.detail}
                                          for one in run.findings.get(engine.name, ()) if one.rule != "equal"]}
            for engine in engines}} for run in runs]}
    save(path, json.dumps(data, indent=1) + "\n")


def save(path, text):
    if path == "-":
        sys.stdout.write(text)
        return
    with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(os.path.abspath(path)), delete=False, encoding="utf-8") as out:
        out.write(text)
    os.chmod(out.name, 0o644)
    os.replace(out.name, path)


def write_junit(runs, engines, path):
    quote = xml.sax.saxutils.quoteattr
    cases, failures, errors = [], 0, 0
    for run in runs:
        for engine in engines:
            bad = [one for one in run.findings.get(engine.name, ()) if classify.CLASS[one.rule] in ("error", "missing")]
            head = f'  <testcase classname={quote(engine.name)} name={quote(run.name())} time="{run.seconds[engine.name]:.3f}"'
            if engine.name in run.failed:
                errors += 1
                cases.append(f"{head}>\n    <error message={quote(run.failed[engine.name])}/>\n  </testcase>")
            elif bad:
                failures += 1
                text = "\n".join(f"tcp {one.src} > {one.dst} #{one.use}: {one.rule} {one.detail}" for one in bad)
                cases.append(f"{head}>\n    <failure message={quote(f'{len(bad)} streams')}>{xml.sax.saxutils.escape(text)}"
                             f"\nimpairment: {xml.sax.saxutils.escape(run.repeat)}\n</failure>\n  </testcase>")
            else:
                cases.append(head + "/>")
    save(path, '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n<testsuite name="differential" '
         f'tests="{len(cases)}" failures="{failures}" errors="{errors}" skipped="0" '
         f'time="{sum(sum(run.seconds.values()) for run in runs):.3f}">\n' + "\n".join(cases) + "\n</testsuite>\n</testsuites>\n")


COLOURS = {"equal": "#3a7d44", "policy": "#e0b040", "error": "#c0392b", "missing": "#7f4f9a", "unsupported": "#b0b0b0"}


def write_plot(runs, engines, profiles, path):
    """Stacked bars: per impairment a group, per engine a bar, in shares of the streams."""
    with tempfile.TemporaryDirectory(prefix="flowos-plot-") as folder:
        table = os.path.join(folder, "table")
        with open(table, "w", encoding="ascii") as out:
            for profile in profiles:
                for engine in engines:
                    total, _, _ = add_up(runs, engine.name, profile)
                    share = 100 / max(sum(total.values()), 1)
                    print(f'"{engine.name}" ' + " ".join(f"{total[kind] * share:.3f}" for kind in KINDS), file=out)
                print('"" ' + " ".join("0" for _ in KINDS), file=out)
        width = len(profiles) * (len(engines) + 1)
        labels = "\n".join(f'set label {number + 1} "{profile}" at {number * (len(engines) + 1) + (len(engines) - 1) / 2},107 center'
                           for number, profile in enumerate(profiles))
        bars = ", ".join(f'"{table}" using {column + 2}:xtic(1) title "{kind}" linecolor rgb "{COLOURS[kind]}"'
                         for column, kind in enumerate(KINDS))
        kind = "pngcairo" if path.endswith(".png") else "svg"
        target = os.path.join(folder, "plot")
        script = (f'set terminal {kind} size {max(640, 34 * width)},420\nset output "{target}"\nset style data histograms\n'
                  "set style histogram rowstacked\nset style fill solid border -1\nset boxwidth 0.8\nset yrange [0:112]\n"
                  'set ylabel "streams, %"\nset xtics rotate by -60 scale 0\nset key outside right\nset grid ytics\n'
                  f"set xrange [-0.7:{width - 1.3}]\n{labels}\nplot {bars}\n")
        streams.run([streams.program("gnuplot"), "-e", script.replace("\n", "; ")])
        with open(target, "rb") as data:
            content = data.read()
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(os.path.abspath(path)), delete=False) as out:
            out.write(content)
        os.chmod(out.name, 0o644)
        os.replace(out.name, path)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", nargs="*")
    parser.add_argument("--profiles", action="store_true", help="run as it is, reorder 5%% and 20%%, dup, and loss")
    for name in IMPAIRMENTS:
        parser.add_argument(f"--{name}", metavar="VALUE", help=f"as flowos-trace impair --{name}")
    parser.add_argument("--seeds", default="1", metavar="FROM-TO", help="seeds of the impairments (default 1; N: that one)")
    parser.add_argument("--engines", metavar="LIST", help=f"of {','.join(ENGINES)} (default: those that are here)")
    parser.add_argument("--engine", action="append", default=[], metavar="NAME=CMD", help="one more: see above")
    parser.add_argument("--must-hold", metavar="LIST", help="engines that must have no error (default flowos)")
    parser.add_argument("--bin", metavar="DIR", help="the folder of the programs (default build/release/bin)")
    parser.add_argument("--list", type=int, default=30, metavar="N", help="streams to list (default 30)")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--junit", metavar="FILE")
    parser.add_argument("--plot", metavar="FILE.svg")
    parser.add_argument("--rules", action="store_true", help="print the rules and end")
    return parser, parser.parse_args()


def chosen_engines(arguments, small):
    """The engines to run; those that are not here are named on stderr."""
    engines = []
    for name in (arguments.engines.split(",") if arguments.engines else ENGINES):
        if name not in ENGINES:
            raise streams.Failed(f"--engines {name}: none of {', '.join(ENGINES)}")
        engine = Engine(name)
        why = engine.here(small)
        if why and arguments.engines:
            raise streams.Failed(f"{name}: {why}")
        if why:
            print(f"differential.py: left out: {name}: {why}", file=sys.stderr)
        else:
            engines.append(engine)
    for text in arguments.engine:
        name, equals, command = text.partition("=")
        if not equals or "{}" not in command or "{out}" not in command:
            raise streams.Failed(f"--engine {text}: NAME=CMD with {{}} and {{out}} in it")
        engines.append(Engine(name, command))
    return engines


def check_files(arguments):
    """What cannot be read, or not be written at the end, had better not be begun."""
    for trace in arguments.trace:
        with open(trace, "rb") as opened:
            opened.read(1)
    for path in (arguments.json, arguments.junit, arguments.plot):
        folder = os.path.dirname(os.path.abspath(path or "-"))
        if path in (None, "-"):
            continue
        if os.path.isdir(path) or not os.access(folder, os.W_OK | os.X_OK):
            raise streams.Failed(f"{path}: cannot be written")
        if any(os.path.exists(path) and os.path.samefile(path, trace) for trace in arguments.trace):
            raise streams.Failed(f"{path} is read: it would be written over")


def work(arguments):
    check_files(arguments)
    options = [word for name in IMPAIRMENTS if getattr(arguments, name.replace("-", "_"))
               for word in (f"--{name}", getattr(arguments, name.replace("-", "_")))]
    if options and arguments.profiles:
        raise streams.Failed("--profiles has impairments of its own")
    profiles = PROFILES if arguments.profiles else ((shlex.join(options) or "clean", options),)
    first, _, last = arguments.seeds.partition("-")
    if not first.isdigit() or (last and not last.isdigit()) or int(last or first) - int(first) not in range(1000000):
        raise streams.Failed(f"--seeds {arguments.seeds}: FROM-TO, such as 1-5")
    modules, runs = model(), []
    engines = chosen_engines(arguments, arguments.trace[0])
    if arguments.must_hold is None:
        arguments.must_hold = "flowos" if "flowos" in (arguments.engines or "flowos").split(",") else ""
    for name in filter(None, arguments.must_hold.split(",")):
        if name not in [engine.name for engine in engines]:
            raise streams.Failed(f"--must-hold {name}: it does not run; there are {', '.join(engine.name for engine in engines)}")
    for trace in arguments.trace:
        for profile, words in profiles:
            for seed in range(int(first), int(last or first) + 1) if words else (None,):
                with tempfile.TemporaryDirectory(prefix="flowos-differential-") as folder:
                    path, repeat = impaired(trace, words, seed, folder)
                    run = Run(trace, profile, seed, repeat)
                    if sys.stderr.isatty():
                        print(f"\r\033[K{run.name()}", end="", file=sys.stderr, flush=True)
                    reference = make_reference(path, modules)
                    for engine in engines:
                        run.engine(engine, path, reference)
                    runs.append(run)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return runs, engines, [profile for profile, _ in profiles]


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    parser, arguments = parse()
    signal.signal(signal.SIGTERM, interrupt)  # so that temporary folders go
    if arguments.rules:
        for kind, name, text in classify.RULES:
            print(f"{kind:12} {name:14} {text}")
        return 0
    if not arguments.trace:
        parser.error("which trace?")
    if arguments.bin:
        os.environ["FLOWOS_BIN"] = arguments.bin
    try:
        runs, engines, profiles = work(arguments)
        out = sys.stderr if "-" in (arguments.json, arguments.junit) else sys.stdout
        print_table(runs, engines, profiles, out)
        print_findings(runs, engines, arguments.list, out)
        if arguments.json:
            write_json(runs, engines, arguments.json)
        if arguments.junit:
            write_junit(runs, engines, arguments.junit)
        if arguments.plot:
            write_plot(runs, engines, profiles, arguments.plot)
    except (streams.Failed, OSError, ValueError) as error:
        print(f"differential.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("differential.py: interrupted; nothing was written", file=sys.stderr)
        return 130
    for engine in engines:
        total, failed, _ = add_up(runs, engine.name)
        if engine.name in arguments.must_hold.split(",") and (failed or total["error"] or total["missing"]):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
