#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sizes: a source has at most 600 lines, a C function at most 100.

A longer function needs a comment in front of it with the word `Long:` and the reason, for instance
"Long: one case a message, and nothing that two of them share". Functions are found by their braces: `{` and `}` in
the first column.
"""

import re
import sys

import source

FILE_LINES = 600
FUNCTION_LINES = 100
EARNED = re.compile(r"\bLong:\s*\S")


def functions(text):
    """Yields (first line, name, lines, earned) for each function of a C source; lines count from 1."""
    plain = source.without_comments(text, keep_strings=False).split("\n")
    raw = text.split("\n")
    begin = None
    for i, line in enumerate(plain):
        if line.startswith("{"):
            begin = i
        elif line.startswith("}") and begin is not None:
            head = begin  # up to the signature's first line
            while head > 0 and plain[head - 1].strip() and not plain[head - 1].rstrip().endswith((";", "}")) \
                    and not plain[head - 1].startswith("#"):
                head -= 1
            first = head  # and up over the comment before it
            while first > 0 and raw[first - 1].strip() and not plain[first - 1].strip():
                first -= 1
            signature = " ".join(plain[head:begin])
            name = re.search(r"(\w+)\s*\(", signature)
            if name:
                yield head + 1, name.group(1), i - head + 1, bool(EARNED.search("\n".join(raw[first:begin])))
            begin = None


def main():
    top = source.top_of_tree()
    report = source.Report()
    sizes = []
    counted = 0
    for name in source.files(top):
        if not name.endswith((".c", ".h", ".py", ".sh")):
            continue
        text = source.read(top, name)
        counted += 1
        lines = text.count("\n")
        if lines > FILE_LINES:
            report.add(name, 0, "has %d lines, more than %d" % (lines, FILE_LINES))
        if not name.endswith((".c", ".h")):
            continue
        for line, function, length, earned in functions(text):
            if not name.startswith("tests/"):
                sizes.append(length)
            if length > FUNCTION_LINES and not earned:
                report.add(name, line, "%s() has %d lines, more than %d, and no comment before it with `Long:` and "
                           "the reason" % (function, length, FUNCTION_LINES))
    sizes.sort()
    if sizes:
        print("functions outside tests/: %d, median %d lines, 90th percentile %d, longest %d"
              % (len(sizes), sizes[len(sizes) // 2], sizes[len(sizes) * 9 // 10], sizes[-1]))
    report.finish("budget: %d files within their budget" % counted)


if __name__ == "__main__":
    sys.exit(main())
