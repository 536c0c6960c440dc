/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mod_count.c: delivered bytes are counted once, whatever was sent twice or came late; tables of sessions.
 */
#include "mod_harness.h"

static void test_retransmission(void **state)
{
	struct mh mh;

	(void)state;
	mh_open(&mh, NULL);
	struct fos_session *s = mh_session(&mh, "tcp", "10.0.0.1:1000", "10.0.0.2:80");
	mh_packet(s, 0, NULL, 0, FOS_TCP_SYN);
	mh_packet(s, 0, "56789", 5, FOS_TCP_ACK); /* out of order: nothing is delivered */
	mh_packet(s, 0, "01234", 5, FOS_TCP_ACK);
	mh_put(mh_stream(s, 0), "01234", 5, 0);
	mh_put(mh_stream(s, 0), "56789", 5, 0);
	mh_data(mh_stream(s, 0));
	mh_packet(s, 0, "01234", 5, FOS_TCP_ACK); /* again */
	mh_late(mh_stream(s, 0), 0, "01234", 5);
	mh_packet(s, 1, "yes", 3, FOS_TCP_ACK);
	mh_feed(mh_stream(s, 1), "yes", 3);
	mh_gap(mh_stream(s, 1), 100);
	mh_close(mh_stream(s, 0), FOS_END_FIN);
	mh_close(mh_stream(s, 1), FOS_END_RST);
	mh_session_end(s, FOS_END_RST);
	struct fos_session *u = mh_session(&mh, "udp", "[::1]:1000", "[::2]:53");
	mh_datagram(u, 0, "query", 5);
	mh_datagram(u, 1, "answer", 6);
	assert_int_equal(mh_finish(&mh), 0);

	static const struct {
		const char *key;
		uint64_t value;
	} want[] = {
		{ "tcp.sessions", 1 },
		{ "tcp.packets", 5 },
		{ "tcp.app_bytes", 18 },
		{ "tcp.tcp_bytes", 118 },
		{ "tcp.ip_bytes", 218 },
		{ "tcp.delivered_bytes", 13 },
		{ "tcp.repeated_bytes", 5 },
		{ "tcp.late_bytes", 5 },
		{ "tcp.streams", 2 },
		{ "tcp.gaps", 1 },
		{ "tcp.gap_bytes", 100 },
		{ "tcp.ends.fin", 1 },
		{ "tcp.ends.rst", 1 },
		{ "tcp.ends.timeout", 0 },
		{ "tcp.forward.packets", 4 },
		{ "tcp.forward.delivered_bytes", 10 },
		{ "tcp.back.delivered_bytes", 3 },
		{ "udp.sessions", 1 },
		{ "udp.packets", 2 },
		{ "udp.app_bytes", 11 },
		{ "udp.udp_bytes", 27 },
		{ "udp.ip_bytes", 107 },
		{ "udp.delivered_bytes", 11 },
	};
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		if (mh_u64(&mh, want[i].key) != want[i].value)
			fail_msg("%s: %llu, not %llu", want[i].key, (unsigned long long)mh_u64(&mh, want[i].key),
			         (unsigned long long)want[i].value);
	}
	mh_free(&mh);
}

static void test_per_flow(void **state)
{
	struct mh mh;

	(void)state;
	mh_open(&mh, "per=flow", NULL);
	for (int i = 0; i < 6; i++) {
		struct fos_session *s = mh_session(&mh, "tcp", "10.0.0.1:1000", "10.0.0.2:80");
		s->flow = i % 3 ? "web" : "mail";
		mh_feed(mh_stream(s, 0), "hello", 5);
	}
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "tcp.sessions"), 6);
	assert_int_equal(mh_u64(&mh, "flows.web.tcp.delivered_bytes"), 20);
	assert_int_equal(mh_u64(&mh, "flows.mail.tcp.sessions"), 2);
	mh_free(&mh);
}

static void test_per_session(void **state)
{
	struct mh mh;
	size_t lines = 0;

	(void)state;
	mh_dir();
	mh_open(&mh, "per=session", mh_arg("file", "s.tsv"), NULL);
	struct fos_session *s[300];
	for (int i = 0; i < 300; i++) {
		char from[32];
		snprintf(from, sizeof(from), "10.0.0.1:%d", 1000 + i);
		s[i] = mh_session(&mh, "tcp", from, "10.0.0.2:80");
		s[i]->flags = i & 1 ? FOS_SESSION_ORIGIN : 0;
		s[i]->first_ns = (uint64_t)i;
		mh_packet(s[i], 0, "hello", 5, FOS_TCP_ACK);
		mh_feed(mh_stream(s[i], 0), "hello", 5);
	}
	for (int i = 0; i < 300; i++) /* not in the order in which they came */
		mh_session_end(s[(i * 7) % 300], FOS_END_FIN);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "no_memory"), 0);
	char *text = mh_read("s.tsv", NULL);
	assert_non_null(text);
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 301);
	assert_non_null(strstr(text, "\n1\tdefault\ttcp\t10.0.0.1:1000\t10.0.0.2:80\t"));
	assert_non_null(strstr(text, "\n2\tdefault\ttcp\t10.0.0.2:80\t10.0.0.1:1001\t"));
	assert_non_null(strstr(text, "\t1\t45\t5\t5\t0\t0\t0\tfin\t0\t0\t0\t0\t0\t0\t0\tfin\n"));
	test_free(text);
	mh_free(&mh);
	mh_dir_remove();
}

static void test_bad_arguments(void **state)
{
	static const char *const bad[][3] = {
		{ "per=packet" }, { "per=session" }, { "per=flow", "file=/tmp/x" }, { "file=" }
	};
	struct mh mh;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(mh_try(&mh, bad[i]) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retransmission),
		cmocka_unit_test(test_per_flow),
		cmocka_unit_test(test_per_session),
		cmocka_unit_test(test_bad_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
