#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""This project's engine as any other engine under test: the streams that flowos-bench --streams-out writes."""

import os

import streams

LACKS = {"udp": "no", "empty": "no", "checksum": "ignore", "overlap": "bsd"}


def collect(path, folder, _arguments):
    out = os.path.join(folder, "out")
    streams.run([streams.program("flowos-bench"), "-r", path, "--checksum", "ignore", "--no-check", "--repeat", "1", "--json",
                 "-", "--streams-out", out])
    return streams.read_files(out)


if __name__ == "__main__":
    streams.main("flowos", __doc__, LACKS, collect)
