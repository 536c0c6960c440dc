# SPDX-License-Identifier: BSD-2-Clause
"""What the checks share: which files the project has, C without its comments, and how a check reports.

A check is a program with one argument, the top of the tree. It prints a line per problem (file:line: what is wrong)
and exits 0 when there is none, else 1.
"""

import os
import re
import subprocess
import sys

FOLDERS = ("engine", "io", "impair", "modules", "bench", "traces", "tests", "results")


def top_of_tree():
    """The tree to check: the argument, or the one that this script is in."""
    if len(sys.argv) > 2 or sys.argv[1:] == ["--help"]:
        sys.exit("usage: %s [TOP]" % os.path.basename(sys.argv[0]))
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.abspath(sys.argv[1] if len(sys.argv) == 2 else os.path.join(here, "..", ".."))


def files(top):
    """Paths below top of all files of the project: what git knows or would take, else everything but build/."""
    git = subprocess.run(["git", "-C", top, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if git.returncode == 0 and os.path.exists(os.path.join(top, ".git")):
        found = [os.fsdecode(name) for name in git.stdout.split(b"\0") if name]
    else:
        found = []
        for folder, names, leaves in os.walk(top):
            names[:] = [n for n in names if n not in (".git", "build", "__pycache__")]
            found += [os.path.relpath(os.path.join(folder, leaf), top) for leaf in leaves]
    return sorted({name for name in found if os.path.isfile(os.path.join(top, name))})


def read(top, name):
    with open(os.path.join(top, name), encoding="utf-8", errors="surrogateescape", newline="") as handle:
        return handle.read()


_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def without_comments(text, keep_strings=True):
    """C source with comments (and strings, if asked) blanked out; every line stays where it is."""
    def blank(match):
        token = match.group()
        if token[0] != "/" and keep_strings:
            return token
        return re.sub(r"[^\n]", " ", token)
    return _TOKEN.sub(blank, text)


class Report:
    """Collects problems; `finish` prints them and ends the program."""

    def __init__(self):
        self.problems = []

    def add(self, name, line, what):
        self.problems.append("%s:%d: %s" % (name, line, what) if line else "%s: %s" % (name, what))

    def finish(self, done):
        for problem in self.problems:
            print(problem)
        if self.problems:
            sys.exit("%d problem%s" % (len(self.problems), "s" if len(self.problems) > 1 else ""))
        print(done)
