/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mod_digest.c: digests against the libraries' one-shot functions; lists whole, sorted and shared by instances.
 */
#include "mod_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <unistd.h>
#include <xxhash.h>

#include <flowos/outfile.h>

#include "interrupted_open.h"

static void one_shot(bool sha, const void *data, size_t len, char *hex)
{
	unsigned char raw[32];
	size_t n = sha ? 32 : 16;

	if (sha) {
		SHA256(data, len, raw);
	} else {
		XXH128_canonical_t c;
		XXH128_canonicalFromHash(&c, XXH3_128bits(data, len));
		memcpy(raw, c.digest, n);
	}
	for (size_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", raw[i]);
}

static void run_pieces(bool sha, uint64_t random)
{
	static uint8_t data[20000];
	char hex[65], want[256];

	for (int round = 0; round < 20; round++) {
		struct mh mh;
		size_t len = 1 + (size_t)mh_random(&random, round < 10 ? 600 : sizeof(data));
		mh_dir();
		mh_open(&mh, sha ? "algo=sha256" : "algo=xxh3", mh_arg("out", "d.txt"), NULL);
		mh_fill(&random, data, len);
		struct fos_session *s = mh_session(&mh, "tcp", "10.0.0.1:1000", "10.0.0.2:80");
		mh_feed_pieces(mh_stream(s, 1), data, len, round % 2 ? 64 : 1500, &random);
		assert_int_equal(mh_kept(mh_stream(s, 1)), 0);
		assert_int_equal(mh_finish(&mh), 0);
		assert_int_equal(mh_u64(&mh, "streams"), 1);
		assert_int_equal(mh_u64(&mh, "bytes"), len);
		one_shot(sha, data, len, hex);
		snprintf(want, sizeof(want), "tcp 10.0.0.2:80 > 10.0.0.1:1000 bytes=%zu %s gaps=-\n", len, hex);
		char *got = mh_read("d.txt", NULL);
		assert_non_null(got);
		assert_string_equal(got, want);
		test_free(got);
		mh_free(&mh);
	}
	mh_dir_remove();
}

static void test_xxh3(void **state)
{
	(void)state;
	run_pieces(false, mh_seed());
}

static void test_sha256(void **state)
{
	(void)state;
	run_pieces(true, mh_seed());
}

/* Feeds two sessions in one order or the other; returns the combined digest. */
static void run_order(bool turned, char *combined)
{
	struct mh mh;
	struct fos_session *s[2];

	mh_open(&mh, NULL);
	s[0] = mh_session(&mh, "tcp", "10.0.0.1:1000", "10.0.0.2:80");
	s[1] = mh_session(&mh, "tcp", "10.0.0.1:1001", "10.0.0.2:80");
	for (int i = 0; i < 2; i++) {
		struct fos_session *t = s[turned ? !i : i];
		mh_feed(mh_stream(t, 0), t == s[0] ? "first" : "second", 5);
		mh_session_end(t, FOS_END_FIN);
	}
	assert_int_equal(mh_finish(&mh), 0);
	strcpy(combined, mh_str(&mh, "combined"));
	mh_free(&mh);
}

static void test_combined_does_not_depend_on_order(void **state)
{
	char a[32], b[32];

	(void)state;
	run_order(false, a);
	run_order(true, b);
	assert_string_equal(a, b);
}

static void test_gaps_and_two_instances(void **state)
{
	struct mh a, b;
	char hex[65], want[1024];

	(void)state;
	mh_dir();
	mh_open(&a, mh_arg("out", "d.txt"), NULL);
	mh_open(&b, mh_arg("out", "d.txt"), NULL);
	struct fos_stream *s = mh_stream(mh_session(&a, "tcp", "[2001:db8::1]:5", "[2001:db8::2]:80"), 0);
	mh_gap(s, 10);
	mh_feed(s, "abc", 3);
	mh_gap(s, 7);
	mh_feed(s, "def", 3);
	mh_gap(s, 1);
	mh_feed(mh_stream(mh_session(&b, "tcp", "10.0.0.1:1000", "10.0.0.2:80"), 0), "abcdef", 6);
	mh_datagram(mh_session(&b, "udp", "10.0.0.1:1000", "10.0.0.2:53"), 0, "query", 5);
	assert_int_equal(mh_finish(&a), 0);
	assert_null(mh_read("d.txt", NULL)); /* not before it is whole */
	assert_int_equal(mh_finish(&b), 0);
	one_shot(false, "abcdef", 6, hex);
	snprintf(want, sizeof(want),
	         "tcp 10.0.0.1:1000 > 10.0.0.2:80 bytes=6 %s gaps=-\n"
	         "tcp [2001:db8::1]:5 > [2001:db8::2]:80 bytes=6 %s gaps=0+10,13+7,23+1\n",
	         hex, hex);
	char *got = mh_read("d.txt", NULL);
	assert_string_equal(got, want);
	test_free(got);
	assert_int_equal(mh_u64(&a, "gaps"), 3);
	assert_int_equal(mh_u64(&a, "gap_bytes"), 18);
	assert_int_equal(mh_u64(&b, "streams"), 1);
	mh_free(&a);
	mh_free(&b);
	mh_dir_remove();
}

static void test_file_is_whole_or_not_there(void **state)
{
	struct mh mh;

	(void)state;
	mh_dir();
	mh_open(&mh, mh_arg("out", "d.txt"), "udp=yes", NULL);
	mh_datagram(mh_session(&mh, "udp", "10.0.0.1:1000", "10.0.0.2:53"), 0, "query", 5);
	mh_free(&mh); /* without finish */
	assert_null(mh_read("d.txt", NULL));
	assert_int_equal(rmdir(mh_path("")), 0); /* and no temporary either */

	mh_dir();
	interrupted = true; /* by a signal whose handler cleans up */
	mh_open(&mh, mh_arg("out", "d.txt"), NULL);
	interrupted = false;
	assert_int_equal(rmdir(mh_path("")), 0);
	mh_free(&mh);

	mh_open(&mh, "out=/dev/full", NULL);
	mh_feed(mh_stream(mh_session(&mh, "tcp", "10.0.0.1:1", "10.0.0.2:2"), 0), "x", 1);
	assert_int_equal(mh_finish(&mh), -ENOSPC);
	assert_non_null(strstr(mh.err, "/dev/full"));
	mh_free(&mh);
}

static void test_bad_arguments(void **state)
{
	static const char *const bad[][2] = {
		{ "algo=md5", NULL }, { "udp=maybe", NULL }, { "out=", NULL }, { "out=/nonexistent/x", NULL }
	};
	struct mh mh;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(mh_try(&mh, bad[i]) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xxh3),
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_combined_does_not_depend_on_order),
		cmocka_unit_test(test_gaps_and_two_instances),
		cmocka_unit_test(test_file_is_whole_or_not_there),
		cmocka_unit_test(test_bad_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
