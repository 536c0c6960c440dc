# SPDX-License-Identifier: BSD-2-Clause
"""Frames and capture files for cases.py: Ethernet, VLAN tags, IPv4 and IPv6, fragments, TCP, UDP, pcap.

Plain functions from fields to bytes. Nothing here knows what a connection is, reads a clock or draws a number; the
engine's and the oracle's parsers share no line with it.
"""

import ipaddress
import struct

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
TCP, UDP = 6, 17
RIGHT, WRONG, ZERO = "right", "wrong", "zero"  # what is written where a checksum belongs


def ones_sum(data):
    """RFC 1071's sum, not yet complemented."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def sum_field(how, data):
    """The checksum over data, or what stands in its place."""
    right = ones_sum(data) ^ 0xFFFF
    return {RIGHT: right, WRONG: (right + 0x1234) % 0xFFFF or 1, ZERO: 0}[how]


def pseudo(source, destination, protocol, length):
    return source + destination + struct.pack(">II", length, protocol)


def tcp(source, destination, ports, seq, ack, flags, payload=b"", options=b"", window=65535, urgent=0, total=RIGHT):
    """A TCP segment; `total` says how its checksum is. Addresses are bytes, `ports` the two ports."""
    options += b"\x01" * (-len(options) % 4)
    head = struct.pack(">HHIIBBH", *ports, seq % 2**32, ack % 2**32, (5 + len(options) // 4) << 4, flags, window)
    tail = struct.pack(">H", urgent) + options + payload
    whole = head + b"\0\0" + tail
    value = sum_field(total, pseudo(source, destination, TCP, len(whole)) + whole)
    return head + struct.pack(">H", value) + tail


def udp(source, destination, ports, payload, total=RIGHT):
    head = struct.pack(">HHH", *ports, 8 + len(payload))
    whole = head + b"\0\0" + payload
    value = sum_field(total, pseudo(source, destination, UDP, len(whole)) + whole)
    if total == RIGHT and value == 0:
        value = 0xFFFF  # RFC 768: 0 says that there is none
    return head + struct.pack(">H", value) + payload


def timestamps(value, echo):
    """The TCP option of RFC 7323, aligned as Linux does it."""
    return struct.pack(">BBBBII", 1, 1, 8, 10, value, echo)


def fast_open(cookie=b""):
    """The TCP option of RFC 7413; without a cookie it asks for one."""
    return struct.pack(">BB", 34, 2 + len(cookie)) + cookie


# -- IP -----------------------------------------------------------------------

def ipv4(source, destination, protocol, payload, ident, where=0, more=False, total=RIGHT, length=None):
    """`where`: of a fragment, its offset in bytes. `length`: a total length that is not the right one."""
    length = 20 + len(payload) if length is None else length
    fragment = where // 8 | (0x2000 if more else 0)
    head = struct.pack(">BBHHHBB", 0x45, 0, length, ident, fragment, 64, protocol)
    value = sum_field(total, head + b"\0\0" + source + destination)
    return head + struct.pack(">H", value) + source + destination + payload


def ipv6(source, destination, protocol, payload, length=None):
    length = len(payload) if length is None else length
    return struct.pack(">IHBB", 6 << 28, length, protocol, 64) + source + destination + payload


def ipv6_fragment(source, destination, protocol, payload, ident, where, more):
    head = struct.pack(">BBHI", protocol, 0, where | (1 if more else 0), ident)
    return ipv6(source, destination, 44, head + payload)


def ipv6_jumbo(source, destination, protocol, payload):
    """RFC 2675: the payload length is 0, a hop-by-hop option says it. So Linux writes BIG TCP."""
    hop = struct.pack(">BBBBI", protocol, 0, 0xC2, 4, 8 + len(payload))
    return ipv6(source, destination, 0, hop + payload, length=0)


def packet(source, destination, protocol, payload, ident, **more):
    """An IP packet of the family that the addresses are of."""
    if len(source) == 16:
        return ipv6(source, destination, protocol, payload)
    return ipv4(source, destination, protocol, payload, ident, **more)


def fragments(source, destination, protocol, payload, ident, size):
    """The packet in fragments of `size` bytes each (a multiple of 8), in order."""
    found = []
    for where in range(0, len(payload), size):
        part, more = payload[where:where + size], where + size < len(payload)
        if len(source) == 16:
            found.append(ipv6_fragment(source, destination, protocol, part, ident, where, more))
        else:
            found.append(ipv4(source, destination, protocol, part, ident, where, more))
    return found


# -- links and files ----------------------------------------------------------

def ethernet(source, destination, body, vlan=None, padding=b"", trailer=b""):
    """`padding` fills a short frame up to 60 bytes, repeated as needed; `trailer` comes behind whatever there is."""
    kind = b"\x86\xdd" if body[0] >> 4 == 6 else b"\x08\x00"
    tag = b"" if vlan is None else b"\x81\x00" + struct.pack(">H", vlan)
    frame = mac(destination) + mac(source) + tag + kind + body
    if padding and len(frame) < 60:
        frame += (padding * 60)[:60 - len(frame)]
    return frame + trailer


def mac(address):
    """One that belongs to an IP address: locally administered, its last four bytes."""
    return b"\x02\x00" + address[-4:]


def address(text):
    return ipaddress.ip_address(text).packed


def pcap(frames, snap=262144):
    """A pcap file of (time in microseconds, bytes captured, bytes on the wire)."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snap, 1)]
    for when, data, wire in frames:
        parts.append(struct.pack("<IIII", when // 10**6, when % 10**6, len(data), wire) + data)
    return b"".join(parts)
