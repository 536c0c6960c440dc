# SPDX-License-Identifier: BSD-2-Clause
"""client (eth0) - west box east - (eth0) server: three network namespaces in a line, one subnet.

Nothing in the box forwards until a program there does. Everything is taken down by close(). As a program, this file
is what runs in the namespaces: a server that takes streams and says the digest of each, a client that sends streams
and holds those digests against its own.
"""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

SERVER, SERVER6, TUNNEL = "10.77.0.2", "fd77::2", "10.88.0.2"
SECONDS = 200


def cannot_run():
    """Why namespaces cannot be made here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for name in ("ip", "ethtool"):
        if not shutil.which(name):
            return "%s is needed" % name
    made = subprocess.run(["unshare", "-n", "true"], capture_output=True)
    return None if made.returncode == 0 else "no network namespace can be made here"


def command(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(argv), done.stderr.strip()))
    return done.stdout


class Line:
    def __init__(self, offloads=True, mtu=1500):
        self.spaces = {role: "fosline%d%s" % (os.getpid(), role) for role in ("client", "box", "server")}
        self.programs = []
        made = []
        try:
            for role, name in self.spaces.items():
                command("ip", "netns", "add", name)
                made.append(name)
                self.run(role, "sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; ip link set lo up")
            self.run("box", "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
            self.cable("client", "west", 1, mtu)
            self.cable("server", "east", 2, mtu)
            if not offloads:
                for role, dev in (("client", "eth0"), ("server", "eth0"), ("box", "west"), ("box", "east")):
                    self.run(role, "ethtool", "-K", dev, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        except BaseException:
            for name in made:
                subprocess.run(["ip", "netns", "del", name])
            raise

    def cable(self, role, dev, number, mtu):
        command("ip", "link", "add", "eth0", "netns", self.spaces[role], "type", "veth", "peer", "name", dev, "netns",
                self.spaces["box"])
        self.run(role, "ip", "address", "add", "10.77.0.%d/24" % number, "dev", "eth0")
        self.run(role, "ip", "address", "add", "fd77::%d/64" % number, "dev", "eth0", "nodad")
        self.run(role, "ip", "link", "set", "eth0", "mtu", str(mtu), "up")
        self.run("box", "ip", "link", "set", "dev", dev, "mtu", str(mtu), "up")

    def vxlan(self):
        for role, mine, other in (("client", 1, 2), ("server", 2, 1)):
            self.run(role, "ip", "link", "add", "vx0", "type", "vxlan", "id", "7", "remote", "10.77.0.%d" % other,
                     "dstport", "4789", "dev", "eth0")
            self.run(role, "ip", "address", "add", "10.88.0.%d/24" % mine, "dev", "vx0")
            self.run(role, "ip", "link", "set", "vx0", "up")

    def run(self, role, *argv):
        return command("ip", "netns", "exec", self.spaces[role], *argv)

    def start(self, role, *argv):
        """A program that runs beside; its output is a pipe."""
        program = subprocess.Popen(["ip", "netns", "exec", self.spaces[role]] + list(argv), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, text=True)
        self.programs.append(program)
        return program

    def transfer(self, host, streams, megabytes, delay=0.0):
        """Streams both ways at once; returns how many came whole, of 2 * streams, and the seconds."""
        me = [sys.executable, "-I", "-S", os.path.abspath(__file__)]
        server = self.start("server", *me, "serve", str(streams), str(megabytes), str(delay))
        if server.stdout.readline() != "ready\n":
            raise RuntimeError("the server did not start")
        begin = time.monotonic()
        client = self.start("client", *me, "ask", host, str(streams), str(megabytes))
        whole = 0
        for program in (client, server):
            try:
                out, _ = program.communicate(timeout=SECONDS)
                whole += out.count("same\n")
            except subprocess.TimeoutExpired:
                program.kill()
                program.communicate()
        return whole, time.monotonic() - begin

    def stop(self, program):
        """Ends a program that runs until SIGTERM; returns its status and what it said."""
        program.send_signal(signal.SIGTERM)
        out, _ = program.communicate(timeout=SECONDS)
        return program.returncode, out

    def close(self):
        for program in self.programs:
            if program.poll() is None:
                program.kill()
            program.wait()
            program.stdout.close()
        for name in self.spaces.values():
            subprocess.run(["ip", "netns", "del", name])


# ---- what runs in the namespaces ----

def talk(connection, megabytes, salt, delay):
    """Sends a stream that is different at every byte, while it receives one; each says the digest of what it got."""
    mine, theirs, wanted = hashlib.sha256(), hashlib.sha256(), []

    def send():
        block = os.urandom(1 << 16)
        for i in range(megabytes * 16):
            piece = i.to_bytes(4, "big") + salt.to_bytes(4, "big") + block[8:]
            connection.sendall(piece)
            mine.update(piece)

    sender = threading.Thread(target=send)
    sender.start()
    time.sleep(delay)
    left = megabytes << 20
    while left:
        data = connection.recv(min(left, 1 << 18))
        if not data:
            break
        theirs.update(data)
        left -= len(data)
    sender.join()
    connection.sendall(theirs.digest())
    while sum(map(len, wanted)) < 32:
        data = connection.recv(32)
        if not data:
            break
        wanted.append(data)
    connection.close()
    return b"".join(wanted) == mine.digest()


def main():
    results = []
    if sys.argv[1] == "serve":
        streams, megabytes, delay = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
        listener = socket.create_server(("::", 9000), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
        print("ready", flush=True)
        connections = (listener.accept()[0] for _ in range(streams))
    else:
        streams, megabytes, delay = int(sys.argv[3]), int(sys.argv[4]), 0.0
        connections = (socket.create_connection((sys.argv[2], 9000), SECONDS) for _ in range(streams))
    threads = []
    for i, connection in enumerate(connections):
        connection.settimeout(SECONDS)
        threads.append(threading.Thread(
            target=lambda c=connection, n=i: results.append(talk(c, megabytes, n, delay))))
        threads[-1].start()
    for thread in threads:
        thread.join()
    for same in results:
        print("same" if same else "other", flush=True)


if __name__ == "__main__":
    main()
