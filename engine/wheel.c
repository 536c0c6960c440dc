/* SPDX-License-Identifier: BSD-2-Clause
 *
 * wheel.c: see wheel.h. One slot a second of the trace's time.
 */
#include "wheel.h"

#include <stddef.h>

static const uint64_t SECOND = 1000000000u;

void fos__wheel_add(struct fos__wheel *w, struct fos_session *s, uint64_t at_ns)
{
	uint64_t sec = at_ns / SECOND + 1;

	if (sec < w->tick)
		sec = w->tick;
	if (w->tick && sec > w->tick + FOS_WHEEL_SLOTS - 1)
		sec = w->tick + FOS_WHEEL_SLOTS - 1;
	struct fos_session **slot = &w->slot[sec % FOS_WHEEL_SLOTS];

	s->wheel_next = *slot;
	s->wheel_link = slot;
	if (*slot)
		(*slot)->wheel_link = &s->wheel_next;
	*slot = s;
}

void fos__wheel_remove(struct fos_session *s)
{
	if (!s->wheel_link)
		return;
	*s->wheel_link = s->wheel_next;
	if (s->wheel_next)
		s->wheel_next->wheel_link = s->wheel_link;
	s->wheel_next = NULL;
	s->wheel_link = NULL;
}

struct fos_session *fos__wheel_due(struct fos__wheel *w, uint64_t now_ns)
{
	uint64_t now = now_ns / SECOND;

	if (w->tick == 0)
		w->tick = now;
	if (now > w->tick + 2 * FOS_WHEEL_SLOTS) /* a leap: one turn sees every slot */
		w->tick = now - FOS_WHEEL_SLOTS;
	for (; w->tick <= now; w->tick++) {
		struct fos_session *s = w->slot[w->tick % FOS_WHEEL_SLOTS];

		if (s) {
			fos__wheel_remove(s);
			return s;
		}
	}
	return NULL;
}
