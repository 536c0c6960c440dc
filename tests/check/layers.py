#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Layers, one way only: bench, tests -> io, impair, modules -> engine's public headers -> libc.

Proves, by what each file includes and calls:
- the top level holds exactly the names that it should, and each folder says in a README.md what belongs in it;
- a public header (FOLDER/include/flowos/) includes libc's, its own folder's and the engine's public headers only;
- engine, io, impair and modules include, beside libc, the engine's public headers and what is their own;
- engine (flow matches) and impair (--only) use of libpcap the filter compiler and its interpreter, nothing that
  captures; modules use none of it;
- libtrace is used in io/libtrace_port.c and nowhere else;
- bench includes no private header of another folder.
"""

import os
import re
import sys

import source

TOP_LEVEL = {
    "CMakeLists.txt", "CMakePresets.json", ".clang-format", ".ci", ".gitignore",
    "README.md", "ARCHITECTURE.md", "HACKING.md", "LICENSE", *source.FOLDERS,
}

LIBC = re.compile(r"""^(?:
    assert|ctype|dirent|dlfcn|endian|errno|fcntl|fnmatch|ftw|getopt|glob|inttypes|libgen|limits|locale|malloc|math|
    poll|pthread|pwd|regex|sched|search|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|
    stdio_ext|stdlib|stdnoreturn|string|strings|syslog|termios|threads|time|unistd|wchar|wordexp|ifaddrs|netdb|float|
    byteswap|emmintrin|immintrin|nmmintrin|smmintrin|tmmintrin|wmmintrin|xmmintrin|arm_neon|cpuid|link|features
    )\.h$|^(?:sys|linux|net|netinet|netpacket|arpa|asm|bits)/""", re.X)

# Libraries beside libc that a folder's sources may include. A folder that is not here may include any.
LIBRARIES = {
    "engine": re.compile(r"^(?:pcap\.h|pcap/(?:pcap|bpf)\.h|xxhash\.h)$"),
    "io": re.compile(r"^(?:xxhash|zlib|openssl/\w+|pcap|xdp/(?:xsk|libxdp)|bpf/(?:bpf|btf))(?:\.h)?$"),
    "impair": re.compile(r"^(?:pcap\.h|pcap/(?:pcap|bpf)\.h|xxhash\.h)$"),
    "modules": re.compile(r"^(?!pcap|libtrace)"),
}
SOURCES = tuple(LIBRARIES) + ("bench",)

# Of libpcap, what compiles and runs a filter.
PCAP_FILTER = {
    "pcap_open_dead", "pcap_open_dead_with_tstamp_precision", "pcap_compile", "pcap_setfilter", "pcap_offline_filter",
    "pcap_freecode", "pcap_geterr", "pcap_close", "bpf_filter", "bpf_validate",
}
PCAP_CALL = re.compile(r"\b((?:pcap|bpf)_\w+)\s*\(")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
LIBTRACE_HOME = "io/libtrace_port.c"


def public_headers(names):
    """{folder: names below flowos/}"""
    found = {}
    for name in names:
        match = re.match(r"(engine|io|impair)/include/(flowos/.+\.h)$", name)
        if match:
            found.setdefault(match.group(1), set()).add(match.group(2))
    return found


def check_top(names, report):
    top = {name.split("/")[0] for name in names}
    for name in sorted(top - TOP_LEVEL):
        report.add(name, 0, "does not belong on the top level")
    for name in sorted(TOP_LEVEL - top - {".gitignore"}):
        report.add(name, 0, "is missing on the top level")
    for folder in source.FOLDERS:
        if folder in top and folder + "/README.md" not in names:
            report.add(folder + "/README.md", 0, "is missing: each folder says what belongs in it")


def check_include(name, line, form, what, names, public, report):
    """One #include of a file in one of the folders."""
    folder = name.split("/")[0]
    is_public = "/include/flowos/" in name

    def bad(why):
        report.add(name, line, '#include %s: %s' % (what, why))

    if "libtrace.h" in what:
        if name != LIBTRACE_HOME:
            bad("libtrace is used in %s only" % LIBTRACE_HOME)
        return
    if form == '"':
        here = os.path.dirname(name)
        places = [os.path.normpath(os.path.join(base, what)) for base in (here, folder)]
        if is_public:
            bad("a public header includes public headers, as <flowos/...>")
        elif what.startswith("flowos/") or not any(p in names and p.startswith(folder + "/") for p in places):
            bad("is no private header of %s/" % folder)
        return
    if what.startswith("flowos/"):
        owners = [owner for owner in public if what in public[owner]]
        allowed = {"engine", folder} if folder != "bench" else set(public)
        if not owners:
            bad("there is no such public header")
        elif not allowed.intersection(owners):
            bad("is %s's: %s/ may include the engine's public headers and its own" % (owners[0], folder))
        return
    if LIBC.match(what):
        return
    if is_public:
        bad("is not libc's: a public header needs nothing else")
    elif folder in LIBRARIES and not LIBRARIES[folder].match(what):
        bad("is no library that %s/ may use" % folder)


def main():
    top = source.top_of_tree()
    report = source.Report()
    names = set(source.files(top))
    public = public_headers(names)
    checked = 0

    check_top(names, report)
    for name in sorted(names):
        folder = name.split("/")[0]
        if folder not in SOURCES or not name.endswith((".c", ".h")):
            continue
        text = source.without_comments(source.read(top, name))
        checked += 1
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            check_include(name, line, match.group(1), match.group(2), names, public, report)
        if folder in ("engine", "impair", "modules"):
            for match in PCAP_CALL.finditer(source.without_comments(text, keep_strings=False)):
                line = text.count("\n", 0, match.start()) + 1
                if folder == "modules":
                    report.add(name, line, "%s(): modules/ does not use libpcap" % match.group(1))
                elif match.group(1) not in PCAP_FILTER:
                    report.add(name, line, "%s(): of libpcap, %s/ uses the filter compiler only"
                               % (match.group(1), folder))
    if checked == 0:
        report.add(top, 0, "has no sources: is this the top of the tree?")
    report.finish("layers: %d sources, each includes downwards only" % checked)


if __name__ == "__main__":
    sys.exit(main())
