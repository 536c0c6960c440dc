#!/usr/bin/env python3
"""Holds the oracle against answers that others gave for real captures.

    check_streams.py [--list] [CAPTURES]      CAPTURES: the folder of STREAMS.tsv, else $FLOWOS_CAPTURES

1. STREAMS.tsv: bytes, MD5 and missing bytes per stream direction as tshark follows them. Every difference must be
   listed in known_differences.tsv under a kind, and each kind is proved by code (see `explain`); a listed difference
   that no longer occurs fails as well. `--list` prints the table's rows as they would be now.
2. EXPECTED.tsv: reassembled bytes of other projects' tests (`raw-stream`) and captures without fragments (`defrag`).
Exit status: 0 all holds or the captures are not there, 1 not.
"""

import csv
import hashlib
import os
import re
import sys
from collections import defaultdict

import oracle

HERE = os.path.dirname(os.path.abspath(__file__))

REASONS = {
    "unacknowledged": "tshark drops what lies behind a hole that the peer never acknowledges; up to the hole all is equal",
    "first-packet": "tshark starts a direction at the first packet seen, the model at the least payload held; what "
                    "both take (up to a hole never acknowledged) is equal",
    "impatient": "tshark ends a hole at the first acknowledgement behind it and drops what comes late; with "
                 "--hole-wait 0 the model does too, and up to a hole never acknowledged all is equal",
    "split": "a forged FIN before the real SYN-ACK: the model makes two uses where tshark has one stream; put "
             "together they are equal",
    "window": "holes of more than 1 GiB, some of more than 2 GiB: the model refuses what is beyond its window",
}


def table(path):
    with open(path, newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


class Wanted:
    """One direction of a row of STREAMS.tsv."""

    def __init__(self, row, side):
        self.source = row["node0" if side == "0to1" else "node1"]
        self.bytes, self.md5 = int(row["bytes_" + side]), row["md5_" + side]
        self.missing = int(row["missing_" + side])

    def is_data(self, data, missing):
        md5 = hashlib.md5(data).hexdigest() if data else "-"
        return (len(data), md5, missing) == (self.bytes, self.md5, self.missing)

    def is_stream(self, stream):
        if stream is None:
            return self.is_data(b"", 0)
        return self.is_data(stream.data, sum(length for _, length in stream.gaps))


def pieces(stream):
    """The stream in order: ("data", offset, bytes) and ("gap", offset, length)."""
    offset, index = 0, 0
    for gap, length in stream.gaps + [(None, 0)]:
        data = stream.data[index:index + gap - offset] if gap is not None else stream.data[index:]
        if data:
            yield "data", offset, data
            offset, index = offset + len(data), index + len(data)
        if gap is not None:
            yield "gap", offset, length
            offset += length


def is_prefix(wanted, stream, start):
    """Whether `wanted` is the stream from offset `start` to one of its ends or holes that the peer does not ack."""
    data, missing = b"", max(0, -start)
    for kind, offset, what in pieces(stream):
        if kind == "gap":
            behind_is_unacknowledged = stream.acknowledged is None or stream.acknowledged <= offset + what
            if behind_is_unacknowledged and wanted.is_data(data, missing):
                return True
            missing += max(0, offset + what - max(offset, start))
        else:
            data += what[max(0, start - offset):]
    if start < 0 and wanted.is_data(b"", 0):  # the hole is the one between the first packet and the first payload
        return stream.acknowledged is None or stream.acknowledged <= 0
    return wanted.is_data(data, missing)


def explain(wanted, stream, uses, impatient):
    """The kind of difference that is proved to be the whole difference, or None."""
    if stream is not None:
        if is_prefix(wanted, stream, 0):
            return "unacknowledged"
        if stream.mid and stream.first_seen and is_prefix(wanted, stream, stream.first_seen):
            return "first-packet"
    together = [use[wanted.source] for use in uses if wanted.source in use]
    if len(together) > 1 and wanted.is_data(b"".join(one.data for one in together),
                                            sum(length for one in together for _, length in one.gaps)):
        return "split"
    if stream is not None and stream.undelivered["out_of_window"] and stream.undelivered["before_start"]:
        return "window"
    hasty = impatient(wanted.source, stream)
    if hasty is not None and is_prefix(wanted, hasty, 0):
        return "impatient"
    return None


def uses_by_ends(streams):
    """Per pair of endpoints its uses in order, each a map from source to stream."""
    found = defaultdict(lambda: defaultdict(dict))
    for stream in streams:
        found[frozenset((stream.src, stream.dst))][stream.use][stream.src] = stream
    return {ends: [uses[number] for number in sorted(uses)] for ends, uses in found.items()}


def compare_capture(root, name, rows):
    """(compared, equal, differences, complaints) of one capture; a difference is (stream, side, kind)."""
    path = os.path.join(root, name)
    streams = oracle.run(path)
    ours, seen, compared, equal = uses_by_ends(streams), defaultdict(int), 0, 0
    differences, complaints = [], []

    def impatient(source, stream):
        if stream is None:
            return None
        hasty = oracle.run(path, oracle.Options(hole_wait="0", only=[f"{stream.src} > {stream.dst}"]))
        return next((one for one in hasty if one.src == source and one.use == stream.use), None)

    for row in rows:
        ends = frozenset((row["node0"], row["node1"]))
        uses, number = ours.get(ends, []), seen[ends]
        seen[ends] += 1
        for side in ("0to1", "1to0"):
            wanted = Wanted(row, side)
            stream = uses[number].get(wanted.source) if number < len(uses) else None
            compared += 1
            if wanted.is_stream(stream):
                equal += 1
            else:
                differences.append((row["tcp.stream"], side, explain(wanted, stream, uses, impatient)))
    split = any(kind == "split" for _, _, kind in differences)
    for ends, uses in ours.items():
        for use in uses[seen[ends]:]:
            if any(stream.data for stream in use.values()) and not split:
                complaints.append(f"{name}: {' '.join(sorted(ends))}: a use with data that the table does not have")
    return compared, equal, differences, complaints


def check_table(root, list_only):
    captures, unreadable = defaultdict(list), 0
    for row in table(os.path.join(root, "STREAMS.tsv")):
        if row["node0"] == ":0":
            unreadable += 1
        else:
            captures[row["capture"]].append(row)
    known = {(row["capture"], row["stream"], row["direction"]): row["kind"]
             for row in table(os.path.join(HERE, "known_differences.tsv"))} if not list_only else {}
    totals, kinds, failures = [0, 0], defaultdict(int), []
    for name, rows in captures.items():
        compared, equal, differences, complaints = compare_capture(root, name, rows)
        totals[0] += compared
        totals[1] += equal
        failures += complaints
        for number, side, kind in differences:
            listed = known.pop((name, number, side), None)
            kinds[kind] += 1
            if list_only:
                print("\t".join((name, number, side, str(kind), REASONS.get(kind, "?"))))
            elif kind is None or kind != listed:
                failures.append(f"{name}: stream {number} {side}: differs: {kind}, listed: {listed}")
    failures += [f"{' '.join(key)}: listed as {kind}, but equal" for key, kind in known.items()]
    if not list_only:
        print(f"tshark: {totals[0]} stream directions of {len(captures)} captures, {totals[1]} equal, explained: "
              + (", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=str)) or "none")
              + f"; {unreadable} rows of the table name no stream")
    return failures


# EXPECTED.tsv

CHANGED = re.compile("missing|manual_close|retransmission")  # tests that leave out or change packets of the capture
MISSING = re.compile(rb"\[(\d+) bytes missing\]")


def is_interleaving(whole, first, second):
    """Whether `whole` is made of `first` and `second`, each in order, taken in turns."""
    taken = {0}  # how much of `first` may be in whole[:at]
    for at, byte in enumerate(whole):
        following = {a + 1 for a in taken if a < len(first) and first[a] == byte}
        following |= {a for a in taken if at - a < len(second) and second[at - a] == byte}
        if not following:
            return False
        taken = following
    return len(first) in taken and len(whole) == len(first) + len(second)


def check_raw_stream(streams, path):
    """Whether the file is one stream of the capture or the two of one conversation, with the same bytes missing."""
    with open(path, "rb") as file:
        whole = file.read()
    if whole.startswith(b"### BTest baseline"):
        whole = whole.split(b"\n", 1)[1]
    missing, whole = sum(map(int, MISSING.findall(whole))), MISSING.sub(b"", whole)
    for uses in uses_by_ends(streams).values():
        for use in uses:
            pair = list(use.values())
            for group in [[one] for one in pair] + ([pair] if len(pair) == 2 else []):
                gaps = sum(length for stream in group for _, length in stream.gaps)
                if sum(len(stream.data) for stream in group) != len(whole) or gaps != missing:
                    continue
                if len(group) == 1 and group[0].data == whole:
                    return True
                if len(group) == 2 and is_interleaving(whole, group[0].data, group[1].data):
                    return True
    return False


def check_defrag(streams, expected):
    """Every datagram and stream of the capture without fragments is among the capture's."""
    datagrams = {digest for conversation in streams.udp for digest in conversation.digests}
    data = {stream.sha256 for stream in streams}
    return (all(digest in datagrams for conversation in expected.udp for digest in conversation.digests)
            and all(stream.sha256 in data for stream in expected))


def check_expected(root):
    failures, equal, skipped = [], 0, 0
    for row in table(os.path.join(root, "EXPECTED.tsv")):
        path = os.path.join(root, row["expected"])
        edited = "applies after the test edits" in row["note"] and CHANGED.search(path)
        if row["kind"] not in ("raw-stream", "defrag"):
            continue
        if edited or "metadata" in path:  # made of other packets than the capture's; counts, no bytes
            skipped += 1
            continue
        streams = oracle.run(os.path.join(root, row["capture"]))
        if row["kind"] == "raw-stream":
            holds = check_raw_stream(streams, path)
        else:
            holds = check_defrag(streams, oracle.run(path))
        if holds:
            equal += 1
        else:
            failures.append(f"{row['capture']}: not as {row['expected']}")
    print(f"others' tests: {equal} equal, {len(failures)} not, {skipped} cannot be compared")
    return failures


def main():
    arguments = [one for one in sys.argv[1:] if one != "--list"]
    root = arguments[0] if arguments else os.environ.get("FLOWOS_CAPTURES", "")
    if not os.path.exists(os.path.join(root, "STREAMS.tsv")):
        print(f"skipped: no captures at '{root}' (give the folder of STREAMS.tsv or set FLOWOS_CAPTURES)")
        return 0
    list_only = "--list" in sys.argv
    if list_only:
        print("\t".join(("capture", "stream", "direction", "kind", "reason")))
    failures = check_table(root, list_only)
    if not list_only:
        failures += check_expected(root)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
