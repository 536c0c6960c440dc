"""Network namespaces, traced programs and tcpdump for capture.py.

A Net is a client namespace, a middle namespace and a server namespace joined
by veth pairs.  Programs run in them under strace, so that stracelog.py can
tell afterwards what each of them wrote to and read from its sockets.
Everything a Net starts or makes is taken down again by close().
"""

import os
import re
import signal
import subprocess
import sys
import time

STEP_SECONDS = 60
STRACE = ["strace", "-ff", "-ttt", "-T", "-yy", "-xx", "-s", "10000000", "-e",
          "signal=none", "-e",
          "trace=network,read,write,readv,writev,close,sendfile,splice"]

CLIENT, SERVER = "10.9.1.2", "10.9.2.2"
CLIENT6, SERVER6 = "fd00:9:1::2", "fd00:9:2::2"
FLAT_CLIENT, FLAT_SERVER = "10.9.3.2", "10.9.3.3"


class CaptureError(Exception):
    """Something needed for a trace did not work; the text says what."""


def command(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=STEP_SECONDS)
    if done.returncode != 0:
        raise CaptureError("%s: %s" % (" ".join(argv), done.stderr.strip()))
    return done.stdout


def descendants(pid):
    """The processes below pid, children before their own children."""
    found = []
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as handle:
            children = [int(word) for word in handle.read().split()]
    except OSError:
        return found
    for child in children:
        found.append(child)
        found.extend(descendants(child))
    return found


def send_signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Program:
    """One program in one namespace; traced unless prefix is None."""

    def __init__(self, process, prefix, addresses, name, errors):
        self.process = process
        self.prefix = prefix
        self.addresses = addresses
        self.name = name
        self.errors = errors

    def wait(self, ok=(0,)):
        try:
            code = self.process.wait(STEP_SECONDS)
        except subprocess.TimeoutExpired:
            raise CaptureError("%s did not end in time" % self.name)
        if ok is not None and code not in ok:
            raise CaptureError("%s ended with status %d: %s"
                               % (self.name, code, self.error_text()))

    def error_text(self):
        with open(self.errors, errors="replace") as handle:
            return handle.read().strip()[-400:]

    def stop(self, number=signal.SIGTERM):
        """Ask the program (not strace, which passes no signals on) to end."""
        if self.process.poll() is not None:
            return
        targets = descendants(self.process.pid) or [self.process.pid]
        for pid in targets:
            send_signal(pid, number)
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            for pid in descendants(self.process.pid):
                send_signal(pid, signal.SIGKILL)
            send_signal(self.process.pid, signal.SIGKILL)
            self.process.wait(5)


class Net:
    def __init__(self, work):
        self.work = work
        self.spaces = {}
        self.programs = []
        self.dumps = []

    # -- building ---------------------------------------------------------

    def space(self, role):
        name = "ftrace%d%s" % (os.getpid(), role)
        command("ip", "netns", "add", name)
        self.spaces[role] = name
        self.inside(role, "ip", "link", "set", "lo", "up")

    def inside(self, role, *argv):
        return command("ip", "netns", "exec", self.spaces[role], *argv)

    def sysctl(self, role, name, value):
        path = "/proc/sys/" + name
        self.inside(role, "sh", "-c", "echo %s > %s" % (value, path))

    def cable(self, role_a, dev_a, role_b, dev_b, number, mtu=1500,
              offload=False):
        ends = ((role_a, dev_a, 1), (role_b, dev_b, 2))
        command("ip", "link", "add", dev_a, "netns", self.spaces[role_a],
                "type", "veth", "peer", "name", dev_b,
                "netns", self.spaces[role_b])
        for role, dev, end in ends:
            mac = "02:09:00:00:%02x:%02x" % (number, end)
            self.inside(role, "ip", "link", "set", dev, "address", mac,
                        "mtu", str(mtu), "up")
            if not offload:
                self.inside(role, "ethtool", "-K", dev, "tx", "off",
                            "tso", "off", "gso", "off", "gro", "off")

    def no_ipv6(self):
        for role in self.spaces:
            self.sysctl(role, "net/ipv6/conf/all/disable_ipv6", 1)
            self.sysctl(role, "net/ipv6/conf/default/disable_ipv6", 1)

    def routed(self, ipv6=False, offload=False):
        """client (eth0) - (rc) router (rs) - (eth0) server"""
        for role in "crs":
            self.space(role)
        if not ipv6:
            self.no_ipv6()
        self.cable("c", "eth0", "r", "rc", 1, offload=offload)
        self.cable("s", "eth0", "r", "rs", 2, offload=offload)
        if ipv6:
            self.address("c", "eth0", CLIENT6 + "/64")
            self.address("r", "rc", "fd00:9:1::1/64")
            self.address("r", "rs", "fd00:9:2::1/64")
            self.address("s", "eth0", SERVER6 + "/64")
            self.sysctl("r", "net/ipv6/conf/all/forwarding", 1)
            self.inside("c", "ip", "route", "add", "default", "via",
                        "fd00:9:1::1")
            self.inside("s", "ip", "route", "add", "default", "via",
                        "fd00:9:2::1")
            return
        self.address("c", "eth0", CLIENT + "/24")
        self.address("r", "rc", "10.9.1.1/24")
        self.address("r", "rs", "10.9.2.1/24")
        self.address("s", "eth0", SERVER + "/24")
        self.sysctl("r", "net/ipv4/ip_forward", 1)
        self.inside("c", "ip", "route", "add", "default", "via", "10.9.1.1")
        self.inside("s", "ip", "route", "add", "default", "via", "10.9.2.1")

    def address(self, role, dev, prefix):
        extra = ["nodad"] if ":" in prefix else []
        self.inside(role, "ip", "address", "add", prefix, "dev", dev, *extra)

    def flat(self, tagger, tags):
        """client - (rc) tagger (t0 = t1) tagger (rs) - server, one subnet;
        frames between t0 and t1 carry the VLAN tags"""
        for role in "crs":
            self.space(role)
        self.no_ipv6()
        self.cable("c", "eth0", "r", "rc", 1)
        self.cable("s", "eth0", "r", "rs", 2)
        self.cable("r", "t0", "r", "t1", 3, mtu=1600)
        self.address("c", "eth0", FLAT_CLIENT + "/24")
        self.address("s", "eth0", FLAT_SERVER + "/24")
        self.start("r", [sys.executable, "-I", "-S", tagger, "tagger"] + tags,
                   trace=False)
        self.ready("r", "packet", "t1")

    def delayed(self, delayer, seconds):
        """client - (rc) delayer (rs) - server, one subnet; each frame takes
        so many seconds"""
        for role in "crs":
            self.space(role)
        self.no_ipv6()
        self.cable("c", "eth0", "r", "rc", 1)
        self.cable("s", "eth0", "r", "rs", 2)
        self.address("c", "eth0", FLAT_CLIENT + "/24")
        self.address("s", "eth0", FLAT_SERVER + "/24")
        self.start("r", [sys.executable, "-I", "-S", delayer, "delayer",
                         str(seconds)], trace=False)
        self.ready("r", "packet", "rs")

    # -- programs ---------------------------------------------------------

    def local_addresses(self, role):
        text = self.inside(role, "ip", "-o", "address", "show", "dev", "eth0")
        return re.findall(r"inet6? ([0-9a-f.:]+)/", text)

    def start(self, role, argv, trace=True):
        number = len(self.programs)
        prefix = os.path.join(self.work, "strace-%d" % number)
        errors = os.path.join(self.work, "errors-%d" % number)
        full = ["ip", "netns", "exec", self.spaces[role]]
        if trace:
            full += STRACE + ["-o", prefix, "--"]
        addresses = self.local_addresses(role) if trace else []
        with open(errors, "w") as handle:
            process = subprocess.Popen(full + argv, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL,
                                       stderr=handle, cwd=self.work,
                                       env=plain_environment())
        program = Program(process, prefix if trace else None, addresses,
                          os.path.basename(argv[0]), errors)
        self.programs.append(program)
        return program

    def run(self, role, argv, ok=(0,)):
        self.start(role, argv).wait(ok)

    def ready(self, role, kind, what):
        """Wait until a socket is there: a listening TCP port, a UDP port or
        a packet socket bound to the device named."""
        look = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6"),
                "packet": ("packet",)}[kind]
        files = ["/proc/net/" + name for name in look]
        if kind == "packet":
            index = self.inside(role, "cat", "/sys/class/net/%s/ifindex"
                                % what).strip()
            pattern = r"^\S+ +\d+ +\d+ +0003 +%s " % index
        else:
            state = " 0A " if kind == "tcp" else ""
            pattern = r":%04X [0-9A-F]+:0000%s" % (what, state)
        end = time.monotonic() + 15
        while time.monotonic() < end:
            if self.programs and self.programs[-1].process.poll() is not None:
                break
            if re.search(pattern, self.inside(role, "cat", *files), re.M):
                return
            time.sleep(0.05)
        last = self.programs[-1]
        raise CaptureError("%s is not ready: %s"
                           % (last.name, last.error_text()))

    def stop_programs(self):
        for program in reversed(self.programs):
            program.stop()

    # -- capturing --------------------------------------------------------

    def dump(self, role, dev, path):
        log = os.path.join(self.work, "tcpdump-%d" % len(self.dumps))
        argv = ["ip", "netns", "exec", self.spaces[role], "tcpdump", "-n",
                "-i", dev, "-s", "262144", "-B", "65536", "-U",
                "--immediate-mode", "-Z", "root", "-w", path]
        with open(log, "w") as handle:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                       stderr=handle)
        self.dumps.append((process, log))
        end = time.monotonic() + 10
        while "listening on" not in read_text(log):
            if process.poll() is not None or time.monotonic() > end:
                raise CaptureError("tcpdump: " + read_text(log).strip())
            time.sleep(0.05)
        time.sleep(0.3)

    def stop_dumps(self):
        """End tcpdump after the last frames had time to arrive."""
        time.sleep(0.6)
        for process, log in self.dumps:
            process.send_signal(signal.SIGINT)
            process.wait(10)
            text = read_text(log)
            if not re.search(r"^0 packets dropped by kernel", text, re.M):
                raise CaptureError("tcpdump lost packets: " + text.strip())

    # -- taking down ------------------------------------------------------

    def close(self):
        for process, _ in self.dumps:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.stop_programs()
        for name in self.spaces.values():
            subprocess.run(["ip", "netns", "delete", name],
                           stderr=subprocess.DEVNULL)


def plain_environment():
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
            "HOME": "/nonexistent"}


def read_text(path):
    with open(path, errors="replace") as handle:
        return handle.read()
