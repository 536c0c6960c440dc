/* SPDX-License-Identifier: BSD-2-Clause
 *
 * runs_tree.h: a red-black tree of runs, ordered by where they begin. Internal, for runs.c alone.
 *
 * Its shape is a part of the overlap policy `linux` (ORDER.md, "Runs"): it is that of the textbook, where a removed node
 * with two children is replaced by its successor, and where the outer child of the sibling counts when both are red.
 * Whoever walks down it reads `child`. It allocates nothing.
 */
#ifndef FOS_RUNS_TREE_H
#define FOS_RUNS_TREE_H

#include <stdbool.h>
#include <stdint.h>

enum { FOS_LEFT, FOS_RIGHT };

struct fos__run {
	struct fos__run *parent;
	struct fos__run *child[2];
	uint64_t from, to; /* `from` is the key */
	bool red;
};

struct fos__runs_tree {
	struct fos__run *root;
};

/* Puts *run in, of which `from` is set; there is none that begins there. `parent` is the last one on the way down to where it
 * belongs; NULL: the tree is empty. */
void fos__runs_tree_insert(struct fos__runs_tree *t, struct fos__run *run, struct fos__run *parent);

void fos__runs_tree_remove(struct fos__runs_tree *t, struct fos__run *run);

/* The next one to a side; NULL: there is none. */
struct fos__run *fos__runs_tree_beside(const struct fos__run *run, int side);

#endif
