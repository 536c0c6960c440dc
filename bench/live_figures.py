# SPDX-License-Identifier: BSD-2-Clause
"""What live.py measured as a table and as figures: throughput by streams, latency, processor time; each box beside the others.
Values are medians over rounds, bars reach from the least to the most."""
import json
import os
import statistics

import study_figures
from study_figures import BLUE, GREEN, GREY, ORANGE, Panel

LOOK = {"bridge": ("Linux bridge", GREY), "forwarder": ("AF_PACKET forwarder", GREEN), "tap": ("flowos, tap", BLUE),
        "gate": ("flowos, gate", ORANGE)}
QUANTILES = ("p50", "p90", "p99", "p99.9")


def load(path):
    """Lines; the first is about the run. ValueError."""
    with open(path, encoding="utf-8") as text:
        lines = [json.loads(line) for line in text]
    if not lines or lines[0].get("live") != 1:
        raise ValueError(f"{path} is not what live.py writes")
    return lines


def pick(lines, **want):
    return [line for line in lines[1:] if "error" not in line and all(line[key] == value for key, value in want.items())]


def middle(values):
    return statistics.median(values), min(values), max(values)


def boxes(lines):
    return [box for box in LOOK if any(line.get("box") == box for line in lines[1:])]


def by_size(lines, traffic, offloads, of):
    """Series of a panel: a line a box, over streams or sessions."""
    series = []
    for box in boxes(lines):
        there = pick(lines, box=box, traffic=traffic, offloads=offloads)
        points = []
        for size in sorted({line["size"] for line in there}):
            values = [line[of] for line in there if line["size"] == size and line.get(of) is not None]
            if values:
                points.append((size, *middle(values)))
        series.append((*LOOK[box], points))
    return series


def late(lines, offloads):
    series = []
    for box in boxes(lines):
        there = pick(lines, box=box, traffic="ping", offloads=offloads)
        points = [(i, *middle([line["latency_us"][q] for line in there])) for i, q in enumerate(QUANTILES) if there]
        series.append((*LOOK[box], points))
    return series


def word(offloads):
    return "offloads on" if offloads else "offloads off"


def figures(lines):
    """(name, title, what is below it, panels)"""
    def twice(make):
        return [make(offloads) for offloads in (True, False)]

    yield ("throughput", "Throughput through the box", "iperf3, TCP; ends and box share the machine", twice(
        lambda on: Panel("Gbit/s", "streams, " + word(on), by_size(lines, "iperf3", on, "gbps"), logx=True)))
    yield ("sessions", "Requests through the box", "nginx and wrk, 64 KiB each, connections kept", twice(
        lambda on: Panel("requests/s", "sessions, " + word(on), by_size(lines, "wrk", on, "requests_per_second"), logx=True)))
    yield ("latency", "A single packet there and back", "UDP, 64 bytes, one at a time: twice through the box", twice(
        lambda on: Panel("µs", word(on), late(lines, on), ticks=list(QUANTILES), bars=True, logy=True)))
    yield ("cpu", "Processor time of the whole machine", "iperf3, TCP; ends and box", twice(
        lambda on: Panel("s per Gbit", "streams, " + word(on), by_size(lines, "iperf3", on, "busy_seconds_per_gbit"), logx=True)))


def draw(lines, folder, endings=(".svg", ".png")):
    """Draws what there is to draw; yields the paths. RuntimeError with what gnuplot said."""
    about = study_figures.about([{"machine": lines[0]["machine"], "date": lines[0]["date"]}])
    for name, title, below, panels in figures(lines):
        panels = [panel for panel in panels if panel.series]
        for ending in endings if panels else ():
            path = os.path.join(folder, name + ending)
            study_figures.picture(title, below, panels, about, path)
            yield path


def shown(point):
    """What the table has of a point's measurements: rows of (name, what a line says or None)."""
    if point["traffic"] == "ping":
        yield "us p50", lambda line: line["latency_us"]["p50"]
        yield "us p99", lambda line: line["latency_us"]["p99"]
        return
    yield "Gbit/s", lambda line: line["gbps"]
    if point["traffic"] == "iperf3":
        yield "CPU ms/Gbit", lambda line: 1000 * line["box_seconds_per_gbit"] if line.get("box_seconds_per_gbit") else None


def ratio(lines, point, box, other, of):
    """Median over rounds of box / other in the same round, or None."""
    mine = {line["round"]: of(line) for line in pick(lines, box=box, **point)}
    theirs = {line["round"]: of(line) for line in pick(lines, box=other, **point)}
    both = [mine[number] / theirs[number] for number in mine if mine[number] and theirs.get(number)]
    return statistics.median(both) if both else None


def row(lines, point, there, pairs, name, of):
    yield f"{point['traffic']} {point['size']}, {name}".ljust(26) + f"{'on' if point['offloads'] else 'off':>9}"
    for box in there:
        values = [value for value in map(of, pick(lines, box=box, **point)) if value is not None]
        yield f"{statistics.median(values):>11.2f}" if values else f"{'-':>11}"
    for box, other in pairs:
        value = ratio(lines, point, box, other, of)
        yield f"{value:>16.2f}" if value else f"{'-':>16}"


def table(lines):
    """Lines of text: medians of each point, and how they are to the forwarder's and the bridge's. Where others use the machine,
    too, the box's own processor time says more than what came through: the bridge has none of its own."""
    there = boxes(lines)
    pairs = [(box, other) for box in ("tap", "gate") for other in ("forwarder", "bridge") if box in there and other in there]
    head = f"{'traffic':26}{'offloads':>9}" + "".join(f"{box:>11}" for box in there)
    yield head + "".join(f"{box + '/' + other:>16}" for box, other in pairs)
    points = []
    for line in lines[1:]:
        point = {key: line[key] for key in ("traffic", "size", "offloads")}
        if point not in points:
            points.append(point)
    for point in sorted(points, key=lambda p: (p["traffic"], not p["offloads"], p["size"])):
        for name, of in shown(point):
            yield "".join(row(lines, point, there, pairs, name, of))
    failed = [line for line in lines[1:] if "error" in line]
    if failed:
        yield f"{len(failed)} measurements failed, the first: {failed[0]['box']}, {failed[0]['traffic']} {failed[0]['size']}: {failed[0]['error']}"
