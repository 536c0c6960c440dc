"""From a frame to the TCP segment or UDP datagram inside: link layers, tags, tunnels, IP, fragments, checksums.

Every layer is a method that is given `data`, the bytes captured of it, and `wire`, how many it announces; `wire` is
greater than len(data) when the packet was cut at capture. A layer that is damaged or unknown ends the packet: None.
"""

import struct

from collections import namedtuple

# `payload` is what was captured, `length` what was announced. `seq`, `ack`, `flags` are TCP's, else 0.
Packet = namedtuple("Packet", "protocol src dst sport dport vlans payload length seq ack flags")

TCP, UDP = 6, 17
FIN, SYN, RST, ACK = 1, 2, 4, 16
MOST_TUNNELS = 8
FRAGMENT_TIMEOUT = 30 * 10**9

VLAN_TYPES = (0x8100, 0x88A8, 0x9100, 0x9200, 0x9300)
IPV6_EXTENSIONS = (0, 43, 60, 135, 139, 140)


class Malformed(Exception):
    """A header contradicts itself or is cut off."""


def u8(data, at):
    return field(data, at, 1)


def u16(data, at):
    return field(data, at, 2)


def u32(data, at):
    return field(data, at, 4)


def field(data, at, size):
    if at + size > len(data):
        raise Malformed
    return int.from_bytes(data[at:at + size], "big")


def ones_sum(data):
    """RFC 1071: 0xFFFF over bytes whose checksum is right."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class Path:
    """What is known of the packet from the layers already taken off."""

    def __init__(self, now):
        self.now, self.depth, self.vlans = now, 0, ()

    def enter_tunnel(self):
        self.depth += 1
        if self.depth > MOST_TUNNELS:
            raise Malformed


class Decoder:
    def __init__(self, verify=False):
        self.verify = verify
        self.fragments = Fragments()

    def decode(self, link, data, wire, now):
        """The innermost TCP or UDP packet, or None; fragments are kept until their datagram is whole."""
        layer = self.LINKS.get(link)
        if layer is None:
            return None
        try:
            return layer(self, Path(now), data, wire)
        except Malformed:
            return None

    # Link layers

    def ethernet(self, path, data, wire):
        return self.ethertype(path, u16(data, 12), data[14:], wire - 14)

    def ethertype(self, path, kind, data, wire):
        if kind in VLAN_TYPES:
            path.vlans += (u16(data, 0) & 0xFFF,)
            return self.ethertype(path, u16(data, 2), data[4:], wire - 4)
        if kind == 0x0800:
            return self.ipv4(path, data, wire)
        if kind == 0x86DD:
            return self.ipv6(path, data, wire)
        if kind in (0x8847, 0x8848):
            return self.mpls(path, data, wire)
        if kind == 0x8864:
            return self.pppoe(path, data, wire)
        if kind == 0x6558:
            return self.ethernet(path, data, wire)
        if kind == 0x880B:
            return self.ppp(path, data, wire)
        if kind <= 1500 and data[:6] == b"\xaa\xaa\x03\0\0\0":
            return self.ethertype(path, u16(data, 6), data[8:], wire - 8)
        return None

    def cooked(self, path, data, wire):
        return self.ethertype(path, u16(data, 14), data[16:], wire - 16)

    def cooked2(self, path, data, wire):
        return self.ethertype(path, u16(data, 0), data[20:], wire - 20)

    def null(self, path, data, wire):
        u32(data, 0)
        families = (int.from_bytes(data[:4], "big"), int.from_bytes(data[:4], "little"))
        if 2 in families:
            return self.ipv4(path, data[4:], wire - 4)
        if any(family in (10, 24, 28, 30) for family in families):
            return self.ipv6(path, data[4:], wire - 4)
        return None

    def ppp(self, path, data, wire):
        at = 2 if data[:2] == b"\xff\x03" else 0
        size = 1 if u8(data, at) & 1 else 2
        kind = field(data, at, size)
        at += size
        if kind == 0x21:
            return self.ipv4(path, data[at:], wire - at)
        if kind == 0x57:
            return self.ipv6(path, data[at:], wire - at)
        if kind in (0x281, 0x283):
            return self.mpls(path, data[at:], wire - at)
        return None

    def pppoe(self, path, data, wire):
        if u8(data, 1) != 0:
            return None
        length = u16(data, 4)
        return self.ppp(path, data[6:6 + length], min(wire - 6, length))

    def mpls(self, path, data, wire):
        while not u32(data, 0) & 0x100:
            data, wire = data[4:], wire - 4
        data, wire = data[4:], wire - 4
        version = u8(data, 0) >> 4
        if version in (4, 6):
            return self.ip(path, data, wire)
        if version == 0:  # a pseudowire's control word
            return self.ethernet(path, data[4:], wire - 4)
        return self.ethernet(path, data, wire)

    # IP

    def ip(self, path, data, wire):
        version = u8(data, 0) >> 4
        if version == 4:
            return self.ipv4(path, data, wire)
        if version == 6:
            return self.ipv6(path, data, wire)
        return None

    def ipv4(self, path, data, wire):
        header = (u8(data, 0) & 15) * 4
        total = u16(data, 2) or wire
        if u8(data, 0) >> 4 != 4 or header < 20 or total < header or len(data) < header:
            raise Malformed
        if self.verify and ones_sum(data[:header]) != 0xFFFF:
            raise Malformed
        protocol, source, destination = data[9], data[12:16], data[16:20]
        body, wire = data[header:total], total - header
        fragment = u16(data, 6)
        if fragment & 0x3FFF:
            key = (source, destination, protocol, u16(data, 4))
            whole = self.fragments.add_ipv4(key, (fragment & 0x1FFF) * 8, bool(fragment & 0x2000), body, wire, path.now)
            if whole is None:
                return None
            body, wire = whole
        return self.transport(path, protocol, source, destination, body, wire)

    def ipv6(self, path, data, wire):
        if u8(data, 0) >> 4 != 6 or len(data) < 40:
            raise Malformed
        length = u16(data, 4) or wire - 40
        body, wire = data[40:40 + length], length
        return self.after_ipv6(path, data[6], data[8:24], data[24:40], body, wire)

    def after_ipv6(self, path, kind, source, destination, body, wire):
        """The extension headers, one by one."""
        routed = False
        while True:
            if kind in IPV6_EXTENSIONS:
                size = (u8(body, 1) + 1) * 8
                routed = routed or (kind == 43 and u8(body, 3) > 0)
            elif kind == 44:
                return self.ipv6_fragment(path, source, destination, body, wire)
            else:
                return self.transport(path, kind, source, destination, body, wire, routed)
            if size > len(body):
                raise Malformed
            kind, body, wire = body[0], body[size:], wire - size

    def ipv6_fragment(self, path, source, destination, body, wire):
        kind, where, number = u8(body, 0), u16(body, 2), u32(body, 4)
        body, wire = body[8:], wire - 8
        if where & 0xFFF9:  # else it is an atomic fragment: whole by itself (RFC 6946)
            key = (source, destination, number)
            whole = self.fragments.add_ipv6(key, where & 0xFFF8, bool(where & 1), kind, body, wire, path.now)
            if whole is None:
                return None
            kind, body, wire = whole
        return self.after_ipv6(path, kind, source, destination, body, wire)

    # What IP carries

    def transport(self, path, protocol, source, destination, data, wire, routed=False):
        if protocol in (TCP, UDP) and self.verify and not routed:
            self.check_sum(protocol, source, destination, data, wire)
        if protocol == TCP:
            return self.tcp(path, source, destination, data, wire)
        if protocol == UDP:
            return self.udp(path, source, destination, data, wire)
        if protocol == 51:
            size = (u8(data, 1) + 2) * 4
            return self.after_ipv6(path, u8(data, 0), source, destination, data[size:], wire - size)
        if protocol not in (4, 41, 47, 137):
            return None
        path.enter_tunnel()
        if protocol == 4:
            return self.ipv4(path, data, wire)
        if protocol == 41:
            return self.ipv6(path, data, wire)
        if protocol == 47:
            return self.gre(path, data, wire)
        return self.mpls(path, data, wire)

    def check_sum(self, protocol, source, destination, data, wire):
        """Only what was captured whole can be verified."""
        if protocol == UDP:
            if u16(data, 6) == 0:
                if len(source) == 4:
                    return
                raise Malformed
            wire = u16(data, 4) or wire
        if wire > len(data):
            return
        pseudo = source + destination + struct.pack(">II", wire, protocol)
        if ones_sum(pseudo + data[:wire]) != 0xFFFF:
            raise Malformed

    def tcp(self, path, source, destination, data, wire):
        if len(data) < 20:
            raise Malformed
        sport, dport, seq, ack, offset, flags = struct.unpack(">HHIIBB", data[:14])
        header = (offset >> 4) * 4
        if header < 20 or header > wire:
            raise Malformed
        return Packet(TCP, source, destination, sport, dport, path.vlans, data[header:], wire - header, seq, ack, flags)

    def udp(self, path, source, destination, data, wire):
        sport, dport, length = u16(data, 0), u16(data, 2), u16(data, 4) or wire
        if length < 8 or len(data) < 8:
            raise Malformed
        length = min(length, wire) - 8
        payload = data[8:8 + length]
        tunnel = self.udp_tunnel(sport, dport, payload)
        if tunnel is not None:
            layer, size = tunnel
            path.enter_tunnel()
            return layer(path, payload[size:], length - size)
        return Packet(UDP, source, destination, sport, dport, path.vlans, payload, length, 0, 0, 0)

    # Tunnels

    def udp_tunnel(self, sport, dport, payload):
        """The layer inside and the tunnel header's size, or None when this is a datagram like any other."""
        for port in (dport, sport):
            find = {4789: self.vxlan, 6081: self.geneve, 2152: self.gtp, 3544: self.teredo}.get(port)
            if find is None:
                continue
            try:
                found = find(payload)
            except Malformed:
                found = None
            if found is not None:
                return found
        return None

    def vxlan(self, payload):
        if u8(payload, 0) & 0x08 and len(payload) > 8:
            return self.ethernet, 8
        return None

    def geneve(self, payload):
        size = 8 + (u8(payload, 0) & 0x3F) * 4
        layer = {0x6558: self.ethernet, 0x0800: self.ipv4, 0x86DD: self.ipv6}.get(u16(payload, 2))
        if u8(payload, 0) >> 6 or layer is None or len(payload) < size:
            return None
        return layer, size

    def gtp(self, payload):
        flags, size = u8(payload, 0), 8
        if flags >> 4 != 3 or u8(payload, 1) != 0xFF:
            return None
        if flags & 7:
            extension, size = u8(payload, 11), 12
            while flags & 4 and extension:
                step = u8(payload, size) * 4
                if step == 0:
                    return None
                extension, size = u8(payload, size + step - 1), size + step
        return (self.ip, size) if u8(payload, size) >> 4 in (4, 6) else None

    def teredo(self, payload):
        at = 0
        if u16(payload, at) == 1:  # authentication
            at += 13 + u8(payload, at + 2) + u8(payload, at + 3)
        if u16(payload, at) == 0:  # origin indication
            at += 8
        return (self.ipv6, at) if u8(payload, at) >> 4 == 6 and len(payload) >= at + 40 else None

    def gre(self, path, data, wire):
        flags, kind = u16(data, 0), u16(data, 2)
        version, sequence = flags & 7, bool(flags & 0x1000)
        if version > 1:
            return None
        size = 4 + (4 if flags & 0xC000 else 0) + (4 if flags & 0x2000 else 0) + (4 if sequence else 0)
        if version == 1:  # PPTP: an acknowledgement number may follow
            size += 4 if flags & 0x80 else 0
        elif flags & 0x4000:
            size = self.gre_routes(data, size)
        if len(data) < size:
            raise Malformed
        data, wire = data[size:], wire - size
        if kind == 0x88BE and sequence:
            return self.ethernet(path, data[8:], wire - 8)
        if kind == 0x88BE:
            return self.ethernet(path, data, wire)
        if kind == 0x22EB:
            size = 20 if u8(data, 11) & 1 else 12
            return self.ethernet(path, data[size:], wire - size)
        return self.ethertype(path, kind, data, wire)

    @staticmethod
    def gre_routes(data, at):
        while True:
            family, length = u16(data, at), u8(data, at + 3)
            at += 4 + length
            if family == 0 and length == 0:
                return at

    LINKS = {0: null, 1: ethernet, 9: ppp, 12: ip, 14: ip, 50: ppp, 101: ip, 108: null, 113: cooked, 228: ipv4,
             229: ipv6, 276: cooked2}


class Datagram:
    """Fragments of one datagram: pieces [from, to) that do not overlap, with what was captured of each."""

    def __init__(self, now):
        self.born, self.pieces, self.total, self.refused, self.kind = now, [], None, False, None

    def whole(self):
        """(captured bytes up to the first that was cut off, length), or None while a piece is missing."""
        if self.total is None:
            return None
        at, captured, cut = 0, [], False
        for first, last, data in sorted(self.pieces):
            if first != at:
                return None
            if not cut:
                captured.append(data)
            cut = cut or len(data) < last - first
            at = last
        return (b"".join(captured), self.total) if at == self.total else None


class Fragments:
    def __init__(self):
        self.datagrams = {}

    def find(self, key, now):
        datagram = self.datagrams.get(key)
        if datagram is None or now - datagram.born >= FRAGMENT_TIMEOUT:
            datagram = self.datagrams[key] = Datagram(now)
        return datagram

    @staticmethod
    def fits(datagram, offset, more, wire):
        """Within 65535 bytes, and at odds neither with the end that is known nor with what lies behind a new end."""
        end = offset + wire
        if wire <= 0 or end > 65535 or (datagram.total is not None and end > datagram.total):
            return False
        if not more:
            if datagram.total is not None and end != datagram.total:
                return False
            if any(last > end for _, last, _ in datagram.pieces):
                return False
        return True

    def add_ipv4(self, key, offset, more, data, wire, now):
        """First bytes win: of the new fragment only what is not there yet is kept."""
        datagram = self.find(key, now)
        if not self.fits(datagram, offset, more, wire):
            return None
        if not more:
            datagram.total = offset + wire
        at, end = offset, offset + wire
        for first, last, _ in sorted(datagram.pieces) + [(end, end, b"")]:
            if last <= at:
                continue
            if at < min(first, end):
                stop = min(first, end)
                datagram.pieces.append((at, stop, data[at - offset:stop - offset]))
            at = max(at, last)
        return self.finish(key, datagram)

    def add_ipv6(self, key, offset, more, kind, data, wire, now):
        """Fragments that overlap without being the same refuse the datagram (RFC 5722)."""
        datagram = self.find(key, now)
        if datagram.refused or (more and wire % 8) or not self.fits(datagram, offset, more, wire):
            return None
        piece = (offset, offset + wire, data)
        if piece in datagram.pieces:
            return None
        if any(first < piece[1] and piece[0] < last for first, last, _ in datagram.pieces):
            datagram.refused, datagram.pieces = True, []
            return None
        datagram.pieces.append(piece)
        if offset == 0:
            datagram.kind = kind
        if not more:
            datagram.total = offset + wire
        whole = self.finish(key, datagram)
        return None if whole is None else (datagram.kind,) + whole

    def finish(self, key, datagram):
        whole = datagram.whole()
        if whole is not None:
            del self.datagrams[key]
        return whole
