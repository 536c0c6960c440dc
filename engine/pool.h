/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pool.h: elements of one size, taken and given back in any order. Internal, one thread.
 *
 * Memory comes in chunks, aligned to their size, so that an element alone says where it belongs. A chunk that nothing
 * is taken from goes back to the system, but for a few: what an attack has filled does not stay forever.
 */
#ifndef FOS_POOL_H
#define FOS_POOL_H

#include <stddef.h>
#include <stdint.h>

struct fos__pool_chunk;

struct fos__pool {
	struct fos__pool_chunk *open; /* those with an element to take, the one to take from first */
	uint32_t size;                /* of an element */
	uint32_t chunks;
	uint32_t empty; /* of those: chunks that nothing is taken from */
};

/* Elements of at least 8 and at most 4096 bytes; those of a multiple of 64 are aligned to 64. Takes no memory yet. */
void fos__pool_init(struct fos__pool *p, size_t size);

/* Frees what is empty: everything, once all was given back. */
void fos__pool_free(struct fos__pool *p);

void *fos__pool_take(struct fos__pool *p); /* not zeroed; NULL: no memory */
void fos__pool_give(void *element);        /* to the pool that it is from */

#endif
