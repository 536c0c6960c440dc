/* SPDX-License-Identifier: BSD-2-Clause
 *
 * walk.c: looking at a worker's sessions from outside, a few at a time, between batches. Changes nothing.
 */
#include "held.h"
#include "release.h"
#include "worker_state.h"

uint32_t fos_worker_sessions(const struct fos_worker *w, uint32_t from, uint32_t looks,
                             int (*each)(void *arg, const struct fos_session *s), void *arg)
{
	if (!w->laid_out)
		return 0;
	for (uint32_t n = from ? from : 1; n < w->slab.next; n++) {
		const struct fos_session *s = fos__slab_at(&w->slab, n);

		if (looks-- == 0)
			return n;
		if (!s->wheel_link || !s->flow) /* given back, or passing by */
			continue;
		if (each(arg, s))
			return n + 1 < w->slab.next ? n + 1 : 0;
	}
	return 0;
}

void fos_session_progress(const struct fos_session *s, int dir, struct fos_session_progress *out)
{
	const struct fos__half *h = &s->half[dir];
	const struct fos__held *held = s->trouble ? s->trouble->held[dir] : NULL;

	const struct fos__gate *g = fos__gate_of(s, dir);
	*out = (struct fos_session_progress){
		.packets = h->pkts,
		.passed_bytes = (h->flags & FOS_HALF_STARTED) ? h->next - s->rest[dir].start : 0,
		.held_bytes = held ? fos__held_bytes(held) : 0,
		.fin = (h->flags & FOS_HALF_FIN) != 0,
		.waiting = g ? g->n : 0,
		.waiting_bytes = g ? g->bytes : 0,
		.waits_since_ns = g && g->n ? g->wait[0].since_ns : 0,
		.shut = g && g->shut,
	};
}

bool fos_session_half_open(const struct fos_session *s)
{
	return (s->flags & FOS_SESSION_HALF_OPEN) != 0;
}
