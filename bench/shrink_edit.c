/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_edit.c: candidates, and what is taken out of them. shrink_render.c makes packets of them. See shrink_edit.h.
 */
#include "shrink_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int shrink_cand_all(struct shrink_cand *c, const struct shrink_trace *t)
{
	*c = (struct shrink_cand){ .n = t->n, .dirs = t->dirs };
	c->item = calloc(t->n + 1, sizeof(*c->item));
	c->cuts = calloc(t->dirs + 1, sizeof(*c->cuts));
	if (!c->item || !c->cuts) {
		shrink_cand_free(c);
		return -ENOMEM;
	}
	for (size_t i = 0; i < t->n; i++)
		c->item[i] = (struct shrink_item){ .packet = (uint32_t)i, .ts_ns = t->packet[i].f->ts_ns };
	return 0;
}

int shrink_cand_copy(struct shrink_cand *to, const struct shrink_cand *from)
{
	*to = *from;
	to->item = malloc((from->n + 1) * sizeof(*to->item));
	to->cuts = calloc(from->dirs + 1, sizeof(*to->cuts));
	if (!to->item || !to->cuts)
		goto no_memory;
	memcpy(to->item, from->item, from->n * sizeof(*to->item));
	for (uint32_t d = 0; d < from->dirs; d++) {
		const struct shrink_cuts *k = &from->cuts[d];

		to->cuts[d].shift = k->shift;
		if (!k->n)
			continue;
		to->cuts[d].v = malloc(k->n * sizeof(*k->v));
		if (!to->cuts[d].v)
			goto no_memory;
		memcpy(to->cuts[d].v, k->v, k->n * sizeof(*k->v));
		to->cuts[d].n = to->cuts[d].slots = k->n;
	}
	return 0;
no_memory:
	shrink_cand_free(to);
	return -ENOMEM;
}

void shrink_cand_free(struct shrink_cand *c)
{
	for (uint32_t d = 0; c->cuts && d < c->dirs; d++)
		free(c->cuts[d].v);
	free(c->cuts);
	free(c->item);
	memset(c, 0, sizeof(*c));
}

int shrink_cut(struct shrink_cand *c, uint32_t dir, uint64_t from, uint64_t to, bool forward)
{
	struct shrink_cuts *k = &c->cuts[dir];
	uint64_t before = shrink_cut_before(k, UINT64_MAX);
	uint32_t i = 0, end;

	if (k->n == k->slots) {
		uint32_t slots = k->slots ? 2 * k->slots : 4;
		struct shrink_range *more = realloc(k->v, slots * sizeof(*more));

		if (!more)
			return -ENOMEM;
		k->v = more;
		k->slots = slots;
	}
	while (i < k->n && k->v[i].to < from)
		i++;
	for (end = i; end < k->n && k->v[end].from <= to; end++) {
		from = k->v[end].from < from ? k->v[end].from : from;
		to = k->v[end].to > to ? k->v[end].to : to;
	}
	memmove(&k->v[i + 1], &k->v[end], (k->n - end) * sizeof(*k->v));
	k->v[i] = (struct shrink_range){ from, to };
	k->n = k->n - (end - i) + 1;
	if (forward)
		k->shift += (uint32_t)(shrink_cut_before(k, UINT64_MAX) - before);
	return 0;
}

uint64_t shrink_cut_before(const struct shrink_cuts *k, uint64_t pos)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < k->n && k->v[i].from < pos; i++)
		sum += (k->v[i].to < pos ? k->v[i].to : pos) - k->v[i].from;
	return sum;
}

bool shrink_is_cut(const struct shrink_cuts *k, uint64_t pos)
{
	return shrink_cut_before(k, pos + 1) != shrink_cut_before(k, pos);
}

void shrink_left(const struct shrink_cand *c, const struct shrink_trace *t, const struct shrink_item *item,
                 struct shrink_left *out)
{
	const struct shrink_packet *k = &t->packet[item->packet];
	const struct shrink_cuts *mine, *peer;
	uint64_t seq;

	*out = (struct shrink_left){ .len = k->len, .flags = k->flags };
	if (k->dir == SHRINK_NONE)
		return;
	mine = &c->cuts[k->dir];
	peer = &c->cuts[t->dir[k->dir].peer];
	seq = k->from - (k->flags & FOS_TCP_SYN ? 1 : 0);
	out->seq = (uint32_t)(seq - shrink_cut_before(mine, seq)) + mine->shift;
	out->ack = k->flags & FOS_TCP_ACK ? (uint32_t)(k->ack - shrink_cut_before(peer, k->ack)) + peer->shift : 0;
	out->len = (uint32_t)(k->len - (shrink_cut_before(mine, k->from + k->len) - shrink_cut_before(mine, k->from)));
	if ((k->flags & FOS_TCP_FIN) && shrink_is_cut(mine, k->from + k->len))
		out->flags &= (uint8_t)~FOS_TCP_FIN;
}

/* Is nothing left of what the packet brought? */
static bool emptied(const struct shrink_packet *k, const struct shrink_left *l)
{
	if (!k->len && !(k->flags & FOS_TCP_FIN))
		return false;
	return !l->len && !(l->flags & (FOS_TCP_SYN | FOS_TCP_FIN | FOS_TCP_RST));
}

int shrink_cand_tidy(struct shrink_cand *c, const struct shrink_trace *t)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct shrink_packet *k = &t->packet[c->item[i].packet];
		struct shrink_left l;

		if (k->dir != SHRINK_NONE) {
			shrink_left(c, t, &c->item[i], &l);
			if (emptied(k, &l))
				continue;
			if (k->rigid && (l.len != k->len || l.flags != k->flags))
				return -ECANCELED;
		}
		c->item[n++] = c->item[i];
	}
	c->n = n;
	return 0;
}
