/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_csum_partial.c: a checksum that was left undone is found wherever it may be, and nothing else is taken for one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "csum_partial.h"
#include "parse_build.h"

/* The innermost transport header and IP header, the field in the transport header. */
static const struct packet {
	const char *line;
	uint16_t ip, l4, field;
} packets[] = {
	{ "eth ip4 tcp data=1000", 14, 34, 16 },
	{ "eth ip4 tcp data=0", 14, 34, 16 },
	{ "eth ip4 tcp=12 data=77", 14, 34, 16 },
	{ "eth ip4 udp=53 data=501", 14, 34, 6 },
	{ "eth ip6 tcp data=1400", 14, 54, 16 },
	{ "eth ip6 hop tcp data=100", 14, 62, 16 },
	{ "eth vlan=9 ip6 udp=53 data=500", 18, 58, 6 },
	{ "eth qinq=7 vlan=9 ip4 tcp data=300", 22, 42, 16 },
	{ "eth ip4 ip4 tcp data=300", 34, 54, 16 },
	{ "eth ip4 ip6 udp=53 data=300", 34, 74, 6 },
	{ "eth ip6 ip4 tcp data=300", 54, 74, 16 },
	{ "eth ip4 gre ip4 tcp data=300", 38, 58, 16 },
	{ "eth ip4 udp=4789 vxlan eth ip4 tcp data=300", 64, 84, 16 },
	{ "eth ip4 udp=8472 vxlan eth vlan=5 ip6 tcp data=301", 68, 108, 16 },
	{ "eth ip6 udp=4789 vxlan eth ip4 udp=53 data=300", 84, 104, 6 },
};
enum { PACKETS = sizeof packets / sizeof packets[0] };

/* A kernel that leaves the checksum to its interface writes the pseudo header's sum. */
static void unfinish(uint8_t *p, uint32_t len, const struct packet *is)
{
	uint32_t sum = p[is->ip] >> 4 == 6 ? model_sum(p + is->ip + 8, 32, 0) : model_sum(p + is->ip + 12, 8, 0);
	uint8_t tail[4] = { 0, is->field == 16 ? 6 : 17 };

	put16(tail + 2, len - is->l4);
	put16(p + is->l4 + is->field, model_sum(tail, 4, sum));
}

/* Only the bytes that belong to it may be touched: the copy ends where the packet does. */
static bool find(const uint8_t *p, uint32_t len, uint16_t *start, uint16_t *offset)
{
	uint8_t *copy = malloc(len ? len : 1);
	bool found;

	assert_non_null(copy);
	memcpy(copy, p, len);
	found = fos__csum_partial_find(copy, len, start, offset);
	free(copy);
	return found;
}

static void test_found(void **state)
{
	static struct build b, whole;

	(void)state;
	for (unsigned i = 0; i < PACKETS; i++) {
		uint16_t start = 0, offset = 0;

		build(&whole, packets[i].line);
		if (find(build_bytes(&whole), build_len(&whole), &start, &offset))
			fail_msg("%s: is complete", packets[i].line);
		build(&b, packets[i].line);
		unfinish(build_bytes(&b), build_len(&b), &packets[i]);
		if (!find(build_bytes(&b), build_len(&b), &start, &offset))
			fail_msg("%s: not found", packets[i].line);
		assert_int_equal(start, packets[i].l4);
		assert_int_equal(offset, packets[i].field);
		fos__csum_partial_complete(build_bytes(&b), build_len(&b), start, offset);
		/* of what is around it the outer checksum, if there is one, was over the complete one */
		assert_memory_equal(build_bytes(&b), build_bytes(&whole), build_len(&b));
	}
}

/* Behind the IP packet there may be padding, which does not count. */
static void test_padded(void **state)
{
	static struct build b;
	uint16_t start, offset;
	uint8_t padded[80] = { 0 };

	(void)state;
	build(&b, "eth ip4 tcp data=1");
	unfinish(build_bytes(&b), build_len(&b), &packets[0]);
	memcpy(padded, build_bytes(&b), build_len(&b));
	padded[79] = 99;
	assert_true(find(padded, sizeof padded, &start, &offset));
	assert_int_equal(start, 34);
}

static void test_others(void **state)
{
	static const char *const other[] = { "eth ip4 icmp data=100",       "eth type=0x88b5 data=50",
		                             "eth ip4 frag4=8 tcp data=80", "eth ip6 frag6=8 data=80",
		                             "eth ip4 udp=4790 data=40",    "eth mpls=5 ip4 tcp data=9" };
	static struct build b;
	uint16_t start, offset;

	(void)state;
	for (unsigned i = 0; i < sizeof other / sizeof other[0]; i++) {
		build(&b, other[i]);
		if (find(build_bytes(&b), build_len(&b), &start, &offset))
			fail_msg("%s", other[i]);
	}
	build(&b, "eth ip4 udp=53 data=100"); /* no checksum at all */
	put16(build_bytes(&b) + 40, 0);
	assert_false(find(build_bytes(&b), build_len(&b), &start, &offset));
	build(&b, "eth ip4 tcp data=100"); /* damaged on its way */
	build_bytes(&b)[60] ^= 4;
	assert_false(find(build_bytes(&b), build_len(&b), &start, &offset));
}

/* Cut short anywhere, or with any byte changed, it is read within its bytes. */
static void test_cut_and_damaged(void **state)
{
	static struct build b;
	uint16_t start = 0, offset = 0;

	(void)state;
	for (unsigned i = 0; i < PACKETS; i++) {
		build(&b, packets[i].line);
		for (uint32_t len = 0; len < build_len(&b); len++)
			assert_false(find(build_bytes(&b), len, &start, &offset));
		for (uint32_t at = 0; at < build_len(&b) && at < 140; at++)
			for (unsigned value = 0; value < 256; value += 15) {
				uint8_t was = build_bytes(&b)[at];

				build_bytes(&b)[at] = (uint8_t)value;
				if (find(build_bytes(&b), build_len(&b), &start, &offset))
					assert_true(start + offset + 2u <= build_len(&b));
				build_bytes(&b)[at] = was;
			}
	}
	fos__csum_partial_complete(build_bytes(&b), 50, 40, 16); /* does not lie within: nothing happens */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_padded),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_cut_and_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
