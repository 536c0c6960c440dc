/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_fast.c: the short way of packets changes nothing: conversations at random, with all that can go wrong in them, give the
 * same streams, numbers and sessions with it and without it, whatever the size of batches. And packets do go it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker_state.h"

#include "engine_run.h"

enum { CONVERSATIONS = 3 };

struct talk {
	uint32_t seq[2];
	bool open, fin[2];
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
	k->fin[0] = k->fin[1] = false;
	for (int dir = 0; dir < 2; dir++)
		k->seq[dir] = er_draw(rnd, 3) ? (uint32_t)fos_mix64((*rnd)++) : UINT32_MAX - (uint32_t)er_draw(rnd, 60);
	if (er_draw(rnd, 4)) { /* else it is picked up in the middle */
		uint32_t data = er_draw(rnd, 6) ? 0 : (uint32_t)er_draw(rnd, 9);

		say(t, k, who, 0, FOS_TCP_SYN, 0, data, 0);
		k->seq[0]++;
		if (!er_draw(rnd, 9))
			say(t, k, who, 0, FOS_TCP_SYN, -1, 0, 0);
		if (er_draw(rnd, 9))
			say(t, k, who, 1, FOS_TCP_SYN | FOS_TCP_ACK, 0, er_draw(rnd, 9) ? 0 : 3, 0);
		k->seq[1]++;
		k->seq[0] += er_draw(rnd, 2) ? data : 0;
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
		len = er_draw(rnd, 2) ? len : 0;
		say(t, k, who, dir, FOS_TCP_ACK | FOS_TCP_FIN, 0, len, 0);
		k->seq[dir] += len + 1;
		k->fin[dir] = true;
		k->open = !k->fin[!dir] || er_draw(rnd, 2);
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
	} else if (what == 8) { /* an ACK that is not as it should be, a SYN that comes again or late */
		uint32_t ack = k->seq[!dir];

		k->seq[!dir] += 20 - (uint32_t)er_draw(rnd, 40);
		say(t, k, who, dir, FOS_TCP_ACK | (er_draw(rnd, 3) ? 0 : FOS_TCP_SYN), -1, 0, 0);
		k->seq[!dir] = ack;
	} else if (what < 12) {
		say(t, k, who, dir, FOS_TCP_ACK, 0, 0, 0);
	} else if (!k->fin[dir]) {
		say(t, k, who, dir, FOS_TCP_ACK, 0, len, 0);
		k->seq[dir] += len;
	}
}

/* What is known of every session, as text, behind what the module saw. What the short way leaves out on purpose is not: who was
 * seen last, and the least ACK, which counts for what has not started. */
static char *with_sessions(char *text, const struct fos_worker *w)
{
	size_t size = strlen(text) + 1 + (size_t)w->slab.next * 600, at = strlen(text);
	char *all = realloc(text, size);

	assert_non_null(all);
	for (uint32_t n = 1; n < w->slab.next; n++) {
		const struct fos_session *s = fos__slab_at(&w->slab, n);

		if (!s->wheel_link)
			continue;
		at += (size_t)snprintf(all + at, size - at, "\n%u %u %x %u %u %jx %jx", n, (unsigned)s->id, s->flags,
		                       s->older, s->uses, (uintmax_t)s->first_ns, (uintmax_t)s->last_ns);
		for (int side = 0; side < 2; side++) {
			const struct fos__half *h = &s->half[side];
			const struct fos__half_rest *r = &s->rest[side];

			at += (size_t)snprintf(all + at, size - at, " [%jx %jx %jx %x %u %jx %jx %jx %x %x %x %u]",
			                       (uintmax_t)h->next, (uintmax_t)h->high, (uintmax_t)h->ack, h->flags,
			                       h->pkts, (uintmax_t)r->start, (uintmax_t)r->low, (uintmax_t)r->fin,
			                       r->isn, s->half[!side].flags & FOS_HALF_STARTED ? 0 : r->ack_least,
			                       r->hint, r->conflicts);
		}
	}
	return all;
}

static char *run(const struct er_trace *t, const struct fos_worker_config *cfg, unsigned batch, bool fast,
                 struct fos_worker_stats *st)
{
	struct fos_worker *w = er_worker(cfg, NULL);

	er_module(w, 0, &er_recorder, NULL);
	if (!fast)
		w->crowded = 0;
	er_feed(w, t, batch, ER_STABLE);
	char *sessions = with_sessions(strdup(""), w);

	fos_worker_end(w, FOS_END_EOF);
	fos_worker_stats(w, st);
	fos_worker_destroy(w);
	char *got = er_recorded(), *all = NULL;

	assert_true(asprintf(&all, "%s%s", got, sessions) > 0);
	free(got);
	free(sessions);
	return all;
}

static void same_both_ways(const struct er_trace *t, const struct fos_worker_config *cfg)
{
	struct fos_worker_stats slow_st, st;

	for (unsigned batch = 1; batch <= 64; batch *= 8) {
		char *slow = run(t, cfg, batch, false, &slow_st), *got = run(t, cfg, batch, true, &st);

		assert_string_equal(got, slow);
		assert_memory_equal(&st, &slow_st, sizeof(st));
		free(slow);
		free(got);
	}
}

static const struct fos_worker_config config = { .hole_wait_packets = 20 };

static void test_nothing_changes(void **state)
{
	uint64_t rnd = er_seed();

	(void)state;
	for (int n = 0; n < 400; n++) {
		struct talk k[CONVERSATIONS] = { 0 };
		struct er_trace t = { 0 };

		for (int i = 0; i < 300; i++) {
			int who = (int)er_draw(&rnd, CONVERSATIONS);

			if (!k[who].open)
				open_talk(&t, &k[who], who, &rnd);
			go_on(&t, &k[who], who, &rnd);
		}
		same_both_ways(&t, &config);
		er_trace_free(&t);
	}
}

/* A direction whose segments come late, or never. */
struct late {
	int64_t off[8]; /* from `seq` */
	uint32_t len[8];
	unsigned n;
};

static void go_on_with_holes(struct er_trace *t, struct talk *k, struct late late[2], uint64_t *rnd)
{
	int dir = er_draw(rnd, 4) == 0;
	struct late *l = &late[dir];
	uint32_t len = 1 + (uint32_t)er_draw(rnd, 9), ack = k->seq[!dir];
	uint64_t what = er_draw(rnd, 13);

	if (what < 4) { /* an ACK of all, or of less */
		k->seq[!dir] -= what < 2 ? 0 : (uint32_t)er_draw(rnd, 60);
		say(t, k, 0, dir, FOS_TCP_ACK, 0, what ? 0 : len, 0);
		k->seq[!dir] = ack;
		len = what ? 0 : len;
	} else if (what < 7 && l->n < 8) {
		l->off[l->n] = 0;
		l->len[l->n++] = len;
	} else if (what == 7) { /* what came before, or is waited for */
		say(t, k, 0, dir, FOS_TCP_ACK, -(int64_t)er_draw(rnd, 80), len, 0);
		len = 0;
	} else if (what < 10 && l->n) { /* what is missing, the whole of it or not quite */
		unsigned i = (unsigned)er_draw(rnd, l->n);

		say(t, k, 0, dir, FOS_TCP_ACK, l->off[i] - (er_draw(rnd, 5) == 0), l->len[i] + (er_draw(rnd, 5) == 0),
		    0);
		l->off[i] = l->off[--l->n];
		l->len[i] = l->len[l->n];
		len = 0;
	} else {
		say(t, k, 0, dir, FOS_TCP_ACK, 0, len, 0);
	}
	k->seq[dir] += len;
	for (unsigned i = 0; i < l->n; i++)
		l->off[i] -= len;
	if (er_draw(rnd, 40) == 0)
		er_script(t, "t 0.5");
}

/* Holes begin, are told of, are filled or given up: under each policy, with time, packets and memory that end. */
static void test_holes(void **state)
{
	uint64_t rnd = er_seed();

	(void)state;
	for (int n = 0; n < 400; n++) {
		struct fos_worker_config cfg = { .hole_wait_packets = 1 + (uint32_t)er_draw(&rnd, 60),
			                         .hole_wait_ns = er_draw(&rnd, 2) * ER_SECOND / 100,
			                         .overlap = (enum fos_overlap)(n % FOS_OVERLAPS),
			                         .cap_direction_bytes = er_draw(&rnd, 3) ? 0 : 4000,
			                         .cap_total_bytes = er_draw(&rnd, 3) ? 0 : 5000 };
		struct late late[2] = { 0 };
		struct talk k = { 0 };
		struct er_trace t = { 0 };

		open_talk(&t, &k, 0, &rnd);
		for (int i = 0; i < 200; i++)
			go_on_with_holes(&t, &k, late, &rnd);
		same_both_ways(&t, &cfg);
		er_trace_free(&t);
	}
}

/* From the handshake to the last ACK, and nearly each time something in it that is a little wrong. */
static void short_talk(struct er_trace *t, struct talk *k, int who, uint64_t *rnd)
{
	static const struct {
		int dir;
		uint8_t flags;
		uint32_t len;
	} usual[] = { { 0, FOS_TCP_SYN, 0 }, { 1, FOS_TCP_SYN | FOS_TCP_ACK, 0 },
		      { 0, FOS_TCP_ACK, 0 }, { 0, FOS_TCP_ACK, 3 },
		      { 1, FOS_TCP_ACK, 5 }, { 1, FOS_TCP_FIN | FOS_TCP_ACK, 0 },
		      { 0, FOS_TCP_ACK, 0 }, { 0, FOS_TCP_FIN | FOS_TCP_ACK, 2 },
		      { 1, FOS_TCP_ACK, 0 } };
	enum { USUAL = sizeof(usual) / sizeof(*usual) };
	static const uint8_t odd[] = {
		0,          FOS_TCP_SYN, FOS_TCP_ACK, FOS_TCP_FIN, FOS_TCP_FIN | FOS_TCP_ACK, FOS_TCP_SYN | FOS_TCP_ACK,
		FOS_TCP_RST
	};
	uint64_t wrong = er_draw(rnd, 2 * USUAL), more = er_draw(rnd, 20);

	k->seq[0] = er_draw(rnd, 2) ? k->seq[0] + 7 : (uint32_t)fos_mix64((*rnd)++);
	k->seq[1] = (uint32_t)fos_mix64((*rnd)++);
	for (uint64_t i = 0; i < USUAL; i++) {
		int dir = usual[i].dir;
		uint8_t flags = usual[i].flags;
		uint32_t len = usual[i].len, times = 1;
		int64_t off = 0, ack = 0;

		if (i == wrong || i == more) {
			uint64_t what = er_draw(rnd, 8);

			dir ^= what == 0;
			flags = what == 1 ? odd[er_draw(rnd, sizeof(odd))] : flags;
			len += what == 2;
			off = what == 3 ? 2 - (int64_t)er_draw(rnd, 5) : 0;
			ack = what == 4 ? 2 - (int64_t)er_draw(rnd, 5) : what == 5 && er_draw(rnd, 2) ? 1 << 22 : 0;
			times = what == 5 ? 2 : what == 6 ? 0 : 1;
			if (what == 7)
				er_script(t, er_draw(rnd, 2) ? "t 61" : "t 8000");
		}
		k->seq[!dir] += (uint32_t)ack;
		for (uint32_t n = 0; n < times; n++)
			say(t, k, who, dir, flags, off, len, 0);
		k->seq[!dir] -= (uint32_t)ack;
		k->seq[usual[i].dir] += usual[i].len + ((usual[i].flags & (FOS_TCP_SYN | FOS_TCP_FIN)) != 0);
	}
}

static void test_short_sessions(void **state)
{
	uint64_t rnd = er_seed();

	(void)state;
	for (int n = 0; n < 3000; n++) {
		struct talk k[CONVERSATIONS] = { 0 };
		struct er_trace t = { 0 };

		for (int i = 0; i < 4; i++) {
			int who = (int)er_draw(&rnd, CONVERSATIONS);

			short_talk(&t, &k[who], who, &rnd);
		}
		same_both_ways(&t, &config);
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
	er_feed_part(w, &t, 0, 1, 64, ER_STABLE);
	assert_false(w->place[0].has_key); /* the long way makes a session by its key */
	er_feed_part(w, &t, 1, 4, 64, ER_STABLE);
	struct fos_session *s = NULL;

	for (uint32_t n = 1; n < w->slab.next; n++)
		s = fos__slab_at(&w->slab, n);
	assert_non_null(s);
	assert_int_equal(s->flags & (3 * FOS_SESSION_PLAIN0), 3 * FOS_SESSION_PLAIN0);
	er_feed_part(w, &t, 4, 5, 64, ER_STABLE);
	assert_int_equal(s->flags & (3 * FOS_SESSION_PLAIN0 | 3 * FOS_SESSION_ABOVE0 | 3 * FOS_SESSION_BESIDE0),
	                 FOS_SESSION_ABOVE0 | FOS_SESSION_BESIDE0 << 1);
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_nothing_changes), cmocka_unit_test(test_holes),
		                            cmocka_unit_test(test_short_sessions), cmocka_unit_test(test_packets_go_it),
		                            cmocka_unit_test(test_held_goes_meanwhile) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
