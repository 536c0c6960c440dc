# SPDX-License-Identifier: BSD-2-Clause
"""What the adapters in this folder share: streams that a peer put in order become golden lines, or files.

An adapter is a program X_golden.py CAPTURE [--streams-out DIR] that calls main() with what its peer lacks, and a
function that runs the peer once, in a folder of its own, and gives Streams. It prints golden lines, with a header that
says what the peer lacks (`flowos-golden verify --help` has the words). Exit status: 0; 2 when the peer could not be
run or says that it failed; that of a signal when one ended it.
"""

import argparse
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Failed(Exception):
    """The peer is not here, or says that it failed; the text is for a person."""


@dataclass
class Stream:
    """One direction of one connection, as a peer sees it."""
    src: str  # "10.0.0.1:80", "[2001:db8::1]:80"
    dst: str
    data: bytes
    gaps: list = field(default_factory=list)  # (offset, length) as reported; offsets count gaps too
    mid: bool = False
    use: int = 0  # of the addresses and ports, in the order in which the peer lists them


def endpoint(address, port):
    """The form that golden lines have."""
    if ":" in address:
        return f"[{socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address))}]:{int(port)}"
    return f"{'.'.join(str(int(part)) for part in address.split('.'))}:{int(port)}"


def number(streams):
    """Counts the uses of each direction; streams without bytes are none, unless a peer lists what it has not."""
    seen = {}
    for one in streams:
        key = (one.src, one.dst)
        one.use = seen.get(key, 0)
        seen[key] = one.use + 1
    return streams


def line(one, gaps):
    text = f"tcp {one.src} > {one.dst} #{one.use} bytes={len(one.data)} sha256={hashlib.sha256(one.data).hexdigest()}"
    if gaps:
        text += " gaps=" + (",".join(f"{at}+{length}" for at, length in one.gaps) or "-")
    return text


def file_name(one):
    """As tcpflow names a stream."""
    def part(text):
        address, port = text.rsplit(":", 1)
        if address.startswith("["):
            return f"{address[1:-1]}.{int(port):05}"
        return ".".join(f"{int(byte):03}" for byte in address.split(".")) + f".{int(port):05}"
    return f"{part(one.src)}-{part(one.dst)}" + (f"c{one.use}" if one.use else "")


def write_files(streams, folder):
    os.makedirs(folder, exist_ok=True)
    if os.listdir(folder):
        raise Failed(f"{folder} is not empty")
    with open(os.path.join(folder, "gaps.tsv"), "w", encoding="ascii") as gaps:
        for one in streams:
            with open(os.path.join(folder, file_name(one)), "wb") as out:
                out.write(one.data)
            gaps.writelines(f"{file_name(one)}\t{at}\t{length}\n" for at, length in one.gaps)


NAME = re.compile(r"(?P<src>[0-9a-f.:]+)\.(?P<sport>\d{5})-(?P<dst>[0-9a-f.:]+)\.(?P<dport>\d{5})(?:--\d+)?(?:c(?P<use>\d+))?$")


def read_files(folder):
    """The streams in a folder of files that are named as tcpflow does, with gaps.tsv where something writes it."""
    gaps, found = {}, []
    if os.path.exists(os.path.join(folder, "gaps.tsv")):
        with open(os.path.join(folder, "gaps.tsv"), encoding="ascii") as lines:
            for text in lines:
                words = text.split()
                if len(words) == 3 and words[1].isdigit():
                    gaps.setdefault(words[0], []).append((int(words[1]), int(words[2])))
    for name in os.listdir(folder):
        match = NAME.match(name)
        if not match:
            continue
        with open(os.path.join(folder, name), "rb") as data:
            one = Stream(endpoint(match["src"], match["sport"]), endpoint(match["dst"], match["dport"]), data.read(),
                         gaps.get(name, []))
        found.append((int(match["use"] or 0), one))
    found.sort(key=lambda entry: (entry[1].src, entry[1].dst, entry[0]))
    return [one for _, one in found]


def program(name, *more):
    """The path of a program: $FLOWOS_PEERS, or the folders of a build, or PATH."""
    folders = [os.environ.get("FLOWOS_PEERS"), os.environ.get("FLOWOS_BIN"), os.path.join(TOP, "build", "release", "bin"), *more]
    for folder in folders:
        path = folder and os.path.join(folder, name)
        if path and os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    path = shutil.which(name)
    if not path:
        raise Failed(f"{name} is not here; bench/setup.sh --peers installs and builds the peers")
    return path


def run(command, **more):
    """Runs a peer; what it prints on standard output. A signal that ended it is passed on."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          **more)
    if done.returncode < 0:
        print(f"{os.path.basename(command[0])} died of signal {-done.returncode}", file=sys.stderr)
        sys.stderr.flush()
        sys.exit(128 - done.returncode)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        raise Failed(f"{os.path.basename(command[0])}: status {done.returncode}: {said}")
    return done.stdout


def read_index(folder):
    """The streams that a program in this folder wrote: index.tsv has FILE SRC DST USE GAPS START."""
    streams = []
    with open(os.path.join(folder, "index.tsv"), encoding="ascii") as index:
        for text in index:
            name, src, dst, _, gaps, start = text.rstrip("\n").split("\t")
            with open(os.path.join(folder, name), "rb") as data:
                one = Stream(src, dst, data.read(), mid=start == "mid")
            if gaps not in "-?":
                one.gaps = [tuple(map(int, gap.split("+"))) for gap in gaps.split(",")]
            one.src, one.dst = (endpoint(text.rsplit(":", 1)[0].strip("[]"), text.rsplit(":", 1)[1]) for text in (src, dst))
            streams.append(one)
    return streams


def main(name, about, header, collect, options=()):
    """The whole program. `header`: {word: "no"...}; `collect(path, folder, arguments)` gives the peer's Streams."""
    parser = argparse.ArgumentParser(prog=f"{name}_golden.py", description=about)
    parser.add_argument("capture", help="what the peer reads: pcap")
    parser.add_argument("--streams-out", metavar="DIR", help="also write each stream to a file, named as tcpflow does")
    for words, more in options:
        parser.add_argument(words, **more)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    gaps = header.get("gaps", "yes") == "yes"
    try:
        if not os.path.isfile(arguments.capture):
            raise Failed(f"{arguments.capture}: no such file")
        with tempfile.TemporaryDirectory(prefix="flowos-peer-") as folder:
            streams = number([one for one in collect(arguments.capture, folder, arguments) if one.data])
        if arguments.streams_out:
            write_files(streams, arguments.streams_out)
    except (Failed, OSError, ValueError) as error:
        print(f"{name}_golden.py: {error}", file=sys.stderr)
        sys.exit(2)
    print("# flowos-golden 1")
    print(f"# engine: {name}")
    for word, value in header.items():
        print(f"# {word}: {value}")
    print("\n".join(sorted(line(one, gaps) for one in streams)) + "\n" if streams else "", end="")
