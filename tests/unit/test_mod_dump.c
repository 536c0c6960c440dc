/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mod_dump.c: names as tcpflow 1.6.1 writes them (these were taken from it), contents, gaps, few open files,
 * errors.
 */
#include "mod_harness.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void assert_file(const char *name, const void *data, size_t len)
{
	size_t n = 0;
	char *text = mh_read(name, &n);

	if (!text)
		fail_msg("there is no file %s", name);
	assert_int_equal(n, len);
	assert_memory_equal(text, data, len);
	test_free(text);
}

static void one(struct mh *mh, const char *a, const char *b, uint16_t vlan, const char *text)
{
	struct fos_session *s = mh_session(mh, "tcp", a, b);

	s->key.vlan = vlan;
	mh_feed(mh_stream(s, 0), text, strlen(text));
	mh_session_end(s, FOS_END_FIN);
}

static void test_names(void **state)
{
	static const struct {
		const char *a, *b, *name;
		uint16_t vlan;
	} want[] = {
		{ "10.0.0.1:10000", "192.168.0.1:80", "010.000.000.001.10000-192.168.000.001.00080", 0xffff },
		{ "10.0.0.1:10000", "192.168.0.1:80", "010.000.000.001.10000-192.168.000.001.00080c1", 0xffff },
		{ "10.0.0.1:10000", "192.168.0.1:80", "010.000.000.001.10000-192.168.000.001.00080c2", 0xffff },
		{ "10.0.0.9:10000", "192.168.0.1:80", "010.000.000.009.10000-192.168.000.001.00080--42", 42 },
		{ "10.0.0.9:10000", "192.168.0.1:80", "010.000.000.009.10000-192.168.000.001.00080--42c1", 42 },
		{ "[2001:db8::1]:10000", "[fe80:0:0:1::5]:80", "2001:db8::1.10000-fe80:0:0:1::5.00080", 0xffff },
		{ "[::ffff:1.2.3.4]:10000", "[::1]:80", "::ffff:1.2.3.4.10000-::1.00080", 0xffff },
	};
	const size_t n = sizeof(want) / sizeof(want[0]);
	struct mh mh;

	(void)state;
	mh_dir();
	mh_open(&mh, mh_arg("dir", "d"), NULL);
	for (size_t i = 0; i < n; i++)
		one(&mh, want[i].a, want[i].b, want[i].vlan, want[i].name);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "files"), n);
	for (size_t i = 0; i < n; i++) {
		char name[256];
		snprintf(name, sizeof(name), "d/%s", want[i].name);
		assert_file(name, want[i].name, strlen(want[i].name));
	}
	assert_file("d/gaps.tsv", "file\toffset\tlength\n", 19);
	mh_free(&mh);
}

static void test_reuse_counts_on(void **state)
{
	char text[16], name[128];
	struct mh mh;

	(void)state;
	mh_dir();
	mh_open(&mh, mh_arg("dir", "d"), "files=3", NULL);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "use %d", i);
		one(&mh, "10.0.0.1:10000", "192.168.0.1:80", 0xffff, text);
	}
	assert_int_equal(mh_finish(&mh), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "use %d", i);
		snprintf(name, sizeof(name), "d/010.000.000.001.10000-192.168.000.001.00080");
		if (i)
			snprintf(name + strlen(name), 16, "c%d", i);
		assert_file(name, text, strlen(text));
	}
	mh_free(&mh);
}

enum { MANY = 40, LONG_ENOUGH = 3000 };

static void test_few_open_files(void **state)
{
	static uint8_t data[MANY][LONG_ENOUGH];
	uint64_t random = mh_seed();
	struct fos_session *s[MANY];
	size_t at[MANY] = { 0 };
	struct mh mh;

	(void)state;
	mh_dir();
	mh_open(&mh, mh_arg("dir", "d"), "files=4", NULL);
	for (int i = 0; i < MANY; i++) {
		char from[32];
		mh_fill(&random, data[i], LONG_ENOUGH);
		snprintf(from, sizeof(from), "10.0.0.1:%d", 100 + i);
		s[i] = mh_session(&mh, "tcp", from, "10.0.0.2:80");
	}
	for (int left = MANY; left;) {
		size_t i = (size_t)mh_random(&random, MANY);
		size_t n = 1 + (size_t)mh_random(&random, 700);
		n = n < LONG_ENOUGH - at[i] ? n : LONG_ENOUGH - at[i];
		if (at[i] < LONG_ENOUGH) {
			mh_feed_pieces(mh_stream(s[i], 0), data[i] + at[i], n, 5, &random);
			left -= (at[i] += n) == LONG_ENOUGH;
		}
	}
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "bytes"), MANY * LONG_ENOUGH);
	for (int i = 0; i < MANY; i++) {
		char name[128];
		snprintf(name, sizeof(name), "d/010.000.000.001.%05d-010.000.000.002.00080", 100 + i);
		assert_file(name, data[i], LONG_ENOUGH);
	}
	mh_free(&mh);
}

static void test_gaps_and_udp(void **state)
{
	const char want[] = "file\toffset\tlength\n"
	                    "010.000.000.001.00001-010.000.000.002.00080\t3\t10\n"
	                    "010.000.000.001.00001-010.000.000.002.00080\t16\t2\n";

	(void)state;
	for (int udp = 0; udp < 2; udp++) {
		struct mh mh;
		mh_dir();
		mh_open(&mh, mh_arg("dir", "d"), udp ? "udp=yes" : "udp=no", NULL);
		struct fos_stream *s = mh_stream(mh_session(&mh, "tcp", "10.0.0.1:1", "10.0.0.2:80"), 0);
		mh_feed(s, "abc", 3);
		mh_gap(s, 10);
		mh_feed(s, "def", 3);
		mh_gap(s, 2);
		mh_datagram(mh_session(&mh, "udp", "10.0.0.1:1", "10.0.0.2:80"), 1, "pong", 4);
		assert_int_equal(mh_finish(&mh), 0);
		assert_file("d/010.000.000.001.00001-010.000.000.002.00080", "abcdef", 6);
		assert_file("d/gaps.tsv", want, sizeof(want) - 1);
		if (udp)
			assert_file("d/udp-010.000.000.002.00080-010.000.000.001.00001", "pong", 4);
		assert_int_equal(mh_u64(&mh, "files"), 1 + udp);
		assert_int_equal(mh_u64(&mh, "gap_bytes"), 12);
		mh_free(&mh);
	}
}

static void test_folder_with_files(void **state)
{
	const char *args[] = { NULL, NULL };
	struct mh mh, other;

	(void)state;
	mh_dir();
	assert_int_equal(mkdir(mh_path("d"), 0777), 0);
	FILE *f = fopen(mh_path("d/mine"), "w");
	assert_non_null(f);
	fclose(f);
	f = fopen(mh_path("d/010.000.000.001.00001-010.000.000.002.00080"), "w");
	assert_non_null(f);
	fclose(f);
	args[0] = mh_arg("dir", "d");
	assert_int_equal(mh_try(&mh, args), -ENOTEMPTY);
	assert_non_null(strstr(mh.err, "overwrite=yes"));

	mh_open(&mh, mh_arg("dir", "d"), "overwrite=yes", NULL);
	mh_open(&other, mh_arg("dir", "d"), NULL); /* a second worker of the same run */
	one(&mh, "10.0.0.1:1", "10.0.0.2:80", 0xffff, "a");
	one(&other, "10.0.0.1:1", "10.0.0.2:80", 0xffff, "b");
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_finish(&other), 0);
	assert_file("d/010.000.000.001.00001-010.000.000.002.00080", "a", 1);
	assert_file("d/010.000.000.001.00001-010.000.000.002.00080c1", "b", 1);
	assert_file("d/mine", "", 0);

	struct mh again; /* the next run of the same process */
	mh_open(&again, mh_arg("dir", "d"), NULL);
	one(&again, "10.0.0.1:1", "10.0.0.2:80", 0xffff, "c");
	assert_int_equal(mh_finish(&again), 0);
	assert_file("d/010.000.000.001.00001-010.000.000.002.00080", "c", 1);
	assert_null(mh_read("d/010.000.000.001.00001-010.000.000.002.00080c1", NULL));
	mh_free(&mh);
	mh_free(&other);
	mh_free(&again);
}

static void test_errors_are_told(void **state)
{
	struct rlimit old, low;
	struct mh mh;

	(void)state;
	mh_dir();
	mh_open(&mh, mh_arg("dir", "d"), NULL);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = (struct rlimit){ 2, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	one(&mh, "10.0.0.1:1", "10.0.0.2:80", 0xffff, "ab");
	one(&mh, "10.0.0.1:2", "10.0.0.2:80", 0xffff, "abcdef");
	one(&mh, "10.0.0.1:3", "10.0.0.2:80", 0xffff, "abcdef");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(mh_finish(&mh), -EFBIG);
	assert_non_null(strstr(mh.err, "010.000.000.001.00002-"));
	assert_non_null(strstr(mh.err, "2 streams"));
	assert_int_equal(mh_u64(&mh, "failed_streams"), 2);
	mh_free(&mh);
	mh_dir_remove();
}

static void test_bad_arguments(void **state)
{
	static const char *const bad[][3] = { { NULL },
		                              { "dir=" },
		                              { "dir=/nonexistent/x/y" },
		                              { "dir=/dev/null" },
		                              { "dir=/tmp/mod-x", "files=0" },
		                              { "dir=/tmp/mod-x", "udp=1" } };
	struct mh mh;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(mh_try(&mh, bad[i]) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_reuse_counts_on),
		cmocka_unit_test(test_few_open_files),
		cmocka_unit_test(test_gaps_and_udp),
		cmocka_unit_test(test_folder_with_files),
		cmocka_unit_test(test_errors_are_told),
		cmocka_unit_test(test_bad_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
