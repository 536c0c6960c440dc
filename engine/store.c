/* SPDX-License-Identifier: BSD-2-Clause
 *
 * store.c: see store.h.
 */
#include "store.h"

#include <string.h>

#include "held.h"
#include "queue.h"

void fos__store_init(struct fos__store *st)
{
	memset(st, 0, sizeof(*st));
	fos__pool_init(&st->held, sizeof(struct fos__held));
	fos__pool_init(&st->origin, sizeof(struct fos__origin));
	fos__pool_init(&st->span, sizeof(struct fos_span));
	fos__pool_init(&st->trouble, sizeof(struct fos__trouble));
	fos__pool_init(&st->spans, sizeof(struct fos__spans));
	fos__pool_init(&st->leaf, sizeof(struct fos__leaf) + FOS_LEAF_CAP * FOS_LEAF_ROOM);
	fos__pool_init(&st->leaf_few, sizeof(struct fos__leaf) + FOS_LEAF_FEW * FOS_LEAF_ROOM);
	fos__pool_init(&st->inner, sizeof(struct fos__inner));
}

void fos__store_free(struct fos__store *st)
{
	struct fos__pool *pool[] = { &st->held,  &st->origin, &st->span,     &st->trouble,
		                     &st->spans, &st->leaf,   &st->leaf_few, &st->inner };

	for (unsigned i = 0; i < sizeof(pool) / sizeof(pool[0]); i++)
		fos__pool_free(pool[i]);
}
