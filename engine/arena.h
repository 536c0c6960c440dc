/* SPDX-License-Identifier: BSD-2-Clause
 *
 * arena.h: memory for the length of one batch: taken piece by piece, given back all at once. Internal, one thread.
 */
#ifndef FOS_ARENA_H
#define FOS_ARENA_H

#include <stddef.h>

struct fos__arena_chunk;

struct fos__arena {
	struct fos__arena_chunk *first, *now;
	size_t used; /* bytes of `now` */
};

void *fos__arena_get(struct fos__arena *a, size_t bytes); /* aligned to 16; NULL: no memory */
void fos__arena_reset(struct fos__arena *a);
void fos__arena_free(struct fos__arena *a);

#endif
