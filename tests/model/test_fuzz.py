#!/usr/bin/env python3
"""Conversations that no endpoint would have, made up by chance: the engine's lines must be the oracle's all the same.

    test_fuzz.py [--seeds A-B]

Sequence numbers, acknowledgements, flags, lengths and pauses are drawn near the limits that engine/ORDER.md names.
"""

import argparse
import multiprocessing
import os
import random
import struct
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import engine
import tcp
from packets import ACK, FIN, RST, SYN

CONVERSATIONS, PACKETS = 120, 60
JUMPS = (1, 1, 2, 30, 1000, tcp.STRAY - 1, tcp.STRAY, tcp.STRAY + 1, tcp.NEAR - 1, tcp.NEAR, tcp.NEAR + 2,
         tcp.WINDOW - 1, tcp.WINDOW, tcp.WINDOW + 1, 2**31 - 1, 2**31, 2**31 + 1)
PAUSES = (0, 0, 0, 0, 0.001, 0.01, 0.02, 59.9, 60, 61, 119, 120, 7439, 7440, -30)
FLAGS = (ACK, ACK, ACK, ACK, ACK, ACK, 0, SYN, SYN, SYN | ACK, FIN, FIN | ACK, RST, RST | ACK, SYN | FIN, SYN | RST,
         FIN | RST)


class Conversation:
    """Two ends that mostly go on where they are, and sometimes jump, go back, or begin anew."""

    def __init__(self, draw, number):
        self.draw, self.number = draw, number
        self.at = [draw.getrandbits(32), draw.choice((0, 2**32 - 20, draw.getrandbits(32)))]
        self.jumps = draw.choice((0, 0.02, 0.2))
        self.odd = draw.choice((0.05, 0.3))
        self.train = draw.random() < 0.1

    def near(self, d):
        draw = self.draw
        if draw.random() < self.jumps:
            return self.at[d] + draw.choice(JUMPS) * draw.choice((-1, 1))
        return self.at[d] + draw.choice((0, 0, 0, 1, -1, 5, -5, 12, -12, 40))

    def packet(self):
        if self.train:
            return self.packet_of_train()
        draw, d = self.draw, self.draw.randrange(2)
        flags = draw.choice(FLAGS) if draw.random() < self.odd else ACK
        length = draw.choice((0, 0, 1, 5, 12, 12, 30))
        if draw.random() < self.jumps / 4:
            self.at[d] = draw.choice((draw.getrandbits(32), self.at[d] + draw.choice(JUMPS)))
        seq, ack = self.near(d) % 2**32, self.near(1 - d) % 2**32
        if draw.random() < 0.5:
            self.at[d] = seq + length
        payload = bytes(draw.choice(b"ab") for _ in range(length))
        cut = draw.randrange(length + 1) if length and draw.random() < 0.05 else 0
        return d, seq, ack, flags, payload, cut

    def packet_of_train(self):
        """SYN upon SYN, each a little nearer to what is held above it."""
        draw, d = self.draw, 0 if self.draw.random() < 0.9 else 1
        if draw.random() < 0.4:
            self.at[d] += draw.choice((1, 1, 2, 5, 100))
            return d, self.at[d] % 2**32, 0, SYN, b"", 0
        payload = bytes(draw.choice(b"ab") for _ in range(draw.choice((1, 5, 12, 30))))
        seq = self.at[d] + draw.choice((1, 1, 50, 300, 1000, 1010, 3000, tcp.NEAR)) + draw.randrange(3)
        return d, seq % 2**32, 0, draw.choice((ACK, ACK, ACK, FIN | ACK)), payload, 0

    def frame(self):
        d, seq, ack, flags, payload, cut = self.packet()
        ends = [(struct.pack(">BBH", 10, 1, self.number), 1000), (b"\x0a\2\0\1", 80)]
        (src, sport), (dst, dport) = ends[d], ends[1 - d]
        segment = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 1000, 0, 0) + payload
        packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, 6, 0) + src + dst + segment
        return packet[:len(packet) - cut], len(packet)


def write_trace(path, seed):
    draw = random.Random(seed)
    conversations = [Conversation(draw, number) for number in range(CONVERSATIONS)]
    now = 10**9 * 10**6
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 228))
        for _ in range(CONVERSATIONS * PACKETS):
            now += draw.randrange(10)
            if draw.random() < 0.01:
                now += int(draw.choice(PAUSES) * 10**6)
            data, wire = draw.choice(conversations).frame()
            out.write(struct.pack("<IIII", now // 10**6, now % 10**6, len(data), wire) + data)


def compare(job):
    seed, policy = job
    draw = random.Random(f"settings {seed}")
    how = draw.choice([policy] if policy else sorted(tcp.POLICIES)), draw.choice(("1", "3", "10", "1024", "10ms", "4,5ms")), "ignore"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "made-up.pcap")
        write_trace(path, seed)
        try:
            got = engine.record(path, *how)
        except engine.Failed as error:
            return seed, f"  {error}"
        found = engine.difference(engine.lines_of(engine.model(path, *how)), got)
    return seed, found and f"{found}\n  overlap, hole-wait, checksum: {' '.join(how)}"


def main():
    parser = argparse.ArgumentParser(description="Made-up conversations: the engine held against the oracle.")
    parser.add_argument("--seeds", default="1-500" if engine.LONG else "1-8" if engine.SLOW else "1-30", metavar="A-B")
    parser.add_argument("--overlap", choices=sorted(tcp.POLICIES), help="this policy (default: any)")
    parser.add_argument("--write", metavar="FILE", help="write the first seed's trace there and stop")
    chosen = parser.parse_args()
    first, last = (int(part) for part in chosen.seeds.split("-"))
    if chosen.write:
        write_trace(chosen.write, first)
        return 0
    engine.need("flowos-golden")
    different = 0
    with multiprocessing.Pool(2) as pool:
        for seed, found in pool.imap_unordered(compare, [(seed, chosen.overlap) for seed in range(first, last + 1)]):
            if found:
                different += 1
                print(f"seed {seed}: engine and oracle differ\n{found}\n"
                      f"  again: python3 {os.path.relpath(__file__)} --seeds {seed}-{seed}"
                      + (f" --overlap {chosen.overlap}" if chosen.overlap else ""))
    print(f"seeds {chosen.seeds}: {CONVERSATIONS * PACKETS} packets each, {different} differ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
