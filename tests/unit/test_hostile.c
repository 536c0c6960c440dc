/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_hostile.c: traffic that is made to break the engine, or to make it slow: cases that fuzzing found, and bounds on
 * what packets may cost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_run.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gap_at_a_level_without_bytes),
		cmocka_unit_test(fragments_after_a_leap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
