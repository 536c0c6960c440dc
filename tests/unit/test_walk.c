/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_walk.c: sessions shown between batches: each that is there once, in pages of any size; flows that are bound to an
 * interface.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_run.h"

struct seen {
	uint64_t id[64];
	struct fos_session_progress dir[64][2];
	bool half_open[64];
	char flow[64][32];
	unsigned n, stop_after;
};

static int note(void *arg, const struct fos_session *s)
{
	struct seen *v = arg;

	assert_true(v->n < 64);
	v->id[v->n] = fos_session_id(s);
	for (int dir = 0; dir < 2; dir++)
		fos_session_progress(s, dir, &v->dir[v->n][dir]);
	v->half_open[v->n] = fos_session_half_open(s);
	snprintf(v->flow[v->n], sizeof(v->flow[0]), "%s", fos_session_flow(s));
	v->n++;
	return v->stop_after && v->n % v->stop_after == 0;
}

/* The whole walk in pages; how many calls it took. */
static unsigned walk(const struct fos_worker *w, uint32_t looks, struct seen *v)
{
	uint32_t from = 0;
	unsigned calls = 0;

	v->n = 0;
	do {
		from = fos_worker_sessions(w, from, looks, note, v);
		calls++;
	} while (from);
	return calls;
}

static void test_pages(void **state)
{
	struct fos_worker *w = er_worker(NULL, NULL);
	struct er_trace t = { 0 };
	struct seen v = { 0 };

	(void)state;
	er_module(w, 0, &er_recorder, NULL);
	assert_int_equal(fos_worker_sessions(w, 0, 100, note, &v), 0);
	for (uint8_t host = 1; host <= 10; host++)
		er_add(&t, &(struct er_spec){ .flags = FOS_TCP_SYN, .host = host, .seq = 1000 });
	er_feed(w, &t, 3, ER_STABLE);
	for (uint32_t looks = 1; looks < 12; looks++) {
		unsigned calls = walk(w, looks, &v);

		assert_int_equal(v.n, 10);
		assert_int_equal(calls, (10 + looks - 1) / looks);
		for (unsigned i = 0; i < 10; i++) {
			assert_int_equal(v.id[i], i + 1);
			assert_true(v.half_open[i]);
		}
	}
	v.stop_after = 4;
	assert_int_equal(walk(w, 100, &v), 3);
	assert_int_equal(v.n, 10);
	fos_worker_end(w, FOS_END_EOF);
	assert_int_equal(walk(w, 100, &v), 1);
	assert_int_equal(v.n, 0);
	fos_worker_destroy(w);
	free(er_recorded());
	er_trace_free(&t);
}

static void test_progress(void **state)
{
	struct fos_worker *w = er_worker(NULL, NULL);
	struct er_trace t = { 0 };
	struct seen v = { 0 };

	(void)state;
	er_module(w, 0, &er_recorder, NULL);
	er_script(&t,
	          "> S 1000; < SA 5000 1001; > A 1001 5001; > A 1001 5001 #100; > A 1201 5001 #50; < FA 5001 1101 xyz");
	er_feed(w, &t, 64, ER_STABLE);
	walk(w, 100, &v);
	assert_int_equal(v.n, 1);
	assert_false(v.half_open[0]);
	assert_int_equal(v.dir[0][0].packets, 4);
	assert_int_equal(v.dir[0][0].passed_bytes, 100);
	assert_true(v.dir[0][0].held_bytes >= 50);
	assert_false(v.dir[0][0].fin);
	assert_int_equal(v.dir[0][1].packets, 2);
	assert_int_equal(v.dir[0][1].passed_bytes, 3);
	assert_int_equal(v.dir[0][1].held_bytes, 0);
	assert_true(v.dir[0][1].fin);
	fos_worker_end(w, FOS_END_EOF);
	fos_worker_destroy(w);
	free(er_recorded());
	er_trace_free(&t);
}

/* The first packet's interface decides; who no flow wants is not shown. */
static void test_flow_port(void **state)
{
	struct fos_worker *w;
	struct er_trace t = { 0 };
	struct seen v = { 0 };
	char err[256];
	int left, right;

	(void)state;
	assert_int_equal(fos_worker_create(NULL, &w), 0);
	left = fos_worker_add_flow(w, "left", "", NULL, err, sizeof(err));
	right = fos_worker_add_flow(w, "right", "", NULL, err, sizeof(err));
	assert_int_equal(fos_worker_flow_port(w, left, 0), 0);
	assert_int_equal(fos_worker_flow_port(w, right, 7), 0);
	assert_int_equal(fos_worker_flow_port(w, 2, 0), -EINVAL);
	assert_int_equal(fos_worker_flow_port(w, left, 65536), -EINVAL);
	assert_int_equal(fos_worker_flow_port(w, left, -2), -EINVAL);
	er_script(&t, "> S 1000; < SA 5000 1001");
	for (uint8_t host = 2; host <= 3; host++)
		er_add(&t, &(struct er_spec){ .flags = FOS_TCP_SYN, .host = host, .seq = 1000 });
	t.frame[1].f.port = 7; /* the answer to a session that began on 0 */
	t.frame[2].f.port = 7;
	t.frame[3].f.port = 1;
	er_feed(w, &t, 64, ER_STABLE);
	assert_int_equal(fos_worker_flow_port(w, left, 1), -EINVAL);
	walk(w, 100, &v);
	assert_int_equal(v.n, 2);
	assert_string_equal(v.flow[0], "left");
	assert_int_equal(v.dir[0][0].packets + v.dir[0][1].packets, 2);
	assert_string_equal(v.flow[1], "right");
	fos_worker_destroy(w);
	er_trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_flow_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
