/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_lanes.c: every frame is in one lane, in order, in its part of the batch that it would have been in; a session is
 * in one lane; and every lane knows the time of all.
 */
#include "lanes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <flowos/gen.h>
#include <flowos/rand.h>

static const uint64_t second = UINT64_C(1000000000);

static struct fos_port *port;
static struct fos_frames frames;

static int make(void **state)
{
	struct fos_gen_spec spec;
	char err[256];

	(void)state;
	if (fos_gen_parse("bytes=900,mss=100,sessions=60,request=9", &spec, err, sizeof(err)))
		return -1;
	return fos_gen_open(&spec, &port) || fos_frames_load(port, &frames, NULL, NULL) ? -1 : 0;
}

static int unmake(void **state)
{
	(void)state;
	fos_frames_free(&frames);
	return fos_port_close(port);
}

/* Goes through one lane, and holds it against all frames. */
static void hold(const struct bench_lane *lane, unsigned *seen)
{
	struct fos_batch *b = malloc(sizeof(*b));
	size_t from = 0, windows = (frames.n + FOS_BATCH_MAX - 1) / FOS_BATCH_MAX;
	uint64_t told = 0; /* what a worker knows of time */

	assert_non_null(b);
	assert_int_equal(lane->batch[0].window, 0);
	assert_int_equal(lane->batch[lane->batches - 1].window, windows - 1);
	for (size_t i = 0; i < lane->batches; i++) {
		const struct bench_lane_batch *batch = &lane->batch[i];
		const uint64_t *clock = bench_lane_fill(lane, &frames, i, from, b);
		size_t last = ((size_t)batch->window + 1) * FOS_BATCH_MAX;
		uint64_t now = 0;

		assert_true(i == 0 || batch->window > lane->batch[i - 1].window);
		for (uint32_t k = 0; k < b->n; k++) {
			size_t number = lane->frame[from + k];

			assert_int_equal(number / FOS_BATCH_MAX, batch->window);
			assert_true(from + k == 0 || number > lane->frame[from + k - 1]);
			assert_memory_equal(&b->pkt[k].f, &frames.v[number], sizeof(b->pkt[k].f));
			seen[number]++;
			now = 0;
			for (size_t j = 0; j <= number; j++)
				now = frames.v[j].ts_ns > now ? frames.v[j].ts_ns : now;
			told = b->pkt[k].f.ts_ns > told ? b->pkt[k].f.ts_ns : told;
			told = clock && clock[k] > told ? clock[k] : told;
			assert_true(told == now);
		}
		now = 0;
		for (size_t j = 0; j < (last < frames.n ? last : frames.n); j++)
			now = frames.v[j].ts_ns > now ? frames.v[j].ts_ns : now;
		assert_true(b->now_ns == now);
		told = now;
		from += b->n;
	}
	assert_int_equal(from, lane->n);
	free(b);
}

static void hold_all(uint32_t workers)
{
	struct fos_worker_config cfg = { 0 };
	struct bench_lanes lanes;
	unsigned *seen = calloc(frames.n, sizeof(*seen));

	assert_non_null(seen);
	assert_int_equal(bench_lanes_make(&lanes, &frames, &cfg, workers), 0);
	for (uint32_t k = 0; k < workers; k++)
		hold(&lanes.lane[k], seen);
	for (size_t i = 0; i < frames.n; i++)
		assert_int_equal(seen[i], 1);
	bench_lanes_free(&lanes);
	free(seen);
}

static void test_in_order(void **state)
{
	struct fos_worker_config cfg = { 0 };
	struct bench_lanes lanes;

	(void)state;
	for (uint32_t workers = 1; workers < 8; workers++)
		hold_all(workers);
	assert_int_equal(bench_lanes_make(&lanes, &frames, &cfg, 3), 0);
	for (uint32_t k = 0; k < 3; k++)
		assert_null(lanes.lane[k].clock_ns); /* time never went back */
	bench_lanes_free(&lanes);
}

/* Time goes back, stands still, leaps. */
static void test_time(void **state)
{
	uint64_t rnd = 7, at = second;

	(void)state;
	for (size_t i = 0; i < frames.n; i++) {
		at += fos_below(fos_mix64(rnd++), 3) * 700000000u;
		frames.v[i].ts_ns = at - fos_below(fos_mix64(rnd++), 2) * 900000000u;
		if (i == frames.n / 2)
			at += 1000 * second;
	}
	for (uint32_t workers = 1; workers < 8; workers += 3)
		hold_all(workers);
}

/* Every second that begins is told to everybody, whoever has packets then. */
static void test_ticks(void **state)
{
	struct fos_worker_config cfg = { 0 };
	struct bench_lanes lanes;

	(void)state;
	for (size_t i = 0; i < frames.n; i++)
		frames.v[i].ts_ns = second + i * (second / 100);
	assert_int_equal(bench_lanes_make(&lanes, &frames, &cfg, 50), 0);
	for (uint32_t k = 0; k < 50; k++) {
		const struct bench_lane *lane = &lanes.lane[k];

		for (size_t i = 1; i < lane->batches; i++)
			assert_true(lane->batch[i].now_ns / second - lane->batch[i - 1].now_ns / second <= 1);
	}
	bench_lanes_free(&lanes);
}

static void test_empty(void **state)
{
	struct fos_worker_config cfg = { 0 };
	struct fos_frames none = { 0 };
	struct bench_lanes lanes;

	(void)state;
	assert_int_equal(bench_lanes_make(&lanes, &none, &cfg, 3), 0);
	for (uint32_t k = 0; k < 3; k++)
		assert_int_equal(lanes.lane[k].batches, 0);
	bench_lanes_free(&lanes);
	bench_lanes_free(&lanes);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_in_order), cmocka_unit_test(test_time),
		                            cmocka_unit_test(test_ticks), cmocka_unit_test(test_empty) };

	return cmocka_run_group_tests(tests, make, unmake);
}
