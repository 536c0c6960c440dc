/* SPDX-License-Identifier: BSD-2-Clause
 *
 * direction.c: conversations and their directions: a hash of what identifies them, and a table. Touches the table only.
 */
#include "direction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/key.h>
#include <flowos/rand.h>

/* What a conversation is identified by. Numbers are part of what decisions are drawn from: never change one. */
enum kind { KIND_TRANSPORT = 1, KIND_FRAGMENT = 2, KIND_IP = 3, KIND_ETHER = 4, KIND_LINK = 5 };

static uint64_t be(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static uint64_t hash_addresses(uint64_t h, unsigned version, const uint8_t *a, const uint8_t *b)
{
	if (version == 4)
		return fos_mix64_add(h, be(a, 4) << 32 | be(b, 4));
	h = fos_mix64_add(fos_mix64_add(h, be(a, 8)), be(a + 8, 8));
	return fos_mix64_add(fos_mix64_add(h, be(b, 8)), be(b + 8, 8));
}

static uint64_t hash_kind(enum kind kind, unsigned version, unsigned proto)
{
	return fos_mix64((uint64_t)kind | (uint64_t)version << 8 | (uint64_t)proto << 16);
}

static uint64_t hash_transport(const struct fos_pkt *p, int *side)
{
	struct fos_key key;
	uint64_t h;

	*side = fos_key_of(p, 0, &key);
	h = hash_kind(KIND_TRANSPORT, key.version, key.proto);
	h = hash_addresses(h, key.version, key.addr[0], key.addr[1]);
	return fos_mix64_add(h, (uint64_t)key.port[0] << 16 | key.port[1]);
}

/* The identification of a fragment; in IPv6 its header ends where the payload begins (RFC 8200, section 4.5). */
static uint64_t fragment_id(const struct fos_pkt *p)
{
	return p->ip_version == 4 ? be(p->ip + 4, 2) : be(p->ip + p->l4 - 4, 4);
}

static uint64_t hash_ip(const struct fos_pkt *p, int *side)
{
	unsigned alen = p->ip_version == 4 ? 4 : 16;
	const uint8_t *src = p->ip + (alen == 4 ? 12 : 8);
	const uint8_t *dst = src + alen;
	bool fragment = p->verdict == FOS_PKT_FRAGMENT;
	uint64_t h = hash_kind(fragment ? KIND_FRAGMENT : KIND_IP, p->ip_version, p->proto);

	*side = memcmp(src, dst, alen) > 0;
	h = *side ? hash_addresses(h, p->ip_version, dst, src) : hash_addresses(h, p->ip_version, src, dst);
	return fragment ? fos_mix64_add(h, fragment_id(p)) : h;
}

static uint64_t hash_link(const struct fos_frame *f, int *side)
{
	uint64_t dst, src, h = hash_kind(KIND_LINK, 0, f->linktype);

	*side = 0;
	if (f->linktype != 1 || f->len < 14)
		return h;
	dst = be(f->data, 6);
	src = be(f->data + 6, 6);
	*side = src > dst;
	h = hash_kind(KIND_ETHER, 0, (unsigned)be(f->data + 12, 2));
	h = fos_mix64_add(h, *side ? dst : src);
	return fos_mix64_add(h, *side ? src : dst);
}

uint64_t fos__conversation_hash(const struct fos_pkt *p, int *side)
{
	if (p->verdict == FOS_PKT_TCP || p->verdict == FOS_PKT_UDP)
		return hash_transport(p, side);
	if (p->ip && p->verdict != FOS_PKT_NON_IP)
		return hash_ip(p, side);
	return hash_link(&p->f, side);
}

void fos__directions_free(struct fos__directions *t)
{
	free(t->conv);
	free(t->slot);
	memset(t, 0, sizeof *t);
}

/* Room for twice as many; slots are always at most half full. */
static int grow(struct fos__directions *t)
{
	uint32_t cap = t->cap ? 2 * t->cap : 256;
	uint32_t mask = 2 * cap - 1;
	struct fos__conversation *conv;
	uint32_t *slot = calloc((size_t)mask + 1, sizeof *slot);

	if (!slot)
		return -ENOMEM;
	conv = realloc(t->conv, (size_t)cap * sizeof *conv);
	if (!conv) {
		free(slot);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t at = (uint32_t)conv[i].hash & mask;

		while (slot[at])
			at = (at + 1) & mask;
		slot[at] = i + 1;
	}
	free(t->slot);
	t->conv = conv;
	t->slot = slot;
	t->cap = cap;
	t->mask = mask;
	return 0;
}

int64_t fos__directions_find(struct fos__directions *t, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & t->mask;

	for (; t->cap && t->slot[at]; at = (at + 1) & t->mask) {
		if (t->conv[t->slot[at] - 1].hash == hash)
			return t->slot[at] - 1;
	}
	if (t->n == FOS__CONVERSATIONS_MAX)
		return -ENOSPC;
	if (t->n == t->cap) {
		int r = grow(t);

		if (r)
			return r;
		for (at = (uint32_t)hash & t->mask; t->slot[at];)
			at = (at + 1) & t->mask;
	}
	t->slot[at] = ++t->n;
	memset(&t->conv[t->n - 1], 0, sizeof *t->conv);
	t->conv[t->n - 1].hash = hash;
	return t->n - 1;
}

uint32_t fos__conversation_count(struct fos__conversation *c, int side, const struct fos_pkt *p)
{
	struct fos__direction *d = &c->dir[side];

	if (p->verdict == FOS_PKT_TCP && (p->tcp_flags & (FOS_TCP_SYN | FOS_TCP_ACK)) == FOS_TCP_SYN) {
		if (d->isn_seen && d->isn != p->seq) {
			c->use++;
			for (int i = 0; i < 2; i++) {
				c->dir[i].index = 0;
				c->dir[i].chain_on = false;
			}
		}
		d->isn = p->seq;
		d->isn_seen = true;
	}
	return d->index++;
}
