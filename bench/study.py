#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures the engine over a whole matrix and draws the figures: how fast, at how many sessions, under how much disorder.

usage: bench/study.py [--quick] [-o FOLDER]      what is not measured yet, then study.jsonl and the figures
       bench/study.py --list [--quick] [-o FOLDER]   one command a point, for GNU parallel or a Slurm array
       bench/study.py --point NAME [--quick] [-o FOLDER]
       bench/study.py --draw [-o FOLDER]         only the figures, of what is there (--readme: the two of the README, too)
       bench/study.py --merge FROM… -o FOLDER    points that were measured into other folders
       bench/study.py --compare OLD NEW          flowos-bench compare for each point that both folders have

A point is one call of flowos-bench with one result file, FOLDER/points/NAME.json, which appears whole or not at all: the
study may be stopped at any time, by Ctrl-C or the machine, and goes on where it was when it is started again. The folder is
results/study-COMMIT unless told, so that another commit is another study. --quick takes about two minutes, all of it a quarter of an hour.
"""
import argparse
import ctypes
import fcntl
import fnmatch
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import study_figures
import study_points

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
BIN = os.environ.get("FLOWOS_BIN") or os.path.join(TOP, "build/release/bin")
DONE, FAILED, CANNOT = 0, 1, 2


def say(text):
    print("study.py: " + text, file=sys.stderr, flush=True)


def fail(text):
    say(text)
    sys.exit(CANNOT)


def span(seconds):
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min {seconds:02} s"


def result_of(folder, name):
    return os.path.join(folder, "points", name + ".json")


def measured(folder, point, seed):
    """Its result, where it is there and is of the command that the point is today."""
    try:
        with open(result_of(folder, point.name)) as f:
            result = json.load(f)
    except (OSError, ValueError):
        return None
    command = [a for a in result.get("command", [])[1:-1]]  # without the program and the result's own path
    return result if command == point.command("", seed, "")[1:-1] else None


def die_with_parent():
    """In the child: where the study is killed, its measurement ends, too."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Runner:
    def __init__(self, folder, seed, program):
        self.folder, self.seed, self.program, self.child = folder, seed, program, None
        os.makedirs(os.path.join(folder, "points"), exist_ok=True)

    def run(self, point):
        """Exit status of its command; what it said is kept beside the result where it failed."""
        command = point.command(self.program, self.seed, result_of(self.folder, point.name))
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True, cwd=TOP, preexec_fn=die_with_parent)
        said = self.child.communicate()[1]
        status, self.child = self.child.returncode, None
        log = result_of(self.folder, point.name)[:-5] + ".log"
        if status:
            with open(log, "w") as f:
                f.write(f"$ {shlex.join(command)}\n{said}status {status}\n")
        elif os.path.exists(log):
            os.unlink(log)
        return status, said.strip().splitlines()[-1] if said.strip() else ""

    def stop(self, number, _):
        if self.child:
            self.child.terminate()
            self.child.wait()
        print(file=sys.stderr)
        say("stopped; the same command goes on from here")
        os._exit(128 + number)


def progress(done, of, spent, cost_done, cost_left, what):
    left = f", about {span(spent / cost_done * cost_left)} left" if cost_done else ""
    say(f"[{done}/{of}] {span(spent)}{left}: {what}")


def run_all(runner, points):
    """Measures what is missing. Returns how many do not hold, and how many could not run."""
    todo = [p for p in points if not measured(runner.folder, p, runner.seed)]
    signal.signal(signal.SIGINT, runner.stop)
    signal.signal(signal.SIGTERM, runner.stop)
    start, cost_done, wrong, cannot = time.monotonic(), 0, [], []
    if len(todo) < len(points):
        say(f"{len(points) - len(todo)} of {len(points)} points are measured already")
    for i, point in enumerate(todo):
        spent = time.monotonic() - start
        progress(len(points) - len(todo) + i, len(points), spent, cost_done, sum(p.cost for p in todo[i:]), point.name)
        status, last = runner.run(point)
        if status:
            (wrong if status == FAILED else cannot).append(point.name)
            say(f"{point.name}: {last}")
        cost_done += point.cost if status != CANNOT else 0
    return wrong, cannot


def lines_of(folder, points, seed):
    """The study as a list of objects, one a run; points that are not there are left out."""
    lines = []
    for point in points:
        result = measured(folder, point, seed)
        day = time.strftime("%Y-%m-%d", time.gmtime(os.path.getmtime(result_of(folder, point.name)))) if result else None
        for run in result["runs"] if result else []:
            lines.append({"point": point.name, "group": point.group,
                          "axes": study_points.axes_of(point, run), "seed": result["seed"], "machine": result["machine"], "kernel": result["machine"].get("kernel"),
                          "commit": result["machine"].get("commit"), "date": day, "flowos": result["flowos"],
                          "trace": result["trace"], "command": result["command"], "run": run})
    return lines


def write_lines(folder, lines):
    path = os.path.join(folder, "study.jsonl")
    with open(path + ".part", "w") as f:
        for line in lines:
            f.write(json.dumps(line) + "\n")
    os.replace(path + ".part", path)
    return path


def same_origin(lines):
    """A study of two commits or machines compares what cannot be compared."""
    origins = {(line["commit"], line["kernel"], line["machine"].get("cpu")) for line in lines}
    if len(origins) > 1:
        say("warning: these points are of different commits, kernels or machines: " +
            "; ".join(" ".join(str(part)[:40] for part in origin) for origin in sorted(origins, key=str)))


def finish(folder, points, args):
    lines = lines_of(folder, points, args.seed)
    if not lines:
        fail(f"{folder}: no points that are measured")
    same_origin(lines)
    print(write_lines(folder, lines))
    if not shutil.which("gnuplot"):
        say("gnuplot is not there (bench/setup.sh): no figures")
        return
    for path in study_figures.draw(lines, os.path.join(folder, "figures")):
        print(path)
    if args.readme:
        for path in study_figures.draw(lines, os.path.join(TOP, "bench", "figures"), study_figures.README, (".svg",)):
            print(path)


def merge(folder, sources, points, seed):
    os.makedirs(os.path.join(folder, "points"), exist_ok=True)
    taken = 0
    for source in sources:
        for point in points:
            if not measured(folder, point, seed) and measured(source, point, seed):
                shutil.copy2(result_of(source, point.name), result_of(folder, point.name) + ".part")
                os.replace(result_of(folder, point.name) + ".part", result_of(folder, point.name))
                taken += 1
    say(f"{taken} points taken over")


def compare(old, new, program):
    """flowos-bench compare, point by point. Status as its: 1 where any got slower or wrong, 2 where none could be compared."""
    names = sorted(set(os.listdir(os.path.join(old, "points"))) & set(os.listdir(os.path.join(new, "points"))))
    worst, compared, slower = DONE, 0, []
    for name in (n for n in names if n.endswith(".json")):
        done = subprocess.run([program, "compare", os.path.join(old, "points", name), os.path.join(new, "points", name)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode == CANNOT:
            print(f"{name[:-5]}: {done.stderr.strip()}")
            continue
        compared += 1
        rows = [line for line in done.stdout.splitlines() if line.startswith("sessions=")]
        print(f"{name[:-5]}: " + "; ".join(" ".join(row.split()) for row in rows))
        if done.returncode:
            slower.append(name[:-5])
            worst = FAILED
    print(f"{compared} points compared, {len(slower)} slower beyond the noise or no longer right"
          + (": " + " ".join(slower) if slower else ""))
    return worst if compared else CANNOT


def commit():
    done = subprocess.run(["git", "-C", TOP, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def options():
    parser = argparse.ArgumentParser(description="Measures the engine over a whole matrix and draws figures.")
    parser.add_argument("--quick", action="store_true", help="the form of about two minutes")
    parser.add_argument("-o", "--output", metavar="FOLDER", help="default: results/study-COMMIT, or study-quick-COMMIT")
    parser.add_argument("--only", metavar="GLOB", default="*", help="points whose names match, as sessions-*")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bin", default=BIN, help="folder of the programs")
    parser.add_argument("--readme", action="store_true", help="draw the README's figures anew, into bench/figures")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="only print a command a point")
    what.add_argument("--point", metavar="NAME", help="only this one")
    what.add_argument("--draw", action="store_true", help="only write study.jsonl and the figures")
    what.add_argument("--merge", nargs="+", metavar="FROM", help="take points over from other folders")
    what.add_argument("--compare", nargs=2, metavar=("OLD", "NEW"), help="two studies, point by point")
    args = parser.parse_args()
    args.output = os.path.realpath(args.output) if args.output else \
        os.path.join(TOP, "results", f"study-{'quick-' if args.quick else ''}{commit()}")
    return args


def main():
    args = options()
    program = os.path.realpath(os.path.join(args.bin, "flowos-bench"))
    points = [p for p in study_points.points(args.quick) if fnmatch.fnmatch(p.name, args.only)]
    if not os.access(program, os.X_OK) and not args.draw and not args.merge:
        fail(f"{program} is not there (bench/setup.sh)")
    if args.compare:
        return compare(*args.compare, program)
    if args.list:
        me = [os.path.realpath(__file__), *(["--quick"] if args.quick else []), "-o", args.output, "--bin", args.bin,
              "--seed", str(args.seed)]
        for point in points:
            print(shlex.join([*me, "--point", point.name]))
        return DONE
    if args.merge:
        merge(args.output, args.merge, points, args.seed)
        finish(args.output, points, args)
        return DONE
    if args.draw:
        finish(args.output, points, args)
        return DONE
    runner = Runner(args.output, args.seed, program)
    if args.point:
        points = [p for p in points if p.name == args.point] or fail(f"{args.point}: no such point (--list)")
        wrong, cannot = run_all(runner, points)
        return CANNOT if cannot else FAILED if wrong else DONE
    lock = open(os.path.join(args.output, ".lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        fail(f"{args.output}: another study runs there")
    wrong, cannot = run_all(runner, points)
    finish(args.output, points, args)
    if cannot:
        say(f"{len(cannot)} points could not run ({os.path.join(args.output, 'points')}/NAME.log): " + " ".join(cannot))
    if wrong:
        say(f"{len(wrong)} points do not hold: " + " ".join(wrong))
    return FAILED if wrong else DONE


if __name__ == "__main__":
    sys.exit(main())
