/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frag_case.h: what the target `frag` makes of its input: settings of a fragment table, and IP fragments of a few
 * datagrams. Every payload byte is a formula of its datagram, its place and a *version*: fragments of different
 * versions have different bytes for one place (but for the transport header's).
 *
 * An input is 4 bytes of settings and records of 8 bytes, a fragment each; frag_case.c says which bit is what. Pure
 * functions.
 */
#ifndef FLOWOS_TEST_FUZZ_FRAG_CASE_H
#define FLOWOS_TEST_FUZZ_FRAG_CASE_H

#include <flowos/frag.h>

#include "fuzz.h"

enum {
	FRAG_SETTINGS = 4,
	FRAG_RECORD = 8,
	FRAG_RECORDS = 64,
	FRAG_FRAMES = 2 * FRAG_RECORDS, /* one that is itself cut in two makes two */
	FRAG_LEN_MAX = 8192,
	FRAG_HEADERS = 20 + 40 + 8 + 24, /* at most: tunnel, IPv6, an extension header, the fragment header */
};

enum frag_wrap { FRAG_PLAIN, FRAG_IN_IP, FRAG_CUT_IN_TWO };

struct frag_piece {
	uint8_t version, id, addr, proto; /* IP version; which datagram; of which hosts */
	uint8_t text;                     /* version of its bytes */
	uint8_t wrap;                     /* enum frag_wrap */
	bool more, options;               /* options: a longer header */
	uint32_t offset, len, cut;        /* cut: bytes that were not captured */
	uint64_t ts_ns;
	uint32_t header;   /* length of the IP header, without IPv6's fragment header */
	uint32_t first, n; /* its frames */
};

struct frag_case {
	struct fos_frag_config cfg;
	uint32_t n, n_frames;
	struct frag_piece piece[FRAG_RECORDS];
	struct fos_frame frame[FRAG_FRAMES];
	size_t used;
	uint8_t bytes[FRAG_RECORDS * (FRAG_LEN_MAX + 2 * FRAG_HEADERS)];
};

/* The byte at `at` of a datagram's payload. The first 8 (UDP) or 20 (TCP) are a header, whatever the version. */
uint8_t frag_byte(const struct frag_piece *p, unsigned text, uint32_t at);

void frag_case_read(struct frag_case *c, const uint8_t *data, size_t size);
void frag_case_print(const struct frag_case *c); /* on stderr, for a person */

#endif
