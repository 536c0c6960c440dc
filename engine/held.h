/* SPDX-License-Identifier: BSD-2-Clause
 *
 * held.h: the segments of one direction that wait above a hole, each place of the stream once, in order of position.
 * Internal. Overlaps are settled on insertion; cost per segment is logarithmic in the number held, in any order.
 *
 * Ownership: a segment keeps its packet's bytes: stable frames as they are, others in a copy (fos_pkt_keep).
 */
#ifndef FOS_HELD_H
#define FOS_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bsd/sys/tree.h>

#include <flowos/overlap.h>
#include <flowos/pkt.h>
#include <flowos/stream.h>

/* A run of payload that outlives its batch: held above a hole, or kept by a module that has not released it. */
struct fos__seg {
	struct fos_span span; /* first: a span of kept bytes is freed as its segment */
	struct fos_pkt pkt;
	RB_ENTRY(fos__seg) node;
	uint64_t from, to;     /* positions of what it still contributes */
	uint64_t o_from, o_to; /* as it came, for the overlap policy */
	uint64_t held_ns;
	uint64_t stamp_ns; /* when it was known to be acknowledged */
	uint32_t stamp_pkts;
	bool stamped;
	bool first; /* the first piece of its packet */
};

RB_HEAD(fos__seg_tree, fos__seg);

struct fos__held {
	struct fos__seg_tree tree;
	struct fos__seg *first;
	struct fos__seg *last;
	size_t count;
	size_t bytes;      /* memory: segments, and what was copied for them */
	uint64_t since_ns; /* when the first of them came, for a direction that has not started */
	uint32_t since_pkts;
};

struct fos__held *fos__held_new(void); /* NULL: no memory */

/* Frees the set and what is in it. Returns the bytes of memory that it had accounted for. */
size_t fos__held_free(struct fos__held *h);

struct fos__insert {
	uint64_t from, to;     /* what is new to the stream: from >= next */
	uint64_t o_from, o_to; /* the segment as it came */
	const uint8_t *data;   /* the byte at `from` */
	const struct fos_pkt *pkt;
	uint64_t held_ns; /* since when it is held */
	uint64_t now_ns;  /* for its stamp */
	enum fos_overlap policy;
	uint64_t ack; /* acknowledged up to here: pieces from before are stamped at once (0: nothing is) */
	uint32_t pkts;
	bool first;
};

/* Inserts a segment, settling overlaps. *conflicts is raised by the number of overlaps whose bytes differ, *added set to the pieces
 * that went in. Returns 0 or -ENOMEM (then part of it may be missing). */
int fos__held_insert(struct fos__held *h, const struct fos__insert *in, uint32_t *conflicts, unsigned *added);

/* Puts in a segment that another set gave (fos__held_take) and that overlaps with nothing here. */
void fos__held_put(struct fos__held *h, struct fos__seg *s);

/* Stamps what `ack` newly covers: segments with from in (was, ack]. */
void fos__held_stamp(struct fos__held *h, uint64_t was, uint64_t ack, uint32_t pkts, uint64_t now_ns);

/* Takes the first segment out; it is the caller's (fos__seg_free). NULL: there is none. */
struct fos__seg *fos__held_pop(struct fos__held *h);

/* Takes any segment out. */
void fos__held_take(struct fos__held *h, struct fos__seg *s);
struct fos__seg *fos__held_next(struct fos__seg *s);

/* A segment with its own hold on the packet's bytes; NULL: no memory. `data` lies in the packet. */
struct fos__seg *fos__seg_new(const struct fos_pkt *pkt, const uint8_t *data, uint32_t len);
void fos__seg_free(struct fos__seg *s);

/* Memory that a segment costs. */
size_t fos__seg_bytes(const struct fos__seg *s);

#endif
