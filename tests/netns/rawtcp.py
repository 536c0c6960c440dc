# SPDX-License-Identifier: BSD-2-Clause
"""Frames of one direction of a TCP session, made byte by byte: with VLAN tags, or in a GRE tunnel."""

import socket
import struct

HOSTS = ("10.9.0.1", "10.9.0.2")


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, target, protocol, payload):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0) + source + target
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def frame(number, side, seq, flags, payload=b"", tags=(), gre=False, ack=1):
    """`side` 0: from the client, 1: from the server. A tunnel's ends are other addresses for each direction."""
    hosts, ports = list(map(socket.inet_aton, HOSTS)), (1000 + number, 80)
    source, target = hosts[side], hosts[1 - side]
    tcp = struct.pack("!HHIIBBHHH", ports[side], ports[1 - side], seq, ack, 0x50, flags, 65535, 0, 0) + payload
    tcp = tcp[:16] + struct.pack("!H", checksum(source + target + struct.pack("!HH", 6, len(tcp)) + tcp)) + tcp[18:]
    packet = ipv4(source, target, 6, tcp)
    if gre:
        ends = [socket.inet_aton(f"10.{20 + side}.{number}.{i}") for i in (1, 2)]
        packet = ipv4(ends[side], ends[1 - side], 47, struct.pack("!HH", 0, 0x800) + packet)
    types = ([0x88a8] if len(tags) == 2 else []) + [0x8100]
    link = b"".join(struct.pack("!HH", kind, tag) for kind, tag in zip(types, tags))
    macs = (b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02")
    return macs[1 - side] + macs[side] + link + b"\x08\0" + packet


def session(number, side, data, tags=(), gre=False):
    """From SYN to FIN, a little out of order."""
    parts = [frame(number, side, 100 + at, 0x18, data[at:at + 1000], tags, gre) for at in range(0, len(data), 1000)]
    parts[3], parts[4] = parts[4], parts[3]
    return [frame(number, side, 99, 2 + 16 * side, b"", tags, gre), *parts,
            frame(number, side, 100 + len(data), 0x11, b"", tags, gre)]


def conversation(number, data, gre=True):
    """Both directions in turns, as much one way as the other: `data`, and the same backwards."""
    back, size = data[::-1], len(data)

    def one(side, seq, flags, payload=b"", ack=0):
        return frame(number, side, seq, flags, payload, (), gre, ack)

    frames = [one(0, 99, 2), one(1, 99, 0x12, ack=100), one(0, 100, 0x10, ack=100)]
    for at in range(0, size, 1000):
        frames += [one(0, 100 + at, 0x18, data[at:at + 1000], 100 + at), one(1, 100 + at, 0x18, back[at:at + 1000], 100 + at)]
    return frames + [one(0, 100 + size, 0x11, ack=100 + size), one(1, 100 + size, 0x11, ack=101 + size),
                     one(0, 101 + size, 0x10, ack=101 + size)]


# A program that sends a file of frames, each behind its length.
SEND = """
import socket, struct, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
with open(sys.argv[1], "rb") as frames:
    while head := frames.read(2):
        s.send(frames.read(struct.unpack("!H", head)[0]))
        time.sleep(0.0003)
"""
