/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_fragment.c: IP packets as fragments (RFC 791, section 3.2; RFC 8200, section 4.5). See meta.h; touches the set.
 */
#include "meta_edit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/parse.h>

enum { PARTS_MAX = 64, MORE = 0x2000 };

/* Identifications that no fragment of the trace has: low 16 bits. */
struct ids {
	uint8_t used[8192];
	uint32_t next;
};

static void ids_init(struct ids *ids, const struct meta_set *s, struct meta_draw *d)
{
	memset(ids, 0, sizeof(*ids));
	ids->next = (uint32_t)meta_next(d);
	for (size_t i = 0; i < s->n; i++) {
		const struct meta_pkt *p = &s->v[i];
		const uint8_t *ip = p->f.data + p->ip;
		uint32_t id;

		if (p->verdict != FOS_PKT_FRAGMENT || !(p->bits & META_HEAD))
			continue;
		id = p->version == 4 ? meta_be16(ip + 4) : meta_be16(p->f.data + p->l4 - 2);
		ids->used[id / 8] |= (uint8_t)(1u << id % 8);
	}
}

/* A new one; false: there are none left. */
static bool ids_take(struct ids *ids, uint32_t *id)
{
	for (uint32_t tries = 0; tries < 65536; tries++) {
		uint32_t low = ++ids->next & 0xffff;

		if (ids->used[low / 8] >> low % 8 & 1)
			continue;
		ids->used[low / 8] |= (uint8_t)(1u << low % 8);
		*id = ids->next;
		return true;
	}
	return false;
}

/* Payload [from, to) of the IP packet as a fragment of its own. */
static int make(struct meta_set *s, const struct meta_pkt *p, uint32_t from, uint32_t to, bool more, uint32_t id,
                struct meta_pkt *out)
{
	bool v4 = p->version == 4;
	uint32_t head = p->l4 + (v4 ? 0u : 8u), len = to - from;
	uint8_t *data = meta_bytes(s, head + len), *ip;
	uint16_t sum;

	if (!data)
		return -ENOMEM;
	memcpy(data, p->f.data, p->l4);
	memcpy(data + head, p->f.data + p->l4 + from, len);
	ip = data + p->ip;
	if (v4) {
		meta_put16(ip + 2, p->l4 - p->ip + len);
		meta_put16(ip + 4, id & 0xffff);
		meta_put16(ip + 6, from / 8 | (more ? MORE : 0));
		memset(ip + 10, 0, 2);
		sum = fos_csum_fold(fos_csum_add(ip, p->l4 - p->ip, 0));
		memcpy(ip + 10, &sum, sizeof(sum));
	} else {
		meta_put16(ip + 4, 8 + len);
		data[p->l4] = ip[6];
		data[p->l4 + 1] = 0;
		ip[6] = IPPROTO_FRAGMENT;
		meta_put16(data + p->l4 + 2, from | more);
		meta_put32(data + p->l4 + 4, id);
	}
	*out = *p;
	out->f.data = data;
	out->f.len = out->f.wire_len = head + len;
	out->l4 = (uint16_t)head;
	out->did |= 1u << META_FRAGMENT;
	if (from == 0 && !more) { /* an atomic fragment, RFC 6946: a whole packet */
		out->app = (uint16_t)(head + p->app - p->l4);
		out->bits &= (uint8_t) ~(v4 ? 0u : META_PLAIN);
		return 0;
	}
	out->verdict = FOS_PKT_FRAGMENT;
	out->app = 0;
	out->app_len = 0;
	out->tcp_flags = 0;
	out->bits &= (uint8_t) ~(META_PLAIN | META_BAD_SUM);
	return 0;
}

/* What a packet may become: the bytes that its fragments carry; 0: it stays whole. */
static uint32_t payload_of(const struct meta_set *s, const struct meta_pkt *p)
{
	uint32_t end;

	if ((p->verdict != FOS_PKT_TCP && p->verdict != FOS_PKT_UDP) || !(p->bits & META_PLAIN))
		return 0;
	if (!meta_writable(s, p) || (p->version == 4 && p->l4 - p->ip != 20))
		return 0;
	end = meta_ip_end(p);
	return end > p->l4 + 16u ? end - p->l4 : 0;
}

/* Where fragments come, within the reach of their packet. */
struct spread {
	uint64_t depth;
	unsigned order;   /* 0: in order, 1: reversed, 2: shuffled */
	unsigned doubles; /* % of the packets of which one fragment comes twice */
};

static int cut(struct meta_set *s, size_t i, uint32_t len, uint32_t unit, uint32_t id, uint64_t room,
               const struct spread *how, struct meta_draw *d)
{
	struct meta_pkt whole = s->v[i], part;
	uint32_t first = whole.version == 6 ? (uint32_t)(whole.app - whole.l4 + 7) / 8 * 8 : 8; /* RFC 7112 */
	bool still = meta_group(s, &whole) != 0;
	uint64_t twice = meta_chance(d, how->doubles) && !still ? meta_below(d, 8) : UINT64_MAX;
	uint32_t n = 0;
	int rc = 0;

	for (uint32_t from = 0, to; rc == 0 && from < len; from = to, n++) {
		uint32_t size = 8 * (uint32_t)meta_range(d, 1 + unit / 16, unit / 8);
		int64_t slot = (int64_t)i, at = n;

		if (from == 0 && size < first)
			size = first;
		to = size < len - from ? from + size : len;
		rc = make(s, &whole, from, to, to < len, id, &part);
		if (rc)
			break;
		if (how->order && !still)
			at = how->order == 1 ? META_SLOT / 2 - at : (int64_t)meta_below(d, META_SLOT);
		if (how->depth && !still)
			slot += (int64_t)meta_below(d, room < how->depth ? room : how->depth);
		rc = meta_set_put(s, &part, slot * META_SLOT + at);
		if (rc == 0 && n == twice && (n || to < len))
			rc = meta_set_put(s, &part, slot * META_SLOT + (int64_t)meta_below(d, META_SLOT));
	}
	s->v[i].bits |= META_GONE;
	return rc;
}

int meta_fragment(struct meta_set *s, struct meta_draw *d)
{
	unsigned share = (unsigned)meta_log(d, 2, 100);
	uint32_t unit = 8 * (uint32_t)meta_log(d, 1, 185);
	struct spread how = { .order = (unsigned)meta_below(d, 3), .doubles = meta_chance(d, 50) ? 20 : 0 };
	size_t n = s->n;
	uint32_t *lo, *hi;
	struct ids ids;
	int rc = meta_reach(s, &lo, &hi), done = 0;

	if (rc)
		return rc;
	how.depth = meta_chance(d, 50) ? meta_log(d, 1, 256) : 0;
	ids_init(&ids, s, d);
	meta_set_keys(s);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		uint32_t len = payload_of(s, &s->v[i]), id, most = unit;

		if (!len || !meta_chance(d, share) || !ids_take(&ids, &id)) {
			s->skipped[META_FRAGMENT] += s->v[i].verdict == FOS_PKT_TCP && !(s->v[i].bits & META_PLAIN);
			continue;
		}
		while (len / (most / 2 + 8) > PARTS_MAX)
			most *= 2;
		if (most >= len)
			most = (len - 1) / 8 * 8;
		rc = cut(s, i, len, most, id, hi[i] - i + 1u, &how, d);
		done++;
	}
	free(lo);
	free(hi);
	if (rc == 0 && done)
		rc = meta_set_sort(s);
	s->ends_open |= done && (how.depth || how.order);
	return rc ? rc : done;
}
