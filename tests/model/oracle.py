#!/usr/bin/env python3
"""The second reassembler: says what each stream of a capture must contain, as golden lines.

It implements engine/ORDER.md without sharing a line with the engine and prefers the plain way to the fast one.
    oracle.py [options] CAPTURE          golden lines on standard output
    oracle.py --server                   asked over and over without being started anew: see serve()
    streams = oracle.run(path, Options(overlap="linux"))     as a module
Exit status: 0; 1 when the capture is damaged (what came before counts); 2 when nothing could be read.
"""

import argparse
import hashlib
import json
import signal
import struct
import sys
from dataclasses import dataclass, field

import capture
import golden
import packets
import tcp

TIME_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}


def parse_hole_wait(text):
    """ "1024", "200ms" or both with a comma: (packets or None, nanoseconds or None)."""
    count = time = None
    for part in text.split(","):
        if part.isdigit() and count is None:
            count = int(part)
            continue
        unit = next((unit for unit in TIME_UNITS if part.endswith(unit)), None)
        if unit is None or time is not None:
            raise ValueError(f"--hole-wait {text}: a number of packets, a time with a unit, or both")
        time = round(float(part[:-len(unit)]) * TIME_UNITS[unit])
    return count, time


@dataclass
class Options:
    checksum: str = "ignore"
    overlap: str = "bsd"
    hole_wait: str = "1024"
    vlan_key: bool = False
    only: list = field(default_factory=list)  # "SRC:PORT > DST:PORT"; empty: all

    def __post_init__(self):
        self.hole_packets, self.hole_time = parse_hole_wait(self.hole_wait)
        if self.overlap not in tcp.POLICIES or self.checksum not in ("verify", "ignore"):
            raise ValueError("no such policy")


class Stream:
    """One direction of one use, at its end."""

    def __init__(self, sender, receiver, use, direction):
        self.src_key, self.dst_key = sender, receiver
        self.src, self.dst, self.use = golden.endpoint(*sender), golden.endpoint(*receiver), use.number
        self.data, self.gaps, self.end = bytes(direction.delivered), direction.gaps, use.end_of(direction)
        self.mid, self.isn, self.packets = direction.mid, direction.isn, direction.packets
        self.start_seq = None if direction.start is None else direction.start & 0xFFFFFFFF
        self.conflicts, self.conflicts_delivered = direction.conflicts, direction.conflicts_delivered
        self.undelivered = direction.undelivered
        # As offsets: the first packet seen, and what the peer acknowledged at most.
        self.first_seen = self.offset(direction, direction.first)
        self.acknowledged = self.offset(direction, direction.ack)

    @staticmethod
    def offset(direction, position):
        return None if position is None or direction.start is None else position - direction.start

    @property
    def sha256(self):
        return hashlib.sha256(self.data).hexdigest()


class UdpConversation:
    """Datagrams from one endpoint to another."""

    def __init__(self, sender, receiver):
        self.src, self.dst = golden.endpoint(*sender), golden.endpoint(*receiver)
        self.digests, self.bytes = [], 0

    def add(self, payload):
        self.digests.append(hashlib.sha256(payload).digest())
        self.bytes += len(payload)


class Streams(list):
    """The TCP streams in order of their ends, `udp` conversations, and `damage`: a message or None."""

    def __init__(self):
        super().__init__()
        self.udp, self.damage, self.trace_sha256 = [], None, None


class Model:
    """Takes packets in the order of the trace and collects finished streams."""

    def __init__(self, options=None):
        self.options = options or Options()
        self.streams = Streams()
        self.decoder = packets.Decoder(self.options.checksum == "verify")
        self.conversations, self.udp, self.use_numbers = {}, {}, {}
        self.now = 0
        self.only = {tuple(sorted(name.split(" > "))) for name in self.options.only}

    def frame(self, time, link, data, wire):
        if time is not None:
            self.now = max(self.now, time)
        packet = self.decoder.decode(link, data, wire, self.now)
        if packet is not None:
            self.packet(packet)

    def packet(self, packet):
        sender, receiver = (packet.src, packet.sport), (packet.dst, packet.dport)
        if self.only and tuple(sorted((golden.endpoint(*sender), golden.endpoint(*receiver)))) not in self.only:
            return
        if packet.protocol == packets.UDP:
            key = (sender, receiver)
            if key not in self.udp:
                self.udp[key] = UdpConversation(sender, receiver)
            self.udp[key].add(packet.payload)
            return
        ends = (sender, receiver) if sender <= receiver else (receiver, sender)
        key = ends + (packet.vlans[:1] if self.options.vlan_key else (),)
        if key not in self.conversations:
            self.conversations[key] = self.new_conversation(ends)
        self.conversations[key].packet(packet, 0 if sender == ends[0] else 1, self.now)

    def new_conversation(self, ends):
        def new_number():
            number = self.use_numbers.get(ends, 0)
            self.use_numbers[ends] = number + 1
            return number

        def finished(use):
            for d in (0, 1):
                if use.directions[d].packets:
                    self.streams.append(Stream(ends[d], ends[1 - d], use, use.directions[d]))
        return tcp.Conversation(self.options, new_number, finished)

    def finish(self):
        for conversation in self.conversations.values():
            conversation.end_all(self.now)
        self.streams.udp = list(self.udp.values())
        return self.streams


def run(path, options=None):
    """The streams of a capture; raises OSError or capture.NotACapture when there is nothing to read."""
    model = Model(options)
    try:
        for record in capture.read_records(path):
            model.frame(record.time, record.link, record.data, record.wire)
    except capture.Damaged as error:
        model.streams.damage = str(error)
    streams = model.finish()
    streams.trace_sha256 = file_sha256(path)
    return streams


def file_sha256(path):
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


FRAME = struct.Struct("<QIII")  # time, link type, captured bytes, bytes on the wire


def answer(question, stream):
    """The golden lines for one question: a line of JSON that has been read, and its frames that follow it."""
    model = Model(Options(question["checksum"], question["overlap"], question["hole_wait"], question["vlan_key"]))
    failed = None
    for _ in range(question["frames"]):
        time, link, captured, wire = FRAME.unpack(stream.read(FRAME.size))
        data = stream.read(captured)
        try:
            if failed is None:
                model.frame(time, link, data, max(wire, captured))
        except Exception as error:  # pylint: disable=broad-except # the rest of the question must be read
            failed = error
    if failed is not None:
        raise failed
    streams = model.finish()
    return sorted([golden.tcp_line(one) for one in streams] + [golden.udp_line(one) for one in streams.udp])


def serve(questions, answers):
    """Answers until the questions end. A question is a line of JSON (checksum, overlap, hole_wait, vlan_key, frames:
    how many) and then so many frames, each a FRAME and its bytes; an answer is "N\\n" and N golden lines, or
    "! why\\n" where there is none. It begins with a line that says that the server is there."""
    answers.write(b"flowos-model 1\n")
    answers.flush()
    for line in questions:
        try:
            lines = answer(json.loads(line), questions)
            text = "".join(f"{one}\n" for one in [len(lines), *lines])
        except Exception as error:  # pylint: disable=broad-except # whoever asks is told
            text = f"! {type(error).__name__}: {error}".replace("\n", " ") + "\n"
        answers.write(text.encode())
        answers.flush()


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description="What each stream of a capture must contain, as golden lines.")
    parser.add_argument("capture")
    parser.add_argument("--version", action="version", version="flowos oracle 1")
    parser.add_argument("--checksum", choices=("verify", "ignore"), default="ignore")
    parser.add_argument("--overlap", choices=sorted(tcp.POLICIES), default="bsd")
    parser.add_argument("--hole-wait", default="1024", metavar="N|T[,...]")
    parser.add_argument("--vlan-key", action="store_true", help="VLAN tags are part of a conversation's key")
    parser.add_argument("--only-stream", action="append", default=[], metavar="'SRC:PORT > DST:PORT'")
    parser.add_argument("--dump", metavar="DIR", help="each stream's bytes to a file")
    parser.add_argument("--json", action="store_true", help="JSON with more detail instead of golden lines")
    chosen = parser.parse_args(arguments)
    try:
        options = Options(chosen.checksum, chosen.overlap, chosen.hole_wait, chosen.vlan_key, chosen.only_stream)
    except ValueError as error:
        parser.error(str(error))
    return chosen, options


def main(arguments=None):
    if (sys.argv[1:] if arguments is None else arguments) == ["--server"]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asks decides when it ends
        serve(sys.stdin.buffer, sys.stdout.buffer)
        return 0
    chosen, options = parse_arguments(arguments)
    try:
        streams = run(chosen.capture, options)
    except (OSError, capture.NotACapture) as error:
        print(f"oracle: {chosen.capture}: {error}", file=sys.stderr)
        return 2
    if chosen.dump:
        golden.dump(streams, chosen.dump)
    sys.stdout.write(golden.json_text(streams) if chosen.json else golden.golden_text(streams, options))
    if streams.damage:
        print(f"oracle: {chosen.capture}: {streams.damage}; what came before counts", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
