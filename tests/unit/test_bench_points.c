/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_points.c: the points of sweeps, and the line that repeats one.
 */
#include "points.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "repeat.h"

static struct {
	struct bench_opts o;
	struct bench_points p;
	char err[512];
} s;

static int make(const char *const *sweeps, uint32_t seeds)
{
	s.o.seeds = seeds;
	s.o.n_sweeps = 0;
	for (; sweeps && *sweeps; sweeps++)
		s.o.sweep[s.o.n_sweeps++] = *sweeps;
	s.err[0] = '\0';
	return bench_points_make(&s.p, &s.o, s.err, sizeof(s.err));
}

static int setup(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	fos_impair_spec_init(&s.o.impair);
	s.o.trace = "x y.pcap";
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bench_points_free(&s.p);
	fos_impair_spec_free(&s.o.impair);
	return 0;
}

static const char *axis(size_t point, const char *name)
{
	const struct bench_pair *p = bench_pairs_find(&s.p.at[point].axes, name);

	return p ? p->text : NULL;
}

static void test_one(void **state)
{
	(void)state;
	assert_int_equal(make(NULL, 1), 0);
	assert_int_equal(s.p.n, 1);
	assert_int_equal(s.p.at[0].sessions, 0);
	assert_int_equal(s.p.at[0].axes.count, 0);
}

static void test_product(void **state)
{
	static const char *const sweeps[] = { "reorder=0%,5%,depth=9,10%", "hole-wait=50,5ms", NULL };

	(void)state;
	s.o.sessions[0] = 1;
	s.o.sessions[1] = 7;
	s.o.n_sessions = 2;
	s.o.impair.seed = 4;
	assert_int_equal(make(sweeps, 2), 0);
	assert_int_equal(s.p.n, 2 * 3 * 2 * 2);
	for (size_t i = 0; i < s.p.n; i++) { /* sessions vary slowest, seeds fastest */
		static const char *const reorder[] = { "0%", "5%,depth=9", "10%" }, *const wait[] = { "50", "5ms" };

		assert_int_equal(s.p.at[i].sessions, i / 12 ? 7 : 1);
		assert_string_equal(axis(i, "reorder"), reorder[i / 4 % 3]);
		assert_string_equal(axis(i, "hole-wait"), wait[i / 2 % 2]);
		assert_int_equal(s.p.at[i].impair.seed, 4 + i % 2);
		assert_int_equal(s.p.at[i].impair.reorder.depth, i / 4 % 3 == 1 ? 9 : 32);
		assert_int_equal(s.p.at[i].engine.hole_ns, i / 2 % 2 ? 5000000 : 0);
	}
}

static void test_values(void **state)
{
	static const char *const stages[] = { "stage=sum,grep:pattern=a=b,count", NULL };
	static const char *const models[] = { "loss=1%,retransmit=1ms,gemodel:1%,10%,gemodel:5%", NULL };

	(void)state;
	assert_int_equal(make(stages, 1), 0);
	assert_int_equal(s.p.n, 3);
	assert_string_equal(s.p.at[1].engine.stage[0], "grep:pattern=a=b");
	assert_int_equal(s.p.at[2].engine.stages, 1);
	bench_points_free(&s.p);
	assert_int_equal(make(models, 1), 0);
	assert_int_equal(s.p.n, 3);
	assert_string_equal(axis(0, "loss"), "1%,retransmit=1ms");
	assert_string_equal(axis(1, "loss"), "gemodel:1%,10%");
	assert_string_equal(axis(2, "loss"), "gemodel:5%");
}

static void test_refused(void **state)
{
	static const char *const bad[][3] = {
		{ "reorder=5", NULL },    { "reorder=5%,,6%", NULL },    { "foo=1", NULL },
		{ "sessions=1,2", NULL }, { "decisions-out=a,b", NULL }, { "loss=1%", "loss=2%", NULL },
		{ "level=nosuch", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_not_equal(make(bad[i], 1), 0);
		assert_string_not_equal(s.err, "");
		assert_null(s.p.at);
	}
	assert_int_not_equal(make((const char *const[]){ "seed=1,2", NULL }, 2), 0);
	assert_int_equal(make((const char *const[]){ "seed=1,2", NULL }, 1), 0);
	assert_int_equal(s.p.at[1].impair.seed, 2);
}

static void test_too_many(void **state)
{
	static const char *const sweeps[] = { "reorder=1%,2%,3%,4%,5%,6%,7%,8%,9%,10%,11%",
		                              "loss=1%,2%,3%,4%,5%,6%,7%,8%,9%,10%,11%", NULL };

	(void)state;
	assert_int_not_equal(make(sweeps, 1000), 0);
	assert_non_null(strstr(s.err, "points"));
}

static void test_repeat(void **state)
{
	static const char *const sweeps[] = { "reorder=5%", NULL };
	char *line;
	size_t len;
	FILE *f;

	(void)state;
	s.o.sessions[0] = 3;
	s.o.sessions[1] = 20;
	s.o.n_sessions = 2;
	s.o.reference = REF_CLEAN;
	s.o.engine.filter = "port 80 and host 'x'";
	s.o.engine.vlan_key = true;
	s.o.engine.hole_ns = 5000000;
	s.o.engine.checksum_given = s.o.engine.verify = true;
	assert_int_equal(make(sweeps, 1), 0);
	f = open_memstream(&line, &len);
	bench_repeat_write(f, &s.o, &s.p.at[0]);
	fclose(f);
	assert_string_equal(
	    line, "flowos-bench --trace 'x y.pcap' --reorder 5%,depth=32,scope=session --seed 1 --sessions 3,20 "
	          "--checksum verify --hole-wait 5ms --vlan-key --flow 'port 80 and host '\\''x'\\''' "
	          "--reference clean");
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_product, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeat, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
