/* SPDX-License-Identifier: BSD-2-Clause
 *
 * wheel.c: see wheel.h. One slot a second of the trace's time.
 */
#include "wheel.h"

#include <stddef.h>

static const uint64_t SECOND = 1000000000u;

static struct fos_session *at(const struct fos__slab *slab, uint32_t number)
{
	return fos__slab_at(slab, number);
}

void fos__wheel_add(struct fos__wheel *w, const struct fos__slab *slab, struct fos_session *s, uint64_t at_ns)
{
	uint64_t sec = at_ns / SECOND + 1;

	if (sec < w->tick)
		sec = w->tick;
	if (w->tick && sec > w->tick + FOS_WHEEL_SLOTS - 1)
		sec = w->tick + FOS_WHEEL_SLOTS - 1;
	uint32_t slot = (uint32_t)(sec % FOS_WHEEL_SLOTS);

	s->wheel_next = w->slot[slot];
	s->wheel_link = FOS_WHEEL_FIRST | slot;
	if (s->wheel_next)
		at(slab, s->wheel_next)->wheel_link = s->number;
	w->slot[slot] = s->number;
}

void fos__wheel_remove(struct fos__wheel *w, const struct fos__slab *slab, struct fos_session *s)
{
	if (!s->wheel_link)
		return;
	if (s->wheel_link & FOS_WHEEL_FIRST)
		w->slot[s->wheel_link & ~FOS_WHEEL_FIRST] = s->wheel_next;
	else
		at(slab, s->wheel_link)->wheel_next = s->wheel_next;
	if (s->wheel_next)
		at(slab, s->wheel_next)->wheel_link = s->wheel_link;
	s->wheel_next = s->wheel_link = 0;
}

struct fos_session *fos__wheel_due(struct fos__wheel *w, const struct fos__slab *slab, uint64_t now_ns)
{
	uint64_t now = now_ns / SECOND;

	if (w->tick == 0)
		w->tick = now;
	if (now > w->tick + 2 * FOS_WHEEL_SLOTS) /* a leap: one turn sees every slot */
		w->tick = now - FOS_WHEEL_SLOTS;
	for (; w->tick <= now; w->tick++) {
		uint32_t number = w->slot[w->tick % FOS_WHEEL_SLOTS];

		if (number) {
			struct fos_session *s = at(slab, number);

			fos__wheel_remove(w, slab, s);
			return s;
		}
	}
	return NULL;
}
