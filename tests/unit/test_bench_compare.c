/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_compare.c: what is a regression, what is noise, and what must not be compared.
 */
#include "compare.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "test_bench_fixture.h"

static struct {
	char *text;
	char err[512];
} said;

static int compare(const struct bench_result *a, const struct bench_result *b, const struct bench_compare_options *opt)
{
	size_t len;
	FILE *f;
	int rc;

	free(said.text);
	f = open_memstream(&said.text, &len);
	said.err[0] = '\0';
	rc = bench_compare_results(a, b, opt, f, said.err, sizeof(said.err));
	fclose(f);
	return rc;
}

static struct bench_result *result_of(double s10, double s1000)
{
	struct bench_result *r = fixture_result();

	if (s10 > 0)
		fixture_run(r, 10, s10);
	if (s1000 > 0)
		fixture_run(r, 1000, s1000);
	return r;
}

static void test_same(void **state)
{
	struct bench_result *a = result_of(0.1, 0.2), *b = result_of(0.1, 0.2);

	(void)state;
	assert_int_equal(compare(a, b, NULL), BENCH_COMPARE_SAME);
	assert_non_null(strstr(said.text, "no difference beyond noise"));
	assert_non_null(strstr(said.text, "No regression."));
	bench_result_free(a);
	bench_result_free(b);
}

static void test_slower_and_faster(void **state)
{
	struct bench_result *a = result_of(0.1, 0.2), *b = result_of(0.11, 0.15), *c = result_of(0.1015, 0.2);
	const struct bench_compare_options lax = { .threshold = 0.2, .seed = 1 };

	(void)state;
	assert_int_equal(compare(a, b, NULL), BENCH_COMPARE_REGRESSION);
	assert_non_null(strstr(said.text, "REGRESSION: 10.0 % slower"));
	assert_non_null(strstr(said.text, "25.0 % faster"));
	assert_non_null(strstr(said.text, "1 run is slower beyond the threshold. 1 run is faster."));
	assert_int_equal(compare(a, b, &lax), BENCH_COMPARE_SAME);
	assert_non_null(strstr(said.text, "10.0 % slower, not surely beyond"));
	assert_int_equal(compare(a, c, NULL), BENCH_COMPARE_SAME);
	assert_int_equal(compare(b, b, NULL), BENCH_COMPARE_SAME);
	bench_result_free(a);
	bench_result_free(b);
	bench_result_free(c);
}

static void test_few_samples(void **state)
{
	struct bench_result *a = result_of(0.1, 0), *b = result_of(0.2, 0);

	(void)state;
	b->runs[0].seconds.count = 2;
	assert_int_equal(compare(a, b, NULL), BENCH_COMPARE_SAME);
	assert_non_null(strstr(said.text, "too few samples to tell"));
	bench_result_free(a);
	bench_result_free(b);
}

static void test_axes_and_missing(void **state)
{
	struct bench_result *a = fixture_result(), *b = fixture_result();

	(void)state;
	bench_pairs_set_text(&fixture_run(a, 10, 0.1)->axes, "reorder", "1%");
	bench_pairs_set_text(&fixture_run(a, 10, 0.2)->axes, "reorder", "5%");
	bench_pairs_set_text(&fixture_run(b, 10, 0.2)->axes, "reorder", "5%");
	bench_pairs_set_text(&fixture_run(b, 10, 0.4)->axes, "reorder", "10%");
	assert_int_equal(compare(a, b, NULL), BENCH_COMPARE_SAME);
	assert_non_null(strstr(said.text, "missing in the new result"));
	assert_non_null(strstr(said.text, "only in the new result"));
	assert_non_null(strstr(said.text, "sessions=10 reorder=10%"));
	bench_pairs_set_text(&b->runs[0].axes, "reorder", "7%");
	assert_int_equal(compare(a, b, NULL), -ENODATA);
	bench_result_free(a);
	bench_result_free(b);
}

static void test_broken(void **state)
{
	struct bench_result *a = result_of(0.1, 0.2), *b = result_of(0.1, 0.2);

	(void)state;
	b->runs[0].streams.differ = 1;
	assert_int_equal(compare(a, b, NULL), BENCH_COMPARE_REGRESSION);
	assert_non_null(strstr(said.text, "the check no longer holds"));
	b->runs[0].streams.differ = 0;
	bench_text_set(&b->runs[1].error, "x");
	assert_int_equal(compare(a, b, NULL), BENCH_COMPARE_REGRESSION);
	assert_non_null(strstr(said.text, "fails now"));
	assert_int_equal(compare(b, a, NULL), BENCH_COMPARE_SAME);
	bench_result_free(a);
	bench_result_free(b);
}

static void test_unlike(void **state)
{
	struct bench_result *a = result_of(0.1, 0.2), *b = result_of(0.1, 0.2);
	const struct bench_compare_options force = { .force = true, .threshold = 0.02, .seed = 1 };

	(void)state;
	b->seed++;
	assert_int_equal(compare(a, b, NULL), -EINVAL);
	assert_non_null(strstr(said.err, "seeds differ: 42 and 43"));
	b->seed--;
	bench_pairs_set_text(&b->impair, "dup", "2%");
	assert_int_equal(compare(a, b, NULL), -EINVAL);
	assert_non_null(strstr(said.err, "dup is 1% and 2%"));
	bench_pairs_set_text(&b->impair, "dup", "1%");
	bench_pairs_set_text(&b->impair, "loss", "2%");
	assert_int_equal(compare(a, b, NULL), -EINVAL);
	assert_non_null(strstr(said.err, "loss is nothing and 2%"));
	bench_pairs_clear(&b->impair);
	bench_pairs_clear(&a->impair);
	b->trace_sha256[0] = 'f';
	assert_int_equal(compare(a, b, NULL), -EINVAL);
	assert_non_null(strstr(said.err, "traces differ"));
	bench_text_set(&b->trace_sha256, NULL);
	bench_text_set(&b->trace_name, "/elsewhere/" FIXTURE_NAME);
	assert_int_equal(compare(a, b, NULL), BENCH_COMPARE_SAME);
	bench_text_set(&b->trace_name, "other");
	assert_int_equal(compare(a, b, NULL), -EINVAL);
	bench_text_set(&b->trace_name, FIXTURE_NAME);
	bench_text_set(&b->machine.kernel, "6.2");
	assert_int_equal(compare(a, b, NULL), -EINVAL);
	assert_non_null(strstr(said.err, "kernel 6.1.0-example and 6.2"));
	assert_int_equal(compare(a, b, &force), BENCH_COMPARE_SAME);
	assert_non_null(strstr(said.text, "warning: the machines differ"));
	bench_result_free(a);
	bench_result_free(b);
}

static void add_floor(struct bench_run *run, double seconds)
{
	const double samples[] = { seconds, seconds * 1.004, seconds * 0.996, seconds, seconds * 1.002 };

	assert_int_equal(bench_run_peer(run, "floor: sum", samples, 5, 0, 1), 0);
}

/* A machine that became slower between the two is no regression, and does not hide one. */
static void test_beside_floor(void **state)
{
	struct bench_result *a = result_of(0.1, 0), *b = result_of(0.15, 0), *c = result_of(0.1, 0);

	(void)state;
	add_floor(&a->runs[0], 0.02);
	add_floor(&b->runs[0], 0.03);
	add_floor(&c->runs[0], 0.016);
	assert_int_equal(compare(a, b, NULL), BENCH_COMPARE_SAME);
	assert_non_null(strstr(said.text, "no difference beyond noise, beside a floor of 1.500"));
	assert_int_equal(compare(a, c, NULL), BENCH_COMPARE_REGRESSION); /* as fast, on a machine that is faster */
	assert_non_null(strstr(said.text, "REGRESSION: 25.0 % slower, beside a floor of 0.800"));
	bench_run_clear(&c->runs[0]);
	c->run_count = 0;
	fixture_run(c, 10, 0.1);
	assert_int_equal(compare(a, c, NULL), BENCH_COMPARE_SAME); /* without a floor on one side: as ever */
	assert_null(strstr(said.text, "floor"));
	bench_result_free(a);
	bench_result_free(b);
	bench_result_free(c);
}

/* Where results go, and from which folder, is no difference; what is measured is said. */
static void test_commands(void **state)
{
	char *one[] = { (char *)"/a/flowos-bench", (char *)"--trace", (char *)"/a/x.pcap", (char *)"--stage",
		        (char *)"count",           (char *)"--json",  (char *)"1.json" };
	char *two[] = { (char *)"flowos-bench", (char *)"--csv",   (char *)"2.csv", (char *)"--trace",
		        (char *)"x.pcap",       (char *)"--stage", (char *)"count" };
	struct bench_result *a = result_of(0.1, 0), *b = result_of(0.1, 0);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bench_result *r = i ? b : a;

		for (size_t k = 0; k < r->command_count; k++)
			free(r->command[k]);
		free(r->command);
		r->command = NULL;
		r->command_count = 0;
		assert_int_equal(bench_result_command(r, 7, i ? two : one), 0);
	}
	assert_int_equal(compare(a, b, NULL), BENCH_COMPARE_SAME);
	assert_null(strstr(said.text, "note:"));
	assert_int_equal(bench_text_set(&b->command[6], "digest"), 0);
	assert_int_equal(compare(a, b, NULL), BENCH_COMPARE_SAME);
	assert_non_null(strstr(said.text, "note: the commands differ, from count and digest on"));
	assert_null(strstr(said.text, "mapped pages"));
	b->runs[0].mapped_ahead = true;
	assert_int_equal(compare(a, b, NULL), BENCH_COMPARE_SAME);
	assert_non_null(strstr(said.text, "note: only in new a second thread mapped pages"));
	bench_result_free(a);
	bench_result_free(b);
}

static void test_files(void **state)
{
	struct bench_result *a = result_of(0.1, 0.2);
	char path[] = "/tmp/test_bench_compare.XXXXXX", err[256];
	FILE *null = fopen("/dev/null", "w");

	(void)state;
	close(mkstemp(path));
	assert_int_equal(bench_json_save(a, path, err, sizeof(err)), 0);
	assert_int_equal(bench_compare(path, path, NULL, null, err, sizeof(err)), BENCH_COMPARE_SAME);
	assert_int_equal(bench_compare(path, "/nonexistent", NULL, null, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "/nonexistent: No such file"));
	assert_int_equal(bench_compare("/dev/null", path, NULL, null, err, sizeof(err)), -EINVAL);
	fclose(null);
	unlink(path);
	bench_result_free(a);
	free(said.text);
	said.text = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_slower_and_faster),
		cmocka_unit_test(test_axes_and_missing),
		cmocka_unit_test(test_few_samples),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_unlike),
		cmocka_unit_test(test_beside_floor),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests_name("bench_compare", tests, NULL, NULL);
}
