/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_worst_innocent.c: the innocents of the worst cases: whole when nothing is lost, in order or in fragments, and
 * what is missing or wrong is seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "worst_innocent.h"
#include "worst_keep.h"

static const struct worst_opts opts = { .segments = 500, .innocent = 12, .seed = 7, .payload = 64 };

struct world {
	struct worst_plan plan;
	struct worst_traffic attack;
	struct worst_innocent innocent;
	struct fos_frames all;
	struct worst_streams got, attacker;
};

static void build(struct world *w, const char *name)
{
	memset(w, 0, sizeof(*w));
	w->plan = (struct worst_plan){ .c = worst_case_find(name), .o = &opts };
	w->attack.seed = opts.seed;
	assert_int_equal(w->plan.c->make(&w->attack, &w->plan), 0);
	assert_int_equal(worst_innocent_make(&w->innocent, &w->plan), 0);
	assert_int_equal(worst_mix(&w->attack.frames, &w->innocent, 1000, &w->all), 0);
	assert_int_equal(w->all.n, w->attack.frames.n + w->innocent.frames.n);
}

static void tear_down(struct world *w)
{
	fos_frames_free(&w->all);
	worst_innocent_free(&w->innocent);
	worst_traffic_free(&w->attack);
}

static void run(struct world *w)
{
	struct bench_engine_opts o = { 0 };
	struct bench_record *r;
	char err[256];

	assert_int_equal(bench_record_run(&o, NULL, &w->all, &r, NULL, err, sizeof(err)), 0);
	worst_check(&w->plan, r, &w->got, &w->attacker);
	bench_record_free(r);
}

static bool is_innocent(const struct world *w, const struct fos_frame *f)
{
	for (size_t i = 0; i < w->innocent.frames.n; i++)
		if (w->innocent.frames.v[i].data == f->data)
			return true;
	return false;
}

static void test_whole(void **state)
{
	static const char *const names[] = { "random", "teardrop",  "fragments", "fragments-forged6",
		                             "wrap",   "syn-flood6" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct world w;

		build(&w, names[i]);
		run(&w);
		assert_int_equal(w.got.total, 24);
		assert_int_equal(w.got.whole, 24);
		assert_int_equal(w.got.damaged, 0);
		assert_int_equal(w.attacker.total, w.plan.c->one_stream);
		assert_int_equal(w.attacker.whole, w.plan.c->one_stream);
		assert_int_equal(w.attacker.damaged, 0);
		tear_down(&w);
	}
}

/* Innocents stand evenly among the attack's packets, and some of their segments have changed places. */
static void test_mix(void **state)
{
	struct world w;
	size_t seen = 0, moved = 0;

	(void)state;
	build(&w, "random");
	for (size_t i = 0; i < w.all.n; i++) {
		size_t want = (i + 1) * w.innocent.frames.n / w.all.n;

		seen += is_innocent(&w, &w.all.v[i]);
		assert_in_range(seen + 2, want, want + 4);
		assert_int_equal(w.all.v[i].num, i + 1);
		assert_true(i == 0 || w.all.v[i].ts_ns == w.all.v[i - 1].ts_ns + 1000);
	}
	for (size_t i = 1; i < w.innocent.frames.n; i++) /* their ports built them in order */
		moved += w.innocent.frames.v[i].ts_ns < w.innocent.frames.v[i - 1].ts_ns;
	assert_true(moved > 0);
	tear_down(&w);
}

static void test_seen(void **state)
{
	struct world w;
	size_t at = 0;
	uint8_t *wrong;

	(void)state;
	build(&w, "reverse");
	while (!is_innocent(&w, &w.all.v[at]) || w.all.v[at].len < 1000)
		at++;
	wrong = malloc(w.all.v[at].len); /* another byte in one of their segments */
	assert_non_null(wrong);
	memcpy(wrong, w.all.v[at].data, w.all.v[at].len);
	wrong[w.all.v[at].len - 1] ^= 1;
	w.all.v[at].data = wrong;
	run(&w);
	assert_int_equal(w.got.whole, 23);
	assert_int_equal(w.got.damaged, 1);
	assert_int_equal(w.attacker.whole, 1);
	w.all.n--;
	memmove(&w.all.v[at], &w.all.v[at + 1], (w.all.n - at) * sizeof(w.all.v[0])); /* and gone */
	run(&w);
	assert_int_equal(w.got.whole, 23);
	assert_int_equal(w.got.damaged, 0);
	free(wrong);
	tear_down(&w);
}

static void test_seen_of_attack(void **state)
{
	struct world w;
	size_t at = 0;

	(void)state;
	build(&w, "many-holes"); /* every segment once */
	while (is_innocent(&w, &w.all.v[at]) || w.all.v[at].len < 100)
		at++;
	((uint8_t *)(uintptr_t)w.all.v[at].data)[80] ^= 1;
	run(&w);
	assert_int_equal(w.got.whole, 24);
	assert_int_equal(w.attacker.whole, 0);
	assert_int_equal(w.attacker.damaged, 1);
	tear_down(&w);
}

/* What a module keeps that keeps all is counted, up to its cap. */
static void test_keep(void **state)
{
	(void)state;
	for (size_t cap = 2000; cap <= 20000; cap += 18000) {
		struct fos_worker_config cfg = { .cap_retained_bytes = cap };
		struct bench_engine_opts o = { 0 };
		struct fos_worker *worker;
		struct fos_worker_stats st;
		struct world w;
		uint64_t peak;
		char err[256];

		build(&w, "keep");
		assert_int_equal(bench_worker_make(&o, NULL, NULL, &cfg, &worker, err, sizeof(err)), 0);
		assert_int_equal(worst_keep_attach(&peak, worker, err, sizeof(err)), 0);
		assert_int_equal(bench_feed(worker, w.all.v, w.all.n), 0);
		fos_worker_stats(worker, &st);
		assert_in_range(peak, cap / 4, cap);
		assert_true(st.forced_releases > 0);
		fos_worker_destroy(worker);
		tear_down(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_whole), cmocka_unit_test(test_mix),
		                            cmocka_unit_test(test_seen), cmocka_unit_test(test_seen_of_attack),
		                            cmocka_unit_test(test_keep) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
