/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_fast.c: the short way of packets changes nothing: conversations at random, with all that can go wrong in them, give the
 * same streams and the same numbers with it and without it, whatever the size of batches. And packets do go it.
 */
#include <stdlib.h>
#include <string.h>

#include "worker_state.h"

#include "engine_run.h"

enum { CONVERSATIONS = 3 };

struct talk {
	uint32_t seq[2];
	bool open;
};

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static void say(struct er_trace *t, const struct talk *k, int who, int dir, uint8_t flags, int64_t off, uint32_t len,
                uint32_t more)
{
	struct er_spec s = { .dir = dir,
		             .v6 = who == 2,
		             .host = (uint8_t)(who + 1),
		             .flags = flags,
		             .seq = k->seq[dir] + (uint32_t)off,
		             .ack = k->seq[!dir],
		             .data = letters,
		             .len = len,
		             .more = more };

	er_add(t, &s);
}

static void open_talk(struct er_trace *t, struct talk *k, int who, uint64_t *rnd)
{
	for (int dir = 0; dir < 2; dir++)
		k->seq[dir] = er_draw(rnd, 3) ? (uint32_t)fos_mix64((*rnd)++) : UINT32_MAX - (uint32_t)er_draw(rnd, 60);
	if (er_draw(rnd, 4)) { /* else it is picked up in the middle */
		say(t, k, who, 0, FOS_TCP_SYN, 0, 0, 0);
		k->seq[0]++;
		say(t, k, who, 1, FOS_TCP_SYN | FOS_TCP_ACK, 0, 0, 0);
		k->seq[1]++;
	}
	k->open = true;
}

/* Mostly the next bytes or an ACK of them, and now and then anything else. */
static void go_on(struct er_trace *t, struct talk *k, int who, uint64_t *rnd)
{
	int dir = (int)er_draw(rnd, 2);
	uint32_t len = (uint32_t)er_draw(rnd, 20);
	uint64_t what = er_draw(rnd, 60);

	if (what == 0) { /* lost, or held until what comes next */
		k->seq[dir] += len;
	} else if (what == 1) {
		say(t, k, who, dir, FOS_TCP_ACK, 20 - (int64_t)er_draw(rnd, 40), len, 0);
	} else if (what == 2) {
		say(t, k, who, dir, FOS_TCP_ACK | FOS_TCP_FIN, 0, len, 0);
		k->seq[dir] += len + 1;
	} else if (what == 3) {
		say(t, k, who, dir, er_draw(rnd, 2) ? FOS_TCP_RST : FOS_TCP_RST | FOS_TCP_ACK, 0, 0, 0);
		k->open = er_draw(rnd, 2);
	} else if (what == 4) {
		say(t, k, who, dir, FOS_TCP_ACK, 0, len, (uint32_t)er_draw(rnd, 9));
		k->seq[dir] += len;
	} else if (what == 5) {
		say(t, k, who, dir, FOS_TCP_ACK, 0, len, 0);
		say(t, k, who, dir, FOS_TCP_ACK, 0, len, 0);
		k->seq[dir] += len;
	} else if (what == 6) {
		er_script(t, er_draw(rnd, 9) ? "t 0.5" : "t 70");
	} else if (what == 7) {
		say(t, k, who, dir, 0, 0, len, 0); /* no ACK */
		k->seq[dir] += len;
	} else {
		say(t, k, who, dir, FOS_TCP_ACK, 0, len, 0);
		k->seq[dir] += len;
	}
}

static char *run(const struct er_trace *t, unsigned batch, bool fast, struct fos_worker_stats *st)
{
	struct fos_worker_config cfg = { .hole_wait_packets = 20 };
	struct fos_worker *w = er_worker(&cfg, NULL);

	er_module(w, 0, &er_recorder, NULL);
	if (!fast)
		w->crowded = 0;
	er_feed(w, t, batch, ER_STABLE);
	fos_worker_end(w, FOS_END_EOF);
	fos_worker_stats(w, st);
	fos_worker_destroy(w);
	return er_recorded();
}

static void test_nothing_changes(void **state)
{
	uint64_t rnd = er_seed();

	(void)state;
	for (int n = 0; n < 400; n++) {
		struct talk k[CONVERSATIONS] = { 0 };
		struct er_trace t = { 0 };
		struct fos_worker_stats slow_st, st;

		for (int i = 0; i < 300; i++) {
			int who = (int)er_draw(&rnd, CONVERSATIONS);

			if (!k[who].open)
				open_talk(&t, &k[who], who, &rnd);
			go_on(&t, &k[who], who, &rnd);
		}
		char *slow = run(&t, 64, false, &slow_st);

		for (unsigned batch = 1; batch <= 64; batch *= 8) {
			char *got = run(&t, batch, true, &st);

			assert_string_equal(got, slow);
			assert_int_equal(st.delivered_bytes, slow_st.delivered_bytes);
			assert_int_equal(st.payload_bytes, slow_st.payload_bytes);
			assert_int_equal(st.verdict[FOS_PKT_TCP], slow_st.verdict[FOS_PKT_TCP]);
			assert_int_equal(st.sessions, slow_st.sessions);
			assert_int_equal(st.gaps, slow_st.gaps);
			assert_int_equal(st.late_bytes, slow_st.late_bytes);
			assert_int_equal(st.held_segments, slow_st.held_segments);
			free(got);
		}
		free(slow);
		er_trace_free(&t);
	}
}

/* After the handshake, both directions of a session run without trouble; with a hole, the direction's segments join
 * what is held; its end brings all back. */
static void test_packets_go_it(void **state)
{
	struct fos_worker *w = er_worker(NULL, NULL);
	struct er_trace t = { 0 };

	(void)state;
	er_module(w, 0, &er_recorder, NULL);
	er_script(&t, "> S 100; < SA 500 101; > A 101 501 one; < A 501 104 two; > A 108 504 hole; > A 104 504 fill");
	er_feed_part(w, &t, 0, 4, 64, ER_STABLE);
	struct fos_session *s = NULL;

	for (uint32_t n = 1; n < w->slab.next; n++)
		s = fos__slab_at(&w->slab, n);
	assert_non_null(s);
	assert_int_equal(s->flags & (3 * FOS_SESSION_PLAIN0), 3 * FOS_SESSION_PLAIN0);
	er_feed_part(w, &t, 4, 5, 64, ER_STABLE);
	assert_int_equal(s->flags & (3 * FOS_SESSION_PLAIN0 | 3 * FOS_SESSION_ABOVE0),
	                 FOS_SESSION_ABOVE0 | FOS_SESSION_PLAIN0 << 1);
	er_feed_part(w, &t, 5, 6, 64, ER_STABLE);
	assert_int_equal(s->flags & (3 * FOS_SESSION_PLAIN0), 3 * FOS_SESSION_PLAIN0);
	fos_worker_end(w, FOS_END_EOF);
	fos_worker_destroy(w);
	free(er_recorded());
	er_trace_free(&t);
}

/* What a direction holds may be given up while another session's packet comes: time is over, or a cap is reached. */
static void test_held_goes_meanwhile(void **state)
{
	struct fos_worker_config cfg = { .hole_wait_packets = 20, .hole_timeout_ns = 5 * (uint64_t)ER_SECOND };
	struct fos_worker *w = er_worker(&cfg, NULL);
	struct er_spec other = { .host = 9, .flags = FOS_TCP_SYN, .seq = 1 };
	struct er_trace t = { 0 };

	(void)state;
	er_module(w, 0, &er_recorder, NULL);
	er_script(&t, "> S 100; < SA 500 101; > A 101 501 one; < A 501 104; t 50; > A 108 501 hole; t 40");
	er_add(&t, &other);
	er_script(&t, "t 1");
	er_add(&t, &other);
	er_script(&t, "> A 120 501 late; > A 112 501 in");
	er_feed(w, &t, 1, ER_STABLE);
	fos_worker_end(w, FOS_END_EOF);
	fos_worker_destroy(w);
	char *got = er_recorded();

	assert_string_equal(got, "1> one[4]holein[6]late eof; 1< eof; 2> eof");
	free(got);
	er_trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_nothing_changes),
		                            cmocka_unit_test(test_packets_go_it),
		                            cmocka_unit_test(test_held_goes_meanwhile) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
