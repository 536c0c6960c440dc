/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_checksum.c: the Internet checksum against a model that adds one byte at a time, at every alignment, in pieces;
 * and what fos_checksum_ok() says where there is more to it than a sum.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <flowos/parse.h>
#include <flowos/rand.h>

#include "parse_build.h"

static uint64_t seed(void)
{
	const char *s = getenv("FLOWOS_SEED");
	uint64_t n = s ? strtoull(s, NULL, 0) : 1;

	print_message("FLOWOS_SEED=%llu\n", (unsigned long long)n);
	return n;
}

/* The checksum as a number, from the bytes as they are stored. */
static unsigned stored(uint16_t sum)
{
	uint8_t b[2];

	memcpy(b, &sum, 2);
	return get16(b);
}

/* 0 and 0xffff are the same sum, and data of zeros alone has the one, not the other. */
static void check_same(unsigned got, unsigned model)
{
	if (got % 0xffff != model % 0xffff)
		fail_msg("checksum %04x, not %04x", got, model);
}

static void test_model(void **state)
{
	uint64_t start = seed();

	(void)state;
	for (uint64_t round = 0; round < 20000; round++) {
		uint64_t h = fos_mix64_add(start, round);
		uint32_t len = (uint32_t)fos_below(h, round % 100 ? 300 : 66000), skew = h & 15, sum = 0;
		uint8_t *mem = malloc(skew + len + 1), *p = mem + skew;

		assert_non_null(mem);
		for (uint32_t i = 0; i < len; i++)
			p[i] = round % 7 ? (uint8_t)fos_mix64(h + i) : (round & 1 ? 0xff : 0);
		check_same(stored(fos_csum_fold(fos_csum_add(p, len, 0))), ~model_sum(p, len, 0) & 0xffff);
		for (uint32_t at = 0, n; at < len; at += n) { /* pieces, all even but the last */
			n = (uint32_t)fos_below(fos_mix64_add(h, at), len - at + 1) & ~1u;
			n = n == 0 || len - at < 8 ? len - at : n;
			sum = fos_csum_add(p + at, n, sum);
		}
		check_same(stored(fos_csum_fold(sum)), ~model_sum(p, len, 0) & 0xffff);
		free(mem);
	}
}

static void test_fold(void **state)
{
	uint8_t header[20] = {
		0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7
	};
	uint16_t sum = fos_csum_fold(fos_csum_add(header, sizeof header, 0));

	(void)state;
	memcpy(header + 10, &sum, sizeof sum);
	assert_int_equal(get16(header + 10), 0xb861);
	assert_int_equal(fos_csum_fold(fos_csum_add(header, sizeof header, 0)), 0);
	assert_int_equal(fos_csum_fold(0), 0xffff);
	assert_int_equal(fos_csum_fold(0xffffffff), 0);
}

static bool sum_ok(struct build *b, uint32_t cut, unsigned flags, int verdict)
{
	struct fos_pkt p;

	memset(&p, 0, sizeof p);
	p.f = (struct fos_frame){ .data = build_bytes(b), .len = build_len(b) - cut, .wire_len = build_len(b) };
	p.f.linktype = 1;
	p.f.flags = flags;
	assert_int_equal(fos_parse(&p, 0), verdict);
	return fos_checksum_ok(&p);
}

/* Ethernet: IPv4 at 14, its transport at 34; IPv6's at 54. Every bit of header and payload counts. */
static void test_packets(void **state)
{
	static const struct {
		const char *line;
		int verdict;
		uint32_t from; /* the first byte that is summed: behind it each is tried; some change the verdict */
	} cases[] = {
		{ "eth ip4 tcp=12 data=99", FOS_PKT_TCP, 48 },
		{ "eth ip4 udp=53 data=100", FOS_PKT_UDP, 42 },
		{ "eth ip6 tcp data=1", FOS_PKT_TCP, 68 },
		{ "eth ip6 dst udp=53 data=1471", FOS_PKT_UDP, 78 },
	};
	static struct build b;

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		build(&b, cases[i].line);
		assert_true(sum_ok(&b, 0, 0, cases[i].verdict));
		for (uint32_t at = cases[i].from; at < build_len(&b); at++) {
			build_bytes(&b)[at] ^= (uint8_t)(1u << at % 8);
			assert_false(sum_ok(&b, 0, 0, cases[i].verdict));
			assert_true(sum_ok(&b, 0, FOS_FRAME_CSUM_OK, cases[i].verdict));
			assert_false(sum_ok(&b, 0, FOS_FRAME_CSUM_OK | FOS_FRAME_CORRUPTED, cases[i].verdict));
			if (at + 1 < build_len(&b))
				assert_true(sum_ok(&b, 1, 0, cases[i].verdict)); /* not all there: no telling */
			build_bytes(&b)[at] ^= (uint8_t)(1u << at % 8);
		}
	}
}

static void test_ip4_header(void **state)
{
	static struct build b;

	(void)state;
	build(&b, "eth ip4=28 tcp data=9");
	build_bytes(&b)[14 + 8]--; /* time to live */
	assert_false(sum_ok(&b, 0, 0, FOS_PKT_TCP));
	assert_false(sum_ok(&b, 3, 0, FOS_PKT_TCP)); /* the header is all there */
	build(&b, "eth ip4 tcp data=9");
	put16(build_bytes(&b) + 16, 0); /* the NIC was to fill it in */
	assert_true(sum_ok(&b, 0, 0, FOS_PKT_TCP));
	build(&b, "eth frag4=0x2000 tcp data=12");
	assert_true(sum_ok(&b, 0, 0, FOS_PKT_FRAGMENT));
	build_bytes(&b)[14 + 8]--;
	assert_false(sum_ok(&b, 0, 0, FOS_PKT_FRAGMENT));
	build(&b, "eth ip4 icmp");
	build_bytes(&b)[14 + 8]--;
	assert_false(sum_ok(&b, 0, 0, FOS_PKT_OTHER));
	build(&b, "eth type=0x0806 data=28");
	assert_true(sum_ok(&b, 0, 0, FOS_PKT_NON_IP));
}

static void test_udp_zero(void **state)
{
	static struct build b;

	(void)state;
	build(&b, "eth ip4 udp=53 data=9");
	put16(build_bytes(&b) + 40, 0);
	assert_true(sum_ok(&b, 0, 0, FOS_PKT_UDP));
	build(&b, "eth ip6 udp=53 data=9");
	put16(build_bytes(&b) + 60, 0);
	assert_false(sum_ok(&b, 0, 0, FOS_PKT_UDP));
	/* UDP ends before IP does: what is behind it is not summed */
	build(&b, "eth ip4 udp=53 data=9");
	memmove(build_bytes(&b) - 4, build_bytes(&b), build_len(&b));
	b.at -= 4;
	put16(build_bytes(&b) + 16, 20 + 8 + 9 + 4);
	put16(build_bytes(&b) + 24, 0);
	put16(build_bytes(&b) + 24, ~model_sum(build_bytes(&b) + 14, 20, 0) & 0xffff);
	assert_true(sum_ok(&b, 0, 0, FOS_PKT_UDP));
}

/* Under way along a source route, the pseudo-header holds the last address, not the next. */
static void test_routes(void **state)
{
	static struct build b;
	uint8_t *p, hop[16];

	(void)state;
	build(&b, "eth ip4=28 tcp data=9");
	p = build_bytes(&b) + 14;
	memcpy(p + 20, (uint8_t[]){ 131, 7, 4, 10, 0, 0, 2, 0 }, 8); /* the final address, as built */
	memcpy(p + 16, (uint8_t[]){ 192, 168, 1, 1 }, 4);            /* the next hop */
	put16(p + 10, 0);
	put16(p + 10, ~model_sum(p, 28, 0) & 0xffff);
	assert_true(sum_ok(&b, 0, 0, FOS_PKT_TCP));
	p[24]++;
	put16(p + 10, 0);
	put16(p + 10, ~model_sum(p, 28, 0) & 0xffff);
	assert_false(sum_ok(&b, 0, 0, FOS_PKT_TCP));

	memset(hop, 0x77, sizeof hop);
	for (unsigned type = 0; type <= 4; type += 2) {
		build(&b, "eth ip6 hop route tcp data=9");
		p = build_bytes(&b) + 14;
		p[40 + 8 + 2] = (uint8_t)type;
		p[40 + 8 + 3] = 1; /* segments left */
		memcpy(p + 40 + 8 + 8, p + 24, 16);
		memcpy(p + 24, hop, 16);
		assert_true(sum_ok(&b, 0, 0, FOS_PKT_TCP));
		p[40 + 8 + 8]++;
		assert_false(sum_ok(&b, 0, 0, FOS_PKT_TCP));
		p[40 + 8 + 2] = 99; /* a kind of route that is not known here: no telling */
		assert_true(sum_ok(&b, 0, 0, FOS_PKT_TCP));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),      cmocka_unit_test(test_fold),     cmocka_unit_test(test_packets),
		cmocka_unit_test(test_ip4_header), cmocka_unit_test(test_udp_zero), cmocka_unit_test(test_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
