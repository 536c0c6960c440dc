/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_edit.c: see meta_edit.h. Writes bytes that the set owns.
 */
#include "meta_edit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/parse.h>

uint8_t *meta_own(struct meta_set *s, struct meta_pkt *p, uint32_t more, uint32_t extra)
{
	uint8_t *at = meta_bytes(s, (size_t)more + p->f.len + extra);

	if (!at)
		return NULL;
	memcpy(at + more, p->f.data, p->f.len);
	p->f.data = at + more;
	return at;
}

bool meta_writable(const struct meta_set *s, const struct meta_pkt *p)
{
	return !s->verify || (!(p->bits & META_BAD_SUM) && !(p->f.flags & FOS_FRAME_CSUM_OK));
}

static uint16_t tcp_sum(const uint8_t *ip, const uint8_t *tcp, uint32_t len, bool v4)
{
	uint8_t tail[8];
	uint32_t sum = fos_csum_add(ip + (v4 ? 12 : 8), v4 ? 8 : 32, 0);

	meta_put32(tail, len);
	meta_put32(tail + 4, IPPROTO_TCP);
	return fos_csum_fold(fos_csum_add(tcp, len, fos_csum_add(tail, sizeof(tail), sum)));
}

static void put_lengths(uint8_t *ip, bool v4, uint32_t len, uint16_t id, bool sum_was_right)
{
	uint16_t sum;

	if (!v4) {
		meta_put16(ip + 4, len - 40 > UINT16_MAX ? 0 : len - 40);
		return;
	}
	meta_put16(ip + 2, len > UINT16_MAX ? 0 : len);
	meta_put16(ip + 4, id);
	if (!sum_was_right)
		return;
	memset(ip + 10, 0, 2);
	sum = fos_csum_fold(fos_csum_add(ip, 20, 0));
	memcpy(ip + 10, &sum, sizeof(sum));
}

int meta_segment(struct meta_set *s, const struct meta_pkt *like, uint32_t seq, const uint8_t *payload, uint32_t len,
                 uint8_t flags, uint16_t id, struct meta_pkt *out)
{
	uint8_t *data = meta_bytes(s, (size_t)like->app + len), *ip, *tcp;
	bool v4 = like->version == 4, ip_right;
	uint32_t tcp_len = (uint32_t)(like->app - like->l4) + len;
	uint16_t sum;

	if (!data)
		return -ENOMEM;
	memcpy(data, like->f.data, like->app);
	memcpy(data + like->app, payload, len);
	*out = *like;
	ip = data + like->ip;
	tcp = data + like->l4;
	ip_right = v4 && fos_csum_fold(fos_csum_add(ip, 20, 0)) == 0;
	put_lengths(ip, v4, like->l4 - like->ip + tcp_len, id, ip_right);
	meta_put32(tcp + 4, seq);
	tcp[13] = flags;
	if (!(like->bits & META_BAD_SUM) || (v4 && !ip_right)) {
		memset(tcp + 16, 0, 2);
		sum = tcp_sum(ip, tcp, tcp_len, v4);
		memcpy(tcp + 16, &sum, sizeof(sum));
	} else if (tcp_sum(ip, tcp, tcp_len, v4) == 0) {
		tcp[16] ^= 0x55; /* right by accident */
	}
	out->f.data = data;
	out->f.len = out->f.wire_len = like->app + len;
	out->seq = seq;
	out->app_len = len;
	out->tcp_flags = flags;
	return 0;
}

static uint16_t fold(uint32_t sum)
{
	return (uint16_t)~fos_csum_fold(sum);
}

void meta_sum_fix(uint8_t *at, uint32_t before, uint32_t after, bool udp)
{
	uint16_t v;
	uint32_t sum;

	memcpy(&v, at, sizeof(v));
	if (udp && v == 0)
		return;
	sum = (uint32_t)(uint16_t)~v + fold(after) + (uint16_t)~fold(before);
	v = fos_csum_fold(sum);
	if (udp && v == 0)
		v = 0xffff;
	memcpy(at, &v, sizeof(v));
}

uint16_t meta_ip_id(const struct meta_pkt *p)
{
	return p->version == 4 ? meta_be16(p->f.data + p->ip + 4) : 0;
}

uint32_t meta_ip_end(const struct meta_pkt *p)
{
	const uint8_t *ip = p->f.data + p->ip;
	uint32_t len = p->version == 4 ? meta_be16(ip + 2) : meta_be16(ip + 4);

	if (len == 0)
		return 0;
	len += p->ip + (p->version == 4 ? 0u : 40u);
	return len <= p->f.len ? len : 0;
}

bool meta_is_data(const struct meta_set *s, const struct meta_pkt *p, bool *skipped)
{
	bool fin = p->tcp_flags & FOS_TCP_FIN;

	*skipped = false;
	if (p->verdict != FOS_PKT_TCP || (!p->app_len && !fin))
		return false;
	if (p->tcp_flags & (FOS_TCP_SYN | FOS_TCP_RST | FOS_TCP_URG))
		return false;
	*skipped = !(p->bits & META_PLAIN) || !meta_free(s, p) || !meta_writable(s, p);
	return !*skipped;
}

int meta_chain(struct meta_set *s, enum meta_kind kind, uint32_t **next, bool **first)
{
	uint32_t *last = malloc((2 * s->convs + 1) * sizeof(*last));
	int rc = 0;

	*next = malloc((s->n + 1) * sizeof(**next));
	*first = calloc(s->n + 1, sizeof(**first));
	if (!last || !*next || !*first)
		rc = -ENOMEM;
	for (size_t i = 0; rc == 0 && i < 2 * s->convs; i++)
		last[i] = UINT32_MAX;
	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		const struct meta_pkt *p = &s->v[i], *q;
		uint32_t *at = p->conv == META_NO_CONV ? NULL : &last[2 * p->conv + p->side];
		bool skipped;

		(*next)[i] = UINT32_MAX;
		if (!meta_is_data(s, p, &skipped)) {
			s->skipped[kind] += skipped;
			continue;
		}
		q = *at == UINT32_MAX ? NULL : &s->v[*at];
		if (q && q->seq + q->app_len == p->seq && !(q->tcp_flags & FOS_TCP_FIN))
			(*next)[*at] = (uint32_t)i;
		else
			(*first)[i] = true;
		*at = (uint32_t)i;
	}
	free(last);
	if (rc) {
		free(*next);
		free(*first);
	}
	return rc;
}
