"""Reads capture files: pcap and pcapng, plain or gzip, by their first bytes.

`read_records(path)` yields a Record per packet. A damaged file yields what comes before the damage and then raises
`Damaged`; a file that is no capture at all raises `NotACapture` before the first record.
"""

import gzip
import struct
import zlib
from collections import namedtuple

# time: nanoseconds since 1970, or None where the format has none; wire: the packet's length before it was cut.
Record = namedtuple("Record", "time link data wire")

LARGEST_PACKET = 16 << 20
LARGEST_BLOCK = 64 << 20

PCAP_MAGIC = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}  # ns per unit, record header
SECTION, INTERFACE, OLD_PACKET, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
BYTE_ORDER_MAGIC = 0x1A2B3C4D


class Damaged(Exception):
    """The file breaks off or makes no sense from here on."""


class NotACapture(Exception):
    """The file's first bytes are those of no known capture format."""


def read_records(path):
    with open_plain(path) as stream:
        magic = take(stream, 4, optional=True)
        if magic == b"\x0a\x0d\x0d\x0a":
            yield from read_pcapng(stream)
            return
        for order in "<>":
            if len(magic) == 4 and struct.unpack(order + "I", magic)[0] in PCAP_MAGIC:
                yield from read_pcap(stream, order, struct.unpack(order + "I", magic)[0])
                return
        raise NotACapture("neither pcap nor pcapng")


def open_plain(path):
    with open(path, "rb") as stream:
        gzipped = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path) if gzipped else open(path, "rb")


def take(stream, count, optional=False):
    """`count` bytes; at the end of the file b"" where that is allowed, else Damaged."""
    try:
        data = stream.read(count)
    except (EOFError, OSError, zlib.error) as error:
        raise Damaged(f"decompression: {error}")
    if len(data) == count or (optional and not data):
        return data
    raise Damaged(f"the file ends {count - len(data)} bytes too early")


def read_pcap(stream, order, magic):
    unit, header_size = PCAP_MAGIC[magic]
    link = struct.unpack(order + "I", take(stream, 20)[16:])[0] & 0xFFFF
    while True:
        header = take(stream, header_size, optional=True)
        if not header:
            return
        seconds, fraction, captured, wire = struct.unpack(order + "IIII", header[:16])
        if captured > LARGEST_PACKET:
            raise Damaged(f"a packet of {captured} bytes")
        yield Record(seconds * 10**9 + fraction * unit, link, take(stream, captured), max(wire, captured))


class Interface:
    """What an interface description block says of the packets that name it."""

    def __init__(self, order, body):
        if len(body) < 8:
            raise Damaged("a short interface description")
        self.link, _, self.snap = struct.unpack(order + "HHI", body[:8])
        self.units, self.offset = 10**6, 0
        for code, value in read_options(order, body[8:]):
            if code == 9 and len(value) >= 1:
                self.units = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
            if code == 14 and len(value) >= 8:
                self.offset = struct.unpack(order + "q", value[:8])[0]

    def time(self, high, low):
        return self.offset * 10**9 + (high << 32 | low) * 10**9 // self.units


def read_options(order, data):
    at = 0
    while at + 4 <= len(data):
        code, length = struct.unpack(order + "HH", data[at:at + 4])
        if code == 0:
            return
        yield code, data[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


def read_pcapng(stream):
    """Called behind the first block's type, which is a section header's."""
    order, interfaces, kind_bytes = "<", [], b"\x0a\x0d\x0d\x0a"
    while kind_bytes:
        length_bytes = take(stream, 4)
        if kind_bytes == b"\x0a\x0d\x0d\x0a":
            order_bytes = take(stream, 4)
            order = section_order(order_bytes)
            interfaces = []
            body = order_bytes + read_body(stream, order, length_bytes, 4)
            kind = SECTION
        else:
            kind = struct.unpack(order + "I", kind_bytes)[0]
            body = read_body(stream, order, length_bytes, 0)
        if kind == INTERFACE:
            interfaces.append(Interface(order, body))
        elif kind in (ENHANCED, OLD_PACKET, SIMPLE):
            yield packet_of_block(kind, order, body, interfaces)
        kind_bytes = take(stream, 4, optional=True)


def section_order(magic):
    for order in "<>":
        if struct.unpack(order + "I", magic)[0] == BYTE_ORDER_MAGIC:
            return order
    raise Damaged("a section without a byte order")


def read_body(stream, order, length_bytes, already):
    """The block's body from behind what was read of it, without the second length."""
    length = struct.unpack(order + "I", length_bytes)[0]
    if length < 12 + already or length % 4 or length > LARGEST_BLOCK:
        raise Damaged(f"a block of {length} bytes")
    body = take(stream, length - 12 - already)
    if take(stream, 4) != length_bytes:
        raise Damaged("a block's two lengths differ")
    return body


def packet_of_block(kind, order, body, interfaces):
    fixed = 4 if kind == SIMPLE else 20
    if len(body) < fixed:
        raise Damaged("a short packet block")
    if kind == SIMPLE:
        number, wire = 0, struct.unpack(order + "I", body[:4])[0]
    elif kind == ENHANCED:
        number, high, low, captured, wire = struct.unpack(order + "IIIII", body[:20])
    else:
        number, _, high, low, captured, wire = struct.unpack(order + "HHIIII", body[:20])
    if number >= len(interfaces):
        raise Damaged("a packet of an interface that was not described")
    interface = interfaces[number]
    if kind == SIMPLE:
        captured = min(wire, interface.snap or wire, len(body) - 4)
    if captured > len(body) - fixed:
        raise Damaged("a packet longer than its block")
    time = None if kind == SIMPLE else interface.time(high, low)
    return Record(time, interface.link, body[fixed:fixed + captured], max(wire, captured))
