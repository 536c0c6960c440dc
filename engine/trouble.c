/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trouble.c: see trouble.h.
 */
#include "trouble.h"

#include <string.h>

#include "held.h"

struct fos__trouble *fos__trouble_of(struct fos__store *st, struct fos_session *s)
{
	if (s->trouble)
		return s->trouble;
	s->trouble = fos__pool_take(&st->trouble);
	if (s->trouble)
		memset(s->trouble, 0, sizeof(*s->trouble));
	return s->trouble;
}

void fos__trouble_settle(struct fos_session *s)
{
	static const struct fos__trouble nothing;

	if (!s->trouble || memcmp(s->trouble, &nothing, sizeof(nothing)) != 0)
		return;
	if ((s->half[0].flags | s->half[1].flags) & FOS_HALF_STRAY) /* its numbers may be 0 */
		return;
	fos__pool_give(s->trouble);
	s->trouble = NULL;
}

void fos__trouble_free(struct fos_session *s)
{
	if (!s->trouble)
		return;
	for (int side = 0; side < 2; side++)
		if (s->trouble->held[side])
			fos__held_free(s->trouble->held[side]);
	fos__pool_give(s->trouble);
	s->trouble = NULL;
}
