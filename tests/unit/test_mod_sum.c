/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mod_sum.c: the sum does not depend on how a stream is cut; gaps count as zero; datagrams add up in any order.
 */
#include "mod_harness.h"

/* The definition, byte by byte. */
static uint64_t naive(const uint8_t *data, size_t len, uint64_t off)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint64_t)data[i] << 8 * ((off + i) % 8);
	return sum;
}

static void assert_sum(struct mh *mh, const char *key, uint64_t want)
{
	char text[24], half[64];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)want);
	assert_string_equal(mh_str(mh, key), text);
	snprintf(half, sizeof(half), "%s_high", key);
	assert_int_equal(mh_u64(mh, half), want >> 32);
	snprintf(half, sizeof(half), "%s_low", key);
	assert_int_equal(mh_u64(mh, half), want & 0xffffffff);
}

static void test_pieces(void **state)
{
	uint64_t random = mh_seed();
	uint8_t data[3000];

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct mh mh;
		size_t len = 1 + (size_t)mh_random(&random, sizeof(data));
		uint64_t want = 0;

		mh_open(&mh, NULL);
		for (int n = 0; n < 2; n++) {
			struct fos_session *s = mh_session(&mh, "tcp", "10.0.0.1:1000", "10.0.0.2:80");
			mh_fill(&random, data, len);
			mh_feed_pieces(mh_stream(s, n), data, len, round % 2 ? 9 : 400, &random);
			assert_int_equal(mh_kept(mh_stream(s, n)), 0);
			want += naive(data, len, 0);
		}
		assert_int_equal(mh_finish(&mh), 0);
		assert_int_equal(mh_u64(&mh, "bytes"), 2 * len);
		assert_int_equal(mh_u64(&mh, "streams"), 2);
		assert_sum(&mh, "sum", want);
		mh_free(&mh);
	}
}

static void test_every_alignment(void **state)
{
	uint64_t random = 3;
	uint8_t data[200];

	(void)state;
	mh_fill(&random, data, sizeof(data));
	for (size_t cut = 1; cut < 20; cut++) {
		for (size_t len = cut; len < sizeof(data); len += 7) {
			struct mh mh;
			mh_open(&mh, NULL);
			struct fos_stream *s = mh_stream(mh_session(&mh, "tcp", "[::1]:1000", "[::2]:80"), 0);
			mh_feed(s, data, cut);
			mh_feed(s, data + cut, len - cut);
			assert_int_equal(mh_finish(&mh), 0);
			assert_sum(&mh, "sum", naive(data, len, 0));
			mh_free(&mh);
		}
	}
}

static void test_gap_counts_as_zero(void **state)
{
	const uint8_t data[] = "0123456789abcdef0123456789abcdef";
	struct mh mh;

	(void)state;
	mh_open(&mh, NULL);
	struct fos_stream *s = mh_stream(mh_session(&mh, "tcp", "10.0.0.1:1000", "10.0.0.2:80"), 0);
	mh_feed(s, data, 5);
	mh_gap(s, 6);
	mh_feed(s, data + 11, 21);
	assert_int_equal(mh_finish(&mh), 0);
	assert_sum(&mh, "sum", naive(data, 5, 0) + naive(data + 11, 21, 11));
	assert_int_equal(mh_u64(&mh, "gaps"), 1);
	assert_int_equal(mh_u64(&mh, "gap_bytes"), 6);
	mh_free(&mh);
}

static void test_datagrams(void **state)
{
	struct mh mh;

	(void)state;
	mh_open(&mh, NULL);
	struct fos_session *s = mh_session(&mh, "udp", "10.0.0.1:1000", "10.0.0.2:53");
	mh_datagram(s, 0, "hello", 5);
	mh_datagram(s, 1, "over there", 10);
	mh_datagram(s, 0, "", 0);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "datagrams"), 3);
	assert_int_equal(mh_u64(&mh, "datagram_bytes"), 15);
	assert_sum(&mh, "sum", 0);
	assert_sum(&mh, "datagram_sum",
	           naive((const uint8_t *)"hello", 5, 0) + naive((const uint8_t *)"over there", 10, 0));
	mh_free(&mh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_every_alignment),
		cmocka_unit_test(test_gap_counts_as_zero),
		cmocka_unit_test(test_datagrams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
