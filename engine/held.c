/* SPDX-License-Identifier: BSD-2-Clause
 *
 * held.c: see held.h. A red-black tree over pieces that do not overlap; a piece remembers the segment that it came in,
 * so that the policy compares segments as they were sent.
 */
#include "held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/frag.h>

static int seg_cmp(const struct fos__seg *a, const struct fos__seg *b)
{
	return (a->from > b->from) - (a->from < b->from);
}

RB_GENERATE_INTERNAL(fos__seg_tree, fos__seg, node, seg_cmp, static __attribute__((unused)))

/* Where `p`, a pointer into the old bytes of a packet, is in the new ones. */
static const uint8_t *moved(const uint8_t *p, const struct fos_frame *f, const uint8_t *to)
{
	if (!p)
		return NULL;
	if (p >= f->data && p <= f->data + f->len)
		return to + (p - f->data);
	return to + f->len + (p - f->ext);
}

/* Makes *to a copy of *from that outlives the batch. */
static int pkt_keep(struct fos_pkt *to, const struct fos_pkt *from)
{
	const struct fos_frame *f = &from->f;

	*to = *from;
	if (from->buf) {
		fos_buf_get(from->buf);
		if (!(f->flags & FOS_FRAME_STABLE)) {
			to->f.data = to->f.ext = NULL;
			to->f.len = to->f.ext_len = 0;
		}
		return 0;
	}
	if (f->flags & FOS_FRAME_STABLE)
		return 0;
	struct fos_buf *b = fos_buf_new(f->len + f->ext_len);

	if (!b)
		return -ENOMEM;
	memcpy(b->bytes, f->data, f->len);
	if (f->ext_len)
		memcpy(b->bytes + f->len, f->ext, f->ext_len);
	to->buf = b;
	to->ip = moved(from->ip, f, b->bytes);
	to->app = moved(from->app, f, b->bytes);
	to->ip_len = b->len - (uint32_t)(to->ip - b->bytes);
	to->f.data = b->bytes;
	to->f.len = b->len;
	to->f.ext = NULL;
	to->f.ext_len = 0;
	to->f.flags |= FOS_FRAME_STABLE;
	return 0;
}

struct fos__seg *fos__seg_new(const struct fos_pkt *pkt, const uint8_t *data, uint32_t len)
{
	struct fos__seg *s = malloc(sizeof(*s));

	if (!s)
		return NULL;
	memset(&s->span, 0, sizeof(s->span));
	if (pkt_keep(&s->pkt, pkt)) {
		free(s);
		return NULL;
	}
	/* The data lies in the payload, or (at levels below) between the IP header and its end. */
	if (pkt->app && data >= pkt->app && data <= pkt->app + pkt->app_len)
		s->span.data = s->pkt.app + (data - pkt->app);
	else
		s->span.data = s->pkt.ip + (data - pkt->ip);
	s->span.len = len;
	s->span.pkt = &s->pkt;
	return s;
}

void fos__seg_free(struct fos__seg *s)
{
	if (!s)
		return;
	fos_buf_put(s->pkt.buf);
	free(s);
}

size_t fos__seg_bytes(const struct fos__seg *s)
{
	return sizeof(*s) + 16 + (s->pkt.buf ? s->pkt.buf->len + sizeof(struct fos_buf) : 0);
}

struct fos__held *fos__held_new(void)
{
	struct fos__held *h = calloc(1, sizeof(*h));

	if (h)
		RB_INIT(&h->tree);
	return h;
}

size_t fos__held_free(struct fos__held *h)
{
	size_t bytes = h->bytes;
	struct fos__seg *s;

	while ((s = fos__held_pop(h)))
		fos__seg_free(s);
	free(h);
	return bytes;
}

struct fos__seg *fos__held_next(struct fos__seg *s)
{
	return RB_NEXT(fos__seg_tree, , s);
}

void fos__held_take(struct fos__held *h, struct fos__seg *s)
{
	if (h->first == s)
		h->first = RB_NEXT(fos__seg_tree, &h->tree, s);
	if (h->last == s)
		h->last = RB_PREV(fos__seg_tree, &h->tree, s);
	RB_REMOVE(fos__seg_tree, &h->tree, s);
	h->count--;
	h->bytes -= fos__seg_bytes(s);
}

struct fos__seg *fos__held_pop(struct fos__held *h)
{
	struct fos__seg *s = h->first;

	if (s)
		fos__held_take(h, s);
	return s;
}

static void add(struct fos__held *h, struct fos__seg *s)
{
	RB_INSERT(fos__seg_tree, &h->tree, s);
	if (!h->first || s->from < h->first->from)
		h->first = s;
	if (!h->last || s->from > h->last->from)
		h->last = s;
	h->count++;
	h->bytes += fos__seg_bytes(s);
}

void fos__held_put(struct fos__held *h, struct fos__seg *s)
{
	add(h, s);
}

/* Adds a piece of the new segment; *kept is the first one that went in, whose copy of the packet the others share. */
static int add_piece(struct fos__held *h, const struct fos__insert *in, uint64_t from, uint64_t to,
                     const struct fos__seg **kept, unsigned *added)
{
	const struct fos_pkt *pkt = *kept ? &(*kept)->pkt : in->pkt;
	const uint8_t *data = *kept ? (*kept)->span.data + (from - (*kept)->from) : in->data + (from - in->from);
	struct fos__seg *s = fos__seg_new(pkt, data, (uint32_t)(to - from));

	if (!s)
		return -ENOMEM;
	if (!*kept)
		*kept = s;
	s->from = from;
	s->to = to;
	s->o_from = in->o_from;
	s->o_to = in->o_to;
	s->held_ns = in->held_ns;
	s->first = in->first && *added == 0;
	s->stamped = in->ack >= from;
	s->stamp_ns = in->now_ns;
	s->stamp_pkts = in->pkts;
	add(h, s);
	(*added)++;
	return 0;
}

/* `o` goes; where it was the first piece of its packet, the next one of that packet is now. */
static void pass_on_first(struct fos__seg *o)
{
	uint64_t end = o->o_to, id = o->pkt.id;

	for (struct fos__seg *s = o->first ? fos__held_next(o) : NULL; s && s->from < end; s = fos__held_next(s)) {
		if (s->pkt.id == id) {
			s->first = true;
			return;
		}
	}
}

/* Takes [from, to) away from `o`, which holds it. */
static int cut(struct fos__held *h, struct fos__seg *o, uint64_t from, uint64_t to)
{
	if (o->to > to && o->from < from) {
		struct fos__seg *right = fos__seg_new(&o->pkt, o->span.data + (to - o->from), (uint32_t)(o->to - to));

		if (!right)
			return -ENOMEM;
		right->from = to;
		right->to = o->to;
		right->o_from = o->o_from;
		right->o_to = o->o_to;
		right->held_ns = o->held_ns;
		right->stamped = o->stamped;
		right->stamp_ns = o->stamp_ns;
		right->stamp_pkts = o->stamp_pkts;
		right->first = false;
		o->to = from;
		o->span.len = (uint32_t)(from - o->from);
		add(h, right);
	} else if (o->to > to) { /* a prefix goes: the order among its neighbours stays */
		o->span.data += to - o->from;
		o->span.len = (uint32_t)(o->to - to);
		o->from = to;
	} else if (o->from < from) {
		o->to = from;
		o->span.len = (uint32_t)(from - o->from);
	} else {
		pass_on_first(o);
		fos__held_take(h, o);
		fos__seg_free(o);
	}
	return 0;
}

/* The first held piece that ends behind `pos`. */
static struct fos__seg *first_behind(struct fos__held *h, uint64_t pos)
{
	struct fos__seg key, *s, *prev;

	if (!h->last || h->last->to <= pos)
		return NULL;
	key.from = pos;
	s = RB_NFIND(fos__seg_tree, &h->tree, &key);
	prev = s ? RB_PREV(fos__seg_tree, &h->tree, s) : h->last;
	return prev && prev->to > pos ? prev : s;
}

int fos__held_insert(struct fos__held *h, const struct fos__insert *in, uint32_t *conflicts, unsigned *added)
{
	const struct fos__seg *kept = NULL;
	uint64_t piece = in->from; /* start of the piece of the new segment that nobody has contested so far */
	struct fos__seg *o = first_behind(h, in->from), *next;
	int err;

	*added = 0;
	for (; o && o->from < in->to; o = next) {
		uint64_t from = o->from > in->from ? o->from : in->from;
		uint64_t to = o->to < in->to ? o->to : in->to;

		next = RB_NEXT(fos__seg_tree, &h->tree, o);
		if (memcmp(o->span.data + (from - o->from), in->data + (from - in->from), to - from) != 0)
			(*conflicts)++;
		if (fos_overlap_new_wins(in->policy, o->o_from, o->o_to, in->o_from, in->o_to)) {
			err = cut(h, o, from, to);
			if (err)
				return err;
			continue;
		}
		if (piece < from) {
			err = add_piece(h, in, piece, from, &kept, added);
			if (err)
				return err;
		}
		piece = to;
	}
	return piece < in->to ? add_piece(h, in, piece, in->to, &kept, added) : 0;
}

void fos__held_stamp(struct fos__held *h, uint64_t was, uint64_t ack, uint32_t pkts, uint64_t now_ns)
{
	struct fos__seg key, *s;

	if (!h->first || h->first->from > ack || h->last->from <= was)
		return;
	key.from = was + 1;
	for (s = RB_NFIND(fos__seg_tree, &h->tree, &key); s && s->from <= ack;
	     s = RB_NEXT(fos__seg_tree, &h->tree, s)) {
		if (s->stamped)
			continue;
		s->stamped = true;
		s->stamp_pkts = pkts;
		s->stamp_ns = now_ns;
	}
}
