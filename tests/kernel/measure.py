# SPDX-License-Identifier: BSD-2-Clause
"""Asks the running kernel, the engine and the oracle the same cases.

The kernel is asked by the program ask_kernel, which also writes the packets that it sent and got; those packets, as a
pcap file with a session for each case, are what the engine and the oracle read.
"""

import dataclasses
import hashlib
import os
import subprocess
import sys
import tempfile

import cases

TOP = os.environ.get("FLOWOS_TOP") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("FLOWOS_BIN") or os.path.join(TOP, "build", "release", "bin")
ASK_KERNEL = os.path.join(BIN, "..", "tests", "kernel", "ask_kernel")
SKIPPED = 77
SECONDS = 600
PORTS, FIRST_PORT, FIRST_CLIENT = 60000, 2000, 0x100


class CannotRun(Exception):
    """There is no namespace here, or a program is missing."""


def program(name):
    path = os.path.join(BIN, name)
    if not os.access(path, os.X_OK):
        raise CannotRun(f"no program {path} (set FLOWOS_BIN)")
    return path


def ask_kernel(asked, pcap=None, options="sack", device="veth", ipv6=False):
    """What the kernel's application read, a line for each case."""
    if not os.access(ASK_KERNEL, os.X_OK):
        raise CannotRun(f"no program {ASK_KERNEL} (set FLOWOS_BIN)")
    command = [ASK_KERNEL, "--options", options, "--device", device] + ["--ipv6"] * ipv6
    if pcap:
        command += ["-w", pcap]
    done = subprocess.run(command, input="".join(case.line() + "\n" for case in asked), capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    if done.returncode == SKIPPED:
        raise CannotRun(done.stderr.strip().removeprefix("ask_kernel: "))
    if done.returncode not in (0, 1):
        raise RuntimeError(f"ask_kernel: status {done.returncode}: {done.stderr}")
    answers = done.stdout.splitlines()
    if len(answers) != len(asked):
        raise RuntimeError(f"{len(asked)} cases, {len(answers)} answers")
    return answers


def client(number, ipv6):
    """Address and port of case `number`, as golden lines have them."""
    low = FIRST_CLIENT + number // PORTS
    address = f"[fd09::{low:x}]" if ipv6 else f"10.9.{low >> 8}.{low & 255}"
    return f"{address}:{FIRST_PORT + number % PORTS}"


def golden_line(case, number, answer, ipv6):
    """The beginning of the golden line of a stream that is exactly this answer."""
    data = cases.bytes_of(answer)
    server = "[fd09::1]:9000" if ipv6 else "10.9.0.1:9000"
    return (f"tcp {client(number, ipv6)} > {server} #0 bytes={case.length} "
            f"sha256={hashlib.sha256(data).hexdigest()} gaps=- ")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def engine(pcap, policy="linux"):
    """The engine's golden lines for these packets."""
    return run(program("flowos-golden"), "record", pcap, "-o", "-", "--overlap", policy).splitlines()


def oracle(pcap, policy="linux"):
    """The oracle's golden lines for these packets."""
    path = os.path.join(TOP, "tests", "model", "oracle.py")
    return run(sys.executable, path, pcap, "--overlap", policy).splitlines()


def disagreements(asked, answers, lines, ipv6=False):
    """Numbers of the cases where the lines do not have the very stream that the kernel's application read; those that
    the kernel gave no answer to are among them."""
    streams = {line.split(" bytes=")[0]: line for line in lines if line.startswith("tcp ")}
    wrong = []
    for number, (case, answer) in enumerate(zip(asked, answers)):
        if answer.startswith("!"):
            wrong.append(number)
            continue
        want = golden_line(case, number, answer, ipv6)
        if not streams.get(want.split(" bytes=")[0], "").startswith(want):
            wrong.append(number)
    return wrong


def engine_answers(pcap, asked, policy="linux"):
    """What the engine gives, in full, as answers like the kernel's (IPv4 only)."""
    answers = []
    with tempfile.TemporaryDirectory(prefix="flowos-kernel-") as folder:
        streams = os.path.join(folder, "streams")
        run(program("flowos-bench"), "-r", pcap, "--overlap", policy, "--streams-out", streams, "--repeat", "1",
            "--warmup", "0", "--json", os.path.join(folder, "json"))
        for number in range(len(asked)):
            low = FIRST_CLIENT + number // PORTS
            name = f"010.009.{low >> 8:03}.{low & 255:03}.{FIRST_PORT + number % PORTS:05}-010.009.000.001.09000"
            with open(os.path.join(streams, name), "rb") as stream:
                answers.append(cases.answer_of(stream.read()))
    return answers


@dataclasses.dataclass
class Group:
    """Cases that are asked in one run, and how they are sent."""

    name: str
    cases: list
    options: str = "sack"
    device: str = "veth"
    ipv6: bool = False
    ask_oracle: bool = False


@dataclasses.dataclass
class Outcome:
    group: Group
    answers: list  # the kernel's
    unanswered: int
    engine: list  # numbers of the cases where the engine disagrees
    oracle: list  # the same for the oracle; empty where it was not asked


FULL_SIZE = 289  # five of them are a segment of 1445 bytes
PROBED = (4, 5, 6, 8, 12, 40)


def groups(long, seed):
    """What is asked. The long form adds every way of sending, IPv6 and more cases at random."""
    start, middle = cases.Where("start", True), cases.Where("middle", False, lead=19)
    yield Group("all pairs and triples everywhere", cases.enumerated())
    yield Group("and of full size, by pages", cases.enumerated(unit=FULL_SIZE, wheres=None if long else [start, middle]),
                device="tap")
    yield Group("and asked of the oracle too", cases.enumerated(wheres=[start, middle]), ask_oracle=True)
    for count in PROBED:
        number = (20000 if count < 20 else 4000) if long else (2000 if count < 20 else 300)
        yield Group(f"{count} segments at random", cases.at_random(count, number, seed), ask_oracle=True)
    if not long:
        return
    for ipv6 in (False, True):
        for device in ("veth", "tap"):
            for options in ("plain", "sack", "ts"):
                if (ipv6, device, options) == (False, "veth", "sack"):
                    continue
                yield Group(f"IPv{6 if ipv6 else 4}, {device}, {options}", cases.enumerated(), options, device, ipv6)


def measure(group, policy="linux"):
    with tempfile.TemporaryDirectory(prefix="flowos-kernel-") as folder:
        pcap = os.path.join(folder, "asked.pcap")
        answers = ask_kernel(group.cases, pcap, group.options, group.device, group.ipv6)
        wrong = disagreements(group.cases, answers, engine(pcap, policy), group.ipv6)
        oracle_wrong = disagreements(group.cases, answers, oracle(pcap, policy), group.ipv6) if group.ask_oracle else []
    return Outcome(group, answers, sum(answer.startswith("!") for answer in answers), wrong, oracle_wrong)
