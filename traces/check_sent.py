#!/usr/bin/env python3
"""Compare what programs sent (NAME.pcap.sent) with what the engine found in
the capture (NAME.pcap.golden).

The .sent file comes from the programs' own system calls (in cases/ from the
scripts that made the packets), the .golden file from the packets alone, so
agreement says that reassembly is right.  A stream marked `partial` was cut by
a reset: the capture must hold a prefix of it.  One with `seen=N:DIGEST
gaps=LIST` cannot be found as it was sent: the capture lacks some of it, or
holds other bytes, too; then that is what must be found.

Exit status: 0 all agree, 1 something differs, 2 wrong usage, or a file is
missing or cannot be understood.
"""

import argparse
import glob
import hashlib
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TCP = re.compile(r"^tcp (\S+ > \S+ #\d+) bytes=(\d+) sha256=([0-9a-f]{64})"
                 r"((?: \S+)*)$")
UDP = re.compile(r"^udp (\S+ > \S+) (datagrams=\d+ bytes=\d+ "
                 r"sha256=[0-9a-f]{64})((?: \S+)*)$")
# streams that are cut hold shake_256 of one of these (see peers.py)
SEEDS = ["reset-partial-%d" % number for number in range(10)]


class Unreadable(Exception):
    """A file is missing or holds a line of no known kind."""


def load(path):
    """{("tcp", who): (bytes, digest, words)} and {("udp", who): text}"""
    found = {}
    try:
        with open(path) as handle:
            lines = handle.read().splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise Unreadable("%s: %s" % (path, problem))
    for number, line in enumerate(lines, 1):
        if line.startswith("#") or not line.strip():
            continue
        key, value = understand(line, "%s:%d" % (path, number))
        if key in found:
            raise Unreadable("%s:%d: the stream occurs twice"
                             % (path, number))
        found[key] = value
    return found


def understand(line, place):
    match = TCP.match(line)
    if match:
        who, size, digest, words = match.groups()
        return ("tcp", who), (int(size), digest, words.split())
    match = UDP.match(line)
    if match:
        return ("udp", match.group(1)), match.group(2)
    raise Unreadable("%s: not understood: %s" % (place, line))


def prefix_digest(size, digest, length):
    """The digest of the first length bytes of a cut stream, None if its
    content is not known."""
    for seed in SEEDS:
        data = hashlib.shake_256(seed.encode()).digest(size)
        if hashlib.sha256(data).hexdigest() == digest:
            return hashlib.sha256(data[:length]).hexdigest()
    return None


def differs_tcp(sent, golden):
    """What is wrong with one TCP stream, or None."""
    size, digest, words = sent
    if any(word.startswith("seen=") for word in words):
        return differs_seen(words, golden)
    if golden is None:
        return "not in the golden file"
    length, found, notes = golden
    if "partial" in words:
        if length > size:
            return "sent %d bytes, the golden file has %d" % (size, length)
        if found != prefix_digest(size, digest, length):
            return "the %d bytes are no prefix of those sent" % length
        return None
    if length != size:
        return "sent %d bytes, the golden file has %d" % (size, length)
    if found != digest:
        return "same length, other bytes"
    if any(note.startswith("gaps=") and note != "gaps=-" for note in notes):
        return "the golden file tells of gaps: " + " ".join(notes)
    return None


def differs_seen(words, golden):
    """The same for a stream that is not all there; golden is None when it
    has no line, as if nothing of it was found."""
    length, found, notes = golden or (0, hashlib.sha256().hexdigest(),
                                      ["gaps=-"])
    gaps = [note for note in notes if note.startswith("gaps=")]
    want = sorted(words)
    have = sorted(["seen=%d:%s" % (length, found)] + gaps)
    return None if want == have else \
        "expected %s, golden %s" % (" ".join(want), " ".join(have))


def compare(sent, golden):
    problems = []
    for key, value in sorted(sent.items()):
        if key[0] == "tcp":
            text = differs_tcp(value, golden.get(key))
        elif key not in golden:
            text = "not in the golden file"
        else:
            text = None if golden[key] == value else \
                "sent %s, golden %s" % (value, golden[key])
        if text:
            problems.append("%s %s: %s" % (*key, text))
    for key, value in sorted(golden.items()):
        empty = key[0] == "tcp" and value[0] == 0
        if key not in sent and not empty:
            problems.append("%s %s: nobody sent this" % key)
    return problems


def arguments():
    parser = argparse.ArgumentParser(
        description="Compare NAME.pcap.sent with NAME.pcap.golden.")
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="traces (default: all that have a .sent file)")
    parser.add_argument("-d", metavar="DIR", default=HERE,
                        help="folder (default: beside this script)")
    return parser.parse_args()


def main():
    chosen = arguments()
    names = chosen.names or sorted(
        os.path.basename(path)[:-len(".pcap.sent")]
        for path in glob.glob(os.path.join(glob.escape(chosen.d),
                                           "*.pcap.sent")))
    if not names:
        print("check_sent.py: no .sent files in " + chosen.d, file=sys.stderr)
        return 2
    status = 0
    for name in names:
        base = os.path.join(chosen.d, name + ".pcap")
        try:
            sent = load(base + ".sent")
            problems = compare(sent, load(base + ".golden"))
        except Unreadable as problem:
            print("check_sent.py: %s" % problem, file=sys.stderr)
            status = 2
            continue
        for problem in problems:
            print("%s: %s" % (name, problem))
        if problems:
            status = max(status, 1)
        else:
            print("%s: %d streams agree" % (name, len(sent)))
    return status


if __name__ == "__main__":
    sys.exit(main())
