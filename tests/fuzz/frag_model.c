/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frag_model.c: see frag_model.h.
 */
#include "frag_model.h"

#include <netinet/in.h>

void frag_model_init(struct frag_model *m, const struct fos_frag_config *cfg)
{
	m->now_ns = 0;
	m->n = 0;
	m->timeout_ns = cfg->timeout_ns ? cfg->timeout_ns : UINT64_C(30000000000);
	m->most = cfg->max_datagrams ? (uint32_t)cfg->max_datagrams : FRAG_RECORDS + 1;
}

static void drop(struct frag_model *m, uint32_t i)
{
	m->n--;
	memmove(&m->w[i], &m->w[i + 1], (m->n - i) * sizeof(m->w[0]));
}

static bool is_of(const struct frag_waiting *w, const struct frag_piece *p)
{
	/* IPv6 has no protocol in the key: the first fragment's counts. */
	return w->version == p->version && w->id == p->id && w->addr == p->addr &&
	       (p->version == 6 || w->proto == p->proto);
}

static uint32_t find(struct frag_model *m, const struct frag_piece *p)
{
	uint32_t i = 0;

	while (i < m->n && !is_of(&m->w[i], p))
		i++;
	if (i < m->n)
		return i;
	while (m->n >= m->most)
		drop(m, 0);
	struct frag_waiting *w = &m->w[m->n];

	memset(w, 0, offsetof(struct frag_waiting, unit));
	memset(w->unit, FRAG_NONE, sizeof(w->unit));
	w->version = p->version;
	w->id = p->id;
	w->addr = p->addr;
	w->proto = p->proto;
	w->first_ns = m->now_ns;
	return m->n++;
}

static uint32_t longest(const struct frag_piece *p, uint32_t header)
{
	return p->version == 4 ? 65535 - header : 65535 + 40 - header;
}

static bool lengths_agree(struct frag_waiting *w, const struct frag_piece *p)
{
	uint32_t end = p->offset + p->len;

	if (!p->more && ((w->total && w->total != end) || w->end > end))
		return false;
	if (p->more && w->total && end > w->total)
		return false;
	if (!p->more)
		w->total = end;
	w->end = end > w->end ? end : w->end;
	return true;
}

/* IPv6 fragments of one datagram may name different protocols, and their first bytes be different headers'. */
static uint8_t unit_of(const struct frag_piece *p)
{
	return (uint8_t)(p->text | (p->proto == IPPROTO_TCP ? 2 : p->proto == IPPROTO_UDP ? 4 : 0));
}

uint8_t frag_model_byte(const struct frag_piece *p, uint8_t unit, uint32_t at)
{
	struct frag_piece of = *p;

	of.proto = (unit & 2) ? IPPROTO_TCP : (unit & 4) ? IPPROTO_UDP : IPPROTO_ICMP;
	return frag_byte(&of, unit & 1, at);
}

/* Do the bytes differ that two pieces have for a unit? */
static bool differs(const struct frag_piece *p, uint32_t unit, uint8_t a, uint8_t b)
{
	uint32_t from = unit * 8, to = from + 8 < p->offset + p->len ? from + 8 : p->offset + p->len;

	for (uint32_t at = from; a != b && at < to; at++)
		if (frag_model_byte(p, a, at) != frag_model_byte(p, b, at))
			return true;
	return false;
}

static bool complete(const struct frag_waiting *w)
{
	if (!w->header || !w->total)
		return false;
	for (uint32_t u = 0; u * 8 < w->total; u++)
		if (w->unit[u] == FRAG_NONE)
			return false;
	return true;
}

void frag_model_time(struct frag_model *m, uint64_t ts_ns)
{
	m->now_ns = ts_ns > m->now_ns ? ts_ns : m->now_ns;
	while (m->n && m->now_ns - m->w[0].first_ns >= m->timeout_ns)
		drop(m, 0);
}

bool frag_model_add(struct frag_model *m, const struct frag_piece *p)
{
	uint32_t from = p->offset / 8, to = (p->offset + p->len + 7) / 8, there = 0, i;
	bool same = true;

	if (p->len == 0 || p->cut || (p->more && p->len % 8) || p->offset + p->len > longest(p, p->header))
		return false;
	i = find(m, p);
	struct frag_waiting *w = &m->w[i];

	if (w->buried)
		return false;
	if (!lengths_agree(w, p)) {
		drop(m, i);
		return false;
	}
	for (uint32_t u = from; u < to; u++) {
		if (w->unit[u] == FRAG_NONE)
			continue;
		there++;
		same = same && !differs(p, u, w->unit[u], unit_of(p));
	}
	if (there == to - from && same)
		return false;
	if (there && p->version == 6) {
		w->buried = true;
		return false;
	}
	for (uint32_t u = from; u < to; u++)
		if (w->unit[u] == FRAG_NONE)
			w->unit[u] = unit_of(p);
	if (p->offset == 0 && !w->header) {
		w->header = p->header;
		w->proto = p->proto;
	}
	if (!complete(w))
		return false;
	m->done = *w;
	drop(m, i);
	return m->done.total <= longest(p, m->done.header);
}
