/* SPDX-License-Identifier: BSD-2-Clause
 *
 * scale_plan.c: ranks a trace's sessions by chance and sorts its packets by rank. Touches the plan.
 */
#include "scale_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/rand.h>

enum draw { DRAW_TCP = 1, DRAW_UDP = 2 };

struct ranked {
	uint64_t draw;
	uint32_t number;
};

static int by_draw(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->draw != y->draw)
		return x->draw < y->draw ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* rank[i] of the n things that are numbered from 0, by the seed. Returns 0 or -ENOMEM. */
static int rank(uint32_t n, uint64_t seed, enum draw what, uint32_t *rank_of)
{
	struct ranked *v = malloc((n ? n : 1) * sizeof *v);

	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		v[i] = (struct ranked){ fos_mix64_add(fos_mix64_add(fos_mix64(seed), what), i), i };
	qsort(v, n, sizeof *v, by_draw);
	for (uint32_t i = 0; i < n; i++)
		rank_of[v[i].number] = i;
	free(v);
	return 0;
}

static void find_duration(struct fos__scale_plan *p)
{
	uint64_t from = UINT64_MAX, to = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		uint64_t ts = p->src->v[i].ts_ns;

		from = ts < from ? ts : from;
		to = ts > to ? ts : to;
	}
	p->duration_ns = p->n ? to - from : 0;
}

/* The group of a packet that is multiplied: its session's rank; a conversation's share of the way along. */
static uint32_t group_of(const struct fos__scale_plan *p, const struct fos__scale_pkt *k, const uint32_t *tcp_rank,
                         const uint32_t *udp_rank)
{
	if (k->flags & FOS__SCALE_CONV)
		return (uint32_t)((uint64_t)udp_rank[k->session] * p->tcp / p->udp);
	return tcp_rank[k->session];
}

/* Sums and sorts by group: a counting sort, so packets of a group stay in the trace's order. */
static int sort_groups(struct fos__scale_plan *p, const uint32_t *tcp_rank, const uint32_t *udp_rank)
{
	uint64_t *next = calloc(p->tcp, sizeof *next);
	uint32_t all = 0;

	p->upto = calloc((size_t)p->tcp + 1, sizeof *p->upto);
	p->order = malloc((p->n ? p->n : 1) * sizeof *p->order);
	p->all = malloc((p->n ? p->n : 1) * sizeof *p->all);
	if (!next || !p->upto || !p->order || !p->all) {
		free(next);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < p->n; i++) {
		const struct fos__scale_pkt *k = &p->pkt[i];
		struct fos__scale_sum *s;

		if (k->flags & FOS__SCALE_OTHER)
			continue;
		p->all[all++] = i;
		s = &p->upto[group_of(p, k, tcp_rank, udp_rank) + 1];
		s->packets++;
		s->heads += k->head;
		s->payload += k->app_len;
	}
	for (uint32_t g = 0; g < p->tcp; g++) {
		next[g] = p->upto[g].packets;
		p->upto[g + 1].packets += p->upto[g].packets;
		p->upto[g + 1].heads += p->upto[g].heads;
		p->upto[g + 1].payload += p->upto[g].payload;
	}
	for (uint32_t i = 0; i < all; i++)
		p->order[next[group_of(p, &p->pkt[p->all[i]], tcp_rank, udp_rank)]++] = p->all[i];
	free(next);
	return 0;
}

int fos__scale_plan(struct fos__scale_plan *p, const struct fos_frames *src, uint64_t seed)
{
	uint32_t *tcp_rank = NULL, *udp_rank = NULL;
	int ret = -ENOMEM;

	*p = (struct fos__scale_plan){ .src = src, .n = (uint32_t)src->n };
	if (src->n >= UINT32_MAX)
		return -ENOMEM;
	p->pkt = malloc((p->n ? p->n : 1) * sizeof *p->pkt);
	if (!p->pkt)
		goto free;
	ret = fos__scale_read(p);
	if (!ret && !p->tcp)
		ret = -ENODATA;
	if (ret)
		goto free;
	ret = -ENOMEM;
	tcp_rank = malloc(p->tcp * sizeof *tcp_rank);
	udp_rank = malloc((p->udp ? p->udp : 1) * sizeof *udp_rank);
	if (!tcp_rank || !udp_rank || rank(p->tcp, seed, DRAW_TCP, tcp_rank) || rank(p->udp, seed, DRAW_UDP, udp_rank))
		goto free;
	find_duration(p);
	ret = sort_groups(p, tcp_rank, udp_rank);
free:
	free(tcp_rank);
	free(udp_rank);
	if (ret)
		fos__scale_plan_free(p);
	return ret;
}

void fos__scale_plan_free(struct fos__scale_plan *p)
{
	free(p->pkt);
	free(p->upto);
	free(p->order);
	free(p->all);
	fos__keymap_free(&p->host4);
	fos__keymap_free(&p->host6);
	*p = (struct fos__scale_plan){ 0 };
}
