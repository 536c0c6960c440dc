# SPDX-License-Identifier: BSD-2-Clause
"""Cases: what happens below TCP: fragments, checksums, cut frames, padding, offloads, tags."""

from cases_list import FAMILIES, case
from cases_talk import flipped
from cases_wire import ACK, FIN, RST, WRONG, ZERO


@case("fragments-first-comes-last", users="suricata-verify defrag, Retina #98: only the first fragment has the ports",
      variants=FAMILIES)
def fragments_first_last(t):
    """Three segments in fragments of 520 bytes each; of the second one the fragments come in reverse order.

    Right: the stream whole, in order."""
    talk = t.talk()
    talk.open()
    talk.a.say(100)
    for turn in range(3):
        with t.aside() as frames:
            talk.b.say(1400, fragment=520)
        t.add(frames[::-1] if turn == 1 else frames)
    talk.a.ack()
    talk.close()


@case("fragments-interleaved", users="Retina #98, af_packet's DEFRAG flag (Zeek plugin #17): fragments are hashed "
      "apart from their session", variants=FAMILIES)
def fragments_interleaved(t):
    """Four sessions whose hosts use the same IP identification at the same time; their fragments come in turns.

    Right: each stream whole: fragments belong together by addresses, protocol and identification."""
    talks = [t.talk() for _ in range(4)]
    for talk in talks:
        talk.open()
    per_talk = []
    for talk in talks:
        with t.aside() as frames:
            talk.b.say(1600, fragment=400, ident=77)
        per_talk.append(frames)
    for turn in zip(*per_talk):
        t.add(turn)
    for talk in talks:
        talk.a.ack()
        talk.close()


@case("fragments-far-apart", users="Retina #98: fragments of a session travel another way than the rest of it",
      variants=FAMILIES)
def fragments_far_apart(t):
    """Between the two fragments of one segment come 120 packets of the same session.

    Right: no gap."""
    talk = t.talk()
    talk.open()
    talk.b.write(800 + 60 * 40)
    with t.aside() as frames:
        talk.b.put(0, 800, fragment=424)
    t.add(frames[:1])
    for at in range(800, 800 + 60 * 40, 40):
        talk.b.put(at, at + 40)
        talk.a.ack(0)
    t.add(frames[1:])
    talk.a.ack()
    talk.close()


@case("fragments-tiny", users="tiny-fragment evasion (RFC 1858, Ptacek and Newsham): the TCP header in two fragments",
      variants=FAMILIES)
def fragments_tiny(t):
    """Fragments of 8 bytes: ports and sequence number in the first, flags in the second; a fragment twice.

    Right: the stream whole."""
    talk = t.talk()
    talk.open()
    with t.aside() as frames:
        talk.a.say(64, fragment=8)
    t.add(frames[:3] + frames[2:])
    talk.b.ack()
    talk.b.say(500)
    talk.a.ack()
    talk.close()


@case("fragment-missing", users="suricata-verify PR#2909, libnids: a datagram that never gets complete",
      variants=FAMILIES)
def fragment_missing(t):
    """One fragment of a segment was never captured; the segment comes again, whole and not in fragments.

    Right: no gap: the incomplete datagram says nothing."""
    talk = t.talk()
    talk.open()
    with t.aside() as frames:
        talk.b.say(1200, fragment=400)
    t.add(frames[:1] + frames[2:])
    talk.b.say(700)
    talk.a.ack(0)
    talk.b.put(0, 1200)
    talk.a.ack()
    talk.close()


@case("fragments-udp", users="slimcap #99, Retina #98: UDP in fragments", variants=FAMILIES)
def fragments_udp(t):
    """Datagrams in fragments: in order, in reverse, two in turns, one incomplete.

    Right: each complete datagram, with its own bytes; nothing of the incomplete one."""
    talk = t.talk()
    t.udp(300, talk)
    for turn in range(2):
        with t.aside() as frames:
            t.udp(2500, talk, fragment=800)
        t.add(frames[::-1] if turn else frames)
    with t.aside() as one:
        t.udp(1500, talk, fragment=800)
    with t.aside() as two:
        t.udp(1500, talk, fragment=800)
    t.add([one[0], two[0], two[1], one[1]])
    with t.aside() as frames:
        t.udp(1500, talk, fragment=800, arrives=False)
    t.add(frames[:1])


SUMS = {"verify": {"checksum": "verify"}, "ignore": {"checksum": "ignore"},
        "verify-ipv6": {"checksum": "verify", "v": 6}, "ignore-ipv6": {"checksum": "ignore", "v": 6}}
IGNORES = "tshark 4.0 does not verify checksums unless asked to"


@case("bad-checksum-first-copy", users="Zeek #5294 (silent discard), Suricata and Ptacek-Newsham (insertion)",
      variants=SUMS, tshark={"verify": IGNORES, "verify-ipv6": IGNORES})
def bad_checksum(t):
    """A segment whose bytes are damaged, with a TCP checksum that says so; then the good copy. Once in order, once
    above a hole.

    Right: verifying, the bad copies are counted (bad_checksum) and say nothing; ignoring checksums (as captures with
    offload make it necessary), the first copy counts."""
    talk = t.talk()
    talk.open()
    talk.b.write(1200)
    data = talk.b.data
    talk.b.put(0, 300, data=flipped(data[:300]), total=WRONG)
    talk.b.put(0, 300)
    talk.b.put(600, 900, data=flipped(data[600:900]), total=WRONG)
    talk.b.put(600, 900)
    talk.b.put(300, 600)
    talk.b.put(900, 1200)
    talk.a.ack()
    talk.close()
    if t.checksum == "ignore":
        talk.b.seen(shows=flipped(data[:300]) + data[300:600] + flipped(data[600:900]) + data[900:])


@case("bad-checksum-forged-end", users="Ptacek and Newsham: RST and FIN that no end accepts, and that end the "
      "watcher's stream", variants={"verify": {"checksum": "verify"}, "verify-ipv6": {"checksum": "verify", "v": 6}},
      tshark=IGNORES)
def bad_checksum_forged(t):
    """A FIN with forged data and an RST, both with wrong TCP checksums; the connection goes on.

    Right: verifying, they are counted and say nothing."""
    talk = t.talk()
    talk.open()
    talk.exchange(100, 500)
    at = talk.b.out
    talk.b.segment(at, b"no such thing", ACK | FIN, total=WRONG, real=False)
    talk.b.segment(at, b"", RST | ACK, total=WRONG)
    talk.exchange(100, 1500)
    talk.close()


@case("bad-ip-header-checksum", users="Ptacek and Newsham: a router would have dropped it",
      variants={"verify": {"checksum": "verify"}, "ignore": {"checksum": "ignore"}}, tshark={"verify": IGNORES})
def bad_header_checksum(t):
    """A forged segment with a right TCP checksum in a packet whose IPv4 header checksum is wrong; then the good copy.

    Right: verifying, the forged one is counted and says nothing; else it came first and counts."""
    talk = t.talk()
    talk.open()
    talk.b.write(500)
    forged = flipped(talk.b.data[:200])
    talk.b.put(0, 200, data=forged, header=WRONG)
    talk.b.put(0, 200)
    talk.b.put(200, 500)
    talk.a.ack()
    talk.close()
    if t.checksum == "ignore":
        talk.b.seen(shows=forged + talk.b.data[200:])


@case("zero-checksums", users="peers' list; captures on the sender with offload: Zeek #5294 dropped all silently",
      variants=FAMILIES)
def zero_checksums(t):
    """No checksum was filled in yet: TCP's and IPv4's are 0 in every packet.

    Right: ignoring checksums (the default in replay) the streams are whole."""
    t.defaults = {"total": ZERO, "header": ZERO}
    talk = t.talk()
    talk.open()
    talk.exchange(150, 4000)
    talk.close()


@case("zero-checksums-udp-verify", users="RFC 768 and RFC 8200: 0 says 'no checksum' over IPv4 and is wrong over IPv6",
      variants={"": {"checksum": "verify"}, "ipv6": {"checksum": "verify", "v": 6}})
def zero_checksums_udp(t):
    """Datagrams with right, zero and wrong checksums.

    Right: verifying, over IPv4 those with 0 count, over IPv6 they do not; wrong ones never."""
    talk = t.talk()
    t.udp(100, talk)
    t.udp(200, talk, total=ZERO, arrives=t.v == 4)
    t.udp(300, talk, total=WRONG, arrives=False)
    t.udp(400, talk)


def cut(t, size, v):
    """Headers are 14 + 20 (40) + 20 bytes here, and 12 more with time stamps."""
    return max(0, size - 14 - (20 if v == 4 else 40) - 20)


SNAPS = {"68": {"snap": 68}, "96": {"snap": 96}, "96-ipv6": {"snap": 96, "v": 6}}


@case("snap-length", users="a stream that is shifted by what was cut off, or zeros in its place; the capture of "
      "libpcap's old default",
      variants=SNAPS)
def snap_length(t, snap):
    """Captured with a snap length of 68 or 96 bytes: of each segment the first few bytes only.

    Right: those bytes at their places, and a gap for what was cut off, exactly."""
    t.snap = snap
    kept = cut(t, snap, t.v)
    talk = t.talk()
    talk.open()
    talk.exchange(kept - 1, 3)
    talk.b.say(3000, mss=600)
    talk.a.ack()
    talk.close()
    talk.b.seen(lacks=[(3 + 600 * n + kept, 600 - kept) for n in range(5)])


@case("snap-length-within-tcp-header", users="the same: a header that is not there is read beyond the frame",
      variants={"": {"snap": 48}, "ipv6": {"v": 6, "snap": 68}})
def snap_in_header(t, snap):
    """Captured with a snap length that cuts the TCP header (48 over IPv4, 68 over IPv6).

    Right: nothing can be told of these packets: no stream, and they are counted."""
    t.snap = snap
    talk = t.talk()
    talk.open()
    talk.exchange(200, 1000)
    talk.close()
    talk.a.hidden = talk.b.hidden = True


@case("ethernet-padding", users="engines that take a frame's length for the packet's; Etherleak (2003): the padding "
      "is old memory",
      variants={"zero": {"with_what": b"\0"}, "leak": {"with_what": b"GET / HTTP/1.1\r\n"},
                "vlan": {"with_what": b"leak", "vlan": 7},
                "trailer": {"with_what": b"\0", "trailer": b"\xde\xad\xbe\xef"},
                "trailer-ipv6": {"v": 6, "with_what": b"\0", "trailer": b"\xde\xad\xbe\xef"}})
def ethernet_padding(t, with_what, vlan=None, trailer=b""):
    """Frames of 60 bytes at least, filled up with zeros or with what lay in the sender's memory; with and without a
    tag; with a frame check sequence behind. Segments of 0 to 6 bytes.

    Right: padding is no data: the IP length says where the packet ends."""
    t.defaults = {"padding": with_what, "vlan": vlan, "trailer": trailer}
    talk = t.talk()
    talk.open()
    for size in (1, 2, 3, 4, 5, 6):
        talk.a.say(size)
        talk.b.ack()
        talk.b.say(7 - size)
        talk.a.ack()
    talk.exchange(100, 700)
    talk.close()


@case("vlan-tag-in-one-direction", users="mirrors that tag one direction: Suricata's vlan.use-for-tracking made two "
      "half connections of it", variants=FAMILIES)
def vlan_one_way(t):
    """The client's frames have a VLAN tag, the server's have none.

    Right: one connection (tags are not part of the key unless asked for)."""
    talk = t.talk()
    talk.a.defaults = {"vlan": 100}
    talk.open()
    talk.exchange(200, 3000)
    talk.close()


@case("super-packet-64k", users="Suricata PR#646: GRO and LRO 'break TCP state tracking'; a 16-bit length that "
      "overflows", variants=FAMILIES)
def super_packet(t):
    """A segment as big as an IP packet can be, 65,535 bytes with its header, as GRO makes it; another one above a hole.

    Right: all bytes."""
    talk = t.talk()
    most = 65535 - 20 - (20 if t.v == 4 else 0)
    talk.open()
    talk.a.say(90)
    talk.b.ack()
    talk.b.say(most)
    talk.b.write(3000)
    talk.b.put(most + 1000, most + 3000)
    talk.b.put(most, most + 1000)
    talk.a.ack()
    talk.close()


@case("super-packet-length-0", users="BIG TCP (Linux 6.3): the IPv4 total length is 0; Suricata PR#646 on "
      "super-packets")
def big_tcp4(t):
    """A segment of 70,000 bytes in one packet whose IPv4 total length is 0; and a small one of the same kind.

    Right: the length is that of the frame; all bytes."""
    talk = t.talk()
    talk.open()
    talk.a.say(90)
    talk.b.ack()
    talk.b.say(70000, length=0, padding=b"")
    talk.b.say(300, length=0, padding=b"")
    talk.a.ack()
    talk.close()


@case("super-packet-jumbogram", users="BIG TCP over IPv6 (Linux 5.19): payload length 0, a hop-by-hop option has it")
def big_tcp6(t):
    """A segment of 70,000 bytes in an IPv6 jumbogram (RFC 2675).

    Right: all bytes."""
    talk = t.talk(v=6)
    talk.open()
    talk.a.say(90)
    talk.b.ack()
    talk.b.say(70000, jumbo=True)
    talk.b.say(300)
    talk.a.ack()
    talk.close()


