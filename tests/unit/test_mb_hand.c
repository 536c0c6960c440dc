/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mb_hand.c: whoever receives a packet, it comes once, to the worker whose it is by flowos/shard.h over the whole trace,
 * fragments too; a queue that is full loses what it says it lost; two threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include <flowos/frames.h>
#include <flowos/rand.h>
#include <flowos/shard.h>
#include <flowos/trace.h>

#include "mb_hand.h"

enum { WORKERS = 3, SEED = 11 };

static const struct fos_worker_config config;

struct trace {
	struct fos_port *port;
	struct fos_frames f;
};

static void load(const char *name, struct trace *t)
{
	char path[512], err[512] = "";

	memset(t, 0, sizeof(*t));
	snprintf(path, sizeof(path), "%s/%s.pcap", FLOWOS_TRACES, name);
	if (fos_trace_open(path, &t->port, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(fos_frames_load(t->port, &t->f, NULL, NULL), 0);
	assert_true(t->f.n > 20);
}

static void unload(struct trace *t)
{
	fos_frames_free(&t->f);
	fos_port_close(t->port);
}

static void place(void *arg, uint64_t number, uint32_t worker)
{
	((uint32_t *)arg)[number] = worker + 1;
}

static struct mb_hand *hand(uint32_t workers)
{
	struct fos_shard shard;
	struct mb_hand *h;

	fos_shard_init(&shard, SEED, workers);
	assert_int_equal(mb_hand_make(&config, &shard, &h), 0);
	return h;
}

/* Where each frame belongs, plus 1. */
static uint32_t *belongs(const struct fos_frames *f)
{
	uint32_t *where = calloc(f->n + 1, sizeof(*where));
	struct fos_shard shard;
	struct fos_shard_map *m;

	fos_shard_init(&shard, SEED, WORKERS);
	assert_int_equal(fos_shard_map_create(&config, &shard, place, where, &m), 0);
	for (size_t i = 0; i < f->n; i++)
		assert_int_equal(fos_shard_map_add(m, &f->v[i], i, f->v[i].ts_ns), 0);
	fos_shard_map_end(m);
	fos_shard_map_destroy(m);
	return where;
}

/* Packets have come to a worker: the right ones, and as they were. */
static void came(const struct fos_frames *f, const struct fos_batch *b, uint32_t worker, uint32_t *where)
{
	for (uint32_t i = 0; i < b->n; i++) {
		const struct fos_frame *got = &b->pkt[i].f, *sent = &f->v[got->num - 1];

		assert_int_equal(where[got->num - 1], worker + 1); /* 0: a second time */
		where[got->num - 1] = 0;
		assert_int_equal(fos_frame_caplen(got), fos_frame_caplen(sent));
		assert_memory_equal(got->data, sent->data, sent->len);
		assert_int_equal(got->ts_ns, sent->ts_ns);
		assert_int_equal(got->wire_len, sent->wire_len);
	}
}

static void take_all(struct mb_hand *h, const struct fos_frames *f, struct fos_batch *b, uint32_t *where)
{
	for (uint32_t again = 1; again;) {
		again = 0;
		for (uint32_t w = 0; w < WORKERS; w++) {
			again += mb_hand_take(h, w, b, 0);
			came(f, b, w, where);
		}
	}
}

static void through(const char *name)
{
	struct fos_batch *b = calloc(1, sizeof(*b));
	struct mb_hand_stats st;
	struct trace t;
	struct mb_hand *h;
	uint64_t handed = 0;

	load(name, &t);
	uint32_t *where = belongs(&t.f);

	h = hand(WORKERS);
	for (size_t at = 0; at < t.f.n;) {
		uint64_t drawn = fos_mix64(at);
		uint32_t me = (uint32_t)fos_below(drawn, WORKERS), n = 1 + drawn % 8;

		for (b->n = 0; b->n < n && at < t.f.n; at++) {
			b->pkt[b->n].f = t.f.v[at];
			b->pkt[b->n++].f.num = at + 1;
		}
		mb_hand_deal(h, me, b);
		came(&t.f, b, me, where);
		take_all(h, &t.f, b, where);
	}
	for (uint32_t w = 0; w < WORKERS; w++) {
		assert_false(mb_hand_over(h));
		mb_hand_last(h, w);
		mb_hand_stats(h, w, &st);
		handed += st.handed;
		assert_int_equal(st.lost, 0);
	}
	assert_true(mb_hand_over(h));
	take_all(h, &t.f, b, where);
	for (size_t i = 0; i < t.f.n; i++)
		assert_int_equal(where[i], 0);
	assert_true(handed > t.f.n / 4);
	mb_hand_free(h);
	unload(&t);
	free(where);
	free(b);
}

static void test_traces(void **state)
{
	(void)state;
	through("fragments");
	through("fragments6");
	through("http-keepalive");
	through("mixed");
}

/* More than a queue takes, and nobody takes any. */
static void test_full(void **state)
{
	struct fos_batch *b = calloc(1, sizeof(*b));
	struct mb_hand_stats st;
	struct trace t;
	struct mb_hand *h;
	uint64_t mine = 0, all = 0, taken = 0;
	uint32_t n;

	(void)state;
	load("many-short", &t);
	h = hand(WORKERS);
	for (unsigned i = 0; i < 60000; i++) {
		b->n = 1;
		b->pkt[0].f = t.f.v[i % t.f.n];
		mb_hand_deal(h, 0, b);
		mine += b->n;
		all++;
	}
	mb_hand_stats(h, 0, &st);
	assert_true(st.lost > 0 && st.handed > MB_HAND_PACKETS / 2);
	assert_int_equal(mine + st.handed + st.lost, all);
	assert_false(mb_hand_asleep(h, 1) && mb_hand_asleep(h, 2));
	for (uint32_t w = 1; w < WORKERS; w++)
		while ((n = mb_hand_take(h, w, b, 0)))
			taken += n;
	assert_int_equal(taken, st.handed);
	assert_true(mb_hand_asleep(h, 1) && mb_hand_asleep(h, 2));
	mb_hand_free(h);
	unload(&t);
	free(b);
}

/* Fragments that nothing comes of are bounded, and each goes somewhere. */
static void test_flood(void **state)
{
	uint8_t bytes[60] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 46, 0, 0, 0x20, 0, 64, 17 };
	struct fos_batch *b = calloc(1, sizeof(*b));
	struct mb_hand_stats st;
	struct mb_hand *h;
	uint64_t all = 0;
	uint32_t n = 1;

	(void)state;
	h = hand(2);
	for (uint32_t i = 0; i < 3 * MB_HAND_WAITING; i++) {
		bytes[18] = (uint8_t)(i >> 8), bytes[19] = (uint8_t)i;
		memcpy(bytes + 26, &i, 4);
		b->n = 1;
		b->pkt[0].f = (struct fos_frame){ .data = bytes, .len = 60, .wire_len = 60, .linktype = 1, .ts_ns = i };
		mb_hand_deal(h, 0, b);
		assert_int_equal(b->n, 0);
		if (i % 100 == 0)
			for (uint32_t w = 0; w < 2; w++)
				while ((n = mb_hand_take(h, w, b, i)))
					all += n;
	}
	assert_true(all > MB_HAND_WAITING); /* not all wait */
	for (uint32_t w = 0; w < 2; w++)
		while ((n = mb_hand_take(h, w, b, (uint64_t)(MB_HAND_FRAGMENT_WAIT_S + 1) * 1000000000)))
			all += n;
	mb_hand_stats(h, 0, &st);
	assert_int_equal(all + st.lost, 3 * MB_HAND_WAITING);
	mb_hand_stats(h, 1, &st);
	assert_int_equal(st.lost, 0);
	mb_hand_free(h);
	free(b);
}

struct two {
	struct mb_hand *h;
	struct trace t;
	uint64_t kept, taken;
};

static void *deal(void *arg)
{
	struct two *t = arg;
	struct fos_batch *b = calloc(1, sizeof(*b));

	for (unsigned i = 0; i < 30000; i++) {
		b->n = 1;
		b->pkt[0].f = t->t.f.v[i % t->t.f.n];
		b->pkt[0].f.num = i + 1;
		mb_hand_deal(t->h, 0, b);
		t->kept += b->n;
	}
	mb_hand_last(t->h, 0);
	free(b);
	return NULL;
}

static void test_two_threads(void **state)
{
	struct two t = { 0 };
	struct fos_batch *b = calloc(1, sizeof(*b));
	struct mb_hand_stats st;
	uint64_t last = 0;
	bool over = false;
	pthread_t thread;

	(void)state;
#if defined(__SANITIZE_THREAD__)
	skip(); /* Concurrency Kit's barriers are instructions that the sanitizer does not know */
#endif
	load("many-short", &t.t);
	t.h = hand(2);
	mb_hand_last(t.h, 1);
	assert_int_equal(pthread_create(&thread, NULL, deal, &t), 0);
	while (!over) {
		over = mb_hand_over(t.h);
		while (mb_hand_take(t.h, 1, b, 0)) {
			for (uint32_t i = 0; i < b->n; i++) {
				const struct fos_frame *got = &b->pkt[i].f, *sent = &t.t.f.v[(got->num - 1) % t.t.f.n];

				assert_true(got->num > last); /* in their order */
				last = got->num;
				assert_memory_equal(got->data, sent->data, sent->len);
			}
			t.taken += b->n;
		}
	}
	pthread_join(thread, NULL);
	mb_hand_stats(t.h, 0, &st);
	assert_int_equal(t.taken, st.handed);
	assert_int_equal(t.kept + st.handed + st.lost, 30000);
	mb_hand_free(t.h);
	unload(&t.t);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traces),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
