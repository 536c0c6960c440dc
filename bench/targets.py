#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What engine time must show, measured: disorder against order, many sessions against few, hashing against a plain pass,
two workers against one. Each is a ratio of medians of runs that took turns, and stands beside its target.

usage: bench/targets.py [--repeat N] [--json FILE] [NAME…]      (status 1 with --hold where one is missed)

Whole processes against the floor are bench/peers/compare.py's; instructions are bench/instructions.py's.
"""
import argparse
import json
import os
import random
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
LONG = "sessions=50,bytes=5792000,mss=1448"  # 4,000 packets of data in each direction that has any


class Missing(Exception):
    pass


def runs(args, *options):
    command = [os.path.join(args.bin, "flowos-bench"), *options, "--repeat", str(args.repeat), "--json", "-"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"status {done.returncode}: {(done.stderr.strip() or '?').splitlines()[-1]}")
    return json.loads(done.stdout)["runs"]


def samples(run, peer=None):
    """Packets a second, one a repetition; of a peer beside the engine."""
    seconds = run["seconds"] if peer is None else next(p for p in run["peers"] if p["name"] == peer)["seconds"]
    return [run["packets"] / s for s in seconds["samples"]]


def ratio(a, b):
    """(median(a) / median(b), its bootstrapped 95 % interval)"""
    draw = random.Random(1)
    found = sorted(statistics.median(draw.choices(a, k=len(a))) / statistics.median(draw.choices(b, k=len(b)))
                   for _ in range(1000))
    return {"ratio": statistics.median(a) / statistics.median(b), "ci95": [found[25], found[974]]}


def line(what, target, a, b, note=""):
    r = ratio(a, b)
    return {"what": what, "at_least": target, **r, "met": r["ratio"] >= target, "note": note}


def disorder(args, option, values, targets, spec):
    found = runs(args, "--gen", spec, "--stage", "count", "--peers", "--sweep", f"{option}=0%," + ",".join(values))
    for run, target in zip(found[1:], targets):
        floor = ratio(samples(run, "floor: sum"), samples(found[0], "floor: sum"))["ratio"]
        yield line(f"{option} {run['axes'][option]} against none", target, samples(run), samples(found[0]),
                   f"the floor: {floor:.2f}")


def reorder(args):
    yield from disorder(args, "reorder", ["5%", "20%"], [0.9, 0.75], LONG)


def deep(args):
    yield from disorder(args, "reorder", ["5%,depth=1000"], [0.8], LONG)


def damage(args):
    yield from disorder(args, "dup", ["5%"], [0.9], LONG)
    yield from disorder(args, "loss", ["1%"], [0.9], LONG)


def sessions(args):
    """The same sessions and packets, 1,000 or all of them open at a time."""
    spec = "sessions=1M,bytes=200,mss=104"
    few = runs(args, "--gen", spec + ",concurrent=1000", "--stage", "count", "--peers")[0]
    many = runs(args, "--gen", spec, "--stage", "count", "--peers")[0]
    floor = ratio(samples(many, "floor: sum"), samples(few, "floor: sum"))["ratio"]
    yield line("1,000,000 sessions at a time against 1,000", 0.35, samples(many), samples(few), f"the floor: {floor:.2f}")
    yield line("1,000 short sessions at a time against the floor", 0.5, samples(few), samples(few, "floor: sum"))
    full = runs(args, "--gen", "sessions=1000,bytes=400000,mss=1448", "--stage", "count", "--peers")[0]
    yield line("1,000 sessions of full segments against the floor", 0.5, samples(full), samples(full, "floor: sum"))
    size = many["memory"]["bytes_per_session"]
    yield {"what": "bytes of a session of 1,000,000", "at_most": 384, "ratio": size, "ci95": [size, size],
           "met": size <= 384, "note": ""}


def digest(args):
    run = runs(args, "--gen", LONG, "--stage", "digest", "--peers")[0]
    wide = ratio(samples(run), samples(run, "plain: xxh3 wide"))["ratio"]
    yield line("digest against a plain pass of XXH3-128", 0.5, samples(run), samples(run, "plain: xxh3"),
               f"with the vectors that digest uses: {wide:.2f}")


def workers(args):
    """With --workers the floor, too, has as many threads, each with a table of its own."""
    one, two = (runs(args, "--gen", "sessions=10k,bytes=40000", "--stage", "count", "--peers", "--workers", n)[0]
                for n in ("1", "2"))
    floor = ratio(samples(two, "floor: sum"), samples(one, "floor: sum"))["ratio"]
    yield line("two workers against one, 10,000 sessions", 0.9 * floor, samples(two), samples(one), f"the floor: {floor:.2f}")


GROUPS = {"reorder": reorder, "deep": deep, "damage": damage, "digest": digest, "workers": workers, "sessions": sessions}


def show(found):
    bound = found.get("at_least") or found.get("at_most")
    sign = "at most" if "at_most" in found else "at least"
    target = f"{sign} {bound:.3g}"
    met = "met" if found["met"] else "MISSED"
    print(f"{found['what']:49} {found['ratio']:8.2f}  {found['ci95'][0]:.2f}-{found['ci95'][1]:.2f}  {target:14} {met:7}"
          f"{found['note']}".rstrip(), flush=True)


def main():
    parser = argparse.ArgumentParser(description="Engine time: ratios beside their targets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(GROUPS))
    parser.add_argument("--repeat", type=int, default=9, help="repetitions (default 9)")
    parser.add_argument("--hold", action="store_true", help="a target that is missed fails")
    parser.add_argument("--json", metavar="FILE", help="JSON lines, appended")
    parser.add_argument("--bin", default=os.environ.get("FLOWOS_BIN") or os.path.join(HERE, "../build/release/bin"))
    args = parser.parse_args()
    if set(args.names) - set(GROUPS):
        parser.error("names: " + " ".join(GROUPS))
    missed = False
    for name in args.names or GROUPS:
        try:
            for found in GROUPS[name](args):
                show(found)
                missed |= found["met"] is False
                if args.json:
                    with open(args.json, "a") as f:
                        f.write(json.dumps(found) + "\n")
        except Missing as e:
            print(f"{name}: {e}", flush=True)
            missed = True
    return 1 if missed and args.hold else 0


if __name__ == "__main__":
    sys.exit(main())
