/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pieces.h: an ordered set of runs of positions that do not overlap: a B+ tree whose leaves are linked. Internal.
 *
 * Up to four pieces lie in the set itself, more in leaves of up to 63. Whatever the order of insertion, the cost of one
 * is a descent through three or four levels and a short move within a leaf; at both ends, and near the last insertion,
 * there is no descent. Taking from the front is constant. Leaves are at least half full on average, unless much was
 * taken out of the middle; `bytes` is what the set really occupies.
 *
 * It knows nothing of packets: what a piece refers to belongs to the caller. Times and numbers are the caller's, too.
 */
#ifndef FOS_PIECES_H
#define FOS_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fos__origin;
struct fos__store;

struct fos__piece {
	uint64_t from;     /* position */
	uint64_t stamp_ns; /* see held.h */
	struct fos__origin *origin;
	uint32_t len;
	uint32_t stamp_pkts;
};

/* What a leaf holds of a piece beside `from`. */
struct fos__piece_rest {
	uint64_t stamp_ns;
	struct fos__origin *origin;
	uint32_t len;
	uint32_t stamp_pkts;
};

struct fos__inner;

/* Behind it lie `cap` times `from`, and then `cap` times the rest; [at, at + n) of them are taken. In a leaf of FOS_LEAF_CAP the places
 * before those have 0 as `from`, those behind them UINT64_MAX: it is searched without a look at `at` and `n`. */
struct fos__leaf {
	struct fos__leaf *prev, *next;
	struct fos__inner *parent;
	uint16_t at, n, cap;
};

enum {
	FOS_LEAF_INLINE = 4,
	FOS_LEAF_FEW = 15,
	FOS_LEAF_CAP = 63,
	FOS_INNER_CAP = 63,
	FOS_LEAF_ROOM = sizeof(uint64_t) + sizeof(struct fos__piece_rest), /* of a piece */
};

struct fos__inner {
	struct fos__inner *parent;
	uint32_t n;
	uint32_t height; /* 1: its children are leaves */
	uint64_t
	    key[FOS_INNER_CAP]; /* the least `from` below that child, but 0 for the leftmost of its level; UINT64_MAX
	                              * behind the last one */
	void *child[FOS_INNER_CAP];
};

struct fos__pieces {
	struct fos__leaf *first, *last;
	struct fos__leaf *finger; /* where the last insertion was, or NULL */
	struct fos__inner *root;  /* NULL: there is one leaf */
	struct fos__store *store; /* where nodes come from */
	size_t count;
	size_t bytes;   /* of nodes, beside this struct */
	uint64_t least; /* where the first piece begins; UINT64_MAX: there is none */
	struct fos__leaf small;
	uint64_t small_room[FOS_LEAF_INLINE * FOS_LEAF_ROOM / sizeof(uint64_t)];
};

/* A place in the set: that of a piece, or (`leaf` NULL) behind the last one. Insertions and removals that were not made
 * with it make it void. */
struct fos__cursor {
	struct fos__leaf *leaf;
	unsigned i; /* from 0 */
};

static inline uint64_t *fos__leaf_from(const struct fos__leaf *l)
{
	return (uint64_t *)(uintptr_t)(l + 1) + l->at;
}

static inline struct fos__piece_rest *fos__leaf_rest(const struct fos__leaf *l)
{
	return (struct fos__piece_rest *)((uint64_t *)(uintptr_t)(l + 1) + l->cap) + l->at;
}

static inline uint64_t fos__cursor_from(struct fos__cursor c)
{
	return fos__leaf_from(c.leaf)[c.i];
}

static inline struct fos__piece_rest *fos__cursor_rest(struct fos__cursor c)
{
	return &fos__leaf_rest(c.leaf)[c.i];
}

static inline uint64_t fos__cursor_to(struct fos__cursor c)
{
	return fos__cursor_from(c) + fos__cursor_rest(c)->len;
}

static inline void fos__cursor_next(struct fos__cursor *c)
{
	if (++c->i == c->leaf->n)
		*c = (struct fos__cursor){ .leaf = c->leaf->next };
}

/* The first piece, or its end. */
static inline struct fos__cursor fos__pieces_first(const struct fos__pieces *p)
{
	return (struct fos__cursor){ .leaf = p->count ? p->first : NULL };
}

/* Where the last piece ends; there is one. */
static inline uint64_t fos__pieces_end(const struct fos__pieces *p)
{
	return fos__cursor_to((struct fos__cursor){ .leaf = p->last, .i = p->last->n - 1u });
}

void fos__pieces_init(struct fos__pieces *p, struct fos__store *store);
void fos__pieces_clear(struct fos__pieces *p); /* frees nodes; it is empty then */

/* The first piece that ends behind `pos`. */
struct fos__cursor fos__pieces_seek(const struct fos__pieces *p, uint64_t pos);

/* Seeking in steps, each of which fetches what the next one reads, so that many can be under way: the leaf (NULL: there is but one);
 * the place in it of the last piece that begins at or before `pos`; the origin of the piece there, where it meets [pos, to), else NULL. */
struct fos__leaf *fos__pieces_fetch_leaf(const struct fos__pieces *p, uint64_t pos);
struct fos__cursor fos__pieces_fetch_place(struct fos__leaf *l, uint64_t pos);
const struct fos__origin *fos__pieces_fetch_origin(struct fos__cursor c, uint64_t pos, uint64_t to);

/* Puts *x in before *c, where it must fit; *c is its place then. Returns 0 or -ENOMEM (nothing changed). */
int fos__pieces_insert(struct fos__pieces *p, struct fos__cursor *c, const struct fos__piece *x);

/* Takes the piece at *c out; *c is the next one's place then. */
void fos__pieces_erase(struct fos__pieces *p, struct fos__cursor *c);

/* Makes the piece at `c` smaller: [from, from + len) is a part of it. */
void fos__pieces_narrow(struct fos__pieces *p, struct fos__cursor c, uint64_t from, uint32_t len);

/* Takes up to `max` pieces from the front, of one leaf at most: the first if it begins at or before `next`, then those that
 * each begin where the one before ends. Returns how many; 0: the first one lies beyond `next`, or there is none. */
unsigned fos__pieces_pop(struct fos__pieces *p, uint64_t next, struct fos__piece *out, unsigned max);

#endif
