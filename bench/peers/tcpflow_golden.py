#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""tcpflow as an engine under test: the files that it writes become golden lines."""

import os

import streams

# In the place of missing bytes its files have zeros.
LACKS = {"udp": "no", "empty": "no", "fragments": "no", "checksum": "ignore", "gaps": "zeros"}


def collect(path, folder, _arguments):
    streams.run([streams.program("tcpflow"), "-q", "-r", os.path.abspath(path), "-o", folder, "-X", os.devnull])
    return streams.read_files(folder)


if __name__ == "__main__":
    streams.main("tcpflow", __doc__, LACKS, collect)
