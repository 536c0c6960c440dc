/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mb_ring.c: a ring's settings from a text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mb_ring.h"

static void test_all(void **state)
{
	struct mb_ring r = { 0 };
	char err[256] = "";

	(void)state;
	assert_int_equal(
	    mb_ring_set(&r, "bytes=64M,frame=2048,slot=512,block=5ms,send-ring,qdisc-bypass", err, sizeof(err)), 0);
	assert_int_equal(r.bytes, 64000000);
	assert_int_equal(r.frame_bytes, 2048);
	assert_int_equal(r.slot_bytes, 512);
	assert_int_equal(r.block_ns, 5000000);
	assert_true(r.blocks && r.send_ring && r.qdisc_bypass);
}

static void test_laid_over(void **state)
{
	struct mb_ring under = { .bytes = 1, .slot_bytes = 2, .send_ring = true },
	               over = { .bytes = 3, .blocks = true };

	(void)state;
	mb_ring_lay(&under, &over);
	assert_int_equal(under.bytes, 3);
	assert_int_equal(under.slot_bytes, 2);
	assert_true(under.send_ring && under.blocks && !under.qdisc_bypass);
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "",        "bytes",      "bytes=",   "bytes=1",    "slot=x",
		                           "block=5", "block=1us",  "block=2s", "send",       "blocks=yes",
		                           "frame=1", "bytes=64M,", ",blocks",  "frame=-5000" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mb_ring r = { 0 };
		char err[256] = "";

		if (!mb_ring_set(&r, bad[i], err, sizeof(err)))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_not_equal(err[0], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_laid_over),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
