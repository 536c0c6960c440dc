#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""libnids as an engine under test: runs libnids_streams, which links it (GPL), and prints golden lines."""

import streams

# It follows connections whose handshake it saw, over IPv4, and delivers nothing behind a byte that never comes.
LACKS = {"udp": "no", "ipv6": "no", "mid": "no", "empty": "no", "qinq": "no", "gaps": "stop", "checksum": "ignore"}


def collect(path, folder, arguments):
    command = [streams.program("peer-libnids-streams"), *(["--checksum"] if arguments.checksum else []), path, folder]
    streams.run(command)
    return streams.read_index(folder)


if __name__ == "__main__":
    streams.main("libnids", __doc__, LACKS, collect,
                 [("--checksum", {"action": "store_true", "help": "refuse wrong checksums"})])
