/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_threads.c: every thread's work is called once, all are at it at the same time, and time is from the first one's
 * start to the last one's end; and floors take the same, however many threads they are.
 */
#include "threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <time.h>

#include <flowos/gen.h>

#include "peer.h"

enum { THREADS = 5 };

static struct {
	pthread_barrier_t all;
	unsigned called[THREADS];
} shared;

static void meet(void *arg, uint32_t k)
{
	assert_ptr_equal(arg, &shared);
	shared.called[k]++;
	pthread_barrier_wait(&shared.all); /* would wait for ever if one began after another's end */
	if (k == 0)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

static void test_together(void **state)
{
	static const struct bench_cpus first = { .n = 1, .cpu = { 0 } };
	double seconds = 0;

	(void)state;
	pthread_barrier_init(&shared.all, NULL, THREADS);
	for (unsigned turn = 1; turn < 4; turn++) {
		assert_int_equal(bench_threads_run(THREADS, turn == 3 ? &first : NULL, meet, &shared, &seconds), 0);
		for (unsigned k = 0; k < THREADS; k++)
			assert_int_equal(shared.called[k], turn);
		assert_true(seconds >= 0.02 && seconds < 20);
	}
	pthread_barrier_destroy(&shared.all);
}

/* A CPU that is not there: nothing runs. */
static void test_no_cpu(void **state)
{
	static const struct bench_cpus bad = { .n = 2, .cpu = { 0, 1023 } };
	double seconds = 1;

	(void)state;
	memset(&shared, 0, sizeof(shared));
	assert_true(bench_threads_run(2, &bad, meet, &shared, &seconds) < 0);
	assert_int_equal(shared.called[0] + shared.called[1], 0);
}

/* Floors take the same with any number of threads. */
static void test_floor(void **state)
{
	struct fos_worker_config cfg = { 0 };
	struct fos_gen_spec spec;
	struct fos_port *port;
	struct fos_frames frames = { 0 };
	struct bench_peer_pass one, many;
	uint64_t flows;
	char err[256];

	(void)state;
	assert_int_equal(fos_gen_parse("bytes=5000,mss=301,sessions=400,request=9", &spec, err, sizeof(err)), 0);
	assert_int_equal(fos_gen_open(&spec, &port), 0);
	assert_int_equal(fos_frames_load(port, &frames, NULL, NULL), 0);
	assert_int_equal(bench_peer_flows(&frames, &flows), 0);
	for (unsigned peer = 0; peer < 3; peer++) {
		assert_int_equal(bench_peer_pass(peer, &frames, NULL, flows, &one, err, sizeof(err)), 0);
		for (uint32_t workers = 1; workers < 5; workers++) {
			struct bench_lanes lanes;
			struct bench_peer_team team = { &lanes, NULL };

			assert_int_equal(bench_lanes_make(&lanes, &frames, &cfg, workers), 0);
			/* also where tables are made too small at first */
			for (uint64_t size = flows; size > 1; size /= 16) {
				if (workers == 1 && size < flows)
					break;
				assert_int_equal(bench_peer_pass(peer, &frames, &team, size, &many, err, sizeof(err)),
				                 0);
				assert_true(many.bytes == one.bytes && many.sum == one.sum);
				assert_true(many.seconds > 0);
			}
			bench_lanes_free(&lanes);
		}
	}
	fos_frames_free(&frames);
	fos_port_close(port);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_together), cmocka_unit_test(test_no_cpu),
		                            cmocka_unit_test(test_floor) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
