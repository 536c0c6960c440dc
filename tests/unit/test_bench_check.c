/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_check.c: which streams are identical, gapped, in doubt or wrong, on records made by hand.
 */
#include "check.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t text[4096] = "The quick brown fox jumps over the lazy dog";

/* Adds a stream of conversation `n` (they must come in order), with one span of text [0, bytes). */
static struct bench_stream *add(struct bench_record *r, uint16_t n, uint8_t side, uint32_t use, uint32_t start,
                                uint32_t bytes)
{
	struct bench_stream *st;

	r->stream = realloc(r->stream, (r->streams + 1) * sizeof(*r->stream));
	assert_non_null(r->stream);
	st = &r->stream[r->streams++];
	memset(st, 0, sizeof(*st));
	st->key.port[0] = n;
	st->key.port[1] = 80;
	st->key.proto = IPPROTO_TCP;
	st->side = side;
	st->use = use;
	st->session = use;
	st->start_seq = start;
	st->bytes = bytes;
	if (bytes) {
		st->span = calloc(1, sizeof(*st->span));
		assert_non_null(st->span);
		st->span[0] = (struct bench_span){ .data = text, .len = bytes, .frame = 7 };
		st->spans = 1;
	}
	return st;
}

static void gap(struct bench_stream *st, uint64_t off, uint64_t len)
{
	st->gap = calloc(1, sizeof(*st->gap));
	assert_non_null(st->gap);
	st->gap[0] = (struct bench_gap){ .off = off, .len = len };
	st->gaps = 1;
}

static struct bench_check check(struct bench_record *ref, struct bench_record *run)
{
	struct bench_check c;

	assert_int_equal(bench_check(ref, run, &c), 0);
	bench_record_free(ref);
	bench_record_free(run);
	assert_int_equal(c.total, c.identical + c.gapped + c.conflicted + c.differ);
	return c;
}

static void test_identical(void **state)
{
	struct bench_record *ref = bench_record_new(), *run = bench_record_new();
	struct bench_check c;

	(void)state;
	add(ref, 1, 0, 0, 100, 40);
	add(ref, 1, 1, 0, 900, 0);
	add(ref, 2, 0, 0, 100, 43);
	add(run, 1, 0, 0, 100, 40);
	add(run, 2, 0, 0, 100, 43);
	c = check(ref, run);
	assert_int_equal(c.total, 2); /* streams without data do not count */
	assert_int_equal(c.identical, 2);
	assert_string_equal(c.first, "");
	assert_string_equal(c.first_gap, "");
	bench_check_free(&c);
}

static void test_missing_and_short(void **state)
{
	struct bench_record *ref = bench_record_new(), *run = bench_record_new();
	struct bench_check c;

	(void)state;
	add(ref, 1, 0, 0, 100, 40);
	add(ref, 2, 0, 0, 100, 40);
	gap(add(run, 2, 0, 0, 100, 30), 30, 10);
	c = check(ref, run);
	assert_int_equal(c.gapped, 2);
	assert_int_equal(c.gap_bytes, 10);
	assert_non_null(strstr(c.first_gap, "missing"));
	assert_string_equal(c.first, "");
	bench_check_free(&c);
}

/* A reference that gave bytes up for a cap does not know them: who has them is not wrong. */
static void test_reference_capped(void **state)
{
	static const enum fos_gap_why why[] = { FOS_GAP_CAP, FOS_GAP_EVIDENCE };
	struct bench_check c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bench_record *ref = bench_record_new(), *run = bench_record_new();
		struct bench_stream *st = add(ref, 1, 0, 0, 100, 30);

		gap(st, 30, 10);
		st->gap[0].why = why[i];
		add(run, 1, 0, 0, 100, 40);
		c = check(ref, run);
		assert_int_equal(c.gapped, i == 0);
		assert_int_equal(c.differ, i == 1);
		assert_int_equal(c.first[0] == '\0', i == 0);
		bench_check_free(&c);
	}
}

static void test_first_gap_says_where(void **state)
{
	struct bench_record *ref = bench_record_new(), *run = bench_record_new();
	struct bench_check c;

	(void)state;
	add(ref, 2, 0, 0, 100, 40);
	gap(add(run, 2, 0, 0, 100, 30), 30, 10);
	c = check(ref, run);
	assert_non_null(strstr(c.first_gap, "a gap at offset 30, of 10 bytes"));
	bench_check_free(&c);
}

static void test_other_byte(void **state)
{
	static const uint8_t wrong[] = "The quick brown box";
	struct bench_record *ref = bench_record_new(), *run = bench_record_new();
	struct bench_check c;

	(void)state;
	add(ref, 1, 0, 0, 100, 19);
	add(run, 1, 0, 0, 100, 19)->span[0].data = wrong;
	c = check(ref, run);
	assert_int_equal(c.differ, 1);
	assert_non_null(strstr(c.first, "#0, offset 16, frame 7: another byte"));
	bench_check_free(&c);
}

static void test_late_start_is_aligned(void **state)
{
	struct bench_record *ref = bench_record_new(), *run = bench_record_new();
	struct bench_check c;

	(void)state;
	add(ref, 1, 0, 0, 0xfffffffe, 19); /* across the end of the sequence numbers */
	add(run, 1, 0, 0, 2, 15)->span[0].data = text + 4;
	c = check(ref, run);
	assert_int_equal(c.gapped, 1);
	bench_check_free(&c);
}

static void test_before_the_start(void **state)
{
	struct bench_record *ref = bench_record_new(), *run = bench_record_new();
	struct bench_check c;

	(void)state;
	add(ref, 1, 0, 0, 100, 19);
	add(run, 1, 0, 0, 99, 19);
	c = check(ref, run);
	assert_int_equal(c.differ, 1);
	assert_non_null(strstr(c.first, "offset -1, "));
	bench_check_free(&c);
}

static void test_extra_stream(void **state)
{
	struct bench_record *ref = bench_record_new(), *run = bench_record_new();
	struct bench_check c;

	(void)state;
	add(ref, 1, 0, 0, 100, 19);
	add(run, 1, 0, 0, 100, 19);
	add(run, 2, 0, 0, 100, 19);
	c = check(ref, run);
	assert_int_equal(c.identical, 1);
	assert_int_equal(c.differ, 1);
	bench_check_free(&c);
}

static void test_conflict_is_doubt(void **state)
{
	static const uint8_t wrong[] = "The quick brown box";
	struct bench_record *ref = bench_record_new(), *run = bench_record_new();
	struct bench_check c;

	(void)state;
	add(ref, 1, 0, 0, 100, 19)->conflict = true;
	add(run, 1, 0, 0, 100, 19)->span[0].data = wrong;
	c = check(ref, run);
	assert_int_equal(c.conflicted, 1);
	assert_int_equal(c.doubtfuls, 1);
	bench_check_condemn(&c, "not so");
	assert_int_equal(c.conflicted, 0);
	assert_int_equal(c.differ, 1);
	assert_string_equal(c.first, "not so");
	bench_check_free(&c);
}

/* ORDER.md: uses whose ranges overlap or are at most one apart are ambiguous, and so is what has a wide gap. */
static void test_ambiguous(void **state)
{
	struct bench_record *r = bench_record_new();
	bool *a;

	(void)state;
	add(r, 1, 0, 0, 100, 40);
	add(r, 1, 0, 1, 141, 40); /* one apart */
	add(r, 1, 1, 0, 5000, 9);
	add(r, 1, 1, 2, 90000, 9);
	add(r, 2, 0, 0, 100, 40);
	add(r, 2, 0, 1, 142, 40); /* two apart */
	gap(add(r, 3, 0, 0, 100, 40), 40, (1 << 20) + 1);
	gap(add(r, 4, 0, 0, 100, 40), 40, 1 << 20);
	add(r, 5, 0, 0, 0xfffffff0, 40); /* around the end */
	add(r, 5, 0, 1, 10, 40);
	add(r, 6, 0, 0, 100, 0)->mid = true; /* no range */
	add(r, 6, 0, 1, 100, 40);
	assert_int_equal(bench_check_ambiguous(r, &a), 0);
	for (size_t i = 0; i < r->streams; i++)
		assert_int_equal(a[i], i < 3 || i == 6 || i == 8 || i == 9);
	free(a);
	bench_record_free(r);
}

static void test_ambiguous_is_doubt(void **state)
{
	struct bench_record *ref = bench_record_new(), *run = bench_record_new();
	struct bench_check c;

	(void)state;
	add(ref, 1, 0, 0, 100, 19);
	add(ref, 1, 0, 1, 110, 19);
	add(run, 1, 0, 0, 100, 29);
	add(run, 1, 0, 1, 200000000, 5); /* too far from both: but who knows */
	c = check(ref, run);
	assert_int_equal(c.differ, 0);
	assert_int_equal(c.conflicted, 3);
	bench_check_free(&c);
}

/* Two uses that the loss of a SYN made one: a wide gap, and bytes that are not the first use's. */
static void test_ambiguous_by_loss(void **state)
{
	struct bench_record *ref = bench_record_new(), *run = bench_record_new();
	struct bench_stream *st;
	struct bench_check c;

	(void)state;
	add(ref, 1, 0, 0, 100, 19);
	add(ref, 1, 0, 1, 40000100, 19);
	st = add(run, 1, 0, 0, 100, 38);
	st->span[0].len = 19;
	st->span = realloc(st->span, 2 * sizeof(*st->span));
	assert_non_null(st->span);
	st->span[1] = st->span[0];
	st->span[1].off = 40000000;
	st->spans = 2;
	gap(st, 19, 40000000 - 19);
	assert_int_equal(bench_check(ref, run, &c), 0);
	assert_int_equal(c.differ, 1);
	bench_check_free(&c);
	assert_int_equal(bench_check_lossy(ref, run, &c), 0);
	assert_int_equal(c.differ, 0);
	assert_int_equal(c.conflicted, 1);
	assert_int_equal(c.gapped, 1);
	bench_check_free(&c);
	bench_record_free(ref);
	bench_record_free(run);
}

static void test_find(void **state)
{
	struct bench_record *run = bench_record_new();
	struct bench_stream want;
	size_t from, to;

	(void)state;
	add(run, 1, 0, 0, 1, 1);
	add(run, 2, 0, 0, 1, 1);
	add(run, 2, 0, 1, 1, 1);
	add(run, 2, 1, 0, 1, 1);
	want = run->stream[1];
	bench_check_find(run, &want, &from, &to);
	assert_int_equal(from, 1);
	assert_int_equal(to, 3);
	want.key.port[0] = 3;
	bench_check_find(run, &want, &from, &to);
	assert_int_equal(from, to);
	bench_record_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identical),
		cmocka_unit_test(test_missing_and_short),
		cmocka_unit_test(test_reference_capped),
		cmocka_unit_test(test_first_gap_says_where),
		cmocka_unit_test(test_other_byte),
		cmocka_unit_test(test_late_start_is_aligned),
		cmocka_unit_test(test_before_the_start),
		cmocka_unit_test(test_extra_stream),
		cmocka_unit_test(test_conflict_is_doubt),
		cmocka_unit_test(test_ambiguous),
		cmocka_unit_test(test_ambiguous_is_doubt),
		cmocka_unit_test(test_ambiguous_by_loss),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
