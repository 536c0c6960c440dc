#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""summary.py DIR: adds up what tests/run.sh ran. Exit status 1 when something failed.

DIR holds a JUnit file of ctest's per build, PRESET.xml, and `steps`: a line per further step, its name, exit status
(77: skipped) and, of those skipped, the reason, separated by tabs. The last line is `N passed, N failed, N skipped`.
"""

import os
import re
import sys
import xml.etree.ElementTree as ElementTree

SKIPPED = 77
CMOCKA_SKIPPED = re.compile(r"\[\s*SKIPPED\s*\] ([A-Za-z_]\w*)")

LABEL = {"partly": "passed, but not all of it ran", "skipped": "skipped", "failed": "failed"}


def reason(case):
    """The last line that a skipped test printed, or what ctest says about it."""
    said = [line for line in (case.findtext("system-out") or "").strip().splitlines() if line.strip()]
    if said:
        return said[-1].strip()
    skipped = case.find("skipped")
    return skipped.get("message", "") if skipped is not None else case.get("status", "")


def skipped_parts(case):
    """What a test that passed left out: cmocka's skipped cases, and lines that begin with `skipped: `."""
    said = (case.findtext("system-out") or "").splitlines()
    parts = [line.strip() for line in said if line.strip().startswith("skipped: ")]
    return parts + [m.group(1) for m in map(CMOCKA_SKIPPED.match, said) if m and not parts]


def read_junit(path):
    """[(test, "passed" | "partly" | "failed" | "skipped", reason)]; partly: passed, and left something out"""
    results = []
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        status = case.get("status")
        if status == "run" and case.find("failure") is None:
            parts = sorted(set(skipped_parts(case)))
            results.append((case.get("name"), "partly" if parts else "passed", "; ".join(parts)))
        elif case.find("skipped") is not None or status == "disabled":
            results.append((case.get("name"), "skipped", reason(case)))
        else:
            results.append((case.get("name"), "failed", ""))
    return results


def read_steps(path):
    results = []
    with open(path, encoding="utf-8") as handle:
        for line in handle:
            name, status, *why = line.rstrip("\n").split("\t")
            what = {0: "passed", SKIPPED: "skipped"}.get(int(status), "failed")
            results.append((name, what, why[0] if why else ""))
    return results


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: summary.py DIR")
    groups = []
    for name in sorted(os.listdir(sys.argv[1])):
        path = os.path.join(sys.argv[1], name)
        if name.endswith(".xml"):
            groups.append((name[:-4], read_junit(path)))
        elif name == "steps":
            groups.append(("steps", read_steps(path)))

    total = {"passed": 0, "failed": 0, "skipped": 0}
    for group, results in groups:
        for _, what, _ in results:
            total["passed" if what == "partly" else what] += 1
    for what in ("partly", "skipped", "failed"):
        for group, results in groups:
            for name, result, why in results:
                if result == what:
                    print("%s: %s: %s%s" % (LABEL[what], group, name, ": " + why if why else ""))
    ran = total["passed"] + total["failed"]
    share = 100 * total["passed"] // ran if ran else 0
    print("%d%% tests passed, %d tests failed out of %d" % (share, total["failed"], ran))
    print("%d passed, %d failed, %d skipped" % (total["passed"], total["failed"], total["skipped"]))
    sys.exit(1 if total["failed"] or not ran else 0)


if __name__ == "__main__":
    main()
