# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces joined by veth, what runs in them, and what forwards between them. For live.py and the tests.

Nothing outlives the program that made it: what was started ends with it, even where it is killed; namespaces are taken
down by close(), and those that a killed program left by the next one (sweep()). Programs are ended by their own id.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

HTTP, HTTPS = 80, 443
OFFLOADS = ("tso", "gso", "gro", "tx", "rx", "sg")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def die_with_parent():
    """For preexec_fn: a program that was started ends when the one that started it does."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def until(what, seconds=60):
    """Waits until what() is true, and returns that."""
    late = time.monotonic() + seconds
    while True:
        found = what()
        if found or time.monotonic() > late:
            return found
        time.sleep(0.05)


def cannot_run(prefix, *programs):
    """Why namespaces cannot be made here, or None."""
    missing = [name for name in ("ip", *programs) if not shutil.which(name)]
    if os.geteuid() != 0:
        return "namespaces need root"
    if missing:
        return "not installed: " + ", ".join(missing)
    probe = f"{prefix}-{os.getpid()}-probe"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        return "namespaces cannot be made here"
    subprocess.run(["ip", "netns", "del", probe], check=True)
    return None


def sweep(prefix):
    """Takes down namespaces whose program is gone: PREFIX-PID-NAME."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout.split()
    for name in listed:
        part = name[len(prefix) + 1:].split("-") if name.startswith(prefix + "-") else []
        if len(part) == 2 and part[0].isdigit() and not os.path.exists("/proc/" + part[0]):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


class Lab:
    """Namespaces, and what was started in them."""

    def __init__(self, prefix, names):
        self.ns = {name: f"{prefix}-{os.getpid()}-{name}" for name in names}
        self.started = []
        try:
            for name in self.ns.values():
                subprocess.run(["ip", "netns", "add", name], check=True)
                subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
            self.build()
        except BaseException:
            self.close()
            raise

    def build(self):
        """Cables; for whoever inherits."""

    def ip(self, name, *arguments):
        subprocess.run(["ip", "-n", self.ns[name], *arguments], check=True)

    def command(self, name, *arguments, **more):
        return subprocess.run(["ip", "netns", "exec", self.ns[name], *map(str, arguments)], check=True, **more)

    def start(self, name, *arguments, **more):
        """Starts a program in a namespace; it is its own process, not that of `ip`, which becomes it."""
        one = subprocess.Popen(["ip", "netns", "exec", self.ns[name], *map(str, arguments)], preexec_fn=die_with_parent,
                               **more)
        self.started.append(one)
        return one

    def end(self, one, seconds=30):
        """SIGTERM, and SIGKILL where that is not enough; returns the exit status."""
        if one.poll() is None:
            one.send_signal(signal.SIGTERM)
            try:
                one.wait(seconds)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
        if one in self.started:
            self.started.remove(one)
        return one.returncode

    def cable(self, one, one_device, other, other_device):
        self.ip(one, "link", "add", one_device, "type", "veth", "peer", "name", other_device, "netns", self.ns[other])

    def address(self, name, device, v4, v6):
        self.ip(name, "address", "add", f"{v4}/24", "dev", device)
        self.ip(name, "address", "add", f"{v6}/64", "dev", device, "nodad")
        self.ip(name, "link", "set", device, "up")

    def silent(self, name, device):
        """An interface that has no address and says nothing by itself."""
        self.command(name, "sysctl", "-qw", f"net.ipv6.conf.{device}.disable_ipv6=1")
        self.ip(name, "link", "set", device, "up")

    def offloads(self, on, *ports):
        """Switches all that a veth can off or on again; ports are (namespace, device)."""
        for name, device in ports:
            for word in OFFLOADS:
                subprocess.run(["ip", "netns", "exec", self.ns[name], "ethtool", "-K", device, word, "on" if on else "off"],
                               capture_output=True, check=False)

    def close(self):
        for one in self.started:
            if one.poll() is None:
                one.kill()
            one.wait()
        self.started = []
        for name in self.ns.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


class Chain(Lab):
    """A client, a server, and a box between them; on the server's side another one, where the way is bad.

        client eth0 10.77.0.1 -- left [box] right -- near [way] far -- eth0 10.77.0.2 server
               fd77::1                                                      fd77::2
    """

    CLIENT, SERVER = ("10.77.0.1", "fd77::1"), ("10.77.0.2", "fd77::2")

    def __init__(self, prefix, way=False):
        self.way = way
        super().__init__(prefix, ("client", "box", "way", "server") if way else ("client", "box", "server"))

    def build(self):
        self.cable("client", "eth0", "box", "left")
        if self.way:
            self.cable("box", "right", "way", "near")
            self.cable("way", "far", "server", "eth0")
        else:
            self.cable("box", "right", "server", "eth0")
        for name, device in self.inner():
            self.silent(name, device)
        self.address("client", "eth0", *self.CLIENT)
        self.address("server", "eth0", *self.SERVER)

    def inner(self):
        return [("box", "left"), ("box", "right")] + ([("way", "near"), ("way", "far")] if self.way else [])

    def ports(self):
        return [("client", "eth0"), *self.inner(), ("server", "eth0")]

    def bridge(self, name, one, other):
        """The kernel's own forwarder; returns what takes it away."""
        self.ip(name, "link", "add", "br0", "type", "bridge")
        self.silent(name, "br0")
        for device in (one, other):
            self.ip(name, "link", "set", device, "master", "br0")
        return lambda: self.ip(name, "link", "del", "br0")

    def drops(self, rule):
        """nftables drops in the way's bridge."""
        self.command("way", "nft", "add table bridge bad; add chain bridge bad way { type filter hook forward priority 0; }; "
                     f"add rule bridge bad way {rule} counter drop")

    def dropped(self):
        """How many packets that was."""
        said = self.command("way", "nft", "list", "table", "bridge", "bad", capture_output=True, text=True).stdout
        return int(said.split("counter packets ")[1].split()[0])

    def listens(self, port, name="server"):
        probe = f"import socket; socket.create_connection(('localhost', {port}), 1)"
        return subprocess.run(["ip", "netns", "exec", self.ns[name], sys.executable, "-c", probe], capture_output=True,
                              check=False).returncode == 0

    def web(self, folder, site):
        """nginx with the files of `site`, plain and TLS, IPv4 and IPv6. `folder` is for what it needs."""
        certify(folder)
        with open(os.path.join(folder, "nginx.conf"), "w", encoding="ascii") as conf:
            conf.write(NGINX % {"site": site, "http": HTTP, "https": HTTPS})
        with open(os.path.join(folder, "nginx.log"), "wb") as log:
            one = self.start("server", "nginx", "-p", folder, "-c", "nginx.conf", "-e", "stderr", stderr=log)
        assert until(lambda: self.listens(HTTP)), "nginx does not start"
        return one


def reaches(chain):
    """Do the ends see each other, by both ways of addressing?"""
    return all(subprocess.run(["ip", "netns", "exec", chain.ns["client"], sys.executable, "-c", PROBE, address],
                              capture_output=True, check=False).returncode == 0 for address in chain.SERVER)


def echo(chain):
    """Lets the server answer single packets."""
    one = chain.start("server", sys.executable, "-c", ECHO, stdout=subprocess.PIPE)
    one.stdout.readline()
    one.stdout.close()


def round_trips(chain, count):
    """Microseconds that single packets take there and back, sorted; lost ones are left out."""
    done = chain.command("client", sys.executable, "-c", PING, chain.SERVER[0], count, capture_output=True, text=True)
    return sorted(map(float, done.stdout.split()))


# UDP to a port where nobody listens: ICMP comes back and says so.
PROBE = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
s.connect((sys.argv[1], 9))
try:
    s.send(b"x")
    s.recv(1)
except ConnectionRefusedError:
    sys.exit(0)
sys.exit(1)
"""

PING = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect((sys.argv[1], 7777))
for number in range(int(sys.argv[2])):
    said = b"%064d" % number
    begin = time.perf_counter_ns()
    s.send(said)
    try:
        while s.recv(100) != said:
            pass
    except TimeoutError:
        continue
    print((time.perf_counter_ns() - begin) / 1000)
    time.sleep(0.002)
"""
ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 7777))
print("ready", flush=True)
while True:
    s.sendto(*s.recvfrom(100))
"""

NGINX = """
daemon off; master_process off; pid nginx.pid;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
  access_log off; server_tokens off; default_type application/octet-stream;
  keepalive_timeout 60; keepalive_requests 1000000;
  client_body_temp_path tmp1; proxy_temp_path tmp2; fastcgi_temp_path tmp3; uwsgi_temp_path tmp4; scgi_temp_path tmp5;
  ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3;
  server {
    listen %(http)d backlog=4096; listen [::]:%(http)d backlog=4096;
    listen %(https)d ssl backlog=4096; listen [::]:%(https)d ssl backlog=4096;
    root %(site)s;
  }
}
"""


def certify(folder):
    if not os.path.exists(os.path.join(folder, "key.pem")):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", os.path.join(folder, "key.pem"),
                        "-out", os.path.join(folder, "cert.pem"), "-days", "2", "-subj", "/CN=server"], check=True,
                       capture_output=True)


def cpu_seconds(pid):
    """Processor time that a process has had: of its threads in nanoseconds, where the kernel says so, else in its ticks."""
    try:
        spent = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as stat:
                spent += int(stat.read().split()[0])
        return spent / 1e9
    except FileNotFoundError:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_seconds():
    """Processor time of the whole machine that was not idle."""
    with open("/proc/stat", encoding="ascii") as stat:
        fields = list(map(int, stat.readline().split()[1:]))
    return (sum(fields[:8]) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def host(address):
    return f"[{address}]" if ":" in address else address


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET
