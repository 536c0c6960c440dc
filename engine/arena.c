/* SPDX-License-Identifier: BSD-2-Clause
 *
 * arena.c: see arena.h. Chunks are kept from batch to batch.
 */
#include "arena.h"

#include <stdlib.h>

enum { CHUNK = 64 * 1024 };

struct fos__arena_chunk {
	struct fos__arena_chunk *next;
	size_t pad; /* keeps what follows aligned to 16 */
};

void *fos__arena_get(struct fos__arena *a, size_t bytes)
{
	bytes = (bytes + 15) & ~(size_t)15;
	if (bytes > CHUNK - sizeof(*a->now))
		return NULL;
	if (!a->now || a->used + bytes > CHUNK) {
		struct fos__arena_chunk *c = a->now ? a->now->next : a->first;

		if (!c) {
			c = malloc(CHUNK);
			if (!c)
				return NULL;
			c->next = NULL;
			if (a->now)
				a->now->next = c;
			else
				a->first = c;
		}
		a->now = c;
		a->used = sizeof(*c);
	}
	void *p = (char *)a->now + a->used;

	a->used += bytes;
	return p;
}

void fos__arena_reset(struct fos__arena *a)
{
	a->now = a->first;
	a->used = sizeof(struct fos__arena_chunk);
}

void fos__arena_free(struct fos__arena *a)
{
	for (struct fos__arena_chunk *c = a->first, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	a->first = a->now = NULL;
}
