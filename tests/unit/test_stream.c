/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_stream.c: what a stream says of itself; the same packets as streams of the levels ip, tcp and app, against their
 * plain bytes; positions mapped from each level to each other one; windows that end at gaps.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_run.h"

/* A module that keeps everything, and where its streams are while callbacks run. */
struct keeper {
	struct fos_stream *of[2];
	unsigned gaps, opened, closed;
	bool release;
	uint8_t seen[2][8192]; /* by offset */
};

static struct keeper keepers[4];
static unsigned made;
static void (*look)(void);

static int keeper_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = &keepers[made++];
	return 0;
}

static void keeper_start(void *self, struct fos_stream *s)
{
	struct keeper *k = self;

	assert_int_equal(fos_stream_head(s).off, 0);
	assert_int_equal(fos_stream_tail(s).off, 0);
	assert_ptr_equal(fos_stream_head(s).stream, s);
	k->of[fos_stream_dir(s)] = s;
	k->opened++;
	uint64_t *state = fos_stream_state(s);

	assert_int_equal((uintptr_t)state % 16, 0);
	assert_true(state[0] == 0 && state[2] == 0);
	state[0] = state[2] = fos_stream_id(s) + 77;
}

static void keeper_data(void *self, struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	struct keeper *k = self;

	for (int c; (c = fos_sp_next(&p, &tail)) >= 0;) {
		assert_true(p.off <= sizeof(k->seen[0]));
		k->seen[fos_stream_dir(s)][p.off - 1] = (uint8_t)c;
	}
	assert_int_equal(*(uint64_t *)fos_stream_state(s), fos_stream_id(s) + 77);
	if (look && k == &keepers[made - 1])
		look();
	if (k->release)
		fos_release_all(s);
}

static void keeper_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	struct keeper *k = self;
	struct fos_sp p;

	k->gaps++;
	assert_true(len > 0);
	assert_int_equal(fos_stream_tail(s).off, off);
	assert_int_equal(fos_sp_at(s, off + 1, &p), -ERANGE);
}

static void keeper_close(void *self, struct fos_stream *s, enum fos_end end)
{
	struct keeper *k = self;

	k->closed++;
	assert_int_equal(end, fos_session_end(fos_stream_session(s), fos_stream_dir(s)));
}

static const struct fos_module keeper = { .abi = FOS_MODULE_ABI,
	                                  .size = sizeof(struct fos_module),
	                                  .name = "keeper",
	                                  .stream_state = 24,
	                                  .open = keeper_open,
	                                  .stream_open = keeper_start,
	                                  .stream_data = keeper_data,
	                                  .stream_gap = keeper_gap,
	                                  .stream_close = keeper_close };

static struct fos_worker *levels(const char *const *level, unsigned n)
{
	struct fos_worker *w = er_worker(NULL, NULL);

	memset(keepers, 0, sizeof(keepers));
	made = 0;
	look = NULL;
	for (unsigned i = 0; i < n; i++)
		er_module(w, 0, &keeper, level[i]);
	return w;
}

static void end(struct fos_worker *w, struct er_trace *t)
{
	look = NULL;
	fos_worker_end(w, FOS_END_EOF);
	fos_worker_destroy(w);
	er_trace_free(t);
}

/* ---- what it says of itself ----------------------------------------------------------------------------------- */

static void look_self(void)
{
	for (int dir = 0; dir < 2; dir++) {
		struct fos_stream *s = keepers[0].of[dir];

		if (!s)
			continue;
		struct fos_session *ses = fos_stream_session(s);
		const struct fos_key *key = fos_session_key(ses);

		assert_int_equal(fos_stream_dir(s), dir);
		assert_int_equal(fos_stream_id(s), 2 + dir);
		assert_string_equal(fos_stream_level(s), "app");
		assert_string_equal(fos_session_flow(ses), "all");
		assert_int_equal(fos_session_id(ses), 1);
		assert_int_equal(fos_session_originator(ses), 0);
		assert_int_equal(key->port[0], 40000);
		assert_int_equal(key->port[1], 80);
		assert_int_equal(key->proto, 6);
		assert_false(fos_stream_mid(s));
		assert_int_equal(fos_stream_start_seq(s), dir ? 5001 : 1001);
		assert_int_equal(fos_session_first_ns(ses), (uint64_t)1600000000 * ER_SECOND);
		assert_true(fos_session_last_ns(ses) > fos_session_first_ns(ses));
		assert_true(fos_session_seen(ses, dir));
		assert_ptr_equal(fos_stream_peer(fos_stream_peer(s)), s);
		assert_int_equal(fos_stream_dir(fos_stream_peer(s)), !dir);
	}
}

static void test_self(void **state)
{
	struct fos_worker *w = levels((const char *[]){ NULL }, 1);
	struct er_trace t = { 0 };

	(void)state;
	look = look_self;
	er_script(&t, "< SA 5000 1001; > S 1000; > A 1001 5001 abc; < A 5001 1004 xyz; > FA 1004 5004 d; < R 5004");
	er_feed(w, &t, 2, ER_UNSTABLE);
	assert_int_equal(keepers[0].opened, 2);
	assert_int_equal(keepers[0].closed, 0);
	end(w, &t);
	assert_int_equal(keepers[0].closed, 2);
	assert_string_equal(fos_end_name(FOS_END_FIN), "fin");
	assert_string_equal(fos_end_name((enum fos_end)9), "?");
}

/* ---- levels --------------------------------------------------------------------------------------------------- */

static const char script[] = "> S 1000; > A 1001 1 #10; > A 1011 1; > A 1031 1 #20; > A 1011 1 #20; > A 1011 1 #20;"
                             "> A 1051 1 #1; > FA 1052 1";
static const unsigned in_order[] = { 0, 1, 2, 4, 3, 6, 7 }; /* packets as the streams have them; 5 is a duplicate */

/* Each level is the concatenation of packets from where it starts in them. */
static void test_levels(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct fos_worker *w = levels((const char *[]){ "ip", "tcp", "app" }, 3);
		struct er_trace t = { 0 };
		uint64_t at[3] = { 0 };

		er_script(&t, script);
		er_feed(w, &t, 1 + i / 4 * 3, i % ER_MODES);
		for (unsigned k = 0; k < sizeof(in_order) / sizeof(*in_order); k++) {
			const struct er_frame *e = &t.frame[in_order[k]];

			for (unsigned l = 0; l < 3; l++) {
				uint32_t from = l == 0 ? 14 : l == 1 ? 34 : 54, len = e->f.len - from;

				assert_memory_equal(keepers[l].seen[0] + at[l], e->mem + from, len);
				at[l] += len;
				assert_true(fos_stream_tail(keepers[l].of[0]).off >= at[l]);
			}
		}
		for (unsigned l = 0; l < 3; l++)
			assert_int_equal(fos_stream_tail(keepers[l].of[0]).off, at[l]);
		end(w, &t);
	}
}

/* Where byte `at` of frame `e` is, from the packet's IP header on. */
static int64_t place(const struct fos_sp *p)
{
	const struct fos_pkt *pkt = fos_sp_pkt(p);
	uint64_t from, to;

	assert_non_null(pkt);
	assert_int_equal(fos_sp_packet_bounds(p, &from, &to), 0);
	/* from the end of the packet backwards: all levels end there */
	return (int64_t)(pkt->id << 32) + (int64_t)(to - p->off);
}

static unsigned mapped;

/* Every byte of every level, mapped to every other one. */
static void look_map(void)
{
	static const char *const name[] = { "ip", "TCP", "app" };

	for (unsigned a = 0; a < 3; a++) {
		struct fos_stream *s = keepers[a].of[0];
		struct fos_sp tail = fos_stream_tail(s), out;

		for (struct fos_sp p = fos_stream_head(s); p.off < tail.off; fos_sp_advance(&p, 1)) {
			const struct fos_pkt *pkt = fos_sp_pkt(&p);
			int64_t back = place(&p) - (int64_t)(pkt->id << 32);

			for (unsigned b = 0; b < 3; b++) {
				bool has = b == 0 || back <= pkt->app_len + (b == 1 ? 20 : 0);
				int rc = fos_sp_map(&p, name[b], &out);

				if (!has) /* in a header; or a packet without bytes there */
					assert_true(rc == -ENOENT || (rc == -ERANGE && pkt->app_len == 0));
				if (!has)
					continue;
				assert_int_equal(rc, 0);
				assert_int_equal(place(&out), place(&p));
				assert_int_equal(fos_sp_byte(&out), fos_sp_byte(&p));
				assert_ptr_equal(out.stream, keepers[b].of[0]);
				mapped++;
			}
			assert_int_equal(fos_sp_map(&p, "udp", &out), -ENOTSUP);
			assert_int_equal(fos_sp_map(&p, "nonsense", &out), -ENOTSUP);
		}
		assert_int_equal(fos_sp_map(&tail, "ip", &out), -ERANGE);
	}
}

static void test_map(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct fos_worker *w = levels((const char *[]){ "ip", "tcp", "app" }, 3);
		struct er_trace t = { 0 };

		mapped = 0;
		look = look_map; /* when the last of them runs: the others have seen the same */
		er_script(&t, script);
		er_feed(w, &t, 1 + i / 4 * 3, i % ER_MODES);
		assert_true(mapped > 400);
		end(w, &t);
	}
}

/* The ip level is released at once, app keeps: what came in earlier batches is there no more. */
static void look_released(void)
{
	struct fos_sp p = fos_stream_head(keepers[1].of[0]), tail = fos_stream_tail(keepers[1].of[0]), out;

	assert_int_equal(p.off, 0);
	mapped++;
	for (; p.off < tail.off; fos_sp_advance(&p, 1)) {
		int rc = fos_sp_map(&p, "ip", &out);

		assert_int_equal(rc, -ERANGE);
	}
}

static void test_map_released(void **state)
{
	struct fos_worker *w = levels((const char *[]){ "ip", "app" }, 2);
	struct er_trace t = { 0 };

	(void)state;
	keepers[0].release = true;
	er_script(&t, "> S 1000; > A 1001 1 abc; > A 1004 1 def; > A 1007 1 ghi");
	mapped = 0;
	look = look_released;
	er_feed(w, &t, 1, ER_UNSTABLE);
	assert_int_equal(mapped, 3);
	end(w, &t);
}

/* ---- gaps ----------------------------------------------------------------------------------------------------- */

/* Windows end at gaps; behind one, what lies before it is out of reach, however it was kept. */
static void test_gaps(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct fos_worker *w = levels((const char *[]){ "app", "ip" }, 2);
		struct er_trace t = { 0 };
		struct fos_sp p;

		er_script(&t, "> S 1000; > A 1001 1 abc; > A 1011 1 def; > A 1024 1 xyz; t 121; > A 1027 1 ghi");
		er_feed(w, &t, 1 + i, i % ER_MODES);
		struct fos_stream *s = keepers[0].of[0];

		assert_int_equal(keepers[0].gaps, 2);
		assert_int_equal(keepers[1].gaps, 2);
		assert_int_equal(fos_stream_head(s).off, 23);
		assert_int_equal(fos_stream_tail(s).off, 29);
		assert_int_equal(fos_sp_at(s, 22, &p), -ERANGE);
		assert_int_equal(fos_sp_at(s, 23, &p), 0);
		assert_int_equal(fos_sp_byte(&p), 'x');
		assert_int_equal(fos_sp_advance(&p, -1), -ERANGE);
		assert_memory_equal(keepers[0].seen[0], "abc\0\0\0\0\0\0\0def\0\0\0\0\0\0\0\0\0\0xyzghi", 29);
		assert_int_equal(fos_stream_gap_why(s), FOS_GAP_TIME);
		end(w, &t);
	}
}

/* ---- bytes that were not taken -------------------------------------------------------------------------------- */

static char late_log[200];

static void late_note(void *self, struct fos_stream *s, int64_t off, const uint8_t *data, uint32_t len)
{
	size_t at = strlen(late_log);

	(void)self;
	assert_int_equal(fos_stream_dir(s), 0);
	snprintf(late_log + at, sizeof(late_log) - at, "%d:%.*s ", (int)off, (int)len, (const char *)data);
}

/* What had been passed on, and what lies before the start, by offset; after the bytes that were passed on. */
static void test_late(void **state)
{
	struct fos_module late = keeper;

	(void)state;
	late.stream_late = late_note;
	for (unsigned i = 0; i < 8; i++) {
		struct fos_worker *w = levels(NULL, 0);
		struct er_trace t = { 0 };

		late_log[0] = '\0';
		er_module(w, 0, &late, NULL);
		er_script(&t,
		          "> S 1000; > A 999 1 01abc; > A 1003 1 XYZ; > A 1001 1 abcde; > A 1001 1 a; > A 900 1 old");
		er_feed(w, &t, 1 + i, i % ER_MODES);
		assert_string_equal(late_log, "-2:01 2:X 0:abcde 0:a -101:old ");
		assert_memory_equal(keepers[0].seen[0], "abcYZ", 5);
		end(w, &t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_self), cmocka_unit_test(test_levels),
		                            cmocka_unit_test(test_map),  cmocka_unit_test(test_map_released),
		                            cmocka_unit_test(test_gaps), cmocka_unit_test(test_late) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
