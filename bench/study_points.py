# SPDX-License-Identifier: BSD-2-Clause
"""The points of the study: which there are, and the one command of flowos-bench that measures each. Nothing is run here."""
MIXED = "traces/mixed.pcap"  # recorded sessions: packets of every size. Commands run at the top of the tree
WEB = "traces/http-keepalive.pcap"

# How large each form is. packets: of data, of one point; a point of more sessions has two of each.
FULL = {"packets": 400000, "repeat": 10, "sessions": [1, 10, 100, 1000, 10000, 100000, 1000000],
        "payloads": [64, 256, 536, 1448], "shares": [0.5, 1, 2, 5, 10, 20], "depths": [1, 3, 10, 32, 100, 1000],
        "losses": [0.1, 1, 5], "doubled": [1, 5, 10], "workers": [1, 2], "worker_sessions": [100, 10000, 1000000],
        "peer_sessions": [1, 10, 100, 1000, 10000, 100000, 1000000]}
QUICK = {"packets": 200000, "repeat": 5, "sessions": [1, 100, 10000, 100000, 1000000], "payloads": [64, 1448],
         "shares": [1, 5, 20], "depths": [1, 32, 1000], "losses": [1], "doubled": [5], "workers": [1, 2],
         "worker_sessions": [10000], "peer_sessions": [1, 100, 10000, 100000]}
MODULES = {"none": [], "count": ["--stage", "count"], "digest": ["--stage", "digest"],
           "grep": ["--stage", "grep:pattern=password"], "http": ["--stage", "http"]}


class Point:
    """name: also of its result file; group: which figure; axes: where it stands there; options: of flowos-bench."""

    def __init__(self, name, group, axes, options, packets, passes):
        self.name, self.group, self.axes, self.options = name, group, axes, options
        self.cost = packets * (passes + 4)  # made, checked and looked at closely, too

    def command(self, program, seed, result):
        return [program, *self.options, "--seed", str(seed), "--json", result]


def segments(form, sessions):
    return max(2, form["packets"] // sessions)


def gen(form, sessions, payload):
    """--gen, and about how many packets that is: data, an ACK to two, and what opens and closes."""
    n = segments(form, sessions)
    return ["--gen", f"sessions={sessions},bytes={n * payload},mss={payload}"], sessions * (n * 3 // 2 + 7)


def text(number):
    return f"{number:g}"


def long_directions(form):
    """Sessions whose directions have 5,000 packets of data: what reordering by 1,000 needs."""
    return max(1, form["packets"] // 5000)


def by_sessions(form, add):
    for sessions in form["sessions"]:
        for payload in form["payloads"]:
            if sessions == 1000000 and payload != 64 and form is QUICK:
                continue
            if sessions == 1000000 and payload > 536:
                continue  # as many bytes as a machine has memory
            options, packets = gen(form, sessions, payload)
            add(f"sessions-{sessions}-{payload}", "sessions", {"sessions": sessions, "payload": text(payload)},
                [*options, "--stage", "count"], packets)
    # Recorded sessions, multiplied: one command, whose runs have the same number of packets each.
    counts = [n for n in form["sessions"] if 100 <= n <= 100000]
    add("sessions-mixed", "sessions", {"sessions": None, "payload": "mixed"},
        ["--trace", MIXED, "--sessions", ",".join(map(str, counts)), "--stage", "count"], 22 * counts[-1] * len(counts))


def by_order(form, add):
    """In order and out of it are runs of one command, so that they take turns."""
    sessions = long_directions(form)
    for payload in (64, 1448):
        options, packets = gen(form, sessions, payload)
        for depth in form["depths"]:
            if payload == 64 and depth not in (32, 1000):
                continue
            values = ["0%", *(f"{text(share)}%,depth={depth}" for share in form["shares"])]
            add(f"reorder-{payload}-{depth}", "reorder", {"payload": text(payload), "depth": depth},
                [*options, "--stage", "sum", "--peers", "--sweep", "reorder=" + ",".join(values)], packets * len(values) * 3)
        for kind, shares in (("loss", form["losses"]), ("dup", form["doubled"])):
            values = ["0%", *(f"{text(share)}%" for share in shares)]
            add(f"{kind}-{payload}", "damage", {"payload": text(payload), "kind": kind},
                [*options, "--stage", "count", "--sweep", f"{kind}=" + ",".join(values)], packets * len(values))


def axes_of(point, run):
    """Where a run stands: what its command swept, and the sessions that it says, come from itself."""
    axes = {k: run["sessions"] if v is None else v for k, v in point.axes.items()}
    for kind in ("reorder", "loss", "dup"):
        if kind in run["axes"]:
            axes["share"] = float(run["axes"][kind].split("%")[0])
    return axes


def by_module(form, add):
    for name, stage in MODULES.items():
        for payload in (64, 1448):
            options, packets = gen(form, 1000, payload)
            if name != "http":  # what is made up is no HTTP
                add(f"module-{name}-{payload}", "modules", {"module": name, "payload": text(payload)}, options + stage,
                    packets)
        sessions = form["packets"] // 200
        add(f"module-{name}-web", "modules", {"module": name, "payload": "web"},
            ["--trace", WEB, "--sessions", str(sessions), *stage], sessions * 60)


def by_worker(form, add):
    for sessions in form["worker_sessions"]:
        for payload in (64, 1448) if sessions < 1000000 else (64,):
            options, packets = gen(form, sessions, payload)
            for workers in form["workers"]:
                add(f"workers-{sessions}-{payload}-{workers}", "workers",
                    {"sessions": sessions, "payload": text(payload), "workers": workers},
                    [*options, "--stage", "count", "--workers", str(workers)], packets)


def by_peer(form, add):
    for sessions in form["peer_sessions"]:
        for payload in (64, 1448) if sessions < 1000000 else (64,):
            options, packets = gen(form, sessions, payload)
            add(f"peers-{sessions}-{payload}", "peers", {"sessions": sessions, "payload": text(payload)},
                [*options, "--stage", "sum", "--peers"], packets * 3)


def points(quick):
    form, found = QUICK if quick else FULL, []

    def add(name, group, axes, options, packets):
        found.append(Point(name, group, axes, [*options, "--repeat", str(form["repeat"])], packets, form["repeat"]))

    for group in (by_sessions, by_order, by_module, by_worker, by_peer):
        group(form, add)
    return found
