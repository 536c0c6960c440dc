#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each public header compiles alone, included twice, as plain C11, with gcc and with clang, without a warning.

A compiler that is not installed is left out, and said so; with none the check is skipped (77). Macros are held to it
too as far as the headers' own inline functions use them.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

import source

FLAGS = ["-std=c11", "-fsyntax-only", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]


def compile_alone(compiler, includes, header):
    """Returns what the compiler says; None when it is content."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "alone.c")
        with open(path, "w", encoding="utf-8") as handle:
            handle.write("#include <%s>\n#include <%s>\nint main(void);\n" % (header, header))
        run = subprocess.run([compiler, *FLAGS, *includes, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, check=False)
        return run.stdout.replace(path, "alone.c") or "exit status %d" % run.returncode if run.returncode else None


def main():
    top = source.top_of_tree()
    report = source.Report()
    headers = {}
    for name in source.files(top):
        match = re.match(r"(engine|io|impair)/include/(flowos/.+\.h)$", name)
        if match:
            headers[name] = (match.group(1), match.group(2))
    if not headers:
        report.add(top, 0, "has no public headers: is this the top of the tree?")
        report.finish("")
    compilers = [c for c in ("gcc", "clang") if shutil.which(c)]
    for missing in {"gcc", "clang"} - set(compilers):
        print("%s is not installed: headers were not compiled with it" % missing)
    if not compilers:
        print("skipped: neither gcc nor clang is installed")
        sys.exit(77)

    def job(task):
        name, compiler = task
        owner, header = headers[name]
        folders = ["engine"] if owner == "engine" else ["engine", owner]
        includes = ["-I" + os.path.join(top, folder, "include") for folder in folders]
        return name, compiler, compile_alone(compiler, includes, header)

    tasks = [(name, compiler) for name in sorted(headers) for compiler in compilers]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for name, compiler, said in pool.map(job, tasks):
            if said:
                report.add(name, 0, "does not compile alone with %s:\n%s" % (compiler, said.rstrip()))
    report.finish("headers: %d public headers compile alone with %s" % (len(headers), " and ".join(compilers)))


if __name__ == "__main__":
    sys.exit(main())
