/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mod_template.c: lines are counted alike however the stream is cut; unfinished ones stay in the window.
 */
#include "mod_harness.h"

static const char text[] = "first\r\n\nthis line is too long for the module\nx\r\nlast without end";

static struct fos_stream *stream(struct mh *mh)
{
	return mh_stream(mh_session(mh, "tcp", "10.0.0.1:1000", "10.0.0.2:25"), 1);
}

static void assert_counts(struct mh *mh)
{
	assert_int_equal(mh_finish(mh), 0);
	assert_int_equal(mh_u64(mh, "streams"), 1);
	assert_int_equal(mh_u64(mh, "lines"), 4);
	assert_int_equal(mh_u64(mh, "line_bytes"), 5 + 0 + 1 + 16);
	assert_int_equal(mh_u64(mh, "empty_lines"), 1);
	assert_int_equal(mh_u64(mh, "too_long"), 1);
	mh_free(mh);
}

static void test_every_cut(void **state)
{
	const size_t len = sizeof(text) - 1;
	struct mh mh;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		mh_open(&mh, "max=20", NULL);
		struct fos_stream *s = stream(&mh);
		mh_feed(s, text, cut);
		mh_feed(s, text + cut, len - cut);
		assert_counts(&mh);
	}
}

static void test_pieces(void **state)
{
	uint64_t random = mh_seed();
	struct mh mh;

	(void)state;
	for (int round = 0; round < 50; round++) {
		mh_open(&mh, "max=20", NULL);
		mh_feed_pieces(stream(&mh), text, sizeof(text) - 1, 1 + (size_t)round % 9, &random);
		assert_counts(&mh);
	}
}

static void test_release(void **state)
{
	struct mh mh;

	(void)state;
	mh_open(&mh, NULL);
	struct fos_stream *s = stream(&mh);
	mh_feed(s, "one\ntw", 6);
	assert_int_equal(mh_kept(s), 2);
	mh_feed(s, "o\n", 2);
	assert_int_equal(mh_kept(s), 0);
	mh_feed(s, "thr", 3);
	mh_gap(s, 10);
	mh_feed(s, "ee\nfour\n", 8); /* the rest of a line does not count */
	assert_int_equal(mh_kept(s), 0);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "lines"), 3);
	assert_int_equal(mh_u64(&mh, "cut_by_gaps"), 1);
	mh_free(&mh);
}

static void test_bad_arguments(void **state)
{
	static const char *const bad[][2] = { { "max=0" }, { "max=" }, { "max=-1" }, { "max=10x" } };
	struct mh mh;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(mh_try(&mh, bad[i]) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_bad_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
