/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frag_datagram.c: one datagram that is being put together from fragments. Touches its own buffer only.
 *
 * Which bytes are there is a bitmap of the 8-byte units in which offsets are counted: a fragment costs what its own
 * bytes cost, in whatever order and however often it comes. The header is put down in front of the payload, in
 * headroom, when the first fragment comes, so every byte is copied once.
 */
#include "frag_datagram.h"

#include <errno.h>
#include <stdlib.h>

#include <flowos/parse.h>

#include "bug.h"
#include "parse_internal.h"

enum {
	HEADROOM = 64,     /* for the header; more where an IPv6 header's extensions need it */
	FIRST_ROOM = 4032, /* first guess at a payload's length */
};

struct fos_buf *fos_buf_new(uint32_t len)
{
	struct fos_buf *b = malloc(sizeof *b + len);

	if (b) {
		b->refs = 1;
		b->len = len;
	}
	return b;
}

struct fos_buf *fos_buf_get(struct fos_buf *b)
{
	b->refs++;
	return b;
}

void fos_buf_put(struct fos_buf *b)
{
	if (b && --b->refs == 0)
		free(b);
}

/* Longest payload that a length field can tell: IPv4's counts the header, IPv6's all behind its first 40 bytes. */
static uint32_t payload_max(uint8_t version, uint32_t header)
{
	return version == 4 ? 65535 - header : 65535 + FOS__IP6_LEN - header;
}

bool fos__fragment_read(const struct fos_pkt *p, struct fos__fragment *g)
{
	const uint8_t *field;

	g->ip = p->ip;
	g->data = p->app;
	g->len = p->app_len;
	g->version = p->ip_version;
	g->proto = p->proto;
	if (p->ip_version == 4) {
		field = p->ip + 6;
		g->offset = (fos__be16(field) & 0x1fffu) * 8;
		g->more = field[0] & 0x20;
		g->header = p->l4;
	} else {
		field = p->ip + p->l4 - 6;
		g->offset = fos__be16(field) & 0xfff8u;
		g->more = field[1] & 1;
		g->header = p->l4 - 8u;
	}
	if (g->len == 0 || p->app_len != p->app_wire_len)
		return false;
	if (g->more && g->len % 8 != 0)
		return false;
	return g->offset + (uint64_t)g->len <= payload_max(g->version, g->header);
}

int fos__datagram_init(struct fos__datagram *d)
{
	d->head = HEADROOM;
	d->buf = fos_buf_new(HEADROOM + FIRST_ROOM);
	return d->buf ? 0 : -ENOMEM;
}

void fos__datagram_bury(struct fos__datagram *d)
{
	fos_buf_put(d->buf);
	d->buf = NULL;
}

/* Where the payload is to begin, and how much room for it. */
static void rooms(const struct fos__datagram *d, const struct fos__fragment *g, uint32_t *head, uint32_t *room)
{
	*head = g->offset == 0 && g->header > d->head ? g->header : d->head;
	*room = d->buf->len - d->head;
	while (*room < g->offset + g->len)
		*room *= 2;
}

uint32_t fos__datagram_lack(const struct fos__datagram *d, const struct fos__fragment *g)
{
	uint32_t head, room;

	rooms(d, g, &head, &room);
	return head + room - d->buf->len;
}

int fos__datagram_grow(struct fos__datagram *d, const struct fos__fragment *g)
{
	uint32_t head, room, payload = d->buf->len - d->head;
	struct fos_buf *b;

	rooms(d, g, &head, &room);
	b = realloc(d->buf, sizeof *b + head + room);
	if (!b)
		return -ENOMEM;
	if (head != d->head)
		memmove(b->bytes + head, b->bytes + d->head, payload);
	b->len = head + room;
	d->buf = b;
	d->head = head;
	return 0;
}

/* The units of [from, to) that lie in the word of `from`. */
static inline uint64_t word_mask(uint32_t from, uint32_t to)
{
	uint32_t end = (from / 64 + 1) * 64;

	if (to < end)
		end = to;
	return (~UINT64_C(0) >> (64 - (end - from))) << from % 64;
}

static uint32_t units_present(const struct fos__datagram *d, uint32_t from, uint32_t to)
{
	uint32_t n = 0;

	for (; from < to; from = (from / 64 + 1) * 64)
		n += (uint32_t)__builtin_popcountll(d->have[from / 64] & word_mask(from, to));
	return n;
}

static void units_set(struct fos__datagram *d, uint32_t from, uint32_t to)
{
	for (; from < to; from = (from / 64 + 1) * 64)
		d->have[from / 64] |= word_mask(from, to);
}

/* Compares what is there, and where `write`, adds what is not. Returns whether all that was there is the same. */
static bool merge(struct fos__datagram *d, const struct fos__fragment *g, bool write)
{
	uint8_t *base = d->buf->bytes + d->head + g->offset;
	bool same = true;

	for (uint32_t at = 0; at < g->len; at += 8) {
		uint32_t unit = (g->offset + at) / 8, n = g->len - at < 8 ? g->len - at : 8;

		if (d->have[unit / 64] >> unit % 64 & 1)
			same = same && memcmp(base + at, g->data + at, n) == 0;
		else if (write)
			memcpy(base + at, g->data + at, n);
	}
	return same;
}

/* Has the last fragment said a length that this one, or those before, go beyond? Notes the length. */
static bool lengths_agree(struct fos__datagram *d, const struct fos__fragment *g)
{
	uint32_t end = g->offset + g->len;

	if (!g->more) {
		if ((d->total != 0 && d->total != end) || d->end > end)
			return false;
		d->total = end;
	} else if (d->total != 0 && end > d->total) {
		return false;
	}
	if (end > d->end)
		d->end = end;
	return true;
}

/* IPv6: the header in front of the fragment header tells what comes behind it. The chain was whole when parsed. */
static void ip6_set_next(uint8_t *ip, uint32_t header, uint8_t next)
{
	uint32_t field = 6, at = FOS__IP6_LEN;

	while (at < header) {
		uint8_t kind = ip[field];

		field = at;
		if (kind == FOS__IP_FRAGMENT) /* an atomic one */
			at += 8;
		else
			at += kind == FOS__IP_AH ? (ip[at + 1] + 2u) * 4 : (ip[at + 1] + 1u) * 8;
	}
	ip[field] = next;
}

/* The first fragment's header is the datagram's (RFC 8200, section 4.5). */
static void take_header(struct fos__datagram *d, const struct fos__fragment *g)
{
	uint8_t *ip = d->buf->bytes + d->head - g->header;

	d->header = g->header;
	memcpy(ip, g->ip, g->header);
	if (g->version == 6)
		ip6_set_next(ip, g->header, g->proto);
}

enum fos__taken fos__datagram_take(struct fos__datagram *d, const struct fos__fragment *g, struct fos_frag_stats *st)
{
	uint32_t from = g->offset / 8, to = (g->offset + g->len + 7) / 8, present;

	if (!lengths_agree(d, g))
		return FOS__TAKEN_BAD;
	if (FOS_BUG(CRASH) && d->units > 0 && g->offset == 0)
		__builtin_trap();
	if (FOS_BUG(FRAGMENT_ORDER) && d->units == 0)
		d->total = 0;
	present = units_present(d, from, to);
	if (present == 0) {
		memcpy(d->buf->bytes + d->head + g->offset, g->data, g->len);
	} else {
		bool same = merge(d, g, g->version == 4);

		if (same && present == to - from) {
			st->duplicates++;
			return FOS__TAKEN_WAITS;
		}
		st->overlaps++;
		st->conflicts += !same;
		if (g->version == 6)
			return FOS__TAKEN_BURY;
	}
	units_set(d, from, to);
	d->units += to - from - present;
	if (g->offset == 0 && d->header == 0)
		take_header(d, g);
	if (d->header == 0 || d->total == 0 || d->units != (d->total + 7) / 8)
		return FOS__TAKEN_WAITS;
	return d->total <= payload_max(g->version, d->header) ? FOS__TAKEN_COMPLETE : FOS__TAKEN_BAD;
}

struct fos_buf *fos__datagram_finish(struct fos__datagram *d, uint8_t **ip_at, uint32_t *len)
{
	uint32_t at = d->head - d->header;
	struct fos_buf *b = d->buf, *cut;
	uint8_t *ip;
	uint16_t sum;

	*len = d->header + d->total;
	cut = realloc(b, sizeof *b + at + *len); /* it may live long: give back what is left over */
	b = cut ? cut : b;
	b->len = at + *len;
	d->buf = NULL;
	ip = *ip_at = b->bytes + at;
	if (ip[0] >> 4 == 6) {
		fos__put_be16(ip + 4, (uint16_t)(*len - FOS__IP6_LEN));
		return b;
	}
	fos__put_be16(ip + 2, (uint16_t)*len);
	ip[6] &= 0xc0; /* all but "reserved" and "do not fragment" */
	ip[7] = 0;
	memset(ip + 10, 0, 2);
	sum = fos_csum_fold(fos_csum_add(ip, d->header, 0));
	memcpy(ip + 10, &sum, sizeof sum);
	return b;
}
