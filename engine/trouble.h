/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trouble.h: what only sessions have in which something was out of order: segments held above a hole, and a few numbers
 * of rarer kinds. It is made when it is needed and goes when there is nothing in it, so that others do not pay for it.
 * Internal, one thread.
 */
#ifndef FOS_TROUBLE_H
#define FOS_TROUBLE_H

#include <stddef.h>

#include "session.h"
#include "store.h"

/* The session's, which is made where there is none; NULL: no memory. */
struct fos__trouble *fos__trouble_of(struct fos__store *st, struct fos_session *s);

/* Frees it if there is nothing in it. */
void fos__trouble_settle(struct fos_session *s);

/* Frees it with what is held. */
void fos__trouble_free(struct fos_session *s);

/* What a side holds above a hole, or NULL. */
static inline struct fos__held *fos__held_of(const struct fos_session *s, int side)
{
	return s->trouble ? s->trouble->held[side] : NULL;
}

#endif
