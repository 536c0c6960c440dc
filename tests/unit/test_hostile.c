/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_hostile.c: traffic that is made to break the engine, or to make it slow: cases that fuzzing found, and bounds on
 * what packets may cost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_run.h"
#include "held.h"

#define HELLO "> S 1000; < SA 5000 1001; > A 1001 5001;"

static int reader_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = NULL;
	return 0;
}

static void reader_data(void *self, struct fos_stream *s)
{
	(void)self;
	fos_release_all(s);
}

/* Reads level `app`, and says nothing. */
static const struct fos_module reader = { .abi = FOS_MODULE_ABI,
	                                  .size = sizeof(struct fos_module),
	                                  .name = "reader",
	                                  .open = reader_open,
	                                  .stream_data = reader_data };

/* What the recorder says of a script at a level, when another module reads level `app`. */
static void expect_at(const char *levels, const char *level, const char *script, const char *want)
{
	static const struct fos_worker_config four = { .hole_wait_packets = 4 };

	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		for (unsigned batch = 1; batch <= 16; batch *= 4) {
			struct fos_worker *w = er_worker(&four, levels);
			struct er_trace t = { 0 };

			er_module(w, 0, &reader, "app");
			er_module(w, 0, &er_recorder, level);
			er_script(&t, script);
			er_feed(w, &t, batch, mode);
			fos_worker_end(w, FOS_END_EOF);
			char *got = er_recorded();

			assert_string_equal(got, want);
			free(got);
			fos_worker_destroy(w);
			er_trace_free(&t);
		}
	}
}

/* A gap in a stream of a level that has no bytes behind it, or none at all: nobody may read where it is. */
static void gap_at_a_level_without_bytes(void **state)
{
	static const char script[] = HELLO "> A 1004 5001 def; < A 5001 1007; *4 > A 1007 5001; > A 1007 5001 ghi";

	(void)state;
	expect_at("ip:tcp:udp:app:http", "app", script, "1> [3]defghi eof; 1< eof");
	expect_at("ip:tcp:udp:app:http", "http", script, "1> [3] eof; 1< eof");
	expect_at("ip:tcp:udp:app:http", "udp", script, "1> [3] eof; 1< eof");
}

/* A clock that was far ahead once, then right again: datagrams are put together nevertheless. */
static void fragments_after_a_leap(void **state)
{
	struct fos_worker *w = er_worker(NULL, NULL);
	struct er_trace t = { 0 }, parts = { 0 };
	struct er_spec udp = { .udp = true, .data = "sixteen bytes...", .len = 16 };
	struct fos_worker_stats st;

	(void)state;
	er_add(&t, &udp);
	const uint8_t *whole = t.frame[0].mem;

	parts.ts_ns = t.ts_ns + (uint64_t)3600 * ER_SECOND;
	er_add_raw(&parts, whole, t.frame[0].f.len);
	parts.ts_ns = t.ts_ns;
	for (unsigned i = 0; i < 3; i++) { /* 8 bytes each: the UDP header, and two times payload */
		uint8_t frame[14 + 20 + 8];

		memcpy(frame, whole, 34);
		memcpy(frame + 34, whole + 34 + i * 8, 8);
		frame[14 + 3] = 28;
		frame[14 + 6] = i < 2 ? 0x20 : 0;
		frame[14 + 7] = (uint8_t)i;
		er_add_raw(&parts, frame, sizeof(frame));
	}
	er_feed(w, &parts, 1, ER_UNSTABLE);
	fos_worker_stats(w, &st);
	assert_int_equal(st.datagrams, 2);
	assert_int_equal(st.frag.timeouts, 0);
	fos_worker_destroy(w);
	er_trace_free(&t);
	er_trace_free(&parts);
}

/* A time-out that is never: the sum with a time stamp does not wrap round. */
static void idle_for_ever(void **state)
{
	struct fos_worker_config cfg = { .idle_ns = UINT64_MAX, .linger_ns = UINT64_MAX };

	(void)state;
	er_expect(HELLO "> A 1001 5001 abc; t 100000; > A 1004 5001 def", &cfg, "1> abcdef eof; 1< eof", NULL);
}

static void keeper_data(void *self, struct fos_stream *s)
{
	(void)self, (void)s;
}

/* A module that never releases, and packets of one byte: what is kept is bounded by their number. */
static void many_small_packets_kept(void **state)
{
	enum { PACKETS = 6000 };
	struct fos_worker_config cfg = { .cap_retained_bytes = 64 << 10 };
	struct fos_worker *w = er_worker(&cfg, NULL);
	struct fos_module keep = reader;
	struct er_trace t = { 0 };
	struct fos_worker_stats st;

	(void)state;
	keep.stream_data = keeper_data;
	er_module(w, 0, &keep, NULL);
	er_script(&t, HELLO);
	for (uint32_t i = 0; i < PACKETS; i++)
		er_add(&t, &(struct er_spec){ .flags = FOS_TCP_ACK, .seq = 1001 + i, .data = "x", .len = 1 });
	er_feed(w, &t, 64, ER_UNSTABLE);
	fos_worker_stats(w, &st);
	assert_int_equal(st.delivered_bytes, PACKETS);
	assert_int_equal(st.forced_releases, 1);
	fos_worker_destroy(w);
	er_trace_free(&t);
}

/* Bytes of a frame as a packet, all of them payload. */
static struct fos_pkt bare_pkt(const uint8_t *bytes, uint32_t len)
{
	return (struct fos_pkt){ .f = { .data = bytes, .len = len, .wire_len = len },
		                 .ip = bytes,
		                 .ip_len = len,
		                 .app = bytes,
		                 .app_len = len,
		                 .app_wire_len = len };
}

/* A large packet that is held in thousands of pieces is copied once. */
static void pieces_share_a_copy(void **state)
{
	enum { LEN = 60000 };
	struct fos__store store;
	uint8_t *bytes = calloc(1, LEN);
	struct fos_pkt small = bare_pkt(bytes, 1), large = bare_pkt(bytes, LEN);
	struct fos__insert in = { .policy = FOS_OVERLAP_FIRST, .data = bytes, .now_ns = 1 };
	uint32_t conflicts = 0;
	unsigned added;

	(void)state;
	fos__store_init(&store);
	struct fos__held *h = fos__held_new(&store, NULL, 0);

	assert_non_null(h);
	assert_non_null(bytes);
	for (uint32_t i = 1; i < LEN; i += 2) {
		in.pkt = &small;
		in.from = in.o_from = in.rank = 1000 + i;
		in.to = in.o_to = in.from + 1;
		assert_int_equal(fos__held_insert(h, &in, &conflicts, &added), 0);
	}
	in.pkt = &large;
	in.from = in.o_from = in.rank = 1000;
	in.to = in.o_to = 1000 + LEN;
	assert_int_equal(fos__held_insert(h, &in, &conflicts, &added), 0);
	assert_int_equal(added, LEN / 2);
	assert_int_equal(conflicts, 0);
	assert_int_equal(h->kept, LEN / 2 * (sizeof(struct fos__origin) + 16 + sizeof(struct fos_buf) + 1) +
	                              sizeof(struct fos__origin) + 16 + sizeof(struct fos_buf) + LEN);
	assert_true(fos__held_bytes(h) < LEN / 2 * 350);
	fos__held_free(h);
	fos__store_free(&store);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gap_at_a_level_without_bytes),
		cmocka_unit_test(fragments_after_a_leap),
		cmocka_unit_test(idle_for_ever),
		cmocka_unit_test(many_small_packets_kept),
		cmocka_unit_test(pieces_share_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
