"""What programs sent and received on their sockets, read from strace logs.

The logs come from `strace -ff -ttt -T -yy -xx -s N` (see testnet.py), one
file per process.  The result is the independent truth of a trace: it never
looks at the capture.  A TCP stream is keyed (source, destination, use), where
use counts the connections of the same four-tuple from 0.
"""

import glob
import hashlib
import re

LINE = re.compile(r"^(\d+\.\d+) (\w+)\((.*)\)\s+= (-?\d+)(.*?)"
                  r"(?: <(\d+\.\d+)>)?$", re.S)
SOCKET = re.compile(r"^(\d+)<(TCP|UDP)(?:v6)?:\[(\S*?)\]>(?=[,)]|$)")
RETURNED = re.compile(r"^<(TCP|UDP)(?:v6)?:\[(\S*?)\]>")
ADDRESS4 = re.compile(r'sin_port=htons\((\d+)\), '
                      r'sin_addr=inet_addr\("([^"]*)"\)')
ADDRESS6 = re.compile(r'sin6_port=htons\((\d+)\).*?'
                      r'inet_pton\(AF_INET6, "([^"]*)"')
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
VECTOR = re.compile(r'iov_base="((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
ENDPOINT = re.compile(r"^(\[[0-9a-f:.]+\]|[0-9.]+):(\d+)$")

SENDS = {"write", "writev", "send", "sendto", "sendmsg"}
RECEIVES = {"read", "readv", "recv", "recvfrom", "recvmsg"}
MANY = {"sendmmsg": "sendmsg", "recvmmsg": "recvmsg"}
REFUSED = {"sendfile", "splice"}


class LogError(Exception):
    """The strace log holds something that cannot be told apart."""


def unhex(text):
    return bytes.fromhex(text.replace("\\x", ""))


def address_in(text):
    """The first socket address printed in text, as HOST:PORT, or None."""
    found = ADDRESS4.search(text)
    if found:
        return "%s:%s" % (unhex(found.group(2)).decode(), found.group(1))
    found = ADDRESS6.search(text)
    if found:
        return "[%s]:%s" % (unhex(found.group(2)).decode(), found.group(1))
    return None


def split_endpoints(text):
    """(local, peer) of a -yy annotation; None for what it does not say."""
    local, _, peer = text.partition("->")
    return tuple(end if ENDPOINT.match(end) else None
                 for end in (local, peer))


def payload(call, rest, count):
    """The count bytes a call moved."""
    pattern = VECTOR if call in ("readv", "writev", "sendmsg", "recvmsg") \
        else TEXT
    parts = []
    for match in pattern.finditer(rest):
        if match.group(2):
            raise LogError("strace cut a string short")
        parts.append(unhex(match.group(1)))
        if pattern is TEXT:
            break
    data = b"".join(parts)[:count]
    if len(data) != count:
        raise LogError("%s: %d bytes returned, %d in the log"
                       % (call, count, len(data)))
    return data


class Connection:
    def __init__(self, local, peer):
        self.local, self.peer, self.use = local, peer, None


class Reader:
    def __init__(self):
        self.events = []
        self.addresses = {}
        self.table = {}
        self.newest = {}
        self.uses = {}
        self.tcp_sent, self.tcp_received = {}, {}
        self.udp_sent, self.udp_received = {}, {}

    # -- reading the logs -------------------------------------------------

    def add(self, program, prefix, addresses):
        self.addresses[program] = addresses
        for path in glob.glob(glob.escape(prefix) + ".*"):
            thread = int(path.rsplit(".", 1)[1])
            with open(path) as handle:
                for number, line in enumerate(handle):
                    self.add_line(program, thread, number, line)

    def add_line(self, program, thread, number, line):
        match = LINE.match(line.rstrip("\n"))
        if not match:
            return
        began, call, rest, result, after, took = match.groups()
        if not SOCKET.match(rest):
            return
        ended = float(began) + float(took or 0)
        self.events.append((ended, thread, number, program, call, rest,
                            int(result), after.strip()))

    def finish(self):
        for event in sorted(self.events):
            self.event(*event[1:2], *event[3:])
        self.events = []

    # -- one call ---------------------------------------------------------

    def event(self, thread, program, call, rest, result, after):
        match = SOCKET.match(rest)
        descriptor, kind = int(match.group(1)), match.group(2)
        local, peer = split_endpoints(match.group(3))
        key = (program, thread, descriptor)
        if call in REFUSED and result > 0:
            raise LogError("%s moves bytes strace cannot show" % call)
        if call == "connect":
            self.connect(key, kind, local, rest, result, after)
        elif call in ("accept", "accept4"):
            self.accept(key, kind, local, rest, result, after)
        elif call == "getsockname" and result == 0:
            self.name(key, address_in(rest[match.end():]))
        elif call == "close":
            self.find(key, kind, local, peer)
            self.table.pop(key, None)
        elif result > 0 and "MSG_PEEK" not in rest:
            self.moved(key, kind, local, peer, call, rest, result)

    def connect(self, key, kind, local, rest, result, after):
        if result == 0 or "EINPROGRESS" in after:
            local = self.own_address(key, local, None)
            self.remember(key, Connection(local, address_in(rest)))
            if kind == "TCP" and local:
                self.count(self.table[key])

    def accept(self, key, kind, local, rest, result, after):
        if result < 0 or kind != "TCP":
            return
        peer = address_in(rest)
        match = RETURNED.match(after)
        if match:
            named = split_endpoints(match.group(2))
            local, peer = named[0] or local, named[1] or peer
        connection = Connection(local, peer)
        self.remember((key[0], key[1], result), connection)
        self.count(connection)

    def name(self, key, local):
        connection = self.table.get(key)
        if connection is not None and connection.use is None and local:
            connection.local = local

    def remember(self, key, connection):
        self.table[key] = connection
        self.table[(key[0], key[2])] = connection

    def count(self, connection):
        """Give a connection its use number once its addresses are known."""
        pair = (connection.local, connection.peer)
        if connection.use is None and None not in pair:
            connection.use = self.uses.get(pair, 0)
            self.uses[pair] = connection.use + 1
            self.newest[pair] = connection

    def find(self, key, kind, local, peer):
        """The TCP connection behind a descriptor, or None."""
        if kind != "TCP":
            return None
        known = self.table.get(key)
        if local and peer:
            if known is not None and known.use is None \
                    and known.peer == peer:
                known.local = local
                self.count(known)
            if known is None or (known.local, known.peer) != (local, peer):
                known = self.newest.get((local, peer))
        elif known is None:
            known = self.table.get((key[0], key[2]))
        return known

    def moved(self, key, kind, local, peer, call, rest, result):
        if call in MANY and kind == "UDP":
            for part in self.messages(rest, result):
                self.datagram(key, local, peer, MANY[call], *part)
        elif call in SENDS | RECEIVES:
            if kind == "UDP":
                self.datagram(key, local, peer, call, rest, result)
            else:
                self.stream(key, local, peer, call, rest, result)

    def messages(self, rest, count):
        parts = re.split(r"msg_len=(\d+)", rest)
        return [(parts[2 * n], int(parts[2 * n + 1])) for n in range(count)]

    def stream(self, key, local, peer, call, rest, result):
        connection = self.find(key, "TCP", local, peer)
        if connection is None or connection.use is None:
            raise LogError("%s on a socket without addresses" % call)
        data = payload(call, rest, result)
        if call in SENDS:
            name = (connection.local, connection.peer, connection.use)
            self.tcp_sent.setdefault(name, []).append(data)
        else:
            name = (connection.peer, connection.local, connection.use)
            self.tcp_received.setdefault(name, []).append(data)

    def datagram(self, key, local, peer, call, rest, result):
        known = self.table.get(key)
        peer = address_in(rest) or peer or (known.peer if known else None)
        local = self.own_address(key, local, known)
        if peer is None or local is None:
            raise LogError("%s on a UDP socket without addresses" % call)
        data = payload(call, rest, result)
        if call in SENDS:
            self.udp_sent.setdefault((local, peer), []).append(data)
        else:
            self.udp_received.setdefault((peer, local), []).append(data)

    def own_address(self, key, local, known):
        """A socket bound to any address speaks for its namespace's one."""
        local = local or (known.local if known else None)
        if local is None:
            return None
        host, port = local.rsplit(":", 1)
        if host not in ("0.0.0.0", "[::]"):
            return local
        family6 = host.startswith("[")
        for text in self.addresses[key[0]]:
            if (":" in text) == family6 and not text.startswith("fe80"):
                return ("[%s]:%s" if family6 else "%s:%s") % (text, port)
        return None

    # -- the result -------------------------------------------------------

    def tcp_lines(self, may_be_partial):
        lines = []
        for name in sorted(set(self.tcp_sent) | set(self.tcp_received)):
            sent = b"".join(self.tcp_sent.get(name, []))
            received = b"".join(self.tcp_received.get(name, []))
            text = "tcp %s > %s #%d bytes=%d sha256=%s" % (
                *name, len(sent), hashlib.sha256(sent).hexdigest())
            if sent != received:
                if not (may_be_partial and sent.startswith(received)):
                    raise LogError("%s: the reader got %d bytes"
                                   % (text, len(received)))
                text += " partial"
            lines.append(text)
        return lines

    def udp_lines(self):
        lines = []
        for name in sorted(set(self.udp_sent) | set(self.udp_received)):
            sent = self.udp_sent.get(name, [])
            if sorted(sent) != sorted(self.udp_received.get(name, [])):
                raise LogError("udp %s > %s: sent and received differ" % name)
            digests = sorted(hashlib.sha256(one).digest() for one in sent)
            lines.append("udp %s > %s datagrams=%d bytes=%d sha256=%s" % (
                *name, len(sent), sum(len(one) for one in sent),
                hashlib.sha256(b"".join(digests)).hexdigest()))
        return lines

    def lines(self, may_be_partial=False):
        return sorted(self.tcp_lines(may_be_partial) + self.udp_lines())
