# SPDX-License-Identifier: BSD-2-Clause
"""What tshark makes of a capture's TCP streams, as a third opinion: a program that we share no line with."""

import hashlib
import re
import shutil
import subprocess

GOLDEN = re.compile(r"^tcp (\S+) > (\S+) #(\d+) bytes=(\d+) sha256=(\w+) gaps=(\S+) ")
MISSING = re.compile(rb"\[\d+ bytes missing in capture file\]\.?\0?")  # tshark's words in place of a gap


def there():
    return shutil.which("tshark") is not None


def run(*arguments):
    return subprocess.run(["tshark", "-n", *arguments], capture_output=True, text=True, timeout=120, check=False).stdout


def of_golden(lines):
    """{(source, destination, use): (bytes, digest, gaps)} of streams with data."""
    found = {}
    for line in lines:
        match = GOLDEN.match(line + " ")
        if match and match.group(4) != "0":
            source, destination, use, size, digest, gaps = match.groups()
            found[source, destination, int(use)] = (int(size), digest, gaps)
    return found


def follow(path, count):
    """What tshark writes of its first `count` streams: (number, lines)."""
    taps = [word for number in range(count) for word in ("-z", f"follow,tcp,raw,{number}")]
    for text in run("-r", path, "-q", *taps).split("Follow: tcp,raw\n")[1:]:
        lines = text.splitlines()
        yield int(lines[0].rsplit(" ", 1)[1]), lines[1:]


def sides(lines):
    """{(source, destination): bytes}, without what tshark writes in place of gaps."""
    nodes, data = {}, {0: b"", 1: b""}
    for line in lines:
        match = re.match(r"^Node (\d): (\S+)$", line)
        if match:
            nodes[int(match.group(1))] = match.group(2)
        elif re.match(r"^\t?[0-9a-f]+$", line):
            data[1 if line.startswith("\t") else 0] += MISSING.sub(b"", bytes.fromhex(line.strip()))
    return {(nodes[0], nodes[1]): data[0], (nodes[1], nodes[0]): data[1]}


def streams(path, count):
    """{(source, destination, use): (bytes, digest)}; uses are tshark's streams of the same ends, in order."""
    found, uses = {}, {}
    for _, lines in sorted(follow(path, count)):
        both = sides(lines)
        key = frozenset(both)
        use = uses[key] = uses.get(key, -1) + 1
        for who, data in both.items():
            if data:
                found[(*who, use)] = (len(data), hashlib.sha256(data).hexdigest())
    return found


def connections(lines):
    """How many uses of 4-tuples golden lines speak of."""
    found = set()
    for line in lines:
        match = GOLDEN.match(line + " ")
        if match:
            found.add((frozenset(match.group(1, 2)), match.group(3)))
    return len(found)
