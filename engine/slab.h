/* SPDX-License-Identifier: BSD-2-Clause
 *
 * slab.h: sessions by number, all of one size, zeroed when taken. Memory is mapped in chunks, and told of (ahead.h) some thousand
 * elements before they are taken. Internal, one thread.
 */
#ifndef FOS_SLAB_H
#define FOS_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct fos_ahead;

struct fos__slab {
	size_t size; /* of an element */
	uint8_t **chunk;
	uint32_t chunks, chunk_slots;
	uint32_t next; /* number that was never taken, from 1 */
	uint32_t free; /* first of those given back, or 0 */
	const struct fos_ahead *ahead;
};

/* `ahead` may be NULL. */
void fos__slab_init(struct fos__slab *s, size_t size, const struct fos_ahead *ahead);
void fos__slab_free(struct fos__slab *s);
void *fos__slab_take(struct fos__slab *s, uint32_t *number); /* NULL: no memory */
void fos__slab_give(struct fos__slab *s, uint32_t number);

enum { FOS_SLAB_SHIFT = 15 }; /* elements are multiples of 64 bytes: chunks, of 2 MiB, and can be huge pages */

static inline void *fos__slab_at(const struct fos__slab *s, uint32_t number)
{
	return s->chunk[number >> FOS_SLAB_SHIFT] + (size_t)(number & ((1u << FOS_SLAB_SHIFT) - 1)) * s->size;
}

#endif
