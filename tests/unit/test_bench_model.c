/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_model.c: how the model is called, and what becomes of one that fails. The model here is a script that says what it
 * was asked.
 */
#include "model.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <flowos/frames.h>

static char dir[] = "/tmp/flowos-test-XXXXXX", script[64], tmp[64];

static void write_script(const char *text)
{
	FILE *f = fopen(script, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	setenv("FLOWOS_MODEL", script, 1);
}

static int entries(const char *path)
{
	DIR *d = opendir(path);
	int n = -2;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(script, sizeof(script), "%s/model.py", dir);
	snprintf(tmp, sizeof(tmp), "%s/tmp", dir);
	setenv("TMPDIR", tmp, 1);
	return mkdir(tmp, 0700);
}

static int teardown(void **state)
{
	(void)state;
	unlink(script);
	rmdir(tmp);
	return rmdir(dir);
}

static int run(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, struct bench_golden *g, char *err)
{
	struct fos_frames none = { .n = 0 };
	int rc = bench_model_run(o, spec, &none, g, err, 512);

	assert_int_equal(entries(tmp), 0); /* whatever happened, nothing is left */
	return rc;
}

static void test_arguments(void **state)
{
	struct bench_engine_opts o = { .stages = 0 };
	struct fos_impair_spec spec;
	struct bench_golden g = { 0 };
	char err[512] = "";

	(void)state;
	if (system("python3 -c pass") != 0)
		skip();
	write_script("import sys\nargs = [a for a in sys.argv[1:] if not a.endswith('.pcapng')]\n"
	             "print('# flowos-golden 1')\nprint('# asked: ' + ' '.join(args))\n");
	fos_impair_spec_init(&spec);
	assert_int_equal(run(&o, &spec, &g, err), 0);
	assert_string_equal(bench_golden_get(&g, "asked"), "--checksum ignore --overlap bsd --hole-wait 1024");
	bench_golden_free(&g);
	assert_int_equal(fos_impair_spec_set(&spec, "corrupt", "5%", err, sizeof(err)), 0);
	assert_int_equal(run(&o, &spec, &g, err), 0);
	assert_string_equal(bench_golden_get(&g, "asked"), "--checksum verify --overlap bsd --hole-wait 1024");
	bench_golden_free(&g);
	/* Repaired checksums are not verified: those of the other packets may never have been right. */
	assert_int_equal(fos_impair_spec_set(&spec, "corrupt", "5%,checksum=fix", err, sizeof(err)), 0);
	o.vlan_key = true;
	o.overlap = (enum fos_overlap)fos_overlap_by_name("linux");
	o.hole_ns = 5000000;
	assert_int_equal(run(&o, &spec, &g, err), 0);
	assert_string_equal(bench_golden_get(&g, "asked"),
	                    "--checksum ignore --overlap linux --hole-wait 5ms --vlan-key");
	bench_golden_free(&g);
	fos_impair_spec_free(&spec);
}

static void test_failures(void **state)
{
	struct bench_engine_opts o = { .stages = 0 };
	struct bench_golden g = { 0 };
	char err[512] = "";

	(void)state;
	if (system("python3 -c pass") != 0)
		skip();
	write_script("import sys\nsys.exit(3)\n");
	assert_int_equal(run(&o, NULL, &g, err), -EIO);
	assert_non_null(strstr(err, "status 3"));
	write_script("print('nonsense')\n");
	assert_int_not_equal(run(&o, NULL, &g, err), 0);
	assert_string_not_equal(err, "");
	bench_golden_free(&g);
	setenv("FLOWOS_MODEL", "/nonexistent/oracle.py", 1);
	assert_int_equal(run(&o, NULL, &g, err), -ENOENT);
	assert_non_null(strstr(err, "FLOWOS_MODEL"));
	write_script("print('# flowos-golden 1')\n");
	setenv("TMPDIR", "/nonexistent", 1);
	assert_int_equal(bench_model_run(&o, NULL, &(struct fos_frames){ .n = 0 }, &g, err, sizeof(err)), -ENOENT);
	setenv("TMPDIR", tmp, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
