# SPDX-License-Identifier: BSD-2-Clause
"""Cases: how connections begin: fast open, split handshake, simultaneous open, SYNs again, no SYN at all."""

from cases_list import BOTH, FAMILIES, case
from cases_wire import fast_open

COOKIE = bytes(range(0x10, 0x18))


@case("fast-open", users="suricata-verify tcp-fastopen-*: data on a SYN was lost or shifted the stream by its length",
      variants=BOTH)
def fast_open_data(t):
    """RFC 7413: the SYN has a cookie and 200 bytes, the SYN-ACK acknowledges them.

    Right: the 200 bytes are the stream's first."""
    talk = t.talk()
    talk.a.syn(size=200, options=fast_open(COOKIE))
    talk.b.acks = 200
    talk.b.syn(ack=True)
    talk.b.say(900)
    talk.a.ack()
    talk.exchange()
    talk.close()


@case("fast-open-syn-again", users="suricata-verify tcp-fastopen-*: the retransmitted SYN has no data",
      variants=FAMILIES)
def fast_open_again(t):
    """The SYN with cookie and data is lost behind the capture; the SYN comes again without either; then the data.

    Right: the data once."""
    talk = t.talk()
    talk.a.syn(size=200, options=fast_open(COOKIE))
    t.wait(1)
    talk.a.syn()
    talk.b.syn(ack=True)
    talk.a.ack(0, at=0)
    talk.a.put(0, 200)
    talk.b.ack()
    talk.b.say(900)
    talk.a.ack()
    talk.close()


@case("fast-open-refused", users="suricata-verify tcp-fastopen-*: the server does not take the data",
      variants=FAMILIES)
def fast_open_refused(t):
    """The SYN-ACK acknowledges the SYN alone, so the client sends the data again, cut in other places and with more.

    Right: each byte once."""
    talk = t.talk()
    talk.a.syn(size=300, options=fast_open(COOKIE))
    talk.b.acks = 0
    talk.b.syn(ack=True, options=fast_open(COOKIE))
    talk.a.write(200)
    talk.a.put(0, 250)
    talk.a.put(250, 500)
    talk.b.ack()
    talk.b.say(700)
    talk.a.ack()
    talk.close()


@case("data-on-syn-ack", users="RFC 7413, 4.2, and T/TCP: a server may answer before the handshake is over",
      variants=FAMILIES)
def data_on_syn_ack(t):
    """Data on the SYN and on the SYN-ACK.

    Right: both streams begin with these bytes."""
    talk = t.talk()
    talk.a.syn(size=100, options=fast_open(COOKIE))
    talk.b.acks = 100
    talk.b.syn(ack=True, size=250)
    talk.a.ack()
    talk.exchange()
    talk.close()


@case("split-handshake", users="suricata-verify split-handshake (Beardsley and Qian, 2010): the directions are "
      "taken the wrong "
      "way round", variants={"4-way": {"four": True}, "5-way": {"four": False},
                                                             "4-way-ipv6": {"v": 6, "four": True}},
      tshark={"5-way": "tshark takes the server's SYN behind its ACK for a new connection"})
def split_handshake(t, four):
    """The server answers the SYN with (an ACK and) a SYN of its own; the client answers that with a SYN-ACK.

    Right: one connection, both streams from their SYNs on."""
    talk = t.talk()
    talk.a.syn()
    if not four:
        talk.b.ack(0, at=-1)
    talk.b.syn()
    talk.a.syn(ack=True)
    talk.b.ack(0)
    talk.exchange(200, 2000)
    talk.close()


@case("simultaneous-open", users="RFC 9293, 3.5; state machines that know client and server only (gopacket's FSM "
      "checks)", variants=BOTH)
def simultaneous_open(t):
    """Both ends send SYNs, then both SYN-ACKs.

    Right: one connection, both streams whole."""
    talk = t.talk()
    talk.a.syn()
    talk.b.syn()
    talk.a.syn(ack=True)
    talk.b.syn(ack=True)
    talk.exchange(300, 1500)
    talk.exchange(300, 1500)
    talk.close()


@case("syn-retransmitted-other-isn", users="Suricata's 'max SYN queued': a client that starts anew, or a middlebox "
      "that makes the second SYN, uses another ISN", variants={
          "": {"other": 800000000}, "ipv6": {"v": 6, "other": 800000000}, "lower": {"isn": 900000000, "other": 20000}})
def syn_other_isn(t, other):
    """A SYN without an answer; a second later a SYN of the same ports with another ISN, which is answered.

    Right: the connection's streams start at the second ISN. (The first SYN is a use of its own without bytes.)"""
    old = t.talk()
    old.a.syn()
    t.wait(1)
    new = t.talk(isn=other, use=1, like=old)
    new.open(rtt=0.15)
    new.exchange(150, 1500)
    new.close()


@case("syn-retransmitted", users="SYNs and SYN-ACKs that come again after data has begun", variants=BOTH)
def syn_again(t):
    """SYN and SYN-ACK three times, the last ones behind the first data.

    Right: nothing starts anew."""
    talk = t.talk()
    talk.a.syn()
    t.wait(1)
    talk.a.syn()
    talk.b.syn(ack=True)
    talk.b.syn(ack=True)
    talk.a.ack(0)
    talk.exchange(100, 1000)
    talk.a.syn()
    talk.b.syn(ack=True)
    talk.exchange(100, 1000)
    talk.close()


@case("syn-after-data", users="Suricata PR#3497 (packets on the wrong thread): the SYN comes behind the data",
      variants=FAMILIES)
def syn_after_data(t):
    """Of both directions the SYN comes after the first two segments.

    Right: the same as in order: the streams start at their SYNs."""
    talk = t.talk()
    with t.aside() as syns:
        talk.a.syn()
        talk.b.syn(ack=True)
    talk.a.ack(0)
    talk.a.say(600, mss=300)
    talk.b.ack()
    talk.b.say(2000, mss=1000)
    t.add(syns)
    talk.a.ack()
    talk.exchange(100, 1000)
    talk.close()


@case("mid-stream", users="Retina (hidden init_data switch), Suricata midstream, libnids (by a patch only): a capture "
      "that begins in the middle", variants=BOTH)
def mid_stream(t):
    """The capture begins in the middle: no SYN, the client's ACKs tell of bytes that were sent before.

    Right: each direction starts at the first byte that was captured (start=mid), without a gap."""
    talk = t.talk()
    talk.a.write(500)
    talk.b.write(3000)
    talk.a.acks, talk.b.acks, talk.b.out = 3000, 500, 3000
    talk.a.ack(at=500)
    for _ in range(5):
        talk.a.say(100)
        talk.b.ack()
        talk.b.say(2000, mss=1000)
        talk.a.ack()
    talk.close()
    talk.a.seen(starts=500)
    talk.b.seen(starts=3000)


@case("mid-stream-reordered", users="the same, and what comes first is not the first: tshark starts at the first "
      "packet and drops "
      "what lies before", variants=FAMILIES,
      tshark="tshark starts at the first packet that it sees and drops what lies before it")
def mid_stream_reordered(t):
    """No SYN, and the first eight segments come in reverse order.

    Right: it starts at the least position seen, and nothing is lost."""
    talk = t.talk()
    talk.b.write(5000)
    talk.b.out = 1000
    with t.aside() as frames:
        for at in range(1000, 5000, 500):
            talk.b.put(at, at + 500)
    t.add(frames[::-1])
    talk.a.ack(5000, at=0)
    talk.b.say(1000)
    talk.a.ack(at=0)
    talk.b.seen(starts=1000)
    talk.a.seen(mid=True)


@case("mid-stream-syn-ack-only", users="Zeek missing-syn, one-sided: a capture in which the SYN is missing",
      variants=FAMILIES)
def syn_ack_only(t):
    """The client's SYN was not captured; the SYN-ACK was, and its acknowledgement says where the client began.

    Right: both streams whole, and none of them counts as begun in the middle."""
    talk = t.talk()
    talk.b.syn(ack=True)
    talk.a.ack(0)
    talk.exchange(200, 2000)
    talk.close()
    talk.a.seen(mid=False)


@case("syn-ack-only-and-first-segment-lost", users="Zeek missing-syn with a hole right at the start",
      variants=FAMILIES)
def syn_ack_only_lost(t):
    """No SYN, and the client's first 200 bytes were not captured either; the SYN-ACK tells that there was something.

    Right: a gap of 200 bytes, then the rest."""
    talk = t.talk()
    talk.b.syn(ack=True)
    talk.a.write(200)
    talk.a.say(300)
    talk.b.ack()
    talk.b.say(1000)
    talk.a.ack()
    talk.close()
    talk.a.seen(lacks=[(0, 200)], mid=False)
