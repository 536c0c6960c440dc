#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Prefetching: a function that returns nothing and does nothing but prefetch is always inlined (FOS__FETCHES).

GCC 12 takes it for a function without effect and drops the calls to it, without a word. What does more than that shows by
what it writes through a pointer, or by a call of a function whose name does not say that it fetches."""

import re
import sys

import budget
import source

EFFECT = re.compile(r"(->|\*)\s*\w+\s*[-+*/|&^]?=[^=]|\b(?!\w*fetch)(?!(if|for|while|sizeof|switch|return|__builtin_expect|FOS__(UN)?LIKELY)\b)\w+\s*\(")
INLINED = re.compile(r"\bFOS__FETCHES\b|\balways_inline\b")


def main():
    top = source.top_of_tree()
    report = source.Report()
    found = 0
    for name in source.files(top):
        text = source.read(top, name) if name.endswith((".c", ".h")) else ""
        lines = source.without_comments(text, keep_strings=False).split("\n") if "__builtin_prefetch" in text else []
        for line, function, length, _ in budget.functions(text) if lines else ():
            body = "\n".join(lines[line - 1:line - 1 + length])
            head = body[:body.find("{")]
            if "__builtin_prefetch" not in body or EFFECT.search(body[len(head):]) or not re.search(r"\bstatic\b[^(]*\bvoid\s+%s\b" % function, head):
                continue
            found += 1
            if not INLINED.search(head):
                report.add(name, line, "%s() returns nothing and prefetches, and is not FOS__FETCHES (engine/fetch.h)" % function)
    report.finish("fetch: %d functions that prefetch" % found)


if __name__ == "__main__":
    sys.exit(main())
