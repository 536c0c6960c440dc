/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_pieces.c: the ordered set of pieces against a sorted array, and its tree against what pieces.h says of it, under
 * insertions in many patterns, cuts, removals and pops.
 */
#include <stdlib.h>
#include <string.h>

#include "pieces.h"
#include "store.h"

#include "engine_run.h"

struct naive {
	struct fos__piece *x;
	size_t n, size;
};

static size_t naive_seek(const struct naive *m, uint64_t pos)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (m->x[mid].from + m->x[mid].len > pos)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static void naive_insert(struct naive *m, size_t at, const struct fos__piece *x)
{
	if (m->n == m->size) {
		m->size = m->size * 2 + 64;
		m->x = realloc(m->x, m->size * sizeof(*m->x));
		assert_non_null(m->x);
	}
	memmove(m->x + at + 1, m->x + at, (m->n++ - at) * sizeof(*x));
	m->x[at] = *x;
}

static void naive_erase(struct naive *m, size_t at, size_t n)
{
	m->n -= n;
	memmove(m->x + at, m->x + at + n, (m->n - at) * sizeof(*m->x));
}

/* ---- the tree -------------------------------------------------------------------------------------------------- */

struct walk {
	const struct fos__pieces *p;
	const struct fos__leaf *leaf; /* the last one seen */
	size_t bytes, leaves;
};

static void check_leaf(struct walk *t, const struct fos__leaf *l, const struct fos__inner *parent)
{
	const uint64_t *all = (const uint64_t *)(l + 1);

	assert_ptr_equal(l->parent, parent);
	assert_ptr_equal(l->prev, t->leaf);
	assert_ptr_equal(t->leaf ? t->leaf->next : t->p->first, l);
	assert_true(l->at + l->n <= l->cap);
	for (unsigned i = 0; l->cap == FOS_LEAF_CAP && i < l->cap; i++)
		assert_true(i < l->at ? all[i] == 0 : i < l->at + l->n || all[i] == UINT64_MAX);
	if (l != &t->p->small)
		t->bytes += sizeof(*l) + (size_t)l->cap * FOS_LEAF_ROOM;
	t->leaf = l;
	t->leaves++;
}

/* Returns the least `from` below. */
static uint64_t check_inner(struct walk *t, const struct fos__inner *in, const struct fos__inner *parent, bool leftmost)
{
	uint64_t least = 0;

	assert_ptr_equal(in->parent, parent);
	assert_true(in->n >= (parent ? 1 : 2) && in->n <= FOS_INNER_CAP);
	t->bytes += sizeof(*in);
	for (unsigned i = 0; i < in->n; i++) {
		uint64_t from;

		if (in->height > 1) {
			const struct fos__inner *child = in->child[i];

			assert_int_equal(child->height, in->height - 1);
			from = check_inner(t, child, in, leftmost && i == 0);
		} else {
			const struct fos__leaf *l = in->child[i];

			assert_true(l->n > 0 && l->cap == FOS_LEAF_CAP);
			check_leaf(t, l, in);
			from = fos__leaf_from(l)[0];
		}
		assert_int_equal(in->key[i], i || !leftmost ? from : 0);
		least = i ? least : from;
	}
	for (unsigned i = in->n; i < FOS_INNER_CAP; i++)
		assert_int_equal(in->key[i], UINT64_MAX);
	return least;
}

static void check(const struct fos__pieces *p, const struct naive *m)
{
	struct walk t = { .p = p };
	struct fos__cursor c = fos__pieces_first(p);

	if (p->root)
		check_inner(&t, p->root, NULL, true);
	else
		check_leaf(&t, p->first, NULL);
	assert_ptr_equal(t.leaf, p->last);
	assert_null(p->last->next);
	assert_int_equal(p->bytes, t.bytes);
	assert_int_equal(p->count, m->n);
	assert_int_equal(p->least, m->n ? m->x[0].from : UINT64_MAX);
	for (size_t i = 0; i < m->n; i++, fos__cursor_next(&c)) {
		assert_non_null(c.leaf);
		assert_int_equal(fos__cursor_from(c), m->x[i].from);
		assert_int_equal(fos__cursor_rest(c)->len, m->x[i].len);
		assert_ptr_equal(fos__cursor_rest(c)->origin, m->x[i].origin);
		assert_int_equal(fos__cursor_rest(c)->stamp_ns, m->x[i].stamp_ns);
		assert_int_equal(fos__cursor_rest(c)->stamp_pkts, m->x[i].stamp_pkts);
	}
	assert_null(c.leaf);
}

/* ---- both ------------------------------------------------------------------------------------------------------ */

struct both {
	struct fos__store store;
	struct fos__pieces p;
	struct naive m;
	uint64_t rnd, made;
};

static void seek(struct both *t, uint64_t pos, struct fos__cursor *c, size_t *at)
{
	*c = fos__pieces_seek(&t->p, pos);
	*at = naive_seek(&t->m, pos);
	if (*at == t->m.n) {
		assert_null(c->leaf);
	} else {
		assert_non_null(c->leaf);
		assert_int_equal(fos__cursor_from(*c), t->m.x[*at].from);
	}
}

/* A piece at `pos`, as long as there is room, at most `len`; nothing where there is one. */
static void insert(struct both *t, uint64_t pos, uint32_t len)
{
	struct fos__cursor c;
	size_t at;

	seek(t, pos, &c, &at);
	if (at < t->m.n && t->m.x[at].from <= pos)
		return;
	if (at < t->m.n && t->m.x[at].from - pos < len)
		len = (uint32_t)(t->m.x[at].from - pos);
	t->made++;
	struct fos__piece x = { .from = pos,
		                .len = len,
		                .origin = (struct fos__origin *)(uintptr_t)(t->made * 64),
		                .stamp_ns = t->made * 3,
		                .stamp_pkts = (uint32_t)t->made };

	assert_int_equal(fos__pieces_insert(&t->p, &c, &x), 0);
	assert_int_equal(fos__cursor_from(c), pos);
	naive_insert(&t->m, at, &x);
}

/* Some pieces from there on go, or become smaller. */
static void cut(struct both *t, uint64_t pos, unsigned n)
{
	struct fos__cursor c;
	size_t at;

	seek(t, pos, &c, &at);
	for (unsigned i = 0; i < n && at < t->m.n; i++) {
		struct fos__piece *x = &t->m.x[at];
		uint32_t less = (uint32_t)er_draw(&t->rnd, x->len);

		if (er_draw(&t->rnd, 8) == 0 && less) {
			uint64_t by = er_draw(&t->rnd, less + 1);

			x->from += by;
			x->len -= less;
			fos__pieces_narrow(&t->p, c, x->from, x->len);
			fos__cursor_next(&c);
			at++;
			continue;
		}
		naive_erase(&t->m, at, 1);
		fos__pieces_erase(&t->p, &c);
		if (at < t->m.n)
			assert_int_equal(fos__cursor_from(c), t->m.x[at].from);
		else
			assert_null(c.leaf);
	}
}

static void pop(struct both *t, uint64_t next, unsigned max)
{
	struct fos__piece out[64];
	unsigned n = fos__pieces_pop(&t->p, next, out, max);

	assert_true(n <= max && n <= t->m.n);
	if (n == 0)
		assert_true(t->m.n == 0 || t->m.x[0].from > next);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(out[i].from, t->m.x[i].from);
		assert_int_equal(out[i].len, t->m.x[i].len);
		assert_ptr_equal(out[i].origin, t->m.x[i].origin);
		assert_true(i ? out[i].from == out[i - 1].from + out[i - 1].len : out[i].from <= next);
	}
	naive_erase(&t->m, 0, n);
}

enum { SPACE = 4000000 };

static uint64_t place(struct both *t, unsigned pattern, uint64_t i, uint64_t *near)
{
	switch (pattern) {
	case 0: /* anywhere */
		return er_draw(&t->rnd, SPACE);
	case 1: /* downwards */
		return SPACE - i * 7 % SPACE;
	case 2: /* from both ends to the middle */
		return i % 2 ? SPACE - i * 5 % (SPACE / 2) : i * 5 % (SPACE / 2);
	case 3: /* from the middle to both ends */
		return i % 2 ? SPACE / 2 + i * 5 % (SPACE / 2) : SPACE / 2 - i * 5 % (SPACE / 2);
	case 4: /* upwards */
		return i * 7 % SPACE;
	default: /* around a place that moves */
		if (er_draw(&t->rnd, 40) == 0)
			*near = er_draw(&t->rnd, SPACE);
		return (*near + er_draw(&t->rnd, 300)) % SPACE;
	}
}

static void round_of(struct both *t, unsigned pattern, unsigned ops)
{
	uint64_t near = 0;

	fos__store_init(&t->store);
	fos__pieces_init(&t->p, &t->store);
	for (unsigned i = 0; i < ops; i++) {
		uint64_t phase = i * 8 / ops, at = place(t, pattern, i, &near);

		insert(t, at, 1 + (uint32_t)er_draw(&t->rnd, 12));
		if (phase >= 4 && er_draw(&t->rnd, 4) == 0)
			cut(t, er_draw(&t->rnd, SPACE), (unsigned)er_draw(&t->rnd, phase == 7 ? 400 : 12));
		if (phase >= 5 && er_draw(&t->rnd, 3) == 0)
			pop(t, er_draw(&t->rnd, 2) ? SPACE : er_draw(&t->rnd, SPACE),
			    1 + (unsigned)er_draw(&t->rnd, 64));
		if (i % 64 == 0 || ops < 200)
			check(&t->p, &t->m);
	}
	check(&t->p, &t->m);
	if (er_draw(&t->rnd, 2)) {
		while (t->m.n)
			pop(t, SPACE, 64);
		check(&t->p, &t->m);
		insert(t, 5, 1); /* of use after that */
		check(&t->p, &t->m);
	}
	t->m.n = 0;
	fos__pieces_clear(&t->p);
	check(&t->p, &t->m);
	fos__store_free(&t->store);
	assert_int_equal(t->store.leaf.chunks + t->store.leaf_few.chunks + t->store.inner.chunks, 0);
}

static void test_random(void **state)
{
	struct both t = { .rnd = er_seed() };

	(void)state;
	for (unsigned round = 0; round < 240; round++)
		round_of(&t, round % 6, round % 5 ? 20 + (unsigned)er_draw(&t.rnd, 170) : 5000);
	free(t.m.x);
}

/* So many that the tree has four levels of nodes; all orders leave leaves half full or better. */
static void test_many(void **state)
{
	struct both t = { .rnd = er_seed() };

	(void)state;
	for (unsigned pattern = 0; pattern < 5; pattern++) {
		uint64_t near = 0;

		fos__store_init(&t.store);
		fos__pieces_init(&t.p, &t.store);
		for (uint64_t i = 0; i < 150000; i++) {
			uint64_t pos = place(&t, pattern, i, &near);
			struct fos__cursor c = fos__pieces_seek(&t.p, pos);
			struct fos__piece x = { .from = pos, .len = 1 };

			if (!c.leaf || fos__cursor_from(c) > pos)
				assert_int_equal(fos__pieces_insert(&t.p, &c, &x), 0);
		}
		struct walk w = { .p = &t.p };

		assert_true(t.p.root->height >= 2);
		check_inner(&w, t.p.root, NULL, true);
		assert_true(w.leaves <= t.p.count * 2 / FOS_LEAF_CAP + 2);
		fos__pieces_clear(&t.p);
		fos__store_free(&t.store);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random), cmocka_unit_test(test_many) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
