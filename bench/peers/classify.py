# SPDX-License-Identifier: BSD-2-Clause
"""What a difference between a peer's stream and the reference is: a policy, or an error. The rules stand in RULES, in
the order in which they are tried; `differential.py --rules` prints them.

The reference is the oracle in tests/model, fed the same packets; a byte at a place is "sent there" when a packet of the
capture carries it for that place.
"""

from collections import namedtuple

RULES = (
    ("equal", "equal", "the same bytes and gaps"),
    ("unsupported", "not-supported", "of a kind that the engine says it does not do: IPv6, fragments, two VLAN tags"),
    ("policy", "overlap", "bytes differ only where the packets carry different ones for one place, and were sent there"),
    ("policy", "gap-stop", "exactly the bytes before the first that never came"),
    ("policy", "gap-zeros", "zeros stand for bytes that never came"),
    ("policy", "gap-skip", "bytes that never came are left out without a word"),
    ("policy", "gap-report", "the same bytes; gaps are reported in other places or lengths, as at a stream's end"),
    ("policy", "urgent", "urgent bytes are taken out of the stream"),
    ("policy", "no-handshake", "the stream is missing: the handshake is not in the capture whole"),
    ("policy", "mid-start", "without a SYN, where a stream begins is a matter of opinion: one begins within the other"),
    ("policy", "ambiguous", "the packets do not say which connection of the same addresses and ports they belong to"),
    ("error", "merged", "the bytes of two connections of the same addresses and ports as one stream"),
    ("error", "duplicated", "bytes that were delivered come again"),
    ("error", "wrong", "bytes that were never sent at that place"),
    ("error", "gave-up", "bytes that arrived are reported as missing: the hole was given up before they came"),
    ("error", "lost", "bytes that arrived are not delivered"),
    ("error", "extra", "a stream that is not there"),
    ("missing", "absent", "the whole stream is missing although its packets, and its handshake in whatever order, arrived"),
)
CLASS = {name: kind for kind, name, _ in RULES}
REASON = {name: text for _, name, text in RULES}

Finding = namedtuple("Finding", "rule src dst use detail")


class Reference:
    """The oracle's streams of a capture, and its packets by direction."""

    def __init__(self, streams, ambiguous):
        self.streams = [one for one in streams if one.data]
        self.ambiguous = ambiguous  # streams
        self.segments = {}          # {(src, dst): [(seq, payload)]}
        self.urgent = {}            # the same of packets with urgent data
        self.fragments = set()      # frozensets of the two addresses
        self.tags = set()           # (src, dst) of packets with two VLAN tags
        self.handshakes = {}        # {frozenset((src, dst)): (sequence numbers of SYNs, of SYN-ACKs)}
        self.by_direction = {}
        for one in sorted(self.streams, key=lambda stream: stream.use):
            self.by_direction.setdefault((one.src, one.dst), []).append(one)

    def whole_handshakes(self, one):
        """How many the packets of a connection's addresses hold, in whatever order."""
        syn, syn_ack = self.handshakes.get(frozenset((one.src, one.dst)), ((), ()))
        return min(len(syn), len(syn_ack))

    def is_urgent(self, one, offset):
        """Was the byte at this place in a packet with urgent data?"""
        return any((one.start_seq + offset - seq) & 0xFFFFFFFF < len(payload)
                   for seq, payload in self.urgent.get((one.src, one.dst), ()))

    def sent(self, one, offset):
        """The bytes that packets carry for a place of a stream."""
        if one.start_seq is None:
            return set()
        found = set()
        for seq, payload in self.segments.get((one.src, one.dst), ()):
            at = (one.start_seq + offset - seq) & 0xFFFFFFFF
            if at < len(payload):
                found.add(payload[at])
        return found


def pieces(data, gaps):
    """[(offset, bytes)] of data with gaps whose offsets count gaps."""
    found, at, taken = [], 0, 0
    for offset, length in gaps:
        n = min(max(offset - at, 0), len(data) - taken)
        if n:
            found.append((at, data[taken:taken + n]))
        taken += n
        at = offset + length
    if taken < len(data):
        found.append((at, data[taken:]))
    return found


def spread(data, gaps):
    """As one run of bytes with zeros for gaps that have something behind them, and a mask of what is there."""
    parts = pieces(data, gaps)
    end = max((at + len(part) for at, part in parts), default=0)
    out, mask = bytearray(end), bytearray(end)
    for at, part in parts:
        out[at:at + len(part)] = part
        mask[at:at + len(part)] = b"\1" * len(part)
    return bytes(out), mask


def first_difference(a, b):
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while high - low > 1:
        mid = (low + high) // 2
        if a[low:mid] == b[low:mid]:
            low = mid
        else:
            high = mid
    return low


def by_shift(reference, ref, data):
    """(rule, detail) for bytes that are not the reference's, which lie side by side from 0 on."""
    want = ref.data
    at = first_difference(want, data)
    if at == len(data):
        return "lost", f"ends at {at} of {len(want)} bytes"
    tail = data[at:at + 64]
    if at == len(want):
        kind = "duplicated" if len(tail) >= 8 and tail in want else "wrong"
        return kind, f"{len(data) - at} bytes behind the end"
    again, ahead = want.rfind(tail, 0, at + len(tail) - 1), want.find(tail, at + 1)
    if len(tail) >= 8 and ahead > at:
        return "lost", f"{ahead - at} bytes from offset {at} on"
    if len(tail) >= 8 and 0 <= again < at:
        return "duplicated", f"{at - again} bytes at offset {at}"
    if data[at] in reference.sent(ref, at):
        return "wrong", f"from offset {at} on, behind conflicting bytes"
    return "wrong", f"from offset {at} on"


def in_place(reference, ref, data, gaps):
    """Compares place by place: (rule, detail), or None where places do not help."""
    want, here = spread(ref.data, ref.gaps)
    got, there = spread(data, gaps)
    if len(got) != len(want):
        return None
    if want == got and here == there:
        return None
    conflicts = given_up = 0
    for offset in range(len(want)):
        if want[offset] == got[offset] and here[offset] == there[offset]:
            continue
        if here[offset] and there[offset] and got[offset] in reference.sent(ref, offset):
            conflicts += 1
        elif here[offset] and not there[offset]:
            given_up += 1
        else:
            return None
    if given_up:
        return "gave-up", f"{given_up} bytes"
    return ("overlap", f"{conflicts} bytes") if conflicts else None


def same_streams(ref, peer, gap_way):
    """Equal, or equal but for how the engine treats missing bytes: the rule, or None."""
    if peer.data == ref.data:
        if not ref.gaps or list(map(tuple, ref.gaps)) == list(map(tuple, peer.gaps)):
            return "equal" if list(map(tuple, ref.gaps)) == list(map(tuple, peer.gaps)) else "gap-report"
        if pieces(ref.data, ref.gaps) == [(0, ref.data)] and not peer.gaps:
            return "gap-report"  # nothing behind the gap
        return "gap-report" if peer.gaps else "gap-skip"
    if ref.gaps and gap_way == "stop" and peer.data == ref.data[:ref.gaps[0][0]]:
        return "gap-stop"
    if ref.gaps and gap_way == "zeros" and peer.data == spread(ref.data, ref.gaps)[0]:
        return "gap-zeros"
    return None


def urgent_out(reference, ref, data):
    """How many urgent bytes were taken out of the stream, where nothing else is missing; else 0."""
    at = taken = 0
    while (ref.src, ref.dst) in reference.urgent and at + taken < len(ref.data) and len(data) + taken <= len(ref.data):
        at += first_difference(ref.data[at + taken:], data[at:])
        if at + taken == len(ref.data) and at == len(data):
            return taken
        # Of equal bytes side by side any may be the urgent one: the first difference is behind them.
        back = 0
        while back <= at and not reference.is_urgent(ref, at + taken - back):
            if back == at or ref.data[at + taken - back - 1] != ref.data[at + taken]:
                return 0
            back += 1
        taken += 1
    return taken if taken and at == len(data) and at + taken == len(ref.data) else 0


def compare(reference, ref, peer, gap_way):
    """(rule, detail) for two streams that are taken for each other."""
    rule = same_streams(ref, peer, gap_way)
    if rule:
        return rule, ""
    gaps, data = peer.gaps, peer.data
    if gap_way == "zeros":
        gaps = [gap for gap in ref.gaps if gap[0] + gap[1] <= len(data) and not any(data[gap[0]:gap[0] + gap[1]])]
        data = b"".join(data[at:end] for at, end in between(gaps, len(data)))
    elif gap_way == "stop" and ref.gaps:
        gaps = ref.gaps[:1]
        ref = Cut(ref)
    found = in_place(reference, ref, data, gaps)
    if found:
        return found
    taken = urgent_out(reference, ref, data)
    if taken:
        return "urgent", f"{taken} bytes"
    if ref.mid and data and (ref.data.endswith(data) or data.endswith(ref.data)):
        return "mid-start", f"{len(data)} bytes, {len(ref.data)} in the reference"
    if list(map(tuple, gaps)) != list(map(tuple, ref.gaps)) and data == ref.data:
        return "gap-report", ""
    return by_shift(reference, ref, data)


class Cut:
    """A stream up to its first gap."""

    def __init__(self, ref):
        self.src, self.dst, self.use, self.mid, self.start_seq = ref.src, ref.dst, ref.use, ref.mid, ref.start_seq
        self.data, self.gaps = ref.data[:ref.gaps[0][0]], ref.gaps[:1]


def between(gaps, end):
    at = 0
    for offset, length in gaps:
        yield at, offset
        at = offset + length
    yield at, end


def supported(reference, one, lacks):
    """Does the engine do streams of this kind?"""
    address = [end.rsplit(":", 1)[0] for end in (one.src, one.dst)]
    if "ipv6" in lacks and address[0].startswith("["):
        return False
    if "qinq" in lacks and (one.src, one.dst) in reference.tags:
        return False
    return not ("fragments" in lacks and frozenset(address) in reference.fragments)


def absent(reference, ref, lacks, gap_way):
    """The rule for a stream that the engine does not have."""
    if not supported(reference, ref, lacks):
        return "not-supported", ""
    if "mid" in lacks and reference.whole_handshakes(ref) <= ref.use:
        return "no-handshake", f"{len(ref.data)} bytes"
    if gap_way == "stop" and ref.gaps and ref.gaps[0][0] == 0:
        return "gap-stop", "a gap before the first byte"
    if ref in reference.ambiguous:
        return "ambiguous", f"{len(ref.data)} bytes"
    return "absent", f"{len(ref.data)} bytes"


def direction(reference, refs, peers, lacks, gap_way):
    """The findings of one direction."""
    found, left = [], list(peers)
    open_refs = []
    for ref in refs:
        match = next((one for one in left if same_streams(ref, one, gap_way)), None)
        if match is None:
            open_refs.append(ref)
            continue
        left.remove(match)
        found.append((ref, same_streams(ref, match, gap_way), ""))
    if len(left) == 1 and len(open_refs) > 1 and all(ref.data in left[0].data for ref in open_refs):
        return found + [(ref, "merged", f"{len(left[0].data)} bytes in one stream") for ref in open_refs]
    for ref in open_refs:
        if left:
            rule, detail = compare(reference, ref, left.pop(0), gap_way)
        else:
            rule, detail = absent(reference, ref, lacks, gap_way)
        if CLASS[rule] == "error" and not supported(reference, ref, lacks):
            rule = "not-supported"
        if CLASS[rule] in ("error", "missing") and ref in reference.ambiguous:
            rule = "ambiguous"
        found.append((ref, rule, detail))
    for one in left:
        rule = "extra" if supported(reference, one, lacks) else "not-supported"
        if rule == "extra" and any(one.data in ref.data for ref in refs):
            rule = "duplicated"
        if rule in ("extra", "duplicated") and any(ref in reference.ambiguous for ref in refs):
            rule = "ambiguous"
        found.append((one, rule, f"{len(one.data)} bytes"))
    return found


def classify(reference, peers, lacks):
    """A Finding for every stream of the reference, and for streams that only the peer has."""
    gap_way = lacks.get("gaps", "yes")
    missing = {word for word, value in lacks.items() if value == "no"}
    groups = {}
    for one in peers:
        groups.setdefault((one.src, one.dst), []).append(one)
    findings = []
    for key in sorted(set(reference.by_direction) | set(groups)):
        for one, rule, detail in direction(reference, reference.by_direction.get(key, []), groups.get(key, []), missing, gap_way):
            findings.append(Finding(rule, one.src, one.dst, one.use, detail))
    return findings
