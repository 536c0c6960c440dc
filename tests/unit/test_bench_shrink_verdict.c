/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_shrink_verdict.c: which difference is found between two sets of lines, and what counts as the same one.
 */
#include "shrink_verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden_engine.h"

#define A "tcp 10.0.0.1:1 > 10.0.0.2:2"
#define B "tcp 10.0.0.3:1 > 10.0.0.2:2"
#define U "udp 10.0.0.1:1 > 10.0.0.2:2"

/* Lines, one to a '\n'. */
static struct bench_golden lines(const char *text)
{
	struct bench_golden g = { 0 };
	char line[256];

	for (const char *p = text, *end; *p; p = end + 1) {
		end = strchrnul(p, '\n');
		snprintf(line, sizeof(line), "%.*s", (int)(end - p), p);
		assert_int_equal(bench_golden_add_line(&g, line), 0);
		if (!*end)
			break;
	}
	bench_golden_sort(&g);
	return g;
}

static struct shrink_failure compared(const char *want, const char *got, unsigned lacks, bool totals, const char *like)
{
	struct bench_golden w = lines(want), g = lines(got);
	struct shrink_view view = { .lacks = lacks, .totals = totals };
	struct shrink_failure only = { .kind = SHRINK_BYTES }, out;

	if (like)
		snprintf(only.name, sizeof(only.name), "%s", like);
	assert_int_equal(shrink_compare(&w, &g, &view, like ? &only : NULL, &out), 0);
	bench_golden_free(&w);
	bench_golden_free(&g);
	return out;
}

static void test_kinds(void **state)
{
	const char *want = A " #0 bytes=5 sha256=aa gaps=- end=fin";
	static const struct {
		const char *got;
		enum shrink_kind kind;
	} cases[] = {
		{ A " #0 bytes=5 sha256=aa gaps=- end=fin", SHRINK_HOLDS },
		{ A " #0 bytes=5 sha256=bb gaps=- end=fin", SHRINK_BYTES },
		{ A " #0 bytes=4 sha256=cc gaps=- end=fin", SHRINK_BYTES },
		{ A " #0 bytes=4 sha256=cc gaps=0+1 end=fin", SHRINK_GAPS },
		{ A " #0 bytes=5 sha256=aa gaps=- end=rst", SHRINK_ENDS },
		{ A " #0 bytes=5 sha256=aa gaps=- end=fin start=mid", SHRINK_ENDS },
		{ "", SHRINK_MISSING },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct shrink_failure f = compared(want, cases[i].got, 0, false, NULL);

		assert_int_equal(f.kind, cases[i].kind);
		assert_string_equal(f.name, f.kind ? A : "");
		assert_string_not_equal(shrink_kind_text(f.kind), "");
	}
	assert_int_equal(compared("", want, 0, false, NULL).kind, SHRINK_EXTRA);
	assert_int_equal(
	    compared(U " datagrams=2 bytes=4 sha256=aa", U " datagrams=1 bytes=2 sha256=bb", 0, false, NULL).kind,
	    SHRINK_BYTES);
}

/* Only the stream that failed before counts; one whose name begins likewise is another. */
static void test_like(void **state)
{
	const char *want = A " #0 bytes=5 sha256=aa gaps=- end=fin\n" B " #0 bytes=5 sha256=aa gaps=- end=fin";
	const char *got = A " #0 bytes=5 sha256=aa gaps=- end=fin\n" B " #0 bytes=5 sha256=bb gaps=- end=fin";

	(void)state;
	assert_int_equal(compared(want, got, 0, false, A).kind, SHRINK_HOLDS);
	assert_int_equal(compared(want, got, 0, false, B).kind, SHRINK_BYTES);
	assert_int_equal(compared(want, got, 0, false, "tcp 10.0.0.3:1 > 10.0.0.2:").kind, SHRINK_HOLDS);
}

static void test_totals(void **state)
{
	const char *want = A " #0 bytes=10 sha256=aa gaps=- end=fin";

	(void)state;
	assert_int_equal(compared(want, A " #0 bytes=6 sha256=bb gaps=2+1,5+3 end=fin", 0, true, NULL).kind,
	                 SHRINK_HOLDS);
	assert_int_equal(compared(want, A " #0 bytes=6 sha256=bb gaps=2+1,5+2 end=fin", 0, true, NULL).kind,
	                 SHRINK_BYTES);
}

static void test_lacks(void **state)
{
	const char *tcp = A " #0 bytes=10 sha256=aa gaps=- end=fin\n", *udp = U " datagrams=1 bytes=1 sha256=aa";
	char both[256];

	(void)state;
	snprintf(both, sizeof(both), "%s%s", tcp, udp);
	assert_int_equal(compared(both, tcp, 0, false, NULL).kind, SHRINK_MISSING);
	assert_int_equal(compared(both, tcp, GOLDEN_LACKS_UDP, false, NULL).kind, SHRINK_HOLDS);
	assert_int_equal(compared(tcp, A " #0 bytes=10 sha256=aa gaps=- end=eof", GOLDEN_LACKS_ENDS, false, NULL).kind,
	                 SHRINK_HOLDS);
	assert_int_equal(compared(A " #0 bytes=9 sha256=aa gaps=3+1 end=fin", A " #0 bytes=9 sha256=aa gaps=- end=fin",
	                          GOLDEN_LACKS_GAPS, false, NULL)
	                     .kind,
	                 SHRINK_HOLDS);
	assert_int_equal(compared(A " #0 bytes=9 sha256=aa gaps=3+1 end=fin", A " #0 bytes=3 sha256=bb gaps=- end=fin",
	                          GOLDEN_LACKS_BEHIND, false, NULL)
	                     .kind,
	                 SHRINK_HOLDS);
	assert_int_equal(compared(A " #0 bytes=9 sha256=aa gaps=- end=fin\n" A " #1 bytes=9 sha256=cc gaps=- end=fin",
	                          A " #0 bytes=18 sha256=bb gaps=- end=fin", GOLDEN_LACKS_USES, false, NULL)
	                     .kind,
	                 SHRINK_HOLDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_like),
		cmocka_unit_test(test_totals),
		cmocka_unit_test(test_lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
