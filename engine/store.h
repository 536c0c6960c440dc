/* SPDX-License-Identifier: BSD-2-Clause
 *
 * store.h: where a worker's held segments, and the bytes that modules keep, live. Internal, one thread.
 */
#ifndef FOS_STORE_H
#define FOS_STORE_H

#include <flowos/pkt.h>

#include "pool.h"

struct fos__held;
struct fos__origin;

enum { FOS_STORE_CLASSES = 64 };

struct fos__store {
	struct fos__pool held, origin, span;    /* struct fos__held, fos__origin, fos_span */
	struct fos__pool trouble, spans;        /* struct fos__trouble, fos__spans */
	struct fos__pool leaf, leaf_few, inner; /* nodes of struct fos__pieces */
	uint64_t leaves_freed;                  /* ever: who remembers a leaf looks whether it still is one */
	uint64_t classes;                       /* bit k: by_size[k] is not empty */
	struct fos__held
	    *by_size[FOS_STORE_CLASSES]; /* the sets that hold 2^k bytes or more, and less than twice that */

	/* For release.c, in a batch; else `batch` is NULL. The first origin of each packet is put here with a reference of
	 * its own (kept_mask: of which), so that one that has to wait is not copied again. */
	const struct fos_pkt *batch;
	uint64_t kept_mask;
	struct fos__origin *kept[FOS_BATCH_MAX];
};

void fos__store_init(struct fos__store *st);
void fos__store_free(struct fos__store *st); /* after all that lives in it */

#endif
