/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tcp_model.c: see tcp_model.h.
 */
#include "tcp_model.h"

enum { PLACES = TCP_CLEAN_SPAN + 64 };

/* ORDER.md, the table of policies: does N win a byte that O holds? */
static bool wins(enum fos_overlap policy, uint32_t o_from, uint32_t o_to, uint32_t n_from, uint32_t n_to)
{
	switch (policy) {
	case FOS_OVERLAP_FIRST:
	case FOS_OVERLAP_VISTA:
		return false;
	case FOS_OVERLAP_LAST:
		return true;
	case FOS_OVERLAP_BSD_RIGHT:
		return n_from >= o_from;
	case FOS_OVERLAP_OLD_LINUX:
		return n_from < o_from || (n_from == o_from && n_to >= o_to);
	case FOS_OVERLAP_SOLARIS:
	case FOS_OVERLAP_HPUX11:
		return n_from <= o_from ? n_to >= o_to : n_to > o_to;
	default: /* bsd, windows, windows2k3, macos, irix, hpux10; and linux, which is more than that */
		return n_from < o_from;
	}
}

static void pass_on(struct tcp_model *m)
{
	while (m->next < PLACES && m->owner[m->next] != TCP_NOBODY)
		m->next++;
}

static void take(const struct tcp_case *c, struct tcp_model *m, int number, uint32_t base)
{
	const struct tcp_packet *n = &c->packet[number];
	uint32_t from = n->first - base, to = from + n->len;

	for (uint32_t at = from; at < to; at++) {
		const struct tcp_packet *o = m->owner[at] < 0 ? NULL : &c->packet[m->owner[at]];

		if (m->started && at < m->next)
			continue;
		if (!o || wins(c->cfg.overlap, o->first - base, o->first - base + o->len, from, to))
			m->owner[at] = (int16_t)number;
	}
	if (m->started)
		pass_on(m);
}

static void start(struct tcp_model *m, uint32_t at, bool mid)
{
	m->started = true;
	m->mid = mid;
	m->start = m->next = at;
	pass_on(m);
}

/* The end: a direction that has not started starts, what is held is delivered with its gaps, and one up to the FIN. */
static void finish(const struct tcp_case *c, struct tcp_model *m, unsigned tuple, unsigned dir, bool hint)
{
	uint32_t first = 0, last = PLACES;
	bool empty;

	while (first < PLACES && m->owner[first] == TCP_NOBODY)
		first++;
	empty = first == PLACES && !m->started;
	if (!m->started && hint)
		start(m, 0, false);
	else if (!m->started)
		start(m, empty ? 0 : first, true);
	while (last > m->next && m->owner[last - 1] == TCP_NOBODY)
		last--;
	m->next = last > m->next ? last : m->next;
	if (m->fin && !empty && c->end[tuple][dir] > m->next)
		m->next = c->end[tuple][dir];
}

void tcp_model_run(const struct tcp_case *c, unsigned tuple, unsigned dir, struct tcp_model *m)
{
	uint32_t base = c->base[tuple][dir];
	bool hint = false; /* the peer's SYN-ACK says where it starts */

	memset(m, 0, sizeof(*m));
	memset(m->owner, 0xff, sizeof(m->owner));
	for (uint32_t i = 0; i < c->n; i++) {
		const struct tcp_packet *p = &c->packet[i];

		if (p->tuple != tuple || p->bad)
			continue;
		if (p->dir != dir) {
			hint = hint || (p->flags & (FOS_TCP_SYN | FOS_TCP_ACK)) == (FOS_TCP_SYN | FOS_TCP_ACK);
			continue;
		}
		m->seen = true;
		if ((p->flags & FOS_TCP_SYN) && !m->syn) {
			m->syn = true;
			start(m, 0, false);
		}
		m->fin = m->fin || (p->flags & FOS_TCP_FIN);
		take(c, m, (int)i, base);
	}
	finish(c, m, tuple, dir, hint && m->seen);
}
