# SPDX-License-Identifier: BSD-2-Clause
"""Namespaces for the tests of what is live: a client, a server, and a middlebox between them, joined by veth.

    client eth0 10.77.0.1 -- left [box] right -- eth0 10.77.0.2 server
           fd77::1                                     fd77::2
"""

import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "golden"))

import common  # noqa: E402

PREFIX = os.environ.get("FLOWOS_NETNS", "flowos")
CLIENT, SERVER = ("10.77.0.1", "fd77::1"), ("10.77.0.2", "fd77::2")
PORT = 8077


def require(*programs):
    """Ends the test with status 77 where this machine has no namespaces for it."""
    common.require("flowos")
    missing = [name for name in ("ip", *programs) if not shutil.which(name)]
    if os.geteuid() != 0:
        print("namespaces need root")
        sys.exit(77)
    if missing:
        print("not installed: " + ", ".join(missing))
        sys.exit(77)
    probe = f"{PREFIX}-{os.getpid()}-probe"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        print("namespaces cannot be made here")
        sys.exit(77)
    subprocess.run(["ip", "netns", "del", probe], check=True)


def until(what, seconds=20):
    """Waits until what() is true, and returns that."""
    late = time.monotonic() + seconds
    while True:
        found = what()
        if found or time.monotonic() > late:
            return found
        time.sleep(0.05)


class Net:
    """The three namespaces, and whatever was started in them."""

    def __init__(self):
        self.ns = {name: f"{PREFIX}-{os.getpid()}-{name}" for name in ("client", "box", "server")}
        self.started = []
        try:
            self.build()
        except BaseException:
            self.close()
            raise

    def build(self):
        for name in self.ns.values():
            subprocess.run(["ip", "netns", "add", name], check=True)
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        self.join("client", "left", 0)
        self.join("server", "right", 1)

    def join(self, end, port, side):
        """A veth between an end and the box."""
        self.ip("box", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", self.ns[end])
        for address, bits in zip((CLIENT, SERVER)[side], (24, 64)):
            self.ip(end, "address", "add", f"{address}/{bits}", "dev", "eth0", *(["nodad"] if bits == 64 else []))
        self.ip(end, "link", "set", "eth0", "up")
        self.command("box", "sysctl", "-qw", f"net.ipv6.conf.{port}.disable_ipv6=1")
        self.ip("box", "link", "set", port, "up")

    def ip(self, name, *arguments):
        subprocess.run(["ip", "-n", self.ns[name], *arguments], check=True)

    def command(self, name, *arguments, **more):
        return subprocess.run(["ip", "netns", "exec", self.ns[name], *map(str, arguments)], check=True, **more)

    def start(self, name, *arguments, **more):
        """Starts a program in a namespace; it is its own process, not that of `ip`, which becomes it."""
        one = subprocess.Popen(["ip", "netns", "exec", self.ns[name], *map(str, arguments)], **more)
        self.started.append(one)
        return one

    def serve(self, folder):
        """An HTTP server of the folder, for IPv4 and IPv6."""
        self.start("server", sys.executable, os.path.abspath(__file__), folder)
        assert until(lambda: self.reaches("server")), "the server does not start"

    def reaches(self, name):
        return subprocess.run(["ip", "netns", "exec", self.ns[name], sys.executable, "-c",
                               f"import socket; socket.create_connection(('{SERVER[0]}', {PORT}), 1)"],
                              capture_output=True, check=False).returncode == 0

    def get(self, path, out, version=4, seconds=60):
        """curl of a file; returns its status."""
        host = SERVER[0] if version == 4 else f"[{SERVER[1]}]"
        return subprocess.run(["ip", "netns", "exec", self.ns["client"], "curl", "-sf", "-m", str(seconds), "-o", out,
                               f"http://{host}:{PORT}/{path}"], check=False).returncode

    def close(self):
        for one in self.started:
            if one.poll() is None:
                one.send_signal(signal.SIGKILL)
                one.wait()
        for name in self.ns.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


class Box:
    """A `flowos run` between the two interfaces."""

    def __init__(self, net, folder, *options, **environment):
        self.net, self.folder = net, folder
        self.socket, self.json = os.path.join(folder, "ctl.sock"), os.path.join(folder, "box.json")
        self.log = os.path.join(folder, "box.log")
        with open(self.log, "wb") as log, open(os.path.join(folder, "box.out"), "wb") as out:
            self.process = net.start("box", os.path.join(common.BIN, "flowos"), "run", "--control", self.socket, "--json",
                                     self.json, *options, stdout=out, stderr=log, cwd=folder, env={**os.environ, **environment})
        assert until(lambda: "forwarding between" in self.said() or self.process.poll() is not None)
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
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        """SIGTERM; returns its exit status and what it wrote as JSON."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        with open(self.json, encoding="utf-8") as result:
            return status, json.load(result)


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
