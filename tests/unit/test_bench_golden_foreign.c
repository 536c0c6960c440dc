/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_golden_foreign.c: which lines count for an engine that lacks something, and what gaps become.
 */
#include "golden_foreign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define V4   "tcp 1.1.1.1:1 > 2.2.2.2:2 "
#define BACK "tcp 2.2.2.2:2 > 1.1.1.1:1 "

static char *lines[] = {
	(char *)BACK "#0 bytes=5 sha256=aa gaps=3+4 end=fin start=mid",
	(char *)"tcp 3.3.3.3:1 > 4.4.4.4:2 #1 bytes=0 sha256=bb gaps=- end=rst",
	(char *)V4 "#0 bytes=7 sha256=cc gaps=- end=fin",
	(char *)"tcp [::1]:1 > [::2]:2 #0 bytes=7 sha256=dd gaps=- end=eof",
	(char *)"udp 1.1.1.1:1 > 2.2.2.2:2 datagrams=1 bytes=7 sha256=ee",
};

static size_t kept(unsigned lacks, struct bench_golden *out)
{
	struct bench_golden all = { .line = lines, .lines = 5 };
	struct fos_frames none = { 0 };
	struct golden_excused x;

	assert_int_equal(golden_excused_make(&x, lacks, &all, &none), 0);
	assert_int_equal(golden_foreign_filter(&all, lacks, &x, out), 0);
	golden_excused_free(&x);
	return out->lines;
}

static void test_filter(void **state)
{
	static const struct {
		unsigned lacks;
		size_t lines;
	} cases[] = {
		{ 0, 5 },
		{ GOLDEN_LACKS_UDP, 4 },
		{ GOLDEN_LACKS_IPV6, 4 },
		{ GOLDEN_LACKS_EMPTY, 4 },
		{ GOLDEN_LACKS_USES, 4 },
		{ GOLDEN_LACKS_MID, 2 }, /* both directions, and what has these addresses in UDP */
		{ GOLDEN_LACKS_UDP | GOLDEN_LACKS_IPV6 | GOLDEN_LACKS_USES, 2 },
	};
	struct bench_golden out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(kept(cases[i].lacks, &out), cases[i].lines);
		bench_golden_free(&out);
	}
}

static void test_words(void **state)
{
	struct bench_golden out;

	(void)state;
	kept(GOLDEN_LACKS_ENDS, &out);
	assert_string_equal(out.line[1], BACK "#0 bytes=5 sha256=aa gaps=3+4");
	bench_golden_free(&out);
	kept(GOLDEN_LACKS_GAPS, &out);
	assert_string_equal(out.line[1], BACK "#0 bytes=5 sha256=aa end=fin start=mid");
	bench_golden_free(&out);
}

/* "abc", 4 bytes missing, "defg", 200000 missing, "h", and 9 missing at the end. */
static struct bench_record *holed(void)
{
	static struct bench_span span[] = { { 0, (const uint8_t *)"abc", 1, 3 },
		                            { 7, (const uint8_t *)"defg", 2, 4 },
		                            { 200011, (const uint8_t *)"h", 3, 1 } };
	static const struct bench_gap gap[] = { { 3, 4, 0 }, { 11, 200000, 0 }, { 200012, 9, 0 } };
	struct bench_record *r = bench_record_new();

	r->stream = calloc(1, sizeof(*r->stream));
	r->streams = r->stream_slots = 1;
	r->stream->span = malloc(sizeof(span));
	memcpy(r->stream->span, span, sizeof(span));
	r->stream->gap = malloc(sizeof(gap));
	memcpy(r->stream->gap, gap, sizeof(gap));
	r->stream->spans = r->stream->span_slots = r->stream->gaps = r->stream->gap_slots = 3;
	r->stream->bytes = 8;
	return r;
}

static void test_gaps(void **state)
{
	struct bench_record *r = holed();
	uint64_t at = 0;

	(void)state;
	assert_int_equal(golden_foreign_gaps(r, 0), 0);
	assert_int_equal(r->stream->bytes, 8);
	assert_int_equal(golden_foreign_gaps(r, GOLDEN_LACKS_ZEROS), 0);
	assert_int_equal(r->stream->bytes, 200012);
	for (uint32_t i = 0; i < r->stream->spans; i++) {
		const struct bench_span *s = &r->stream->span[i];

		assert_int_equal(s->off, at);
		at += s->len;
		if (s->off == 3 || s->off == 100000)
			assert_int_equal(s->data[0], 0);
		if (s->off == 7)
			assert_memory_equal(s->data, "defg", 4);
	}
	assert_int_equal(at, 200012);
	bench_record_free(r);
	r = holed();
	assert_int_equal(golden_foreign_gaps(r, GOLDEN_LACKS_BEHIND), 0);
	assert_int_equal(r->stream->bytes, 3);
	assert_int_equal(r->stream->spans, 1);
	bench_record_free(r);
}

static void test_names(void **state)
{
	struct golden_excused x = { 0 };
	char dir[2 * FOS_ADDR_TEXT];

	(void)state;
	golden_direction(lines[0], dir);
	assert_string_equal(dir, "2.2.2.2:2 > 1.1.1.1:1");
	golden_direction(lines[4], dir);
	assert_string_equal(dir, "1.1.1.1:1 > 2.2.2.2:2");
	assert_false(golden_excused_has(&x, dir));
	assert_int_equal(golden_excused_add(&x, "b"), 0);
	assert_int_equal(golden_excused_add(&x, "a"), 0);
	assert_int_equal(golden_excused_add(&x, "b"), 0);
	golden_excused_sort(&x);
	assert_int_equal(x.n, 2);
	assert_true(golden_excused_has(&x, "a") && golden_excused_has(&x, "b") && !golden_excused_has(&x, "c"));
	golden_excused_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
