#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""gopacket's package reassembly as an engine under test: runs gopacket_streams and prints golden lines."""

import streams

# Fragments: of IPv4 only. What is missing is waited for to the end of the capture and then skipped and reported.
LACKS = {"udp": "no", "empty": "no", "checksum": "ignore"}


def collect(path, folder, arguments):
    after = ["-flush-after", str(arguments.flush_after)] if arguments.flush_after else []
    streams.run([streams.program("peer-gopacket-streams"), *after, path, folder])
    return streams.read_index(folder)


if __name__ == "__main__":
    streams.main("gopacket", __doc__, LACKS, collect,
                 [("--flush-after", {"type": float, "metavar": "S",
                                     "help": "give up what is missing after S seconds of the capture (default: at the end)"})])
