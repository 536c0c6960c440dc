/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tcp_case.h: what the target `tcp` makes of its input: settings of a worker, and TCP packets in both directions of a
 * few 4-tuples. Every payload byte is a formula of its conversation, direction, sequence number and *version*: two
 * segments of different versions have different bytes for one place, all others agree.
 *
 * An input is 8 bytes of settings and records of 8 bytes, each a packet or a short run of them; tcp_case.c says which
 * bit is what. Pure functions.
 */
#ifndef FLOWOS_TEST_FUZZ_TCP_CASE_H
#define FLOWOS_TEST_FUZZ_TCP_CASE_H

#include <stdio.h>

#include <flowos/worker.h>

#include "fuzz.h"

enum {
	TCP_SETTINGS = 8,
	TCP_RECORD = 8,
	TCP_RECORDS = 48,
	TCP_PACKETS = 192,     /* at most; a record is up to 8 */
	TCP_CLEAN_SPAN = 4096, /* in a clean case, streams are no longer than that */
	TCP_LEN_MAX = 1400,
	TCP_HEADERS = 74, /* at most: Ethernet, IPv6, TCP */
	TCP_TUPLES = 4,   /* 0, 1: IPv4, 2: IPv6, 3: both ends are the same address and port */
	TCP_SELF = 3,
};

enum tcp_mode {
	TCP_UNSTABLE = 1, /* frames are gone after their batch */
	TCP_PIECES = 2,   /* headers and payload lie apart */
};

struct tcp_packet {
	uint8_t tuple, dir, flags, version;
	uint32_t seq, ack;
	uint32_t first;     /* sequence number of the first payload byte */
	uint32_t len, more; /* payload as captured, and announced beyond that */
	bool bad;           /* its checksum is wrong, and checksums are verified */
	uint32_t headers;   /* bytes in front of the payload */
	uint64_t ts_ns;
	const uint8_t *frame;
};

struct tcp_case {
	struct fos_worker_config cfg;
	unsigned mode; /* enum tcp_mode */
	bool clean;    /* one use of each 4-tuple, nothing is given up before the end: what must come out is plain */
	bool walker;   /* a second module reads the streams in every way there is */
	uint8_t level; /* which one: 0 app, 1 tcp, 2 ip */
	uint64_t seed; /* of what the walker does */
	uint32_t base[TCP_TUPLES][2]; /* sequence number of the first byte, at first */
	uint32_t end[TCP_TUPLES][2];  /* clean: length of the stream */
	uint32_t n;
	struct tcp_packet packet[TCP_PACKETS];
	uint8_t bytes[TCP_PACKETS * (TCP_HEADERS + TCP_LEN_MAX)];
	size_t used;
};

static inline uint8_t tcp_byte(unsigned tuple, unsigned dir, uint32_t seq, unsigned version)
{
	uint32_t x = (seq + tuple * 0x1000193u + dir * 0x9e3779b1u) * 0x85ebca6bu;

	return (uint8_t)((x >> 24 ^ x >> 11) ^ (version ? 0xa5u : 0u));
}

/* Reads an input. Any bytes are one. */
void tcp_case_read(struct tcp_case *c, const uint8_t *data, size_t size);

/* For a person: sequence numbers and, behind the '=', how far they are from the direction's (last) first byte. */
void tcp_case_print(const struct tcp_case *c, FILE *out);

#endif
