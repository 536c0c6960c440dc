/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_worker_merge.c: many workers as one: shares of caps, what modules find, counters; and time that passes without
 * packets, or that others' packets tell.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_run.h"

static void test_share(void **state)
{
	struct fos_worker_config all = { 0 }, third = { 0 }, few = { .max_sessions = 2, .cap_direction_bytes = 5 };

	(void)state;
	fos_worker_config_share(&all, 1);
	fos_worker_config_share(&third, 3);
	assert_int_equal(all.max_sessions, 1 << 24);
	assert_int_equal(third.max_sessions, all.max_sessions / 3);
	assert_int_equal(third.cap_total_bytes, all.cap_total_bytes / 3);
	assert_int_equal(third.frag.max_bytes, all.frag.max_bytes / 3);
	assert_int_equal(third.frag.max_datagrams, all.frag.max_datagrams / 3);
	assert_int_equal(third.cap_direction_bytes, all.cap_direction_bytes);
	assert_int_equal(third.frag.timeout_ns, all.frag.timeout_ns);
	fos_worker_config_share(&few, 3); /* each has one at least */
	assert_int_equal(few.max_sessions, 1);
	assert_int_equal(few.cap_direction_bytes, 5);
}

static void test_stats(void **state)
{
	struct fos_worker_stats a = { .packets = 3, .no_memory = 1 }, b = { .packets = 4, .gaps = 2 };

	(void)state;
	a.verdict[FOS_PKT_UDP] = 1;
	b.verdict[FOS_PKT_UDP] = 5;
	b.frag.waiting_peak = 9;
	fos_worker_stats_add(&a, &b);
	assert_int_equal(a.packets, 7);
	assert_int_equal(a.no_memory, 1);
	assert_int_equal(a.gaps, 2);
	assert_int_equal(a.verdict[FOS_PKT_UDP], 6);
	assert_int_equal(a.frag.waiting_peak, 9);
}

/* Counts streams. */
static int opened(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = calloc(1, sizeof(unsigned));
	return *self ? 0 : -ENOMEM;
}

static void stream_opened(void *self, struct fos_stream *s)
{
	(void)s;
	++*(unsigned *)self;
}

static unsigned reported;

static void report(void *self, struct fos_report *r)
{
	(void)r;
	reported = *(unsigned *)self;
}

static int merge(void *self, void *other)
{
	*(unsigned *)self += *(unsigned *)other;
	return 0;
}

static const struct fos_module adds = { .abi = FOS_MODULE_ABI,
	                                .size = sizeof(struct fos_module),
	                                .name = "adds",
	                                .open = opened,
	                                .close = free,
	                                .stream_open = stream_opened,
	                                .report = report,
	                                .merge = merge };
static const struct fos_module alone = {
	.abi = FOS_MODULE_ABI, .size = sizeof(struct fos_module), .name = "alone", .open = opened, .close = free
};

static void nothing(struct fos_report *r, const char *key)
{
	(void)r, (void)key;
}

static void no_end(struct fos_report *r)
{
	(void)r;
}

static void test_merge(void **state)
{
	static const struct fos_report_ops ops = { .begin = nothing, .end = no_end };
	struct fos_report r = { &ops };
	struct fos_worker *w[3];
	char err[256] = "";

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct er_trace t = { 0 };

		w[i] = er_worker(NULL, NULL);
		er_module(w[i], 0, &adds, NULL);
		for (int k = 0; k <= i; k++)
			er_add(&t, &(struct er_spec){
			               .flags = FOS_TCP_ACK, .port = (uint16_t)(80 + k), .data = "x", .len = 1 });
		er_feed(w[i], &t, 64, ER_STABLE);
		fos_worker_end(w[i], FOS_END_EOF);
		er_trace_free(&t);
	}
	assert_int_equal(fos_worker_mergeable(w[0], err, sizeof(err)), 0);
	assert_int_equal(fos_worker_merge(w[0], w[1], err, sizeof(err)), 0);
	assert_int_equal(fos_worker_merge(w[0], w[2], err, sizeof(err)), 0);
	fos_worker_report(w[0], &r);
	assert_int_equal(reported, 1 + 2 + 3);
	for (int i = 0; i < 3; i++)
		fos_worker_destroy(w[i]);
}

static void test_alone(void **state)
{
	struct fos_worker *w = er_worker(NULL, NULL);
	char err[256] = "";

	(void)state;
	er_module(w, 0, &adds, NULL);
	er_module(w, 0, &alone, NULL);
	assert_int_equal(fos_worker_mergeable(w, err, sizeof(err)), -ENOTSUP);
	assert_non_null(strstr(err, "module alone"));
	assert_int_equal(fos_worker_merge(w, w, err, sizeof(err)), -ENOTSUP);
	fos_worker_destroy(w);
}

/* Where packets were when sessions began and ended. */
struct log {
	char text[256];
	size_t n;
};

static void count_session(void *arg, uint64_t packet, int change)
{
	struct log *l = arg;

	l->n += (size_t)snprintf(l->text + l->n, sizeof(l->text) - l->n, "%s%llu ", change > 0 ? "+" : "-",
	                         (unsigned long long)packet);
}

/* Frames `from` to `to` in one batch, with these clocks. */
static void run_at(struct fos_worker *w, const struct er_trace *t, size_t from, size_t to, const uint64_t *clock,
                   uint64_t now_ns)
{
	struct fos_batch *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	for (size_t i = from; i < to; i++)
		b->pkt[b->n++].f = t->frame[i].f;
	b->now_ns = now_ns;
	assert_int_equal(fos_worker_run_at(w, b, clock), 0);
	free(b);
}

/* A packet of its own session comes late by the clock that all packets tell, not by its own time stamp: the use before it has
 * ended. And where only time passes, sessions end with it. */
static void test_clock(void **state)
{
	struct log log = { "", 0 };
	struct fos_worker_config cfg = { .idle_ns = (uint64_t)10 * ER_SECOND,
		                         .linger_ns = ER_SECOND,
		                         .session_count = count_session,
		                         .session_count_arg = &log };
	struct fos_worker *w = er_worker(&cfg, NULL);
	struct er_trace t = { 0 };
	uint64_t clock[3];

	(void)state;
	er_script(&t, "> A 1000 1 abc; > A 1003 1 def; > A 1006 1 ghi");
	clock[0] = t.frame[0].f.ts_ns;
	clock[1] = clock[0] + (uint64_t)9 * ER_SECOND;
	clock[2] = clock[1] + (uint64_t)11 * ER_SECOND;
	run_at(w, &t, 0, 3, clock, 0);
	assert_string_equal(log.text, "+1 -3 +3 ");
	run_at(w, &t, 0, 0, NULL, clock[2] + (uint64_t)9 * ER_SECOND);
	assert_string_equal(log.text, "+1 -3 +3 ");
	run_at(w, &t, 0, 0, NULL, clock[2] + (uint64_t)80 * ER_SECOND);
	assert_string_equal(log.text, "+1 -3 +3 -0 ");
	fos_worker_destroy(w);
	er_trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_share), cmocka_unit_test(test_stats),
		                            cmocka_unit_test(test_merge), cmocka_unit_test(test_alone),
		                            cmocka_unit_test(test_clock) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
