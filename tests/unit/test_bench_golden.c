/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_golden.c: how golden files are read and differ, and the report of a suite.
 */
#include "golden.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "golden_case.h"
#include "golden_junit.h"
#include "golden_line.h"

#define A "tcp 1.1.1.1:1 > 2.2.2.2:2 "
#define B "tcp 2.2.2.2:2 > 1.1.1.1:1 "

/* A golden file of these lines; not freed: the lines are constants. */
static struct bench_golden file_of(char **line, size_t n)
{
	return (struct bench_golden){ .line = line, .lines = n };
}

#define diff(flags, d, want, got)                                                                                      \
	do {                                                                                                           \
		struct bench_golden w = file_of(want, sizeof(want) / sizeof(*(want)));                                 \
		struct bench_golden g = file_of(got, sizeof(got) / sizeof(*(got)));                                    \
		assert_int_equal(bench_golden_diff(&w, &g, flags, d), 0);                                              \
	} while (0)

static void counts(const struct bench_golden_diff *d, size_t same, size_t differ, size_t missing, size_t extra)
{
	assert_int_equal(d->same, same);
	assert_int_equal(d->differ, differ);
	assert_int_equal(d->missing, missing);
	assert_int_equal(d->extra, extra);
}

static void test_same(void **state)
{
	char *x[] = { (char *)A "#0 bytes=1 sha256=aa gaps=- end=fin",
		      (char *)"udp 1.1.1.1:5 > 2.2.2.2:6 datagrams=1 bytes=2 sha256=bb" };
	struct bench_golden_diff d;

	(void)state;
	diff(0, &d, x, x);
	counts(&d, 2, 0, 0, 0);
	assert_null(d.first);
	bench_golden_diff_free(&d);
}

static void test_differ(void **state)
{
	char *x[] = { (char *)A "#0 bytes=10 sha256=aa gaps=- end=fin" };
	char *y[] = { (char *)A "#0 bytes=9 sha256=ab gaps=2+1 end=fin" };
	struct bench_golden_diff d;

	(void)state;
	diff(0, &d, x, y);
	counts(&d, 0, 1, 0, 0);
	assert_string_equal(d.first,
	                    A "#0: bytes: want 10, got 9, gaps: want -, got 2+1, other bytes (another sha256)");
	assert_ptr_equal(d.want_line, x[0]);
	assert_ptr_equal(d.got_line, y[0]);
	bench_golden_diff_free(&d);
}

static void test_ends(void **state)
{
	char *x[] = { (char *)A "#0 bytes=1 sha256=aa gaps=- end=fin" };
	char *y[] = { (char *)A "#0 bytes=1 sha256=aa gaps=- end=eof start=mid" };
	struct bench_golden_diff d;

	(void)state;
	diff(0, &d, x, y);
	counts(&d, 0, 1, 0, 0);
	assert_string_equal(d.first, A "#0: end: want fin, got eof, start: want none, got mid");
	bench_golden_diff_free(&d);
	diff(GOLDEN_IGNORE_ENDS, &d, x, y);
	counts(&d, 1, 0, 0, 0);
	bench_golden_diff_free(&d);
}

static void test_uses_overtake(void **state)
{
	char *x[] = { (char *)A "#0 bytes=1 sha256=aa gaps=- end=fin", (char *)A "#1 bytes=1 sha256=bb gaps=- end=fin",
		      (char *)A "#2 bytes=1 sha256=cc gaps=- end=fin" };
	char *y[] = { (char *)A "#0 bytes=1 sha256=bb gaps=- end=fin", (char *)A "#1 bytes=1 sha256=aa gaps=- end=fin",
		      (char *)A "#2 bytes=1 sha256=dd gaps=- end=fin" };
	struct bench_golden_diff d;

	(void)state;
	diff(0, &d, x, y);
	counts(&d, 2, 1, 0, 0);
	assert_string_equal(d.first, A "#2: other bytes (another sha256)");
	bench_golden_diff_free(&d);
}

static void test_missing_and_extra(void **state)
{
	char *x[] = { (char *)A "#0 bytes=1 sha256=aa gaps=- end=fin",
		      (char *)B "#0 bytes=1 sha256=aa gaps=- end=fin" };
	char *y[] = { (char *)A "#0 bytes=1 sha256=aa gaps=- end=fin",
		      (char *)"tcp 0.0.0.0:1 > 2.2.2.2:2 #0 bytes=5 sha256=ee gaps=- end=rst" };
	struct bench_golden_diff d;

	(void)state;
	diff(0, &d, x, y);
	counts(&d, 1, 0, 1, 1);
	assert_string_equal(d.first, B "#0: missing (want bytes=1 sha256=aa gaps=- end=fin)");
	bench_golden_diff_free(&d);
	diff(0, &d, y, x);
	assert_non_null(strstr(d.first, "0.0.0.0:1 > 2.2.2.2:2 #0: missing"));
	bench_golden_diff_free(&d);
}

static void test_udp(void **state)
{
	char *x[] = { (char *)"udp 1.1.1.1:5 > 2.2.2.2:6 datagrams=1 bytes=2 sha256=bb" };
	char *y[] = { (char *)"udp 1.1.1.1:5 > 2.2.2.2:6 datagrams=2 bytes=4 sha256=cc" };
	struct bench_golden_diff d;

	(void)state;
	diff(0, &d, x, y);
	counts(&d, 0, 1, 0, 0);
	assert_string_equal(d.first, "udp 1.1.1.1:5 > 2.2.2.2:6: datagrams: want 1, got 2, bytes: want 2, got 4, "
	                             "other bytes (another sha256)");
	bench_golden_diff_free(&d);
	diff(GOLDEN_IGNORE_UDP, &d, x, y);
	counts(&d, 0, 0, 0, 0);
	bench_golden_diff_free(&d);
}

static void test_empty(void **state)
{
	char *x[] = { (char *)A "#0 bytes=0 sha256=aa gaps=- end=rst",
		      (char *)B "#0 bytes=0 sha256=aa gaps=0+5 end=rst" };
	char *y[] = { (char *)B "#0 bytes=0 sha256=aa gaps=0+5 end=rst" };
	struct bench_golden_diff d;

	(void)state;
	diff(0, &d, x, y);
	counts(&d, 1, 0, 1, 0);
	bench_golden_diff_free(&d);
	diff(GOLDEN_IGNORE_EMPTY, &d, x, y);
	counts(&d, 1, 0, 0, 0);
	bench_golden_diff_free(&d);
}

static void test_line(void **state)
{
	const char *line = A "#3 bytes=10 sha256=aabb gaps=1+2,5+1 end=fin start=mid";
	char buf[16];

	(void)state;
	assert_int_equal(bench_golden_name_len(line), strlen(A "#3"));
	assert_true(bench_golden_word(line, "gaps", buf, sizeof(buf)));
	assert_string_equal(buf, "1+2,5+1");
	assert_true(bench_golden_word(line, "start", buf, sizeof(buf)));
	assert_string_equal(buf, "mid");
	assert_false(bench_golden_word(line, "datagrams", buf, sizeof(buf)));
	assert_true(bench_golden_word(line, "gaps", buf, 6));
	assert_string_equal(buf, "1+...");
}

static void spec_becomes(const char *text, const char *again)
{
	struct fos_impair_spec spec;
	char err[256] = "", buf[512];

	fos_impair_spec_init(&spec);
	if (again) {
		if (golden_spec_from_text(&spec, text, err, sizeof(err)))
			fail_msg("%s: %s", text, err);
		fos_impair_spec_text(&spec, buf, sizeof(buf));
		assert_string_equal(buf, again);
	} else {
		assert_int_equal(golden_spec_from_text(&spec, text, err, sizeof(err)), -EINVAL);
		assert_true(err[0] != '\0');
	}
	fos_impair_spec_free(&spec);
}

static void test_spec_from_text(void **state)
{
	(void)state;
	spec_becomes("", "--seed 1");
	spec_becomes("--dup 5%  --loss 1%", "--loss 1% --dup 5% --seed 1");
	spec_becomes("--only 'tcp and port 80' --dup 5%", "--dup 5% --only 'tcp and port 80' --seed 1");
	spec_becomes("--dup 5% --only 'tcp'\\ or' udp' --seed 7", "--dup 5% --only 'tcp or udp' --seed 7");
	spec_becomes("--only 'tcp", NULL);
	spec_becomes("--dup", NULL);
	spec_becomes("dup 5%", NULL);
	spec_becomes("--dup 5", NULL);
	spec_becomes("--burn 5%", NULL);
}

static void test_junit(void **state)
{
	char path[] = "/tmp/flowos-junit-XXXXXX", text[4096] = "";
	struct golden_junit j = { 0 };
	int fd = mkstemp(path);
	FILE *f;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(golden_junit_add(&j, "a&b", "x", 0.5, NULL, NULL, NULL), 0);
	assert_int_equal(golden_junit_add(&j, "c", "y", 0.25, "<bad> \"\x01\xff\n\xc3\xa4", NULL, NULL), 0);
	assert_int_equal(golden_junit_add(&j, "d", "z", 0, NULL, "no", NULL), 0);
	assert_int_equal(golden_junit_add(&j, "e", "z", 0, NULL, NULL, "not here"), 0);
	assert_int_equal(golden_junit_write(&j, "dir", path), 0);
	golden_junit_free(&j);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	unlink(path);
	assert_non_null(strstr(text, "tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\" time=\"0.750\""));
	assert_non_null(strstr(text, "classname=\"a&amp;b\" name=\"x\" time=\"0.500\"/>"));
	assert_non_null(strstr(text, "<failure message=\"&lt;bad&gt; &quot;??&#10;\xc3\xa4\"/>"));
	assert_non_null(strstr(text, "<error message=\"no\"/>"));
	assert_non_null(strstr(text, "<skipped message=\"not here\"/>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_differ),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_uses_overtake),
		cmocka_unit_test(test_missing_and_extra),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_spec_from_text),
		cmocka_unit_test(test_junit),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
