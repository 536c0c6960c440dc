/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_worker_crowd.c: more sessions than may be: who goes, and that those who talk lose nothing to floods and to sessions
 * that stay.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_run.h"

#define HELLO "> S 1000; < SA 5000 1001; > A 1001 5001;"

/* One more than may be ends the one whose last packet is longest ago. */
static void test_max_sessions(void **state)
{
	struct fos_worker_config cfg = { .max_sessions = 3 };
	struct er_trace t = { 0 };
	struct fos_worker_stats st;
	char *got;

	(void)state;
	for (uint8_t host = 1; host <= 5; host++) {
		er_add(&t,
		       &(struct er_spec){ .flags = FOS_TCP_SYN, .host = host, .seq = 1000, .data = "abc", .len = 3 });
		if (host > 2)
			er_script(&t, "> A 1004 1"); /* host 1 again */
	}
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		got = er_play(&t, &cfg, 1 + mode, mode, &st);
		assert_string_equal(got, "1> abc eof; 2> abc timeout; 3> abc timeout; 4> abc eof; 5> abc eof");
		assert_int_equal(st.session_cap, 0);
		assert_int_equal(st.evicted_idle, 2);
		assert_int_equal(st.evicted_half_open, 0);
		assert_int_equal(st.sessions, 5);
		assert_int_equal(st.sessions_peak, 3);
		free(got);
	}
	er_trace_free(&t);
}

/* The next use of a 4-tuple may need the place of the one before it. */
static void test_max_sessions_of_one(void **state)
{
	struct fos_worker_config cfg = { .max_sessions = 1 };
	struct fos_worker_stats st;

	(void)state;
	er_expect(HELLO "> A 1004 5001 def; > S 90000; > A 90001 1 new; > S 700000; > S 800000 x", &cfg,
	          "1> [3]def timeout; 1< timeout; 2> new timeout; 3> timeout; 4> x eof", &st);
	assert_int_equal(st.evicted_idle, 2);
	assert_int_equal(st.evicted_half_open, 1);
	er_expect("> A 5090001 70001 def; > S 5090000; > S 5090000", &cfg, "1> def eof", &st);
	er_expect(HELLO "> A 5090001 70001 def; > S 5090000 abc", &cfg,
	          "1> [5089000]def timeout; 1< timeout; 2> abc eof", &st);
}

enum { FLOOD = 3000 };

/* A flood's packet `i`: from some host to some port. */
static void add_stranger(struct er_trace *t, uint32_t i, uint8_t flags, const char *data)
{
	er_add(t, &(struct er_spec){ .host = (uint8_t)(2 + i % 190),
	                             .port = (uint16_t)(1000 + i / 190),
	                             .flags = flags,
	                             .seq = i,
	                             .data = data,
	                             .len = (uint32_t)strlen(data) });
}

static struct er_spec innocent(int dir, uint8_t flags, uint32_t seq, const char *data)
{
	return (struct er_spec){ .dir = dir,
		                 .flags = flags,
		                 .seq = seq,
		                 .ack = dir ? 1001 : 5001,
		                 .data = data,
		                 .len = (uint32_t)strlen(data) };
}

/* Between the strangers' packets the first host opens a session and sends a hundred bytes on it, the first of them last. */
static void flood(struct er_trace *t, uint8_t flags, const char *data, uint32_t before)
{
	struct er_spec s;

	for (uint32_t i = 0, n = 0; i < FLOOD; i++) {
		add_stranger(t, i, flags, data);
		if (flags == FOS_TCP_SYN && i % 2) /* somebody answers, and is told that nobody asked */
			er_add(t, &(struct er_spec){ .dir = i % 4 == 1,
			                             .host = (uint8_t)(2 + (i - i % 4 / 3 * 2) % 190),
			                             .port = (uint16_t)(1000 + (i - i % 4 / 3 * 2) / 190),
			                             .flags = i % 4 == 1 ? FOS_TCP_SYN | FOS_TCP_ACK : FOS_TCP_RST,
			                             .ack = i + 1 });
		if (i < before || i % 10)
			continue;
		n++;
		if (n == 1)
			s = innocent(0, FOS_TCP_SYN, 1000, "");
		else if (n == 2)
			s = innocent(1, FOS_TCP_SYN | FOS_TCP_ACK, 5000, "");
		else if (n == 3)
			s = innocent(0, FOS_TCP_ACK, 1001, "");
		else if (n < 103)
			s = innocent(0, FOS_TCP_ACK, 1001 + n - 3, "x");
		else if (n == 103)
			s = innocent(0, FOS_TCP_ACK, 1001, "a");
		else
			continue;
		er_add(t, &s);
	}
}

/* Strangers take every place there is, before a session begins and while it lasts: it loses nothing. */
static void test_floods(void **state)
{
	static const struct {
		uint8_t flags;
		const char *data;
		uint32_t before;
	} of[] = {
		{ FOS_TCP_SYN, "", 0 },        { FOS_TCP_SYN, "", 1000 },  { FOS_TCP_ACK, "", 1000 },
		{ FOS_TCP_RST, "", 1000 },     { FOS_TCP_SYN, "data", 0 }, { FOS_TCP_SYN, "data", 1000 },
		{ FOS_TCP_ACK, "data", 1000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct fos_worker_config cfg = { .max_sessions = 40 };
		struct er_trace t = { 0 };
		struct fos_worker_stats st;
		char want[128] = "a", *got;

		memset(want + 1, 'x', 99);
		want[100] = ' '; /* it may time out when it has nothing more to say */
		flood(&t, of[i].flags, of[i].data, of[i].before);
		got = er_play(&t, &cfg, 1 + (unsigned)i * 9, ER_UNSTABLE, &st);
		if (!strstr(got, want))
			fail_msg("flood %zu: the session is not whole", i);
		free(got);
		assert_int_equal(st.sessions_peak, 40);
		assert_int_equal(st.session_cap, 0);
		assert_in_range(st.evicted_half_open + st.evicted_idle, FLOOD / 2, FLOOD);
		if (of[i].data[0] && of[i].flags == FOS_TCP_SYN)
			assert_int_equal(st.evicted_half_open, 0);
		else
			assert_int_equal(st.evicted_idle, 0);
		er_trace_free(&t);
	}
}

/* Sessions that stay, all opened in the same second: they time out when it is their time, some in each batch. */
static void test_never_closed(void **state)
{
	struct fos_worker_config cfg = { .idle_ns = (uint64_t)200 * ER_SECOND };
	struct fos_worker *w = er_worker(&cfg, NULL);
	struct er_trace t = { 0 };
	struct fos_worker_stats st;
	uint64_t now;

	(void)state;
	er_module(w, 0, &er_recorder, NULL);
	for (uint32_t i = 0; i < FLOOD; i++) {
		add_stranger(&t, i, FOS_TCP_SYN, "data");
		t.ts_ns -= ER_SECOND / 1000 - 1;
	}
	er_feed(w, &t, 64, 0);
	now = t.ts_ns;
	for (unsigned s = 1; s < 400; s++) { /* nothing comes: batches bring the time */
		struct fos_batch b = { .now_ns = now + (uint64_t)s * ER_SECOND };

		assert_int_equal(fos_worker_run(w, &b), 0);
		fos_worker_stats(w, &st);
		assert_true(s >= 200 || st.sessions_now == FLOOD);
		assert_true(s < 200 + 70 || st.sessions_now == 0);
	}
	fos_worker_destroy(w);
	free(er_recorded());
	er_trace_free(&t);
}

/* Who is told of memory hears of that of sessions before they come, and again when it goes. */
static unsigned heard, settled;

static bool hear(void *arg, const void *at, size_t len, enum fos_ahead_use use)
{
	assert_ptr_equal(arg, &heard);
	assert_true(at && len && use == FOS_AHEAD_WRITE);
	heard++;
	return true;
}

static void settle(void *arg)
{
	assert_ptr_equal(arg, &heard);
	settled++;
}

static void test_ahead(void **state)
{
	const struct fos_ahead ahead = { hear, settle, &heard };
	struct fos_worker_config cfg = { .ahead = &ahead };
	struct fos_worker *w = er_worker(&cfg, NULL);
	struct er_trace t = { 0 };

	(void)state;
	er_module(w, 0, &er_recorder, NULL);
	for (uint32_t i = 0; i < 10000; i++)
		add_stranger(&t, i, FOS_TCP_SYN, "data");
	er_feed(w, &t, 64, 0);
	assert_int_equal(heard, 2);
	assert_int_equal(settled, 0);
	fos_worker_end(w, FOS_END_EOF);
	assert_int_equal(settled, 1);
	fos_worker_destroy(w);
	free(er_recorded());
	er_trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_max_sessions),
		                            cmocka_unit_test(test_max_sessions_of_one), cmocka_unit_test(test_floods),
		                            cmocka_unit_test(test_never_closed), cmocka_unit_test(test_ahead) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
