#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What every text file of the project keeps to.

- lines end in LF, without blanks before it; the last line ends too; C is indented with tabs, everything else with
  spaces, and no tab follows a space in C's indentation;
- each .c and .h begins with its licence (SPDX) and a comment that names the file and says what it is for; each .py
  and .sh carries the licence line near its top where it has one at all;
- licences are permissive;
- work that is left has an owner: `TODO(name)`;
- nothing names the machine that it was made on: no host name, no absolute home or scratch folder.
"""

import os
import re
import socket
import sys

import source

PERMISSIVE = {"BSD-2-Clause", "BSD-3-Clause", "MIT", "ISC", "Apache-2.0", "0BSD", "Zlib", "CC0-1.0"}
TEXT = (".c", ".h", ".py", ".sh", ".md", ".txt", ".json", ".cmake", ".gp", ".1", ".run", ".clang-format", ".gitignore")
SPDX = re.compile(r"SPDX-License-Identifier:[ \t]*([^\s*]+(?:[ \t]+(?:AND|OR|WITH)[ \t]+[^\s*]+)*)")
TOP_COMMENT = re.compile(r"/\* SPDX-License-Identifier: \S+\n(.*?)\*/", re.S)
LEFT = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\([\w.@-]+\))")
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:home|Users|root|work)/[\w.-]+")
SELF = "tests/check/"  # these files speak of what they look for


def is_text(name):
    base = os.path.basename(name)
    return name.endswith(TEXT) or base in ("LICENSE", "CMakeLists.txt", "PACKAGES", "run") and not name.endswith(".sent")


def own_names():
    """Names of this machine that cannot be mistaken for a word."""
    host = socket.gethostname()
    names = {host, host.split(".")[0]}
    return {n for n in names if len(n) >= 6 and re.search(r"[\d-]", n)}


def check_lines(name, text, report):
    is_c = name.endswith((".c", ".h"))
    if not text:
        return
    if not text.endswith("\n"):
        report.add(name, text.count("\n") + 1, "the last line does not end in a line feed")
    for number, line in enumerate(text.split("\n"), 1):
        if line.endswith("\r"):
            report.add(name, number, "the line ends in CR LF")
        elif line != line.rstrip():
            report.add(name, number, "blanks at the end of the line")
        indent = line[:len(line) - len(line.lstrip())]
        if is_c and " \t" in indent:
            report.add(name, number, "a tab after a space in the indentation")
        elif not is_c and "\t" in indent:
            report.add(name, number, "a tab in the indentation")


def check_words(name, text, report, hosts):
    def line_of(match):
        return text.count("\n", 0, match.start()) + 1

    for match in SPDX.finditer(text):
        for part in re.split(r"\s+(?:AND|OR|WITH)\s+", match.group(1)):
            if part not in PERMISSIVE and not name.startswith(SELF):
                report.add(name, line_of(match), "the licence %s is not a permissive one" % part)
    if name.startswith(SELF):
        return
    for match in LEFT.finditer(text):
        report.add(name, line_of(match), "%s without an owner: write %s(name)" % (match.group(1), match.group(1)))
    for match in MACHINE_PATH.finditer(text):
        report.add(name, line_of(match), "%s is a place on one machine" % match.group())
    for host in hosts:
        match = re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(host), text)
        if match:
            report.add(name, line_of(match), "names the machine %s" % host)


def check_top_comment(name, text, report):
    match = TOP_COMMENT.match(text)
    if not match:
        report.add(name, 1, "does not begin with `/* SPDX-License-Identifier: ...` and a comment on what the file is for")
        return
    said = re.sub(r"^ \*", "", match.group(1), flags=re.M)
    base = os.path.basename(name)
    if not re.search(r"%s:?\s+\S+\s+\S+" % re.escape(base), said):
        report.add(name, 1, "the comment at the top does not say `%s: what it is for`" % base)


def main():
    top = source.top_of_tree()
    report = source.Report()
    hosts = own_names()
    checked = 0
    for name in source.files(top):
        if not is_text(name):
            continue
        text = source.read(top, name)
        checked += 1
        check_lines(name, text, report)
        check_words(name, text, report, hosts)
        if name.endswith((".c", ".h")):
            check_top_comment(name, text, report)
    if checked == 0:
        report.add(top, 0, "has no files")
    report.finish("text: %d files are clean" % checked)


if __name__ == "__main__":
    sys.exit(main())
