"""Runs the programs for tests that hold the engine against the oracle, and finds the files that they run on.

FLOWOS_BIN is the programs' folder; FLOWOS_TRACES and FLOWOS_CAPTURES hold traces; FLOWOS_SANITIZE says that programs
are slow, FLOWOS_LONG=1 that time does not matter.
"""

import glob
import os
import subprocess
import sys

import capture
import golden
import oracle

SKIPPED = 77
LONG = os.environ.get("FLOWOS_LONG") == "1"
SLOW = bool(os.environ.get("FLOWOS_SANITIZE"))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Failed(Exception):
    """A program did not do what it was asked to."""


def program(name):
    return os.path.join(os.environ.get("FLOWOS_BIN", os.path.join(TOP, "build", "release", "bin")), name)


def reads_compressed():
    """Whether the port that reads compressed captures was built."""
    modules = os.environ.get("FLOWOS_MODULES") or os.path.join(os.path.dirname(program("")), "..", "lib", "flowos")
    return os.path.exists(os.path.join(modules, "libtrace_port.so"))


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def need(*names):
    for name in names:
        if not os.access(program(name), os.X_OK):
            skip(f"no program {program(name)} (set FLOWOS_BIN)")


def traces():
    return sorted(glob.glob(os.path.join(os.environ.get("FLOWOS_TRACES", os.path.join(TOP, "traces")), "*.pcap")))


def captures_root():
    return os.path.abspath(os.environ.get("FLOWOS_CAPTURES", os.path.join(TOP, "..", "shared", "captures")))


def captures():
    """The paths that MANIFEST.tsv lists; none where there is no such folder."""
    root = captures_root()
    try:
        with open(os.path.join(root, "MANIFEST.tsv"), encoding="utf-8") as lines:
            return [os.path.join(root, line.split("\t", 1)[0]) for line in lines][1:]
    except FileNotFoundError:
        return []


def short(path):
    root = captures_root() + os.sep
    return path[len(root):] if path.startswith(root) else os.path.relpath(path, TOP)


def run(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 2):
        raise Failed(f"{' '.join(arguments)}: status {done.returncode}: {done.stderr[-2000:]}")
    return done


def impair(path, out, options):
    """Whether the impaired packets were written; what cannot be read whole is not impaired."""
    return run(program("flowos-trace"), "impair", path, "-o", out, *options).returncode == 0


def record(path, overlap="bsd", hole_wait="1024", checksum="ignore"):
    """The engine's golden lines, sorted, or None when it cannot read the file."""
    done = run(program("flowos-golden"), "record", path, "-o", "-", "--partial", "--overlap", overlap, "--hole-wait",
               hole_wait, "--checksum", checksum)
    if done.returncode == 2:
        return None
    return sorted(line for line in done.stdout.splitlines() if not line.startswith("#"))


def model(path, overlap="bsd", hole_wait="1024", checksum="ignore"):
    """The oracle's streams, or None when it cannot read the file."""
    try:
        return oracle.run(path, oracle.Options(checksum, overlap, hole_wait))
    except (OSError, capture.NotACapture):
        return None


def lines_of(streams):
    return sorted([golden.tcp_line(one) for one in streams] + [golden.udp_line(one) for one in streams.udp])


def difference(want, got):
    """The first few lines that only one side has, "-" the oracle's and "+" the engine's; "" when there is none."""
    if want == got:
        return ""
    changed = [("-", line) for line in set(want) - set(got)] + [("+", line) for line in set(got) - set(want)]
    changed.sort(key=lambda entry: (entry[1].split(" #")[0], *entry))
    return "\n".join(f"  {sign} {line}" for sign, line in changed[:6]) or "  the same lines, not as often"
