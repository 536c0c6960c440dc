/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_release_random.c: conversations at random through a gate with modules at random: what leaves is what came, each packet
 * once, and no byte before it was released.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "release_run.h"

enum { TALKS = 12, TALK_BYTES = 4000 };

static bool ended, repeats;

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Sessions are numbered in the order of their hosts; direction 0 begins at 1001, the other at 5001. The last stage is
 * the last one that there is. */
static uint32_t left[2 * TALKS + 4]; /* up to where each direction has left, by host and direction */

static void check_passed(const struct fos_frame *f)
{
	const uint8_t *ip = f->data + 14, *tcp = ip + 20;
	unsigned dir = tcp[0] == 0 && tcp[1] == 80, host = dir ? ip[19] : ip[15];
	uint32_t len = fos_frame_caplen(f) - 54, upto = get32(tcp + 4) + len - (dir ? 5001 : 1001);

	if (len == 0 || ended)
		return;
	if (!repeats) /* else one may leave before a longer one that begins before it */
		assert_true(upto - len <= left[2 * host + dir]);
	if (upto > left[2 * host + dir])
		left[2 * host + dir] = upto;
	for (unsigned i = 0; rr_how[i]; i++)
		assert_true(rr_passed[i][2 * host + dir] >= upto);
}

static void add_talk(struct er_trace *t, unsigned host)
{
	static uint8_t bytes[TALK_BYTES];
	uint32_t at[2] = { 0, 0 };

	er_add(t, &(struct er_spec){ .host = (uint8_t)host, .flags = FOS_TCP_SYN, .seq = 1000 });
	er_add(t, &(struct er_spec){
	              .host = (uint8_t)host, .dir = 1, .flags = FOS_TCP_SYN | FOS_TCP_ACK, .seq = 5000, .ack = 1001 });
	while (at[0] + at[1] < 2 * TALK_BYTES - 2000) {
		int dir = (int)er_draw(&rr_rnd, 2);
		uint32_t back = !repeats || er_draw(&rr_rnd, 4) ? 0 : (uint32_t)er_draw(&rr_rnd, 200),
		         len = (uint32_t)er_draw(&rr_rnd, 300);

		back = back < at[dir] ? back : at[dir];
		len = at[dir] + len < TALK_BYTES ? len : TALK_BYTES - at[dir];
		uint32_t from = at[dir] - back;

		er_add(t, &(struct er_spec){ .host = (uint8_t)host,
		                             .dir = dir,
		                             .flags = FOS_TCP_ACK,
		                             .seq = (dir ? 5001 : 1001) + from,
		                             .ack = (dir ? 1001 : 5001) + at[!dir],
		                             .data = bytes + from,
		                             .len = back + len });
		at[dir] += len;
	}
	for (int dir = 0; dir < 2; dir++)
		er_add(t, &(struct er_spec){ .host = (uint8_t)host,
		                             .dir = dir,
		                             .flags = FOS_TCP_FIN | FOS_TCP_ACK,
		                             .seq = (dir ? 5001 : 1001) + at[dir],
		                             .ack = (dir ? 1001 : 5001) + at[!dir] });
}

/* Packets change places with near ones, but SYN and SYN-ACK: these come first. */
static void shuffle(struct er_trace *t, size_t from)
{
	for (size_t i = t->n; i-- > from;) {
		size_t to = i - (size_t)er_draw(&rr_rnd, 12);

		if (er_draw(&rr_rnd, 2) || to < from || to > i)
			continue;
		struct er_frame x = t->frame[i];

		t->frame[i] = t->frame[to];
		t->frame[to] = x;
	}
	for (size_t i = 0; i < t->n; i++) {
		t->frame[i].f.num = i + 1;
		t->frame[i].f.ts_ns = (uint64_t)1600000000 * ER_SECOND + i * 1000000;
	}
}

/* Talks are mixed by sorting packets anew under a random number each, which keeps their own order. */
static void mix(struct er_trace *t, unsigned talks)
{
	struct er_trace one[TALKS] = { { 0 } }, all = { 0 };
	size_t left_over = 0, at[TALKS] = { 0 };

	for (unsigned i = 0; i < talks; i++) {
		add_talk(&one[i], i + 1);
		shuffle(&one[i], 2);
		left_over += one[i].n;
	}
	all.frame = calloc(left_over, sizeof(*all.frame));
	assert_non_null(all.frame);
	for (unsigned i = 0; i < talks; i++)
		for (; at[i] < 2; at[i]++, left_over--)
			all.frame[all.n++] = one[i].frame[at[i]];
	while (left_over) {
		unsigned i = (unsigned)er_draw(&rr_rnd, talks);

		if (at[i] == one[i].n)
			continue;
		all.frame[all.n++] = one[i].frame[at[i]++];
		left_over--;
	}
	for (unsigned i = 0; i < talks; i++)
		free(one[i].frame);
	*t = all;
	shuffle(t, t->n);
}

static void test_random(void **state)
{
	static const char *const stages[] = { "a", "r", "rr", "ar", "rra" };

	(void)state;
	rr_rnd = er_seed();
	for (unsigned round = 0; round < 300; round++) {
		struct rr_plan p = { .release = round % 2 ? FOS_RELEASE_OPEN : FOS_RELEASE_CLOSED,
			             .how = stages[round % 5],
			             .cfg = { .overlap = (enum fos_overlap)(round % 3) } };
		struct er_trace t = { 0 };
		struct fos_worker_stats st;

		repeats = round % 4;
		mix(&t, 1 + round % TALKS);
		struct fos_worker *w = rr_gate(&p, &t);

		ended = false;
		memset(left, 0, sizeof(left));
		rr_out.each = check_passed;
		er_feed(w, &t, 1 + (unsigned)er_draw(&rr_rnd, FOS_BATCH_MAX), round % ER_MODES);
		ended = true;
		fos_worker_end(w, FOS_END_EOF);
		for (size_t i = 0; i < t.n; i++)
			assert_int_equal(rr_out.times[i], 1);
		rr_end(w, &st);
		assert_int_equal(st.gaps, 0);
		assert_int_equal(st.release.dropped, 0);
		assert_int_equal(st.release.overflow, 0);
		er_trace_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
