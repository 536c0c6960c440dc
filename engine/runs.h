/* SPDX-License-Identifier: BSD-2-Clause
 *
 * runs.h: what the overlap policy `linux` needs to know of the segments of one direction that wait above a hole: which of
 * them have become one. ORDER.md, "Runs", has the rules; tests/kernel holds them against the running kernel.
 * Internal; no bytes are touched here. Cost per segment is logarithmic in the number of runs.
 */
#ifndef FOS_RUNS_H
#define FOS_RUNS_H

#include <stddef.h>
#include <stdint.h>

#include "runs_tree.h"

/* Zeroed is empty. */
struct fos__runs {
	struct fos__runs_tree tree;
	struct fos__run *first, *last; /* those with the least and the greatest `from` */
	size_t count;
};

/* The rank of a segment that lies within a run: it loses to all that is held. Far from overflow when it is shifted. */
#define FOS_RANK_LOSES (UINT64_MAX / 2)

/* A segment [from, to), as it came, arrives above the hole: from > next. Returns 0 and its rank: the position where the
 * run begins that it belongs to from now on, or FOS_RANK_LOSES. Its bytes win over held ones of the same or a greater
 * rank. Returns -ENOMEM with the rank of a segment that stands alone. */
int fos__runs_place(struct fos__runs *r, uint64_t from, uint64_t to, uint64_t *rank);

/* Everything up to `next` was passed on: runs that begin there or before it are no more. */
void fos__runs_pass(struct fos__runs *r, uint64_t next);

/* Forgets all runs, and frees them. */
void fos__runs_clear(struct fos__runs *r);

/* Memory that the runs cost. */
static inline size_t fos__runs_bytes(const struct fos__runs *r)
{
	return r->count * (sizeof(struct fos__run) + 16);
}

#endif
