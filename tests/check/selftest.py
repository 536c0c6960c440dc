#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The checks find what they are for: each gets a small good tree, and then the same tree with one thing wrong."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import source

HERE = os.path.dirname(os.path.abspath(__file__))
LICENCE = "/* SPDX-License-Identifier: BSD-2-Clause\n *\n * %s: a file of the good tree.\n */\n"
SKIPPED = 77


def c_file(name, body=""):
    return LICENCE % name + body


GOOD = {
    "CMakeLists.txt": "project(x)\n", "CMakePresets.json": "{}\n", ".clang-format": "BasedOnStyle: LLVM\n",
    ".ci/run": "#!/bin/sh\n", "README.md": "# x\n", "ARCHITECTURE.md": "# x\n", "HACKING.md": "# x\n",
    "LICENSE": "free\n", **{folder + "/README.md": "# x\n" for folder in source.FOLDERS},
    "engine/include/flowos/pkt.h": c_file("pkt.h", "#ifndef P\n#define P\n#include <stdint.h>\n"
                                     "struct fos_pkt {\n  uint32_t len;\n};\n#endif\n"),
    "io/include/flowos/trace.h": c_file("trace.h", "#include <flowos/pkt.h>\n"),
    "impair/include/flowos/impair.h": c_file("impair.h", "#include <flowos/pkt.h>\n"),
    "engine/flow.c": c_file("flow.c", "#include <pcap/pcap.h>\n#include \"flow.h\"\n"
                            "int f(void);\nint f(void)\n{\n  pcap_freecode(0);\n  return 0;\n}\n"),
    "engine/flow.h": c_file("flow.h"),
    "io/libtrace_port.c": c_file("libtrace_port.c", "#include <libtrace.h>\n"),
    "modules/count.c": c_file("count.c", "#include <flowos/pkt.h>\n#include <hs/hs.h>\n"),
    "bench/main.c": c_file("main.c", "#include <flowos/trace.h>\n#include <flowos/impair.h>\n"),
}


class Checks(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="flowos-check-")
        self.addCleanup(shutil.rmtree, self.top)
        for name, text in GOOD.items():
            self.put(name, text)

    def put(self, name, text):
        path = os.path.join(self.top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as handle:
            handle.write(text)

    def run_check(self, check):
        command = ["bash"] if check.endswith(".sh") else [sys.executable]
        run = subprocess.run([*command, os.path.join(HERE, check), self.top], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, check=False)
        if run.returncode == SKIPPED:
            self.skipTest(run.stdout)
        return run

    def passes(self, check):
        run = self.run_check(check)
        self.assertEqual(run.returncode, 0, run.stdout)

    def finds(self, check, pattern):
        run = self.run_check(check)
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertTrue(re.search(pattern, run.stdout), run.stdout)
        self.assertNotIn("Traceback", run.stdout)

    # layers

    def layers_find(self, name, line, pattern):
        self.put(name, c_file(os.path.basename(name), line + "\n"))
        self.finds("layers.py", re.escape(name) + r":5: .*" + pattern)

    def test_layers_good(self):
        self.passes("layers.py")

    def test_layers_top_level(self):
        self.put("notes.md", "x\n")
        self.finds("layers.py", r"notes\.md: does not belong")

    def test_layers_top_level_missing(self):
        os.remove(os.path.join(self.top, "HACKING.md"))
        self.finds("layers.py", r"HACKING\.md: is missing")

    def test_layers_folder_without_readme(self):
        os.remove(os.path.join(self.top, "engine", "README.md"))
        self.finds("layers.py", r"engine/README\.md: is missing")

    def test_layers_engine_includes_io(self):
        self.layers_find("engine/bad.c", "#include <flowos/trace.h>", "is io's")

    def test_layers_engine_includes_file_of_io(self):
        self.layers_find("engine/bad.c", '#include "../io/libtrace_port.c"', "no private header of engine/")

    def test_layers_engine_captures(self):
        self.layers_find("engine/bad.c", "int g(void) { return pcap_next_ex(0, 0, 0); }", "filter compiler only")

    def test_layers_impair_captures(self):
        self.layers_find("impair/bad.c", "int g(void) { return pcap_loop(0, 0, 0, 0); }", "filter compiler only")

    def test_layers_modules_call_libpcap(self):
        self.layers_find("modules/bad.c", "int g(void) { return bpf_filter(0, 0, 0, 0); }", "does not use libpcap")

    def test_layers_engine_library(self):
        self.layers_find("engine/bad.c", "#include <jansson.h>", "no library that engine/ may use")

    def test_layers_io_includes_impair(self):
        self.layers_find("io/bad.c", "#include <flowos/impair.h>", "is impair's")

    def test_layers_io_includes_private_header(self):
        self.layers_find("io/bad.c", '#include "flow.h"', "no private header of io/")

    def test_layers_impair_includes_io(self):
        self.layers_find("impair/bad.c", "#include <flowos/trace.h>", "is io's")

    def test_layers_modules_include_private_header(self):
        self.layers_find("modules/bad.c", '#include "../engine/flow.h"', "no private header of modules/")

    def test_layers_modules_use_libpcap(self):
        self.layers_find("modules/bad.c", "#include <pcap/pcap.h>", "no library that modules/ may use")

    def test_layers_libtrace_elsewhere(self):
        self.layers_find("io/bad.c", "#include <libtrace.h>", "in io/libtrace_port.c only")

    def test_layers_bench_includes_private_header(self):
        self.layers_find("bench/bad.c", '#include "../engine/flow.h"', "no private header of bench/")

    def test_layers_public_includes_private(self):
        self.layers_find("engine/include/flowos/bad.h", '#include "../../flow.h"', "a public header includes")

    def test_layers_public_includes_library(self):
        self.layers_find("engine/include/flowos/bad.h", "#include <pcap/pcap.h>", "is not libc's")

    def test_layers_unknown_public_header(self):
        self.layers_find("modules/bad.c", "#include <flowos/none.h>", "no such public header")

    def test_layers_comments_do_not_count(self):
        self.put("engine/fine.c", c_file("fine.c", "/*\n#include <libtrace.h>\n pcap_loop() */\n// pcap_loop()\n"))
        self.passes("layers.py")

    # headers

    def test_headers_good(self):
        self.passes("headers.py")

    def test_headers_needs_another(self):
        self.put("engine/include/flowos/bad.h", c_file("bad.h", "#ifndef B\n#define B\nstruct bad {\n  uint32_t x;\n};\n#endif\n"))
        self.finds("headers.py", r"bad\.h: does not compile alone(?s:.*)uint32_t")

    def test_headers_included_twice(self):
        self.put("engine/include/flowos/bad.h", c_file("bad.h", "struct bad {\n  int x;\n};\n"))
        self.finds("headers.py", r"bad\.h: does not compile alone(?s:.*)redefinition")

    def test_headers_warns(self):
        self.put("engine/include/flowos/bad.h", c_file(
            "bad.h", "#ifndef B\n#define B\nstatic inline char f(int x)\n{\n  return x;\n}\n#endif\n"))
        self.finds("headers.py", r"onversion")

    # budget

    def test_budget_good(self):
        self.passes("budget.py")

    def test_budget_long_file(self):
        self.put("engine/bad.c", c_file("bad.c", "int x;\n" * 600))
        self.finds("budget.py", r"bad\.c: has 604 lines")

    def test_budget_long_function(self):
        body = "int f(void)\n{\n" + "  f();\n" * 98 + "}\n"
        self.put("engine/bad.c", c_file("bad.c", body))
        self.finds("budget.py", r"bad\.c:5: f\(\) has 101 lines")

    def test_budget_at_the_limit(self):
        self.put("engine/fine.c", c_file("fine.c", "int f(void)\n{\n" + "  f();\n" * 97 + "}\n" + "\n" * 496))
        self.passes("budget.py")

    def test_budget_earned(self):
        body = "int x;\n\n/* Long: one case a message. */\nint f(void)\n{\n" + "  f();\n" * 98 + "}\n"
        self.put("engine/fine.c", c_file("fine.c", body))
        self.passes("budget.py")

    def test_budget_long_without_reason(self):
        body = "int x;\n\n/* Long: */\nint f(void)\n{\n" + "  f();\n" * 98 + "}\n"
        self.put("engine/bad.c", c_file("bad.c", body.replace("Long: */", "Long. */")))
        self.finds("budget.py", r"f\(\) has 101 lines")

    # text

    def test_text_good(self):
        self.passes("text.py")

    def text_finds(self, name, text, pattern):
        self.put(name, text)
        self.finds("text.py", pattern)

    def test_text_trailing_blank(self):
        self.text_finds("README.md", "# x \n", r"README\.md:1: blanks")

    def test_text_carriage_return(self):
        self.text_finds("README.md", "# x\r\n", r"README\.md:1: .*CR LF")

    def test_text_no_last_line_feed(self):
        self.text_finds("README.md", "# x", r"does not end in a line feed")

    def test_text_tab(self):
        self.text_finds("tests/x.py", "if 1:\n\tpass\n", r"x\.py:2: a tab")

    def test_text_tab_after_space(self):
        self.text_finds("engine/bad.c", c_file("bad.c", "  \tint x;\n"), r"bad\.c:5: a tab after a space")

    def test_text_todo(self):
        self.text_finds("engine/bad.c", c_file("bad.c", "/* TODO: later */\n"), r"bad\.c:5: TODO without an owner")

    def test_text_todo_with_owner(self):
        self.put("engine/fine.c", c_file("fine.c", "/* TODO(anna): later */\n"))
        self.passes("text.py")

    def test_text_machine(self):
        self.text_finds("README.md", "see /home/anna/flowos\n", r"README\.md:1: /home/anna")

    def test_text_licence(self):
        self.text_finds("engine/bad.c", c_file("bad.c").replace("BSD-2-Clause", "GPL-2.0-only"), r"not a permissive")

    def test_text_no_licence(self):
        self.text_finds("engine/bad.c", "int x;\n", r"bad\.c:1: does not begin with")

    def test_text_no_top_comment(self):
        self.text_finds("engine/bad.c", "/* SPDX-License-Identifier: MIT\n */\n", r"does not say `bad\.c:")

    # fetch

    FETCH = "static %svoid fetch(const void *p)\n{\n  __builtin_prefetch(p);\n}\n"

    def test_fetch_good(self):
        self.put("engine/fine.c", c_file("fine.c", self.FETCH % "FOS__FETCHES "))
        self.put("engine/other.c", c_file("other.c", self.FETCH.replace("void fetch", "int fetch") % ""))
        self.put("engine/third.c", c_file("third.c", self.FETCH.replace("(p);", "(p);\n  f();") % ""))
        self.passes("fetch.py")

    def test_fetch_without_inline(self):
        self.put("engine/bad.c", c_file("bad.c", self.FETCH % "inline "))
        self.finds("fetch.py", r"bad\.c:5: fetch\(\) returns nothing")

    # format

    def test_format_good(self):
        self.put("engine/fine.c", "int f(void);\n")
        for name in GOOD:
            if name.endswith((".c", ".h")):
                self.put(name, "int f(void);\n")
        self.passes("format.sh")

    def test_format_bad(self):
        self.put("engine/bad.c", "int   f( void ) ;\n")
        self.finds("format.sh", r"engine/bad\.c: not as")


if __name__ == "__main__":
    unittest.main()
