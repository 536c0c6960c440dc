#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""tshark as an engine under test: what its "follow TCP stream" shows of every stream, as golden lines."""

import re

import streams

# In the place of missing bytes it shows a text of its own, which becomes a gap here.
LACKS = {"udp": "no", "empty": "no", "checksum": "ignore"}
MISSING = re.compile(rb"\[(\d+) bytes missing in capture file\]\0?")
AT_ONCE = 400  # streams that are followed in one pass over the capture


def missing(text):
    """Takes the notes of missing bytes out: (bytes, gaps)."""
    data, gaps, at = b"", [], 0
    for note in MISSING.finditer(text):
        data += text[at:note.start()]
        gaps.append((len(data) + sum(length for _, length in gaps), int(note.group(1))))
        at = note.end()
    return data + text[at:], gaps


def parse(text):
    """What one pass printed: the two directions of each stream."""
    found = []
    for part in text.split(b"Follow: tcp,raw\n")[1:]:
        lines = part.split(b"\n")
        node = [line.split(b": ", 1)[1].decode() for line in lines[1:3]]
        ends = [streams.endpoint(*one.rsplit(":", 1)) for one in (name.replace("[", "").replace("]", "") for name in node)]
        pieces = ([], [])
        for line in lines[3:]:
            if line.startswith(b"====="):
                break
            pieces[line.startswith(b"\t")].append(bytes.fromhex(line.strip().decode()))
        for side in (0, 1):
            data, gaps = missing(b"".join(pieces[side]))
            found.append(streams.Stream(ends[side], ends[1 - side], data, gaps))
    return found


def collect(path, _folder, _arguments):
    tshark = [streams.program("tshark"), "-n", "-r", path]
    numbers = streams.run([*tshark, "-T", "fields", "-e", "tcp.stream", "-Y", "tcp"]).split()
    count = 1 + max((int(one.split(b",")[-1]) for one in numbers), default=-1)
    found = []
    for first in range(0, count, AT_ONCE):
        follow = []
        for one in range(first, min(first + AT_ONCE, count)):
            follow += ["-z", f"follow,tcp,raw,{one}"]
        found += parse(streams.run([*tshark, "-q", *follow]))
    return found


if __name__ == "__main__":
    streams.main("tshark", __doc__, LACKS, collect)
