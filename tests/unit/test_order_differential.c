/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_order_differential.c: what came to light when the engine was held against the oracle (tests/model) and against
 * its own clean runs: each case was wrong once. ORDER.md says why each is right as it is here.
 */
#include "engine_run.h"

#include <stdlib.h>
#include <string.h>

#include <flowos/module.h>

/* The last packet of another session is all that tells how late it is. */
static void test_idle_at_the_end_has_timed_out(void **state)
{
	struct er_spec other = { .host = 9, .flags = FOS_TCP_SYN, .seq = 1 };
	struct er_trace t = { 0 };
	char *got;

	(void)state;
	er_script(&t, "> S 100; < SA 500 101; > A 101 501 one; t 7500");
	er_add(&t, &other);
	got = er_play(&t, NULL, 64, ER_STABLE, NULL);
	assert_string_equal(got, "1> one timeout; 1< timeout; 2> eof");
	free(got);
	er_trace_free(&t);
}

/* A held segment that was cut at capture takes its FIN along to the use that it belongs to. */
static void test_a_cut_segment_moves_with_its_fin(void **state)
{
	(void)state;
	er_expect("> S 100; < SA 500 101; > A 101 501 one; > FA 9004 501 lo~2; > A 9001 501 hel; > S 9000", NULL,
	          "1> one eof; 1< eof; 2> hello[2] fin", NULL);
}

/* The client's first SYN was answered by an old connection's ACK and reset; it tries again with the same ISN, and its
 * data overtakes SYN and SYN-ACK. */
static void test_an_acknowledgement_tells_connections_apart(void **state)
{
	(void)state;
	er_expect("> S 1000; < A 300000000 77; > R 77; > S 1000; < SA 900000000 1001; > A 1001 900000001 one;"
	          "> A 1004 900000001 two",
	          NULL, "1> rst; 1< ~ rst; 2> onetwo eof; 2< eof", NULL);
	er_expect("> S 1000; < A 300000000 77; > R 77; > A 1001 900000001 one; > A 1004 900000001 two; > S 1000;"
	          "< SA 900000000 1001",
	          NULL, "1> rst; 1< ~ rst; 2> onetwo eof; 2< eof", NULL);
}

/* A keep-alive's byte lies where the SYN was. */
static void test_a_syn_fits_before_a_keep_alive(void **state)
{
	(void)state;
	er_expect("> A 1000 501 x; > A 1001 501 one; > S 1000", NULL, "1> one eof", NULL);
}

/* An RST that overtook its connection is remembered whatever its numbers are, also 0 and no acknowledgement: what else the old
 * use has may come and go meanwhile. */
static void test_a_stray_rst_of_number_0(void **state)
{
	(void)state;
	er_expect("> S 1000000000; < SA 500 1000000001; > A 1000000001 501 one; < RA 501 1000000004; > R 0;"
	          "> A 1000000014 501 held; > A 1000000004 501 tenletters; > S 4294967295; > A 0 700 new",
	          NULL, "1> onetenlettersheld rst; 1< rst; 2> new rst", NULL);
	er_expect(
	    "> S 1000000000; < SA 1000000500 1000000001; > A 1000000001 1000000501 one; < RA 1000000501 1000000004;"
	    "> R 0; < R 2000000000; < S 1999999999; > S 3000000000; > S 4294967295; > A 0 2000000000 new",
	    NULL, "1> one rst; 1< rst; 2> rst; 2< rst; 3> new rst", NULL);
}

/* A SYN-ACK that acknowledges number 0 does not give a start to a direction with nothing but RSTs. */
static void test_rsts_give_no_start(void **state)
{
	(void)state;
	er_expect("< SA 500 0; > R 0", NULL, "1> ~ rst; 1< rst", NULL);
}

/* stream_late() comes behind stream_data() for what was passed on before it, in the same batch too. */
static char told[64];

static int note_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = told;
	return 0;
}

static void note_data(void *self, struct fos_stream *s)
{
	(void)self;
	strcat(told, "data ");
	fos_release_all(s);
}

static void note_late(void *self, struct fos_stream *s, int64_t off, const uint8_t *data, uint32_t len)
{
	(void)self, (void)s, (void)off, (void)data, (void)len;
	strcat(told, "late ");
}

static const struct fos_module noter = {
	.abi = FOS_MODULE_ABI,
	.size = sizeof(struct fos_module),
	.name = "noter",
	.summary = "the order of calls",
	.access = FOS_READ_ONLY,
	.open = note_open,
	.stream_data = note_data,
	.stream_late = note_late,
};

static void test_late_bytes_come_behind_those_passed_on(void **state)
{
	struct fos_worker *w = er_worker(NULL, "ip:tcp:app");
	struct er_trace t = { 0 };

	(void)state;
	told[0] = '\0';
	er_module(w, 0, &noter, NULL);
	er_script(&t, "> S 100; > A 101 1 one; > A 101 1 two; > A 104 1 more");
	er_feed(w, &t, 64, ER_STABLE);
	fos_worker_end(w, FOS_END_EOF);
	assert_string_equal(told, "data late data ");
	fos_worker_destroy(w);
	er_trace_free(&t);
}

/* A fragment whose header is damaged is refused when checksums are verified: the datagram would get a new header. */
static void test_a_fragment_with_a_wrong_sum_is_refused(void **state)
{
	static const uint8_t frame[] = { 0, 0,  0,  0, 0, 0,  0, 0, 0, 0,  0, 0, 8, 0, 0x45, 0, 0, 28, 0,  7, 0x20,
		                         0, 64, 17, 1, 2, 10, 0, 0, 1, 10, 0, 0, 2, 0, 1,    0, 2, 0,  16, 0, 0 };
	struct fos_worker_config cfg = { .verify_checksums = true };
	struct fos_worker_stats st;
	struct er_trace t = { 0 };

	(void)state;
	er_add_raw(&t, frame, sizeof(frame));
	free(er_play(&t, &cfg, 64, ER_STABLE, &st));
	assert_int_equal(st.bad_checksum, 1);
	assert_int_equal(st.frag.fragments, 0);
	er_trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_at_the_end_has_timed_out),
		cmocka_unit_test(test_a_cut_segment_moves_with_its_fin),
		cmocka_unit_test(test_an_acknowledgement_tells_connections_apart),
		cmocka_unit_test(test_a_syn_fits_before_a_keep_alive),
		cmocka_unit_test(test_a_stray_rst_of_number_0),
		cmocka_unit_test(test_rsts_give_no_start),
		cmocka_unit_test(test_late_bytes_come_behind_those_passed_on),
		cmocka_unit_test(test_a_fragment_with_a_wrong_sum_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
