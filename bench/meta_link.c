/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_link.c: what lies around IP packets: VLAN tags, padding, another link layer. See meta.h; touches the set.
 */
#include "meta_edit.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <flowos/pkt.h>

enum {
	ETHER = 1, /* LINKTYPE_ values */
	RAW = 101,
	SLL = 113,
	SLL2 = 276,
	ETHER_LEN = 14,
	TYPE_IP4 = 0x0800,
	TYPE_IP6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
};

/* Headers begin `by` bytes further on now. */
static void shift(struct meta_pkt *p, int by)
{
	if (!(p->bits & META_HEAD))
		return;
	p->ip = (uint16_t)(p->ip + by);
	p->l4 = (uint16_t)(p->l4 + by);
	if (p->app)
		p->app = (uint16_t)(p->app + by);
}

static bool is_tag(uint16_t type)
{
	return type == TYPE_VLAN || type == TYPE_QINQ;
}

/* How many tags an Ethernet frame has. */
static uint32_t tags_of(const struct meta_pkt *p)
{
	uint32_t n = 0;

	while (p->f.len >= ETHER_LEN + 4 * (n + 1) + 2 && is_tag(meta_be16(p->f.data + 12 + 4 * n)))
		n++;
	return n;
}

static int put_tag(struct meta_set *s, struct meta_pkt *p, uint16_t type, uint16_t id)
{
	uint8_t *at = meta_own(s, p, 4, 0);

	if (!at)
		return -ENOMEM;
	memmove(at, at + 4, 12);
	meta_put16(at + 12, type);
	meta_put16(at + 14, id);
	p->f.data = at;
	p->f.len += 4;
	p->f.wire_len += 4;
	shift(p, 4);
	return 1;
}

static int drop_tags(struct meta_set *s, struct meta_pkt *p, uint32_t n)
{
	uint8_t *at;

	if (n == 0)
		return 0;
	at = meta_own(s, p, 0, 0);
	if (!at)
		return -ENOMEM;
	memmove(at + 4 * n, at, 12);
	p->f.data = at + 4 * n;
	p->f.len -= 4 * n;
	p->f.wire_len -= 4 * n;
	shift(p, -4 * (int)n);
	return 1;
}

static bool is_ether_ip(const struct meta_pkt *p)
{
	return p->f.linktype == ETHER && p->f.len >= ETHER_LEN && p->bits & META_HEAD;
}

int meta_tag(struct meta_set *s, struct meta_draw *d)
{
	unsigned how = (unsigned)meta_below(d, 4), share = meta_chance(d, 50) ? 100 : (unsigned)meta_log(d, 5, 100);
	uint16_t id = (uint16_t)meta_range(d, 1, 4094);
	int done = 0;

	if (s->vlan_key)
		return 0;
	for (size_t i = 0; i < s->n; i++) {
		struct meta_pkt *p = &s->v[i];
		uint32_t tags;
		int rc = 0;

		if (!is_ether_ip(p) || !meta_chance(d, share))
			continue;
		tags = tags_of(p);
		if (how == 0 || tags > 1) {
			rc = drop_tags(s, p, tags);
		} else if (how == 1) {
			rc = put_tag(s, p, TYPE_VLAN, id);
		} else if (how == 2) { /* each its own */
			rc = put_tag(s, p, tags ? TYPE_QINQ : TYPE_VLAN, (uint16_t)meta_range(d, 1, 0xffff));
		} else {
			rc = tags ? 1 : put_tag(s, p, TYPE_VLAN, (uint16_t)(id ^ 1));
			if (rc > 0)
				rc = put_tag(s, p, TYPE_QINQ, id);
		}
		if (rc < 0)
			return rc;
		p->did |= rc ? 1u << META_TAG : 0;
		done += rc;
	}
	return done;
}

/* Does the IP header say where the packet ends, so that bytes may follow? All of it must be there. */
static bool may_pad(const struct meta_pkt *p)
{
	uint32_t end;

	if (!(p->bits & META_HEAD) || p->f.len < p->f.wire_len || p->f.linktype != ETHER)
		return false;
	end = meta_ip_end(p);
	return end && end <= p->f.len;
}

int meta_pad(struct meta_set *s, struct meta_draw *d)
{
	unsigned how = (unsigned)meta_below(d, 3), share = meta_chance(d, 50) ? 100 : (unsigned)meta_log(d, 5, 100);
	int done = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct meta_pkt *p = &s->v[i];
		uint32_t least = p->f.len < 60 ? 60 : p->f.len, len;
		uint8_t *at;

		if (!may_pad(p) || !meta_chance(d, share))
			continue;
		len = how == 0 ? least : how == 1 ? p->f.len + 4 : p->f.len + (uint32_t)meta_log(d, 1, 100);
		if (len == p->f.len)
			continue;
		at = meta_own(s, p, 0, len - p->f.len);
		if (!at)
			return -ENOMEM;
		for (uint32_t k = p->f.len; k < len; k++)
			at[k] = how ? (uint8_t)meta_next(d) : 0;
		p->f.len = p->f.wire_len = len;
		p->did |= 1u << META_PAD;
		done++;
	}
	return done;
}

/* The header that takes the place of Ethernet's 14 bytes. Returns its length. */
static uint32_t put_cooked(uint8_t *at, unsigned linktype, const uint8_t *ether)
{
	bool two = linktype == SLL2;
	uint32_t len = linktype == SLL ? 16 : two ? 20 : 0;

	memset(at, 0, len);
	if (linktype == SLL) {
		meta_put16(at + 2, 1); /* ARPHRD_ETHER */
		meta_put16(at + 4, 6);
		memcpy(at + 6, ether + 6, 6);
		memcpy(at + 14, ether + 12, 2);
	} else if (two) {
		memcpy(at, ether + 12, 2);
		meta_put32(at + 4, 1);
		meta_put16(at + 8, 1);
		at[11] = 6;
		memcpy(at + 12, ether + 6, 6);
	}
	return len;
}

int meta_link(struct meta_set *s, struct meta_draw *d)
{
	static const uint16_t types[] = { RAW, SLL, SLL2 };
	uint16_t to = types[meta_below(d, 3)];

	/* All or none: files with more than one link type are rare. */
	for (size_t i = 0; i < s->n; i++) {
		const struct meta_pkt *p = &s->v[i];
		uint16_t type = p->f.len >= ETHER_LEN ? meta_be16(p->f.data + 12) : 0;
		bool ip = type == TYPE_IP4 || type == TYPE_IP6;

		if (p->f.linktype != ETHER || type < 0x0600)
			return 0;
		if (to == RAW && !ip)
			to = SLL2;
	}
	for (size_t i = 0; i < s->n; i++) {
		struct meta_pkt *p = &s->v[i];
		uint8_t head[20], *at;
		uint32_t len = put_cooked(head, to, p->f.data), more = len > ETHER_LEN ? len - ETHER_LEN : 0;

		at = meta_own(s, p, more, 0);
		if (!at)
			return -ENOMEM;
		at += more + ETHER_LEN - len;
		memcpy(at, head, len);
		p->f.data = at;
		p->f.len = p->f.len + len - ETHER_LEN;
		p->f.wire_len = p->f.wire_len + len - ETHER_LEN;
		p->f.linktype = to;
		p->did |= 1u << META_LINK;
		shift(p, (int)len - ETHER_LEN);
	}
	return (int)s->n;
}
