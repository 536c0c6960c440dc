/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_no_memory.c: while the pools of a worker (store.h) have only a few elements left and no chunk can be mapped, packets lose
 * what there is no room for, and nothing else goes wrong: what modules see is what was sent there, and all is given back.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "held.h"
#include "worker_state.h"

#include "engine_run.h"

enum { TALKS = 4, PACKETS = 600, MS = ER_SECOND / 1000, POOLS = 8, MOST = 1 << 19 };

static bool none_left;
static uint64_t lost; /* packets */

/* In the place of the library's; the thread sanitizer, which has one of its own, keeps that. */
#if defined(__SANITIZE_THREAD__)
static const bool can_fail = false;
#else
static const bool can_fail = true;

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return none_left ? MAP_FAILED : (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, off);
}
#endif

/* ---- all that a pool has, in the test's hands ---------------------------------------------------------------------- */

struct hoard {
	struct fos__pool *pool;
	void **e;
	size_t n;
};

static void take_all(struct hoard *h)
{
	void *e;

	while (h->n < MOST && (e = fos__pool_take(h->pool)))
		h->e[h->n++] = e;
	assert_true(h->n < MOST);
}

static void give(struct hoard *h, size_t n)
{
	while (n-- && h->n)
		fos__pool_give(h->e[--h->n]);
}

static void hoard_all(struct hoard h[POOLS], struct fos__store *st)
{
	struct fos__pool *pool[POOLS] = { &st->held,  &st->origin, &st->span,     &st->trouble,
		                          &st->spans, &st->leaf,   &st->leaf_few, &st->inner };

	for (int i = 0; i < POOLS; i++) {
		h[i].pool = pool[i];
		h[i].n = 0;
		none_left = false;
		h[i].e[h[i].n++] = fos__pool_take(pool[i]);
		none_left = true;
		take_all(&h[i]);
	}
}

/* ---- a module that knows what was sent ------------------------------------------------------------------------------ */

static uint64_t chance;

static int check_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)self, (void)err, (void)errlen;
	return 0;
}

static uint8_t sent_at(uint32_t seq)
{
	return (uint8_t)(seq * 7 + (seq >> 8));
}

static void check(struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	const uint8_t *run;
	size_t n;

	while ((run = fos_sp_run(&p, &tail, &n))) {
		for (size_t i = 0; i < n; i++)
			assert_int_equal(run[i], sent_at(fos_stream_start_seq(s) + (uint32_t)p.off + (uint32_t)i));
		assert_int_equal(fos_sp_advance(&p, (int64_t)n), 0);
	}
	assert_int_equal(p.off, tail.off);
}

static void check_data(void *self, struct fos_stream *s)
{
	struct fos_sp p;

	(void)self;
	check(s);
	if (er_draw(&chance, 3)) {
		fos_release_all(s);
		return;
	}
	p = fos_stream_head(s);
	assert_int_equal(fos_sp_advance(&p, (int64_t)er_draw(&chance, fos_stream_window(s) + 1)), 0);
	fos_release(s, &p);
}

static void check_close(void *self, struct fos_stream *s, enum fos_end end)
{
	(void)self, (void)end;
	check(s);
}

static const struct fos_module checker = { .abi = FOS_MODULE_ABI,
	                                   .size = sizeof(struct fos_module),
	                                   .name = "checker",
	                                   .open = check_open,
	                                   .stream_data = check_data,
	                                   .stream_close = check_close };

/* Of packets, with their headers. */
static void below_data(void *self, struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	const uint8_t *run;
	uint32_t seq;
	size_t n;

	(void)self;
	while ((run = fos_sp_run(&p, &tail, &n))) {
		const struct fos_pkt *pkt = fos_sp_pkt(&p);

		assert_non_null(pkt);
		assert_int_equal(n, 20 + pkt->app_len);
		memcpy(&seq, run + 4, sizeof(seq));
		assert_int_equal(ntohl(seq), pkt->seq);
		for (uint32_t i = 0; i < pkt->app_len; i++)
			assert_int_equal(run[20 + i], sent_at(pkt->seq + i));
		assert_int_equal(fos_sp_advance(&p, (int64_t)n), 0);
	}
	fos_release_all(s);
}

static const struct fos_module below = { .abi = FOS_MODULE_ABI,
	                                 .size = sizeof(struct fos_module),
	                                 .name = "below",
	                                 .open = check_open,
	                                 .stream_data = below_data };

/* ---- traffic -------------------------------------------------------------------------------------------------------- */

static void say(struct er_trace *t, int who, int dir, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	uint8_t data[64];
	struct er_spec s = {
		.dir = dir, .host = (uint8_t)(who + 1), .flags = flags, .seq = seq, .ack = ack, .data = data, .len = len
	};

	for (uint32_t i = 0; i < len; i++)
		data[i] = sent_at(seq + i);
	er_add(t, &s);
}

static void traffic(struct er_trace *t, uint64_t *rnd)
{
	uint32_t seq[TALKS][2] = { { 0 } };

	for (int who = 0; who < TALKS; who++) {
		say(t, who, 0, FOS_TCP_SYN, 1000, 0, 0);
		say(t, who, 1, FOS_TCP_SYN | FOS_TCP_ACK, 5000, 1001, 0);
		say(t, who, 0, FOS_TCP_ACK, 1001, 5001, 0);
		seq[who][0] = 1001;
		seq[who][1] = 5001;
	}
	for (int i = 0; i < PACKETS; i++) {
		int who = (int)er_draw(rnd, TALKS), dir = (int)er_draw(rnd, 2);
		uint32_t len = (uint32_t)er_draw(rnd, 40), at = seq[who][dir], ack = seq[who][!dir];

		switch (er_draw(rnd, 12)) {
		case 0:
			at += len;
			break;
		case 1:
			say(t, who, dir, FOS_TCP_ACK, at - 60 + (uint32_t)er_draw(rnd, 120), ack, len);
			break;
		case 2:
			for (uint32_t k = 6; k-- > 0;)
				say(t, who, dir, FOS_TCP_ACK, at + k * 20, ack, 20);
			at += 120;
			break;
		case 3:
			t->ts_ns += 3 * MS;
			break;
		default:
			say(t, who, dir, FOS_TCP_ACK, at, ack, len);
			at += len;
		}
		seq[who][dir] = at;
	}
}

static void run(struct hoard h[POOLS], const struct er_trace *t, uint64_t *rnd)
{
	struct fos_worker_config cfg = { .hole_wait_packets = 1 + (uint32_t)er_draw(rnd, 20),
		                         .overlap = (enum fos_overlap)er_draw(rnd, FOS_OVERLAPS),
		                         .cap_total_bytes = er_draw(rnd, 2) ? 0 : 4000 };
	static struct fos_batch b;
	bool levels = er_draw(rnd, 2), below_first = er_draw(rnd, 2);
	struct fos_worker *w = er_worker(&cfg, levels ? "tcp:app" : "app");
	size_t batch = 1 + er_draw(rnd, FOS_BATCH_MAX), many = er_draw(rnd, 12);
	bool stable = er_draw(rnd, 2);

	if (levels && below_first)
		er_module(w, 0, &below, "tcp");
	for (unsigned i = 0, n = 1 + (unsigned)er_draw(rnd, 2); i < n; i++)
		er_module(w, i, &checker, NULL);
	if (levels && !below_first)
		er_module(w, (unsigned)er_draw(rnd, 2), &below, "tcp");
	for (size_t from = 0; from < t->n; from += b.n) {
		for (b.n = 0; b.n < batch && from + b.n < t->n; b.n++) {
			b.pkt[b.n].f = t->frame[from + b.n].f;
			if (!stable)
				b.pkt[b.n].f.flags &= ~(uint32_t)FOS_FRAME_STABLE;
		}
		int rc = fos_worker_run(w, &b);

		assert_true(rc == 0 || rc == -ENOMEM);
		if (from == 0)
			hoard_all(h, &w->store);
		for (int i = 0; i < POOLS; i++) {
			take_all(&h[i]);
			give(&h[i], er_draw(rnd, many + 1));
		}
	}
	fos_worker_end(w, FOS_END_EOF);
	none_left = false;
	struct fos_worker_stats st;

	fos_worker_stats(w, &st);
	lost += st.no_memory;
	assert_int_equal(st.held_bytes, 0);
	for (int i = 0; i < POOLS; i++) {
		give(&h[i], h[i].n);
		assert_int_equal(h[i].pool->chunks, h[i].pool->empty);
	}
	fos_worker_destroy(w);
}

static void test_loses_no_more(void **state)
{
	uint64_t rnd = er_seed();
	const char *cases = getenv("FLOWOS_CASES");
	struct hoard h[POOLS] = { { 0 } };

	(void)state;
	if (!can_fail)
		skip();
	for (int i = 0; i < POOLS; i++) {
		h[i].e = malloc(MOST * sizeof(*h[i].e));
		assert_non_null(h[i].e);
	}
	for (int n = 0, many = cases ? atoi(cases) : 150; n < many; n++) {
		struct er_trace t = { 0 };

		chance = rnd;
		traffic(&t, &rnd);
		run(h, &t, &rnd);
		er_trace_free(&t);
	}
	assert_true(lost > 0);
	for (int i = 0; i < POOLS; i++)
		free(h[i].e);
}

/* ---- the tree of what is held ---------------------------------------------------------------------------------------- */

/* One behind the other, until there is no memory: how many went in. */
static size_t fill(struct fos__pieces *p, size_t from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct fos__piece x = { .from = 1000 + (from + i) * 10, .len = 5 };
		struct fos__cursor end = { .leaf = NULL };

		if (fos__pieces_insert(p, &end, &x))
			return i;
	}
	return n;
}

/* Where a level of the tree could be added and a node of it not, the tree is what it was: it can be filled and emptied. */
static void test_tree(void **state)
{
	static const size_t full[] = { FOS_LEAF_CAP, (size_t)FOS_LEAF_CAP * FOS_INNER_CAP };
	static struct hoard h[POOLS];
	struct fos__piece out[8];

	(void)state;
	if (!can_fail)
		skip();
	for (unsigned i = 0; i < POOLS; i++)
		h[i].e = malloc(MOST * sizeof(*h[i].e));
	for (unsigned turn = 0; turn < 16; turn++) {
		unsigned inners = turn % 4;
		bool deep = turn & 4, more = turn & 8;
		struct fos__store st;
		struct fos__pieces p;
		size_t n = full[deep], went = n, popped = 0;

		fos__store_init(&st);
		fos__pieces_init(&p, &st);
		assert_int_equal(fill(&p, 0, n), n);
		hoard_all(h, &st);
		give(&h[7], inners); /* inner nodes that there are */
		give(&h[5], deep);   /* and leaves */
		went += fill(&p, n, 1);
		give(&h[7], 100);
		give(&h[5], 100);
		if (more)
			went += fill(&p, went, 200);
		assert_true(went >= n + (more ? 200 : 0));
		for (unsigned k; (k = fos__pieces_pop(&p, UINT64_MAX, out, 8)); popped += k)
			assert_int_equal(out[0].from, 1000 + popped * 10);
		assert_int_equal(popped, went);
		assert_int_equal(p.count, 0);
		fos__pieces_clear(&p);
		none_left = false;
		for (unsigned i = 0; i < POOLS; i++)
			give(&h[i], h[i].n);
		fos__store_free(&st);
	}
	for (unsigned i = 0; i < POOLS; i++)
		free(h[i].e);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_loses_no_more), cmocka_unit_test(test_tree) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
