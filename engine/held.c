/* SPDX-License-Identifier: BSD-2-Clause
 *
 * held.c: see held.h.
 */
#include "held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct fos__held) <= 320, "what the smallest hole costs");

/* ---- which holds the most ------------------------------------------------------------------------------------------ */

static void leave_class(struct fos__held *h)
{
	struct fos__store *st = h->pieces.store;

	*h->same_link = h->same;
	if (h->same)
		h->same->same_link = h->same_link;
	if (!st->by_size[h->size_class])
		st->classes &= ~(UINT64_C(1) << h->size_class);
}

static void enter_class(struct fos__held *h, unsigned k)
{
	struct fos__store *st = h->pieces.store;

	h->size_class = (uint8_t)k;
	h->same = st->by_size[k];
	h->same_link = &st->by_size[k];
	if (h->same)
		h->same->same_link = &h->same;
	st->by_size[k] = h;
	st->classes |= UINT64_C(1) << k;
}

static unsigned class_of(const struct fos__held *h)
{
	return 63u - (unsigned)__builtin_clzll(fos__held_bytes(h));
}

void fos__held_sort(struct fos__held *h)
{
	unsigned k = class_of(h);

	if (k == h->size_class)
		return;
	leave_class(h);
	enter_class(h, k);
}

struct fos__held *fos__held_most(const struct fos__store *st)
{
	return st->classes ? st->by_size[63 - __builtin_clzll(st->classes)] : NULL;
}

/* ---- the set ------------------------------------------------------------------------------------------------------- */

struct fos__held *fos__held_new(struct fos__store *st, struct fos_session *s, int side)
{
	struct fos__held *h = fos__pool_take(&st->held);

	if (!h)
		return NULL;
	fos__pieces_init(&h->pieces, st);
	h->runs = (struct fos__runs){ 0 };
	h->kept = 0;
	h->since_ns = 0;
	h->since_pkts = h->calm_pkts = 0;
	h->calm_ns = 0;
	h->side = (uint8_t)side;
	h->session = s;
	enter_class(h, class_of(h));
	return h;
}

void fos__held_free(struct fos__held *h)
{
	for (struct fos__cursor c = fos__pieces_first(&h->pieces); c.leaf; fos__cursor_next(&c))
		fos__origin_put(fos__cursor_rest(c)->origin);
	fos__pieces_clear(&h->pieces);
	fos__runs_clear(&h->runs);
	leave_class(h);
	fos__pool_give(h);
}

/* One piece more refers to `o`, or one less: the reference itself is somebody else's. */
static void count_in(struct fos__held *h, struct fos__origin *o)
{
	if (o->pieces++ == 0)
		h->kept += o->bytes;
}

static void count_out(struct fos__held *h, struct fos__origin *o)
{
	if (--o->pieces == 0)
		h->kept -= o->bytes;
}

/* What is compared first of the pieces that a segment may overlap: of so many of them. */
enum { FETCHED = 3 };

void fos__held_fetch(struct fos__fetch *f, unsigned n)
{
	const struct fos__origin *o[FETCHED * FOS_BATCH_MAX];
	uint64_t at[FETCHED * FOS_BATCH_MAX];
	struct fos__cursor c[FOS_BATCH_MAX];
	unsigned m = 0;

	for (unsigned i = 0; i < n; i++) {
		f[i].leaf = f[i].held ? fos__pieces_fetch_leaf(&f[i].held->pieces, f[i].pos) : NULL;
		if (!f[i].leaf)
			f[i].held = NULL;
	}
	for (unsigned i = 0; i < n; i++)
		if (f[i].held)
			c[i] = fos__pieces_fetch_place(f[i].leaf, f[i].pos);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; f[i].held && k < FETCHED; k++, c[i].i++) {
			o[m] = fos__pieces_fetch_origin(c[i], f[i].pos, f[i].to);
			if (!o[m] && k)
				break;
			if (!o[m])
				continue; /* the first may lie before the segment */
			at[m] = fos__cursor_from(c[i]);
			at[m] = at[m] > f[i].pos ? at[m] : f[i].pos;
			m++;
		}
	}
	for (unsigned i = 0; i < m; i++)
		__builtin_prefetch(fos__piece_data(o[i], at[i]));
}

/* The position from which a held segment counts against others. */
static uint64_t rank_of(const struct fos__origin *o)
{
	return o->joined == FOS_JOINED_LOSES ? FOS_RANK_LOSES : o->o_from - o->joined;
}

/* ---- insertion ----------------------------------------------------------------------------------------------------- */

static struct fos__origin *new_origin(struct fos__held *h, const struct fos__insert *in)
{
	struct fos__origin *o = fos__origin_new(h->pieces.store, in->pkt);

	if (!o)
		return NULL;
	o->data = fos__origin_at(o, in->pkt, in->data - (in->from - in->o_from));
	o->o_from = in->o_from;
	o->o_len = (uint32_t)(in->o_to - in->o_from);
	o->joined = in->rank <= in->o_from ? (uint32_t)(in->o_from - in->rank) : FOS_JOINED_LOSES;
	o->held_ns = in->held_ns;
	return o;
}

/* Adds [from, to) of the new segment before *c, which then is the place behind it. *o: its origin, made for the first piece. */
static int add_piece(struct fos__held *h, struct fos__cursor *c, const struct fos__insert *in, uint64_t from,
                     uint64_t to, struct fos__origin **o)
{
	bool stamped = in->ack >= from;

	if (!*o && !(*o = new_origin(h, in)))
		return -ENOMEM;
	struct fos__piece x = { .from = from,
		                .len = (uint32_t)(to - from),
		                .origin = *o,
		                .stamp_ns = stamped ? in->now_ns : FOS_UNSTAMPED,
		                .stamp_pkts = in->pkts };

	if (fos__pieces_insert(&h->pieces, c, &x))
		return -ENOMEM;
	(*o)->refs++;
	count_in(h, *o);
	fos__cursor_next(c);
	return 0;
}

/* Takes [from, to) away from the piece at *c, which then is the place where a new piece for it belongs. */
static int cut(struct fos__held *h, struct fos__cursor *c, uint64_t from, uint64_t to)
{
	uint64_t p_from = fos__cursor_from(*c), p_to = fos__cursor_to(*c);
	struct fos__piece_rest *r = fos__cursor_rest(*c);
	struct fos__origin *o = r->origin;

	if (p_from < from && p_to > to) {
		struct fos__piece right = { .from = to,
			                    .len = (uint32_t)(p_to - to),
			                    .origin = o,
			                    .stamp_ns = r->stamp_ns,
			                    .stamp_pkts = r->stamp_pkts };

		r->len = (uint32_t)(from - p_from);
		fos__cursor_next(c);
		if (fos__pieces_insert(&h->pieces, c, &right))
			return -ENOMEM;
		o->refs++;
		count_in(h, o);
	} else if (p_from < from) {
		r->len = (uint32_t)(from - p_from);
		fos__cursor_next(c);
	} else if (p_to > to) {
		fos__pieces_narrow(&h->pieces, *c, to, (uint32_t)(p_to - to));
	} else {
		fos__pieces_erase(&h->pieces, c);
		count_out(h, o);
		fos__origin_put(o);
	}
	return 0;
}

static bool differ(const uint8_t *a, const uint8_t *b, uint64_t len)
{
	return a != b && memcmp(a, b, len) != 0;
}

static int insert(struct fos__held *h, const struct fos__insert *in, uint32_t *conflicts, struct fos__origin **mine)
{
	struct fos__cursor c = fos__pieces_seek(&h->pieces, in->from);
	uint64_t piece = in->from; /* start of the piece of the new segment that nobody has contested so far */

	while (c.leaf && fos__cursor_from(c) < in->to) {
		const struct fos__origin *o = fos__cursor_rest(c)->origin;
		uint64_t from = fos__cursor_from(c), to = fos__cursor_to(c);

		if (from < in->from)
			from = in->from;
		if (to > in->to)
			to = in->to;
		*conflicts += differ(fos__piece_data(o, from), in->data + (from - in->from), to - from);
		if (fos_overlap_new_wins(in->policy, rank_of(o), o->o_from + o->o_len, in->rank, in->o_to)) {
			if (cut(h, &c, from, to))
				return -ENOMEM;
			continue;
		}
		if (piece < from && add_piece(h, &c, in, piece, from, mine))
			return -ENOMEM;
		piece = to;
		fos__cursor_next(&c);
	}
	return piece < in->to ? add_piece(h, &c, in, piece, in->to, mine) : 0;
}

int fos__held_insert(struct fos__held *h, const struct fos__insert *in, uint32_t *conflicts, unsigned *added)
{
	struct fos__origin *mine = NULL;
	int err;

	if (!h->pieces.count || in->from < fos__held_least(h))
		h->calm_ns = 0;
	err = insert(h, in, conflicts, &mine);

	if (err) /* what was first may be gone */
		h->calm_ns = 0;
	*added = mine ? mine->pieces : 0;
	if (mine)
		fos__origin_put(mine);
	return err;
}

int fos__held_join(struct fos__held *h, bool front, const struct fos_pkt *p, uint64_t pos, uint64_t now_ns,
                   uint32_t pkts, uint64_t ack)
{
	struct fos__origin *o = fos__origin_new(h->pieces.store, p);
	struct fos__cursor at = front ? fos__pieces_first(&h->pieces) : (struct fos__cursor){ .leaf = NULL };

	if (!o)
		return -ENOMEM;
	o->o_from = pos;
	o->o_len = p->app_len;
	o->held_ns = now_ns;
	struct fos__piece x = { .from = pos,
		                .len = p->app_len,
		                .origin = o,
		                .stamp_ns = ack >= pos ? now_ns : FOS_UNSTAMPED,
		                .stamp_pkts = pkts };

	if (fos__pieces_insert(&h->pieces, &at, &x)) {
		fos__origin_put(o);
		return -ENOMEM;
	}
	count_in(h, o);
	if (front)
		h->calm_ns = 0;
	return 0;
}

void fos__held_stamp(struct fos__held *h, uint64_t was, uint64_t ack, uint32_t pkts, uint64_t now_ns)
{
	if (!h->pieces.count || fos__held_least(h) > ack)
		return;
	if (fos__held_least(h) > was) /* else what patience looks at, the first piece, is as it was */
		h->calm_ns = 0;
	for (struct fos__cursor c = fos__pieces_seek(&h->pieces, was); c.leaf && fos__cursor_from(c) <= ack;
	     fos__cursor_next(&c)) {
		struct fos__piece_rest *r = fos__cursor_rest(c);

		if (r->stamp_ns != FOS_UNSTAMPED || fos__cursor_from(c) <= was)
			continue;
		r->stamp_ns = now_ns;
		r->stamp_pkts = pkts;
	}
}

/* ---- taking out ---------------------------------------------------------------------------------------------------- */

unsigned fos__held_pop(struct fos__held *h, uint64_t next, struct fos__piece *out)
{
	unsigned n = fos__pieces_pop(&h->pieces, next, out, FOS_HELD_RUN);

	if (n)
		h->calm_ns = 0;
	for (unsigned i = 0; i < n; i++)
		count_out(h, out[i].origin);
	return n;
}

size_t fos__held_take(struct fos__held *h, uint64_t from, uint64_t to, struct fos__piece **out, int *err)
{
	struct fos__cursor first = fos__pieces_seek(&h->pieces, from), c;
	size_t n = 0;

	*out = NULL;
	*err = 0;
	h->calm_ns = 0;
	if (first.leaf && fos__cursor_from(first) < from)
		fos__cursor_next(&first);
	for (c = first; c.leaf && fos__cursor_from(c) <= to; fos__cursor_next(&c))
		n++;
	if (n == 0)
		return 0;
	*out = malloc(n * sizeof(**out));
	if (!*out) {
		*err = -ENOMEM;
		return 0;
	}
	c = first;
	for (size_t i = 0; i < n; i++) {
		const struct fos__piece_rest *r = fos__cursor_rest(c);

		(*out)[i] = (struct fos__piece){ .from = fos__cursor_from(c),
			                         .stamp_ns = r->stamp_ns,
			                         .origin = r->origin,
			                         .len = r->len,
			                         .stamp_pkts = r->stamp_pkts };
		count_out(h, r->origin);
		fos__pieces_erase(&h->pieces, &c);
	}
	return n;
}

void fos__held_cut_front(struct fos__held *h, uint64_t pos)
{
	struct fos__cursor c = fos__pieces_first(&h->pieces);
	uint64_t to = fos__cursor_to(c);

	h->calm_ns = 0;
	if (to > pos) {
		fos__pieces_narrow(&h->pieces, c, pos, (uint32_t)(to - pos));
		return;
	}
	struct fos__origin *o = fos__cursor_rest(c)->origin;

	fos__pieces_erase(&h->pieces, &c);
	count_out(h, o);
	fos__origin_put(o);
}

/* The origin for pieces of `o` that move: the same, or, where others stay behind, a second one. */
static struct fos__origin *heir_of(struct fos__held *h, struct fos__origin *o, uint64_t shift)
{
	struct fos__origin *n = o;

	if (o->pieces) {
		n = fos__origin_new(h->pieces.store, &o->pkt);
		if (!n)
			return NULL;
		n->data = fos__origin_at(n, &o->pkt, o->data);
		n->held_ns = o->held_ns;
	} else {
		n->refs++;
	}
	n->shown = false;
	n->o_len = o->o_len;
	n->joined = o->joined;
	n->o_from = o->o_from + shift;
	return n;
}

/* Until the last loop all origins stay: each refers to its heir, and both are held once more than they have pieces. */
size_t fos__held_put(struct fos__held *h, struct fos__piece *x, size_t n, uint64_t shift)
{
	struct fos__cursor end;
	size_t done = 0;

	h->calm_ns = 0;
	for (size_t i = 0; i < n; i++)
		if (!x[i].origin->heir)
			x[i].origin->heir = heir_of(h, x[i].origin, shift);
	for (size_t i = 0; i < n; i++) {
		struct fos__piece y = x[i];

		y.origin = x[i].origin->heir;
		y.from += shift;
		y.stamp_ns = FOS_UNSTAMPED;
		end = (struct fos__cursor){ .leaf = NULL };
		if (!y.origin || fos__pieces_insert(&h->pieces, &end, &y))
			continue;
		y.origin->refs++;
		count_in(h, y.origin);
		done++;
	}
	for (size_t i = 0; i < n; i++) {
		struct fos__origin *o = x[i].origin, *heir = o->heir;

		o->heir = NULL;
		if (heir)
			fos__origin_put(heir);
		fos__origin_put(o);
	}
	return done;
}
