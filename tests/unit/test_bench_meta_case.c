/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_meta_case.c: metamorphic cases: they can be repeated, they hold, and they find what is wrong: packets that
 * were damaged on purpose.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <flowos/pkt.h>

#include "meta_case.h"

enum { CASES = 150 };

static const struct golden_engine ours = { .command = NULL };

static struct bench_trace trace;
static struct bench_golden golden;
static struct meta_trace ready;

static int setup(void **state)
{
	struct bench_engine_opts opts = { .overlap = FOS_OVERLAP_BSD };
	char err[512];

	(void)state;
	if (bench_trace_load(&trace, FLOWOS_TRACES "/mixed.pcap", false, NULL, NULL, err, sizeof(err)) ||
	    bench_golden_read(&golden, FLOWOS_TRACES "/mixed.pcap.golden", err, sizeof(err)) ||
	    meta_trace_make(&ready, &trace, &opts, &golden, &ours, err, sizeof(err)))
		return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	meta_trace_free(&ready);
	bench_golden_free(&golden);
	bench_trace_free(&trace);
	return 0;
}

static uint64_t fingerprint(const struct meta_set *s)
{
	uint64_t h = s->n;

	for (size_t i = 0; i < s->n; i++) {
		h = fos_mix64_add(h, s->v[i].f.ts_ns);
		for (uint32_t k = 0; k < s->v[i].f.len; k++)
			h = fos_mix64_add(h, s->v[i].f.data[k]);
	}
	return h;
}

static void test_holds_and_repeats(void **state)
{
	struct meta_how how = { .seed = 12, .engine = &ours };
	struct meta_set a = { 0 }, b = { 0 };
	struct meta_found fa, fb;
	char err[512];
	uint32_t seen = 0;

	(void)state;
	for (uint64_t i = 0; i < CASES; i++) {
		assert_int_equal(meta_case_run(&ready, &how, i, &a, &fa, err, sizeof(err)), 0);
		if (fa.differ)
			fail_msg("seed 12, case %llu: %s", (unsigned long long)i, fa.first);
		assert_true(fa.lines > 0);
		seen |= fa.did;
		if (i % 10)
			continue;
		assert_int_equal(meta_case_run(&ready, &how, i, &b, &fb, err, sizeof(err)), 0);
		assert_int_equal(fingerprint(&a), fingerprint(&b));
		assert_int_equal(fa.did, fb.did);
	}
	assert_int_equal(seen, (1u << META_KINDS) - 1);
	meta_set_free(&a);
	meta_set_free(&b);
}

/* Only the kinds that are asked for, and those alike in the same case without the others. */
static void test_only(void **state)
{
	struct meta_how how = { .seed = 3, .engine = &ours, .only = 1u << META_PERMUTE | 1u << META_SPLIT };
	struct meta_set s = { 0 };
	struct meta_found f;
	char err[512], text[256];

	(void)state;
	for (uint64_t i = 0; i < 50; i++) {
		assert_int_equal(meta_case_run(&ready, &how, i, &s, &f, err, sizeof(err)), 0);
		assert_int_equal(f.kinds & ~how.only, 0);
		assert_int_not_equal(f.kinds, 0);
	}
	assert_string_equal(meta_kinds_text(how.only, text, sizeof(text)), "split,permute");
	meta_set_free(&s);
}

/* One changed byte of the first resegmented packet. */
static void flip(struct meta_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct meta_pkt *p = &s->v[i];

		if (p->did >> META_RESEGMENT & 1 && p->verdict == FOS_PKT_TCP && p->app_len) {
			((uint8_t *)(uintptr_t)p->f.data)[p->app] ^= 1;
			return;
		}
	}
}

/* The first resegmented packet is lost. */
static void lose(struct meta_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].did >> META_RESEGMENT & 1) {
			memmove(s->v + i, s->v + i + 1, (s->n - i - 1) * sizeof(*s->v));
			s->n--;
			return;
		}
	}
}

static void check_found(void (*spoil)(struct meta_set *))
{
	struct meta_how how = {
		.seed = 5, .engine = &ours, .spoil = spoil, .only = 1u << META_RESEGMENT | 1u << META_TIME
	};
	struct meta_set s = { 0 };
	struct meta_found f;
	char err[512];
	unsigned spoiled = 0, found = 0;

	for (uint64_t i = 0; i < CASES; i++) {
		uint32_t kinds;

		assert_int_equal(meta_case_run(&ready, &how, i, &s, &f, err, sizeof(err)), 0);
		/* With copies of the bytes about, one wrong one may lose, and a lost one may not be missed. */
		if (!(f.did >> META_RESEGMENT & 1)) {
			assert_int_equal(f.differ, 0);
			continue;
		}
		spoiled++;
		if (!f.differ)
			continue;
		found++;
		assert_string_not_equal(f.first, "");
		kinds = f.did;
		assert_int_equal(meta_case_reduce(&ready, &how, i, &kinds, err, sizeof(err)), 0);
		assert_true(kinds >> META_RESEGMENT & 1);
		assert_int_equal(kinds & ~f.did, 0);
		assert_int_equal(__builtin_popcount(kinds), 1);
	}
	assert_true(spoiled > 20);
	if (found * 10 < spoiled * 8)
		fail_msg("only %u of %u damaged cases were found", found, spoiled);
	meta_set_free(&s);
}

static void test_finds_wrong_byte(void **state)
{
	(void)state;
	check_found(flip);
}

static void test_finds_lost_packet(void **state)
{
	(void)state;
	check_found(lose);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holds_and_repeats),
		cmocka_unit_test(test_only),
		cmocka_unit_test(test_finds_wrong_byte),
		cmocka_unit_test(test_finds_lost_packet),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
