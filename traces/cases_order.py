# SPDX-License-Identifier: BSD-2-Clause
"""Cases: the order in which segments come, holes, duplicates, one direction alone."""

import random

import cases_wire as wire
from cases_list import BOTH, FAMILIES, case


@case("ack-before-data", users="Zeek #335, #1178, PR#861: a mirror shows the ACK before what it acknowledges; a gap "
      "was reported that is none, and the data was discarded as late", variants=BOTH)
def ack_before_data(t):
    """The client's ACKs of the reply come before the reply, as on a mirror port that reorders the two directions.

    Right: the whole reply, no gap: an ACK says that bytes were sent, not that they are lost."""
    talk = t.talk()
    talk.open()
    talk.a.say(200)
    with t.aside() as reply:
        talk.b.ack()
        talk.b.say(6000, mss=1000)
    for upto in (2000, 4000, 6000):
        talk.a.ack(upto)
    t.add(reply)
    talk.exchange()
    talk.close()


@case("ack-before-hole-is-filled", users="Zeek #335, PcapPlusPlus #851: what is behind an acknowledged hole was "
      "delivered as after a gap, and the late segment dropped", variants=FAMILIES,
      tshark="tshark ends a hole at the first acknowledgement behind it and drops what comes late")
def ack_before_hole_is_filled(t):
    """One segment comes 60 packets late, when all behind it has come and is acknowledged.

    Right: no gap: the default patience (1,024 packets of the direction) is longer than that."""
    talk = t.talk()
    talk.open()
    talk.exchange(100, 100)
    first, last = talk.b.write(61 * 200)
    with t.aside() as late:
        talk.b.put(first, first + 200)
    for at in range(first + 200, last, 200):
        talk.b.put(at, at + 200)
        talk.a.ack()
    t.add(late)
    talk.a.ack()
    talk.close()


@case("data-of-the-other-side-while-a-hole-is-open", users="PcapPlusPlus #851: data from the other side made the "
      "library take an open hole for lost", variants=FAMILIES)
def other_side(t):
    """While the client's direction has a hole the server sends ten segments; then the hole is filled.

    Right: both directions whole."""
    talk = t.talk()
    talk.open()
    talk.a.say(300)
    talk.a.write(900)
    talk.a.put(600, 900)
    talk.a.put(900, 1200)
    talk.b.ack(300)
    talk.b.say(5000, mss=500)
    talk.a.put(300, 600)
    talk.b.ack()
    talk.close()


@case("one-direction", users="PcapPlusPlus #656, Suricata async-oneside: of a one-way capture nothing was delivered "
      "until its end, or nothing at all", variants=FAMILIES)
def one_direction(t):
    """Only the server's packets were captured: SYN-ACK, data, FIN.

    Right: the stream whole, from the SYN-ACK on; the client's direction does not exist."""
    talk = t.talk()
    talk.b.syn(ack=True)
    talk.b.say(8000, mss=1000)
    talk.b.fin()


@case("one-direction-gap", users="PcapPlusPlus #405: one way and a hole: everything behind was buffered until the "
      "sequence number wrapped, at 80 % CPU", variants=BOTH, tshark="tshark drops what lies behind a hole that "
      "nobody acknowledges")
def one_direction_gap(t):
    """Only the server's packets were captured, and two of its segments are missing. No ACK will ever tell.

    Right: the bytes before, between and behind with two exact gaps, at the latest at the end of the trace."""
    talk = t.talk()
    talk.b.syn(ack=True)
    begin, last = talk.b.write(10000)
    for at in range(begin, last, 500):
        if at not in (1500, 7000):
            talk.b.put(at, at + 500)
    talk.b.fin()
    talk.b.seen(lacks=[(1500, 500), (7000, 500)])


@case("one-direction-gap-no-syn", users="PcapPlusPlus #405 with a capture that begins in the middle",
      variants=FAMILIES, tshark="tshark drops what lies behind a hole that nobody acknowledges")
def one_direction_gap_no_syn(t):
    """Only the server's packets, from the middle of its stream on; one segment is missing, and no FIN came.

    Right: it starts at the least position seen (start=mid) and has one gap."""
    talk = t.talk()
    talk.b.write(9000)
    for at in range(2000, 9000, 500):
        if at != 5000:
            talk.b.put(at, at + 500)
    talk.b.seen(lacks=[(3000, 500)], starts=2000)


@case("gap-lengths", users="PcapPlusPlus #1333: the length of a gap was wrong", variants=BOTH)
def gap_lengths(t):
    """Holes of 1, 2, 1,447 and 70,001 bytes, the second and third with one byte between them, all acknowledged, and a
    last one between data and FIN.

    Right: exactly these gaps."""
    talk = t.talk()
    talk.open()
    talk.b.write(80000)
    gaps = [(1000, 1), (1500, 2), (1503, 1447), (3500, 70001), (79990, 10)]
    at = 0
    for begin, size in gaps:
        for low in range(at, begin, 800):
            talk.b.put(low, min(low + 800, begin))
        at = begin + size
    talk.b.out = 80000
    talk.a.ack()
    talk.b.fin()
    talk.a.ack()
    talk.a.fin()
    talk.b.seen(lacks=gaps)


@case("lost-for-good", users="gopacket, libnids: after one lost packet the rest of a stream waits without end, or for "
      "as long as memory lasts (gopacket #444, #732, #1206)")
def lost_for_good(t):
    """The receiver acknowledges a segment that the capture did not see, and more than 1,024 packets follow.

    Right: the hole is a gap, and what is behind it is delivered, by default once 1,024 packets of the direction
    came."""
    talk = t.talk()
    talk.open()
    talk.b.write(1100 * 8)
    for at in range(0, 1100 * 8, 8):
        if at != 8:
            talk.b.put(at, at + 8)
        if at == 80:
            talk.a.ack()
    talk.a.ack()
    talk.close()
    talk.b.seen(lacks=[(8, 8)])


@case("duplicates-without-ack", users="Zeek #575: duplicates without ACKs cost some 50,000 list steps a packet")
def duplicates_without_ack(t):
    """Each of 12 segments comes 50 times, and the other direction says nothing in between.

    Right: each byte once."""
    talk = t.talk()
    talk.open()
    talk.b.write(240)
    for at in range(0, 240, 20):
        for _ in range(50):
            talk.b.put(at, at + 20)
    talk.a.ack()
    talk.close()


@case("duplicates-above-a-hole", users="Zeek #575, SurgeProtector (Pigasus PR#16): the same, where each copy has to "
      "be looked for in what is held")
def duplicates_above_a_hole(t):
    """Eleven segments come 50 times each in turns, above a hole that is filled at last.

    Right: each byte once, no gap."""
    talk = t.talk()
    talk.open()
    talk.b.write(240)
    for _ in range(50):
        for at in range(20, 240, 20):
            talk.b.put(at, at + 20)
    talk.b.put(0, 20)
    talk.a.ack()
    talk.close()


@case("captured-twice", users="Beats #621: with af_packet on `any` every packet comes twice", variants=FAMILIES)
def captured_twice(t):
    """Every packet of two connections twice, SYN, FIN and pure ACKs too.

    Right: two connections, each byte once."""
    for _ in range(2):
        talk = t.talk()
        with t.aside() as frames:
            talk.open()
            talk.exchange(150, 2500)
            talk.close()
        for frame in frames:
            t.add([frame, frame])


@case("directions-apart", users="Suricata, userguide on asymmetric RSS: each direction is in order, but they are "
      "apart from each other, and 'none of the supported capture methods can fix this'", variants=FAMILIES)
def directions_apart(t):
    """All packets of the server first, then all of the client's.

    Right: both directions whole, one connection."""
    talk = t.talk()
    with t.aside() as frames:
        talk.open()
        for _ in range(4):
            talk.exchange(300, 1200)
        talk.close()
    of_b = [frame for frame in frames if frame.data[6:12] == wire.mac(talk.b.ip)]
    t.add(of_b + [frame for frame in frames if frame not in of_b])


@case("late-by-300-packets", users="Retina (100 segments, then the connection is dropped), TRex #813 (90 % of what "
      "was out of order dropped by a cap)")
def late_by_300(t):
    """A segment comes 300 packets late; meanwhile nothing is acknowledged behind it.

    Right: no gap."""
    talk = t.talk()
    talk.open()
    talk.b.write(301 * 30)
    for at in range(30, 301 * 30, 30):
        talk.b.put(at, at + 30)
    talk.a.ack(0)
    talk.b.put(0, 30)
    talk.a.ack()
    talk.close()


@case("many-segments-above-a-hole", users="Snort 3 #263, #345 (recursion over 3,058 segments above one hole: crash), "
      "Pigasus, libnids (its queue of segments runs out)")
def many_above_a_hole(t):
    """1,600 segments of one byte above a hole of one byte, in random order; at last the hole is filled.

    Right: no gap. (tests of the engine's cost do the same with 50,000 and in other orders.)"""
    talk = t.talk()
    talk.open()
    talk.b.write(1601)
    order = list(range(1, 1601))
    random.Random(7).shuffle(order)
    for at in order:
        talk.b.put(at, at + 1)
    talk.b.put(0, 1)
    talk.a.ack()
    talk.close()


@case("wrap-inside-a-reordered-run", users="Pigasus RTL (compares sequence numbers with a plain >), libnids doc/TESTS",
      variants={"": {"isn_b": 2**32 - 1600}, "ipv6": {"v": 6, "isn_b": 2**32 - 1600},
                "at-the-syn": {"isn_b": 2**32 - 1}, "before-fin": {"isn_b": 2**32 - 3201}})
def wrap_inside(t, isn_b):
    """32 segments come in reverse order, and the sequence number wraps among them (or at the SYN, or at the FIN).

    Right: no gap, all in order."""
    talk = t.talk(isn_b=isn_b)
    talk.open()
    talk.a.say(50)
    talk.b.write(3200)
    with t.aside() as frames:
        for at in range(0, 3200, 100):
            talk.b.put(at, at + 100)
    t.add(frames[::-1])
    talk.a.ack()
    talk.close()
