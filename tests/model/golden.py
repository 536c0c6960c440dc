"""Writes results: golden lines (the form is in the project's interfaces), a file per stream, JSON."""

import hashlib
import json
import os
import socket


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


def json_text(streams):
    tcp = [{
        "src": stream.src, "dst": stream.dst, "use": stream.use, "bytes": len(stream.data), "sha256": stream.sha256,
        "gaps": stream.gaps, "end": stream.end, "mid": stream.mid, "start_seq": stream.start_seq, "isn": stream.isn,
        "packets": stream.packets, "conflicts": stream.conflicts, "conflicts_delivered": stream.conflicts_delivered,
        "undelivered": stream.undelivered,
    } for stream in streams]
    udp = [{"src": one.src, "dst": one.dst, "datagrams": len(one.digests), "bytes": one.bytes} for one in streams.udp]
    return json.dumps({"schema": 1, "trace_sha256": streams.trace_sha256, "damage": streams.damage, "tcp": tcp,
                       "udp": udp}, indent=1) + "\n"
