/* SPDX-License-Identifier: BSD-2-Clause
 *
 * scale_internal.h: what the files of scaling share: what is known of each packet of the source. Only scale*.c include it.
 */
#ifndef FLOWOS_IO_SCALE_INTERNAL_H
#define FLOWOS_IO_SCALE_INTERNAL_H

#include <flowos/scale.h>

#include "keymap.h"

enum fos__scale_flag {
	FOS__SCALE_V6 = 1 << 0,    /* the innermost IP header */
	FOS__SCALE_TCP = 1 << 1,   /* a TCP header is at l4 */
	FOS__SCALE_UDP = 1 << 2,   /* a UDP header is at l4 */
	FOS__SCALE_SIDE = 1 << 3,  /* sent by side 1 of the session's key */
	FOS__SCALE_CONV = 1 << 4,  /* `session` numbers a UDP conversation */
	FOS__SCALE_OTHER = 1 << 5, /* not multiplied: nothing else is set */
};

/* One packet of the source. */
struct fos__scale_pkt {
	uint32_t session; /* TCP session or UDP conversation */
	uint32_t host[2]; /* source and destination address, by number in the family */
	uint32_t app_len; /* captured payload bytes */
	uint32_t head;    /* bytes at the frame's `data` that a copy has of its own */
	uint16_t ip, l4;  /* offsets of the headers in the frame; l4 only with TCP or UDP */
	uint16_t outer;   /* offset of an outer UDP header, or 0 */
	uint16_t flags;   /* enum fos__scale_flag */
};

/* Sums over groups. A group is the TCP session of one rank, and the UDP conversations that go with it. */
struct fos__scale_sum {
	uint64_t packets, heads, payload;
};

struct fos__scale_plan {
	const struct fos_frames *src;
	struct fos__scale_pkt *pkt;
	uint32_t n;               /* packets */
	uint32_t tcp, udp;        /* sessions, conversations */
	struct fos__keymap host4; /* addresses, padded with zeros */
	struct fos__keymap host6;
	uint64_t duration_ns;        /* of the source */
	struct fos__scale_sum *upto; /* [r]: over the groups before rank r; tcp + 1 of them */
	uint32_t *order;             /* packets that are multiplied, by group, then by number */
	uint32_t *all;               /* the same, by number */
};

/* Reads the source into *p. Returns 0, or -EINVAL, -ENODATA, -ENOMEM as fos_scale_open(), with nothing left to free. */
int fos__scale_plan(struct fos__scale_plan *p, const struct fos_frames *src, uint64_t seed);
void fos__scale_plan_free(struct fos__scale_plan *p);

/* Fills p->pkt, the counts and the hosts: the part of planning that parses. Returns 0, -EINVAL or -ENOMEM. */
int fos__scale_read(struct fos__scale_plan *p);

/* What is to be written into a copy. */
struct fos__scale_to {
	uint8_t addr[2][16]; /* source and destination; IPv4 fills the first 4 */
	uint32_t seq, ack;   /* to be added */
};

/* Rewrites a copy of the packet's first k->head bytes. */
void fos__scale_rewrite(const struct fos__scale_pkt *k, uint8_t *head, const struct fos__scale_to *to);

#endif
