"""Small clients and servers that capture.py runs inside its namespaces.

They do what no ordinary program does on demand: pipelined requests, half
closed connections, resets, slow readers, reuse of a port, urgent data, data
on a SYN, SYNs that cross, large datagrams.  `tagger` joins two devices through
a trunk of VLAN tagged frames, for kernels without VLAN devices; `delayer`
joins two and delays all frames, for kernels without netem.  All content is
shake_256 of a seed.
"""

import collections
import hashlib
import random
import select
import socket
import struct
import sys
import threading
import time

ABORT = struct.pack("ii", 1, 0)


def payload(seed, size):
    return hashlib.shake_256(seed.encode()).digest(size)


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def dial(host, port, local_port=None, receive_buffer=None):
    sock = socket.socket(family(host), socket.SOCK_STREAM)
    sock.settimeout(30)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if local_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", local_port))
    sock.connect((host, port))
    return sock


def listen(host, port, send_buffer=None):
    sock = socket.socket(family(host), socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if send_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    sock.bind((host, port))
    sock.listen(64)
    return sock


def close_with_reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    sock.close()


def read_exactly(sock, size):
    parts = []
    while size > 0:
        part = sock.recv(min(size, 65536))
        if not part:
            raise SystemExit("the other side closed too early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_to_end(sock):
    """Read until the end or a reset."""
    total = 0
    while True:
        try:
            part = sock.recv(65536)
        except ConnectionResetError:
            return total
        if not part:
            return total
        total += len(part)


def read_line(sock):
    line = b""
    while not line.endswith(b"\n"):
        line += read_exactly(sock, 1)
    return line.decode().split()


# -- HTTP ---------------------------------------------------------------------

def request(path, close=False, body=None):
    lines = ["%s %s HTTP/1.1" % ("GET" if body is None else "POST", path),
             "Host: server", "User-Agent: peers"]
    if close:
        lines.append("Connection: close")
    if body is not None:
        lines.append("Content-Length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")


class Replies:
    """Reads HTTP replies with a Content-Length one after the other."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""

    def more(self):
        part = self.sock.recv(65536)
        if not part:
            raise SystemExit("the server closed too early")
        self.rest += part

    def next(self):
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        size = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        while len(self.rest) < size:
            self.more()
        body, self.rest = self.rest[:size], self.rest[size:]
        return body


def pipeline(host, port, batches, paths):
    """Each batch is one connection; all its requests go out at once."""
    for number in range(int(batches)):
        sock = dial(host, int(port))
        replies = Replies(sock)
        names = paths.split(",")[number:]
        sock.sendall(b"".join(request(name) for name in names))
        for _ in names:
            replies.next()
        # a second round on the same connection, cut in the midst of a request
        blob = b"".join(request(name) for name in names[:3])
        sock.sendall(blob[:70])
        time.sleep(0.02)
        sock.sendall(blob[70:])
        for _ in names[:3]:
            replies.next()
        sock.close()


def reuse(host, port, local_port):
    """The same four-tuple six times; the close differs from use to use."""
    for number in range(6):
        server_closes = number in (1, 4)
        sock = dial(host, int(port), int(local_port))
        replies = Replies(sock)
        for name in ("/reuse-%d" % number, "/reuse-%d" % (5 - number)):
            last = name == "/reuse-%d" % (5 - number)
            sock.sendall(request(name, close=server_closes and last))
            replies.next()
        if server_closes:
            read_to_end(sock)
            sock.close()
        else:
            close_with_reset(sock)
        time.sleep(0.15)


def mixed_session(host, port, number):
    pick = random.Random("mixed-%d" % number)
    time.sleep(pick.uniform(0, 3.0))
    sock = dial(host, port)
    replies = Replies(sock)
    rounds = pick.choice((1, 1, 2, 3, 5))
    for left in range(rounds, 0, -1):
        if pick.random() < 0.15:
            body = payload("mixed-up-%d" % number, pick.randrange(100, 9000))
            sock.sendall(request("/up", left == 1, body))
        else:
            name = "/mixed-%d" % min(29, int(pick.expovariate(0.12)))
            sock.sendall(request(name, left == 1))
        replies.next()
        time.sleep(pick.uniform(0, 0.15))
    read_to_end(sock)
    sock.close()


def mixed(host, port, sessions):
    threads = [threading.Thread(target=mixed_session,
                                args=(host, int(port), number))
               for number in range(int(sessions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# -- half closed connections --------------------------------------------------

def half_server(host, port):
    server = listen(host, int(port))
    while True:
        sock, _ = server.accept()
        mode, size, seed = read_line(sock)
        data = payload(seed, int(size))
        if mode == "ask":
            read_to_end(sock)
            half_send(sock, data)
        else:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            read_to_end(sock)
        sock.close()


def half_send(sock, data):
    for start in range(0, len(data), 4000):
        sock.sendall(data[start:start + 4000])
        time.sleep(0.01)


def half_client(host, port):
    for number in range(4):
        sock = dial(host, int(port))
        sock.sendall(b"ask %d half-down-%d\n" % (9000 + 2500 * number, number))
        sock.sendall(payload("half-up-%d" % number, 1500 * number))
        sock.shutdown(socket.SHUT_WR)
        read_to_end(sock)
        sock.close()
    for number in range(4, 7):
        sock = dial(host, int(port))
        sock.sendall(b"give %d half-down-%d\n" % (3000, number))
        read_to_end(sock)
        time.sleep(0.05)
        half_send(sock, payload("half-up-%d" % number, 3000 * number))
        sock.close()


# -- resets -------------------------------------------------------------------

def reset_server(host, port):
    server = listen(host, int(port), send_buffer=24000)
    while True:
        sock, _ = server.accept()
        mode, size, seed = read_line(sock)
        try:
            if mode == "abort":
                sock.setblocking(False)
                reset_abort(sock, payload(seed, int(size)))
            else:
                sock.sendall(payload(seed, int(size)))
                read_to_end(sock)
        except (ConnectionResetError, BrokenPipeError):
            pass
        sock.close()


def reset_abort(sock, data):
    """Fill the send buffer, then throw away what is still in it."""
    sent = 0
    for _ in range(20):
        try:
            sent += sock.send(data[sent:])
        except BlockingIOError:
            time.sleep(0.01)
    close_with_reset(sock)


def reset_client(host, port, closed_port):
    for number in range(4):
        sock = dial(host, int(port))
        size = 4000 * (number + 1)
        sock.sendall(b"full %d reset-full-%d\n" % (size, number))
        read_exactly(sock, size)
        close_with_reset(sock)
        time.sleep(0.05)
    for number in range(5):
        sock = dial(host, int(port), receive_buffer=16000)
        mode = b"full" if number < 3 else b"abort"
        sock.sendall(b"%s 200000 reset-partial-%d\n" % (mode, number))
        if number < 3:
            read_exactly(sock, 10000 * number + 5000)
            close_with_reset(sock)
        else:
            time.sleep(0.3)
            read_to_end(sock)
            sock.close()
        time.sleep(0.1)
    for _ in range(3):
        try:
            dial(host, int(closed_port))
        except ConnectionRefusedError:
            continue
        raise SystemExit("the closed port answered")


# -- slow reader, idle connection ---------------------------------------------

def slow_server(host, port):
    server = listen(host, int(port))
    while True:
        sock, _ = server.accept()
        threading.Thread(target=slow_answer, args=(sock,)).start()


def slow_answer(sock):
    size, seed = read_line(sock)
    sock.sendall(payload(seed, int(size)))
    read_to_end(sock)
    sock.close()


def slow_client(host, port):
    idle = threading.Thread(target=idle_client, args=(host, int(port)))
    idle.start()
    sock = dial(host, int(port), receive_buffer=4096)
    sock.sendall(b"70000 slow\n")
    time.sleep(1.7)
    for _ in range(30):
        read_exactly(sock, 1000)
        time.sleep(0.01)
    time.sleep(0.8)
    read_exactly(sock, 40000)
    sock.close()
    idle.join()


def idle_client(host, port):
    sock = dial(host, port)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    sock.sendall(b"2000 idle\n")
    read_exactly(sock, 2000)
    time.sleep(3.4)
    sock.close()


# -- urgent data, data on a SYN, SYNs that cross ------------------------------

FAST_OPEN, FAST_OPEN_CONNECT = 23, 30


def inline_server(host, port):
    """Reads all, urgent bytes in their places; answers; also on a SYN."""
    server = listen(host, int(port))
    server.setsockopt(socket.IPPROTO_TCP, FAST_OPEN, 16)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    while True:
        sock, _ = server.accept()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        size, answer, seed = read_line(sock)
        read_exactly(sock, int(size))
        sock.sendall(payload(seed, int(answer)))
        read_to_end(sock)
        sock.close()


def urgent_client(host, port):
    """Urgent: one byte, the last of many, several in a row, one at the end."""
    for number, sizes in enumerate(((1,), (700, 1, 300), (1, 1, 1), (4000,))):
        sock = dial(host, int(port))
        data = payload("urgent-%d" % number, 1500 + sum(sizes))
        sock.sendall(b"%d 2000 urgent-back-%d\n" % (len(data), number))
        for size in sizes:
            sock.sendall(data[:200])
            sock.sendall(data[200:200 + size], socket.MSG_OOB)
            data = data[200 + size:]
            time.sleep(0.02)
        sock.sendall(data)
        read_exactly(sock, 2000)
        sock.close()


def fast_client(host, port, first_port):
    """The first connection gets the cookie, the others use it."""
    for number in range(5):
        sock = socket.socket(family(host), socket.SOCK_STREAM)
        sock.settimeout(30)
        sock.setsockopt(socket.IPPROTO_TCP, FAST_OPEN_CONNECT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", int(first_port) + number))
        sock.connect((host, int(port)))
        size = 100 + 900 * number
        sock.sendall(b"%d 3000 fast-back-%d\n" % (size, number)
                     + payload("fast-%d" % number, size))
        read_exactly(sock, 3000)
        sock.close()
        time.sleep(0.05)


def meet(host, port, local_port, at, size):
    """Connects at a moment, as does the other end: nobody listens."""
    for number in range(3):
        sock = socket.socket(family(host), socket.SOCK_STREAM)
        sock.settimeout(30)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", int(local_port) + number))
        time.sleep(max(0, float(at) + number - time.time()))
        sock.connect((host, int(port) + number))
        sock.sendall(payload("meet-%s-%d" % (local_port, number), int(size)))
        sock.shutdown(socket.SHUT_WR)
        read_to_end(sock)
        sock.close()


def delayer(seconds):
    """Carries frames between rc and rs, each after so many seconds."""
    left, right = packet_socket("rc"), packet_socket("rs")
    other = {left: right, right: left}
    waiting = collections.deque()
    while True:
        late = waiting[0][0] - time.monotonic() if waiting else 1
        for sock in select.select(list(other), [], [], max(0, late))[0]:
            frame, where = sock.recvfrom(65536)
            if where[2] != PACKET_OUTGOING:
                waiting.append((time.monotonic() + float(seconds),
                                other[sock], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, target, frame = waiting.popleft()
            target.send(frame)


# -- datagrams ----------------------------------------------------------------

def udp_server(host, port):
    sock = socket.socket(family(host), socket.SOCK_DGRAM)
    sock.bind((host, int(port)))
    while True:
        data, peer = sock.recvfrom(65536)
        sock.sendto(payload(data[:16].hex(), len(data) + 37), peer)


def udp_client(host, port, sizes):
    for turn in range(2):
        sock = socket.socket(family(host), socket.SOCK_DGRAM)
        sock.settimeout(10)
        sock.connect((host, int(port)))
        waiting = 0
        for size in sizes.split(","):
            sock.send(payload("udp-%d-%s" % (turn, size), int(size)))
            waiting += 1
            if waiting == 2:
                sock.recv(65536)
                waiting -= 1
        while waiting:
            sock.recv(65536)
            waiting -= 1
        sock.close()


# -- VLAN tags ----------------------------------------------------------------

SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1
PACKET_OUTGOING, EVERY_PROTOCOL = 4, 3


def packet_socket(dev):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                         socket.htons(EVERY_PROTOCOL))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((dev, EVERY_PROTOCOL))
    member = struct.pack("iHH8s", socket.if_nametoindex(dev),
                         PACKET_MR_PROMISC, 0, b"")
    sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)
    return sock


def tagger(*tags):
    """tags: outermost first, each TYPE:VALUE in hexadecimal"""
    label = b"".join(bytes.fromhex(tag.replace(":", "")) for tag in tags)
    edges = [(packet_socket("rc"), packet_socket("t0")),
             (packet_socket("rs"), packet_socket("t1"))]
    other = {}
    for access, trunk in edges:
        other[access], other[trunk] = (trunk, True), (access, False)
    while True:
        for sock in select.select(list(other), [], [])[0]:
            forward(sock, *other[sock], label)


def forward(sock, target, add, label):
    frame, where = sock.recvfrom(65536)
    if where[2] == PACKET_OUTGOING:
        return
    if add:
        target.send(frame[:12] + label + frame[12:])
        return
    # the kernel has already taken off the outermost tag
    target.send(frame[:12] + frame[12 + len(label) - 4:])


ROLES = {"pipeline": pipeline, "reuse": reuse, "mixed": mixed,
         "half-server": half_server, "half-client": half_client,
         "reset-server": reset_server, "reset-client": reset_client,
         "slow-server": slow_server, "slow-client": slow_client,
         "udp-server": udp_server, "udp-client": udp_client,
         "inline-server": inline_server, "urgent-client": urgent_client,
         "fast-client": fast_client, "meet": meet,
         "tagger": tagger, "delayer": delayer}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ROLES:
        sys.exit("usage: peers.py %s ..." % "|".join(sorted(ROLES)))
    ROLES[sys.argv[1]](*sys.argv[2:])
