/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_uses.c: how far apart connections of the same addresses and ports are, in traces that are known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "replay.h"
#include "uses.h"

static uint64_t apart(const char *name)
{
	struct bench_trace t;
	char path[4096], err[512];
	uint64_t ns = 0;

	snprintf(path, sizeof(path), FLOWOS_TRACES "/%s", name);
	assert_int_equal(bench_trace_load(&t, path, false, NULL, NULL, err, sizeof(err)), 0);
	assert_int_equal(bench_uses_apart(t.frames.v, t.frames.n, &ns), 0);
	bench_trace_free(&t);
	return ns;
}

static void test_traces(void **state)
{
	(void)state;
	assert_int_equal(apart("bulk-sack-loss.pcap"), UINT64_MAX); /* one connection */
	assert_int_equal(apart("dns-udp.pcap"), UINT64_MAX);        /* none */
	assert_int_equal(apart("mixed.pcap") / 1000, 2703208);
}

static void test_nothing(void **state)
{
	uint64_t ns = 0;

	(void)state;
	assert_int_equal(bench_uses_apart(NULL, 0, &ns), 0);
	assert_int_equal(ns, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_traces), cmocka_unit_test(test_nothing) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
