"""What becomes of TCP segments: engine/ORDER.md, rule by rule and with nothing clever.

A Conversation has Uses, a Use has two Directions. Positions are 64 bits wide; held segments are a sorted list of
Pieces that do not overlap, delivered bytes a bytearray with a list of the runs between gaps.
"""

from bisect import bisect_left, bisect_right

from packets import ACK, FIN, RST, SYN
from runs import Runs

NEAR = 16 << 20
WINDOW = 1 << 30
STRAY = 1 << 20
USES = 8

SECOND = 10**9
IDLE_OVER = 60 * SECOND
IDLE_OPEN = (2 * 60 + 4) * 60 * SECOND
LONGEST_HOLD = 120 * SECOND

# Whether the new segment n wins a byte that is held from the segment o, both as (from, to) as they came. (`linux` is no
# rule for two segments: see runs.py.)
POLICIES = {
    "first": lambda n, o: False,
    "last": lambda n, o: True,
    "bsd": lambda n, o: n[0] < o[0],
    "bsd-right": lambda n, o: n[0] >= o[0],
    "linux": None,
    "old-linux": lambda n, o: n[0] < o[0] or (n[0] == o[0] and n[1] >= o[1]),
    "solaris": lambda n, o: n[1] >= o[1] if n[0] <= o[0] else n[1] > o[1],
}
for same_as_bsd in ("windows", "windows2k3", "macos", "irix", "hpux10"):
    POLICIES[same_as_bsd] = POLICIES["bsd"]
POLICIES["vista"] = POLICIES["first"]
POLICIES["hpux11"] = POLICIES["solaris"]


def unwrap(number, near):
    """The position with this sequence number that is nearest to `near`."""
    return near + (number - near + (1 << 31)) % (1 << 32) - (1 << 31)


def distance_outside(position, low, high):
    if low - 1 <= position <= high + 1:
        return 0
    return low - position if position < low else position - high


def differing(a, b):
    return 0 if a == b else sum(x != y for x, y in zip(a, b))


class Piece:
    """Held bytes [start, end) and what they came with: the segment, the time, the position of its FIN or None.

    `stamp` is (packets, time) of the evidence or None, `rank` that of the segment under the policy `linux`.
    """

    def __init__(self, start, data, came, since, stamp=None, fin=None, rank=None):
        self.start, self.data, self.came, self.since, self.stamp, self.fin = start, data, came, since, stamp, fin
        self.rank = rank

    @property
    def end(self):
        return self.start + len(self.data)

    def part(self, start, end):
        data = self.data[start - self.start:end - self.start]
        return Piece(start, data, self.came, self.since, self.stamp, self.fin, self.rank)


def start_of(piece):
    return piece.start


def ahead(number, of):
    """How far a sequence number is ahead of another one: -2**31 to 2**31 - 1."""
    return unwrap(number, of) - of


class PeerAcks:
    """Sequence numbers that the peer acknowledged: the least of all, without RSTs the greatest and a SYN-ACK's."""

    def __init__(self):
        self.least = self.greatest = self.on_syn = None

    def add(self, number, is_rst, is_syn):
        if self.least is None or ahead(number, self.least) < 0:
            self.least = number
        if is_rst:
            return
        if self.greatest is None or ahead(number, self.greatest) > 0:
            self.greatest = number
        if is_syn and self.on_syn is None:
            self.on_syn = number


class Direction:
    def __init__(self, options):
        self.options = options
        self.policy = POLICIES[options.overlap]
        self.joined = Runs() if options.overlap == "linux" else None
        self.packets = 0
        self.first = self.isn = self.low = self.high = self.fin = self.fin_before = self.ack = None
        self.start = self.next = None
        self.mid = False
        self.stray_rst = None  # (sequence number, acknowledgement or None) of an RST of a use that is still to come
        self.seen = False  # a packet of its own, not only pieces that moved
        self.hops = 0  # how often what moved here has moved
        self.held, self.first_held = [], None  # first_held: (packets, time) when the first payload was held
        self.peer_acks = PeerAcks()
        self.delivered = bytearray()
        self.runs = []  # (position, index into delivered): a run begins here
        self.gaps = []  # (offset, length)
        self.conflicts = self.conflicts_delivered = 0
        self.undelivered = {"before_start": 0, "late_in_gap": 0, "out_of_window": 0}

    # Positions

    @property
    def started(self):
        return self.start is not None

    @property
    def has_packets(self):
        return self.low is not None

    def position(self, number):
        if self.started:
            return unwrap(number, self.next)
        if self.first is not None:
            return unwrap(number, self.first)
        return (1 << 32) + number

    def see(self, packet, position, now):
        """Of a packet without RST: low, high, FIN; and acknowledgements that waited for a first packet."""
        end = position + packet.length + (1 if packet.flags & FIN else 0)
        if not self.has_packets:
            self.first = position if self.first is None else self.first
            self.low, self.high = position, end
        if not self.seen:
            self.seen = True
            if self.peer_acks.greatest is not None:
                self.acknowledged(self.peer_acks.greatest, now)
        self.low, self.high = min(self.low, position), max(self.high, end)
        if packet.flags & FIN:
            self.see_fin(position + packet.length)

    def see_fin(self, fin):
        if self.fin is None or fin > self.fin:
            self.fin, self.fin_before = fin, self.fin

    # Acknowledgements of this direction's bytes, sent by its peer

    def acknowledged(self, number, now=None):
        position = self.position(number)
        if position > self.high + WINDOW or (self.ack is not None and position <= self.ack):
            return
        known = 0 if self.ack is None else bisect_right(self.held, self.ack, key=start_of)
        self.ack = position
        self.stamp(self.held[known:bisect_right(self.held, position, key=start_of)], now)

    # Start

    def begin(self, position, mid):
        self.start = self.next = position
        self.mid = mid
        self.cut_held_before(position)
        self.deliver()

    def cut_held_before(self, position):
        kept = []
        for piece in self.held:
            if piece.end > position:
                kept.append(piece.part(max(piece.start, position), piece.end))
            self.undelivered["before_start"] += max(0, min(piece.end, position) - piece.start)
        self.held = kept

    def begin_without_syn(self):
        """At the least position held (or seen), or at what the peer's SYN-ACK acknowledged."""
        self.mid = True
        if not self.has_packets:
            return
        least = self.held[0].start if self.held else self.low
        on_syn = self.peer_acks.on_syn
        if on_syn is not None and 0 <= ahead(least, on_syn) <= NEAR:
            self.begin(unwrap(on_syn, least), False)
        else:
            self.begin(least, True)

    # Segments

    def segment(self, start, data, fin, now):
        """`fin` is the position of the packet's FIN, or None."""
        came = (start, start + len(data))
        if self.started:
            if start > self.next + WINDOW:
                self.undelivered["out_of_window"] += len(data)
                return
            if start < self.next:
                old = data[:self.next - start]
                self.compare_with_delivered(start, old)
                start, data = start + len(old), data[len(old):]
            if not data:
                return
        elif self.held and abs(start - self.held[0].start) > WINDOW:
            self.undelivered["out_of_window"] += len(data)
            return
        if not self.held and self.started and start == self.next:
            self.pass_on(data)
            return
        self.insert(Piece(start, data, came, now, fin=fin, rank=self.rank(came)), now)
        if self.started:
            self.deliver()
        elif self.first_held is None:
            self.first_held = (self.packets, now)

    def rank(self, came):
        if self.joined is None or (self.started and came[0] <= self.next):
            return came[0]
        return self.joined.place(*came)

    def wins(self, new, old):
        if self.policy is not None:
            return self.policy(new.came, old.came)
        return new.rank < old.rank or (new.rank == old.rank and new.came[1] > old.came[1])

    def insert(self, new, now):
        """Byte for byte the new segment wins or loses against what is held there."""
        first = max(0, bisect_right(self.held, new.start, key=start_of) - 1)
        last = bisect_left(self.held, new.end, key=start_of)
        if first < last and self.held[first].end <= new.start:
            first += 1
        result, at = [], new.start
        for old in self.held[first:last]:
            overlap = (max(old.start, new.start), min(old.end, new.end))
            self.conflicts += differing(old.part(*overlap).data, new.part(*overlap).data)
            if self.wins(new, old):
                result += [old.part(old.start, overlap[0]), old.part(overlap[1], old.end)]
                continue
            result += [new.part(at, max(at, overlap[0])), old]
            at = overlap[1]
        result.append(new.part(at, max(at, new.end)))
        result = sorted((piece for piece in result if piece.data), key=start_of)
        self.held[first:last] = result
        if self.ack is not None:
            self.stamp([piece for piece in result if piece.start <= self.ack], now)

    def stamp(self, pieces, now):
        for piece in pieces:
            if piece.stamp is None:
                piece.stamp = (self.packets, now)

    def compare_with_delivered(self, position, data):
        """Old bytes against what was passed on in their place; what falls in a gap or before the start is lost."""
        end = position + len(data)
        before = max(0, min(end, self.start) - position)
        self.undelivered["before_start"] += before
        compared = 0
        index = max(0, bisect_right(self.runs, (position, len(self.delivered))) - 1)
        while index < len(self.runs) and self.runs[index][0] < end:
            run, place = self.runs[index]
            stop = self.runs[index + 1][1] if index + 1 < len(self.runs) else len(self.delivered)
            a, b = max(position, run), min(end, run + stop - place)
            if a < b:
                there = self.delivered[place + a - run:place + b - run]
                unlike = differing(there, data[a - position:b - position])
                self.conflicts += unlike
                self.conflicts_delivered += unlike
                compared += b - a
            index += 1
        self.undelivered["late_in_gap"] += len(data) - before - compared

    def pass_on(self, data):
        if not self.runs or self.runs[-1][0] + len(self.delivered) - self.runs[-1][1] != self.next:
            self.runs.append((self.next, len(self.delivered)))
        self.delivered += data
        self.next += len(data)

    def deliver(self):
        done = 0
        while done < len(self.held) and self.held[done].start == self.next:
            self.pass_on(self.held[done].data)
            done += 1
        del self.held[:done]
        if self.joined is not None:
            self.joined.passed(self.next)

    # Patience

    def end_holes(self, now):
        if not self.started:
            if not self.held or not self.waited(self.first_held, now) and now - self.first_held[1] < LONGEST_HOLD:
                return
            self.begin_without_syn()
        while self.held and self.is_over(self.held[0], now):
            self.skip_to(self.held[0].start)

    def is_over(self, piece, now):
        """Whether the hole before this piece is."""
        if now - piece.since >= LONGEST_HOLD:
            return True
        return self.ack is not None and self.ack >= piece.start and self.waited(piece.stamp, now)

    def waited(self, stamp, now):
        packets, time = self.options.hole_packets, self.options.hole_time
        if stamp is None:
            return False
        return self.packets - stamp[0] >= (packets or 0) and now - stamp[1] >= (time or 0)

    def skip_to(self, position):
        if position > self.next:
            self.gaps.append((self.next - self.start, position - self.next))
            self.next = position
        self.deliver()

    # End

    def finish(self):
        by_syn_or_data = self.started or bool(self.held)
        if not self.started:
            self.begin_without_syn()
        while self.held:
            self.skip_to(self.held[0].start)
        if self.fin is not None and self.fin > self.next and by_syn_or_data:
            self.skip_to(self.fin)


class Use:
    def __init__(self, options, number):
        self.number = number
        self.directions = (Direction(options), Direction(options))
        self.rst = False
        self.last_packet = None
        self.end = None

    @property
    def over(self):
        return self.rst or all(direction.fin is not None for direction in self.directions)

    def finish(self, reason):
        self.end = reason
        for direction in self.directions:
            direction.finish()

    def end_of(self, direction):
        if self.rst and direction.fin is None:
            return "rst"
        return "fin" if direction.fin is not None else self.end


class Conversation:
    """`new_number` gives the next use's number; `finished` is called with each use that has ended."""

    def __init__(self, options, new_number, finished):
        self.options, self.new_number, self.finished = options, new_number, finished
        self.uses = []

    def packet(self, packet, d, now):
        self.end_idle_uses(now)
        for use in self.uses:
            for direction in use.directions:
                direction.end_holes(now)
        if packet.flags & SYN and not packet.flags & RST:
            use = self.use_of_syn(packet, d)
        else:
            use = self.use_of_other(packet, d)
        if len(self.uses) > USES:
            self.end_use(self.uses[0], "timeout")
        self.apply(use, packet, d, now)
        for direction in use.directions:
            direction.end_holes(now)

    def end_idle_uses(self, now):
        for use in list(self.uses):
            if now - use.last_packet >= (IDLE_OVER if use.over else IDLE_OPEN):
                self.end_use(use, "timeout")

    def end_use(self, use, reason):
        use.finish(reason)
        self.uses.remove(use)
        self.finished(use)

    def end_all(self, now):
        self.end_idle_uses(now)
        while self.uses:
            self.end_use(self.uses[0], "eof")

    def new_use(self, packet, d):
        before = self.uses[-(USES - 1):]
        self.uses.append(Use(self.options, self.new_number()))
        self.take_stray_rst(self.uses[-1], before, packet, d)
        return self.uses[-1]

    @classmethod
    def take_stray_rst(cls, new, before, packet, d):
        """The RST that overtook the packet that makes this use."""
        for use in reversed(before):
            for of, direction in enumerate(use.directions):
                if direction.stray_rst and cls.stray_rst_fits(direction.stray_rst, of, packet, d):
                    direction.stray_rst = None
                    new.rst = True
                    return

    @staticmethod
    def stray_rst_fits(rst, of, packet, d):
        seq, ack = rst
        if of == d:
            distance = seq - packet.seq
        elif packet.flags & ACK:
            distance = seq - packet.ack
        elif ack is not None:
            distance = ack - packet.seq
        else:
            return False
        return distance % (1 << 32) <= NEAR

    @staticmethod
    def is_stray_rst(use, packet, d):
        mine = use.directions[d]
        if not packet.flags & RST or not use.over or not mine.has_packets:
            return False
        return distance_outside(mine.position(packet.seq), mine.low, mine.high) > STRAY

    # Rule 2

    def use_of_syn(self, packet, d):
        for use in reversed(self.uses):
            if use.directions[d].isn == packet.seq:
                return use
        for use in reversed(self.uses):
            if self.syn_fits(use, packet, d):
                if not use.directions[d].has_packets:
                    self.bring_held(use, packet, d)
                return use
        use = self.new_use(packet, d)
        self.bring_held(use, packet, d)
        return use

    def bring_held(self, use, packet, d):
        """What the use before this one holds of direction d moves, where it is this SYN's."""
        number = self.uses.index(use)
        if number > 0 and self.uses[number - 1].directions[d].held:
            self.start_at_syn(use.directions[d], packet)
            move_held(self.uses[number - 1].directions[d], use.directions[d])

    @staticmethod
    def syn_fits(use, packet, d):
        mine, other = use.directions[d], use.directions[1 - d]
        if mine.isn is not None or mine.started:
            return False
        start = packet.seq + 1
        if mine.has_packets:
            return 0 <= ahead(mine.low, packet.seq) <= NEAR
        if mine.peer_acks.least is not None:
            return 0 <= ahead(mine.peer_acks.least, start) <= NEAR
        if not packet.flags & ACK or other.isn is None:
            return True
        return (packet.ack - (other.isn + 1)) % (1 << 32) <= NEAR

    @staticmethod
    def start_at_syn(direction, packet):
        position = direction.position((packet.seq + 1) % (1 << 32))
        if direction.first is None:
            direction.first = position
        direction.isn = packet.seq
        direction.begin(position, False)

    # Rule 3

    def use_of_other(self, packet, d):
        if not self.uses:
            return self.new_use(packet, d)
        use = min(reversed(self.uses), key=lambda use: self.distance(use, packet, d))
        if (packet.length or packet.flags & FIN) and not packet.flags & RST and self.is_strange(use, packet, d):
            return self.new_use(packet, d)
        return use

    @staticmethod
    def distance(use, packet, d):
        mine, other = use.directions[d], use.directions[1 - d]
        if mine.has_packets:
            return distance_outside(mine.position(packet.seq), mine.low, mine.high)
        if packet.flags & ACK and other.has_packets:
            return distance_outside(other.position(packet.ack), other.low, other.high)
        return 0

    @staticmethod
    def is_strange(use, packet, d):
        """Whether the packet belongs to a connection whose SYN is still to come."""
        mine, other = use.directions[d], use.directions[1 - d]
        if packet.flags & RST:
            return False
        if use.over and packet.flags & ACK and other.has_packets:
            ack = other.position(packet.ack)
            if ack < other.low - STRAY or ack > other.high + STRAY:
                return True
        if not mine.has_packets:
            return False
        position = mine.position(packet.seq)
        if mine.fin is not None and position > mine.fin + 1:
            return True
        if use.over and position < mine.low - STRAY:
            return True
        return use.rst and mine.fin is None and position > mine.high + STRAY

    # The packet within its use

    def apply(self, use, packet, d, now):
        mine, other = use.directions[d], use.directions[1 - d]
        use.last_packet = now
        mine.packets += 1
        if not packet.length and not packet.flags & (SYN | FIN | RST) and self.is_strange(use, packet, d):
            return
        if self.is_stray_rst(use, packet, d):
            mine.stray_rst = packet.seq, packet.ack if packet.flags & ACK else None
            return
        is_rst, is_syn = bool(packet.flags & RST), bool(packet.flags & SYN)
        if packet.flags & ACK:
            other.peer_acks.add(packet.ack, is_rst, is_syn)
            if not is_rst and other.has_packets:
                other.acknowledged(packet.ack, now)
        if is_rst:
            use.rst = True
            return
        position = mine.position((packet.seq + is_syn) % (1 << 32))
        mine.see(packet, position, now)
        if is_syn and mine.isn is None:
            self.start_at_syn(mine, packet)
        if packet.payload:
            fin = position + packet.length if packet.flags & FIN else None
            mine.segment(position, packet.payload, fin, now)


def move_held(old, new):
    """Held pieces that lie nearer to the new use's start than to where the old use stands."""
    if old.hops == USES:
        return
    stands = old.next if old.started else old.low
    stay = []
    for piece in old.held:
        beyond = (piece.start - new.start) % (1 << 32)
        if beyond > NEAR or beyond >= abs(piece.start - stands):
            stay.append(piece)
            continue
        new.hops = old.hops + 1
        move_piece(piece, old, new, new.start + beyond - piece.start)
    if old.joined is not None and len(stay) < len(old.held):
        old.joined.forget()
    old.held = stay
    if not stay:
        old.first_held = None
    new.deliver()


def move_piece(piece, old, new, shift):
    came = (piece.came[0] + shift, piece.came[1] + shift)
    moved = Piece(piece.start + shift, piece.data, came, piece.since, fin=piece.fin, rank=piece.rank + shift)
    new.held.append(moved)
    new.low = new.start
    new.high = moved.end if new.high is None else max(new.high, moved.end)
    if piece.fin is not None and piece.fin == old.fin:
        new.see_fin(piece.fin + shift)
        old.fin, old.fin_before = old.fin_before, None
