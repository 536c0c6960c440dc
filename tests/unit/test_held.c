/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_held.c: what waits above a hole, against an array that says for each byte which segment owns it, under every
 * policy; conflicts, stamps, memory; frames that go away, in one piece and in two; many segments in any order; which set
 * holds the most.
 */
#include <stdlib.h>
#include <string.h>

#include <flowos/frag.h>
#include <flowos/parse.h>

#include "held.h"

#include "packet_source.h"

enum { BASE = 1000, SPACE = 400, SEGS = 60 };

static struct fos__store store;

static int setup(void **state)
{
	(void)state;
	fos__store_init(&store);
	return 0;
}

/* Every element was given back. */
static int teardown(void **state)
{
	const struct fos__pool *pool[] = { &store.held, &store.origin,   &store.span,
		                           &store.leaf, &store.leaf_few, &store.inner };

	(void)state;
	assert_int_equal(store.classes, 0);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(pool[i]->chunks, pool[i]->empty);
	fos__store_free(&store);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(pool[i]->chunks, 0);
	return 0;
}

static struct fos__held *held_new(void)
{
	struct fos__held *h = fos__held_new(&store, NULL, 0);

	assert_non_null(h);
	return h;
}

/* The pieces of a set one by one. */
struct view {
	struct fos__cursor c;
	uint64_t from, to, stamp_ns;
	uint32_t stamp_pkts;
	bool stamped;
	const struct fos__origin *o;
	const uint8_t *data;
};

static bool view_at(struct view *v, struct fos__cursor c)
{
	v->c = c;
	if (!c.leaf)
		return false;
	v->from = fos__cursor_from(c);
	v->to = fos__cursor_to(c);
	v->o = fos__cursor_rest(c)->origin;
	v->stamp_ns = fos__cursor_rest(c)->stamp_ns;
	v->stamp_pkts = fos__cursor_rest(c)->stamp_pkts;
	v->stamped = v->stamp_ns != FOS_UNSTAMPED;
	v->data = fos__piece_data(v->o, v->from);
	return true;
}

static bool view_first(struct view *v, const struct fos__held *h)
{
	return view_at(v, fos__pieces_first(&h->pieces));
}

static bool view_next(struct view *v)
{
	fos__cursor_next(&v->c);
	return view_at(v, v->c);
}

static struct view nth(const struct fos__held *h, unsigned n)
{
	struct view v;

	assert_true(view_first(&v, h));
	while (n--)
		assert_true(view_next(&v));
	return v;
}

/* Takes everything out. Returns how many pieces there were. */
static size_t empty(struct fos__held *h)
{
	struct fos__piece run[FOS_HELD_RUN];
	size_t all = 0;

	for (unsigned n; (n = fos__held_pop(h, UINT64_MAX, run)); all += n)
		for (unsigned i = 0; i < n; i++)
			fos__origin_put(run[i].origin);
	return all;
}

static int insert(struct fos__held *h, const struct source *x, uint64_t from, uint64_t skip, enum fos_overlap policy,
                  uint32_t *conflicts, unsigned *added)
{
	struct fos__insert in = { .from = from + skip,
		                  .to = from + x->pkt.app_len,
		                  .o_from = from,
		                  .rank = from,
		                  .o_to = from + x->pkt.app_len,
		                  .data = x->pkt.app + skip,
		                  .pkt = &x->pkt,
		                  .held_ns = 5,
		                  .now_ns = 6,
		                  .policy = policy,
		                  .ack = 0,
		                  .pkts = 7 };

	return fos__held_insert(h, &in, conflicts, added);
}

/* ---- the model ------------------------------------------------------------------------------------------------ */

struct model {
	struct {
		uint64_t from, to;
	} seg[SEGS];
	unsigned n;
	int owner[SPACE]; /* -1: nobody */
	uint8_t byte[SPACE];
};

/* Returns how many bytes differed. */
static unsigned model_insert(struct model *m, uint64_t from, uint64_t skip, const uint8_t *data, uint32_t len,
                             enum fos_overlap policy)
{
	unsigned differ = 0;

	m->seg[m->n].from = from;
	m->seg[m->n].to = from + len;
	for (uint64_t i = skip; i < len; i++) {
		uint64_t at = from + i - BASE;
		int o = m->owner[at];

		if (o >= 0)
			differ += m->byte[at] != data[i];
		if (o < 0 || fos_overlap_new_wins(policy, m->seg[o].from, m->seg[o].to, from, from + len)) {
			m->owner[at] = (int)m->n;
			m->byte[at] = data[i];
		}
	}
	m->n++;
	return differ;
}

/* The set is in order, without overlaps, accounts for itself, and holds the model's bytes for the model's owners. */
static void check(struct fos__held *h, const struct model *m)
{
	uint64_t at = 0;
	size_t count = 0, kept = 0;
	const struct fos__origin *seen[SEGS];
	unsigned origins = 0, k;
	struct view v;

	for (bool there = view_first(&v, h); there; there = view_next(&v)) {
		assert_true(v.from < v.to);
		for (; BASE + at < v.from; at++)
			assert_int_equal(m->owner[at], -1);
		for (; BASE + at < v.to; at++) {
			int o = m->owner[at];

			assert_true(o >= 0);
			assert_int_equal(v.data[BASE + at - v.from], m->byte[at]);
			assert_int_equal(v.o->o_from, m->seg[o].from);
			assert_int_equal(v.o->o_from + v.o->o_len, m->seg[o].to);
		}
		count++;
		for (k = 0; k < origins && seen[k] != v.o; k++)
			;
		if (k == origins) {
			seen[origins++] = v.o;
			kept += v.o->bytes;
		}
	}
	for (; at < SPACE; at++)
		assert_int_equal(m->owner[at], -1);
	assert_int_equal(h->pieces.count, count);
	assert_int_equal(h->kept, kept);
}

/* A random segment goes into both. */
static void insert_both(struct fos__held *h, struct model *m, struct source *x, enum fos_overlap policy, unsigned mode,
                        uint64_t *rnd)
{
	uint8_t data[SPACE];
	uint32_t len = 1 + (uint32_t)er_draw(rnd, er_draw(rnd, 3) ? 20 : 120), conflicts = 10;
	uint64_t at = er_draw(rnd, SPACE - len), skip = er_draw(rnd, 8) ? 0 : er_draw(rnd, len);
	unsigned added = 99, kinds = er_draw(rnd, 2) ? 2 : 1;

	for (uint32_t k = 0; k < len; k++)
		data[k] = (uint8_t)((at + k) * 4 + er_draw(rnd, kinds));
	source_make(x, data, len, mode);
	assert_int_equal(insert(h, x, BASE + at, skip, policy, &conflicts, &added), 0);
	assert_true(added <= len);
	if (mode & ER_UNSTABLE)
		source_free(x);
	unsigned differ = model_insert(m, BASE + at, skip, data, len, policy);

	assert_int_equal(differ > 0, conflicts > 10);
	assert_true(conflicts - 10 <= differ);
}

static void one_round(enum fos_overlap policy, unsigned mode, uint64_t *rnd)
{
	struct source *x = calloc(SEGS, sizeof(*x));
	struct fos__held *h = held_new();
	struct model m = { .n = 0 };

	assert_true(x && h);
	memset(m.owner, 0xff, sizeof(m.owner));
	for (unsigned i = 0; i < SEGS; i++) {
		insert_both(h, &m, &x[i], policy, mode, rnd);
		check(h, &m);
	}
	if (er_draw(rnd, 2)) {
		size_t count = h->pieces.count;

		assert_int_equal(empty(h), count);
		assert_int_equal(h->pieces.count, 0);
		assert_int_equal(fos__held_bytes(h), sizeof(*h));
	}
	fos__held_free(h);
	for (unsigned i = 0; i < SEGS && !(mode & ER_UNSTABLE); i++)
		source_free(&x[i]);
	free(x);
}

static void test_model(void **state)
{
	uint64_t rnd = er_seed();

	(void)state;
	for (enum fos_overlap policy = 0; policy < FOS_OVERLAPS; policy++)
		for (int round = 0; round < 24; round++)
			one_round(policy, (unsigned)round % ER_MODES, &rnd);
}

/* ---- by hand -------------------------------------------------------------------------------------------------- */

struct hand {
	struct fos__held *h;
	struct source x[8];
	unsigned n;
	uint32_t conflicts;
	unsigned added; /* by the last insertion */
};

static void hand_insert(struct hand *t, uint64_t from, const char *data, enum fos_overlap policy, uint64_t ack)
{
	struct source *x = &t->x[t->n++];

	source_make(x, data, (uint32_t)strlen(data), 0);
	struct fos__insert in = { .from = from,
		                  .to = from + strlen(data),
		                  .o_from = from,
		                  .rank = from,
		                  .o_to = from + strlen(data),
		                  .data = x->pkt.app,
		                  .pkt = &x->pkt,
		                  .held_ns = t->n,
		                  .now_ns = 100 + t->n,
		                  .policy = policy,
		                  .ack = ack,
		                  .pkts = 10 + t->n };

	assert_int_equal(fos__held_insert(t->h, &in, &t->conflicts, &t->added), 0);
}

static void hand_free(struct hand *t)
{
	fos__held_free(t->h);
	for (unsigned i = 0; i < t->n; i++)
		source_free(&t->x[i]);
}

/* Cuts: a winner in the middle splits; the halves keep what they came with, once. */
static void test_split(void **state)
{
	struct hand t = { .h = held_new() };
	struct view v;

	(void)state;
	hand_insert(&t, 100, "abcdefgh", FOS_OVERLAP_LAST, 0);
	hand_insert(&t, 102, "XY", FOS_OVERLAP_LAST, 0);
	assert_int_equal(t.conflicts, 1);
	assert_int_equal(t.added, 1);
	static const struct {
		uint64_t from, o_from, o_to, held;
		const char *text;
	} want[] = { { 100, 100, 108, 1, "ab" }, { 102, 102, 104, 2, "XY" }, { 104, 100, 108, 1, "efgh" } };

	assert_true(view_first(&v, t.h));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(v.from, want[i].from);
		assert_int_equal(v.o->o_from, want[i].o_from);
		assert_int_equal(v.o->o_from + v.o->o_len, want[i].o_to);
		assert_int_equal(v.o->held_ns, want[i].held);
		assert_int_equal(v.to - v.from, strlen(want[i].text));
		assert_memory_equal(v.data, want[i].text, v.to - v.from);
		assert_int_equal(view_next(&v), i < 2);
	}
	assert_ptr_equal(nth(t.h, 0).o, nth(t.h, 2).o);
	assert_int_equal(t.h->kept, 2 * sizeof(struct fos__origin));
	hand_insert(&t, 98, "0123456789abcdef", FOS_OVERLAP_FIRST, 0); /* fills both sides only */
	assert_int_equal(t.added, 2);
	assert_int_equal(t.h->pieces.count, 5);
	assert_int_equal(t.conflicts, 4);
	hand_insert(&t, 100, "ab", FOS_OVERLAP_FIRST, 0); /* the same bytes: nothing */
	assert_int_equal(t.added, 0);
	assert_int_equal(t.conflicts, 4);
	hand_insert(&t, 90, "------------------------------", FOS_OVERLAP_LAST, 0); /* over all of them */
	assert_int_equal(t.added, 1);
	assert_int_equal(t.h->pieces.count, 1);
	assert_int_equal(t.h->kept, sizeof(struct fos__origin));
	assert_int_equal(t.conflicts, 9);
	hand_free(&t);
}

/* Stamps: taken when inserted behind an acknowledgement or when it comes, once, and kept through cuts. */
static void test_stamps(void **state)
{
	struct hand t = { .h = held_new() };

	(void)state;
	fos__held_stamp(t.h, 0, 500, 1, 1); /* nothing there */
	hand_insert(&t, 100, "abcd", FOS_OVERLAP_LAST, 99);
	assert_false(nth(t.h, 0).stamped);
	hand_insert(&t, 110, "efgh", FOS_OVERLAP_LAST, 110);
	assert_true(nth(t.h, 1).stamped);
	assert_int_equal(nth(t.h, 1).stamp_pkts, 12);
	assert_int_equal(nth(t.h, 1).stamp_ns, 102);
	hand_insert(&t, 120, "ijkl", FOS_OVERLAP_LAST, 0);
	fos__held_stamp(t.h, 0, 99, 50, 500); /* before all */
	assert_false(nth(t.h, 0).stamped);
	fos__held_stamp(t.h, 99, 119, 51, 501);
	assert_true(nth(t.h, 0).stamped);
	assert_int_equal(nth(t.h, 0).stamp_pkts, 51);
	assert_int_equal(nth(t.h, 0).stamp_ns, 501);
	assert_false(nth(t.h, 2).stamped);
	fos__held_stamp(t.h, 119, 120, 52, 502);
	assert_int_equal(nth(t.h, 2).stamp_pkts, 52);
	fos__held_stamp(t.h, 0, 400, 53, 503); /* stamped already */
	for (unsigned i = 0; i < 3; i++)
		assert_true(nth(t.h, i).stamp_pkts < 53);
	hand_insert(&t, 101, "BC", FOS_OVERLAP_LAST, 0);
	assert_int_equal(nth(t.h, 2).from, 103);
	assert_true(nth(t.h, 2).stamped);
	assert_int_equal(nth(t.h, 2).stamp_pkts, 51);
	assert_int_equal(nth(t.h, 2).stamp_ns, 501);
	assert_false(nth(t.h, 1).stamped);
	hand_free(&t);
}

/* Pieces that move from one set to another: both accounts are right; where pieces of a segment stay behind, it is in both. */
static void test_take_put(void **state)
{
	struct hand t = { .h = held_new() };
	struct fos__held *other = held_new();
	struct fos__piece *x;
	int err;

	(void)state;
	hand_insert(&t, 100, "abcdefghijklmnopqrst", FOS_OVERLAP_BSD, 0);
	hand_insert(&t, 104, "EF", FOS_OVERLAP_LAST, 200);
	hand_insert(&t, 110, "KL", FOS_OVERLAP_LAST, 0);
	hand_insert(&t, 140, "xyz", FOS_OVERLAP_LAST, 0);
	assert_int_equal(fos__held_take(t.h, 113, 139, &x, &err), 0);
	assert_null(x);
	assert_int_equal(fos__held_take(t.h, 101, 110, &x, &err), 3);
	assert_int_equal(err, 0);
	assert_int_equal(x[0].from, 104);
	assert_int_equal(x[2].from, 110);
	assert_int_equal(fos__held_put(other, x, 3, 1000), 3);
	free(x);
	assert_int_equal(t.h->pieces.count, 3);
	assert_int_equal(other->pieces.count, 3);
	assert_int_equal(t.h->kept, 2 * sizeof(struct fos__origin));
	assert_int_equal(other->kept, 3 * sizeof(struct fos__origin));
	assert_int_equal(nth(other, 0).from, 1104);
	assert_int_equal(nth(other, 0).o->o_from, 1104);
	assert_false(nth(other, 0).stamped);
	assert_int_equal(nth(other, 1).o->o_from, 1100);
	assert_int_equal(nth(other, 1).o->o_from + nth(other, 1).o->o_len, 1120);
	assert_int_equal(nth(other, 1).o->held_ns, 1);
	assert_memory_equal(nth(other, 1).data, "ghij", 4);
	assert_int_equal(nth(t.h, 0).o->o_from, 100);
	assert_int_equal(nth(t.h, 0).o->pieces, 2);
	assert_memory_equal(nth(t.h, 1).data, "mnopqrst", 8);
	assert_int_equal(fos__held_take(t.h, 0, 1000, &x, &err), 3); /* the rest follows */
	assert_int_equal(fos__held_put(other, x, 3, 2000), 3);
	free(x);
	assert_int_equal(fos__held_bytes(t.h), sizeof(*t.h));
	assert_int_equal(nth(other, 3).o, nth(other, 4).o);
	assert_int_equal(empty(other), 6);
	assert_int_equal(fos__held_bytes(other), sizeof(*other));
	fos__held_free(other);
	hand_free(&t);
}

/* A start in the middle of what is held. */
static void test_cut_front(void **state)
{
	struct hand t = { .h = held_new() };

	(void)state;
	hand_insert(&t, 100, "abcd", FOS_OVERLAP_BSD, 0);
	hand_insert(&t, 104, "efgh", FOS_OVERLAP_BSD, 0);
	fos__held_cut_front(t.h, 106);
	assert_int_equal(t.h->pieces.count, 1);
	assert_int_equal(t.h->kept, sizeof(struct fos__origin));
	fos__held_cut_front(t.h, 106);
	assert_int_equal(nth(t.h, 0).from, 106);
	assert_memory_equal(nth(t.h, 0).data, "gh", 2);
	fos__held_cut_front(t.h, 108);
	assert_int_equal(fos__held_bytes(t.h), sizeof(*t.h));
	hand_free(&t);
}

/* A segment of a packet in a buffer of its own: the buffer lives as long as its last piece. */
static void test_buf(void **state)
{
	struct fos__held *h = held_new();
	uint32_t conflicts = 0;
	unsigned added;
	struct source x, y;
	struct fos__piece run[FOS_HELD_RUN];

	(void)state;
	source_make(&x, "abcdefgh", 8, ER_UNSTABLE);
	struct fos_buf *b = fos_buf_new(x.len - 14);

	assert_non_null(b);
	memcpy(b->bytes, x.mem + 14, b->len);
	x.pkt.buf = b;
	assert_int_equal(fos_parse_ip(&x.pkt, b->bytes, b->len, 0, 0), FOS_PKT_TCP);
	assert_int_equal(insert(h, &x, 100, 0, FOS_OVERLAP_LAST, &conflicts, &added), 0);
	assert_int_equal(b->refs, 2);
	fos_buf_put(b);
	source_free(&x);
	assert_null(nth(h, 0).o->pkt.f.data); /* the frame of its last fragment is gone */
	source_make(&y, "XX", 2, 0);
	assert_int_equal(insert(h, &y, 103, 0, FOS_OVERLAP_LAST, &conflicts, &added), 0);
	assert_int_equal(b->refs, 1); /* split in two, and held once */
	assert_int_equal(nth(h, 0).o->bytes, sizeof(struct fos__origin) + 16 + sizeof(*b) + b->len);
	assert_int_equal(fos__held_pop(h, 99, run), 0);
	assert_int_equal(fos__held_pop(h, 100, run), 3);
	fos__origin_put(run[0].origin);
	fos__origin_put(run[1].origin);
	assert_memory_equal(fos__piece_data(run[2].origin, run[2].from), "fgh", 3);
	assert_memory_equal(run[2].origin->pkt.ip, b->bytes, 1);
	fos__origin_put(run[2].origin);
	fos__held_free(h);
	source_free(&y);
}

/* ---- many ----------------------------------------------------------------------------------------------------- */

enum { MANY = 50000 };

static uint32_t order(unsigned kind, uint32_t i, const uint32_t *shuffled)
{
	switch (kind) {
	case 0:
		return shuffled[i];
	case 1:
		return MANY - 1 - i;
	default:
		return i % 2 ? MANY - 1 - i / 2 : i / 2;
	}
}

/* 50,000 segments in random, reverse and zig-zag order, each one twice: quick in any order, and a duplicate of what is
 * held costs no memory under a policy that keeps the old. */
static void test_many(void **state)
{
	uint32_t *shuffled = malloc(MANY * sizeof(*shuffled)), conflicts = 0;
	uint64_t rnd = er_seed();
	struct source x;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t k = (uint32_t)er_draw(&rnd, i + 1);

		shuffled[i] = shuffled[k];
		shuffled[k] = i;
	}
	source_make(&x, "0123456789", 10, 0);
	for (unsigned kind = 0; kind < 3; kind++) {
		struct fos__held *h = held_new();
		unsigned added;

		for (uint32_t i = 0; i < MANY; i++) {
			uint64_t from = BASE + (uint64_t)order(kind, i, shuffled) * 10;

			assert_int_equal(insert(h, &x, from, 0, FOS_OVERLAP_BSD, &conflicts, &added), 0);
			assert_int_equal(added, 1);
			assert_int_equal(insert(h, &x, from, 0, FOS_OVERLAP_BSD, &conflicts, &added), 0);
			assert_int_equal(added, 0);
		}
		assert_int_equal(h->pieces.count, MANY);
		assert_true(fos__held_bytes(h) < MANY * 270); /* 256 in the worst of these orders */
		struct fos__piece run[FOS_HELD_RUN];
		uint64_t at = BASE;

		for (unsigned n; (n = fos__held_pop(h, at, run));) {
			for (unsigned i = 0; i < n; i++) {
				assert_int_equal(run[i].from, at);
				at += run[i].len;
				fos__origin_put(run[i].origin);
			}
		}
		assert_int_equal(at, BASE + (uint64_t)MANY * 10);
		assert_int_equal(fos__held_bytes(h), sizeof(*h));
		fos__held_free(h);
	}
	assert_int_equal(conflicts, 0);
	source_free(&x);
	free(shuffled);
}

/* The set that holds the most is found, as sets grow and shrink and go. */
static void test_most(void **state)
{
	enum { SETS = 20 };
	struct fos__held *h[SETS];
	uint64_t rnd = er_seed();
	uint32_t conflicts = 0;
	unsigned added;
	struct source x;

	(void)state;
	source_make(&x, "0123456789", 10, 0);
	assert_null(fos__held_most(&store));
	for (unsigned i = 0; i < SETS; i++)
		h[i] = held_new();
	for (unsigned round = 0; round < 3000; round++) {
		unsigned k = (unsigned)er_draw(&rnd, SETS), times = (unsigned)er_draw(&rnd, 20);
		size_t most = 0;

		for (unsigned i = 0; i < times; i++)
			assert_int_equal(
			    insert(h[k], &x, BASE + er_draw(&rnd, 3000) * 10, 0, FOS_OVERLAP_BSD, &conflicts, &added),
			    0);
		if (er_draw(&rnd, 12) == 0)
			empty(h[k]);
		fos__held_sort(h[k]);
		if (er_draw(&rnd, 30) == 0) {
			fos__held_free(h[k]);
			h[k] = held_new();
		}
		for (unsigned i = 0; i < SETS; i++)
			most = fos__held_bytes(h[i]) > most ? fos__held_bytes(h[i]) : most;
		assert_true(fos__held_bytes(fos__held_most(&store)) > most / 2);
	}
	for (unsigned i = 0; i < SETS; i++)
		fos__held_free(h[i]);
	assert_null(fos__held_most(&store));
	source_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),    cmocka_unit_test(test_split),     cmocka_unit_test(test_stamps),
		cmocka_unit_test(test_take_put), cmocka_unit_test(test_cut_front), cmocka_unit_test(test_buf),
		cmocka_unit_test(test_many),     cmocka_unit_test(test_most),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
