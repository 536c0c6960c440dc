"""Small hand-made cases for the oracle: each rule of engine/ORDER.md that has a number or a choice in it.

Run: python3 -m unittest discover -s tests/model
"""

import gzip
import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import capture
import golden
import oracle
from packets import ACK, FIN, RST, SYN, ones_sum

A, B = (b"\x0a\0\0\x01", 1000), (b"\x0a\0\0\x02", 80)
SECOND = 10**9


def ipv4(src, dst, protocol, body, number=0, fragment=0, total=None):
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body) if total is None else total, number, fragment, 64,
                         protocol, 0) + src + dst
    header = header[:10] + struct.pack(">H", 0xFFFF - ones_sum(header)) + header[12:]
    return header + body


def tcp_bytes(src, dst, seq, ack, flags, payload=b""):
    header = struct.pack(">HHIIBBHHH", src[1], dst[1], seq % 2**32, ack % 2**32, 0x50, flags, 1000, 0, 0)
    pseudo = src[0] + dst[0] + struct.pack(">HH", 6, 20 + len(payload))
    checksum = 0xFFFF - ones_sum(pseudo + header + payload)
    return header[:16] + struct.pack(">H", checksum) + header[18:] + payload


def udp_bytes(src, dst, payload):
    return struct.pack(">HHHH", src[1], dst[1], 8 + len(payload), 0) + payload


def ethernet(packet, kind=0x0800, tags=b""):
    return bytes(12) + tags + struct.pack(">H", kind) + packet


class Wire:
    """Feeds a model packet by packet; the clock moves 1 ms per packet."""

    def __init__(self, **options):
        self.model, self.time = oracle.Model(oracle.Options(**options)), 0

    def raw(self, packet, link=228, wire=None, at=None):
        self.time = self.time + 10**6 if at is None else int(at * SECOND)
        self.model.frame(self.time, link, packet, len(packet) if wire is None else wire)
        return self

    def tcp(self, src, dst, seq, payload=b"", flags=0, ack=None, at=None, cut=0):
        flags |= 0 if ack is None else ACK
        packet = ipv4(src[0], dst[0], 6, tcp_bytes(src, dst, seq, ack or 0, flags, payload))
        return self.raw(packet[:len(packet) - cut], wire=len(packet), at=at)

    def a(self, seq, payload=b"", flags=0, **more):
        return self.tcp(A, B, seq, payload, flags, **more)

    def b(self, seq, payload=b"", flags=0, **more):
        return self.tcp(B, A, seq, payload, flags, **more)

    def open(self, a=100, b=900):
        return self.a(a, flags=SYN).b(b, flags=SYN, ack=a + 1).a(a + 1, ack=b + 1)

    def streams(self):
        if not hasattr(self, "result"):
            self.result = self.model.finish()
        return self.result

    def of_a(self, use=0):
        return next(one for one in self.streams() if one.src == golden.endpoint(*A) and one.use == use)

    def of_b(self, use=0):
        return next(one for one in self.streams() if one.src == golden.endpoint(*B) and one.use == use)


class Segments(unittest.TestCase):
    def test_in_order(self):
        wire = Wire().open().a(101, b"hello ").a(107, b"world", FIN).b(901, flags=FIN, ack=113)
        stream = wire.of_a()
        self.assertEqual((stream.data, stream.gaps, stream.end, stream.mid), (b"hello world", [], "fin", False))
        self.assertEqual((stream.isn, stream.start_seq, stream.packets), (100, 101, 4))

    def test_wrap_inside_a_reordered_run(self):
        first = 2**32 - 6
        wire = Wire().open(a=first - 1).a(first + 8, b"ij").a(first + 4, b"efgh").a(first, b"abcd")
        self.assertEqual(wire.of_a().data, b"abcdefghij")
        self.assertEqual(wire.of_a().start_seq, first)

    def test_positions_beyond_four_gigabytes(self):
        wire, at = Wire(hole_wait="0").open(), 101
        for _ in range(10):  # each jump acknowledged, so that it becomes a gap at once
            at += 2**29
            wire.a(at % 2**32, b"x").b(901, ack=(at + 1) % 2**32)
            at += 1
        self.assertEqual(wire.of_a().gaps[-1], (9 * (2**29 + 1), 2**29))
        self.assertEqual(wire.of_a().data, b"x" * 10)

    def test_out_of_window(self):
        wire = Wire().open().a(101 + 2**30 + 1, b"far").a(101, b"near")
        self.assertEqual((wire.of_a().data, wire.of_a().undelivered["out_of_window"]), (b"near", 3))

    def test_keep_alive_is_old(self):
        wire = Wire().open().a(101, b"abc").a(103, b"\0").a(103).a(104, b"d")
        self.assertEqual((wire.of_a().data, wire.of_a().conflicts_delivered), (b"abcd", 1))

    def test_old_bytes_are_compared(self):
        wire = Wire().open().a(101, b"abcdef").a(103, b"cXef")
        self.assertEqual((wire.of_a().data, wire.of_a().conflicts), (b"abcdef", 1))

    def test_payload_of_an_rst_is_no_data(self):
        wire = Wire().open().a(101, b"abc").a(104, b"bye", RST).a(104, b"def")
        self.assertEqual((wire.of_a().data, wire.of_a().end, wire.of_b().end), (b"abcdef", "rst", "rst"))

    def test_data_on_a_syn(self):
        wire = Wire().a(100, b"fast", SYN).b(900, flags=SYN, ack=105).a(105, b"open")
        self.assertEqual(wire.of_a().data, b"fastopen")

    def test_cut_at_capture(self):
        wire = Wire().open().a(101, b"abcdefgh", cut=3).a(109, b"ij", FIN)
        self.assertEqual((wire.of_a().data, wire.of_a().gaps, wire.of_a().end), (b"abcdeij", [(5, 3)], "fin"))

    def test_fin_on_a_cut_packet_stands_behind_what_was_announced(self):
        wire = Wire().open().a(101, b"abcdefgh", FIN, cut=3)
        self.assertEqual((wire.of_a().data, wire.of_a().gaps), (b"abcde", [(5, 3)]))


class Overlap(unittest.TestCase):
    # Old segment, new segment (start and length, held above a hole), and which policies let the new one win.
    CASES = (
        ((10, 10), (5, 10), {"last", "bsd", "linux", "old-linux"}),  # before, ends inside
        ((10, 10), (5, 15), {"last", "bsd", "linux", "old-linux", "solaris"}),  # before, same end
        ((10, 10), (5, 20), {"last", "bsd", "linux", "old-linux", "solaris"}),  # before, longer
        ((10, 10), (10, 5), {"last"}),  # same start, shorter
        ((10, 10), (10, 10), {"last", "old-linux", "solaris"}),  # the same place
        ((10, 10), (10, 15), {"last", "linux", "old-linux", "solaris"}),  # same start, longer
        ((10, 10), (12, 4), {"last"}),  # inside
        ((10, 10), (15, 5), {"last"}),  # behind, same end
        ((10, 10), (15, 10), {"last", "solaris"}),  # behind, longer
    )
    SAME = {"windows": "bsd", "macos": "bsd", "irix": "bsd", "hpux10": "bsd", "hpux11": "solaris"}

    def test_each_policy(self):
        for old, new, winners in self.CASES:
            for policy in ("first", "last", "bsd", "linux", "old-linux", "solaris", *self.SAME):
                wins = self.SAME.get(policy, policy) in winners
                with self.subTest(old=old, new=new, policy=policy):
                    self.assertEqual(self.held(old, new, policy), self.expected(old, new, wins))

    @staticmethod
    def held(old, new, policy):
        wire = Wire(overlap=policy).open()
        wire.a(101 + old[0], b"o" * old[1]).a(101 + new[0], b"n" * new[1])
        return wire.of_a().data

    @staticmethod
    def expected(old, new, wins):
        cells = {}
        for (start, length), letter in ((old, b"o"), (new, b"n")) if wins else ((new, b"n"), (old, b"o")):
            cells.update((at, letter) for at in range(start, start + length))
        return b"".join(cells[at] for at in sorted(cells))

    def test_segments_are_compared_as_they_came(self):
        wire = Wire(overlap="bsd").open().a(111, b"oooooooooo")
        wire.a(106, b"nnnnnnnnnn")  # wins 111 to 116 and is held from 106
        wire.a(108, b"mmmmmmmmmm")  # loses to n, wins from o though 108 to 116 was cut from it
        self.assertEqual(wire.of_a().data, b"nnnnnnnnnnmmooo")

    def test_delivered_bytes_never_change(self):
        wire = Wire(overlap="last").open().a(101, b"aaaa").a(101, b"bbbbbb")
        self.assertEqual((wire.of_a().data, wire.of_a().conflicts_delivered), (b"aaaabb", 4))


class Starts(unittest.TestCase):
    def test_syn_after_data(self):
        wire = Wire().a(106, b"world").a(101, b"hello").a(100, flags=SYN)
        self.assertEqual((wire.of_a().data, wire.of_a().mid, wire.of_a().use), (b"helloworld", False, 0))

    def test_mid_stream_starts_at_the_least(self):
        wire = Wire().a(106, b"world").a(101, b"hello")
        self.assertEqual((wire.of_a().data, wire.of_a().mid, wire.of_a().start_seq), (b"helloworld", True, 101))

    def test_mid_stream_waits_for_so_many_packets(self):
        wire = Wire(hole_wait="2").a(106, b"b").a(107, b"c").a(108, b"d").a(105, b"a")
        self.assertEqual((wire.of_a().data, wire.of_a().undelivered["before_start"]), (b"bcd", 1))

    def test_starts_at_what_the_syn_ack_acknowledges(self):
        wire = Wire().b(900, flags=SYN, ack=101).a(104, b"def")
        self.assertEqual((wire.of_a().data, wire.of_a().gaps, wire.of_a().mid), (b"def", [(0, 3)], False))
        self.assertEqual((wire.of_b().mid, wire.of_b().end), (False, "eof"))

    def test_syn_repeated_changes_nothing(self):
        wire = Wire().open().a(101, b"abc").a(100, flags=SYN).a(104, b"def")
        self.assertEqual((wire.of_a().data, len(wire.streams())), (b"abcdef", 2))

    def test_nothing_but_rsts_has_no_start(self):
        wire = Wire().b(900, flags=SYN, ack=101).a(101, flags=RST)
        self.assertEqual((wire.of_a().mid, wire.of_a().start_seq, wire.of_a().end), (True, None, "rst"))

    def test_a_syn_fits_before_a_keep_alive(self):
        wire = Wire().a(100, b"x").a(101, b"one").a(100, flags=SYN)
        self.assertEqual((wire.of_a().data, wire.of_a().mid, wire.of_a().use), (b"one", False, 0))

    def test_pure_acks_make_a_stream_without_data(self):
        wire = Wire().a(500, ack=7)
        self.assertEqual((wire.of_a().data, wire.of_a().mid, wire.of_a().gaps), (b"", True, []))


class Ends(unittest.TestCase):
    def test_fin_before_data(self):
        wire = Wire().open().a(107, flags=FIN).a(101, b"abcdef")
        self.assertEqual((wire.of_a().data, wire.of_a().gaps, wire.of_a().end), (b"abcdef", [], "fin"))

    def test_what_is_missing_before_a_fin_is_a_gap(self):
        wire = Wire().open().a(101, b"ab").a(107, flags=FIN)
        self.assertEqual(wire.of_a().gaps, [(2, 4)])

    def test_lone_fin_without_syn_has_no_gap(self):
        wire = Wire().a(107, flags=FIN).a(101)
        self.assertEqual((wire.of_a().gaps, wire.of_a().end), ([], "fin"))

    def test_rst_then_data_that_was_late(self):
        wire = Wire().open().a(104, b"def").b(901, flags=RST).a(101, b"abc")
        self.assertEqual((wire.of_a().data, wire.of_a().end), (b"abcdef", "rst"))

    def test_idle_after_the_close(self):
        wire = Wire().open().a(101, b"x", FIN).b(901, flags=FIN, ack=103).a(103, ack=902, at=70)
        self.assertEqual({stream.use for stream in wire.streams()}, {0, 1})

    def test_idle_while_open(self):
        wire = Wire().open().a(101, b"x", at=7000).a(102, b"y", at=7000 + 2 * 3600 + 240)
        self.assertEqual((wire.of_a(0).data, wire.of_a(0).end), (b"x", "timeout"))
        self.assertEqual((wire.of_a(1).data, wire.of_a(1).end, wire.of_a(1).mid), (b"y", "eof", True))

    def test_idle_at_the_end_of_the_trace(self):
        wire = Wire().open().tcp((b"\x0a\0\0\x09", 9), B, 1, flags=SYN, at=7500)
        self.assertEqual((wire.of_a().end, wire.of_b().end), ("timeout", "timeout"))

    def test_the_clock_never_goes_back(self):
        wire = Wire().open().a(101, b"x", at=7000).a(102, b"y", at=1)
        self.assertEqual(wire.of_a().data, b"xy")


class Reuse(unittest.TestCase):
    def closed(self):
        return Wire().open().a(101, b"one", FIN).b(901, flags=FIN, ack=105).a(105, ack=902)

    def test_port_reuse(self):
        wire = self.closed().a(50000, flags=SYN).a(50001, b"two")
        self.assertEqual((wire.of_a(0).data, wire.of_a(1).data), (b"one", b"two"))

    def test_syn_overtakes_the_old_tail(self):
        wire = Wire().open().a(101, b"abc").a(50000, flags=SYN).a(104, b"def", FIN).a(50001, b"two")
        self.assertEqual((wire.of_a(0).data, wire.of_a(0).end, wire.of_a(1).data), (b"abcdef", "fin", b"two"))

    def test_data_overtakes_its_syn(self):
        wire = self.closed().a(50001, b"two").a(50000, flags=SYN)
        self.assertEqual((wire.of_a(0).data, wire.of_a(1).data, wire.of_a(1).mid), (b"one", b"two", False))

    def test_data_below_the_old_isn_overtakes_its_syn(self):
        wire = self.closed().a(2**32 - 3 * 2**20, b"two").a(2**32 - 3 * 2**20 - 1, flags=SYN)
        self.assertEqual((wire.of_a(0).data, wire.of_a(0).end, wire.of_a(0).gaps), (b"one", "fin", []))
        self.assertEqual((wire.of_a(1).data, wire.of_a(1).mid, wire.of_a(1).end), (b"two", False, "eof"))

    def test_an_ack_overtakes_its_syn_and_says_nothing(self):
        for isn in (50000, 2**32 - 3 * 2**20):
            wire = self.closed().a(isn + 1, ack=7000).a(isn + 1, b"two", ack=7000).a(isn, flags=SYN)
            self.assertEqual((wire.of_a(0).data, wire.of_a(1).data, wire.of_a(1).mid), (b"one", b"two", False))

    def test_an_acknowledgement_tells_connections_apart(self):
        wire = Wire().a(1000, flags=SYN).b(300000000, ack=77).a(77, flags=RST)
        wire.a(1001, b"one", ack=900000001).a(1000, flags=SYN).b(900000000, flags=SYN, ack=1001)
        self.assertEqual((wire.of_a(0).data, wire.of_a(1).data, wire.of_a(1).mid), (b"", b"one", False))

    def test_a_moved_segment_takes_its_fin_along(self):
        wire = Wire().open().a(101, b"one").a(50004, b"lo", FIN).a(50001, b"hel").a(50000, flags=SYN)
        self.assertEqual((wire.of_a(0).end, wire.of_a(0).gaps, wire.of_a(1).end), ("eof", [], "fin"))

    def test_a_syn_with_an_rst_is_an_rst(self):
        wire = Wire().open().a(7, flags=SYN | RST)
        self.assertEqual((len(wire.streams()), wire.of_a().end), (2, "rst"))

    def test_uses_that_touch_are_ambiguous(self):
        wire = self.closed().a(103, flags=SYN).a(104, b"two")
        self.assertEqual({one.use for one in golden.ambiguous(wire.streams())}, {0, 1})
        wire = self.closed().a(50000, flags=SYN).a(50001, b"two")
        self.assertEqual(golden.ambiguous(wire.streams()), set())

    def test_a_use_told_apart_by_its_place_alone_is_ambiguous(self):
        wire = self.closed().a(50001, b"two")
        self.assertEqual({one.use for one in golden.ambiguous(wire.streams())}, {0, 1})

    def test_a_stream_with_a_hole_too_long_is_ambiguous(self):
        for hole, count in ((2**20, 0), (2**20 + 1, 1)):
            wire = Wire().open().a(101 + hole, b"x")
            self.assertEqual(len(golden.ambiguous(wire.streams())), count)

    def test_held_data_moves_to_the_new_use(self):
        wire = Wire().open().a(101, b"one").a(50004, b"lo").a(50001, b"hel").a(50000, flags=SYN)
        self.assertEqual((wire.of_a(0).data, wire.of_a(0).gaps), (b"one", []))
        self.assertEqual((wire.of_a(1).data, wire.of_a(1).gaps), (b"hello", []))

    def test_data_that_overtook_its_syn_ack_moves_to_the_use(self):
        wire = Wire().open().b(901, b"first").b(2000901, b"second").a(101, ack=906, flags=RST)
        wire.a(70000, flags=SYN).b(2000900, flags=SYN, ack=70001)
        self.assertEqual((wire.of_b(0).data, wire.of_b(0).gaps), (b"first", []))
        self.assertEqual((wire.of_b(1).data, wire.of_b(1).gaps), (b"second", []))

    def test_syn_ack_goes_to_the_use_that_it_answers(self):
        wire = Wire().a(50000, flags=SYN).b(900, flags=SYN, ack=50001).b(901, b"x").a(50001, ack=902)
        self.assertEqual((wire.of_b(0).data, len(wire.streams())), (b"x", 2))

    def test_the_ninth_use_pushes_out_the_first(self):
        wire = Wire()
        for number in range(9):
            wire.a(number * 2**28, flags=SYN)
        self.assertEqual([wire.of_a(number).end for number in (0, 1)], ["timeout", "eof"])


class Patience(unittest.TestCase):
    def test_evidence_needs_packets_after_the_acknowledgement(self):
        wire = Wire(hole_wait="2").open().a(104, b"d").b(901, ack=105).a(105, b"e").a(101, b"abc")
        self.assertEqual(wire.of_a().data, b"abcde")
        wire = Wire(hole_wait="2").open().a(104, b"d").b(901, ack=105).a(105, b"e").a(106, b"f").a(101, b"abc")
        self.assertEqual((wire.of_a().data, wire.of_a().gaps), (b"def", [(0, 3)]))
        self.assertEqual(wire.of_a().undelivered["late_in_gap"], 3)

    def test_no_acknowledgement_no_evidence(self):
        wire = Wire(hole_wait="2").open()
        for number in range(20):
            wire.a(104 + number, b"x")
        self.assertEqual(wire.a(101, b"abc").of_a().gaps, [])

    def test_acknowledgement_before_the_data(self):
        wire = Wire(hole_wait="1").open().b(901, ack=106).a(104, b"d").a(105, b"e").a(101, b"abc")
        self.assertEqual(wire.of_a().gaps, [(0, 3)])

    def test_a_time(self):
        wire = Wire(hole_wait="10ms").open().a(104, b"d").b(901, ack=105, at=1).a(101, b"abc", at=1.009)
        self.assertEqual(wire.of_a().gaps, [])
        wire = Wire(hole_wait="10ms").open().a(104, b"d").b(901, ack=105, at=1).a(101, b"abc", at=1.010)
        self.assertEqual(wire.of_a().gaps, [(0, 3)])

    def test_packets_and_a_time(self):
        for late, gaps in ((1.5, []), (3, [(0, 3)])):
            wire = Wire(hole_wait="1,1s").open().a(104, b"d").b(901, ack=105, at=1).a(105, b"e", at=1.2)
            self.assertEqual(wire.a(101, b"abc", at=late).of_a().gaps, gaps)

    def test_held_for_two_minutes(self):
        for late, gaps in ((129, []), (130, [(0, 3)])):
            wire = Wire().open().a(104, b"d", at=10).a(101, b"abc", at=late)
            self.assertEqual(wire.of_a().gaps, gaps)

    def test_wrong_values_are_refused(self):
        for text in ("5x", "1,2", "ms,1s", "", "10ms,20ms"):
            self.assertRaises(ValueError, oracle.Options, hole_wait=text)


class Packets(unittest.TestCase):
    def udp(self, payload, **more):
        return ipv4(A[0], B[0], 17, udp_bytes(A, B, payload), **more)

    def fragments(self, payload, size):
        body, parts = udp_bytes(A, B, payload), []
        for at in range(0, len(body), size):
            more = 0x2000 if at + size < len(body) else 0
            parts.append(ipv4(A[0], B[0], 17, body[at:at + size], number=7, fragment=more | at // 8))
        return parts

    def test_udp_digests_do_not_depend_on_order(self):
        lines = []
        for order in ((b"one", b"two", b"two"), (b"two", b"one", b"two")):
            wire = Wire()
            for payload in order:
                wire.raw(self.udp(payload))
            lines.append(golden.udp_line(wire.streams().udp[0]))
        digests = sorted(hashlib.sha256(payload).digest() for payload in (b"one", b"two", b"two"))
        self.assertEqual(lines[0], "udp 10.0.0.1:1000 > 10.0.0.2:80 datagrams=3 bytes=9 sha256="
                         + hashlib.sha256(b"".join(digests)).hexdigest())
        self.assertEqual(*lines)

    def test_fragments_in_any_order(self):
        wire = Wire()
        for part in reversed(self.fragments(b"a" * 50, 16)):
            wire.raw(part)
        self.assertEqual(wire.streams().udp[0].bytes, 50)

    def test_first_bytes_win_in_ipv4(self):
        body = udp_bytes(A, B, b"a" * 24)
        wire = Wire().raw(ipv4(A[0], B[0], 17, body[:16], number=7, fragment=0x2000))
        wire.raw(ipv4(A[0], B[0], 17, b"z" * 16 + body[24:], number=7, fragment=0x2001))
        wire.raw(ipv4(A[0], B[0], 17, body[24:], number=7, fragment=3))
        self.assertEqual(wire.streams().udp[0].digests, [hashlib.sha256(b"a" * 8 + b"z" * 8 + b"a" * 8).digest()])

    def test_fragments_wait_thirty_seconds(self):
        for late, count in ((29, 1), (31, 0)):
            first, second = self.fragments(b"a" * 16, 16)
            wire = Wire().raw(first, at=1).raw(second, at=1 + late)
            self.assertEqual(len(wire.streams().udp), count)

    def ipv6_fragments(self, pieces, body):
        for at, length in pieces:
            more = 1 if at + length < len(body) else 0
            header = struct.pack(">BBHI", 17, 0, at | more, 99)
            part = header + body[at:at + length]
            yield struct.pack(">IHBB", 6 << 28, len(part), 44, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + part

    def test_overlapping_ipv6_fragments_drop_the_datagram(self):
        body = udp_bytes(A, B, b"a" * 24)
        for pieces, count in ((((0, 16), (16, 16)), 1), (((0, 16), (0, 16), (16, 16)), 1), (((0, 16), (8, 24)), 0),
                              (((0, 16), (8, 8), (16, 16)), 1)):
            wire = Wire()
            for packet in self.ipv6_fragments(pieces, body):
                wire.raw(packet, link=229)
            self.assertEqual(len(wire.streams().udp), count, pieces)

    def test_padding_is_no_payload(self):
        packet = ipv4(A[0], B[0], 6, tcp_bytes(A, B, 5, 0, 0, b"ab"))
        self.assertEqual(Wire().raw(ethernet(packet) + bytes(6), link=1).of_a().data, b"ab")

    def test_total_length_zero_is_the_rest_of_the_frame(self):
        packet = ipv4(A[0], B[0], 6, tcp_bytes(A, B, 5, 0, 0, b"abc"), total=0)
        self.assertEqual(Wire().raw(packet).of_a().data, b"abc")

    def test_checksum(self):
        good = ipv4(A[0], B[0], 6, tcp_bytes(A, B, 5, 0, 0, b"abc"))
        bad = good[:-1] + b"X"
        self.assertEqual(Wire(checksum="verify").raw(good).of_a().data, b"abc")
        self.assertEqual(Wire(checksum="verify").raw(bad).streams(), [])
        self.assertEqual(Wire().raw(bad).of_a().data, b"abX")

    def test_vlan_key(self):
        packet = ipv4(A[0], B[0], 6, tcp_bytes(A, B, 5, 0, 0, b"abc"))
        tags = [b"\x88\xa8\0\x05\x81\0\0\x07", b"\x81\0\0\x08"]
        for vlan_key, streams in ((False, 1), (True, 2)):
            wire = Wire(vlan_key=vlan_key)
            for tag in tags:
                wire.raw(ethernet(packet, tags=tag), link=1)
            self.assertEqual(len(wire.streams()), streams)

    def test_tunnels(self):
        inner = ipv4(A[0], B[0], 6, tcp_bytes(A, B, 5, 0, 0, b"abc"))
        outer = b"\1\1\1\1", b"\2\2\2\2"

        def over_udp(port, payload):
            return ipv4(*outer, 17, udp_bytes((outer[0], 99), (outer[1], port), payload))
        cases = {
            "ipip": ipv4(*outer, 4, inner),
            "gre with key and sequence": ipv4(*outer, 47, b"\x30\0\x08\0" + bytes(8) + inner),
            "teb": ipv4(*outer, 47, b"\0\0\x65\x58" + ethernet(inner)),
            "erspan 2": ipv4(*outer, 47, b"\x10\0\x88\xbe" + bytes(4) + b"\x10" + bytes(7) + ethernet(inner)),
            "erspan 3": ipv4(*outer, 47, b"\x10\0\x22\xeb" + bytes(4) + b"\x20" + bytes(11) + ethernet(inner)),
            "vxlan": over_udp(4789, b"\x08" + bytes(7) + ethernet(inner)),
            "geneve with an option": over_udp(6081, b"\1\0\x65\x58" + bytes(8) + ethernet(inner)),
            "gtp": over_udp(2152, b"\x30\xff" + struct.pack(">HI", len(inner), 1) + inner),
        }
        for name, packet in cases.items():
            with self.subTest(name):
                self.assertEqual(Wire().raw(packet).of_a().data, b"abc")
        deep = inner
        for depth in range(1, 10):
            deep = ipv4(*outer, 4, deep)
            self.assertEqual(len(Wire().raw(deep).streams()), 1 if depth <= 8 else 0)

    def test_links(self):
        packet = ipv4(A[0], B[0], 6, tcp_bytes(A, B, 5, 0, 0, b"abc"))
        cases = {1: ethernet(packet), 0: b"\2\0\0\0" + packet, 108: b"\0\0\0\2" + packet, 101: packet, 12: packet,
                 14: packet, 9: b"\xff\x03\0\x21" + packet, 113: bytes(14) + b"\x08\0" + packet,
                 276: b"\x08\0" + bytes(18) + packet}
        for link, frame in cases.items():
            with self.subTest(link):
                self.assertEqual(Wire().raw(frame, link=link).of_a().data, b"abc")
        for kind, shim in ((0x8847, b"\0\1\0\x40\0\1\1\x40"), (0x8864, b"\x11\0\0\1" + struct.pack(">H", len(packet) + 2)
                                                               + b"\0\x21")):
            self.assertEqual(Wire().raw(ethernet(shim + packet, kind), link=1).of_a().data, b"abc")


class Files(unittest.TestCase):
    PACKETS = [ipv4(A[0], B[0], 6, tcp_bytes(A, B, 5 + at, 0, 0, b"abc"[at:at + 1])) for at in range(3)]

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, data, name="trace"):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as out:
            out.write(data)
        return path

    def pcap(self, order="<", magic=0xA1B2C3D4):
        data = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, 228)
        for second, packet in enumerate(self.PACKETS):
            data += struct.pack(order + "IIII", second, 5, len(packet), len(packet)) + packet
        return data

    @staticmethod
    def block(order, kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)

    def pcapng(self, order):
        section = self.block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
        ticks = struct.pack(order + "HHB3xHH", 9, 1, 0x8A, 0, 0)
        data = section + self.block(order, 1, struct.pack(order + "HHI", 1, 0, 0))
        data += self.block(order, 1, struct.pack(order + "HHI", 228, 0, 0) + ticks)
        first, second, third = self.PACKETS
        data += self.block(order, 6, struct.pack(order + "IIIII", 1, 0, 2048, len(first), len(first)) + first)
        data += self.block(order, 2, struct.pack(order + "HHIIII", 1, 0, 0, 3072, len(second), len(second)) + second)
        data += section + self.block(order, 1, struct.pack(order + "HHI", 228, 0, 0))
        return data + self.block(order, 3, struct.pack(order + "I", len(third)) + third)

    def test_formats(self):
        cases = {"pcapng" + order: self.pcapng(order) for order in "<>"}
        cases.update({f"pcap{order}{magic:x}": self.pcap(order, magic) for order in "<>"
                      for magic in (0xA1B2C3D4, 0xA1B23C4D)})
        cases["gzip"] = gzip.compress(self.pcap())
        for name, data in cases.items():
            with self.subTest(name):
                streams = oracle.run(self.write(data))
                self.assertEqual((streams[0].data, streams.damage), (b"abc", None))

    def test_times(self):
        times = [record.time for record in capture.read_records(self.write(self.pcapng("<")))]
        self.assertEqual(times, [2 * SECOND, 3 * SECOND, None])
        times = [record.time for record in capture.read_records(self.write(self.pcap(">", 0xA1B23C4D)))]
        self.assertEqual(times, [5, SECOND + 5, 2 * SECOND + 5])

    def run_program(self, *arguments):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle.py")
        return subprocess.run([sys.executable, program, *arguments], capture_output=True, text=True, check=False)

    def test_damaged(self):
        for name, data in (("pcap", self.pcap()[:-1]), ("gzip", gzip.compress(self.pcap())[:-12])):
            with self.subTest(name):
                done = self.run_program(self.write(data))
                self.assertEqual(done.returncode, 1)
                self.assertIn("bytes=", done.stdout)
                self.assertIn("oracle: ", done.stderr)
        self.assertEqual(self.run_program(self.write(b"no capture")).returncode, 2)
        self.assertEqual(self.run_program(os.path.join(self.folder.name, "none")).returncode, 2)

    def test_golden_lines_and_dump(self):
        folder = os.path.join(self.folder.name, "streams")
        path = self.write(self.pcap())
        done = self.run_program("--dump", folder, "--only-stream", "10.0.0.1:1000 > 10.0.0.2:80", path)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], "# flowos-golden 1")
        self.assertEqual(lines[-1], "tcp 10.0.0.1:1000 > 10.0.0.2:80 #0 bytes=3 sha256="
                         + hashlib.sha256(b"abc").hexdigest() + " gaps=- end=eof start=mid")
        with open(os.path.join(folder, "010.000.000.001.01000-010.000.000.002.00080"), "rb") as stream:
            self.assertEqual(stream.read(), b"abc")
        self.assertEqual(self.run_program("--only-stream", "10.0.0.1:1 > 10.0.0.2:80", path).stdout.count("tcp"), 0)


if __name__ == "__main__":
    unittest.main()
