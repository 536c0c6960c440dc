# SPDX-License-Identifier: BSD-2-Clause
"""Draws the table of placements with gnuplot: a row for each relative placement, a cell for each unit of its grid in
the colour of who gives it; the kernel left, the engine right."""

import os
import subprocess

import cases

UNITS = cases.POINTS - 1
COLOURS = {".": (0.85, 0.85, 0.85), "A": (0.16, 0.42, 0.70), "B": (0.93, 0.55, 0.14), "C": (0.22, 0.62, 0.36)}
BLANK, STRANGE = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
PANELS = ("kernel", "engine", "kernel", "engine")
GAPS = (0, 1, 3, 1)  # units before each panel


def columns():
    """Where each panel begins."""
    at, result = 0, []
    for gap in GAPS:
        at += gap
        result.append(at)
        at += UNITS
    return result


def cells_of(row):
    return [cells for pair in row.given for cells in pair]


def pixels(table):
    """x, y, red, green, blue of every cell, row by row."""
    width = columns()[-1] + UNITS
    for y, row in enumerate(table):
        line = [BLANK] * width
        for at, cells in zip(columns(), cells_of(row)):
            for x, owner in enumerate(cells):
                line[at + x] = COLOURS.get(owner, STRANGE)
        for x, colour in enumerate(line):
            yield f"{x} {y} " + " ".join(str(round(255 * part)) for part in colour)


def groups_of(table):
    """(name, first row, rows) of rows that begin with the same relation of A and B."""
    result = []
    for y, row in enumerate(table):
        name = "two segments" if len(row.placement) == 2 else f"A {row.relations()[0]} B"
        if not result or result[-1][0] != name:
            result.append([name, y, 0])
        result[-1][2] += 1
    return result


def colour_name(colour):
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)


def script(table, path, title):
    width, height = columns()[-1] + UNITS, len(table)
    terminal = "svg size 900,1400 font 'sans,13'" if path.endswith(".svg") else "pngcairo size 900,1400 font 'sans,11'"
    joined = sum(row.given[0][0] != row.published for row in table)
    differ = sum(not row.agrees for row in table)
    lines = [f"set terminal {terminal}", f"set output '{path}'", "unset key", "unset xtics", "unset border",
             f"set title \"{title}\\n{height} relative placements of two and three segments, {differ} differ\\n"
             f"a dot: {joined} are not as the published rule for two segments has them\"",
             f"set xrange [-1:{width + 1.5}]", f"set yrange [{height + 14}:-24]", "set lmargin 20", "set tmargin 5",
             "set bmargin 1",
             "set ytics scale 0 (" + ", ".join(f"'{name}' {y + count / 2 - 0.5}" for name, y, count in groups_of(table)) + ")"]
    for at, name in zip(columns(), PANELS):
        lines.append(f"set label '{name}' at {at + UNITS / 2 - 0.5},-4 center")
    for at, name in ((columns()[0], "behind a hole"), (columns()[2], "without a hole before it")):
        lines.append(f"set label '{name}' at {at + UNITS},-16 center")
    for _, y, _ in groups_of(table)[1:]:
        lines.append(f"set arrow from -0.9,{y - 0.5} to {width - 0.1},{y - 0.5} nohead front lc rgb '#404040' lw 0.5")
    for y, row in enumerate(table):
        if row.given[0][0] != row.published:
            lines.append(f"set label '' at {columns()[2] - 2},{y} point pt 7 ps 0.3 lc rgb '#404040' front")
        if not row.agrees:
            lines.append(f"set label '' at {width + 0.5},{y} point pt 9 ps 0.8 lc rgb '#d00000' front")
    for number, (owner, words) in enumerate((("A", "came first"), ("B", "second"), ("C", "third"), (".", "filled a hole"))):
        x = number * width / 4
        lines.append(f"set object rectangle from {x},{height + 5} to {x + 0.8},{height + 11} fs solid noborder "
                     f"fc rgb '{colour_name(COLOURS[owner])}'")
        lines.append(f"set label '{words}' at {x + 1.2},{height + 8} left")
    lines += ["$cells << end", *pixels(table), "end", "plot $cells using 1:2:3:4:5 with rgbimage pixels"]
    return "\n".join(lines) + "\n"


def draw(table, path, title):
    """Raises OSError or RuntimeError when there is no picture; the file appears whole or not at all."""
    made = os.path.join(os.path.dirname(path), f".{os.getpid()}-{os.path.basename(path)}")
    try:
        done = subprocess.run(["gnuplot"], input=script(table, made, title), capture_output=True, text=True, check=False)
        if done.returncode != 0 or not os.path.exists(made):
            raise RuntimeError(f"gnuplot: {done.stderr.strip()[:300]}")
        os.replace(made, path)
    finally:
        if os.path.exists(made):
            os.unlink(made)
