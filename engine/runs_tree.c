/* SPDX-License-Identifier: BSD-2-Clause
 *
 * runs_tree.c: see runs_tree.h. Cormen, Leiserson, Rivest, Stein: Introduction to Algorithms, chapter 13, both mirror
 * images of each case as one.
 */
#include "runs_tree.h"

#include <stddef.h>

static bool is_red(const struct fos__run *r)
{
	return r && r->red;
}

static int side_of(const struct fos__run *r)
{
	return r->parent->child[FOS_RIGHT] == r;
}

/* What hung under `parent` in place of `old` is `r` now. */
static void hang(struct fos__runs_tree *t, struct fos__run *parent, const struct fos__run *old, struct fos__run *r)
{
	if (!parent)
		t->root = r;
	else
		parent->child[parent->child[FOS_RIGHT] == old] = r;
	if (r)
		r->parent = parent;
}

/* `down` sinks to that side; its other child takes its place. */
static void rotate(struct fos__runs_tree *t, struct fos__run *down, int side)
{
	struct fos__run *up = down->child[!side];

	down->child[!side] = up->child[side];
	if (up->child[side])
		up->child[side]->parent = down;
	hang(t, down->parent, down, up);
	up->child[side] = down;
	down->parent = up;
}

struct fos__run *fos__runs_tree_beside(const struct fos__run *run, int side)
{
	struct fos__run *r = run->child[side];

	if (r) {
		while (r->child[!side])
			r = r->child[!side];
		return r;
	}
	while (run->parent && side_of(run) == side)
		run = run->parent;
	return run->parent;
}

void fos__runs_tree_insert(struct fos__runs_tree *t, struct fos__run *run, struct fos__run *parent)
{
	run->parent = parent;
	run->child[FOS_LEFT] = run->child[FOS_RIGHT] = NULL;
	run->red = true;
	if (parent)
		parent->child[run->from > parent->from] = run;
	else
		t->root = run;
	while (is_red(run->parent)) {
		parent = run->parent;
		struct fos__run *grand = parent->parent;
		int side = side_of(parent);
		struct fos__run *uncle = grand->child[!side];

		if (is_red(uncle)) {
			parent->red = uncle->red = false;
			grand->red = true;
			run = grand;
			continue;
		}
		if (side_of(run) != side) {
			rotate(t, parent, side);
			run = parent;
		}
		run->parent->red = false;
		grand->red = true;
		rotate(t, grand, !side);
	}
	t->root->red = false;
}

/* Every way through `r` under `parent` has one black node too few. */
static void restore(struct fos__runs_tree *t, struct fos__run *r, struct fos__run *parent)
{
	while (r != t->root && !is_red(r)) {
		int side = parent->child[FOS_LEFT] != r;
		struct fos__run *sibling = parent->child[!side];

		if (sibling->red) {
			sibling->red = false;
			parent->red = true;
			rotate(t, parent, side);
			sibling = parent->child[!side];
		}
		if (!is_red(sibling->child[FOS_LEFT]) && !is_red(sibling->child[FOS_RIGHT])) {
			sibling->red = true;
			r = parent;
			parent = r->parent;
			continue;
		}
		if (!is_red(sibling->child[!side])) {
			sibling->child[side]->red = false;
			sibling->red = true;
			rotate(t, sibling, !side);
			sibling = parent->child[!side];
		}
		sibling->red = parent->red;
		parent->red = false;
		sibling->child[!side]->red = false;
		rotate(t, parent, side);
		r = t->root;
	}
	if (r)
		r->red = false;
}

void fos__runs_tree_remove(struct fos__runs_tree *t, struct fos__run *run)
{
	struct fos__run *heir = run, *orphan, *parent;
	bool was_red;

	if (run->child[FOS_LEFT] && run->child[FOS_RIGHT])
		heir = fos__runs_tree_beside(run, FOS_RIGHT);
	orphan = heir->child[FOS_LEFT] ? heir->child[FOS_LEFT] : heir->child[FOS_RIGHT];
	parent = heir->parent;
	was_red = heir->red;
	hang(t, parent, heir, orphan);
	if (heir != run) {
		if (parent == run)
			parent = heir;
		heir->red = run->red;
		hang(t, run->parent, run, heir);
		for (int side = FOS_LEFT; side <= FOS_RIGHT; side++) {
			heir->child[side] = run->child[side];
			if (heir->child[side])
				heir->child[side]->parent = heir;
		}
	}
	if (!was_red)
		restore(t, orphan, parent);
}
