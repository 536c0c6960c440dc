# SPDX-License-Identifier: BSD-2-Clause
"""The figures of the study, drawn with gnuplot as SVG and PNG from the lines of study.jsonl. Reads and runs nothing else.

A figure is one or two panels; a panel is series of points (x, y, low, high). Colours belong to what a line stands for and
are the same in every figure. Whatever a study does not have is left out, and a figure without points is not drawn.
"""
import os
import subprocess

# Okabe and Ito's colours, told apart by the colour-blind too.
BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666"
SHAPES = {BLUE: 7, ORANGE: 5, GREEN: 9, PINK: 13, YELLOW: 11, SKY: 6, GREY: 4}
PAYLOADS = [("64", "64 B", BLUE), ("256", "256 B", SKY), ("536", "536 B", GREEN), ("1448", "1,448 B", ORANGE),
            ("mixed", "mixed", PINK)]
SHADES = [SKY, BLUE, GREEN, YELLOW, ORANGE, PINK]


class Panel:
    """ylabel, xlabel; logarithmic axes; series: [(title, colour, [(x, y, low, high)])]; ticks: names of x 0, 1, 2, …"""

    def __init__(self, ylabel, xlabel, series, logx=False, logy=False, low=0, ticks=None, bars=False):
        self.ylabel, self.xlabel, self.logx, self.logy = ylabel, xlabel, logx, logy
        self.low, self.ticks, self.bars = low, ticks, bars
        self.series = [s for s in series if s[2]]


def quote(text):
    return "'" + text.replace("'", "''") + "'"


def rate(run, scale=1e-6, of="packets"):
    """(value, low, high) of packets or bits a second, from the median and its interval."""
    seconds = run["seconds"]
    amount = run[of] * scale
    return amount / seconds["median"], amount / seconds["ci95"][1], amount / seconds["ci95"][0]


def pick(lines, group, **axes):
    return [line for line in lines if line["group"] == group and line["run"].get("seconds")
            and all(line["axes"].get(k) == v for k, v in axes.items())]


def by(lines, axis, value):
    """Points (axis, *value(run)), sorted; where value is None there is none."""
    found = []
    for line in lines:
        at = value(line["run"])
        if at is not None:
            found.append((line["axes"][axis], *at))
    return sorted(found)


def throughput_sessions(lines):
    def series(value):
        return [(name, colour, by(pick(lines, "sessions", payload=p), "sessions", value)) for p, name, colour in PAYLOADS]
    return "Throughput by number of sessions", "module count, every stream checked; median and 95 % interval", [
        Panel("million packets a second", "sessions", series(rate), logx=True),
        Panel("Gbit/s", "sessions", series(lambda run: rate(run, 8e-9, "wire_bytes")), logx=True)]


def floor_rate(run):
    """Packets a second of the floor that ran beside the engine, or None."""
    for peer in run.get("peers", []):
        if peer["name"] == "floor: sum":
            return rate({"packets": run["packets"], "seconds": peer["seconds"]})
    return None


def beside_order(lines, value, axis="share"):
    """Points of one command, each as a multiple of the one in order, which took turns with them."""
    found = by(lines, axis, value)
    whole = found[0][1] if found and found[0][0] == 0 else None
    return [(at, *(v / whole for v in values)) for at, *values in found] if whole else []


def throughput_reorder(lines):
    panels = []
    for payload, name, _ in (PAYLOADS[3], PAYLOADS[0]):
        here = pick(lines, "reorder", payload=payload)
        depths = sorted({line["axes"]["depth"] for line in here})
        series = [(f"by {depth:,}", SHADES[i % len(SHADES)],
                   beside_order(pick(here, "reorder", depth=depth), rate)) for i, depth in enumerate(depths)]
        if depths:
            series.append((f"floor, by {depths[-1]:,}", GREY,
                           beside_order(pick(here, "reorder", depth=depths[-1]), floor_rate)))
        panels.append(Panel(f"packets a second, in order = 1 ({name})", "reordered packets (%)", series))
    return ("Throughput by share and depth of reordering",
            "displaced by up to so many packets of the same direction; module sum", panels)


def latency(lines):
    def quantile(key, q):
        return lambda run: [run[key][q] / 1e3] * 3 if run.get(key) and run[key][q] else None
    percentiles = [("p50", "median", BLUE), ("p99", "99 %", ORANGE), ("p999", "99.9 %", GREEN)]
    service = [(name, colour, by(pick(lines, "sessions", payload="64"), "sessions", quantile("service_ns", q)))
               for q, name, colour in percentiles]
    share = 5
    wait = [(name, colour, by(pick(lines, "reorder", payload="1448", share=share), "depth", quantile("hol_wait_ns", q)))
            for q, name, colour in percentiles]
    return ("How long a packet takes, and how long bytes wait", "left: processing time, batch by batch; right: on the trace's "
            "clock, 1 us a packet", [
                Panel("processing time of a packet (us)", "sessions, 64-byte payloads", service, logx=True, logy=True),
                Panel("bytes wait for a hole (us)", f"reordered by up to, {share} % of packets", wait, logx=True, logy=True)])


def memory(lines):
    def of(key, scale):
        return lambda run: [run["memory"][key] * scale] * 3 if run.get("memory") and run["memory"][key] > 0 else None
    def series(value):
        return [(name, colour, by(pick(lines, "sessions", payload=p), "sessions", value)) for p, name, colour in PAYLOADS]
    return "Memory by number of sessions", "growth of anonymous memory, trace and check left out", [
        Panel("bytes a session", "sessions", series(of("bytes_per_session", 1)), logx=True, logy=True)]


def workers(lines):
    series = []
    styles = [("64", 100, SKY), ("64", 10000, BLUE), ("64", 1000000, GREEN), ("1448", 100, YELLOW), ("1448", 10000, ORANGE)]
    for payload, sessions, colour in styles:
        one = pick(lines, "workers", payload=payload, sessions=sessions, workers=1)
        if not one:
            continue
        whole = rate(one[0]["run"])[0]
        series.append((f"{sessions:,} sessions, {int(payload):,} B", colour,
                       by(pick(lines, "workers", payload=payload, sessions=sessions), "workers",
                          lambda run: [value / whole for value in rate(run)])))
    most = max((line["axes"]["workers"] for line in pick(lines, "workers")), default=1)
    if most < 2:
        return "", "", []
    return "Speed-up by workers", "packets a second, one worker = 1", [Panel("times one worker", "workers", series)]


def peers(lines):
    names = [("floor: headers", "touch headers", GREY), ("floor: hash", "parse and hash", SKY),
             ("floor: sum", "table and sum", GREEN), ("libnids", "libnids", ORANGE)]
    panels = []
    for payload, name, _ in (PAYLOADS[0], PAYLOADS[3]):
        here = pick(lines, "peers", payload=payload)
        series = [("FlowOS, sum", BLUE, by(here, "sessions", rate))]
        for peer, title, colour in names:
            def of(run, peer=peer):
                for p in run.get("peers", []):
                    if p["name"] == peer:
                        return rate({"packets": run["packets"], "seconds": p["seconds"]})
                return None
            series.append((title, colour, by(here, "sessions", of)))
        panels.append(Panel(f"million packets a second, {name}", "sessions", series, logx=True, logy=True))
    return "The engine against floors and libnids", "the same packets in memory, in turns", panels


def modules(lines):
    names = ["none", "count", "digest", "grep", "http"]
    series = []
    for payload, title, colour in (("64", "64 B", BLUE), ("1448", "1,448 B", ORANGE), ("web", "HTTP, recorded", GREEN)):
        found = []
        for i, name in enumerate(names):
            for line in pick(lines, "modules", payload=payload, module=name):
                found.append((i, *rate(line["run"], 8e-9, "wire_bytes")))
        series.append((title, colour, found))
    return "What modules cost", "1,000 sessions; recorded HTTP multiplied", [
        Panel("Gbit/s", "module", series, ticks=names, bars=True)]


def damage(lines):
    kinds = sorted({(line["axes"]["kind"], line["axes"]["share"]) for line in pick(lines, "damage")} -
                   {("loss", 0), ("dup", 0)})
    words = {"loss": "lost", "dup": "doubled"}
    series = []
    for payload, title, colour in (PAYLOADS[0], PAYLOADS[3]):
        found = []
        for kind in words:
            for share, *values in beside_order(pick(lines, "damage", payload=payload, kind=kind), rate):
                if share:
                    found.append((kinds.index((kind, share)), *values))
        series.append((title, colour, found))
    return "Throughput under loss and duplicates", "packets a second, in order = 1; module count", [
        Panel("packets a second, in order = 1", "", series, ticks=[f"{s:g} % {words[k]}" for k, s in kinds], bars=True)]


FIGURES = {"throughput-sessions": throughput_sessions, "throughput-reorder": throughput_reorder, "latency": latency,
           "memory-sessions": memory, "workers": workers, "peers": peers, "modules": modules, "damage": damage}
README = ("throughput-sessions", "peers")


def block(name, points):
    rows = "\n".join(" ".join(f"{value:.9g}" for value in point) for point in points)
    return f"${name} << END\n{rows}\nEND\n"


def plot_panel(panel, number):
    """Data blocks and the plot command of one panel."""
    data, parts = [], []
    out = ["unset logscale", "set autoscale", "unset label", "set xtics auto", "set format x '%.0f'"]
    out += [f"set ylabel {quote(panel.ylabel)}", f"set xlabel {quote(panel.xlabel)}"]
    if panel.logx:
        out += ["set logscale x", "set format x '%.0s%c'"]
    if panel.logy:
        most = max(point[1] for s in panel.series for point in s[2])
        out += ["set logscale y", "set format y '%.0s%c'" if most >= 10000 else "set format y '%g'"]
    else:
        out += ["set format y '%g'", f"set yrange [{panel.low}:*]"]
    out += ["set errorbars small" + (" lc rgb '#222222' lw 1" if panel.bars else "")]
    if panel.ticks:
        names = ", ".join(f"{quote(name.replace('%', '%%'))} {i}" for i, name in enumerate(panel.ticks))
        out += [f"set xtics ({names})", f"set xrange [-0.6:{len(panel.ticks) - 0.4}]"]
    elif not panel.logx:
        right = max(point[0] for s in panel.series for point in s[2])
        out += [f"set xrange [{min(point[0] for s in panel.series for point in s[2])}:{right * 1.04}]"]
    if panel.xlabel == "workers":
        out += ["set xtics 1"]
    for i, (title, colour, points) in enumerate(panel.series):
        name = f"d{number}_{i}"
        data.append(block(name, points))
        if panel.bars:
            wide = 0.8 / len(panel.series)
            shift = (i - (len(panel.series) - 1) / 2) * wide
            parts.append(f"${name} using ($1+{shift:g}):2:3:4:({wide * 0.9:g}) with boxerrorbars fs solid 0.85 noborder "
                         f"lc rgb '{colour}' title {quote(title)}")
        else:
            look = f"lc rgb '{colour}' pt {SHAPES[colour]}"
            parts.append(f"${name} using 1:2 with linespoints lw 1.6 {look} title {quote(title)}")
            parts.append(f"${name} using 1:2:3:4 with yerrorbars lw 1 {look} notitle")
    return "".join(data), "\n".join([*out, "plot " + ", \\\n  ".join(parts)])


def script(title, below, panels, about, path):
    wide = 560 * len(panels) if len(panels) > 1 else 640
    kind = "svg dynamic" if path.endswith(".svg") else "pngcairo"
    size = 12 if kind == "pngcairo" else 14
    data, plots = zip(*(plot_panel(panel, i) for i, panel in enumerate(panels)))
    head = [
        "set encoding utf8",
        f"set terminal {kind} noenhanced font 'sans-serif,{size}' size {wide},480 background '#ffffff'",
        f"set output {quote(path)}", "set border 3 lc rgb '#777777'", "set tics nomirror", "set pointsize 0.7",
        "set grid ytics lc rgb '#E2E2E2' lt 1",
        f"set label 1 {quote(title)} at screen {14 / wide:.4f},0.955 left font ',{size + 4}'",
        f"set label 2 {quote(below)} at screen {14 / wide:.4f},0.908 left font ',{size - 2}' tc rgb '#777777'",
        f"set label 3 {quote(about)} at screen {14 / wide:.4f},0.872 left font ',{size - 3}' tc rgb '#777777'",
        f"set multiplot layout 1,{len(panels)} margins {80 / wide:.4f},{1 - 24 / wide:.4f},0.13,0.74 "
        f"spacing {90 / wide:.4f}"]
    keep = "unset label 1; unset label 2; unset label 3"  # they are drawn with the first panel only
    body = []
    for i, plot in enumerate(plots):
        left = 80 + i * ((wide - 104 - 90 * (len(panels) - 1)) / len(panels) + 90)
        key = f"set key at screen {left / wide:.4f},0.85 left top horizontal Left reverse samplen 1 " \
              f"maxcols 4 font ',{size - 3}'"
        body += [keep if i else "", key, plot.replace("unset label", "", 1)]
    return "".join(data) + "\n".join([*head, *body, "unset multiplot", ""])


def about(lines):
    machine = lines[0]["machine"]
    commit = (machine.get("commit") or "unknown")[:10]
    kernel = ".".join((machine.get("kernel") or "unknown").split(".")[:2])
    day = max(line["date"] for line in lines)
    return (f"{machine.get('cpu') or 'unknown CPU'}, {machine.get('cores') or '?'} cores, Linux {kernel}; "
            f"commit {commit}, {day}")


def picture(title, below, panels, about_text, path):
    """One file. RuntimeError with what gnuplot said."""
    done = subprocess.run(["gnuplot", "--default-settings"], input=script(title, below, panels, about_text, path),
                          capture_output=True, text=True)
    if done.returncode or (done.stderr.strip() and "Warning" not in done.stderr):
        raise RuntimeError(f"gnuplot, {os.path.basename(path)}: {done.stderr.strip() or done.returncode}")


def draw(lines, folder, names=FIGURES, endings=(".svg", ".png")):
    """Draws what there is to draw; yields the paths. Raises RuntimeError with what gnuplot said."""
    os.makedirs(folder, exist_ok=True)
    for name in names:
        title, below, panels = FIGURES[name](lines)
        panels = [panel for panel in panels if panel.series]
        if not panels:
            continue
        for ending in endings:
            path = os.path.join(folder, name + ending)
            picture(title, below, panels, about(lines), path)
            yield path
