/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_worst.c: the packets of the worst cases: they are what they say, a twin has the same ones, a seed gives the
 * same ones again, and keys that were chosen fall together under the seed that was known, and under no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <flowos/key.h>
#include <flowos/parse.h>

#include "hash_seed.h"
#include "worst_case.h"
#include "worst_run.h"

static const struct worst_opts opts = { .segments = 1000, .innocent = 10, .seed = 7, .payload = 64 };

static void make(struct worst_traffic *t, const struct worst_case *c, const struct worst_opts *o, bool twin)
{
	const struct worst_plan p = { .c = c, .o = o, .twin = twin };

	memset(t, 0, sizeof(*t));
	t->seed = o->seed;
	assert_int_equal(c->make(t, &p), 0);
	assert_in_range(t->frames.n, o->segments / 2, 3 * o->segments);
}

static void parse(struct fos_pkt *p, const struct fos_frame *f)
{
	memset(p, 0, sizeof(*p));
	p->f = *f;
	fos_parse(p, 0);
}

/* Every packet is whole and its checksum right. */
static void test_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < worst_case_count; i++) {
		for (int twin = 0; twin < 2; twin++) {
			struct worst_traffic t;
			struct fos_pkt p;
			size_t fragments = 0;

			make(&t, &worst_cases[i], &opts, twin);
			for (size_t k = 0; k < t.frames.n; k++) {
				parse(&p, &t.frames.v[k]);
				assert_true(p.verdict == FOS_PKT_TCP || p.verdict == FOS_PKT_FRAGMENT);
				assert_true(fos_checksum_ok(&p));
				assert_int_equal(p.app_len, p.app_wire_len);
				assert_int_equal(p.ip_version, worst_cases[i].ip ? worst_cases[i].ip : 4);
				fragments += p.verdict == FOS_PKT_FRAGMENT;
			}
			assert_true(fragments == 0 || fragments == t.frames.n);
			assert_true(!fragments || worst_cases[i].cut_innocents);
			worst_traffic_free(&t);
		}
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Digests of the packets, without what counts them (IPv4's identification, and its checksum), sorted where asked. */
static uint64_t *digests(const struct worst_traffic *t, bool sorted)
{
	uint64_t *v = calloc(t->frames.n, sizeof(*v));

	assert_non_null(v);
	for (size_t i = 0; i < t->frames.n; i++) {
		const struct fos_frame *f = &t->frames.v[i];
		uint8_t ip[40];

		memcpy(ip, f->data + 14, sizeof(ip));
		if (ip[0] >> 4 == 4 && ip[9] == 6)
			memset(ip + 4, 0, 2), memset(ip + 10, 0, 2);
		v[i] = XXH3_64bits_withSeed(f->data + 54, f->len - 54, XXH3_64bits(ip, sizeof(ip)));
	}
	if (sorted)
		qsort(v, t->frames.n, sizeof(*v), by_value);
	return v;
}

static void test_twins(void **state)
{
	(void)state;
	for (size_t i = 0; i < worst_case_count; i++) {
		const struct worst_case *c = &worst_cases[i];
		bool same_order = c->twin == WORST_ROOM || c->twin == WORST_RELEASED;
		struct worst_traffic t[2];
		uint64_t *v[2];

		if (c->twin == WORST_NO_TWIN || c->twin == WORST_RANDOM_KEYS)
			continue;
		for (int twin = 0; twin < 2; twin++) {
			make(&t[twin], c, &opts, twin);
			v[twin] = digests(&t[twin], !same_order);
		}
		assert_int_equal(t[0].frames.n, t[1].frames.n);
		if (memcmp(v[0], v[1], t[0].frames.n * sizeof(*v[0])) != 0)
			fail_msg("%s: the twin has other packets", c->name);
		for (int twin = 0; twin < 2; twin++) {
			worst_traffic_free(&t[twin]);
			free(v[twin]);
		}
	}
}

static void test_seeds(void **state)
{
	struct worst_opts other = opts;

	(void)state;
	other.seed = 8;
	for (size_t i = 0; i < worst_case_count; i++) {
		const struct worst_case *c = &worst_cases[i];
		struct worst_traffic t[3];
		uint64_t *v[3];

		for (int k = 0; k < 3; k++) {
			make(&t[k], c, k == 2 ? &other : &opts, false);
			v[k] = digests(&t[k], false);
		}
		assert_int_equal(t[0].frames.n, t[1].frames.n);
		assert_memory_equal(v[0], v[1], t[0].frames.n * sizeof(*v[0]));
		if (strncmp(c->name, "random", 6) == 0 || strncmp(c->name, "hash", 4) == 0)
			assert_memory_not_equal(v[0], v[2], t[0].frames.n * sizeof(*v[0]));
		for (int k = 0; k < 3; k++) {
			worst_traffic_free(&t[k]);
			free(v[k]);
		}
	}
}

static void test_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < worst_case_count; i++) {
		assert_ptr_equal(worst_case_find(worst_cases[i].name), &worst_cases[i]);
		assert_true(strlen(worst_cases[i].name) <= 20);
		assert_non_null(worst_cases[i].about);
	}
	assert_null(worst_case_find("nothing of the kind"));
}

/* How many sessions of the attack fall into the first of 1024 places. */
static unsigned in_one_place(const struct worst_traffic *t, uint64_t seed)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->frames.n; i++) {
		struct fos_pkt p;
		struct fos_key key;

		parse(&p, &t->frames.v[i]);
		if (!(p.tcp_flags & FOS_TCP_SYN))
			continue;
		fos_key_of(&p, 0, &key);
		n += (fos_key_hash(&key, seed) & 1023) == 0;
	}
	return n;
}

static void test_keys(void **state)
{
	struct worst_traffic t;

	(void)state;
	make(&t, worst_case_find("hash-flood"), &opts, false);
	assert_int_equal(in_one_place(&t, WORST_KNOWN_SEED), opts.segments / 8 + 1);
	assert_true(in_one_place(&t, bench_hash_seed()) < 8);
	assert_true(bench_hash_seed() != 0 && bench_hash_seed() == bench_hash_seed());
	worst_traffic_free(&t);
	make(&t, worst_case_find("hash-flood"), &opts, true);
	assert_true(in_one_place(&t, WORST_KNOWN_SEED) < 8);
	worst_traffic_free(&t);
}

static void test_verdicts(void **state)
{
	struct worst_result r = { .c = worst_case_find("random"), .twin = true, .innocent = { 200, 200, 0 } };

	(void)state;
	r.bound[WORST_SESSIONS] = (struct worst_bound){ "sessions", 10, 10, 0 };
	r.bound[WORST_HELD] = (struct worst_bound){ "held", 12, 10, 2 };
	r.ratio.ratio = 3;
	assert_true(worst_holds(&r) && !worst_over_cap(&r) && !worst_over_ratio(&r));
	r.ratio.ratio = 3.01;
	assert_true(worst_holds(&r) && worst_over_ratio(&r));
	r.bound[WORST_HELD].peak++;
	assert_true(worst_over_cap(&r) && !worst_holds(&r));
	r.bound[WORST_HELD].peak--;
	r.innocent.whole--;
	assert_true(!worst_innocents_whole(&r) && !worst_holds(&r));
	r.innocent.whole++;
	r.attack.damaged = 1;
	assert_false(worst_holds(&r));
	r.c = worst_case_find("hash-known");
	assert_false(worst_over_ratio(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_packets), cmocka_unit_test(test_twins),
		                            cmocka_unit_test(test_seeds),   cmocka_unit_test(test_list),
		                            cmocka_unit_test(test_keys),    cmocka_unit_test(test_verdicts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
