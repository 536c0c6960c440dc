/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_plot.c: what is drawn, and that gnuplot draws it. Without gnuplot the drawing is skipped.
 */
#include "plot.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "plot_data.h"
#include "test_bench_fixture.h"

static char err[512];

static bool have_gnuplot(void)
{
	static int have = -1;

	if (have < 0)
		have = system("command -v gnuplot >/dev/null 2>&1") == 0;
	return have;
}

static void test_format(void **state)
{
	enum bench_plot_format f;

	(void)state;
	assert_int_equal(bench_plot_format("a/b.svg", &f, err, sizeof(err)), 0);
	assert_int_equal(f, BENCH_PLOT_SVG);
	assert_int_equal(bench_plot_format("B.PNG", &f, err, sizeof(err)), 0);
	assert_int_equal(f, BENCH_PLOT_PNG);
	assert_int_equal(bench_plot_format("x.pdf", &f, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "x.pdf: a plot's file name ends in .svg or .png");
	assert_int_equal(bench_plot_format("dir.svg/x", &f, err, sizeof(err)), -EINVAL);
	assert_int_equal(bench_plot_format("-", &f, err, sizeof(err)), -EINVAL);
}

static struct bench_result *swept(const char *key, const char *const *value, size_t values, size_t sessions)
{
	struct bench_result *r = fixture_result();
	uint64_t n = 1;

	for (size_t s = 0; s < sessions; s++, n *= 10) {
		for (size_t i = 0; i < values; i++)
			bench_pairs_set_text(&fixture_run(r, n, 0.1 + 0.01 * (double)i)->axes, key, value[i]);
	}
	return r;
}

static void test_choice(void **state)
{
	static const char *const share[] = { "10%,depth=8", "0%,depth=8", "5%,depth=8" };
	static const char *const time[] = { "500us", "1ms", "2s" };
	static const char *const name[] = { "bsd", "linux" };
	struct bench_plot_data d;
	struct bench_result *r = swept("reorder", share, 3, 4);
	char *axis;

	(void)state;
	assert_int_equal(bench_plot_data_choose(r, NULL, &d), 0);
	assert_int_equal(d.kind, BENCH_PLOT_NUMBERS);
	assert_string_equal(d.x_key, "sessions");
	assert_true(d.x_log);
	assert_int_equal(d.series_count, 3);
	assert_int_equal(d.series[0].count, 4);
	assert_string_equal(d.series[0].label, "reorder 10%,depth=8");
	bench_plot_data_clear(&d);
	assert_int_equal(bench_plot_data_choose(r, "reorder", &d), 0);
	assert_string_equal(d.x_label, "packets drawn for reordering (%)");
	assert_false(d.x_log);
	assert_int_equal(d.series_count, 4);
	assert_true(fabs(d.series[0].at[2].x - 10) < 1e-9); /* sorted */
	assert_string_equal(d.series[0].label, "1 session");
	bench_plot_data_clear(&d);
	assert_int_equal(bench_plot_data_choose(r, "nothing", &d), -EINVAL);
	assert_int_equal(bench_plot_data_axis(r, 1, &axis), 0);
	assert_string_equal(axis, "reorder");
	free(axis);
	assert_int_equal(bench_plot_data_axis(r, 2, &axis), 0);
	assert_null(axis);
	bench_result_free(r);

	r = swept("delay", time, 3, 1);
	assert_int_equal(bench_plot_data_choose(r, NULL, &d), 0);
	assert_true(d.x_log && fabs(d.series[0].at[2].x - 2000) < 1e-9);
	bench_plot_data_clear(&d);
	bench_result_free(r);

	r = swept("overlap", name, 2, 1);
	assert_int_equal(bench_plot_data_choose(r, NULL, &d), 0);
	assert_int_equal(d.kind, BENCH_PLOT_CLASSES);
	assert_int_equal(d.class_count, 2);
	bench_plot_data_clear(&d);
	bench_result_free(r);
}

static void test_few(void **state)
{
	struct bench_result *r = fixture_result();
	struct bench_plot_view view = { .format = BENCH_PLOT_SVG };
	struct bench_plot_data d;
	char *data;
	size_t len;

	(void)state;
	bench_text_set(&bench_result_run(r)->error, "x");
	assert_int_equal(bench_plot_render(r, &view, &data, &len, err, sizeof(err)), -ENODATA);
	assert_string_equal(err, "nothing to plot: no run was timed");
	fixture_run(r, 10, 1);
	assert_int_equal(bench_plot_data_choose(r, NULL, &d), 0);
	assert_int_equal(d.kind, BENCH_PLOT_SAMPLES);
	bench_plot_data_clear(&d);
	fixture_run(r, 10, 1); /* the same point twice */
	assert_int_equal(bench_plot_data_choose(r, NULL, &d), 0);
	assert_int_equal(d.kind, BENCH_PLOT_CLASSES);
	bench_plot_data_clear(&d);
	bench_result_free(r);
}

static struct bench_result *drawn(int which)
{
	static const char *const share[] = { "0%", "1%", "5%" };
	static const char *const name[] = { "it's {a}_b `id`", "<x>&\"\xff", "@c" };
	struct bench_result *r;

	switch (which) {
	case 0:
		return swept("reorder", share, 3, 4);
	case 1:
		return swept("overlap", name, 3, 1);
	case 2:
		return swept("stage", name, 3, 5);
	default:
		r = fixture_result();
		fixture_run(r, 1000, 0.3);
		return r;
	}
}

static void test_svg(void **state)
{
	(void)state;
	if (!have_gnuplot())
		skip();
	for (int which = 0; which < 4; which++) {
		char path[] = "/tmp/test_bench_plot.XXXXXX.svg", command[512];
		struct bench_result *r = drawn(which);
		struct stat st;

		close(mkstemps(path, 4));
		if (bench_plot_save(r, path, err, sizeof(err)))
			fail_msg("%s", err);
		assert_int_equal(stat(path, &st), 0);
		assert_true(st.st_size > 5000);
		snprintf(command, sizeof(command),
		         "command -v python3 >/dev/null || exit 0; python3 -c 'import sys, xml.dom.minidom as m\n"
		         "t = m.parse(sys.argv[1]).documentElement\n"
		         "s = \"\".join(e.firstChild.data for e in t.getElementsByTagName(\"text\") if e.firstChild)\n"
		         "sys.exit(t.tagName != \"svg\" or \"Gbit/s\" not in s or \"a<x>&\" not in s)' %s",
		         path);
		assert_int_equal(system(command), 0);
		unlink(path);
		bench_result_free(r);
	}
}

static void test_png(void **state)
{
	struct bench_result *r = drawn(0);
	struct bench_plot_view view = { .format = BENCH_PLOT_PNG, .width = 420, .height = 460 };
	char *data;
	size_t len;

	(void)state;
	if (!have_gnuplot()) {
		bench_result_free(r);
		skip();
	}
	if (bench_plot_render(r, &view, &data, &len, err, sizeof(err)))
		fail_msg("%s", err);
	assert_true(len > 3000);
	assert_memory_equal(data, "\x89PNG", 4);
	free(data);
	bench_result_free(r);
}

static void test_inline(void **state)
{
	struct bench_result *r = drawn(0);
	struct bench_plot_view view = { .format = BENCH_PLOT_INLINE, .id = "p7" };
	char *data;
	size_t len;

	(void)state;
	if (!have_gnuplot()) {
		bench_result_free(r);
		skip();
	}
	assert_int_equal(bench_plot_render(r, &view, &data, &len, err, sizeof(err)), 0);
	assert_memory_equal(data, "<svg", 4);
	assert_null(strstr(data, "<title>"));
	assert_null(strstr(data, " id='gp"));
	assert_non_null(strstr(data, " id='p7-gp"));
	assert_non_null(strstr(data, "href='#p7-gp"));
	free(data);
	bench_result_free(r);
}

static void test_missing(void **state)
{
	struct bench_result *r = drawn(3);
	struct bench_plot_view view = { .format = BENCH_PLOT_SVG };
	char *data, *path = strdup(getenv("PATH"));
	size_t len;

	(void)state;
	setenv("PATH", "/nonexistent", 1);
	assert_int_equal(bench_plot_render(r, &view, &data, &len, err, sizeof(err)), -ENOENT);
	setenv("PATH", path, 1);
	assert_non_null(strstr(err, "gnuplot-nox"));
	free(path);
	bench_result_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),  cmocka_unit_test(test_choice), cmocka_unit_test(test_few),
		cmocka_unit_test(test_svg),     cmocka_unit_test(test_png),    cmocka_unit_test(test_inline),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests_name("bench_plot", tests, NULL, NULL);
}
