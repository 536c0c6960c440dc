/* SPDX-License-Identifier: BSD-2-Clause
 *
 * held.h: the segments of one direction that wait above a hole, each place of the stream once, in order of position.
 * Internal, one thread.
 *
 * A segment is held in *pieces*, the runs of it that lost no byte to another, which refer to its origin (origin.h): it
 * is kept once, however often it was cut. Overlaps are settled on insertion. Cost per segment is logarithmic in the
 * number held, in any order, and proportional to the pieces that it meets; each of those takes a byte of the segment.
 *
 * Memory is counted as it is: this struct, nodes, origins, copies of frames.
 */
#ifndef FOS_HELD_H
#define FOS_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/overlap.h>

#include "fetch.h"
#include "origin.h"
#include "pieces.h"
#include "runs.h"
#include "store.h"

struct fos_session;

/* A piece's stamp_ns before it is known to be acknowledged. */
#define FOS_UNSTAMPED UINT64_MAX

struct fos__held {
	struct fos__pieces pieces;
	struct fos__runs runs; /* for the policy `linux`: tcp.c keeps them */
	size_t kept;           /* memory of origins and of what was copied for them */
	uint64_t since_ns;     /* when the first of them came, for a direction that has not started */
	uint32_t since_pkts;
	uint32_t calm_pkts; /* until this packet of the direction, and */
	uint64_t
	    calm_ns; /* until this time, patience has no end (tcp.c); 0: it is to be asked. Set back by what changes it */
	uint8_t size_class; /* of store.h's by_size, in which it is */
	uint8_t side;       /* of `session`: whose segments these are */
	struct fos_session *session;
	struct fos__held *same, **same_link;
};

/* NULL: no memory. */
struct fos__held *fos__held_new(struct fos__store *st, struct fos_session *s, int side);

/* Frees the set and what is in it. */
void fos__held_free(struct fos__held *h);

static inline size_t fos__held_bytes(const struct fos__held *h)
{
	return sizeof(*h) + h->pieces.bytes + h->kept + fos__runs_bytes(&h->runs);
}

/* Where the first piece begins; there is one. */
static inline uint64_t fos__held_least(const struct fos__held *h)
{
	return h->pieces.least;
}

/* Does neither the time nor the number of the direction's packets say anything new of the hole? */
static inline bool fos__held_calm(const struct fos__held *h, uint32_t pkts, uint64_t now_ns)
{
	return now_ns < h->calm_ns && (int32_t)(pkts - h->calm_pkts) < 0;
}

static inline const uint8_t *fos__piece_data(const struct fos__origin *o, uint64_t from)
{
	return o->data + (from - o->o_from);
}

/* Lets it come into the cache, to be written. */
static FOS__FETCHES void fos__held_prefetch(const struct fos__held *h)
{
	for (size_t at = 0; at < sizeof(*h); at += 64)
		__builtin_prefetch((const char *)h + at, 1);
}

struct fos__insert {
	uint64_t from, to;     /* what is new to the stream: from >= next */
	uint64_t o_from, o_to; /* the segment as it came: o_from is where its payload begins */
	uint64_t rank;         /* o_from, or what the policy `linux` says (runs.h) */
	const uint8_t *data;   /* the byte at `from` */
	const struct fos_pkt *pkt;
	uint64_t held_ns; /* since when it is held */
	uint64_t now_ns;  /* for its stamp */
	enum fos_overlap policy;
	uint64_t ack; /* acknowledged up to here: pieces from before are stamped at once (0: nothing is) */
	uint32_t pkts;
};

/* Inserts a segment, settling overlaps. *conflicts is raised by the number of overlaps whose bytes differ, *added set to the pieces
 * that went in. Returns 0 or -ENOMEM (then part of it may be missing). */
int fos__held_insert(struct fos__held *h, const struct fos__insert *in, uint32_t *conflicts, unsigned *added);

/* Puts in a whole segment, at `pos`, that ends before all that is held (`front`) or begins behind it: there is nothing to settle.
 * `ack` as above. Returns 0 or -ENOMEM. */
int fos__held_join(struct fos__held *h, bool front, const struct fos_pkt *p, uint64_t pos, uint64_t now_ns,
                   uint32_t pkts, uint64_t ack);

/* Where a segment will go, while what it will look at is being fetched into the cache. */
struct fos__fetch {
	struct fos__held *held; /* NULL: nowhere */
	struct fos__leaf *leaf;
	uint64_t pos, to;
};

/* Looks that up for n <= FOS_BATCH_MAX segments, of which all but `leaf` is set; where it is not worth it, held is NULL then. */
void fos__held_fetch(struct fos__fetch *f, unsigned n);

/* To be called before the segment comes, unless a leaf was freed since. */
static inline void fos__held_fetched(const struct fos__fetch *f)
{
	if (f->held)
		f->held->pieces.finger = f->leaf;
}

/* Stamps what `ack` newly covers: pieces with from in (was, ack]. */
void fos__held_stamp(struct fos__held *h, uint64_t was, uint64_t ack, uint32_t pkts, uint64_t now_ns);

enum { FOS_HELD_RUN = 32 };

/* Takes up to FOS_HELD_RUN contiguous pieces from the front, of which the first begins at or before `next`. Their references are the
 * caller's (fos__origin_put). Returns how many; 0: there is none. */
unsigned fos__held_pop(struct fos__held *h, uint64_t next, struct fos__piece *out);

/* Takes all pieces out that begin in [from, to], in order, into an array that is the caller's (free), with their
 * references. Returns how many; 0 with *out NULL: there is none, or no memory (-ENOMEM in *err: nothing changed). */
size_t fos__held_take(struct fos__held *h, uint64_t from, uint64_t to, struct fos__piece **out, int *err);

/* Puts in what another set gave, `shift` further, behind all that is here. Takes the references over. Stamps are lost. Returns how
 * many went in: less than n where there is no memory. */
size_t fos__held_put(struct fos__held *h, struct fos__piece *x, size_t n, uint64_t shift);

/* Takes away from the first piece what lies before `pos`: it begins there. */
void fos__held_cut_front(struct fos__held *h, uint64_t pos);

/* Notes that the set has grown or shrunk, so that the store knows which holds the most. */
void fos__held_sort(struct fos__held *h);

/* The set that holds the most (within a factor of two; of such, the one that came to hold that much last); NULL: there is none. */
struct fos__held *fos__held_most(const struct fos__store *st);

#endif
