# SPDX-License-Identifier: BSD-2-Clause
"""Namespaces for the tests of what is live: a client, a server, and a middlebox between them, joined by veth.

    client eth0 10.77.0.1 -- left [box] right -- eth0 10.77.0.2 server
           fd77::1                                     fd77::2
"""

import http.server
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests", "golden"), os.path.join(TOP, "bench")]

import common  # noqa: E402
import live_net  # noqa: E402
from live_net import until  # noqa: E402

PREFIX = os.environ.get("FLOWOS_NETNS", "flowos")
CLIENT, SERVER = ("10.77.0.1", "fd77::1"), ("10.77.0.2", "fd77::2")
PORT = 8077

# Runs a command for which setsockopt(PACKET_FANOUT_DATA) does not work.
REFUSING = """
import ctypes, os, struct, sys
steps = [(0x20, 0, 0, 0), (0x15, 0, 3, 54 if os.uname().machine == 'x86_64' else 208), (0x20, 0, 0, 32), (0x15, 0, 1, 22),
         (6, 0, 0, 0x50000 | 13), (6, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    sys.exit("no filter: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[1], sys.argv[1:])
"""
REFUSE = (sys.executable, "-c", REFUSING)


def require(*programs):
    """Ends the test with status 77 where this machine has no namespaces for it."""
    common.require("flowos")
    why = live_net.cannot_run(PREFIX, *programs)
    if why:
        print(why)
        sys.exit(77)


class Net(live_net.Lab):
    """The three namespaces, and whatever was started in them."""

    def __init__(self):
        super().__init__(PREFIX, ("client", "box", "server"))

    def build(self):
        self.join("client", "left", 0)
        self.join("server", "right", 1)

    def join(self, end, port, side):
        """A veth between an end and the box."""
        self.cable("box", port, end, "eth0")
        self.address(end, "eth0", *(CLIENT, SERVER)[side])
        self.silent("box", port)

    def serve(self, folder):
        """An HTTP server of the folder, for IPv4 and IPv6."""
        self.start("server", sys.executable, os.path.abspath(__file__), folder)
        assert until(lambda: self.reaches("server")), "the server does not start"

    def reaches(self, name):
        return subprocess.run(["ip", "netns", "exec", self.ns[name], sys.executable, "-c",
                               f"import socket; socket.create_connection(('{SERVER[0]}', {PORT}), 1)"],
                              capture_output=True, check=False).returncode == 0

    def get(self, path, out, version=4, seconds=200):
        """curl of a file; returns its status."""
        host = SERVER[0] if version == 4 else f"[{SERVER[1]}]"
        return subprocess.run(["ip", "netns", "exec", self.ns["client"], "curl", "-sf", "-m", str(seconds), "-o", out,
                               f"http://{host}:{PORT}/{path}"], check=False).returncode


SIZES = [1, 2, 1000, 1460, 1461, 65536, 1000003] + ([] if common.SANITIZE else [8 << 20])
SEED = int(os.environ.get("FLOWOS_SEED", "1"))


class Site(common.Case):
    """The three namespaces, and a folder with a file of each size."""

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.net = Net()
        self.addCleanup(self.net.close)
        self.site = self.path("site")
        os.mkdir(self.site)
        rnd = random.Random(SEED)
        for size in SIZES:
            with open(os.path.join(self.site, str(size)), "wb") as out:
                out.write(rnd.randbytes(size))


class Box:
    """A `flowos run` between the two interfaces; `before`: a command that runs it."""

    def __init__(self, net, folder, *options, where="box", before=(), **environment):
        self.net, self.folder = net, folder
        self.socket, self.json = os.path.join(folder, where + ".sock"), os.path.join(folder, where + ".json")
        self.log = os.path.join(folder, where + ".log")
        with open(self.log, "wb") as log, open(os.path.join(folder, where + ".out"), "wb") as out:
            self.process = net.start(where, *before, os.path.join(common.BIN, "flowos"), "run", "--control", self.socket, "--json",
                                     self.json, *options, stdout=out, stderr=log, cwd=folder, env={**os.environ, **environment})
        assert until(lambda: " on " in self.said() or "forwarding between" in self.said() or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()

    def said(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def ctl(self, command, *options):
        done = common.run("flowos", "ctl", command, "--socket", self.socket, "--json", *options)
        assert done.returncode == 0, done.errors
        return json.loads(done.stdout.splitlines()[0])

    def status(self):
        """/proc/PID/status as a dict."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)

    def cpu_seconds(self):
        return live_net.cpu_seconds(self.process.pid)

    def idle(self, most, seconds=1.0):
        """Waits until it takes less than this share of a processor, since it may still have had to do. The share."""
        for _ in range(10):
            began, before = time.monotonic(), self.cpu_seconds()
            time.sleep(seconds)
            share = (self.cpu_seconds() - before) / (time.monotonic() - began)
            if share < most:
                break
        return share

    def end(self):
        """SIGTERM; returns its exit status and what it wrote as JSON."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(200)
        with open(self.json, encoding="utf-8") as result:
            return status, json.load(result)


def packets_in(capture):
    """How many are in a pcap file that is still being written."""
    with open(capture, "rb") as stream:
        data = stream.read()
    at, count = 24, 0
    while at + 16 <= len(data):
        at += 16 + int.from_bytes(data[at + 8:at + 12], "little")
        count += at <= len(data)
    return count


def beside(box, capture):
    """Waits until a capture of TCP beside a box, which may be behind, has what the box saw, and nothing more comes."""
    count, since = -1, time.monotonic()
    late = since + 100
    while time.monotonic() < late and (time.monotonic() < since + 1 or count < box.ctl("stats")["engine"]["tcp_packets"]):
        if packets_in(capture) != count:
            count, since = packets_in(capture), time.monotonic()
        time.sleep(0.05)


class Both(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 256


class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    Both(("::", PORT), Quiet).serve_forever()
