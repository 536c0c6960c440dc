/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_json.c: the JSON form: its keys, the way there and back, what is refused, modules' reports; and CSV.
 */
#include "json_out.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "csv_out.h"
#include "json_out_text.h"
#include "test_bench_fixture.h"

static void test_keys(void **state)
{
	static const char *const top[] = {
		"schema", "flowos", "command", "trace", "seed", "impair", "machine", "runs"
	};
	static const char *const in_run[] = {
		"sessions",
		"concurrent_peak",
		"packets",
		"wire_bytes",
		"payload_bytes",
		"distinct_payload_bytes",
		"seconds",
		"pps",
		"gbps",
		"goodput_gbps",
		"sessions_per_second",
		"service_ns",
		"hol_wait_ns",
		"latency_ns",
		"memory",
		"impaired",
		"streams",
		"udp",
		"drops",
		"noisy",
	};
	static const char *const deep[] = {
		"seconds median",
		"seconds min",
		"seconds max",
		"seconds ci95",
		"seconds samples",
		"service_ns p50",
		"service_ns p99",
		"service_ns p999",
		"memory peak_rss_bytes",
		"memory peak_anon_bytes",
		"memory bytes_per_session",
		"memory held_peak_bytes",
		"impaired selected",
		"impaired reordered",
		"impaired lost",
		"impaired duplicated",
		"impaired corrupted",
		"impaired truncated",
		"impaired reordered_ratio",
		"impaired max_extent",
		"streams reference",
		"streams total",
		"streams identical",
		"streams gapped",
		"streams conflicted",
		"streams differ",
		"streams gap_bytes",
		"streams needless_gap_bytes",
		"udp conversations",
		"udp datagrams",
		"udp differ",
		"drops checksum",
	};
	struct bench_result *r = fixture_result();
	json_t *root, *run;

	(void)state;
	fixture_run(r, 10, 0.5);
	root = bench_json_result(r);
	assert_non_null(root);
	for (size_t i = 0; i < sizeof(top) / sizeof(top[0]); i++)
		assert_non_null(json_object_get(root, top[i]));
	run = json_array_get(json_object_get(root, "runs"), 0);
	for (size_t i = 0; i < sizeof(in_run) / sizeof(in_run[0]); i++)
		assert_non_null(json_object_get(run, in_run[i]));
	for (size_t i = 0; i < sizeof(deep) / sizeof(deep[0]); i++) {
		char group[32], key[32];

		sscanf(deep[i], "%31s %31s", group, key);
		assert_non_null(json_object_get(json_object_get(run, group), key));
	}
	assert_true(json_is_null(json_object_get(run, "latency_ns")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(run, "service_ns"), "p99")), 900);
	json_decref(root);
	bench_result_free(r);
}

static void test_unmeasured_is_null(void **state)
{
	struct bench_result *r = fixture_result();
	json_t *root, *run;

	(void)state;
	bench_text_set(&r->trace_sha256, NULL);
	bench_result_run(r);
	root = bench_json_result(r);
	run = json_array_get(json_object_get(root, "runs"), 0);
	assert_true(json_is_null(json_object_get(json_object_get(root, "trace"), "sha256")));
	assert_true(json_is_null(json_object_get(run, "seconds")));
	assert_true(json_is_null(json_object_get(run, "pps")));
	assert_true(json_is_null(json_object_get(run, "service_ns")));
	assert_true(json_is_null(json_object_get(run, "streams")));
	assert_true(json_is_object(json_object_get(run, "drops")));
	assert_true(json_is_false(json_object_get(run, "noisy")));
	json_decref(root);
	bench_result_free(r);
}

static struct bench_result *full(void)
{
	struct bench_result *r = fixture_result();
	struct bench_run *run = fixture_run(r, 1000, 0.1234567890123);
	const double peer[] = { 0.3, 0.31, 0.29 };

	bench_pairs_set_text(&run->axes, "reorder", "5%");
	bench_pairs_set_number(&run->axes, "workers", 2);
	bench_run_module(run, "sum", json_pack("{s:i}", "bytes", 7));
	assert_int_equal(bench_run_peer(run, "libnids", peer, 3, 900, 1), 0);
	run->partial = true;
	run->mapped_ahead = true;
	bench_text_set(&run->partial_reason, "record 7 is cut");
	run = bench_result_run(r);
	run->sessions = 5;
	bench_text_set(&run->error, "out of memory");
	r->seed = UINT64_MAX;
	return r;
}

static void test_round_trip(void **state)
{
	struct bench_result *r = full(), *back;
	char path[] = "/tmp/test_bench_json.XXXXXX", err[256];
	char *first, *second;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(bench_json_save(r, path, err, sizeof(err)), 0);
	assert_int_equal(bench_json_load(path, &back, err, sizeof(err)), 0);
	first = fixture_text(bench_json_write, r);
	second = fixture_text(bench_json_write, back);
	assert_string_equal(first, second);
	assert_true(back->seed == UINT64_MAX);
	assert_int_equal(back->runs[0].seconds.count, 10);
	assert_true(fabs(back->runs[0].seconds.median - r->runs[0].seconds.median) < 1e-12);
	assert_true(back->runs[0].partial);
	assert_true(back->runs[0].mapped_ahead);
	assert_true(bench_pairs_equal(&back->impair, &r->impair));
	assert_false(bench_pairs_equal(&back->impair, &back->runs[0].axes));
	assert_string_equal(back->runs[1].error, "out of memory");
	free(first);
	free(second);
	unlink(path);
	bench_result_free(back);
	bench_result_free(r);
}

static void refused(const char *text, const char *why)
{
	json_t *root = json_loads(text, 0, NULL);
	struct bench_result *r = NULL;
	char err[256] = "";

	assert_non_null(root);
	assert_int_equal(bench_json_parse(root, &r, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, why));
	json_decref(root);
}

static void test_refused(void **state)
{
	struct bench_result *r;
	char err[256];

	(void)state;
	refused("{}", "not a result");
	refused("[]", "not a result");
	refused("{\"schema\": 2, \"runs\": []}", "schema 1");
	refused("{\"schema\": 1, \"runs\": [{}, {\"packets\": \"x\"}]}", "runs[1].packets is not a count");
	refused("{\"schema\": 1, \"runs\": [{\"packets\": -1}]}", "runs[0].packets is not a count");
	refused("{\"schema\": 1, \"runs\": [{\"seconds\": {\"samples\": [1, \"a\"]}}]}", "seconds.samples");
	refused("{\"schema\": 1, \"runs\": [{\"seconds\": {\"ci95\": [1]}}]}", "ci95 is not two numbers");
	refused("{\"schema\": 1, \"runs\": [3]}", "runs[0] is not an object");
	refused("{\"schema\": 1, \"runs\": [{\"drops\": {\"a\": []}}]}", "runs[0].a");
	refused("{\"schema\": 1, \"runs\": [], \"impair\": {\"a\": []}}", "impair");
	refused("{\"schema\": 1, \"runs\": [{\"modules\": [{}]}]}", "modules");
	refused("{\"schema\": 1, \"runs\": [{\"peers\": [{}]}]}", "peers");
	refused("{\"schema\": 1, \"runs\": [{\"noisy\": 1}]}", "noisy");
	refused("{\"schema\": 1, \"runs\": [], \"command\": [1]}", "command");
	refused("{\"schema\": 1, \"runs\": [], \"machine\": 1}", "machine");
	assert_int_equal(bench_json_load("/nonexistent/x.json", &r, err, sizeof(err)), -ENOENT);
	assert_int_equal(bench_json_load("/proc/self/cmdline", &r, err, sizeof(err)), -EINVAL);
}

static void test_report(void **state)
{
	struct bench_report_json w;
	struct fos_report *r = &w.report;
	json_t *whole, *again;

	(void)state;
	bench_report_json_init(&w);
	fos_report_u64(r, "bytes", 5);
	fos_report_f64(r, "share", 0.25);
	fos_report_str(r, "name", "caf\xe9");
	fos_report_begin_array(r, "top");
	fos_report_begin(r, NULL);
	fos_report_u64(r, "n", 1);
	fos_report_end(r);
	fos_report_u64(r, NULL, 9);
	fos_report_end(r);
	fos_report_begin(r, "inner");
	fos_report_u64(r, "n", 2);
	fos_report_end(r);
	whole = bench_report_json_take(&w);
	assert_non_null(whole);
	assert_int_equal(json_array_size(json_object_get(whole, "top")), 2);
	again = json_deep_copy(whole);
	json_object_set_new(again, "more", json_integer(1));
	assert_int_equal(bench_report_json_add(whole, again), 0);
	assert_int_equal(json_integer_value(json_object_get(whole, "bytes")), 10);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(whole, "inner"), "n")), 4);
	assert_int_equal(json_integer_value(json_object_get(whole, "more")), 1);
	assert_true(fabs(json_number_value(json_object_get(whole, "share")) - 0.5) < 1e-9);
	json_decref(again);
	json_decref(whole);
}

/* A grep pattern may be any bytes; two that are none of UTF-8 have two names. */
static void test_report_odd_keys(void **state)
{
	struct bench_report_json w;
	json_t *r;

	(void)state;
	bench_report_json_init(&w);
	w.report.ops->u64(&w.report, "\xff\xd8", 1);
	w.report.ops->u64(&w.report, "\xfe\xd8", 2);
	w.report.ops->u64(&w.report, "caf\xc3\xa9", 3);
	w.report.ops->begin(&w.report, "a\xff");
	w.report.ops->str(&w.report, "\xff", "\xff");
	w.report.ops->end(&w.report);
	r = bench_report_json_take(&w);
	assert_non_null(r);
	assert_int_equal(json_object_size(r), 4);
	assert_int_equal(json_integer_value(json_object_get(r, "\xef\xbf\xbd\xef\xbf\xbd")), 1);
	assert_int_equal(json_integer_value(json_object_get(r, "\xef\xbf\xbd\xef\xbf\xbd #2")), 2);
	assert_int_equal(json_integer_value(json_object_get(r, "caf\xc3\xa9")), 3);
	assert_true(json_is_object(json_object_get(r, "a\xef\xbf\xbd")));
	json_decref(r);
}

static void test_report_misused(void **state)
{
	struct bench_report_json w;

	(void)state;
	bench_report_json_init(&w);
	fos_report_u64(&w.report, "a", 1);
	fos_report_u64(&w.report, "a", 2);
	assert_null(bench_report_json_take(&w));
	assert_int_equal(w.error, -EPROTO);
	bench_report_json_init(&w);
	fos_report_end(&w.report);
	assert_null(bench_report_json_take(&w));
	bench_report_json_init(&w);
	fos_report_begin(&w.report, "open");
	assert_null(bench_report_json_take(&w));
	bench_report_json_init(&w);
	for (int i = 0; i < 40; i++)
		fos_report_begin(&w.report, "deeper");
	assert_null(bench_report_json_take(&w));
	bench_report_json_init(&w);
	fos_report_u64(&w.report, NULL, 1);
	assert_null(bench_report_json_take(&w));
}

static void test_utf8(void **state)
{
	static const struct {
		const char *from, *to;
	} table[] = {
		{ "plain", "plain" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "\xff", "\xef\xbf\xbd" },
		{ "\xc3", "\xef\xbf\xbd" },
		{ "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *clean = bench_utf8_clean(table[i].from);

		assert_string_equal(clean, table[i].to);
		free(clean);
	}
}

/* Fields of a line, quotes understood. */
static size_t csv_fields(const char *line)
{
	size_t n = 1;
	int quoted = 0;

	for (; *line && (quoted || *line != '\r'); line++) {
		if (*line == '"')
			quoted = !quoted;
		else if (*line == ',' && !quoted)
			n++;
	}
	return n;
}

static void test_csv(void **state)
{
	struct bench_result *r = full();
	char *text, *second, *third;

	(void)state;
	bench_text_set(&r->runs[1].error, "a, \"b\"\r\nc");
	text = fixture_text(bench_csv_write, r);
	second = strstr(text, "\r\n") + 2;
	third = strstr(second, "\r\n") + 2;
	assert_int_equal(csv_fields(text), csv_fields(second));
	assert_int_equal(csv_fields(text), csv_fields(third));
	assert_non_null(strstr(text, "trace,seed,axis_reorder,axis_workers,sessions,"));
	assert_non_null(strstr(text, ",drops_checksum,ratio_libnids,noisy,partial,verdict,error\r\n"));
	assert_non_null(strstr(third, ",fails,\"a, \"\"b\"\"\r\nc\"\r\n"));
	assert_non_null(strstr(second, "\"a<x>&\"\"`id`'"));
	free(text);
	bench_result_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_unmeasured_is_null),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_report_misused),
		cmocka_unit_test(test_report_odd_keys),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_csv),
	};

	return cmocka_run_group_tests_name("bench_json", tests, NULL, NULL);
}
