# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the command lines share: running a program, and what a good failure looks like."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = os.environ.get("FLOWOS_TOP") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("FLOWOS_BIN") or os.path.join(TOP, "build", "release", "bin")
TRACES = os.environ.get("FLOWOS_TRACES") or os.path.join(TOP, "traces")
SANITIZE = bool(os.environ.get("FLOWOS_SANITIZE"))
LONG = os.environ.get("FLOWOS_LONG") == "1"
SECONDS = 600
# libtrace's reader of files does not free all when it is given what is no capture, nor libconfig what is no configuration.
LEAKS = b"leak:libwandio\nleak:libtrace.so\nleak:libconfig.so\n"


def require(*programs):
    """Ends the test with status 77 where a program is not built."""
    for program in programs:
        if not os.path.exists(os.path.join(BIN, program)):
            print(f"{program} was not built in {BIN}")
            sys.exit(77)


def overlook_leaks():
    """Tells the leak sanitizer what to overlook in libraries that are not ours."""
    if not SANITIZE or "LSAN_OPTIONS" in os.environ:
        return
    path = os.path.join(tempfile.mkdtemp(prefix="flowos-lsan-"), "suppressions")
    atexit.register(shutil.rmtree, os.path.dirname(path), True)
    with open(path, "wb") as out:
        out.write(LEAKS)
    os.environ["LSAN_OPTIONS"] = f"suppressions={path}:print_suppressions=0"


def run(program, *arguments, stdin=None, cwd=None):
    """Runs BIN/program; its output is text where it can be."""
    overlook_leaks()
    done = subprocess.run([os.path.join(BIN, program), *map(str, arguments)], input=stdin, capture_output=True,
                          timeout=SECONDS, cwd=cwd, check=False)
    done.text = done.stdout.decode("utf-8", "replace")
    done.errors = done.stderr.decode("utf-8", "replace")
    return done


def traces():
    return sorted(name for name in os.listdir(TRACES) if name.endswith(".pcap"))


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="flowos-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as out:
                out.write(content if isinstance(content, bytes) else content.encode())
        return path

    def ok(self, program, *arguments, **more):
        done = run(program, *arguments, **more)
        self.assertEqual((done.returncode, done.errors), (0, ""), f"{program} {arguments}: {done.text}")
        return done

    def refused(self, program, *arguments, status=2, says=None, **more):
        """It ends with this status and one clear line on standard error."""
        done = run(program, *arguments, **more)
        where = f"{program} {' '.join(map(str, arguments))}: {done.errors!r}"
        self.assertEqual(done.returncode, status, where)
        self.assertEqual(done.errors.count("\n"), 1, where)
        self.assertTrue(done.errors.startswith(program), where)
        self.assertGreater(len(done.errors), len(program) + 8, where)
        for word in ("Sanitizer", "Traceback", "Assertion"):
            self.assertNotIn(word, done.errors)
        if says:
            self.assertIn(says, done.errors)
        return done

    def read(self, path):
        with open(path, "rb") as stream:
            return stream.read()
