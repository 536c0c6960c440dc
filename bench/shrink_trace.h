/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_trace.h: the packets that are to be shrunk, and what has to be known of them to take some away so that what is
 * left is TCP: which conversation and direction each belongs to, and where in its direction's sequence space it lies.
 *
 * One thread; read-only once it is made. The frames remain the caller's and must last as long.
 */
#ifndef BENCH_SHRINK_TRACE_H
#define BENCH_SHRINK_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/frames.h>
#include <flowos/key.h>

enum { SHRINK_NONE = UINT32_MAX };

/* One packet. Positions are 64 bits wide, their low 32 bits are the sequence number (flowos/seq.h). */
struct shrink_packet {
	const struct fos_frame *f;
	uint64_t from;         /* TCP: position of the first payload byte */
	uint64_t ack;          /* position that is acknowledged in the other direction */
	uint32_t len;          /* payload as announced */
	uint32_t cap_len;      /* as captured */
	uint32_t conv;         /* conversation: a 5-tuple; what is no TCP or UDP has one for itself */
	uint32_t dir;          /* TCP: direction, an index into shrink_trace.dir; else SHRINK_NONE */
	uint32_t group;        /* fragments of one datagram have the same, from 1; 0: no fragment */
	uint16_t ip, tcp, app; /* offsets in the frame; tcp 0: no TCP header here (a later fragment) */
	uint8_t flags;
	bool
	    rigid; /* its length is told in more places than one, or it is a fragment: all of its payload stays, or none */
};

struct shrink_dir {
	uint32_t peer; /* the other direction of the same use */
	uint32_t conv;
	uint32_t older;   /* the use before it, by its direction from side 0; or SHRINK_NONE */
	uint8_t side;     /* of the key, that sends */
	bool seen, acked; /* `near` is of a packet; or of an acknowledgement */
	bool has_isn;
	uint32_t isn;
	uint64_t near; /* greatest position seen */
};

struct shrink_conv {
	struct fos_key key; /* version 0: neither TCP nor UDP */
	uint32_t newest;    /* TCP: its newest use's direction from side 0, or SHRINK_NONE */
};

struct shrink_trace {
	struct shrink_packet *packet;
	size_t n;
	struct shrink_dir *dir; /* two for each use of a 4-tuple, side 0 first */
	uint32_t dirs, dir_slots;
	struct shrink_conv *conv;
	uint32_t convs, conv_slots;
	uint32_t groups;
	uint32_t *index; /* hash table over conv, plus one; while it is made */
	uint32_t index_slots;
};

/* 0 or -ENOMEM. */
int shrink_trace_make(struct shrink_trace *t, const struct fos_frames *f);
void shrink_trace_free(struct shrink_trace *t);

/* "tcp A > B" or "udp A > B" as golden lines name a direction of a conversation; buf takes SHRINK_NAME bytes. Returns buf. */
enum { SHRINK_NAME = 2 * FOS_ADDR_TEXT + 16 };
char *shrink_direction_name(const struct shrink_conv *c, int side, char *buf, size_t len);

/* The conversation that a golden line's name "tcp A > B" speaks of, or SHRINK_NONE. */
uint32_t shrink_conv_named(const struct shrink_trace *t, const char *name);

#endif
