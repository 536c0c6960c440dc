# SPDX-License-Identifier: BSD-2-Clause
"""Cases: bytes that come more than once or as other bytes: overlaps, conflicts, probes, urgent data."""

import itertools

from cases_list import BOTH, FAMILIES, case
from cases_talk import content, flipped
from cases_wire import ACK, PSH, URG, timestamps

POLICIES = ("bsd", "first", "last", "linux", "solaris")
BY_POLICY = {policy: {"overlap": policy} for policy in POLICIES}


@case("overlap-old-and-new-bytes", users="Pigasus RTL: a segment that overlaps what was delivered, or held, was "
      "dropped whole, new bytes and all", variants=BOTH)
def overlap_old_and_new(t):
    """Retransmissions at other boundaries: from the middle of old bytes to the middle of new ones; the same above a
    hole, over the edges of held segments on both sides.

    Right: each byte once, no gap."""
    talk = t.talk()
    talk.open()
    talk.b.write(1600)
    for first, last in ((0, 400), (200, 600), (550, 700),                   # old and new
                        (900, 1000), (1100, 1200), (950, 1150), (850, 950),  # held on the right, on both, on the left
                        (1000, 1300), (650, 1250),                          # over the hole and all that is held
                        (1250, 1600), (0, 1600)):
        talk.b.put(first, last)
    talk.a.ack()
    talk.close()


@case("overlap-triplets", users="PYROLYSE (RAID 2025): policies for pairs do not tell what becomes of three",
      variants={"": {}, "ipv6": {"v": 6}, "wrap": {"isn_b": 2**32 - 1 - 130}})
def overlap_triplets(t, isn_b=None):
    """Three segments that overlap in a chain, nested, and with the same start, in all six orders, above a hole that is
    then filled; with the same bytes wherever they overlap.

    Right: each byte once, whatever the order and the policy."""
    for ranges in (((100, 200), (150, 250), (220, 320)), ((100, 320), (150, 250), (180, 200)),
                   ((100, 200), (100, 260), (100, 320))):
        for order in itertools.permutations(ranges):
            talk = t.talk(isn_b=isn_b)
            talk.open()
            talk.b.write(320)
            for first, last in order:
                talk.b.put(first, last)
            talk.b.put(0, 100)
            talk.a.ack()
            talk.close()


# Which segment gives [40,60), [60,80), [80,100), [100,120) of conflict-triplet: B came first, then A, then C.
# bsd: A begins before B, C begins where A does and behind nothing of its own. linux: C also ends later than A, and so
# wins. solaris: A begins before B but ends before it; C reaches as far as either.
TRIPLET = {"bsd": "AACC", "first": "ABBC", "last": "CCCC", "linux": "CCCC", "solaris": "CCCC"}


@case("conflict-triplet", users="PYROLYSE: three versions of the same bytes", variants=BY_POLICY,
      tshark={policy: "tshark has a policy of its own" for policy in POLICIES})
def conflict_triplet(t):
    """Above a hole, three segments with other bytes each: B [60, 100), then A [40, 80), then C [40, 120).

    Right: the policy's answer for each pair that meets, as in the published tables."""
    talk = t.talk()
    talk.open()
    talk.b.write(120)
    whole = {name: content("triplet " + name, 120) for name in "AB"}
    whole["C"] = talk.b.data
    for name, first, last in (("B", 60, 100), ("A", 40, 80), ("C", 40, 120)):
        talk.b.put(first, last, data=whole[name][first:last])
    talk.b.put(0, 40)
    talk.a.ack()
    talk.close()
    parts = zip(TRIPLET[t.overlap], range(40, 120, 20))
    talk.b.seen(shows=talk.b.data[:40] + b"".join(whole[name][at:at + 20] for name, at in parts))


@case("conflict-above-a-hole", users="gopacket #81, Zeek rexmit_inconsistency, Novak and Sturges 2007: two versions of "
      "the same bytes", variants=BY_POLICY,
      tshark={policy: "tshark has a policy of its own" for policy in ("first", "last", "solaris")})
def conflict_above_a_hole(t):
    """Above a hole: bytes [100, 200) come twice with other bytes. In the first
    connection both segments are the same range; in the second the later one begins before the earlier, in the third it
    begins behind it and ends behind it.

    Right: the policy decides, as in the published tables: the later one wins the same range with last and solaris
    (which wants to end at least as late); the left-hand one wins with bsd, linux, last and solaris; the one that
    ends later wins with last and solaris."""
    later_wins = {"same": ("last", "solaris"), "before": ("bsd", "linux", "last", "solaris"),
                  "behind": ("last", "solaris")}
    for kind, (first, last) in (("same", (100, 200)), ("before", (50, 200)), ("behind", (150, 250))):
        talk = t.talk()
        talk.open()
        talk.b.write(300)
        data = talk.b.data
        forged = flipped(data[100:200])
        talk.b.put(100, 200, data=forged)
        talk.b.put(first, last)
        for begin, end in ((200, 300), (50, 100), (0, 50)):
            talk.b.put(begin, end)
        talk.a.ack()
        talk.close()
        low, high = max(100, first), min(200, last)
        shown = bytearray(data)
        shown[100:200] = forged
        if t.overlap in later_wins[kind]:
            shown[low:high] = data[low:high]
        talk.b.seen(shows=bytes(shown))


@case("conflict-injected", users="quantum insert (Zeek btest), gopacket #81: a forged answer wins the race",
      variants={policy: {"overlap": policy} for policy in ("bsd", "last")})
def conflict_injected(t):
    """A forged reply of the same length comes before the server's own, in order, and is delivered at once.

    Right: with every policy what was delivered stays delivered (as at a real receiver): the forged bytes; the real
    ones count as a conflict."""
    talk = t.talk()
    talk.open()
    talk.a.say(120)
    talk.b.write(800)
    forged = content("forged", 400)
    talk.b.put(0, 400, data=forged)
    talk.b.put(0, 400)
    talk.a.ack()
    talk.b.put(400, 800)
    talk.a.ack()
    talk.close()
    talk.b.seen(shows=forged + talk.b.data[400:])


@case("conflict-injected-longer", users="quantum insert where the forged answer is shorter than the real one",
      variants=FAMILIES)
def conflict_longer(t):
    """A forged segment of 150 bytes, then the real one of 400 from the same place.

    Right: 150 forged bytes, then the real ones from 150 on: old bytes stay, new ones are taken."""
    talk = t.talk()
    talk.open()
    talk.a.say(120)
    talk.b.write(400)
    forged = content("forged", 150)
    talk.b.put(0, 150, data=forged)
    talk.b.put(0, 400)
    talk.a.ack()
    talk.close()
    talk.b.seen(shows=forged + talk.b.data[150:])


@case("keep-alive-probes", users="RFC 1122, 4.2.3.6: the garbage byte of a keep-alive is taken for data, or its old "
      "sequence number for a retransmission", variants={
          "0-bytes": {"garbage": b""}, "1-byte": {"garbage": b"\0"}, "1-byte-ipv6": {"v": 6, "garbage": b"\0"}})
def keep_alive(t, garbage):
    """Idle for two minutes each, with probes one below the next sequence number: empty, or with one byte of garbage;
    also before any data, when that place is the SYN's.

    Right: the probes are no data."""
    talk = t.talk()
    talk.open()
    for _ in range(2):
        for end in (talk.a, talk.b):
            t.wait(60)
            at = len(end.data) - 1
            end.put(at, at + len(garbage), flags=ACK, data=garbage)
            end.peer.ack()
        talk.exchange(100, 300)
    talk.close()


@case("zero-window-probes", users="the probe's byte counts twice, or is dropped as outside of the window",
      variants=FAMILIES)
def zero_window(t):
    """The client's window closes; the server probes with one byte of new data, three times, which is not taken; then
    the window opens and the byte comes again as the first of a segment.

    Right: each byte once."""
    talk = t.talk()
    talk.open()
    talk.b.say(2000, mss=1000)
    talk.a.ack(window=0)
    talk.b.write(1500)
    for pause in (0.3, 0.6, 1.2):
        t.wait(pause)
        talk.b.put(2000, 2001)
        talk.a.ack(2000, window=0)
    talk.a.ack(2000, window=4000)
    talk.b.put(2000, 3500)
    talk.a.ack()
    talk.close()


@case("zero-window-probe-taken", users="the same; the receiver had room for one byte", variants=FAMILIES)
def zero_window_taken(t):
    """The probe's byte is taken and acknowledged; the next segment begins behind it. Windows are scaled by 2^7, so a
    window of 1 says 128: what looks closed is not.

    Right: each byte once."""
    scale = b"\x03\x03\x07"
    talk = t.talk()
    talk.open(options=scale)
    talk.b.say(1000)
    talk.a.ack(window=0)
    t.wait(0.5)
    talk.b.say(1)
    talk.a.ack(window=1)
    talk.b.say(128)
    talk.a.ack(window=500)
    talk.b.say(1400)
    talk.a.ack()
    talk.close()


@case("urgent", users="suricata-verify tcp-urgp-*, Suricata's urgent policies, libnids: a byte taken out of the "
      "stream shifts all behind it", variants=FAMILIES)
def urgent(t):
    """Urgent data as telnet sends it: one byte alone, one in the middle of a segment, one at its end, a pointer
    beyond the segment, and URG with a pointer of 0.

    Right: urgent bytes stay in the stream where they are (RFC 6093)."""
    talk = t.talk()
    talk.open()
    talk.a.say(100)
    for size, pointer in ((1, 1), (200, 50), (80, 80), (60, 600), (40, 0)):
        talk.a.say(size, flags=ACK | PSH | URG, urgent=pointer)
        talk.b.ack()
    talk.a.say(100)
    talk.b.ack()
    talk.close()


@case("old-timestamps", users="PAWS (RFC 7323): engines that drop a segment for its time stamp where the end took "
      "it, or the other way round", variants=FAMILIES)
def old_timestamps(t):
    """Retransmissions with time stamps older than what came, also of bytes that did not come yet, which a receiver
    with PAWS refuses; then the same bytes with a new stamp.

    Right: each byte once: they are the same bytes whichever copy is taken."""
    talk = t.talk()
    talk.open(options=timestamps(1000, 0))
    talk.b.say(500, options=timestamps(5000, 1))
    talk.b.put(0, 500, options=timestamps(900, 1))
    talk.a.ack(options=timestamps(6, 5000))
    talk.b.write(1000)
    talk.b.put(500, 900, options=timestamps(800, 1))
    talk.a.ack(500, options=timestamps(7, 5000))
    talk.b.put(500, 900, options=timestamps(5200, 1))
    talk.b.put(900, 1500, options=timestamps(100, 1))
    talk.b.put(900, 1500, options=timestamps(5300, 1))
    talk.a.ack(options=timestamps(8, 5300))
    talk.close()


@case("one-byte-segments", users="libnids doc/TESTS, tinygrams: a cost a packet that is a cost a byte here")
def one_byte(t):
    """400 bytes in 400 segments, every second pair of them the wrong way round.

    Right: all bytes in order."""
    talk = t.talk()
    talk.open()
    talk.b.write(400)
    for at in range(0, 400, 4):
        for one in (at, at + 1, at + 3, at + 2):
            talk.b.put(one, one + 1)
    talk.a.ack()
    talk.close()
