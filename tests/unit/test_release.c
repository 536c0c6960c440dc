/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_release.c: which packets leave, when, and in which order: holes, repeats, overlaps, FIN and RST, caps and ends,
 * modules that keep, several stages and flows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "release_run.h"

#define HELLO "> S 1000; < SA 5000 1001; > A 1001 5001;" /* frames 1 to 3 */

/* ---- order, holes -------------------------------------------------------------------------------------------------- */

static const struct rr_plan open_gate = { .release = FOS_RELEASE_OPEN };
static const struct rr_plan closed_gate = { .release = FOS_RELEASE_CLOSED };

static void test_in_order(void **state)
{
	struct fos_worker_stats st;

	(void)state;
	rr_expect(&open_gate,
	          HELLO "> A 1001 5001 abc; < A 5001 1004 xyz; > FA 1004 5004; < FA 5004 1005; > A 1005 5005",
	          "1 |2 |3 |4 |5 |6 |7 |8 |", &st);
	assert_int_equal(st.release.waited, 0);
	assert_int_equal(st.release.waiting_peak, 0);
}

static void test_hole(void **state)
{
	struct fos_worker_stats st;

	(void)state;
	/* two above the hole, the later one first; an ACK passes by; the one that fills it takes them along, in order */
	rr_expect(&open_gate,
	          HELLO "> A 1007 5001 ghi; > A 1004 5001 def; > A 1010 5001; > A 1001 5001 abc; > A 1010 5001 j",
	          "1 |2 |3 |||6 |7 5 4 |8 |", &st);
	assert_int_equal(st.release.waited, 2);
	assert_int_equal(st.release.waiting_peak, 2);
	assert_int_equal(st.release.longest_wait_ns, 3 * (ER_SECOND / 1000));
	assert_int_equal(st.gaps, 0);
	/* and nobody gives it up: not for what was acknowledged, not for time */
	struct rr_plan p = open_gate;

	p.cfg.hole_wait_packets = 1;
	rr_expect(&p,
	          HELLO "> A 1004 5001 def; < A 5001 1007; *5 > A 1007 5001; t 300; > A 1007 5001; > A 1001 5001 abc",
	          "1 |2 |3 ||5 |6 |7 |8 |9 |10 |11 |12 4 |", &st);
	assert_int_equal(st.gaps, 0);
}

/* In a batch: what waits leaves between the one that fills the hole and what comes behind it. */
static void test_order_in_batch(void **state)
{
	struct er_trace t = { 0 };
	struct rr_plan p = open_gate;

	(void)state;
	er_script(&t,
	          HELLO "> A 1004 5001 def; > A 1010 5001 j; > A 1001 5001 abc; > A 1007 5001 ghi; > A 1011 5001 k");
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		struct fos_worker *w = rr_gate(&p, &t);

		er_feed_part(w, &t, 0, 5, 5, mode);
		assert_string_equal(rr_out.log, "1 2 3 ");
		er_feed_part(w, &t, 5, 8, 3, mode);
		assert_string_equal(rr_out.log, "1 2 3 6 4 7 5 8 ");
		rr_end(w, NULL);
		rr_play(&p, &t, 64, mode, NULL); /* all in one */
		assert_string_equal(rr_out.log, "1 2 3 6 4 7 5 8 |");
	}
	er_trace_free(&t);
}

static void test_late(void **state)
{
	(void)state;
	/* what was released passes again; what waits is repeated and waits, too */
	rr_expect(&open_gate,
	          HELLO "> A 1001 5001 abc; > A 1001 5001 abc; > A 1000 5001 0; > A 1007 5001 ghi; > A 1007 5001 ghi;"
	                "> A 1004 5001 def; > A 1004 5001 def; > A 1004 5001 defghi",
	          "1 |2 |3 |4 |5 |6 |||9 7 8 |10 |11 |", NULL);
}

static void test_partial_overlap(void **state)
{
	(void)state;
	/* frame 5 has one byte that is released and three above the next hole's end; 6 and 7 overlap each other */
	rr_expect(&open_gate,
	          HELLO "> A 1001 5001 abc; > A 1003 5001 cde; > A 1008 5001 hij; > A 1009 5001 ijk; > A 1006 5001 fgh",
	          "1 |2 |3 |4 |5 |||8 6 7 |", NULL);
	static const enum fos_overlap policy[] = { FOS_OVERLAP_FIRST, FOS_OVERLAP_LAST, FOS_OVERLAP_LINUX };

	for (unsigned i = 0; i < 3; i++) {
		struct rr_plan p = open_gate;

		p.cfg.overlap = policy[i];
		rr_expect(&p, HELLO "> A 1003 5001 cdef; > A 1002 5001 BCD; > A 1005 5001 EFGH; > A 1001 5001 a",
		          "1 |2 |3 ||||7 5 4 6 |", NULL);
	}
}

static void test_fin_and_rst(void **state)
{
	(void)state;
	/* a FIN waits for what is before it, and leaves behind it though it came first; RST and ACK pass */
	rr_expect(&open_gate, HELLO "> FA 1004 5001; > A 1001 5001 abc; < A 5001 1005", "1 |2 |3 ||5 4 |6 |", NULL);
	rr_expect(&open_gate, HELLO "> FA 1004 5001 def; > R 1007; < A 5001 1001; > A 1001 5001 abc",
	          "1 |2 |3 ||5 |6 |7 4 |", NULL);
	/* at the end what is above a hole leaves, or does not */
	rr_expect(&open_gate, HELLO "> FA 1004 5001 def; > R 1007", "1 |2 |3 ||5 |4 ", NULL);
	rr_expect(&closed_gate, HELLO "> FA 1004 5001 def; > R 1007", "1 |2 |3 ||5 |", NULL);
}

static void test_middle(void **state)
{
	struct fos_worker_stats st;

	(void)state;
	/* no SYN: the first payload is the start, and what comes from before it passes */
	rr_expect(&open_gate,
	          "> A 1001 5001 abc; > A 900 5001 xyz; < FA 7 1004; < A 5 1004 12; > A 1007 5001 g; > A 1004 5001 def",
	          "1 |2 |3 |4 ||6 5 |", &st);
	assert_int_equal(st.gaps, 0);
	/* the SYN-ACK says that bytes are missing in front */
	rr_expect(&open_gate, "< SA 5000 1001; > A 1004 5001 def; > A 1001 5001 abc", "1 ||3 2 |", NULL);
}

/* ---- modules that keep --------------------------------------------------------------------------------------------- */

static void test_module_keeps(void **state)
{
	struct rr_plan p = { .release = FOS_RELEASE_OPEN, .how = "d" };
	struct fos_worker_stats st;

	(void)state;
	/* frame 5 has a byte behind the dot, so it waits for the next one; the repeat of 4 passes, that of 5 does not */
	rr_expect(&p,
	          HELLO "> A 1001 5001 ab.; > A 1004 5001 cd.e; > A 1001 5001 ab.; > A 1004 5001 cd.e; > A 1008 5001 f;"
	                "> A 1009 5001 .; > A 1010 5001 gh; > FA 1012 5001",
	          "1 |2 |3 |4 ||6 |||5 7 8 9 |||10 11 ", &st);
	assert_int_equal(st.release.waited, 5);
	/* the order of the places is the stream's, whoever keeps; closed or open, what a module saw to the end leaves */
	p.release = FOS_RELEASE_CLOSED;
	rr_expect(&p, HELLO "> A 1001 5001 ab; > A 1005 5001 .; > A 1003 5001 cd; > A 1006 5001 x",
	          "1 |2 |3 |||4 6 5 ||7 ", &st);
	assert_int_equal(st.release.dropped, 0);
}

static void test_stages(void **state)
{
	struct rr_plan p = { .release = FOS_RELEASE_OPEN, .how = "ad" };

	(void)state;
	rr_expect(&p, HELLO "> A 1001 5001 ab; > A 1003 5001 .", "1 |2 |3 ||4 5 |", NULL);
	p.how = "da";
	rr_expect(&p, HELLO "> A 1001 5001 ab; > A 1003 5001 .", "1 |2 |3 ||4 5 |", NULL);
	p.how = "aan";
	rr_expect(&p, HELLO "> A 1001 5001 ab; > A 1003 5001 .", "1 |2 |3 |||4 5 ", NULL);
}

/* Modules that read levels below and above. */
static void test_levels(void **state)
{
	static const char *const level[] = { "tcp", "ip", "http" };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct rr_plan p = { .release = FOS_RELEASE_OPEN, .how = "d", .level = level[i] };
		struct fos_worker *w;
		struct er_trace t = { 0 };

		er_script(&t, "> S 1000; > A 1001 1 GET_/aaa; > A 1009 1 b; > A 1010 1 .; > A 1012 1 .; > A 1011 1 x");
		for (unsigned k = 1; k < 2; k++)
			for (uint32_t at = 54; at < t.frame[k].f.len; at++)
				if (t.frame[k].mem[at] == '_')
					t.frame[k].mem[at] = ' ';
		w = rr_gate(&p, &t);
		er_feed_part(w, &t, 0, 3, 1, ER_UNSTABLE);
		assert_string_equal(rr_out.log, "1 ");
		er_feed_part(w, &t, 3, 4, 1, ER_UNSTABLE);
		assert_string_equal(rr_out.log, "1 2 3 4 ");
		er_feed_part(w, &t, 4, 6, 1, ER_UNSTABLE);
		assert_string_equal(rr_out.log, "1 2 3 4 6 5 ");
		rr_end(w, NULL);
		er_trace_free(&t);
	}
}

/* ---- caps ---------------------------------------------------------------------------------------------------------- */

static void test_cap(void **state)
{
	struct rr_plan p = open_gate;
	struct fos_worker_stats st;

	(void)state;
	p.cfg.cap_direction_bytes = 10000;
	p.copies = true;
	rr_expect(&p,
	          HELLO
	          "> A 2001 5001 #5000; > A 7001 5001 #6000; > A 1001 5001 #1000; > A 13001 5001 z; < A 5001 1001 q",
	          "1 |2 |3 ||4 5 |6 |7 |8 |", &st);
	assert_int_equal(st.cap_gaps, 1);
	assert_int_equal(st.release.dropped, 0);
	p.release =
	    FOS_RELEASE_CLOSED; /* nothing more passes with bytes, one way; what has none does, and the other way */
	rr_expect(&p,
	          HELLO
	          "> A 2001 5001 #5000; > A 7001 5001 #6000; > A 1001 5001 #1000; > A 13001 5001 z; < A 5001 1001 q;"
	          "> A 13002 5001; > FA 13002 5001; > A 990 5001 #9; > R 13003",
	          "1 |2 |3 |||||8 |9 ||11 |12 |", &st);
	assert_int_equal(st.release.dropped, 5);
	assert_int_equal(st.release.shut, 1);
}

static void test_cap_of_modules(void **state)
{
	struct rr_plan p = { .release = FOS_RELEASE_OPEN, .how = "n", .cfg = { .cap_retained_bytes = 100 } };
	struct fos_worker_stats st;
	const char *script = HELLO "> A 1001 5001 #60; > A 1061 5001 #60; > A 1121 5001 #60; > A 1001 5001 #60";

	(void)state;
	rr_expect(&p, script, "1 |2 |3 ||4 5 ||7 |6 ", &st);
	p.release = FOS_RELEASE_CLOSED;
	rr_expect(&p, script, "1 |2 |3 |||||", NULL);
}

/* What waits beyond all that modules keep and holes hold, repeats for instance, is bounded. */
static void test_overflow(void **state)
{
	struct rr_plan p = { .release = FOS_RELEASE_OPEN,
		             .cfg = { .cap_direction_bytes = 4000, .cap_retained_bytes = 4000 } };
	struct fos_worker_stats st;
	struct er_trace t = { 0 };

	(void)state;
	er_script(&t, HELLO "*200 > A 1101 5001 #1000; > A 1001 5001 #100");
	for (int closed = 0; closed < 2; closed++) {
		p.release = closed ? FOS_RELEASE_CLOSED : FOS_RELEASE_OPEN;
		rr_play(&p, &t, 1, ER_UNSTABLE, &st);
		assert_in_range(st.release.waiting_peak_bytes, 10000, 20000);
		assert_in_range(st.release.overflow, 150, 199);
		assert_int_equal(st.release.dropped, closed ? st.release.overflow : 0);
		assert_int_equal(st.gaps, 0);
	}
	er_trace_free(&t);
}

/* ---- ends ---------------------------------------------------------------------------------------------------------- */

static void test_session_ends(void **state)
{
	struct rr_plan p = open_gate;
	struct fos_worker_stats st;

	(void)state;
	p.cfg.idle_ns = ER_SECOND;
	/* another session's packet shows that it is late: what waits leaves then */
	rr_expect(&p, HELLO "> A 1004 5001 def; t 5; > A 1001 5001 abc", "1 |2 |3 ||5 4 |", NULL);
	p.release = FOS_RELEASE_CLOSED;
	rr_expect(&p, HELLO "> A 1004 5001 def; t 5; > A 1001 5001 abc", "1 |2 |3 ||5 |", &st);
	assert_int_equal(st.release.dropped, 1);
}

/* A connection's data overtakes its SYN, and the 4-tuple was used before. */
static void test_used_again(void **state)
{
	(void)state;
	rr_expect(&closed_gate,
	          HELLO "> A 1001 5001 abc; > FA 1004 5001; < FA 5001 1005; > A 1005 5002;"
	                "> A 90001 9001 def; > S 90000; < SA 9000 90001; > A 90004 9001 g",
	          "1 |2 |3 |4 |5 |6 |7 |8 |9 |10 |11 |", NULL);
}

/* ---- who need not wait --------------------------------------------------------------------------------------------- */

static void test_others(void **state)
{
	static const uint8_t arp[60] = { [12] = 0x08, [13] = 0x06 };
	struct rr_plan p = { .release = FOS_RELEASE_CLOSED, .how = "n", .filter = "port 80" };
	struct er_trace t = { 0 };
	struct fos_worker_stats st;

	(void)state;
	p.cfg.verify_checksums = true;
	er_add_raw(&t, arp, sizeof(arp));
	er_add_raw(&t, arp, 13);
	er_add(&t, &(struct er_spec){ .port = 81, .flags = FOS_TCP_ACK, .seq = 50, .data = "abc", .len = 3 });
	er_add(&t,
	       &(struct er_spec){ .port = 81, .flags = FOS_TCP_ACK, .seq = 9, .data = "abc", .len = 3, .v6 = true });
	er_add(&t, &(struct er_spec){ .flags = FOS_TCP_ACK, .seq = 50, .data = "abc", .len = 3, .bad = true });
	er_add(&t, &(struct er_spec){ .flags = FOS_TCP_ACK, .seq = 50, .data = "abc", .len = 3 });
	for (unsigned batch = 1; batch <= FOS_BATCH_MAX; batch++) {
		rr_play(&p, &t, batch, batch % ER_MODES, &st);
		assert_int_equal(st.release.released, 6);
		if (batch == 1)
			assert_string_equal(rr_out.log, "1 |2 |3 |4 |5 ||6 ");
	}
	er_trace_free(&t);
}

static void test_udp(void **state)
{
	struct rr_plan p = { .release = FOS_RELEASE_OPEN, .how = "d" };
	struct er_trace t = { 0 };

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		er_add(&t, &(struct er_spec){ .udp = true, .data = i == 2 ? "xy." : "abc", .len = 3 });
	rr_play(&p, &t, 1, ER_UNSTABLE, NULL);
	assert_string_equal(rr_out.log, "||1 2 3 ||4 ");
	er_trace_free(&t);
}

/* Without a gate, and with one that reads nothing, packets leave as they came, holes or not. */
static void test_tap(void **state)
{
	struct rr_plan p = { .release = FOS_RELEASE_TAP };

	(void)state;
	rr_expect(&p, HELLO "> A 1007 5001 ghi; > A 1004 5001 def", "1 |2 |3 |4 |5 |", NULL);
	struct fos_worker *w = er_worker(NULL, NULL);

	assert_int_equal(fos_worker_flow_release(w, 0, FOS_RELEASE_OPEN), -EINVAL); /* nobody would get the packets */
	assert_int_equal(fos_worker_flow_release(w, 1, FOS_RELEASE_TAP), -EINVAL);
	fos_worker_destroy(w);
}

/* Two flows: one that waits and one that does not. */
static void test_flows(void **state)
{
	struct rr_plan p = { .release = FOS_RELEASE_OPEN, .filter = "port 80" };
	struct er_trace t = { 0 };
	char err[256];

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		er_add(&t, &(struct er_spec){ .port = i % 2 ? 81 : 80,
		                              .flags = i < 2 ? FOS_TCP_SYN : FOS_TCP_ACK,
		                              .seq = i < 2   ? 1000
		                                     : i < 4 ? 1004
		                                             : 1001,
		                              .data = "abc",
		                              .len = i < 2 ? 0 : 3 });
	struct fos_worker *w = rr_gate(&p, &t);

	assert_int_equal(fos_worker_add_flow(w, "tap", NULL, NULL, err, sizeof(err)), 1);
	assert_int_equal(fos_worker_add_module(w, 1, 0, &rr_keeper, NULL, NULL, err, sizeof(err)), 0);
	er_feed(w, &t, 1, ER_UNSTABLE);
	assert_string_equal(rr_out.log, "1 2 4 5 3 6 ");
	rr_end(w, NULL);
	er_trace_free(&t);
}

/* A super-packet leaves as one, with its offloads. */
static void test_offloads(void **state)
{
	struct rr_plan p = open_gate;
	struct er_trace t = { 0 };

	(void)state;
	er_script(&t, HELLO "> A 4001 5001 #3000; > A 1001 5001 #3000");
	for (unsigned i = 3; i < 5; i++) {
		t.frame[i].f.gso_size = 1448;
		t.frame[i].f.gso_type = FOS_GSO_TCPV4;
		t.frame[i].f.csum_start = 34;
		t.frame[i].f.csum_offset = 16;
		t.frame[i].f.flags |= FOS_FRAME_CSUM_PARTIAL | FOS_FRAME_CSUM_OK;
		t.frame[i].f.port = 1;
	}
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		rr_play(&p, &t, 1, mode, NULL);
		assert_string_equal(rr_out.log, "1 |2 |3 ||5 4 |");
	}
	er_trace_free(&t);
}

/* Two halves of a packet with a TCP segment that the frame `of` has. */
static void add_fragments(struct er_trace *t, const struct er_frame *of)
{
	uint8_t half[2][64];
	const uint8_t *ip = of->mem + 14;
	uint32_t len = of->f.len - 34, cut = 24;

	assert_in_range(len, cut + 1, 40);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t n = i ? len - cut : cut;

		memcpy(half[i], of->mem, 34);
		memcpy(half[i] + 34, ip + 20 + (i ? cut : 0), n);
		half[i][17] = (uint8_t)(20 + n);
		half[i][19] = 7; /* the datagram's number */
		half[i][20] = i ? 0 : 0x20;
		half[i][21] = i ? (uint8_t)(cut / 8) : 0;
		er_add_raw(t, half[i], 34 + n);
	}
}

/* The fragment that completes a datagram waits for what that carries. */
static void test_fragments(void **state)
{
	struct er_trace t = { 0 };

	(void)state;
	er_script(&t, HELLO "> A 1004 5001 defghijk");
	add_fragments(&t, &t.frame[3]);
	er_script(&t, "> A 1001 5001 abc");
	free(t.frame[3].mem);
	memmove(&t.frame[3], &t.frame[4], (t.n - 4) * sizeof(t.frame[0]));
	t.n--;
	for (size_t i = 0; i < t.n; i++)
		t.frame[i].f.num = i + 1;
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		struct fos_worker_stats st;

		rr_play(&open_gate, &t, 1, mode, &st);
		assert_string_equal(rr_out.log, "1 |2 |3 |4 ||6 5 |");
		assert_int_equal(st.frag.datagrams, 1);
		assert_int_equal(st.delivered_bytes, 11);
	}
	er_trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_order_in_batch),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_partial_overlap),
		cmocka_unit_test(test_fin_and_rst),
		cmocka_unit_test(test_middle),
		cmocka_unit_test(test_module_keeps),
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_cap_of_modules),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_session_ends),
		cmocka_unit_test(test_used_again),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_tap),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_offloads),
		cmocka_unit_test(test_fragments),

	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
