/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_team.c: a team of workers delivers, counts and finds what one worker does, also where time leaps and goes back,
 * sessions end and ports are used again; thread sanitizers look on.
 */
#include "team.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/gen.h>
#include <flowos/rand.h>

#include "golden.h"
#include "measure.h"

static const uint64_t second = UINT64_C(1000000000);

static struct fos_port *port;
static struct fos_frames frames;
static char err[512];

static void make(const char *line)
{
	struct fos_gen_spec spec;

	assert_int_equal(fos_gen_parse(line, &spec, err, sizeof(err)), 0);
	assert_int_equal(fos_gen_open(&spec, &port), 0);
	assert_int_equal(fos_frames_load(port, &frames, NULL, NULL), 0);
}

/* The same sessions once more, later: their ports are used again. Times leap by up to `leap` seconds, and go back. */
static void again_with_leaps(unsigned leap)
{
	uint64_t rnd = 11, at = 1000000 * second;
	size_t n = frames.n;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(fos_frames_add(&frames, &(struct fos_frame){ 0 }), 0);
	memcpy(frames.v + n, frames.v, n * sizeof(*frames.v));
	for (size_t i = 0; i < 2 * n; i++) {
		if (fos_below(fos_mix64(rnd++), 16) == 0)
			at += fos_below(fos_mix64(rnd++), leap * second);
		bool back = fos_below(fos_mix64(rnd++), 4) == 0;
		frames.v[i].ts_ns = at - (back ? fos_below(fos_mix64(rnd++), leap * second) : 0);
		frames.v[i].num = i + 1;
	}
}

static void unmake(void)
{
	fos_frames_free(&frames);
	fos_port_close(port);
}

static void record(uint32_t workers, struct bench_golden *g, struct fos_worker_stats *st)
{
	struct bench_engine_opts o = { .workers = workers };
	struct bench_record *r = NULL;

	memset(g, 0, sizeof(*g));
	err[0] = '\0';
	assert_int_equal(bench_record_run(&o, NULL, &frames, &r, st, err, sizeof(err)), 0);
	assert_int_equal(bench_record_hash(r), 0);
	assert_int_equal(bench_golden_add(g, r), 0);
	bench_record_free(r);
	/* memory, and what is known only when sessions are counted */
	st->held_peak_bytes = st->sessions_peak = st->frag.held_peak_bytes = st->frag.waiting_peak = 0;
}

static void hold_records(void)
{
	struct fos_worker_stats one, many;
	struct bench_golden a, b;

	record(1, &a, &one);
	assert_true(a.lines > 0);
	for (uint32_t workers = 2; workers < 8; workers += 2) {
		record(workers, &b, &many);
		assert_int_equal(a.lines, b.lines);
		for (size_t i = 0; i < a.lines; i++)
			assert_string_equal(a.line[i], b.line[i]);
		assert_memory_equal(&one, &many, sizeof(one));
		bench_golden_free(&b);
	}
	bench_golden_free(&a);
}

static void test_record(void **state)
{
	(void)state;
	make("bytes=3000,mss=100,sessions=80,request=50");
	hold_records();
	again_with_leaps(200);
	hold_records();
	unmake();
	make("bytes=1000,mss=100,sessions=80,request=50");
	again_with_leaps(20000);
	hold_records();
	unmake();
}

/* Sessions at the same time: of all together, exactly. */
static void hold_peak(unsigned leap)
{
	struct bench_engine_opts o = { 0 };

	make("bytes=1500,mss=100,sessions=200,request=50");
	again_with_leaps(leap);
	for (uint32_t workers = 2; workers < 8; workers++) {
		struct bench_team_spec spec = { .engine = &o, .count_sessions = true };
		struct bench_team team;
		struct bench_lanes lanes;
		struct fos_worker_stats st;
		struct fos_worker *w;

		o.workers = 1;
		assert_int_equal(bench_worker_make(&o, NULL, NULL, NULL, &w, err, sizeof(err)), 0);
		assert_int_equal(bench_feed(w, frames.v, frames.n), 0);
		fos_worker_stats(w, &st);
		fos_worker_destroy(w);
		o.workers = workers;
		assert_int_equal(bench_team_make(&team, &spec, err, sizeof(err)), 0);
		assert_int_equal(bench_lanes_make(&lanes, &frames, &team.cfg, workers), 0);
		assert_int_equal(bench_team_run(&team, &frames, &lanes, NULL, NULL, err, sizeof(err)), 0);
		assert_true(st.sessions_peak > 1 && st.sessions_peak < st.sessions);
		assert_int_equal(team.stats.sessions_peak, st.sessions_peak);
		assert_int_equal(team.stats.sessions, st.sessions);
		bench_lanes_free(&lanes);
		bench_team_free(&team);
	}
	unmake();
}

static void test_peak(void **state)
{
	(void)state;
	hold_peak(3000);
	hold_peak(20000); /* sessions begin and end within a batch */
}

static char *reports(uint32_t workers, struct bench_hist *latency, const struct bench_pace *pace)
{
	struct bench_point pt = { .engine = { .workers = workers, .stages = 1, .stage = { "count+sum+digest" } } };
	struct bench_prepared p = { .schedule.frames = frames };
	struct fos_worker_config cfg;
	struct bench_pass pass;
	char *text;

	fos_impair_spec_init(&pt.impair);
	bench_team_config(&pt.engine, &pt.impair, workers, &cfg);
	if (workers > 1)
		assert_int_equal(bench_lanes_make(&p.lanes, &frames, &cfg, workers), 0);
	err[0] = '\0';
	assert_int_equal(bench_pass(&p, &pt, pace, true, latency, &pass, err, sizeof(err)), 0);
	assert_int_equal(pass.finish, 0);
	assert_true(pass.seconds > 0);
	assert_int_equal(pass.stats.packets, frames.n);
	text = json_dumps(pass.modules, JSON_SORT_KEYS);
	json_decref(pass.modules);
	bench_lanes_free(&p.lanes);
	fos_impair_spec_free(&pt.impair);
	return text;
}

static void test_modules(void **state)
{
	const struct bench_pace fast = { .pps = 1e6 }, own = { .multiplier = 1000 };

	(void)state;
	make("bytes=2000,mss=100,sessions=50,request=50");
	for (int turn = 0; turn < 3; turn++) {
		const struct bench_pace *pace = turn == 0 ? NULL : turn == 1 ? &fast : &own;
		struct bench_hist *latency = calloc(1, sizeof(*latency));
		char *one = reports(1, latency, pace);

		assert_non_null(one);
		assert_int_equal(latency->count, turn ? frames.n : 0);
		for (uint32_t workers = 2; workers < 5; workers++) {
			char *many = reports(workers, latency, pace);

			assert_string_equal(one, many);
			assert_int_equal(latency->count, turn ? frames.n * workers : 0);
			free(many);
		}
		free(one);
		free(latency);
	}
	unmake();
}

static void test_refused(void **state)
{
	struct bench_engine_opts o = { .workers = 2, .stages = 1, .stage = { "no-such-module" } };
	struct bench_team_spec spec = { .engine = &o };
	struct bench_team team;
	struct bench_lanes lanes = { .workers = 3 };

	(void)state;
	assert_true(bench_team_make(&team, &spec, err, sizeof(err)) < 0);
	assert_non_null(strstr(err, "no-such-module"));
	bench_team_free(&team);
	o.stages = 0;
	assert_int_equal(bench_team_make(&team, &spec, err, sizeof(err)), 0);
	assert_int_equal(bench_team_run(&team, &frames, &lanes, NULL, NULL, err, sizeof(err)), -EINVAL);
	bench_team_free(&team);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_record), cmocka_unit_test(test_peak),
		                            cmocka_unit_test(test_modules), cmocka_unit_test(test_refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
