/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mb_ring.c: a ring's settings from a text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
	assert_int_equal(r.port, 0);
	assert_int_equal(r.xdp, 0);
}

static void test_words(void **state)
{
	static const char *const ways[] = { "auto", "native", "generic", "copy", "zerocopy" };
	struct mb_ring r = { 0 };
	char text[64], err[256] = "";

	(void)state;
	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		snprintf(text, sizeof(text), "port=afxdp,xdp=%s", ways[i]);
		assert_int_equal(mb_ring_set(&r, text, err, sizeof(err)), 0);
		assert_int_equal(r.port, MB_PORT_AFXDP);
		assert_int_equal(r.xdp, MB_XDP_AUTO + i);
		assert_string_equal(mb_ring_xdp_name(r.xdp), ways[i]);
	}
	assert_int_equal(mb_ring_set(&r, "port=afpacket", err, sizeof(err)), 0);
	assert_string_equal(mb_ring_port_name(r.port), "afpacket");
	assert_null(mb_ring_port_name(0));
	assert_null(mb_ring_xdp_name(0));
	mb_ring_lay(&r, &(struct mb_ring){ .port = MB_PORT_AFXDP, .xdp = MB_XDP_COPY });
	assert_int_equal(r.port, MB_PORT_AFXDP);
	assert_int_equal(r.xdp, MB_XDP_COPY);
	mb_ring_lay(&r, &(struct mb_ring){ 0 });
	assert_int_equal(r.port, MB_PORT_AFXDP);
	assert_int_equal(r.xdp, MB_XDP_COPY);
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
	static const char *const bad[] = { "",        "bytes",      "bytes=",   "bytes=1",     "slot=x",
		                           "block=5", "block=1us",  "block=2s", "send",        "blocks=yes",
		                           "frame=1", "bytes=64M,", ",blocks",  "frame=-5000", "port",
		                           "port=",   "port=xdp",   "xdp=fast", "xdp" };

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
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_laid_over),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
