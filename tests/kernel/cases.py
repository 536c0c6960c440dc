# SPDX-License-Identifier: BSD-2-Clause
"""The cases that the running kernel is asked: segments with different bytes that lie over each other.

A placement is a tuple of intervals on a grid, in the order of their arrival. Six points hold every order of six ends, so
all tuples of up to three intervals on points 0 to 5 are every relative placement of up to three segments in every order of arrival,
many of them in several sizes.
"""

import itertools
import random

POINTS = 6
UNIT = 8  # bytes between two points
LEAD, FILLER = 14, 15  # tags of what is not a segment of the placement
WRAP = 1 << 32
SOME_ISN = 0x12345678


def intervals(points=POINTS, longest=None):
    return [(a, b) for a in range(points) for b in range(a + 1, points) if longest is None or b - a <= longest]


def placements(count):
    return list(itertools.product(intervals(), repeat=count))


def order(placement):
    """The placement with its ends replaced by their ranks: equal for equal relative placements."""
    points = sorted({point for interval in placement for point in interval})
    return tuple((points.index(a), points.index(b)) for a, b in placement)


def relation(x, y):
    """Which of Allen's thirteen relations interval x has to y."""
    ends = (x[0] > y[0]) - (x[0] < y[0]), (x[1] > y[1]) - (x[1] < y[1])
    if x[1] <= y[0]:
        return "meets" if x[1] == y[0] else "before"
    if y[1] <= x[0]:
        return "met by" if y[1] == x[0] else "after"
    return {(0, 0): "equals", (0, -1): "starts", (0, 1): "started by", (1, 0): "finishes", (-1, 0): "finished by",
            (1, -1): "during", (-1, 1): "contains", (-1, -1): "overlaps", (1, 1): "overlapped by"}[ends]


class Where:
    """Where in the stream a placement lies, and whether a hole of one unit is before its grid."""

    def __init__(self, name, hole, lead=0, wrap=None):
        self.name, self.hole, self.lead, self.wrap = name, hole, lead, wrap

    def __str__(self):
        return f"{'hole' if self.hole else 'no hole'}, {self.name}"


def everywhere(unit=UNIT):
    """At the start of the stream, in its middle, and with the wrap of sequence numbers at every point of the grid, in the
    hole, and within every unit."""
    for hole in (True, False):
        yield Where("start", hole)
        yield Where("middle", hole, lead=2 * unit + 3)
        ends = unit * (POINTS - 1 + hole)
        for at in sorted({*range(0, ends + 1, unit), *range(unit // 2, ends, unit)}):
            yield Where(f"wrap at {at}", hole, wrap=at)


class Case:
    """A connection: its initial sequence number, what is sent in which order, and how much there is to read."""

    def __init__(self, placement, where, unit=UNIT):
        self.placement, self.where, self.unit = placement, where, unit
        self.base = where.lead + (unit if where.hole else 0)
        self.isn = SOME_ISN if where.wrap is None else (WRAP - 1 - where.wrap) % WRAP
        segments = [(self.base + a * unit, self.base + b * unit) for a, b in placement]
        self.sent = [(0, where.lead, LEAD)] if where.lead else []
        self.sent += [(start, end, number % LEAD) for number, (start, end) in enumerate(segments)]
        self.length = where.lead
        for start, end in sorted(segments):
            if start > self.length:
                self.sent.append((self.length, start, FILLER))
            self.length = max(self.length, end)

    def line(self):
        return f"{self.isn} {self.length} " + " ".join("%d:%d:%d" % part for part in self.sent)

    def cells(self, answer):
        """Who gives each unit of the grid: a string with a letter for each segment, "." for none, "?" where it is not one alone."""
        owners = runs_of(answer)
        cells = ""
        for point in range(max(b for _, b in self.placement)):
            tags = set(owners[self.base + point * self.unit:self.base + (point + 1) * self.unit])
            tag = tags.pop() if len(tags) == 1 else None
            cells += "?" if tag is None else "." if tag == FILLER else chr(ord("A") + tag)
        return cells


def runs_of(answer):
    """"15*8 0*16": a list with the tag of each byte."""
    tags = []
    for run in answer.split():
        tag, count = run.split("*")
        tags += [int(tag)] * int(count)
    return tags


def bytes_of(answer):
    """The bytes that an answer stands for."""
    return bytes(tag << 4 | offset & 15 for offset, tag in enumerate(runs_of(answer)))


def answer_of(data):
    """The answer that these bytes are."""
    if any(byte & 15 != offset & 15 for offset, byte in enumerate(data)):
        return "! a byte is not in its place"
    return " ".join(f"{tag}*{len(list(run))}" for tag, run in itertools.groupby(byte >> 4 for byte in data))


def enumerated(counts=(2, 3), unit=UNIT, wheres=None):
    wheres = list(everywhere(unit)) if wheres is None else wheres
    return [Case(placement, where, unit) for count in counts for where in wheres for placement in placements(count)]


def at_random(count, number, seed):
    """Placements of `count` segments at random, on grids from narrow to wide."""
    draw = random.Random(f"{seed} {count}")
    result = []
    for _ in range(number):
        choice = intervals(draw.choice((POINTS, 9, 13, 21) if count < 20 else (21, 41, 61)), 6)
        placement = tuple(draw.choice(choice) for _ in range(count))
        where = Where("at random", draw.random() < 0.8, lead=draw.choice((0, 5)), wrap=draw.choice((None, 4, 40)))
        result.append(Case(placement, where))
    return result


def published(placement):
    """Who gives each unit by the published rule for two segments: what begins first, of those what is longest, of those
    what came first. (`cells` of what a Linux host does, while no two segments become one.)"""
    cells = ""
    for point in range(max(b for _, b in placement)):
        over = [(a, -b, tag) for tag, (a, b) in enumerate(placement) if a <= point < b]
        cells += chr(ord("A") + min(over)[2]) if over else "."
    return cells
