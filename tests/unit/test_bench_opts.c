/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_opts.c: options of the engine and of flowos-bench, and how long holes are waited for.
 */
#include "bench_opts.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGV(...)                                                                                                      \
	(char *[]){ (char *)"flowos-bench", __VA_ARGS__, NULL },                                                       \
	    (int)(sizeof((char *[]){ (char *)"", __VA_ARGS__ }) / sizeof(char *))

static struct bench_opts o;

/* Messages on standard error are not wanted in the test's output. */
static int parse(char **argv, int argc)
{
	int keep = dup(2), null = open("/dev/null", O_WRONLY), rc;

	dup2(null, 2);
	rc = bench_opts_parse(&o, argc, argv);
	dup2(keep, 2);
	close(keep);
	close(null);
	return rc;
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(ARGV("-r", "x")), -1);
	assert_int_equal(o.repeat, 10);
	assert_int_equal(o.warmup, 1);
	assert_int_equal(o.seeds, 1);
	assert_int_equal(o.impair.seed, 1);
	assert_int_equal(o.n_sessions, 0);
	assert_string_equal(o.trace, "x");
	assert_false(fos_impair_spec_active(&o.impair));
	bench_opts_free(&o);
	assert_int_equal(parse(ARGV("-r", "x", "--no-check")), -1);
	assert_int_equal(o.warmup, 0);
	bench_opts_free(&o);
	assert_int_equal(parse(ARGV("-r", "x", "--no-check", "--warmup", "2")), -1);
	assert_int_equal(o.warmup, 2);
	bench_opts_free(&o);
}

static void test_values(void **state)
{
	(void)state;
	assert_int_equal(parse(ARGV("--gen", "", "--sessions", "1,10k,2M", "--pps", "1.5k", "--stage", "a", "--stage",
	                            "b:c=d", "--cpus", "none", "--reference", "model", "--hole-wait", "9,5ms")),
	                 -1);
	assert_int_equal(o.n_sessions, 3);
	assert_int_equal(o.sessions[2], 2000000);
	assert_int_equal((int)o.pps, 1500);
	assert_int_equal(o.engine.stages, 2);
	assert_string_equal(o.engine.stage[1], "b:c=d");
	assert_int_equal(o.cpu, -1);
	assert_int_equal(o.reference, REF_MODEL);
	assert_int_equal(o.engine.hole_packets, 9);
	assert_int_equal(o.engine.hole_ns, 5000000);
	bench_opts_free(&o);
}

/* Refused, and nothing is left behind. */
static void refuse(char **argv, int argc)
{
	assert_int_equal(parse(argv, argc), CLI_CANNOT);
	bench_opts_free(&o);
}

static void test_refused(void **state)
{
	(void)state;
	refuse(ARGV("--repeat", "1"));
	refuse(ARGV("-r", "x", "--gen", ""));
	refuse(ARGV("-r", "x", "y"));
	refuse(ARGV("-r", "x", "--json", ""));
	refuse(ARGV("-r", "x", "--json", "-", "-w", "-"));
	refuse(ARGV("-r", "x", "--csv", "-", "--decisions-out", "-"));
	refuse(ARGV("-r", "x", "--cpus", "0,"));
	refuse(ARGV("-r", "x", "--cpus", "-1"));
	refuse(ARGV("-r", "x", "--cpus", "0-100000"));
	refuse(ARGV("-r", "x", "--level", "foo"));
	refuse(ARGV("-r", "x", "--release", "gap"));
	refuse(ARGV("-r", "x", "--peers", "--mbps", "1"));
	refuse(ARGV("-r", "x", "--reference", "formula"));
}

static void test_too_many_stages(void **state)
{
	struct bench_engine_opts e = { .stages = 0 };
	char err[256] = "";

	(void)state;
	for (int i = 0; i < BENCH_STAGES_MAX; i++)
		assert_int_equal(bench_engine_opts_set(&e, "stage", "x", err, sizeof(err)), 0);
	assert_int_equal(bench_engine_opts_set(&e, "stage", "x", err, sizeof(err)), -EINVAL);
	assert_int_equal(bench_engine_opts_set(&e, "sessions", "x", err, sizeof(err)), -ENOENT);
}

static void test_hole_wait(void **state)
{
	struct bench_engine_opts e = { .stages = 0 };
	struct fos_impair_spec spec;
	uint32_t packets;
	uint64_t ns;
	char err[256], text[64];

	(void)state;
	bench_hole_wait(&e, NULL, &packets, &ns);
	assert_int_equal(packets, 1024);
	assert_int_equal(ns, 0);
	fos_impair_spec_init(&spec);
	assert_int_equal(fos_impair_spec_set(&spec, "reorder", "5%,depth=5000", err, sizeof(err)), 0);
	bench_hole_wait(&e, &spec, &packets, &ns);
	assert_true(packets >= 5000);
	assert_int_equal(fos_impair_spec_set(&spec, "delay", "1ms,jitter=7ms", err, sizeof(err)), 0);
	bench_hole_wait(&e, &spec, &packets, &ns);
	assert_true(ns >= 7000000);
	fos_impair_spec_free(&spec);
	bench_hole_wait_text(1024, 0, text, sizeof(text));
	assert_string_equal(text, "1024");
	bench_hole_wait_text(0, 1500, text, sizeof(text));
	assert_string_equal(text, "1500ns");
	bench_hole_wait_text(7, 5000000, text, sizeof(text));
	assert_string_equal(text, "7,5ms");
	bench_hole_wait_text(0, 5000, text, sizeof(text));
	assert_string_equal(text, "5us");
}

/* Checksums that were repaired, or that a list of decisions leaves alone, are no reason to verify. */
static void test_verify(void **state)
{
	struct bench_engine_opts e = { .stages = 0 };
	struct fos_impair_spec spec;
	char err[256];

	(void)state;
	fos_impair_spec_init(&spec);
	assert_false(bench_verify_checksums(&e, NULL));
	assert_false(bench_verify_checksums(&e, &spec));
	assert_int_equal(fos_impair_spec_set(&spec, "corrupt", "5%", err, sizeof(err)), 0);
	assert_true(bench_verify_checksums(&e, &spec));
	assert_int_equal(fos_impair_spec_set(&spec, "corrupt", "5%,checksum=fix", err, sizeof(err)), 0);
	assert_false(bench_verify_checksums(&e, &spec));
	e.checksum_given = e.verify = true;
	assert_true(bench_verify_checksums(&e, &spec));
	fos_impair_spec_free(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),  cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),   cmocka_unit_test(test_too_many_stages),
		cmocka_unit_test(test_hole_wait), cmocka_unit_test(test_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
