/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_model_server.c: the oracle as a server says what it says when it is started anew, over and over; and what becomes of one
 * that does not start, cannot say, or goes.
 */
#include "model_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "model.h"

static char script[] = "/tmp/flowos-test-XXXXXX";

static void use_script(const char *text)
{
	FILE *f = fopen(script, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	setenv("FLOWOS_MODEL", script, 1);
}

static int setup(void **state)
{
	int fd = mkstemp(script);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(script);
}

static void ask_both(struct bench_model_server *m, const char *path, const struct bench_engine_opts *o)
{
	struct bench_golden once = { 0 }, asked;
	struct bench_trace t;
	char err[512];

	assert_int_equal(bench_trace_load(&t, path, false, NULL, NULL, err, sizeof(err)), 0);
	assert_int_equal(bench_model_run(o, NULL, &t.frames, &once, err, sizeof(err)), 0);
	assert_int_equal(bench_model_server_ask(m, o, &t.frames, &asked, err, sizeof(err)), 0);
	assert_int_equal(asked.lines, once.lines);
	assert_in_range(asked.lines, 1, 100000);
	for (size_t i = 0; i < asked.lines; i++)
		assert_string_equal(asked.line[i], once.line[i]);
	bench_golden_free(&asked);
	bench_golden_free(&once);
	bench_trace_free(&t);
}

static void test_same_as_once(void **state)
{
	struct bench_engine_opts o = { .stages = 0 };
	struct bench_model_server *m;
	char err[512] = "";

	(void)state;
	if (system("python3 -c pass") != 0)
		skip();
	unsetenv("FLOWOS_MODEL");
	assert_int_equal(bench_model_server_start(&m, err, sizeof(err)), 0);
	ask_both(m, FLOWOS_TRACES "/fragments.pcap", &o);
	ask_both(m, FLOWOS_TRACES "/port-reuse.pcap", &o);
	o.overlap = FOS_OVERLAP_LINUX;
	o.verify = o.checksum_given = o.vlan_key = true;
	o.hole_packets = 3;
	ask_both(m, FLOWOS_TRACES "/vlan.pcap", &o);
	ask_both(m, FLOWOS_TRACES "/bulk-sack-loss-behind.pcap", &o);
	bench_model_server_stop(m);
	bench_model_server_stop(NULL);
}

static void test_failures(void **state)
{
	struct bench_engine_opts o = { .stages = 0 };
	struct fos_frames none = { .n = 0 };
	struct bench_model_server *m;
	struct bench_golden g;
	char err[512] = "";

	(void)state;
	if (system("python3 -c pass") != 0)
		skip();
	setenv("FLOWOS_MODEL", "/nonexistent/oracle.py", 1);
	assert_int_equal(bench_model_server_start(&m, err, sizeof(err)), -ENOENT);
	assert_null(m);
	use_script("print('something else')\n");
	assert_int_equal(bench_model_server_start(&m, err, sizeof(err)), -EIO);
	use_script("print('flowos-model 1', flush=True)\ninput()\nprint('! no idea', "
	           "flush=True)\ninput()\nprint(2)\nprint('one')\n");
	assert_int_equal(bench_model_server_start(&m, err, sizeof(err)), 0);
	assert_int_equal(bench_model_server_ask(m, &o, &none, &g, err, sizeof(err)), -EIO);
	assert_non_null(strstr(err, "no idea"));
	assert_int_equal(bench_model_server_ask(m, &o, &none, &g, err, sizeof(err)), -EPIPE); /* it broke off */
	assert_int_equal(g.lines, 0);
	assert_int_equal(bench_model_server_ask(m, &o, &none, &g, err, sizeof(err)), -EPIPE); /* it has gone */
	bench_model_server_stop(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_once),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
