/* SPDX-License-Identifier: BSD-2-Clause
 *
 * runs.c: see runs.h. Which runs a segment meets on its way down the tree is a part of the policy, so the tree must have
 * the very shape that ORDER.md says, and runs are inserted and removed in this very order.
 */
#include "runs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static void drop(struct fos__runs *r, struct fos__run *run)
{
	if (r->first == run)
		r->first = fos__runs_tree_beside(run, FOS_RIGHT);
	if (r->last == run)
		r->last = fos__runs_tree_beside(run, FOS_LEFT);
	fos__runs_tree_remove(&r->tree, run);
	r->count--;
	free(run);
}

/* Runs behind `run` that it covers are dropped, up to the first that it does not cover. */
static void drop_covered(struct fos__runs *r, struct fos__run *run)
{
	struct fos__run *next;

	while ((next = fos__runs_tree_beside(run, FOS_RIGHT)) && next->to <= run->to)
		drop(r, next);
}

/* The way down from the root. Returns the run that the segment becomes a part of, or NULL where it stands alone, and then
 * *parent is the last one on the way; *inside is set when it adds nothing to that run, *replaces when it begins with it and is
 * longer. */
static struct fos__run *find(const struct fos__runs *r, uint64_t from, uint64_t to, struct fos__run **parent,
                             bool *inside, bool *replaces)
{
	struct fos__run *run = r->tree.root;

	while (run) {
		size_t right = from >= run->from;

		*parent = run;
		if (from - run->from <= run->to - run->from) { /* it begins in the run, or where that ends */
			*inside = from < run->to && to <= run->to;
			*replaces = from == run->from && to > run->to;
			if (*inside || *replaces || from == run->to)
				return run;
		}
		run = run->child[right]; /* no branch: where a segment comes is no pattern */
	}
	return NULL;
}

static struct fos__run *add(struct fos__runs *r, uint64_t from, uint64_t to, struct fos__run *parent)
{
	struct fos__run *run = malloc(sizeof(*run));

	if (!run)
		return NULL;
	run->from = from;
	run->to = to;
	fos__runs_tree_insert(&r->tree, run, parent);
	if (!r->first || from < r->first->from)
		r->first = run;
	if (!r->last || from > r->last->from)
		r->last = run;
	r->count++;
	return run;
}

int fos__runs_place(struct fos__runs *r, uint64_t from, uint64_t to, uint64_t *rank)
{
	struct fos__run *run = NULL, *parent = r->last;
	bool inside = false, replaces = false;

	*rank = from;
	if (r->last && from == r->last->to)
		run = r->last;
	else if (r->last && from < r->last->to)
		run = find(r, from, to, &parent, &inside, &replaces);
	if (inside) {
		*rank = FOS_RANK_LOSES;
		return 0;
	}
	if (run) {
		*rank = run->from;
		run->to = to;
		if (replaces)
			drop_covered(r, run);
		return 0;
	}
	run = add(r, from, to, parent);
	if (!run)
		return -ENOMEM;
	drop_covered(r, run);
	return 0;
}

void fos__runs_pass(struct fos__runs *r, uint64_t next)
{
	while (r->first && r->first->from <= next)
		drop(r, r->first);
}

void fos__runs_clear(struct fos__runs *r)
{
	fos__runs_pass(r, UINT64_MAX);
}
