#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes inputs to begin with into FOLDER/TARGET/: what the project's own traces have, and packets, files and command
lines made by hand.

    seeds.py FOLDER [FLOWOS-BENCH]

With the program flowos-bench, there is a result in JSON among them. The corpora in corpus/ began with these; run.sh
--merge keeps of any such inputs what reaches code that the corpus does not reach. Nothing is taken from captures that
others made.
"""

import glob
import gzip
import itertools
import os
import struct
import subprocess
import sys

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SNAP = 160


def trace_packets(path, most):
    """(time, bytes as far as SNAP, wire length) of a pcap file's first packets, and its link type"""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    packets, at = [], 24
    while at + 16 <= len(data) and len(packets) < most:
        sec, frac, caplen, wire = struct.unpack_from(order + "IIII", data, at)
        packets.append((sec, frac, data[at + 16:at + 16 + min(caplen, SNAP)], wire))
        at += 16 + caplen
    return packets, link


def pcap(packets, link, order="<", magic=0xA1B2C3D4, minor=4, pad=b""):
    out = struct.pack(order + "IHHiIII", magic, 2, minor, 0, 0, 65535, link)
    for sec, frac, data, wire in packets:
        lengths = (wire, len(data)) if minor < 3 else (len(data), wire)
        out += struct.pack(order + "IIII", sec, frac, *lengths) + pad + data
    return out


def block(order, kind, body):
    body += b"\0" * (-len(body) % 4)
    size = len(body) + 12
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def pcapng(packets, link, order="<", resolution=6, offset=None):
    end = option(order, 0, b"")
    options = option(order, 9, bytes([resolution]))
    if offset is not None:
        options += option(order, 14, struct.pack(order + "q", offset))
    out = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + option(order, 4, b"seeds") + end)
    out += block(order, 1, struct.pack(order + "HHI", link, 0, 0) + options + end)
    out += block(order, 1, struct.pack(order + "HHI", 113, 0, 80))
    for number, (sec, frac, data, wire) in enumerate(packets):
        when = sec * 10**6 + frac
        if number % 3 == 2:
            out += block(order, 3, struct.pack(order + "I", wire) + data)
        elif number % 3 == 1:
            out += block(order, 2, struct.pack(order + "HHIIII", 0, 0, when >> 32, when & 0xFFFFFFFF, len(data), wire)
                         + data)
        else:
            out += block(order, 6, struct.pack(order + "IIIII", 0, when >> 32, when & 0xFFFFFFFF, len(data), wire)
                         + data + b"\0" * (-len(data) % 4) + option(order, 1, b"a comment") + end)
    out += block(order, 4, struct.pack(order + "HH", 0, 0)) + block(order, 5, struct.pack(order + "III", 0, 0, 0))
    return out


# ---- frames made by hand ----------------------------------------------------------------------------------------------

def udp(sport, dport, payload):
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


TCP = struct.pack(">HHIIBBHHH", 1000, 80, 1, 2, 0x50, 0x18, 1000, 0, 0) + b"some bytes"
ETHER = b"\2\0\0\0\0\1\2\0\0\0\0\2"


def ip4(proto, payload, frag=0, options=b""):
    length = 20 + len(options) + len(payload)
    return struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, length, 7, frag, 64, proto, 0) + b"\x0a\0\0\1\x0a\0\0\2" \
        + options + payload


def ip6(proto, payload):
    return struct.pack(">IHBB", 6 << 28, len(payload), proto, 64) + b"\x20" + b"\1" * 15 + b"\x20" + b"\2" * 15 + payload


def ether(kind, payload):
    return ETHER + struct.pack(">H", kind) + payload


def frames():
    """(name, index of the link type in fuzz_parse.c, frame)"""
    plain, inner = ip4(6, TCP), ether(0x0800, ip4(6, TCP))
    six = ip6(6, TCP)
    yield from (("tcp", 0, inner), ("tcp6", 0, ether(0x86DD, six)), ("udp", 0, ether(0x0800, ip4(17, udp(53, 53, b"x")))))
    yield "arp", 0, ether(0x0806, b"\0\1\x08\0\6\4\0\1" + b"\0" * 20)
    yield "icmp", 0, ether(0x0800, ip4(1, b"\x08\0\0\0\0\0\0\0"))
    yield "vlan", 0, ether(0x8100, b"\0\5\x08\0" + plain)
    yield "qinq", 0, ether(0x88A8, b"\0\5\x81\0\0\6\x86\xdd" + six)
    yield "mpls", 0, ether(0x8847, b"\0\1\0\x40\0\1\1\x40" + plain)
    yield "mpls-ether", 0, ether(0x8847, b"\0\1\1\x40\0\0\0\0" + inner)
    yield "pppoe", 0, ether(0x8864, b"\x11\0\0\1" + struct.pack(">H", len(plain) + 2) + b"\0\x21" + plain)
    yield "pbb", 0, ether(0x88E7, b"\0\0\0\1" + inner)
    yield "snap", 0, ether(len(plain) + 8, b"\xaa\xaa\3\0\0\0\x08\0" + plain)
    for name, kind, body in (("fabricpath", 0x8903, b"\0\1" + inner), ("cmd", 0x8909, b"\1\1\0\1\0\5\x08\0" + plain),
                             ("vntag", 0x8926, b"\0\0\0\0\x08\0" + plain), ("etag", 0x893F, b"\0" * 6 + b"\x08\0" + plain)):
        yield name, 0, ether(kind, body)
    yield "ipip", 0, ether(0x0800, ip4(4, plain))
    yield "sixinfour", 0, ether(0x0800, ip4(41, six))
    yield "gre", 0, ether(0x0800, ip4(47, b"\xb0\0\x08\0" + b"\0" * 12 + plain))
    yield "gre-ppp", 0, ether(0x0800, ip4(47, b"\x30\x81\x88\x0b\0\x40\0\1\0\0\0\1\0\0\0\1\xff\3\0\x21" + plain))
    yield "erspan1", 0, ether(0x0800, ip4(47, b"\0\0\x88\xbe" + inner))
    yield "erspan2", 0, ether(0x0800, ip4(47, b"\x10\0\x88\xbe\0\0\0\1\x10" + b"\0" * 7 + inner))
    yield "erspan3", 0, ether(0x0800, ip4(47, b"\x10\0\x22\xeb\0\0\0\1\x20" + b"\0" * 10 + b"\1" + b"\0" * 8 + inner))
    for name, port, body in (("vxlan", 4789, b"\x08\0\0\0\0\0\1\0" + inner), ("vxlan-old", 8472, b"\x08" + b"\0" * 7 + inner),
                             ("gpe", 4790, b"\x0c\0\0\1\0\0\1\0" + plain), ("geneve", 6081, b"\1\0\x65\x58\0\0\1\0" + b"\0" * 4 + inner),
                             ("gtp", 2152, b"\x34\xff" + struct.pack(">H", len(plain) + 8) + b"\0\0\0\1\0\1\0\x85\1\0\0\0" + plain),
                             ("teredo", 3544, b"\0\1\4\2aaaabb12345678\0" + b"\0\0\x12\x34\1\2\3\4" + six),
                             ("l2tp", 1701, b"\x40\2" + struct.pack(">H", len(plain) + 12) + b"\0\1\0\1\xff\3\0\x21" + plain)):
        yield name, 0, ether(0x0800, ip4(17, udp(40000, port, body)))
    yield "frag4", 0, ether(0x0800, ip4(17, udp(1, 2, b"x" * 24), 0x2000))
    yield "frag6", 0, ether(0x86DD, ip6(44, b"\x11\0\0\1\0\0\0\7" + udp(1, 2, b"x" * 8)))
    yield "atomic6", 0, ether(0x86DD, ip6(44, b"\6\0\0\0\0\0\0\7" + TCP))
    chain = b"\x2b\0" + b"\1\4\0\0\0\0" + b"\x3c\2" + b"\0" * 22 + b"\x33\1" + b"\0" * 14 + b"\6\4" + b"\0" * 22
    yield "extensions6", 0, ether(0x86DD, ip6(0, chain + TCP))
    yield "auth4", 0, ether(0x0800, ip4(51, b"\6\4" + b"\0" * 22 + TCP))
    yield "options4", 0, ether(0x0800, ip4(6, TCP, 0, b"\1" * 8))
    yield "length-0", 0, ether(0x0800, plain[:2] + b"\0\0" + plain[4:])
    yield from (("null", 1, b"\2\0\0\0" + plain), ("loop", 9, b"\0\0\0\x18" + six), ("ppp", 2, b"\xff\3\0\x57" + six),
                ("raw", 7, plain), ("raw6", 3, six), ("hdlc", 5, b"\xff\3\0\x21" + plain), ("chdlc", 8, b"\x0f\0\x08\0" + plain),
                ("pppoe-link", 6, b"\x11\0\0\1" + struct.pack(">H", len(plain) + 2) + b"\0\x21" + plain),
                ("sll", 10, b"\0\0\0\1\0\6" + b"\0" * 8 + b"\x08\0" + plain), ("ipv4", 11, plain), ("ipv6", 12, six),
                ("sll2", 13, b"\x86\xdd" + b"\0" * 18 + six))


# ---- text -------------------------------------------------------------------------------------------------------------

LINES = [
    (0, "-r x.pcap --stage count --json -"), (0, "--trace x.pcap --sessions 1,100,10k --sweep reorder=0%,1%,5% --plot x.svg"),
    (0, "--gen sessions=10,bytes=200 --repeat 3 --warmup 0 --no-check --cpus 0-1 --release tap"),
    (0, "-r x --loss 1%,burst=3 --dup 1%,depth=2 --corrupt 1%,checksum=fix --truncate 1% --delay 5ms,jitter=1ms --seed 7"),
    (0, "-r x --overlap linux --checksum verify --hole-wait 100,5ms --vlan-key --level app --flow tcp --reference clean"),
    (0, "compare --force a.json b.json"), (0, "worst --segments 2k --repeat 1 --case x --json -"), (0, "worst --help"), (0, "--help"), (0, "-V"), (0, "--trace x --multiplier 2 --csv y --report z.html"),
    (0, "--gen - --pps 10k --streams-out d -w w.pcapng --seeds 3 --only tcp --decisions-in f --decisions-out g"),
    (1, "record x.pcap -o y"), (1, "record x --partial --overlap first"), (1, "verify x y --reorder 20%,depth=1000 --dup 5%"),
    (1, "verify --suite d --seeds 1-100 --junit j.xml"), (1, "verify x y --force --engine c"), (1, "shrink x -o y --loss 1%"),
    (1, "metamorph x --seeds 1-5"), (1, "metamorph --help"), (1, "help"), (1, "verify --help"), (1, "shrink --help"), (1, "-V"),
    (2, "gen --sessions 10 --bytes 1k --request 10 --mss 100 --ack 2 --gap 1ms --concurrent 5 --ip 6 --vlan 7 -o o"),
    (2, "gen --ipv6 --close rst --seed 3 --output -"), (2, "scale x --sessions 100 -o y --seed 2"), (2, "scale --help"),
    (2, "impair x -o y --reorder 5% --sessions 3"), (2, "info x --json -"), (2, "info --help"), (2, "--help"),
]
SPECS = [
    "--reorder 5%,depth=32,scope=session --seed 1", "--reorder 0.5%,delay=1.5ms", "--loss 1%,burst=3",
    "--loss gemodel:1%,30%,70%,0.1%", "--loss 2%,retransmit=200ms", "--dup 100%,depth=0", "--corrupt 1%,checksum=fix",
    "--truncate 3%", "--delay 5ms,jitter=2us", "--only 'tcp port 80'", "--seed 0xffffffffffffffff --reorder 1%,scope=link",
    "--decisions-in f --decisions-out 'a b'",
]
GENS = ["", "sessions=10,bytes=200,request=0,mss=1,ack=0,gap=5us,concurrent=2,ip=6,vlan=9,close=none,seed=5", "bytes=1M,close=rst"]
STAGES = ["fake", "fake:key=a\\:b\\+c:out=x+fake:key=@f", "count:x=y", "fake+fake"]
FLOWS = ["tcp port 80\nip:tcp:app", "ip6 and not udp\nip:tcp:http", "vlan 3\nip:udp:app", "host 10.0.0.1 and net 10.0.0.0/8\n"]
VALUES = ["10k", "2M", "1.5ms", "100ns", "3s", "0.25", "18446744073709551615"]
DECISIONS = """# flowos-decisions 1
# options: --reorder 5%
1 loss
2 loss ns=200000000
3 corrupt bit=1234 fix
4 truncate len=60
5 reorder k=5 link
6 reorder ns=1000000 dup k=0
7 delay ns=1500000
"""


def texts():
    for program, line in LINES:
        yield bytes([program]) + line.replace(" ", "\0").encode()
    for kind, lines in ((3, SPECS), (4, GENS), (5, STAGES), (6, FLOWS), (7, VALUES)):
        for line in lines:
            yield bytes([kind]) + line.encode()


def golden_files():
    for path in sorted(glob.glob(os.path.join(TOP, "traces", "*.golden"))):
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
        heads = [line for line in lines if line.startswith("#")]
        streams = [line for line in lines if line.startswith(("tcp", "udp"))]
        one, two = "\n".join(heads + streams[:3]) + "\n", "\n".join(heads[:2] + streams[1:3]) + "\n"
        yield b"\0" + one.encode()[:1200], b"\1" + one.encode()[:700] + b"\0" + two.encode()[:700]


def fragments():
    """Records of the target `frag`: three pieces in each order, alone and with a fourth that overlaps; of IPv4 and IPv6."""
    def record(six, offset, units, more, text=0, proto=0, mode=0, wrap=0):
        return bytes((six | text << 4 | more << 5 | proto << 6, offset, 0, mode, units, 0, wrap, 0))

    for six in (0, 1):
        for number, order in enumerate(itertools.permutations(range(3))):
            pieces = [record(six, 0, 4, 1), record(six, 4, 4, 1), record(six, 8, 5, 0, mode=4)]
            plain = [pieces[i] for i in order]
            yield bytes((number % 2, six, 0, 0)) + b"".join(plain)
            extra = record(six, 2 + number, 3, 1, number % 2, wrap=number % 3)
            yield bytes((number << 2 & 15, six, 0, 0)) + b"".join(plain[:2] + [extra] + plain[2:])
            yield bytes((3, six, 0, 0)) + b"".join(plain[:1] + [plain[0]] + [extra[:4] + b"\x02" + extra[5:]] + plain[1:])


def segments():
    """Records of the target `tcp`: a handshake, then data in each order, with gaps, overlaps and both kinds of end."""
    def record(flags, offset=0, length=0, mode=2, version=0, back=0, tuple_=0, ack=0, time=0, more=0):
        return bytes((back | tuple_ << 1 | version << 3 | flags << 4, offset & 255, offset >> 8, mode, length, ack, time, more))

    open_ = [record(2), record(3, back=1, mode=0xC2), record(0, mode=2 | 0x40)]
    for number, order in enumerate(itertools.permutations(range(4))):
        data = [record(0, 0, 9), record(0, 9, 9), record(4, 18, 9), record(0, 4, 12, version=1)]
        head = bytes((number % 14, number % 5, 0, number, number, number % 4 | (number % 2) << 2 | 8 * (number % 3 > 0), 0, number))
        tail = [record(0, back=1, mode=0x42, ack=1), record(4, 0, 5, back=1)]
        yield head + b"".join(open_ + [data[i] for i in order] + tail)
        yield head + b"".join([data[i] for i in order if i != number % 4] + tail + open_ + [record(7, 27)] + open_)
    for policy in range(14):  # three that overlap above a hole: the same start, the same end, around each other
        over = [record(0, 20, 10), record(0, 20, 10 + policy % 3, version=1), record(0, 18, 12, version=1), record(0, 24, 3)]
        yield bytes((policy, 0, 0, 0, 1, 4, 5, policy)) + b"".join(open_ + over[policy % 2:] + [record(0, 0, 20)])
        yield bytes((policy, 0, 0, 0, 1, 4, 5, policy)) + b"".join(open_ + over[:2] + over[3:] + [record(0, 0, 20)])


def talks():
    """Conversations for the target `modules`: 0 turns, 1 cuts, 2 leaves a gap, 3 swaps."""
    get = b"GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nUser-Agent: x\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    post = b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    yield b"\1" + get + b"\0" + answer + b"\0" + get + b"\0" + chunked
    yield b"\0" + get[:9] + b"\1" + get[9:] + b"\0" + answer[:30] + b"\1" + answer[30:]
    yield b"\1" + post + b"\0HTTP/1.1 100 Continue\r\n\r\n\0abc\0" + answer
    yield b"\1" + get + get + get + b"\0" + answer + answer + b"\2" + answer
    yield b"\4" + get[:20] + b"\3" + get[20:40] + b"\1" + get[40:] + b"\0HTTP/1.0 404 Not\r\n\r\nbody"
    yield b"\2" + get + b"\0" + answer
    yield b"\1CONNECT a:443 HTTP/1.1\r\n\r\n\0HTTP/1.1 200 OK\r\n\r\n\0\x16\x03\x01"
    yield b"\x09HEAD / HTTP/1.0\r\n\r\n\0HTTP/1.0 304 Not Modified\r\nETag: x\r\n\r\n"
    yield b"\1SSH-2.0-x\r\n\0SSH-2.0-y\r\n"


class Folder:
    def __init__(self, path):
        self.path = path

    def put(self, target, name, data):
        folder = os.path.join(self.path, target)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)


def put_traces(out):
    for path in sorted(glob.glob(os.path.join(TOP, "traces", "*.pcap"))):
        name = os.path.basename(path)[:-5]
        packets, link = trace_packets(path, 14)
        few = packets[:3]
        for number, packet in enumerate(packets[:4]):
            out.put("parse", f"{name}-{number}", bytes((0, 0, 60, 0)) + packet[2])
        out.put("trace", name, pcap(few, link))
        for number in range(3):
            out.put("chain", f"{name}-{number}", bytes((number * 5, (len(name) + number) % 9, number, 1)) + pcap(packets[:4 + 5 * number], link))
    out.put("chain", "pcapng", bytes((2, 1, 5, 1)) + pcapng(packets, link))
    for name, data in (("big-endian", pcap(few, link, ">")), ("nanoseconds", pcap(few, link, "<", 0xA1B23C4D)),
                       ("version-2.2", pcap(few, link, "<", 0xA1B2C3D4, 2)), ("version-2.3", pcap(few, link, "<", 0xA1B2C3D4, 3)),
                       ("kuznetzov", pcap(few, link, "<", 0xA1B2CD34, 4, b"\0" * 8)), ("empty", pcap([], link)),
                       ("pcapng", pcapng(packets[:6], link)), ("pcapng-big-endian", pcapng(packets[:3], link, ">")),
                       ("pcapng-2-sections", pcapng(few, link) + pcapng(few, 101, ">", 9, 100)),
                       ("pcapng-power-of-2", pcapng(few, link, "<", 0x94, -1))):
        out.put("trace", name, data)
        out.put("trace", name + "-cut", data[:-7])
        out.put("trace", name + ".gz", gzip.compress(data, 9, mtime=0))
        out.put("trace", name + "-cut.gz", gzip.compress(data, 9, mtime=0)[:-20])


def main():
    out = Folder(sys.argv[1])
    put_traces(out)
    for name, link, frame in frames():
        out.put("parse", name, bytes((link, 0, 30, 0)) + frame)
    for target, inputs in (("frag", fragments()), ("tcp", segments()), ("modules", talks())):
        for number, data in enumerate(inputs):
            out.put(target, f"made-{number}", data)
    for number, text in enumerate(texts()):
        out.put("options", f"text-{number}", text)
    for number, (one, two) in enumerate(golden_files()):
        out.put("golden", f"golden-{number}", one)
        out.put("golden", f"two-{number}", two)
    out.put("golden", "decisions", b"\2" + DECISIONS.encode())
    if len(sys.argv) > 2:
        made = subprocess.run([sys.argv[2], "--gen", "sessions=2,bytes=100,request=10", "--repeat", "2", "--warmup", "0",
                               "--reorder", "10%", "--loss", "5%", "--json", "-"], stdout=subprocess.PIPE, check=True)
        out.put("golden", "result", b"\3" + made.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
