/* SPDX-License-Identifier: BSD-2-Clause
 *
 * origin.h: a segment that outlives its batch, as it came: its packet, and from where to where it reached. What is left
 * of it, in the pieces that a direction holds and the spans that modules read, refers to it. Internal, one thread.
 *
 * Ownership: an origin keeps its packet's bytes: stable frames as they are, others in a copy, those of a reassembled
 * datagram with a hold on its buffer. It is counted: whoever refers to it puts it back once.
 */
#ifndef FOS_ORIGIN_H
#define FOS_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/pkt.h>
#include <flowos/stream.h>

struct fos__store;

/* What is needed for each piece is in the first 64 bytes. */
struct fos__origin {
	uint32_t refs;
	uint32_t pieces;     /* how many a direction holds */
	const uint8_t *data; /* its first byte, at o_from */
	uint64_t o_from;     /* position of the segment as it came, and its length: only held.c looks at them */
	uint32_t o_len;
	uint32_t joined;          /* how far before o_from its rank lies (runs.h); FOS_JOINED_LOSES: it loses to all */
	uint64_t held_ns;         /* since when it is held */
	struct fos__origin *heir; /* while pieces of it move from one use to another; else NULL */
	uint32_t bytes;           /* memory that it costs */
	bool shown;               /* a piece of it was delivered */
	struct fos_pkt pkt;
};

#define FOS_JOINED_LOSES UINT32_MAX

/* One reference, `data` that of its payload, and the positions 0; NULL: no memory. */
struct fos__origin *fos__origin_new(struct fos__store *st, const struct fos_pkt *pkt);
void fos__origin_put(struct fos__origin *o);

static inline struct fos__origin *fos__origin_of(const struct fos_pkt *pkt)
{
	return (struct fos__origin *)((uintptr_t)pkt - offsetof(struct fos__origin, pkt));
}

/* Where in o's packet the byte is that `data` is in `pkt`, of which o was made: in its payload or in its headers. */
const uint8_t *fos__origin_at(const struct fos__origin *o, const struct fos_pkt *pkt, const uint8_t *data);

/* A span of a kept packet. It takes the reference over, also where there is no memory for it (NULL). */
struct fos_span *fos__span_new(struct fos__store *st, struct fos__origin *o, const uint8_t *data, uint32_t len);
void fos__span_free(struct fos_span *sp);

#endif
