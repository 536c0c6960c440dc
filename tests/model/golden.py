"""Writes results: golden lines (the form is in the project's interfaces), a file per stream, JSON."""

import hashlib
import itertools
import json
import os
import socket

import tcp


def endpoint(address, port):
    if len(address) == 4:
        return f"{socket.inet_ntop(socket.AF_INET, address)}:{port}"
    return f"[{socket.inet_ntop(socket.AF_INET6, address)}]:{port}"


def tcp_line(stream):
    gaps = ",".join(f"{offset}+{length}" for offset, length in stream.gaps) or "-"
    line = (f"tcp {stream.src} > {stream.dst} #{stream.use} bytes={len(stream.data)} sha256={stream.sha256} "
            f"gaps={gaps} end={stream.end}")
    return line + (" start=mid" if stream.mid else "")


def udp_line(conversation):
    digest = hashlib.sha256(b"".join(sorted(conversation.digests))).hexdigest()
    return (f"udp {conversation.src} > {conversation.dst} datagrams={len(conversation.digests)} "
            f"bytes={conversation.bytes} sha256={digest}")


def golden_text(streams, options):
    header = ["# flowos-golden 1", f"# trace-sha256: {streams.trace_sha256}", "# level: app",
              f"# overlap: {options.overlap}", f"# hole-wait: {options.hole_wait}", f"# checksum: {options.checksum}"]
    if options.vlan_key:
        header.append("# vlan-key: yes")
    lines = [tcp_line(stream) for stream in streams] + [udp_line(conversation) for conversation in streams.udp]
    return "\n".join(header + sorted(lines)) + "\n"


def tcpflow_name(stream):
    def part(address, port):
        if len(address) == 4:
            return ".".join(f"{byte:03}" for byte in address) + f".{port:05}"
        return f"{socket.inet_ntop(socket.AF_INET6, address)}.{port:05}"
    name = part(*stream.src_key) + "-" + part(*stream.dst_key)
    return name + (f"c{stream.use}" if stream.use else "")


def dump(streams, directory):
    os.makedirs(directory, exist_ok=True)
    gaps = []
    for stream in streams:
        name = tcpflow_name(stream)
        with open(os.path.join(directory, name), "wb") as out:
            out.write(stream.data)
        gaps += [f"{name}\t{offset}\t{length}\n" for offset, length in stream.gaps]
    with open(os.path.join(directory, "gaps.tsv"), "w", encoding="ascii") as out:
        out.writelines(sorted(gaps))


def touch(one, other):
    """Whether the ranges of two streams of one direction overlap or are next to each other."""
    def length(stream):
        return len(stream.data) + sum(gap for _, gap in stream.gaps)
    if any(stream.start_seq is None or (stream.mid and not stream.data) for stream in (one, other)):
        return False
    ahead = (other.start_seq - one.start_seq + (1 << 31)) % (1 << 32) - (1 << 31)
    return -length(other) - 1 <= ahead <= length(one) + 1


def ambiguous(streams):
    """The set of streams that ORDER.md calls ambiguous."""
    unclear = {stream for stream in streams if any(length > tcp.STRAY for _, length in stream.gaps)}
    conversations = {}
    for stream in streams:
        conversations.setdefault(frozenset((stream.src, stream.dst)), []).append(stream)
    for members in conversations.values():
        uses, began = set(), {stream.use for stream in members if not stream.mid}
        if {stream.use for stream in members} - began - {0}:
            uses = {stream.use for stream in members}
        for one, other in itertools.combinations(members, 2):
            if one.src == other.src and one.use != other.use and touch(one, other):
                uses |= {one.use, other.use}
        unclear |= {stream for stream in members if stream.use in uses}
    return unclear


def json_text(streams):
    unclear = ambiguous(streams)
    flows = [{
        "src": stream.src, "dst": stream.dst, "use": stream.use, "bytes": len(stream.data), "sha256": stream.sha256,
        "gaps": stream.gaps, "end": stream.end, "mid": stream.mid, "start_seq": stream.start_seq, "isn": stream.isn,
        "packets": stream.packets, "conflicts": stream.conflicts, "conflicts_delivered": stream.conflicts_delivered,
        "undelivered": stream.undelivered, "ambiguous": stream in unclear,
    } for stream in streams]
    udp = [{"src": one.src, "dst": one.dst, "datagrams": len(one.digests), "bytes": one.bytes} for one in streams.udp]
    return json.dumps({"schema": 1, "trace_sha256": streams.trace_sha256, "damage": streams.damage, "tcp": flows,
                       "udp": udp}, indent=1) + "\n"
