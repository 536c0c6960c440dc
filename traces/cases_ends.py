# SPDX-License-Identifier: BSD-2-Clause
"""Cases: how connections end, and what comes after: FIN, RST, and the same ports again."""

from cases_list import BOTH, FAMILIES, case
from cases_wire import ACK, FIN, PSH, RST


@case("fin-before-data", users="PcapPlusPlus #513, #1979: data after an early FIN was discarded (14 of 355 FTP "
      "transfers)", variants=BOTH)
def fin_before_data(t):
    """The server's FIN overtakes its last three segments.

    Right: all data, then the end."""
    talk = t.talk()
    talk.open()
    talk.a.say(80)
    talk.b.ack()
    talk.b.say(1000)
    with t.aside() as late:
        talk.b.say(3000, mss=1000)
    talk.b.fin()
    t.add(late)
    talk.a.ack()
    talk.a.fin()


@case("fin-before-data-in-both-directions", users="PcapPlusPlus #513, twice over", variants=FAMILIES)
def fin_before_data_both(t):
    """Both FINs come before the last data of their directions, so the connection is over when data comes.

    Right: all data of both."""
    talk = t.talk()
    talk.open()
    talk.exchange(100, 700)
    with t.aside() as late:
        talk.a.say(1200, mss=400)
        talk.b.say(2000, mss=500)
    talk.a.fin()
    talk.b.fin()
    t.add(late)
    talk.a.ack()
    talk.b.ack()


@case("fin-with-data-first", users="PcapPlusPlus #513: the segment that carries both data and FIN comes first",
      variants=FAMILIES)
def fin_with_data_first(t):
    """The last segment, which has the FIN, comes before all other data.

    Right: all data; the FIN counts where it lies."""
    talk = t.talk()
    talk.open()
    talk.b.write(2500)
    talk.b.put(2000, 2500, flags=ACK | PSH | FIN)
    for at in (1000, 0, 1500, 500):
        talk.b.put(at, at + 500)
    talk.a.ack()
    talk.a.fin()


@case("fin-retransmitted-with-more-data", users="what is behind a FIN is dropped (PcapPlusPlus #513's kin)",
      variants=FAMILIES)
def fin_more_data(t):
    """A FIN, not acknowledged, is sent again as a segment with 600 more bytes and a FIN behind them.

    Right: the bytes are data, and the end is the later FIN."""
    talk = t.talk()
    talk.open()
    talk.b.say(1000)
    talk.a.ack()
    talk.b.fin()
    first, last = talk.b.write(600)
    talk.b.put(first, last, flags=ACK | PSH | FIN)
    talk.a.ack()
    talk.a.fin()
    talk.b.ack()


@case("fin-retransmitted", users="plain duplicates at the end: a FIN that comes again must end nothing twice",
      variants=FAMILIES)
def fin_again(t):
    """Data with FIN, three times, the last one after the peer's FIN and ACK.

    Right: each byte once, one connection."""
    talk = t.talk()
    talk.open()
    talk.b.say(400)
    talk.b.write(300)
    for _ in range(2):
        talk.b.put(400, 700, flags=ACK | PSH | FIN)
    talk.a.ack()
    talk.a.fin()
    talk.b.put(400, 700, flags=ACK | PSH | FIN)
    talk.a.ack()


@case("simultaneous-close", users="state machines that know one closing side only (gopacket's FSM checks)",
      variants=FAMILIES)
def simultaneous_close(t):
    """Both FINs before either is acknowledged, each with its last data.

    Right: both streams whole, end=fin."""
    talk = t.talk()
    talk.open()
    talk.exchange()
    talk.a.write(200)
    talk.b.write(200)
    talk.a.put(100, 300, flags=ACK | PSH | FIN)
    talk.b.put(1000, 1200, flags=ACK | PSH | FIN)
    talk.a.ack()
    talk.b.ack()


@case("half-closed-for-long", users="PcapPlusPlus #513: data after the first FIN is discarded",
      variants=FAMILIES)
def half_closed(t):
    """The client closes its half; the server goes on for 90 s, with pauses.

    Right: all that the server sent: a FIN ends one direction only."""
    talk = t.talk()
    talk.open()
    talk.a.say(120)
    talk.a.fin()
    talk.b.ack()
    for _ in range(6):
        t.wait(15)
        talk.b.say(700)
        talk.a.ack()
    talk.b.fin()
    talk.a.ack()


@case("data-after-rst", users="suricata-verify tcp-rst-unacked-*, gopacket #425 (RST ignored): what the other end had "
      "sent before it saw the RST", variants=BOTH)
def data_after_rst(t):
    """The client resets while the server's data is on its way: three segments come after the RST.

    Right: these bytes were written and sent, so they are in the stream; the end is rst in both directions."""
    talk = t.talk()
    talk.open()
    talk.exchange(100, 1000)
    with t.aside() as on_the_way:
        talk.b.say(1500, mss=500)
    talk.a.rst()
    t.add(on_the_way)
    talk.a.rst(at=talk.a.out, flags=RST)


@case("data-after-own-rst", users="suricata-verify tcp-rst-unacked-*: RST and data of one end change places",
      variants=FAMILIES)
def data_after_own_rst(t):
    """The server's RST overtakes its own last two segments.

    Right: the bytes before the RST's sequence number are in the stream; end=rst."""
    talk = t.talk()
    talk.open()
    talk.exchange(100, 1000)
    with t.aside() as late:
        talk.b.say(800, mss=400)
    talk.b.rst()
    t.add(late)


@case("rst-with-data", users="RFC 1122, 4.2.2.12: an RST may carry text that says why; tshark takes it for stream data",
      variants=FAMILIES, tshark="tshark takes the text in an RST for stream data")
def rst_with_data(t):
    """An RST with 24 bytes of text that says why.

    Right: the text is no data of the stream."""
    talk = t.talk()
    talk.open()
    talk.exchange(100, 500)
    talk.b.rst(data=b"connection was not wanted")


@case("rst-forged", users="injected RSTs (peers: gopacket #425, Suricata's rst checks): both ends ignore it, as its "
      "sequence number is outside of their windows", variants=FAMILIES)
def rst_forged(t):
    """An RST 5,000 bytes beyond the window; the connection goes on.

    Right: all that is sent afterwards belongs to the same connection; end=fin, as there is a FIN."""
    talk = t.talk()
    talk.open()
    talk.exchange(100, 1000)
    talk.b.rst(at=talk.b.out + 70000, flags=RST)
    talk.exchange(200, 3000)
    talk.close()


REUSE = {"higher": {"isn": 5000, "again": 5000 + 60000000}, "lower": {"isn": 900000000, "again": 700000000},
         "wrap": {"isn": 2**32 - 500, "again": 90000000}, "ipv6": {"v": 6, "isn": 5000, "again": 60000000}}


@case("rst-then-port-reuse", users="libnids doc/TESTS (port reuse): the new connection is taken for data after the RST",
      variants=REUSE)
def rst_reuse(t, again):
    """A connection is reset, and 20 ms later the same ports open a new one, with a higher (or lower) ISN.

    Right: two connections, #0 and #1, each with its own bytes."""
    old = t.talk()
    old.open()
    old.exchange(100, 1000)
    old.a.rst()
    t.wait(0.02)
    new = t.talk(isn=again, isn_b=again + 300000000, use=1, like=old)
    new.open(rtt=0.15)
    new.exchange(300, 2000)
    new.close()


@case("time-wait-port-reuse", users="RFC 1122, 4.2.2.13: a SYN in TIME-WAIT is accepted when its ISN is beyond the old "
      "sequence numbers; libnids doc/TESTS (port reuse)",
      variants=FAMILIES)
def time_wait(t):
    """Closed by FINs; 100 ms later the same ports again, the ISN 131,074 beyond the old end, as Linux picks it.

    Right: two connections."""
    old = t.talk()
    old.open()
    old.exchange(100, 1000)
    old.close()
    t.wait(0.1)
    new = t.talk(isn=old.a.isn + 1 + old.a.out + 131074, isn_b=old.b.isn + 250000000, use=1, like=old)
    new.open(rtt=0.15)
    new.exchange(400, 900)
    new.close()


@case("port-reuse-without-close", users="libnids doc/TESTS (port reuse): a host that crashed uses its port again",
      variants=FAMILIES)
def reuse_without_close(t):
    """The first connection stops without FIN or RST; ten minutes later the same ports open a new one.

    Right: two connections; the first ends without FIN (eof)."""
    old = t.talk()
    old.open()
    old.exchange(100, 1000)
    t.wait(600)
    new = t.talk(isn=777000000, isn_b=333000000, use=1, like=old)
    new.open(rtt=0.15)
    new.exchange(200, 500)
    new.close()


@case("refused", users="libnids doc/TESTS (port reuse): a connection that never was, and then one that is",
      variants=FAMILIES)
def refused(t):
    """A SYN is answered by an RST, twice; then the same ports with another ISN get through.

    Right: two uses; the first has no bytes."""
    old = t.talk()
    for _ in range(2):
        old.a.syn()
        old.b.rst(at=-1, isn=-1, ack=old.a.isn + 1)
    new = t.talk(isn=500000000, isn_b=10, use=1, like=old)
    old.b.seen(end="rst", mid=True)
    new.open(rtt=0.15)
    new.exchange(100, 200)
    new.close()
