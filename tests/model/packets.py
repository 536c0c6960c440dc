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

TAGS = {0x8100: 2, 0x88A8: 2, 0x9100: 2, 0x8926: 4, 0x893F: 6, 0x8909: 6}  # bytes before the next ethertype
IPV6_EXTENSIONS = (0, 43, 60, 135, 139, 140)


class Malformed(Exception):
    """A header contradicts itself or is cut off."""


class Refused(Malformed):
    """There is an IP packet, but its transport header was not captured whole or a checksum is wrong."""


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
        self.ip = False  # whether there was an IP header
        self.sums_right = True  # the innermost header's checksum; None: nothing can be told of sums

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
        if kind in TAGS:
            size = TAGS[kind]
            if size == 2:
                path.vlans += (u16(data, 0) & 0xFFF,)
            return self.ethertype(path, u16(data, size), data[size + 2:], wire - size - 2)
        if kind in (0x88E7, 0x8903):  # Ethernet within Ethernet: 802.1ah, FabricPath
            size = 4 if kind == 0x88E7 else 2
            path.enter_tunnel()
            return self.ethernet(path, data[size:], wire - size)
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
        if 0 < kind <= 1500:
            if kind != 4:  # 4: Linux cooked captures
                data, wire = data[:kind], min(wire, kind)
            return self.llc(path, data, wire)
        return None

    def llc(self, path, data, wire):
        if data[:3] == b"\x06\x06\x03":
            return self.ipv4(path, data[3:], wire - 3)
        if data[:5] == b"\xaa\xaa\x03\0\0" and data[5:6] in (b"\0", b"\xf8"):
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
        path.ip, path.sums_right = True, ones_sum(data[:header]) == 0xFFFF
        if u16(data, 2) == 0:  # lengths and sums were left to the sender's NIC
            path.sums_right = None
        protocol, source, destination = data[9], data[12:16], data[16:20]
        body, wire = data[header:total], total - header
        fragment = u16(data, 6)
        if fragment & 0x3FFF:
            if self.verify and path.sums_right is False:
                return None
            key = (source, destination, protocol, u16(data, 4))
            piece = Piece((fragment & 0x1FFF) * 8, bool(fragment & 0x2000), body, wire, 65535 - header)
            whole = self.fragments.add(key, piece, protocol, path)
            if whole is None:
                return None
            body, wire, path.sums_right = whole[1], len(whole[1]), True
        return self.transport(path, protocol, source, destination, body, wire)

    def ipv6(self, path, data, wire):
        if u8(data, 0) >> 4 != 6 or len(data) < 40:
            raise Malformed
        path.ip = path.sums_right = True
        length = u16(data, 4) or wire - 40
        body, wire = data[40:40 + length], length
        return self.after_ipv6(path, data[6], data[8:24], data[24:40], body, wire)

    def after_ipv6(self, path, kind, source, destination, body, wire):
        """The extension headers, one by one."""
        routed, before = False, 0
        while True:
            if kind in IPV6_EXTENSIONS:
                size = (u8(body, 1) + 1) * 8
                routed = routed or (kind == 43 and u8(body, 3) > 0)
            elif kind == 44:
                size = 8
                if u16(body, 2) & 0xFFF9:  # else it is an atomic fragment: whole by itself (RFC 6946)
                    return self.ipv6_fragment(path, source, destination, body, wire, 65535 - before)
            else:
                return self.transport(path, kind, source, destination, body, wire, routed)
            if size > len(body):
                raise Malformed
            kind, body, wire, before = body[0], body[size:], wire - size, before + size

    def ipv6_fragment(self, path, source, destination, body, wire, most):
        kind, where, number = u8(body, 0), u16(body, 2), u32(body, 4)
        piece = Piece(where & 0xFFF8, bool(where & 1), body[8:], wire - 8, most)
        whole = self.fragments.add((source, destination, number), piece, kind, path)
        if whole is None:
            return None
        return self.after_ipv6(path, whole[0], source, destination, whole[1], len(whole[1]))

    # What IP carries

    def transport(self, path, protocol, source, destination, data, wire, routed=False):
        if protocol in (TCP, UDP):
            layer = self.tcp if protocol == TCP else self.udp
            return layer(path, source, destination, data, wire, self.verify and not routed)
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

    @staticmethod
    def check_sum(path, protocol, source, destination, data, wire):
        """The innermost IPv4 header's and this one; only what was captured whole can be verified."""
        if path.sums_right is None:
            return
        if not path.sums_right:
            raise Refused
        if protocol == UDP and u16(data, 6) == 0:
            if len(source) == 4:
                return
            raise Refused
        pseudo = source + destination + struct.pack(">II", wire, protocol)
        if wire <= len(data) and ones_sum(pseudo + data[:wire]) != 0xFFFF:
            raise Refused

    def tcp(self, path, source, destination, data, wire, verify):
        if len(data) < 20:
            raise Refused if wire >= 20 else Malformed
        sport, dport, seq, ack, offset, flags = struct.unpack(">HHIIBB", data[:14])
        header = (offset >> 4) * 4
        if header < 20 or header > wire:
            raise Malformed
        if header > len(data):
            raise Refused
        if verify:
            self.check_sum(path, TCP, source, destination, data, wire)
        return Packet(TCP, source, destination, sport, dport, path.vlans, data[header:], wire - header, seq, ack, flags)

    def udp(self, path, source, destination, data, wire, verify):
        if len(data) < 8:
            raise Refused if wire >= 8 else Malformed
        sport, dport, length = u16(data, 0), u16(data, 2), u16(data, 4) or wire
        if length < 8:
            raise Malformed
        wire = min(length, wire)
        data = data[:wire]
        inside = self.udp_tunnel(path, sport, dport, data[8:], wire - 8)
        if inside is not None:
            return inside[0]
        if verify:
            self.check_sum(path, UDP, source, destination, data, wire)
        return Packet(UDP, source, destination, sport, dport, path.vlans, data[8:], wire - 8, 0, 0, 0)

    # Tunnels

    def udp_tunnel(self, path, sport, dport, payload, wire):
        """(what is inside or None,) when an IP packet is, or None when this is a datagram like any other."""
        find = {4789: self.vxlan, 8472: self.vxlan, 4790: self.vxlan_gpe, 6081: self.geneve, 2152: self.gtp,
                1701: self.l2tp, 3544: self.teredo}.get(dport, {1701: self.l2tp, 3544: self.teredo}.get(sport))
        if find is None or path.depth >= MOST_TUNNELS:
            return None
        inner = Path(path.now)
        inner.depth, inner.vlans = path.depth + 1, path.vlans
        try:
            layer, size, wire = find(payload, wire)
            found = layer(inner, payload[size:max(size, wire)], wire - size)
        except Refused:
            found = None
        except Malformed:
            return None
        return (found,) if inner.ip else None

    def inner_layer(self, kind):
        layer = {0x6558: self.ethernet, 0x0800: self.ipv4, 0x86DD: self.ipv6, 0x880B: self.ppp, 0x8847: self.mpls,
                 0x8848: self.mpls}.get(kind)
        if layer is None:
            raise Malformed
        return layer

    # Each gives the layer inside, the size of the tunnel's header and the bytes announced, header included.

    def vxlan(self, payload, wire):
        if not u8(payload, 0) & 0x08 or u8(payload, 7):
            raise Malformed
        return self.ethernet, 8, wire

    def vxlan_gpe(self, payload, wire):
        flags, kind = u8(payload, 0), u8(payload, 3)
        if flags & 0xF8 != 0x08 or u8(payload, 7):
            raise Malformed
        kinds = {1: 0x0800, 2: 0x86DD, 3: 0x6558, 5: 0x8847}
        return self.inner_layer(kinds.get(kind) if flags & 4 else 0x6558), 8, wire

    def geneve(self, payload, wire):
        size = 8 + (u8(payload, 0) & 0x3F) * 4
        if u8(payload, 0) >> 6 or u8(payload, 7) or len(payload) < size:
            raise Malformed
        return self.inner_layer(u16(payload, 2)), size, wire

    def gtp(self, payload, wire):
        flags, size, length = u8(payload, 0), 8, 8 + u16(payload, 2)
        if flags >> 4 != 3 or u8(payload, 1) != 0xFF or length > wire:
            raise Malformed
        if flags & 7:
            extension, size = u8(payload, 11), 12
            while flags & 4 and extension:
                step = u8(payload, size) * 4
                if step == 0:
                    raise Malformed
                extension, size = u8(payload, size + step - 1), size + step
        return self.ip, size, length

    def teredo(self, payload, wire):
        at = 0
        if u16(payload, at) == 1:  # authentication
            at += 13 + u8(payload, at + 2) + u8(payload, at + 3)
        if u16(payload, at) == 0:  # origin indication
            at += 8
        if u8(payload, at) >> 4 != 6 or len(payload) < at + 40 or at + 40 + u16(payload, at + 4) > wire:
            raise Malformed
        return self.ipv6, at, wire

    def l2tp(self, payload, wire):
        flags, size = u16(payload, 0), 6
        if flags & 0xB4FF != 2:
            raise Malformed
        if flags & 0x4000:
            if u16(payload, 2) > wire:
                raise Malformed
            size, wire = size + 2, u16(payload, 2)
        size += 4 if flags & 0x0800 else 0
        if flags & 0x0200:
            size += 2 + u16(payload, size)
        if size > min(wire, len(payload)):
            raise Malformed
        return self.ppp, size, wire

    def gre(self, path, data, wire):
        flags, kind = u16(data, 0), u16(data, 2)
        version, sequence = flags & 7, bool(flags & 0x1000)
        if version > 1 or flags & 0x4000:
            return None
        if version == 1 and (flags & 0x3000 != 0x3000 or kind != 0x880B):
            return None
        size = 4 + (4 if flags & 0x8000 else 0) + (4 if flags & 0x2000 else 0) + (4 if sequence else 0)
        if flags & 0x87 == 0x81:  # PPTP: an acknowledgement number follows
            size += 4
        if len(data) < size:
            raise Malformed
        data, wire = data[size:], wire - size
        if kind in (0x88BE, 0x22EB):
            return self.erspan(path, kind, sequence, data, wire)
        return self.inner_layer(kind)(path, data, wire)

    def erspan(self, path, kind, sequence, data, wire):
        size, frame = 8 if sequence else 0, 0
        if kind == 0x22EB:
            size, frame = 20 if u8(data, 11) & 1 else 12, u8(data, 10) >> 2 & 0x1F
        if size and u8(data, 0) >> 4 != (2 if kind == 0x22EB else 1):
            return None
        layer = {0: self.ethernet, 2: self.ip}.get(frame)
        return layer and layer(path, data[size:], wire - size)

    LINKS = {0: null, 1: ethernet, 9: ppp, 12: ip, 14: ip, 50: ppp, 101: ip, 108: null, 113: cooked, 228: ipv4,
             229: ipv6, 276: cooked2}


# A fragment: its place, whether more follow, the bytes captured and announced, and a datagram's greatest length.
Piece = namedtuple("Piece", "offset more data wire most")


class Datagram:
    """Fragments of one datagram, put together in units of 8 bytes; `kind` is the first fragment's next protocol."""

    def __init__(self, born):
        self.born, self.units, self.end, self.total, self.refused, self.kind = born, {}, 0, None, False, None

    def lengths_agree(self, piece):
        """Every fragment lies within what the last one says."""
        end = piece.offset + piece.wire
        if not piece.more:
            if self.total not in (None, end) or self.end > end:
                return False
            self.total = end
        elif self.total is not None and end > self.total:
            return False
        self.end = max(self.end, end)
        return True

    def add(self, piece, kind, is_ipv6):
        units = {(piece.offset + at) // 8: piece.data[at:at + 8] for at in range(0, piece.wire, 8)}
        common = [unit for unit in units if unit in self.units]
        if common and all(self.units.get(unit, b"")[:len(data)] == data for unit, data in units.items()):
            return  # a duplicate
        if common and is_ipv6:  # fragments that overlap refuse the datagram (RFC 5722)
            self.refused, self.units = True, {}
            return
        for unit, data in units.items():
            self.units.setdefault(unit, data)
        if piece.offset == 0 and self.kind is None:
            self.kind = kind

    def whole(self):
        if self.total is None or self.kind is None or len(self.units) != (self.total + 7) // 8:
            return None
        return b"".join(self.units[unit] for unit in sorted(self.units))


class Fragments:
    def __init__(self):
        self.datagrams = {}

    def add(self, key, piece, kind, path):
        """(next protocol, bytes) of the datagram that this fragment completes, or None."""
        if piece.wire <= 0 or len(piece.data) < piece.wire or (piece.more and piece.wire % 8):
            return None
        if piece.offset + piece.wire > piece.most:
            return None
        datagram = self.datagrams.get(key)
        if datagram is None or path.now - datagram.born >= FRAGMENT_TIMEOUT:
            datagram = self.datagrams[key] = Datagram(path.now)
        if datagram.refused:
            return None
        if not datagram.lengths_agree(piece):
            del self.datagrams[key]
            return None
        datagram.add(piece, kind, len(key[0]) == 16)
        whole = datagram.whole()
        if whole is None:
            return None
        del self.datagrams[key]
        return datagram.kind, whole
