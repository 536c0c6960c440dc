/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_held.c: what waits above a hole, against an array that says for each byte which segment owns it, under every
 * policy; conflicts, stamps, memory; frames that go away, in one piece and in two; many segments in any order.
 */
#include <stdlib.h>
#include <string.h>

#include <flowos/frag.h>
#include <flowos/parse.h>

#include "held.h"

#include "engine_run.h"

enum { BASE = 1000, SPACE = 400, SEGS = 60 };

/* A parsed packet whose payload is `data`, in memory of its own as the mode says. */
struct source {
	struct fos_pkt pkt;
	struct er_trace t;
	uint8_t *mem, *ext;
	uint32_t len, ext_len;
};

static void source_make(struct source *x, const void *data, uint32_t len, unsigned mode)
{
	struct er_spec spec = { .flags = FOS_TCP_ACK, .seq = 1, .ack = 1, .data = data, .len = len };

	memset(x, 0, sizeof(*x));
	er_add(&x->t, &spec);
	const struct er_frame *e = &x->t.frame[0];

	x->len = (mode & ER_PIECES) ? e->headers : e->f.len;
	x->ext_len = e->f.len - x->len;
	x->mem = malloc(x->len);
	x->ext = malloc(x->ext_len + 1);
	assert_true(x->mem && x->ext);
	memcpy(x->mem, e->mem, x->len);
	memcpy(x->ext, e->mem + x->len, x->ext_len);
	x->pkt.f = e->f;
	x->pkt.f.data = x->mem;
	x->pkt.f.len = x->len;
	x->pkt.f.ext = x->ext_len ? x->ext : NULL;
	x->pkt.f.ext_len = x->ext_len;
	if (mode & ER_UNSTABLE)
		x->pkt.f.flags = 0;
	assert_int_equal(fos_parse(&x->pkt, 0), FOS_PKT_TCP);
	assert_int_equal(x->pkt.app_len, len);
}

static void source_free(struct source *x)
{
	memset(x->mem, 0xdd, x->len); /* whoever still looks sees it, even where the memory is taken again */
	memset(x->ext, 0xdd, x->ext_len);
	free(x->mem);
	free(x->ext);
	er_trace_free(&x->t);
}

static int insert(struct fos__held *h, const struct source *x, uint64_t from, uint64_t skip, enum fos_overlap policy,
                  uint32_t *conflicts, unsigned *added)
{
	struct fos__insert in = { .from = from + skip,
		                  .to = from + x->pkt.app_len,
		                  .o_from = from,
		                  .o_to = from + x->pkt.app_len,
		                  .data = x->pkt.app + skip,
		                  .pkt = &x->pkt,
		                  .held_ns = 5,
		                  .now_ns = 6,
		                  .policy = policy,
		                  .ack = 0,
		                  .pkts = 7,
		                  .first = true };

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
	size_t count = 0, bytes = 0;

	for (struct fos__seg *s = h->first; s; s = fos__held_next(s)) {
		assert_true(s->from < s->to && s->to - s->from == s->span.len);
		for (; BASE + at < s->from; at++)
			assert_int_equal(m->owner[at], -1);
		for (; BASE + at < s->to; at++) {
			int o = m->owner[at];

			assert_true(o >= 0);
			assert_int_equal(s->span.data[BASE + at - s->from], m->byte[at]);
			assert_int_equal(s->o_from, m->seg[o].from);
			assert_int_equal(s->o_to, m->seg[o].to);
		}
		count++;
		bytes += fos__seg_bytes(s);
		if (!fos__held_next(s))
			assert_ptr_equal(h->last, s);
	}
	for (; at < SPACE; at++)
		assert_int_equal(m->owner[at], -1);
	assert_int_equal(h->count, count);
	assert_int_equal(h->bytes, bytes);
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
	struct fos__held *h = fos__held_new();
	struct model m = { .n = 0 };
	struct fos__seg *s;

	assert_true(x && h);
	memset(m.owner, 0xff, sizeof(m.owner));
	for (unsigned i = 0; i < SEGS; i++) {
		insert_both(h, &m, &x[i], policy, mode, rnd);
		check(h, &m);
	}
	if (er_draw(rnd, 2)) {
		while ((s = fos__held_pop(h)))
			fos__seg_free(s);
		assert_int_equal(h->bytes, 0);
		assert_int_equal(h->count, 0);
		assert_null(h->last);
		assert_int_equal(fos__held_free(h), 0);
	} else {
		size_t bytes = h->bytes;

		assert_int_equal(fos__held_free(h), bytes);
	}
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
		                  .o_to = from + strlen(data),
		                  .data = x->pkt.app,
		                  .pkt = &x->pkt,
		                  .held_ns = t->n,
		                  .now_ns = 100 + t->n,
		                  .policy = policy,
		                  .ack = ack,
		                  .pkts = 10 + t->n,
		                  .first = true };

	assert_int_equal(fos__held_insert(t->h, &in, &t->conflicts, &t->added), 0);
}

static void hand_free(struct hand *t)
{
	fos__held_free(t->h);
	for (unsigned i = 0; i < t->n; i++)
		source_free(&t->x[i]);
}

/* Cuts: a winner in the middle splits; the halves keep what they came with. */
static void test_split(void **state)
{
	struct hand t = { .h = fos__held_new() };
	struct fos__seg *s;

	(void)state;
	hand_insert(&t, 100, "abcdefgh", FOS_OVERLAP_LAST, 0);
	hand_insert(&t, 102, "XY", FOS_OVERLAP_LAST, 0);
	assert_int_equal(t.conflicts, 1);
	assert_int_equal(t.added, 1);
	static const struct {
		uint64_t from, o_from, o_to, held;
		const char *text;
		bool first;
	} want[] = { { 100, 100, 108, 1, "ab", true },
		     { 102, 102, 104, 2, "XY", true },
		     { 104, 100, 108, 1, "efgh", false } };

	s = t.h->first;
	for (unsigned i = 0; i < 3; i++, s = fos__held_next(s)) {
		assert_int_equal(s->from, want[i].from);
		assert_int_equal(s->o_from, want[i].o_from);
		assert_int_equal(s->o_to, want[i].o_to);
		assert_int_equal(s->held_ns, want[i].held);
		assert_int_equal(s->first, want[i].first);
		assert_int_equal(s->span.len, strlen(want[i].text));
		assert_memory_equal(s->span.data, want[i].text, s->span.len);
	}
	assert_null(s);
	hand_insert(&t, 98, "0123456789abcdef", FOS_OVERLAP_FIRST, 0); /* fills both sides only */
	assert_int_equal(t.added, 2);
	assert_int_equal(t.h->count, 5);
	assert_int_equal(t.conflicts, 4);
	hand_insert(&t, 100, "ab", FOS_OVERLAP_FIRST, 0); /* the same bytes: nothing */
	assert_int_equal(t.added, 0);
	assert_int_equal(t.conflicts, 4);
	hand_insert(&t, 90, "------------------------------", FOS_OVERLAP_LAST, 0); /* over all of them */
	assert_int_equal(t.added, 1);
	assert_int_equal(t.h->count, 1);
	assert_int_equal(t.conflicts, 9);
	hand_free(&t);
}

/* Stamps: taken when inserted behind an acknowledgement or when it comes, once, and kept through cuts. */
static void test_stamps(void **state)
{
	struct hand t = { .h = fos__held_new() };
	struct fos__seg *s;

	(void)state;
	fos__held_stamp(t.h, 0, 500, 1, 1); /* nothing there */
	hand_insert(&t, 100, "abcd", FOS_OVERLAP_LAST, 99);
	assert_false(t.h->first->stamped);
	hand_insert(&t, 110, "efgh", FOS_OVERLAP_LAST, 110);
	assert_true(t.h->last->stamped);
	assert_int_equal(t.h->last->stamp_pkts, 12);
	assert_int_equal(t.h->last->stamp_ns, 102);
	hand_insert(&t, 120, "ijkl", FOS_OVERLAP_LAST, 0);
	fos__held_stamp(t.h, 0, 99, 50, 500); /* before all */
	assert_false(t.h->first->stamped);
	fos__held_stamp(t.h, 99, 119, 51, 501);
	assert_true(t.h->first->stamped);
	assert_int_equal(t.h->first->stamp_pkts, 51);
	assert_int_equal(t.h->first->stamp_ns, 501);
	assert_false(t.h->last->stamped);
	fos__held_stamp(t.h, 119, 120, 52, 502);
	assert_int_equal(t.h->last->stamp_pkts, 52);
	fos__held_stamp(t.h, 0, 400, 53, 503); /* stamped already */
	for (s = t.h->first; s; s = fos__held_next(s))
		assert_true(s->stamp_pkts < 53);
	hand_insert(&t, 101, "BC", FOS_OVERLAP_LAST, 0);
	s = fos__held_next(fos__held_next(t.h->first));
	assert_int_equal(s->from, 103);
	assert_true(s->stamped);
	assert_int_equal(s->stamp_pkts, 51);
	assert_int_equal(s->stamp_ns, 501);
	assert_false(fos__held_next(t.h->first)->stamped);
	hand_free(&t);
}

/* Moving a segment from one set to another keeps both accounts right. */
static void test_take_put(void **state)
{
	struct hand t = { .h = fos__held_new() };
	struct fos__held *other = fos__held_new();

	(void)state;
	for (uint64_t at = 100; at < 150; at += 10)
		hand_insert(&t, at, "abc", FOS_OVERLAP_BSD, 0);
	for (unsigned i = 0; i < 5; i++) {
		struct fos__seg *s = (i & 1) ? t.h->last : t.h->first;

		fos__held_take(t.h, s);
		fos__held_put(other, s);
		assert_int_equal(t.h->count + other->count, 5);
	}
	assert_int_equal(t.h->bytes, 0);
	assert_null(t.h->first);
	assert_null(t.h->last);
	assert_int_equal(other->first->from, 100);
	assert_int_equal(other->last->from, 140);
	assert_true(fos__held_free(other) >= 5 * sizeof(struct fos__seg));
	hand_free(&t);
}

/* A segment of a packet in a buffer of its own: the buffer lives as long as its last piece. */
static void test_buf(void **state)
{
	struct fos__held *h = fos__held_new();
	uint32_t conflicts = 0;
	unsigned added;
	struct source x, y;

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
	assert_null(h->first->pkt.f.data); /* the frame of its last fragment is gone */
	source_make(&y, "XX", 2, 0);
	assert_int_equal(insert(h, &y, 103, 0, FOS_OVERLAP_LAST, &conflicts, &added), 0);
	assert_int_equal(b->refs, 2); /* split in two */
	fos__seg_free(fos__held_pop(h));
	fos__seg_free(fos__held_pop(h));
	assert_int_equal(h->count, 1);
	assert_memory_equal(h->first->span.data, "fgh", 3);
	assert_memory_equal(h->first->pkt.ip, b->bytes, 1);
	fos__held_free(h);
	source_free(&y);
}

/* A kept packet is the packet that came: headers, payload, lengths; whatever becomes of the frame. */
static void test_keep(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		struct source x;

		source_make(&x, "payload", 7, mode);
		struct fos_pkt was = x.pkt;
		uint8_t headers[64];

		assert_true(was.l4 + was.l4_len <= sizeof(headers));
		memcpy(headers, was.ip, (size_t)was.l4 + was.l4_len);
		struct fos__seg *s = fos__seg_new(&x.pkt, x.pkt.app + 3, 4), *ip = fos__seg_new(&x.pkt, x.pkt.ip, 20);

		assert_true(s && ip);
		if (mode & ER_UNSTABLE)
			source_free(&x);
		assert_memory_equal(s->span.data, "load", 4);
		assert_memory_equal(s->pkt.app, "payload", 7);
		assert_memory_equal(s->pkt.ip, headers, (size_t)was.l4 + was.l4_len);
		assert_memory_equal(ip->span.data, headers, 20);
		assert_int_equal(s->pkt.app_len, was.app_len);
		assert_int_equal(s->pkt.f.ts_ns, was.f.ts_ns);
		assert_ptr_equal(s->span.pkt, &s->pkt);
		if (!(mode & ER_PIECES))
			assert_int_equal(s->pkt.ip_len, was.ip_len);
		fos__seg_free(s);
		fos__seg_free(ip);
		if (!(mode & ER_UNSTABLE))
			source_free(&x);
	}
	fos__seg_free(NULL);
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
		struct fos__held *h = fos__held_new();
		unsigned added;

		for (uint32_t i = 0; i < MANY; i++) {
			uint64_t from = BASE + (uint64_t)order(kind, i, shuffled) * 10;

			assert_int_equal(insert(h, &x, from, 0, FOS_OVERLAP_BSD, &conflicts, &added), 0);
			assert_int_equal(added, 1);
			assert_int_equal(insert(h, &x, from, 0, FOS_OVERLAP_BSD, &conflicts, &added), 0);
			assert_int_equal(added, 0);
		}
		assert_int_equal(h->count, MANY);
		uint64_t at = BASE;
		struct fos__seg *s;

		while ((s = fos__held_pop(h))) {
			assert_int_equal(s->from, at);
			at = s->to;
			fos__seg_free(s);
		}
		assert_int_equal(h->bytes, 0);
		fos__held_free(h);
	}
	assert_int_equal(conflicts, 0);
	source_free(&x);
	free(shuffled);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_model),  cmocka_unit_test(test_split),
		                            cmocka_unit_test(test_stamps), cmocka_unit_test(test_take_put),
		                            cmocka_unit_test(test_buf),    cmocka_unit_test(test_keep),
		                            cmocka_unit_test(test_many) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
