/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_rename.h: other addresses and ports for packets and for golden lines, one for one: what is here is XORed to them.
 *
 * Pure on their arguments; any thread.
 */
#ifndef BENCH_META_RENAME_H
#define BENCH_META_RENAME_H

#include "meta.h"

struct meta_names {
	uint8_t v4[4], v6[16];
	uint16_t port; /* of TCP, host byte order */
};

/* Changes a TCP or UDP packet without options and extension headers, whose bytes are the set's own, and its checksums. */
void meta_rename_packet(struct meta_pkt *p, const struct meta_names *n);

/* The line with its names changed; the caller frees it. NULL: no line, or no memory. */
char *meta_rename_line(const char *line, const struct meta_names *n);

#endif
