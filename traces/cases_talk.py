# SPDX-License-Identifier: BSD-2-Clause
"""Two ends that talk, for cases.py: what each writes, what of it is put on the wire, and what a reader must find.

A Trace is a list of frames. A Talk is one connection; its ends `a` (the client) and `b` write bytes and put them into
segments, in any order and as often as a case asks. What an end wrote is the truth that the .sent file tells; nothing
here puts a stream together again.
"""

import hashlib
from contextlib import contextmanager

import cases_wire as wire
from cases_wire import ACK, FIN, PSH, RST, SYN

START = 1700000000 * 10**6
FOUR = ("192.0.2.%d", "198.51.100.%d")
SIX = ("2001:db8:1::%x", "2001:db8:2::%x")


def content(seed, size):
    return hashlib.shake_256(seed.encode()).digest(size)


def flipped(data):
    """Other bytes of the same length: no byte is what it was."""
    return bytes(byte ^ 0xFF for byte in data)


class Frame:
    def __init__(self, data, cut):
        self.data, self.cut = data, cut


class Trace:
    """What a case is written into. `v`: the IP version of its talks; `isn`: a's ISN of the first one."""

    def __init__(self, name, v=4, isn=1000, **options):
        self.name, self.v, self.isn = name, v, isn
        self.overlap = options.pop("overlap", "bsd")
        self.checksum = options.pop("checksum", "ignore")
        assert not options, options
        self.frames, self.now, self.aside_to = [], START, None
        self.talks, self.datagrams = [], []
        self.wrong = 0  # packets whose checksum is wrong
        self.snap, self.defaults = None, {}

    def talk(self, **more):
        talk = Talk(self, len(self.talks), **more)
        self.talks.append(talk)
        return talk

    def add(self, frames):
        """Puts frames that were set aside into the trace, a millisecond after each other."""
        for frame in frames:
            self.now += 1000
            data = frame.data if frame.cut is None else frame.data[:frame.cut]
            self.frames.append((self.now, data, len(frame.data)))

    def emit(self, frames):
        if self.aside_to is None:
            self.add(frames)
        else:
            self.aside_to.extend(frames)

    @contextmanager
    def aside(self):
        """with t.aside() as frames: ... what is sent in it is kept in a list, for add() in some other order."""
        before, self.aside_to = self.aside_to, []
        try:
            yield self.aside_to
        finally:
            self.aside_to = before

    def wait(self, seconds):
        self.now += int(seconds * 10**6)

    # What must be found, from what was written

    def golden_lines(self):
        lines = [line for talk in self.talks for end in (talk.a, talk.b) for line in end.golden_lines()]
        return sorted(lines + [line for line in self.udp_lines() if line])

    def sent_lines(self):
        lines = [line for talk in self.talks for end in (talk.a, talk.b) for line in end.sent_lines()]
        return sorted(lines + [line for line in self.udp_lines() if line])

    def udp_lines(self):
        found = {}
        for who, data in self.datagrams:
            found.setdefault(who, []).append(data)
        for who, all_data in found.items():
            digests = sorted(hashlib.sha256(data).digest() for data in all_data)
            yield "udp %s datagrams=%d bytes=%d sha256=%s" % (
                who, len(all_data), sum(map(len, all_data)), hashlib.sha256(b"".join(digests)).hexdigest())

    def udp(self, size, talk, fragment=None, arrives=True, total=wire.RIGHT):
        """A datagram from a talk's a to b, of which a reader must find all, unless it does not arrive."""
        end = talk.a
        self.wrong += total == wire.WRONG or (total == wire.ZERO and len(end.ip) == 16)
        data = content("%s udp %d" % (self.name, len(self.datagrams)), size)
        body = wire.udp(end.ip, end.peer.ip, (end.port, end.peer.port), data, total)
        end.send_ip(wire.UDP, body, fragment=fragment)
        if arrives:
            self.datagrams.append(("%s > %s" % (end.name, end.peer.name), data))


class Talk:
    """`number` makes the addresses; `use` says which use of its 4-tuple this is; `like` is an earlier talk of it."""

    def __init__(self, trace, number, v=None, isn=None, isn_b=None, use=0, like=None):
        self.trace, self.use = trace, use
        number = number if like is None else like.number
        self.number = number
        hosts = [text % (number + 1) for text in (SIX if (v or trace.v) == 6 else FOUR)]
        seed = "%s %d %d" % (trace.name, number, use)
        self.a = End(self, hosts[0], 40000 + number, trace.isn if isn is None else isn, seed + " a")
        self.b = End(self, hosts[1], 9999, (trace.isn + 0x30000000 if isn_b is None else isn_b), seed + " b")
        self.a.peer, self.b.peer = self.b, self.a
        self.reset = False

    def open(self, rtt=0, **more):
        """The handshake; `rtt` in seconds, where it matters that nothing overtakes a SYN."""
        self.a.syn(**more)
        self.trace.wait(rtt)
        self.b.syn(ack=True, **more)
        self.trace.wait(rtt)
        self.a.ack(0)

    def close(self):
        """a closes, then b; each acknowledges all that the other put."""
        self.a.fin()
        self.b.fin(acks=True)
        self.a.ack()

    def exchange(self, request=100, reply=1000):
        self.a.say(request)
        self.b.ack()
        self.b.say(reply)
        self.a.ack()


class End:
    """One end. Offsets count bytes of what it wrote; its sequence number at offset 0 is its ISN + 1."""

    def __init__(self, talk, host, port, isn, seed):
        self.talk, self.trace, self.port, self.isn, self.seed = talk, talk.trace, port, isn % 2**32, seed
        self.ip = wire.address(host)
        self.name = ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)
        self.data = b""    # what its application wrote
        self.out = 0       # the end of what it put on the wire, a FIN included
        self.acks = 0      # the peer's offset up to which it acknowledges
        self.packets, self.syns, self.fins = 0, 0, 0
        self.options, self.ident = b"", 1
        self.lacks, self.shows, self.starts, self.ends, self.mid = [], None, 0, None, None
        self.hidden = False  # no packet of it can be read
        self.defaults = {}

    # Writing and putting

    def write(self, size):
        """The application writes; nothing is sent. Returns the range."""
        begin = len(self.data)
        self.data = content(self.seed, begin + size)
        return begin, begin + size

    def say(self, size, mss=None, **more):
        """Writes, and puts it into one segment, or into segments of at most mss bytes."""
        first, last = self.write(size)
        for at in range(first, last, mss or size):
            self.put(at, min(at + (mss or size), last), **more)

    def put(self, first, last, flags=ACK | PSH, data=None, **more):
        """One segment with what was written at [first, last), or with data in its place."""
        assert last <= len(self.data) or data is not None
        self.out = max(self.out, last + (1 if flags & FIN else 0))
        self.segment(first, self.data[first:last] if data is None else data, flags, **more)

    def ack(self, upto=None, **more):
        """Acknowledges up to an offset of the peer's, or all that the peer put so far."""
        self.acks = self.peer.out if upto is None else upto
        self.segment(more.pop("at", self.out), b"", ACK, **more)

    def syn(self, ack=False, size=0, **more):
        """Its SYN or SYN-ACK, with `size` bytes that it writes (or, again, wrote)."""
        if size > len(self.data):
            self.write(size - len(self.data))
        self.out = max(self.out, size)
        self.syns += 1
        self.segment(-1, self.data[:size], SYN | (ACK if ack else 0), **more)

    def fin(self, acks=False, at=None, **more):
        """A FIN without data, behind all that was written."""
        if acks:
            self.acks = self.peer.out
        at = len(self.data) if at is None else at
        self.put(at, at, FIN | ACK, **more)

    def rst(self, at=None, data=b"", **more):
        self.talk.reset = True
        self.segment(self.out if at is None else at, data, more.pop("flags", RST | ACK), **more)

    def segment(self, offset, data, flags, isn=None, ack=None, **more):
        """The one place where segments are made. `isn`, `ack`: others than this end's."""
        more = {**self.trace.defaults, **self.defaults, **more}
        seq = (self.isn if isn is None else isn) + 1 + offset
        if ack is None:
            ack = self.peer.isn + 1 + self.acks if flags & ACK else 0
        sums = (more.get("total", wire.RIGHT), more.get("header", wire.RIGHT))
        self.trace.wrong += sums != (wire.RIGHT, wire.RIGHT)
        if flags & FIN and more.pop("real", True):
            self.fins += 1
        body = wire.tcp(self.ip, self.peer.ip, (self.port, self.peer.port), seq, ack, flags, data,
                        more.pop("options", self.options), more.pop("window", 65535), more.pop("urgent", 0),
                        more.pop("total", wire.RIGHT))
        self.packets += 1
        self.send_ip(wire.TCP, body, **more)

    def send_ip(self, protocol, body, fragment=None, header=wire.RIGHT, length=None, jumbo=False, vlan=None,
                padding=b"\0", trailer=b"", ident=None):
        ident, self.ident = (self.ident if ident is None else ident), self.ident + 1
        if fragment:
            found = wire.fragments(self.ip, self.peer.ip, protocol, body, ident, fragment)
        elif jumbo:
            found = [wire.ipv6_jumbo(self.ip, self.peer.ip, protocol, body)]
        elif len(self.ip) == 16:
            found = [wire.ipv6(self.ip, self.peer.ip, protocol, body, length)]
        else:
            found = [wire.ipv4(self.ip, self.peer.ip, protocol, body, ident % 2**16, total=header, length=length)]
        self.trace.emit([Frame(wire.ethernet(self.ip, self.peer.ip, one, vlan, padding, trailer), self.trace.snap)
                         for one in found])

    # What a reader must find

    def seen(self, lacks=(), shows=None, starts=0, end=None, mid=None):
        """Where that is not simply all it wrote: `lacks` are gaps as (offset, length) behind `starts`, the offset at
        which a reader begins; `shows` are other bytes than those written (gaps still in them)."""
        self.lacks, self.shows, self.starts, self.ends, self.mid = list(lacks), shows, starts, end, mid

    def found(self):
        """The bytes that a reader must find, gaps taken out."""
        if self.hidden:
            return b""
        data = (self.data if self.shows is None else self.shows)[self.starts:]
        for offset, length in sorted(self.lacks, reverse=True):
            data = data[:offset] + data[offset + length:]
        return data

    def gaps(self):
        return ",".join("%d+%d" % gap for gap in self.lacks) or "-"

    def who(self):
        return "tcp %s > %s #%d" % (self.name, self.peer.name, self.talk.use)

    def golden_lines(self):
        if self.hidden or not self.packets:
            return
        found = self.found()
        end = self.ends or ("fin" if self.fins else "rst" if self.talk.reset else "eof")
        mid = self.syns == 0 if self.mid is None else self.mid
        yield "%s bytes=%d sha256=%s gaps=%s end=%s%s" % (
            self.who(), len(found), hashlib.sha256(found).hexdigest(), self.gaps(), end, " start=mid" if mid else "")

    def sent_lines(self):
        found = self.found()
        if not self.data and not found:
            return
        text = "%s bytes=%d sha256=%s" % (self.who(), len(self.data), hashlib.sha256(self.data).hexdigest())
        if found != self.data:
            text += " seen=%d:%s gaps=%s" % (len(found), hashlib.sha256(found).hexdigest(), self.gaps())
        yield text

