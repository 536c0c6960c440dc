/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_worker.c: a worker with everything in it: order and patience as scenarios, caps, overlaps, checksums, fragments,
 * VLANs in keys, what is counted; and that results do not depend on how packets are batched.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_run.h"
#include "parse_build.h"

#define HELLO "> S 1000; < SA 5000 1001; > A 1001 5001;"

static const struct fos_worker_config plain = { 0 }, four = { .hole_wait_packets = 4 },
                                      half_second = { .hole_wait_ns = ER_SECOND / 2 },
                                      both = { .hole_wait_packets = 4, .hole_wait_ns = ER_SECOND / 2 },
                                      linux_overlap = { .overlap = FOS_OVERLAP_LINUX },
                                      last = { .overlap = FOS_OVERLAP_LAST },
                                      short_lived = { .idle_ns = (uint64_t)10 * ER_SECOND, .linger_ns = ER_SECOND };

static const struct {
	const char *what;
	const struct fos_worker_config *cfg;
	const char *script, *want;
} table[] = {
	/* order */
	{ "reordered", &plain, HELLO "> A 1007 5001 ghi; > A 1004 5001 def; > A 1001 5001 abc",
	  "1> abcdefghi eof; 1< eof" },
	{ "doubled", &plain, HELLO "> A 1001 5001 abc; > A 1001 5001 abc; > A 1004 5001 d; > A 1004 5001 d",
	  "1> abcd eof; 1< eof" },
	{ "partly old", &plain, HELLO "> A 1001 5001 abc; > A 1002 5001 bcdef", "1> abcdef eof; 1< eof" },
	{ "all old", &plain, HELLO "> A 1001 5001 abcdef; > A 1002 5001 xyz", "1> abcdef eof; 1< eof" },
	{ "passed on bytes never change", &last, HELLO "> A 1001 5001 abc; > A 1001 5001 xyzd", "1> abcd eof; 1< eof" },
	{ "wrap", &plain, "> S 4294967290; > A 0 1 fghi; > A 4294967291 1 abcde; > FA 4 1", "1> abcdefghi fin" },
	{ "wrap of the SYN itself", &plain, "> S 4294967295; > A 3 1 def; > A 0 1 abc", "1> abcdef eof" },
	{ "before the start", &plain, HELLO "> A 900 5001 old; > A 999 5001 xyabc", "1> abc eof; 1< eof" },
	{ "held from before the start", &plain, "> A 1001 5001 abcdef; > S 1003", "1> ~abcdef eof; 2> eof" },
	{ "a keep-alive", &plain, HELLO "> A 1001 5001 abc; > A 1003 5001 c; > A 1003 5001", "1> abc eof; 1< eof" },
	{ "out of the window", &plain, HELLO "> A 1073743000 5001 far; > A 1001 5001 abc", "1> abc eof; 1< eof" },
	{ "the window's edge", &plain, HELLO "> A 1073742825 5001 far; > A 1001 5001 abc",
	  "1> abc[1073741821]far eof; 1< eof" },
	{ "captured in part", &plain, HELLO "> A 1001 5001 abc~4; > A 1008 5001 hij", "1> abc[4]hij eof; 1< eof" },
	{ "and again whole", &plain, HELLO "> A 1001 5001 abc~4; > A 1001 5001 abcdefg", "1> abcdefg eof; 1< eof" },
	{ "a FIN behind what was cut off", &plain, HELLO "> FA 1001 5001 abc~4", "1> abc[4] fin; 1< eof" },
	{ "an RST has no data", &plain, HELLO "> R 1001 reason", "1> rst; 1< rst" },

	/* overlaps of what is held */
	{ "bsd: the one that begins first", &plain, HELLO "> A 1003 5001 CCCC; > A 1002 5001 bb; > A 1001 5001 a",
	  "1> abbCCC eof; 1< eof" },
	{ "linux: the longer one", &linux_overlap, HELLO "> A 1002 5001 CC; > A 1002 5001 bbb; > A 1001 5001 a",
	  "1> abbb eof; 1< eof" },
	{ "bsd: the longer one too late", &plain, HELLO "> A 1002 5001 CC; > A 1002 5001 bbb; > A 1001 5001 a",
	  "1> aCCb eof; 1< eof" },
	{ "last: also in the middle", &last, HELLO "> A 1002 5001 CCCCC; > A 1003 5001 b; > A 1001 5001 a",
	  "1> aCbCCC eof; 1< eof" },
	{ "a filler that reaches over", &plain, HELLO "> A 1003 5001 CC; > A 1001 5001 abxxe", "1> abxxe eof; 1< eof" },

	/* patience */
	{ "no evidence, no gap", &four, HELLO "*40 > A 1004 5001 def", "1> [3]def eof; 1< eof" },
	{ "the hole is filled in time", &four,
	  HELLO "> A 1004 5001 def; < A 5001 1007; *3 > A 1007 5001; > A 1001 5001 abc", "1> abcdef eof; 1< eof" },
	{ "and too late", &four, HELLO "> A 1004 5001 def; < A 5001 1007; *4 > A 1007 5001; > A 1001 5001 abc",
	  "1> [3]def eof; 1< eof" },
	{ "acknowledged before it came", &four,
	  HELLO "< A 5001 1007; > A 1004 5001 def; *4 > A 1007 5001; > A 1001 5001 abc", "1> [3]def eof; 1< eof" },
	{ "packets of the other side do not count", &four,
	  HELLO "> A 1004 5001 def; < A 5001 1007; *40 < A 5001 1007; > A 1001 5001 abc", "1> abcdef eof; 1< eof" },
	{ "waiting by time", &half_second, HELLO "> A 1004 5001 def; < A 5001 1007; t 0.4; > A 1001 5001 abc",
	  "1> abcdef eof; 1< eof" },
	{ "waiting by time in vain", &half_second, HELLO "> A 1004 5001 def; < A 5001 1007; t 0.6; > A 1001 5001 abc",
	  "1> [3]def eof; 1< eof" },
	{ "both: packets only", &both, HELLO "> A 1004 5001 def; < A 5001 1007; *6 > A 1007 5001; > A 1001 5001 abc",
	  "1> abcdef eof; 1< eof" },
	{ "both: time only", &both, HELLO "> A 1004 5001 def; < A 5001 1007; t 2; > A 1001 5001 abc",
	  "1> abcdef eof; 1< eof" },
	{ "both: both", &both, HELLO "> A 1004 5001 def; < A 5001 1007; *4 > A 1007 5001; t 2; > A 1001 5001 abc",
	  "1> [3]def eof; 1< eof" },
	{ "two minutes without evidence", &plain, HELLO "> A 1004 5001 def; t 121; > A 1001 5001 abc",
	  "1> [3]def eof; 1< eof" },
	{ "not quite two minutes", &plain, HELLO "> A 1004 5001 def; t 119; > A 1001 5001 abc",
	  "1> abcdef eof; 1< eof" },
	{ "two holes, one with evidence", &four,
	  HELLO "> A 1004 5001 def; > A 1010 5001 jkl; < A 5001 1007; *4 > A 1007 5001; > A 1007 5001 ghi",
	  "1> [3]defghijkl eof; 1< eof" },
	{ "a start that waits", &four, "> A 1004 5001 def; *3 > A 1007 5001; > A 1001 5001 abc", "1> ~abcdef eof" },
	{ "a start that waits in vain", &four,
	  "> A 1004 5001 def; *4 > A 1007 5001; > A 1001 5001 abc; > A 1007 5001 g", "1> ~defg eof" },

	/* idle and linger */
	{ "idle", &short_lived, HELLO "> A 1001 5001 abc; t 11; > A 1004 5001 def",
	  "1> abc timeout; 1< timeout; 2> ~def eof" },
	{ "linger", &short_lived, HELLO "> R 1001; t 2; > A 1001 5001 abc", "1> rst; 1< rst; 2> ~abc eof" },
	{ "idle with a hole", &short_lived, HELLO "> A 1004 5001 def; t 11; > S 1000",
	  "1> [3]def timeout; 1< timeout; 2> eof" },
};

static void test_scenarios(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct er_trace t = { 0 };

		er_script(&t, table[i].script);
		for (unsigned k = 0; k < 8; k++) {
			char *got = er_play(&t, table[i].cfg, (unsigned[]){ 64, 1, 2, 3 }[k % 4], k % ER_MODES, NULL);

			if (strcmp(got, table[i].want) != 0) {
				print_error("%s\n  want: %s\n   got: %s\n", table[i].what, table[i].want, got);
				bad++;
				k = 8;
			}
			free(got);
		}
		er_trace_free(&t);
	}
	assert_int_equal(bad, 0);
}

/* ---- what is counted, and caps -------------------------------------------------------------------------------- */

static void test_counts(void **state)
{
	struct fos_worker_stats st;

	(void)state;
	er_expect(HELLO
	          "> A 999 5001 xyabc; > A 1001 5001 abcd; > A 1010 5001 jk; > A 1010 5001 jX; > A 1900000000 5001 far;"
	          "> A 1020 5001 z",
	          NULL, "1> abcd[5]jk[8]z eof; 1< eof", &st);
	assert_int_equal(st.packets, 9);
	assert_int_equal(st.verdict[FOS_PKT_TCP], 9);
	assert_int_equal(st.sessions, 1);
	assert_int_equal(st.tcp_sessions, 1);
	assert_int_equal(st.payload_bytes, 5 + 4 + 2 + 2 + 3 + 1);
	assert_int_equal(st.delivered_bytes, 3 + 1 + 2 + 1);
	assert_int_equal(st.before_start_bytes, 2);
	assert_int_equal(st.late_bytes, 3);
	assert_int_equal(st.out_of_window, 1);
	assert_int_equal(st.conflicts, 1);
	assert_int_equal(st.held_segments, 2);
	assert_int_equal(st.gaps, 2);
	assert_int_equal(st.gap_bytes, 13);
	assert_int_equal(st.cap_gaps + st.time_gaps, 0);
	er_expect(HELLO "> A 1004 5001 def; t 121; > A 1007 5001", NULL, "1> [3]def eof; 1< eof", &st);
	assert_int_equal(st.time_gaps, 1);
}

/* A direction holds no more than its cap: the oldest hole becomes a gap, and the rest of the stream comes as it is. */
static void test_cap_direction(void **state)
{
	struct fos_worker_config cfg = { .cap_direction_bytes = 20000 };

	(void)state;
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		struct er_trace t = { 0 };
		struct fos_worker_stats st;

		er_script(&t, HELLO);
		for (uint32_t i = 1; i < 100; i++)
			er_add(&t, &(struct er_spec){
			               .flags = FOS_TCP_ACK, .seq = 1001 + 10 * i, .data = "0123456789", .len = 10 });
		free(er_play(&t, &cfg, 1, mode, &st));
		assert_int_equal(st.cap_gaps, 1);
		assert_int_equal(st.cap_gap_bytes, 10);
		assert_int_equal(st.gaps, 1);
		assert_int_equal(st.delivered_bytes, 990);
		assert_in_range(st.held_peak_bytes, 19000, 23500); /* a segment more, and a leaf for it */
		er_trace_free(&t);
	}
}

static void test_cap_total(void **state)
{
	struct fos_worker_config cfg = { .cap_total_bytes = 50000 };
	struct er_trace t = { 0 };
	struct fos_worker_stats st;

	(void)state;
	for (uint32_t i = 0; i < 30; i++)
		for (uint8_t host = 1; host < 20; host++)
			er_add(&t, &(struct er_spec){ .flags = i ? FOS_TCP_ACK : FOS_TCP_SYN,
			                              .host = host,
			                              .seq = 1000 + 10 * i,
			                              .data = "0123456789",
			                              .len = i ? 10 : 0 });
	free(er_play(&t, &cfg, 7, ER_UNSTABLE, &st));
	assert_in_range(st.held_peak_bytes, 45000, 53500);
	assert_in_range(st.cap_gaps, 1, 19);
	assert_int_equal(st.gaps, 19);
	assert_int_equal(st.delivered_bytes, 19 * 29 * 10);
	er_trace_free(&t);
}

/* Where all that may be held is full, those who hold much lose their holes, not those who hold little. */
static void test_cap_total_innocent(void **state)
{
	enum { INNOCENT = 40, HOARDERS = 60, EACH = 200 };
	struct fos_worker_config cfg = { .cap_total_bytes = 1000000 };
	struct er_trace t = { 0 };
	struct fos_worker_stats st;
	char *got, want[64];

	(void)state;
	for (uint8_t host = 1; host <= INNOCENT; host++)
		er_add(&t, &(struct er_spec){ .flags = FOS_TCP_SYN, .host = host, .seq = 100 });
	for (uint8_t host = 101; host <= 100 + HOARDERS; host++)
		er_add(&t, &(struct er_spec){ .flags = FOS_TCP_SYN, .host = host, .seq = 100 });
	for (uint32_t i = 0; i < EACH; i++) {
		for (uint8_t host = 101; host <= 100 + HOARDERS; host++)
			er_add(
			    &t,
			    &(struct er_spec){
			        .flags = FOS_TCP_ACK, .host = host, .seq = 110 + 10 * i, .data = "xxxxx", .len = 5 });
		if (i % 5 == 0) /* one after the other they get two segments above a hole ... */
			for (uint32_t k = 2; k > 0; k--)
				er_add(&t, &(struct er_spec){ .flags = FOS_TCP_ACK,
				                              .host = (uint8_t)(1 + i / 5),
				                              .seq = 101 + 3 * k,
				                              .data = k == 1 ? "def" : "ghi",
				                              .len = 3 });
	}
	for (uint8_t host = 1; host <= INNOCENT; host++) /* ... and at the end all what fills it */
		er_add(&t,
		       &(struct er_spec){ .flags = FOS_TCP_ACK, .host = host, .seq = 101, .data = "abc", .len = 3 });
	for (unsigned batch = 1; batch <= 64; batch += 21) {
		got = er_play(&t, &cfg, batch, batch & 1, &st);
		for (unsigned i = 1; i <= INNOCENT; i++) {
			snprintf(want, sizeof(want), "%u> abcdefghi eof", i);
			assert_non_null(strstr(got, want));
		}
		assert_true(st.cap_gaps > HOARDERS);
		assert_in_range(st.held_peak_bytes, 990000, 1004000);
		assert_int_equal(st.delivered_bytes, INNOCENT * 9 + HOARDERS * EACH * 5);
		free(got);
	}
	er_trace_free(&t);
}

/* A direction that has not started starts for want of room. */
static void test_cap_before_start(void **state)
{
	struct fos_worker_config cfg = { .cap_direction_bytes = 5000 };
	struct er_trace t = { 0 };
	struct fos_worker_stats st;
	char *got;

	(void)state;
	for (uint32_t i = 0; i < 40; i++)
		er_add(&t, &(struct er_spec){ .flags = FOS_TCP_ACK, .seq = 77 + 2 * i, .data = "ab", .len = 2 });
	got = er_play(&t, &cfg, 64, 0, &st);
	assert_memory_equal(got, "1> ~abab", 8);
	assert_int_equal(st.delivered_bytes, 80);
	assert_int_equal(st.gaps, 0);
	free(got);
	er_trace_free(&t);
}

/* ---- packets -------------------------------------------------------------------------------------------------- */

static void test_checksums(void **state)
{
	(void)state;
	for (int verify = 0; verify < 2; verify++) {
		struct fos_worker_config cfg = { .verify_checksums = verify };
		struct er_trace t = { 0 };
		struct fos_worker_stats st;
		char *got;

		er_script(&t, HELLO);
		er_add(&t,
		       &(struct er_spec){ .flags = FOS_TCP_ACK, .seq = 1001, .data = "bad", .len = 3, .bad = true });
		er_script(&t, "> A 1001 5001 abc");
		er_add(&t, &(struct er_spec){ .v6 = true, .udp = true, .data = "six", .len = 3, .bad = true });
		got = er_play(&t, &cfg, 64, 0, &st);
		assert_string_equal(got, verify ? "1> abc eof; 1< eof" : "1> bad eof; 1< eof; 2> six eof");
		assert_int_equal(st.bad_checksum, verify ? 2 : 0);
		free(got);
		t.frame[3].f.flags |= FOS_FRAME_CSUM_OK; /* the driver vouches */
		got = er_play(&t, &cfg, 64, 0, &st);
		assert_memory_equal(got, "1> bad eof", 10);
		free(got);
		er_trace_free(&t);
	}
}

static void test_vlan_key(void **state)
{
	struct er_trace t = { 0 };

	(void)state;
	for (uint16_t vlan = 0; vlan < 3; vlan++)
		er_add(&t, &(struct er_spec){ .udp = true, .vlan = vlan, .dir = vlan == 2, .data = "abc", .len = 3 });
	for (int with = 0; with < 2; with++) {
		struct fos_worker_config cfg = { .vlan_key = with };
		char *got = er_play(&t, &cfg, 64, 0, NULL);

		assert_string_equal(got, with ? "1> abc eof; 2> abc eof; 3< abc eof" : "1> abcabc eof; 1< abc eof");
		free(got);
	}
	er_trace_free(&t);
}

/* Cuts the IPv4 packet in `e` into fragments of `size` bytes of payload, a multiple of 8; returns frames by number. */
static void add_fragments(struct er_trace *t, const uint8_t *ip, uint32_t len, uint32_t size, uint16_t id, bool reverse)
{
	uint32_t n = (len - 20 + size - 1) / size;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (reverse ? n - 1 - i : i) * size, part = len - 20 - at < size ? len - 20 - at : size;
		uint8_t f[2048] = { 0 };

		assert_true(34 + part <= sizeof(f));
		put16(f + 12, 0x0800);
		memcpy(f + 14, ip, 20);
		memcpy(f + 34, ip + 20 + at, part);
		put16(f + 16, 20 + part);
		put16(f + 18, id);
		put16(f + 20, at / 8 + (at + part < len - 20 ? 0x2000 : 0));
		put16(f + 24, 0);
		put16(f + 24, ~model_sum(f + 14, 20, 0) & 0xffff);
		er_add_raw(t, f, 34 + part);
	}
}

/* A segment in fragments belongs to its session, and may wait above a hole when its fragments are gone. */
static void test_fragments(void **state)
{
	struct er_trace t = { 0 }, one = { 0 };
	struct fos_worker_config cfg = { .verify_checksums = true };
	struct fos_worker_stats st;

	(void)state;
	er_script(&t, HELLO);
	er_script(&one, "> A 1027 5001 #26; > A 1001 5001 #26");
	for (size_t i = 0; i < 2; i++)
		add_fragments(&t, one.frame[i].mem + 14, one.frame[i].f.len - 14, 8, (uint16_t)(7 + i), i == 0);
	for (unsigned k = 0; k < 12; k++) {
		char *got = er_play(&t, &cfg, 1 + k % 3 * 4, k % ER_MODES, &st);

		assert_string_equal(got, "1> nopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm eof; 1< eof");
		assert_int_equal(st.frag.datagrams, 2);
		assert_int_equal(st.frag.held_bytes, 0);
		assert_int_equal(st.verdict[FOS_PKT_FRAGMENT], 12);
		assert_int_equal(st.verdict[FOS_PKT_TCP], 5);
		assert_int_equal(st.held_segments, 1);
		free(got);
	}
	er_trace_free(&one);
	er_trace_free(&t);
}

/* Fragments within a tunnel within fragments. */
static void test_nested_fragments(void **state)
{
	struct er_trace t = { 0 }, inner = { 0 }, one = { 0 };
	struct fos_worker_stats st;

	(void)state;
	er_script(&one, "> S 1000 #40");
	add_fragments(&inner, one.frame[0].mem + 14, one.frame[0].f.len - 14, 24, 3, false);
	for (size_t i = 0; i < inner.n; i++) {
		uint8_t outer[200] = { 0x45, [8] = 64, [9] = 4, [12] = 192, 0, 2, 1, 192, 0, 2, 2 };
		uint32_t len = inner.frame[i].f.len - 14;

		memcpy(outer + 20, inner.frame[i].mem + 14, len);
		add_fragments(&t, outer, 20 + len, 16, (uint16_t)(50 + i), i % 2);
	}
	for (unsigned k = 0; k < 8; k++) {
		char *got = er_play(&t, NULL, 1 + k, k % ER_MODES, &st);

		assert_string_equal(got, "1> mnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz eof");
		assert_int_equal(st.frag.datagrams, inner.n + 1);
		assert_int_equal(st.frag.held_bytes, 0);
		free(got);
	}
	er_trace_free(&one);
	er_trace_free(&inner);
	er_trace_free(&t);
}

static void test_udp(void **state)
{
	struct er_trace t = { 0 };
	struct fos_worker_stats st;
	char *got;

	(void)state;
	er_add(&t, &(struct er_spec){ .udp = true, .port = 53, .data = "query", .len = 5 });
	er_add(&t, &(struct er_spec){ .udp = true, .port = 53, .dir = 1, .v6 = true, .data = "six", .len = 3 });
	er_add(&t, &(struct er_spec){ .udp = true, .port = 53, .dir = 1, .data = "answer", .len = 6 });
	er_add(&t, &(struct er_spec){ .udp = true, .port = 53 });
	er_add(&t, &(struct er_spec){ .udp = true, .port = 53, .data = "more", .len = 4 });
	got = er_play(&t, NULL, 2, ER_UNSTABLE, &st);
	assert_string_equal(got, "1> querymore eof; 1< answer eof; 2< six eof");
	assert_int_equal(st.datagrams, 5);
	assert_int_equal(st.datagram_bytes, 18);
	assert_int_equal(st.udp_sessions, 2);
	free(got);
	er_trace_free(&t);
}

/* ---- batches -------------------------------------------------------------------------------------------------- */

/* Random traffic on a few 4-tuples with SYNs, FINs and RSTs strewn in, payload that disagrees with itself. */
static void random_trace(struct er_trace *t, uint64_t *rnd)
{
	for (unsigned i = 0; i < 300; i++) {
		uint64_t what = er_draw(rnd, 100);
		uint8_t data[40];
		struct er_spec s = { .dir = (int)er_draw(rnd, 2),
			             .host = (uint8_t)(1 + er_draw(rnd, 3)),
			             .flags = what < 5    ? FOS_TCP_SYN
			                      : what < 8  ? FOS_TCP_SYN | FOS_TCP_ACK
			                      : what < 10 ? FOS_TCP_RST
			                      : what < 14 ? FOS_TCP_FIN | FOS_TCP_ACK
			                                  : FOS_TCP_ACK,
			             .seq = 1000 + (uint32_t)er_draw(rnd, 400),
			             .ack = 1000 + (uint32_t)er_draw(rnd, 400),
			             .udp = er_draw(rnd, 30) == 0,
			             .v6 = er_draw(rnd, 10) == 0,
			             .data = data,
			             .len = (uint32_t)er_draw(rnd, 40),
			             .more = er_draw(rnd, 20) ? 0 : 7 };

		if (s.flags & FOS_TCP_SYN)
			s.seq = er_draw(rnd, 4) ? 1000 : (uint32_t)er_draw(rnd, 1u << 31);
		if (s.udp)
			s.more = 0;
		for (uint32_t k = 0; k < s.len; k++)
			data[k] = (uint8_t)('a' + (s.seq + k + (er_draw(rnd, 100) == 0)) % 26);
		if (er_draw(rnd, 40) == 0)
			t->ts_ns += er_draw(rnd, 90) * ER_SECOND;
		er_add(t, &s);
	}
}

static void test_batches(void **state)
{
	uint64_t rnd = er_seed();

	(void)state;
	for (int round = 0; round < 25; round++) {
		struct fos_worker_config cfg = { .overlap = (enum fos_overlap)er_draw(&rnd, FOS_OVERLAPS),
			                         .hole_wait_packets = (uint32_t)er_draw(&rnd, 20) + 1,
			                         .hole_wait_ns = er_draw(&rnd, 2) * ER_SECOND };
		struct fos_worker_stats st, first;
		struct er_trace t = { 0 };
		char *want;

		random_trace(&t, &rnd);
		want = er_play(&t, &cfg, 1, 0, &first);
		for (unsigned batch = 2; batch <= FOS_BATCH_MAX; batch += 1 + batch / 8) {
			cfg.seed = batch;
			char *got = er_play(&t, &cfg, batch, batch % ER_MODES, &st);

			if (strcmp(got, want) != 0)
				fail_msg("round %d, batches of %u\nwant: %s\n got: %s", round, batch, want, got);
			assert_int_equal(st.delivered_bytes, first.delivered_bytes);
			assert_int_equal(st.gap_bytes, first.gap_bytes);
			assert_int_equal(st.late_bytes, first.late_bytes);
			assert_int_equal(st.conflicts, first.conflicts);
			assert_int_equal(st.held_segments, first.held_segments);
			free(got);
		}
		free(want);
		er_trace_free(&t);
	}
}

/* Ending makes room for a new beginning; a worker that never ran may end, too. */
static void test_end_and_on(void **state)
{
	struct fos_worker *w = er_worker(NULL, NULL);
	struct er_trace t = { 0 };
	char *got, err[64] = "";

	(void)state;
	fos_worker_destroy(NULL);
	fos_worker_end(w, FOS_END_EOF);
	er_module(w, 0, &er_recorder, NULL);
	er_script(&t, "> S 1000; > A 1001 1 abc");
	for (int i = 0; i < 3; i++) {
		er_feed(w, &t, 64, ER_UNSTABLE);
		fos_worker_end(w, i == 1 ? FOS_END_TIMEOUT : FOS_END_EOF);
	}
	assert_int_equal(fos_worker_finish(w, err, sizeof(err)), 0);
	assert_int_equal(fos_worker_add_flow(w, "late", NULL, NULL, err, sizeof(err)), -EBUSY);
	assert_int_equal(fos_worker_add_module(w, 0, 0, &er_recorder, NULL, NULL, err, sizeof(err)), -EINVAL);
	fos_worker_destroy(w);
	got = er_recorded();
	assert_string_equal(got, "1> abc eof; 2> abc timeout; 3> abc eof");
	free(got);
	er_trace_free(&t);
}

/* Patience can change while a hole is there: in time, it is waited for as long as was said last. */
static void test_set_hole_wait(void **state)
{
	static const struct {
		uint32_t before, after;
		const char *want;
	} row[] = {
		{ 4, 100, "1> abcdef eof; 1< eof" },
		{ 100, 4, "1> [3]def eof; 1< eof" },
		{ 4, 4, "1> [3]def eof; 1< eof" },
		{ 100, 0, "1> abcdef eof; 1< eof" }, /* the default, 1024 */
	};
	struct er_trace t = { 0 };

	(void)state;
	er_script(&t, HELLO "> A 1004 5001 def; < A 5001 1007; *2 > A 1007 5001; *18 > A 1007 5001; > A 1001 5001 abc");
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++)
		for (unsigned before = 3; before <= 5;
		     before++) { /* the hole is not there yet, or has no evidence, or has */
			bool late = before == 5 && row[i].after && row[i].after < row[i].before; /* see worker.h */
			struct fos_worker_config cfg = { .hole_wait_packets = row[i].before }, now;
			struct fos_worker *w = er_worker(&cfg, NULL);
			char *got;

			er_module(w, 0, &er_recorder, NULL);
			er_feed_part(w, &t, 0, before, 1, ER_STABLE);
			fos_worker_set_hole_wait(w, row[i].after, 0);
			fos_worker_settings(w, &now);
			assert_int_equal(now.hole_wait_packets, row[i].after ? row[i].after : 1024);
			er_feed_part(w, &t, before, t.n, 1, ER_STABLE);
			fos_worker_end(w, FOS_END_EOF);
			fos_worker_destroy(w);
			got = er_recorded();
			assert_string_equal(got, late ? row[0].want : row[i].want);
			free(got);
		}
	er_trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_cap_direction),
		cmocka_unit_test(test_cap_total),
		cmocka_unit_test(test_cap_total_innocent),
		cmocka_unit_test(test_cap_before_start),
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_vlan_key),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_nested_fragments),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_end_and_on),
		cmocka_unit_test(test_set_hole_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
