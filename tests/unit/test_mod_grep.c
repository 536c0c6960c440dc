/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mod_grep.c: matches do not depend on where packets begin; gaps start anew; patterns from arguments and files.
 */
#include "mod_harness.h"

#include <errno.h>

static const char text[] = "GET /index.html HTTP/1.1\r\nHost: needle.example\r\nX: NEEDLE needle\r\n\r\nend";

static struct fos_stream *stream(struct mh *mh)
{
	return mh_stream(mh_session(mh, "tcp", "10.0.0.1:1000", "10.0.0.2:80"), 0);
}

static void test_every_boundary(void **state)
{
	const size_t len = sizeof(text) - 1;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		for (int several = 0; several < 2; several++) {
			struct mh mh;
			mh_open(&mh, "pattern=needle", "pattern=[Nn]EEDLE", "pattern=^GET .*HTTP", "pattern=end$",
			        NULL);
			struct fos_stream *s = stream(&mh);
			if (cut && several)
				mh_put(s, text, cut, 0);
			else
				mh_feed(s, text, cut);
			mh_feed(s, text + cut, len - cut);
			mh_data(s);
			assert_int_equal(mh_kept(s), 0);
			assert_int_equal(mh_finish(&mh), 0);
			assert_int_equal(mh_u64(&mh, "matches"), 5);
			assert_int_equal(mh_u64(&mh, "by_pattern.needle"), 2);
			assert_int_equal(mh_u64(&mh, "by_pattern.[Nn]EEDLE"), 1);
			assert_int_equal(mh_u64(&mh, "by_pattern.^GET .*HTTP"), 1);
			assert_int_equal(mh_u64(&mh, "by_pattern.end$"), 1);
			assert_int_equal(mh_u64(&mh, "streams_with_matches"), 1);
			mh_free(&mh);
		}
	}
}

static void test_random_pieces(void **state)
{
	uint64_t random = mh_seed();
	char data[4000], *whole = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)('a' + mh_random(&random, 3));
	for (int round = 0; round < 30; round++) {
		struct mh mh;
		mh_dir();
		mh_open(&mh, "pattern=abcab", "pattern=a[bc]{3}a", mh_arg("out", "m.tsv"), NULL);
		if (round)
			mh_feed_pieces(stream(&mh), data, sizeof(data), round % 2 ? 4 : 90, &random);
		else
			mh_feed(stream(&mh), data, sizeof(data));
		assert_int_equal(mh_finish(&mh), 0);
		char *got = mh_read("m.tsv", NULL);
		assert_non_null(got);
		assert_true(strlen(got) > 100);
		mh_free(&mh);
		if (whole) {
			assert_string_equal(got, whole);
			test_free(got);
		} else {
			whole = got;
		}
	}
	test_free(whole);
	mh_dir_remove();
}

static void test_gap(void **state)
{
	const char want[] = "tcp 10.0.0.1:1000 > 10.0.0.2:80\t106\t1\ntcp 10.0.0.1:1000 > 10.0.0.2:80\t115\t1\n";
	struct mh mh;

	(void)state;
	mh_dir();
	mh_open(&mh, "pattern=needle", "pattern=nee$", mh_arg("out", "m.tsv"), NULL);
	struct fos_stream *s = stream(&mh);
	mh_feed(s, "nee", 3);
	mh_gap(s, 97);
	mh_feed(s, "needle", 6);
	mh_feed(s, "dleneedle", 9);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "gaps"), 1);
	assert_int_equal(mh_u64(&mh, "by_pattern.nee$"), 0);
	char *got = mh_read("m.tsv", NULL);
	assert_string_equal(got, want);
	test_free(got);
	mh_free(&mh);
	mh_dir_remove();
}

static void test_datagrams(void **state)
{
	struct mh mh;

	(void)state;
	mh_open(&mh, "pattern=needle$", NULL);
	struct fos_session *s = mh_session(&mh, "udp", "10.0.0.1:1000", "10.0.0.2:53");
	mh_datagram(s, 0, "nee", 3);
	mh_datagram(s, 0, "dle", 3); /* not across datagrams */
	mh_datagram(s, 1, "a needle", 8);
	mh_datagram(s, 1, "", 0);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "matches"), 1);
	assert_int_equal(mh_u64(&mh, "datagrams"), 4);
	assert_int_equal(mh_u64(&mh, "datagrams_with_matches"), 1);
	mh_free(&mh);
}

static void test_file_literal_nocase(void **state)
{
	struct mh mh;

	(void)state;
	mh_dir();
	FILE *f = fopen(mh_path("p.txt"), "w");
	assert_non_null(f);
	fputs("# comment\n\n77:/n.edle/i\nnee.le\r\nneedle\nneedle\n", f);
	fclose(f);
	mh_open(&mh, mh_arg("file", "p.txt"), mh_arg("out", "m.tsv"), NULL);
	mh_feed(stream(&mh), "a NeEdle needle", 15);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "by_pattern.77:/n.edle/i"), 2);
	assert_int_equal(mh_u64(&mh, "by_pattern.nee.le"), 1);
	assert_int_equal(mh_u64(&mh, "by_pattern.needle"), 1);
	assert_int_equal(mh_u64(&mh, "by_pattern.needle #2"), 1);
	char *got = mh_read("m.tsv", NULL);
	assert_non_null(strstr(got, "\t8\t77\n"));
	test_free(got);
	mh_free(&mh);

	mh_open(&mh, "literal=yes", "nocase=yes", "pattern=a.*b", NULL);
	mh_feed(stream(&mh), "axxb A.*B", 9);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "matches"), 1);
	mh_free(&mh);
	mh_dir_remove();
}

/* Two workers: the file is by stream, whoever found it; a stream's matches stay in order. One reports for both. */
static void test_two_instances(void **state)
{
	struct mh a, b;

	(void)state;
	mh_dir();
	mh_open(&a, "pattern=x", "pattern=y", mh_arg("out", "m.tsv"), NULL);
	mh_open(&b, "pattern=x", "pattern=y", mh_arg("out", "m.tsv"), NULL);
	mh_feed(mh_stream(mh_session(&a, "tcp", "10.0.0.3:1", "10.0.0.9:80"), 0), "---------xx", 11);
	mh_feed(mh_stream(mh_session(&b, "tcp", "10.0.0.2:1", "10.0.0.9:80"), 0), "--------xyx", 11);
	mh_feed(mh_stream(mh_session(&a, "tcp", "10.0.0.1:1", "10.0.0.9:80"), 0), "y", 1);
	assert_int_equal(mh_finish(&b), 0);
	assert_int_equal(mh_finish(&a), 0);
	char *got = mh_read("m.tsv", NULL);
	assert_string_equal(got, "tcp 10.0.0.1:1 > 10.0.0.9:80\t1\t2\n"
	                         "tcp 10.0.0.2:1 > 10.0.0.9:80\t9\t1\n"
	                         "tcp 10.0.0.2:1 > 10.0.0.9:80\t10\t2\n"
	                         "tcp 10.0.0.2:1 > 10.0.0.9:80\t11\t1\n"
	                         "tcp 10.0.0.3:1 > 10.0.0.9:80\t10\t1\n"
	                         "tcp 10.0.0.3:1 > 10.0.0.9:80\t11\t1\n");
	test_free(got);
	assert_int_equal(a.m->merge(a.self, b.self), 0);
	mh_report_free(&a);
	mh_report(&a);
	assert_int_equal(mh_u64(&a, "patterns"), 2);
	assert_int_equal(mh_u64(&a, "matches"), 6);
	assert_int_equal(mh_u64(&a, "streams_with_matches"), 3);
	assert_int_equal(mh_u64(&a, "by_pattern.x"), 4);
	assert_int_equal(mh_u64(&a, "by_pattern.y"), 2);
	mh_free(&a);
	mh_free(&b);
	mh_dir_remove();
}

/* The name that a pattern gets for its number may be another one's. */
static void test_same_names(void **state)
{
	struct mh mh;

	(void)state;
	mh_open(&mh, "pattern=a", "pattern=a", "pattern=a #2", "pattern=a", "pattern=a #2", NULL);
	mh_feed(mh_stream(mh_session(&mh, "tcp", "10.0.0.3:1", "10.0.0.9:80"), 0), "a #2", 4);
	assert_int_equal(mh_finish(&mh), 0);
	mh_report(&mh);
	assert_int_equal(mh_u64(&mh, "patterns"), 5);
	assert_int_equal(mh_u64(&mh, "by_pattern.a"), 1);
	assert_int_equal(mh_u64(&mh, "by_pattern.a #2"), 1);
	assert_int_equal(mh_u64(&mh, "by_pattern.a #3"), 1);
	mh_free(&mh);
}

static void test_bad_arguments(void **state)
{
	static const char *const bad[][3] = { { NULL },
		                              { "pattern=a(b" },
		                              { "pattern=ok", "pattern=[" },
		                              { "pattern=" },
		                              { "file=/nonexistent" },
		                              { "pattern=a", "literal=1" },
		                              { "pattern=a", "out=" } };
	const char *const empty[8] = { "pattern=a*" };
	struct mh mh;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(mh_try(&mh, bad[i]) < 0);
	assert_true(mh_try(&mh, bad[2]) < 0);
	assert_non_null(strstr(mh.err, "pattern [: "));
	assert_true(mh_try(&mh, empty) < 0);
	assert_string_equal(mh.err, "pattern a*: it matches the empty text, and so everywhere");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_boundary),
		cmocka_unit_test(test_random_pieces),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_file_literal_nocase),
		cmocka_unit_test(test_two_instances),
		cmocka_unit_test(test_same_names),
		cmocka_unit_test(test_bad_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
