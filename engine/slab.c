/* SPDX-License-Identifier: BSD-2-Clause
 *
 * slab.c: see slab.h. An element that was given back holds the number of the next such one.
 */
#include "slab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <flowos/ahead.h>

enum { STEP = 1 << 12, STEPS_AHEAD = 2 }; /* elements of which is told at once: no step is in two chunks */

static size_t chunk_bytes(const struct fos__slab *s)
{
	return s->size << FOS_SLAB_SHIFT;
}

void fos__slab_init(struct fos__slab *s, size_t size, const struct fos_ahead *ahead)
{
	memset(s, 0, sizeof(*s));
	s->size = size;
	s->next = 1;
	s->ahead = ahead;
}

void fos__slab_free(struct fos__slab *s)
{
	fos_ahead_settle(s->ahead);
	for (uint32_t i = 0; i < s->chunks; i++)
		munmap(s->chunk[i], chunk_bytes(s));
	free(s->chunk);
	memset(s, 0, sizeof(*s));
}

static int grow(struct fos__slab *s)
{
	if (s->chunks == s->chunk_slots) {
		uint32_t n = s->chunk_slots ? s->chunk_slots * 2 : 16;
		uint8_t **c = realloc(s->chunk, n * sizeof(*c));

		if (!c)
			return -1;
		s->chunk = c;
		s->chunk_slots = n;
	}
	void *m = mmap(NULL, chunk_bytes(s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return -1;
	if (s->chunks >= 1) /* the first one is for those who need few */
		madvise(m, chunk_bytes(s), MADV_HUGEPAGE);
	s->chunk[s->chunks++] = m;
	return 0;
}

/* Tells of the elements some steps behind `number`. */
static void tell(struct fos__slab *s, uint32_t number)
{
	uint32_t from = number + STEPS_AHEAD * STEP;

	if (from >> FOS_SLAB_SHIFT >= s->chunks && grow(s))
		return;
	fos_ahead_want(s->ahead, fos__slab_at(s, from), STEP * s->size, FOS_AHEAD_WRITE);
}

void *fos__slab_take(struct fos__slab *s, uint32_t *number)
{
	void *p;

	if (s->free) {
		*number = s->free;
		p = fos__slab_at(s, s->free);
		memcpy(&s->free, p, sizeof(s->free));
		memset(p, 0, s->size);
		return p;
	}
	if (s->next >> FOS_SLAB_SHIFT >= s->chunks && grow(s))
		return NULL;
	*number = s->next++;
	if (s->ahead && *number % STEP == 0)
		tell(s, *number);
	return fos__slab_at(s, *number);
}

void fos__slab_give(struct fos__slab *s, uint32_t number)
{
	memcpy(fos__slab_at(s, number), &s->free, sizeof(s->free));
	s->free = number;
}
