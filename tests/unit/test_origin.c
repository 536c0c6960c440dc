/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_origin.c: what is kept of a packet, whatever becomes of its frame, in one piece and in two.
 */
#include <string.h>

#include "origin.h"
#include "store.h"

#include "packet_source.h"

/* A kept packet is the packet that came: headers, payload, lengths; whatever becomes of the frame. */
static void test_keep(void **state)
{
	struct fos__store store;

	(void)state;
	fos__store_init(&store);
	for (unsigned mode = 0; mode < ER_MODES; mode++) {
		struct source x;

		source_make(&x, "payload", 7, mode);
		struct fos_pkt was = x.pkt;
		uint8_t headers[64];

		assert_true(was.l4 + was.l4_len <= sizeof(headers));
		memcpy(headers, was.ip, (size_t)was.l4 + was.l4_len);
		const uint8_t *app_was = x.pkt.app, *ip_was = x.pkt.ip;
		struct fos__origin *o = fos__origin_new(&store, &x.pkt);

		assert_non_null(o);
		o->refs++;
		struct fos_span *s = fos__span_new(&store, o, fos__origin_at(o, &x.pkt, app_was + 3), 4);
		struct fos_span *ip = fos__span_new(&store, o, fos__origin_at(o, &x.pkt, ip_was), 20);

		assert_true(s && ip);
		if (mode & ER_UNSTABLE)
			source_free(&x);
		assert_memory_equal(s->data, "load", 4);
		assert_memory_equal(s->pkt->app, "payload", 7);
		assert_memory_equal(s->pkt->ip, headers, (size_t)was.l4 + was.l4_len);
		assert_memory_equal(ip->data, headers, 20);
		assert_int_equal(s->pkt->app_len, was.app_len);
		assert_int_equal(s->pkt->f.ts_ns, was.f.ts_ns);
		assert_ptr_equal(s->pkt, &o->pkt);
		assert_ptr_equal(fos__origin_of(s->pkt), o);
		if (!(mode & ER_PIECES))
			assert_int_equal(s->pkt->ip_len, was.ip_len);
		fos__span_free(s);
		fos__span_free(ip);
		if (!(mode & ER_UNSTABLE))
			source_free(&x);
	}
	assert_int_equal(store.origin.chunks, store.origin.empty);
	assert_int_equal(store.span.chunks, store.span.empty);
	fos__store_free(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_keep) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
