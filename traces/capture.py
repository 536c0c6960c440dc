#!/usr/bin/env python3
"""Make the golden traces: run real programs in network namespaces and
capture what they say to each other.

For each trace NAME two files are written: NAME.pcap, by tcpdump, and
NAME.pcap.sent, which tells what the programs themselves wrote to their
sockets (from strace, never from the capture).  At the end MANIFEST.tsv is
written anew over all traces in the folder.  See README.md.

Exit status: 0 done, 1 a scenario failed, 2 wrong usage or missing tools.
"""

import argparse
import hashlib
import os
import shutil
import signal
import struct
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import stracelog
import testnet
from testnet import FLAT_CLIENT, FLAT_SERVER, SERVER, SERVER6

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, "peers.py")
PROGRAMS = ["ip", "ethtool", "nft", "tcpdump", "strace", "nginx", "curl",
            "openssl", "ssh", "sshd", "ssh-keygen", "dnsmasq", "dig"]
SCENARIO_SECONDS = 150


class OutOfTime(Exception):
    pass


# -- small helpers ------------------------------------------------------------

def payload(seed, size):
    return hashlib.shake_256(seed.encode()).digest(size)


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as handle:
        handle.write(data if isinstance(data, bytes) else data.encode())


def peer(*words):
    return [sys.executable, "-I", "-S", PEERS] + [str(word) for word in words]


def curl(*words):
    return ["curl", "-q", "-s", "-S", "-f", "-k", "--max-time", "40",
            *words]


def site(net, sizes):
    """The files nginx serves: {name: size}."""
    for name, size in sizes.items():
        write(os.path.join(net.work, "www", name), payload(name, size))


NGINX = """
daemon off; master_process off; pid nginx.pid;
error_log stderr error;
events { worker_connections 512; }
http {
  access_log off; sendfile off; tcp_nopush off; server_tokens off;
  default_type application/octet-stream;
  keepalive_timeout 20; keepalive_requests 1000;
  client_body_temp_path tmp1; proxy_temp_path tmp2; fastcgi_temp_path tmp3;
  uwsgi_temp_path tmp4; scgi_temp_path tmp5;
  %s
  server {
    listen %s;
    root www;
    location /up { client_max_body_size 4m; return 204; }
  }
}
"""
NGINX_TLS = ("ssl_certificate cert.pem; ssl_certificate_key key.pem; "
             "ssl_protocols TLSv1.2 TLSv1.3;")


def nginx(net, where=SERVER + ":80", tls=False):
    port = int(where.rsplit(":", 1)[1])
    text = NGINX % (NGINX_TLS if tls else "",
                    where + (" ssl" if tls else ""))
    write(os.path.join(net.work, "nginx.conf"), text)
    net.start("s", ["nginx", "-p", net.work + "/", "-c", "nginx.conf",
                    "-e", "stderr"])
    net.ready("s", "tcp", port)


def to_null(count):
    return ["-o", "/dev/null"] * count


def fetch(net, base, names, *words):
    """One curl, so one kept connection, for all the names."""
    net.run("c", curl(*words, *to_null(len(names)),
                      *[base + name for name in names]))


def python_server(net, *words):
    net.start("s", peer(*words))
    net.ready("s", "tcp", int(words[2]))


# -- scenarios: each gets a Net and a function `dump(dev, name=None)` ---------

def http_keepalive(net, dump):
    net.routed()
    sizes = (120, 900, 1448, 4000, 9000, 20000, 7, 2896, 12288)
    site(net, {"file-%d" % n: size for n, size in enumerate(sizes)})
    nginx(net)
    dump("rc")
    base = "http://%s/" % SERVER
    names = ["file-%d" % n for n in range(len(sizes))]
    fetch(net, base, names)
    fetch(net, base, names[::-1][:5])
    running = [net.start("c", curl(*to_null(4), *[base + name for name in
                                                  names[n:n + 4]]))
               for n in range(3)]
    for program in running:
        program.wait()


def http_pipelining(net, dump):
    net.routed()
    sizes = {"pipe-%d" % n: 50 + 433 * n for n in range(14)}
    site(net, sizes)
    nginx(net)
    dump("rc")
    net.run("c", peer("pipeline", SERVER, 80, 3,
                      ",".join("/" + name for name in sizes)))


def tls(net, dump):
    net.routed()
    sizes = (300, 5000, 20000, 44000)
    site(net, {"tls-%d" % n: size for n, size in enumerate(sizes)})
    testnet.command("openssl", "req", "-x509", "-newkey", "rsa:2048",
                    "-nodes", "-days", "3650", "-subj", "/CN=server",
                    "-keyout", net.work + "/key.pem",
                    "-out", net.work + "/cert.pem")
    nginx(net, SERVER + ":443", tls=True)
    dump("rc")
    base = "https://%s/" % SERVER
    names = ["tls-%d" % n for n in range(len(sizes))]
    # never "Connection: close": curl's closing alert would meet a socket that
    # nginx has closed, and nobody would read it
    fetch(net, base, names[:3], "--tls-max", "1.2")
    fetch(net, base, names, "--tlsv1.3")
    fetch(net, base, names[:1], "--tlsv1.3")


def bulk_sack_loss(net, dump):
    net.routed()
    site(net, {"bulk": 450000})
    nginx(net)
    net.inside("r", "nft", "add table ip loss; "
               "add chain ip loss f { type filter hook forward priority 0; };"
               "add rule ip loss f ip saddr %s numgen inc mod 40 == 20 drop;"
               "add rule ip loss f ip saddr %s numgen random mod 100 < 2 drop"
               % (SERVER, SERVER))
    dump("rs")
    dump("rc", "bulk-sack-loss-behind")
    fetch(net, "http://%s/" % SERVER, ["bulk"])


def many_short(net, dump):
    net.routed()
    site(net, {"short-%d" % n: 20 + n for n in range(1, 221)})
    nginx(net)
    dump("rc")
    net.run("c", curl("-Z", "--parallel-max", "12", "-H", "Connection: close",
                      "-o", "/dev/null",
                      "http://%s/short-[1-220]" % SERVER))


def ipv6(net, dump):
    net.routed(ipv6=True)
    sizes = (100, 3000, 17000, 40000)
    site(net, {"six-%d" % n: size for n, size in enumerate(sizes)})
    nginx(net, "[%s]:80" % SERVER6)
    dump("rc")
    base = "http://[%s]/" % SERVER6
    names = ["six-%d" % n for n in range(len(sizes))]
    fetch(net, base, names, "-g")
    fetch(net, base, names[:2], "-g", "-H", "Connection: close")


def tagged(net, dump, tags):
    net.flat(PEERS, tags)
    sizes = (100, 5000, 30000)
    site(net, {"vlan-%d" % n: size for n, size in enumerate(sizes)})
    nginx(net, FLAT_SERVER + ":80")
    dump("t1")
    base = "http://%s/" % FLAT_SERVER
    names = ["vlan-%d" % n for n in range(len(sizes))]
    fetch(net, base, names)
    fetch(net, base, names[:2])


def vlan(net, dump):
    tagged(net, dump, ["8100:0065"])


def qinq(net, dump):
    tagged(net, dump, ["88a8:00c8", "8100:2065"])


def fragments(net, dump):
    net.routed()
    for role in "cs":
        net.sysctl(role, "net/ipv4/ip_no_pmtu_disc", 1)
    net.inside("r", "ip", "route", "replace", "10.9.1.0/24", "dev", "rc",
               "mtu", "lock", "900")
    site(net, {"frag": 35000})
    nginx(net)
    net.start("s", peer("udp-server", SERVER, 7000))
    net.ready("s", "udp", 7000)
    dump("rc")
    net.run("c", peer("udp-client", SERVER, 7000,
                      "40,860,873,1000,1472,1473,2000,3001,5000,12000"))
    fetch(net, "http://%s/" % SERVER, ["frag"])


def fragments6(net, dump):
    net.routed(ipv6=True)
    net.start("s", peer("udp-server", SERVER6, 7000))
    net.ready("s", "udp", 7000)
    dump("rc")
    net.run("c", peer("udp-client", SERVER6, 7000,
                      "40,1000,1452,1453,2000,3001,5000,8000,14000"))


def half_closed(net, dump):
    net.routed()
    python_server(net, "half-server", SERVER, 7001)
    dump("rc")
    net.run("c", peer("half-client", SERVER, 7001))


def reset(net, dump):
    net.routed()
    python_server(net, "reset-server", SERVER, 7002)
    dump("rc")
    net.run("c", peer("reset-client", SERVER, 7002, 7999))


def port_reuse(net, dump):
    net.routed()
    site(net, {"reuse-%d" % n: 700 + 1900 * n for n in range(6)})
    nginx(net)
    dump("rc")
    net.run("c", peer("reuse", SERVER, 80, 40000))


SSHD = """
Port 22
ListenAddress %s
HostKey %s/hostkey
AuthorizedKeysFile %s/userkey.pub
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
PrintMotd no
UseDNS no
"""


def ssh(net, dump):
    net.routed()
    for name in ("hostkey", "userkey"):
        testnet.command("ssh-keygen", "-q", "-t", "ed25519", "-N", "",
                        "-C", "", "-f", net.work + "/" + name)
    write(net.work + "/sshd.conf", SSHD % (SERVER, net.work, net.work))
    write(net.work + "/file", payload("ssh", 30000))
    # sshd wants /run/sshd; the mount is seen in its namespace only
    net.start("s", ["sh", "-c", "mount -t tmpfs none /run && "
                    "mkdir -m 755 /run/sshd && exec %s -D -e -f %s/sshd.conf"
                    % (shutil.which("sshd"), net.work)])
    net.ready("s", "tcp", 22)
    dump("rc")
    for line in ("cat %s/file" % net.work, "echo hello; sleep 0.2; echo end"):
        net.run("c", ["ssh", "-F", "/dev/null", "-T", "-l", "root",
                      "-i", net.work + "/userkey", "-o", "BatchMode=yes",
                      "-o", "IdentitiesOnly=yes",
                      "-o", "StrictHostKeyChecking=no",
                      "-o", "UserKnownHostsFile=/dev/null", SERVER, line])


def dns_udp(net, dump):
    net.routed()
    hosts = ["host-record=name%d.example,192.0.2.%d" % (n, n)
             for n in range(1, 91)]
    texts = ["txt-record=name%d.example,%s" % (n, payload("dns%d" % n, 9 + n)
                                               .hex()) for n in range(1, 91)]
    conf = ["bind-interfaces", "listen-address=" + SERVER, "port=53",
            "except-interface=lo", "no-resolv", "no-hosts", "no-poll",
            "local=/example/", "user=root", "group=root", "pid-file=",
            "log-facility=" + net.work + "/dnsmasq.log"]
    write(net.work + "/dnsmasq.conf", "\n".join(conf + hosts + texts) + "\n")
    net.start("s", ["dnsmasq", "-k", "-C", net.work + "/dnsmasq.conf"])
    net.ready("s", "udp", 53)
    dump("rc")
    for turn in range(3):
        lines = ["name%d.example %s" % (n, ("A", "TXT", "AAAA")[n % 3])
                 for n in range(1 + 30 * turn, 31 + 30 * turn)]
        write(net.work + "/batch%d" % turn, "\n".join(lines) + "\n")
    running = [net.start("c", ["dig", "-r", "+tries=1", "@" + SERVER, "-f",
                               net.work + "/batch%d" % turn])
               for turn in range(3)]
    for program in running:
        program.wait()


def zero_window(net, dump):
    net.routed()
    python_server(net, "slow-server", SERVER, 7003)
    dump("rc")
    net.run("c", peer("slow-client", SERVER, 7003))


def urgent(net, dump):
    net.routed()
    python_server(net, "inline-server", SERVER, 7004)
    dump("rc")
    net.run("c", peer("urgent-client", SERVER, 7004))


def fast_open(net, dump):
    net.routed()
    for role in "cs":
        net.sysctl(role, "net/ipv4/tcp_fastopen", 3)
    # the SYN of the fourth connection is lost: it comes again without data
    net.inside("r", "nft", "add table ip loss; "
               "add chain ip loss f { type filter hook forward priority 0; };"
               "add rule ip loss f tcp sport 41003 tcp flags syn "
               "ip length > 200 drop")
    python_server(net, "inline-server", SERVER, 7004)
    dump("rc")
    net.run("c", peer("fast-client", SERVER, 7004, 41000))


def simultaneous_open(net, dump):
    net.delayed(PEERS, 0.03)
    dump("rc")
    at = time.time() + 3
    one = net.start("c", peer("meet", FLAT_SERVER, 7100, 7200, at, 3000))
    two = net.start("s", peer("meet", FLAT_CLIENT, 7200, 7100, at, 5000))
    for program in (one, two):
        program.wait()


def offload_on(net, dump):
    net.routed(offload=True)
    site(net, {"big": 250000})
    write(net.work + "/upload", payload("upload", 50000))
    nginx(net)
    dump("rc")
    base = "http://%s/" % SERVER
    fetch(net, base, ["big"])
    fetch(net, base, ["up"], "-H", "Expect:", "--data-binary",
          "@" + net.work + "/upload")


def mixed(net, dump):
    net.routed()
    site(net, {"mixed-%d" % n: int(60 * 1.27 ** n) for n in range(30)})
    nginx(net)
    dump("rc")
    base = "http://%s/mixed-" % SERVER
    running = [net.start("c", peer("mixed", SERVER, 80, 76))]
    for numbers in ("[1-14]", "[3-24:3]"):
        running.append(net.start("c", curl("-Z", "--parallel-max", "4", "-H",
                                           "Connection: close", "-o",
                                           "/dev/null", base + numbers)))
        time.sleep(0.8)
    running.append(net.start("c", curl("--limit-rate", "60k", *to_null(2),
                                       base + "29", base + "20")))
    for program in running:
        program.wait()


# name: (function, what the traces hold)
SCENARIOS = {
    "http-keepalive": (http_keepalive, {"http-keepalive":
        "HTTP/1.1, several files on one kept connection, five connections"}),
    "http-pipelining": (http_pipelining, {"http-pipelining":
        "HTTP/1.1 pipelined requests, three connections"}),
    "tls": (tls, {"tls": "HTTPS, TLS 1.2 and 1.3"}),
    "bulk-sack-loss": (bulk_sack_loss, {
        "bulk-sack-loss": "bulk transfer, captured before about 4 % loss: "
                          "SACK blocks and retransmissions",
        "bulk-sack-loss-behind": "the same transfer captured behind the "
                                 "loss: holes that are filled late"}),
    "many-short": (many_short, {"many-short":
        "220 short HTTP connections, up to 12 at once"}),
    "ipv6": (ipv6, {"ipv6": "HTTP over IPv6"}),
    "vlan": (vlan, {"vlan": "HTTP in frames with one 802.1Q tag (VLAN 101)"}),
    "qinq": (qinq, {"qinq":
        "HTTP in frames with 802.1ad tag 200 around 802.1Q tag 101"}),
    "fragments": (fragments, {"fragments":
        "IPv4 fragments: UDP both ways, TCP from the server"}),
    "fragments6": (fragments6, {"fragments6":
        "IPv6 fragments of UDP datagrams both ways"}),
    "half-closed": (half_closed, {"half-closed":
        "one side shuts down its sending half, the other goes on"}),
    "reset": (reset, {"reset":
        "RST after a full exchange, in the midst of one, and on refusal"}),
    "port-reuse": (port_reuse, {"port-reuse":
        "one four-tuple used six times, ended by RST or FIN"}),
    "ssh": (ssh, {"ssh": "two ssh sessions running a command"}),
    "dns-udp": (dns_udp, {"dns-udp": "90 DNS queries over UDP"}),
    "zero-window": (zero_window, {"zero-window":
        "slow reader with zero windows and probes, keep-alives beside it"}),
    "urgent": (urgent, {"urgent":
        "urgent data: a byte, the last of many, several, one at the end"}),
    "fast-open": (fast_open, {"fast-open":
        "TCP fast open: a cookie, data on SYNs, one of them lost"}),
    "simultaneous-open": (simultaneous_open, {"simultaneous-open":
        "SYNs that cross, three times"}),
    "offload-on": (offload_on, {"offload-on":
        "bulk both ways with offloads on: super-packets, partial checksums"}),
    "mixed": (mixed, {"mixed":
        "about 100 overlapping HTTP sessions of different sizes"}),
}
MAY_BE_PARTIAL = {"reset"}


# -- running one scenario -----------------------------------------------------

def out_of_time(number, frame):
    raise OutOfTime("no end after %d seconds" % SCENARIO_SECONDS)


def stopped(number, frame):
    raise KeyboardInterrupt


def record(name, out, keep):
    """Run one scenario; write its traces and .sent files to out."""
    function, texts = SCENARIOS[name]
    work = tempfile.mkdtemp(prefix="flowos-traces-")
    net = testnet.Net(work)
    captures = []

    def dump(dev, trace=name):
        captures.append(trace)
        net.dump("r", dev, os.path.join(work, trace + ".pcap"))

    signal.alarm(SCENARIO_SECONDS)
    try:
        function(net, dump)
        time.sleep(0.3)
        net.stop_programs()
        net.stop_dumps()
        lines = truth(net, name in MAY_BE_PARTIAL)
        for trace in captures:
            shutil.copy(os.path.join(work, trace + ".pcap"),
                        os.path.join(out, trace + ".pcap"))
            write(os.path.join(out, trace + ".pcap.sent"),
                  "".join(line + "\n" for line in lines))
        if sorted(captures) != sorted(texts):
            raise testnet.CaptureError("captures and texts differ")
        return lines
    finally:
        signal.alarm(0)
        net.close()
        if keep:
            print("kept " + work, file=sys.stderr)
        else:
            shutil.rmtree(work, ignore_errors=True)


def truth(net, may_be_partial):
    reader = stracelog.Reader()
    for number, program in enumerate(net.programs):
        if program.prefix:
            reader.add(number, program.prefix, program.addresses)
    reader.finish()
    return reader.lines(may_be_partial)


# -- the manifest -------------------------------------------------------------

def packets_in(data):
    """Count the records of a pcap file with Ethernet frames."""
    magic = data[:4]
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(magic)
    if order is None or struct.unpack(order + "I", data[20:24])[0] != 1:
        raise testnet.CaptureError("not a pcap file with Ethernet frames")
    count, at = 0, 24
    while at < len(data):
        at += 16 + struct.unpack(order + "I", data[at + 8:at + 12])[0]
        count += 1
    return count


def write_manifest(out):
    rows = ["name\tsha256\tpackets\tholds"]
    for _, texts in SCENARIOS.values():
        for trace, text in texts.items():
            path = os.path.join(out, trace + ".pcap")
            if not os.path.exists(path):
                continue
            with open(path, "rb") as handle:
                data = handle.read()
            rows.append("%s\t%s\t%d\t%s" % (
                trace, hashlib.sha256(data).hexdigest(), packets_in(data),
                text))
    write(os.path.join(out, "MANIFEST.tsv"), "\n".join(rows) + "\n")


# -- command line -------------------------------------------------------------

def arguments():
    parser = argparse.ArgumentParser(
        description="Make the golden traces (needs root).")
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="scenarios to run, see --list")
    parser.add_argument("--list", action="store_true",
                        help="list the scenarios and what they hold")
    parser.add_argument("--all", action="store_true",
                        help="run every scenario")
    parser.add_argument("-o", metavar="DIR", default=HERE,
                        help="where to write (default: beside this script)")
    parser.add_argument("--keep", action="store_true",
                        help="keep the working folders with the strace logs")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in SCENARIOS]
    if unknown:
        parser.error("no scenario named " + ", ".join(unknown))
    if not (chosen.list or chosen.all or chosen.names):
        parser.error("name a scenario, or --all, or --list")
    return chosen


def missing_tools():
    if os.geteuid() != 0:
        return "must run as root (it makes network namespaces)"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return "programs missing: %s (see PACKAGES)" % ", ".join(absent)
    return None


def list_scenarios():
    for _, texts in SCENARIOS.values():
        for trace, text in texts.items():
            print("%-22s %s" % (trace, text))


def main():
    chosen = arguments()
    if chosen.list:
        list_scenarios()
        return 0
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    problem = missing_tools()
    if problem:
        print("capture.py: " + problem, file=sys.stderr)
        return 2
    out = os.path.abspath(chosen.o)
    os.makedirs(out, exist_ok=True)
    signal.signal(signal.SIGALRM, out_of_time)
    signal.signal(signal.SIGTERM, stopped)
    failed = 0
    for name in SCENARIOS if chosen.all else chosen.names:
        try:
            lines = record(name, out, chosen.keep)
            print("%-18s %d streams" % (name, len(lines)), flush=True)
        except (testnet.CaptureError, stracelog.LogError, OutOfTime,
                OSError) as problem:
            failed = 1
            print("%-18s FAILED: %s" % (name, problem), file=sys.stderr)
        except KeyboardInterrupt:
            print("capture.py: stopped", file=sys.stderr)
            return 1
    write_manifest(out)
    return failed


if __name__ == "__main__":
    sys.exit(main())
