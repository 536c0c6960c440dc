/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_mod_http.c: a pipelined dialogue cut at every place, with each response in front of its request: the list of
 * transactions stays the same. Gaps, tunnels, what is no HTTP.
 */
#include "mod_harness.h"

#include <errno.h>

static const char *const requests[] = {
	"GET /first?a=b HTTP/1.1\r\nHost: One.example\r\n\r\n",
	"HEAD /second HTTP/1.1\r\nHost: two.example\r\n\r\n",
	"POST /third HTTP/1.1\r\nHost: one.example\r\nContent-Length: 11\r\n\r\nhello=world",
	("PUT /fourth HTTP/1.1\r\nHost: one.example\r\nTransfer-Encoding: "
	 "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
	"GET /fifth HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n",
};

static const char *const responses[] = {
	"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<p/>\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", /* HEAD: no body */
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmade\r\n0\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\n\r\n",
	"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\nnothing here",
};

enum { TURNS = 5 };

static const char expect[] = "session\tmethod\thost\turi\tstatus\trequest_body\tresponse_body\tcontent_type\n"
                             "tcp 10.0.0.1:1000 > 10.0.0.2:80\tGET\tone.example\t/first?a=b\t200\t0\t5\ttext/html\n"
                             "tcp 10.0.0.1:1000 > 10.0.0.2:80\tHEAD\ttwo.example\t/second\t200\t0\t0\t-\n"
                             "tcp 10.0.0.1:1000 > 10.0.0.2:80\tPOST\tone.example\t/third\t201\t11\t4\t-\n"
                             "tcp 10.0.0.1:1000 > 10.0.0.2:80\tPUT\tone.example\t/fourth\t304\t5\t0\t-\n"
                             "tcp 10.0.0.1:1000 > 10.0.0.2:80\tGET\tone.example\t/fifth\t404\t0\t12\ttext/plain\n";

/* Both directions as bytes; for a response byte, how much of the requests the server had read by then. */
struct dialogue {
	char request[1000], response[1000];
	size_t request_len, response_len;
	size_t request_end[TURNS], response_end[TURNS];
};

static void dialogue_make(struct dialogue *d)
{
	memset(d, 0, sizeof(*d));
	for (int i = 0; i < TURNS; i++) {
		strcat(d->request, requests[i]);
		strcat(d->response, responses[i]);
		d->request_end[i] = strlen(d->request);
		d->response_end[i] = strlen(d->response);
	}
	d->request_len = d->request_end[TURNS - 1];
	d->response_len = d->response_end[TURNS - 1];
}

/* What a packet acknowledges that ends at `to` of the responses. */
static size_t dialogue_ack(const struct dialogue *d, size_t to)
{
	int i = 0;

	while (d->response_end[i] < to)
		i++;
	return d->request_end[i];
}

static void put_response(const struct dialogue *d, struct fos_stream *s, size_t from, size_t to)
{
	if (from < to)
		mh_put(s, d->response + from, to - from, dialogue_ack(d, to));
}

static void assert_list(struct mh *mh, const char *want)
{
	char *got = mh_read("h.tsv", NULL);

	assert_non_null(got);
	assert_string_equal(got, want);
	test_free(got);
	assert_int_equal(mh_u64(mh, "errors"), 0);
	assert_int_equal(mh_u64(mh, "transactions"), TURNS);
	assert_int_equal(mh_u64(mh, "incomplete"), 0);
	assert_int_equal(mh_u64(mh, "hold_overruns"), 0);
}

static struct fos_session *start(struct mh *mh, int client)
{
	mh_dir();
	mh_open(mh, mh_arg("out", "h.tsv"), NULL);
	struct fos_session *s = client ? mh_session(mh, "tcp", "10.0.0.2:80", "10.0.0.1:1000")
	                               : mh_session(mh, "tcp", "10.0.0.1:1000", "10.0.0.2:80");
	s->flags = client ? FOS_SESSION_ORIGIN : 0;
	return s;
}

enum order { IN_ORDER, RESPONSES_FIRST, RESPONSES_END_FIRST, ORDERS };

static void run_cut(const struct dialogue *d, size_t cut_q, size_t cut_r, enum order order, int client)
{
	struct mh mh;
	struct fos_session *s = start(&mh, client);
	struct fos_stream *q = mh_stream(s, client), *r = mh_stream(s, !client);

	if (order == IN_ORDER) {
		mh_feed(q, d->request, cut_q);
		mh_feed(q, d->request + cut_q, d->request_len - cut_q);
	}
	put_response(d, r, 0, cut_r);
	mh_data(r);
	if (order == RESPONSES_FIRST) {
		mh_feed(q, d->request, cut_q);
		mh_feed(q, d->request + cut_q, d->request_len - cut_q);
	}
	put_response(d, r, cut_r, d->response_len);
	mh_data(r);
	mh_close(r, FOS_END_FIN);
	if (order == RESPONSES_END_FIRST) {
		mh_feed(q, d->request, cut_q);
		mh_feed(q, d->request + cut_q, d->request_len - cut_q);
	}
	mh_close(q, FOS_END_FIN);
	mh_session_end(s, FOS_END_FIN);
	assert_int_equal(mh_finish(&mh), 0);
	assert_list(&mh, expect);
	mh_free(&mh);
}

static void test_every_cut(void **state)
{
	struct dialogue d;

	(void)state;
	dialogue_make(&d);
	for (int order = 0; order < ORDERS; order++) {
		for (size_t q = 0; q <= d.request_len; q++)
			run_cut(&d, q, q % (d.response_len + 1), (enum order)order, order & 1);
		for (size_t r = 0; r <= d.response_len; r++)
			run_cut(&d, r % (d.request_len + 1), r, (enum order)order, !(order & 1));
	}
}

/* Small packets of both sides, interleaved as they may be after reordering: each side in its own order. */
static void test_random_interleaving(void **state)
{
	uint64_t random = mh_seed();
	struct dialogue d;

	(void)state;
	dialogue_make(&d);
	for (int round = 0; round < 200; round++) {
		struct mh mh;
		struct fos_session *s = start(&mh, 0);
		struct fos_stream *q = mh_stream(s, 0), *r = mh_stream(s, 1);
		size_t at_q = 0, at_r = 0;
		while (at_q < d.request_len || at_r < d.response_len) {
			size_t n = 1 + (size_t)mh_random(&random, 40);
			if (mh_random(&random, 2)) {
				n = n < d.request_len - at_q ? n : d.request_len - at_q;
				mh_feed(q, d.request + at_q, n);
				at_q += n;
			} else {
				n = n < d.response_len - at_r ? n : d.response_len - at_r;
				put_response(&d, r, at_r, at_r + n);
				if (mh_random(&random, 2))
					mh_data(r);
				at_r += n;
			}
			if (at_r == d.response_len)
				mh_close(r, FOS_END_FIN);
		}
		mh_session_end(s, FOS_END_FIN);
		assert_int_equal(mh_finish(&mh), 0);
		assert_list(&mh, expect);
		mh_free(&mh);
	}
}

static void test_report(void **state)
{
	struct dialogue d;
	struct mh mh;

	(void)state;
	dialogue_make(&d);
	struct fos_session *s = start(&mh, 0);
	mh_feed(mh_stream(s, 0), d.request, d.request_len);
	mh_feed(mh_stream(s, 1), d.response, d.response_len);
	assert_int_equal(mh_kept(mh_stream(s, 0)), 0);
	assert_int_equal(mh_kept(mh_stream(s, 1)), 0);
	mh_session_end(s, FOS_END_FIN);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "sessions"), 1);
	assert_int_equal(mh_u64(&mh, "requests"), 5);
	assert_int_equal(mh_u64(&mh, "responses"), 5);
	assert_int_equal(mh_u64(&mh, "methods.GET"), 2);
	assert_int_equal(mh_u64(&mh, "methods.PUT"), 1);
	assert_int_equal(mh_u64(&mh, "status.200"), 2);
	assert_int_equal(mh_u64(&mh, "status.404"), 1);
	assert_int_equal(mh_u64(&mh, "hosts"), 2);
	assert_int_equal(mh_u64(&mh, "request_body_bytes"), 16);
	assert_int_equal(mh_u64(&mh, "response_body_bytes"), 21);
	mh_free(&mh);
}

static void test_gap_in_body(void **state)
{
	static const char q[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char r[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
	static const char r2[] = "HTTP/1.1 204 No Content\r\n\r\n";
	char body[100];
	struct mh mh;

	(void)state;
	memset(body, 'x', sizeof(body));
	for (size_t gap = 1; gap <= 100; gap += 33) {
		struct fos_session *s = start(&mh, 0);
		mh_feed(mh_stream(s, 0), q, sizeof(q) - 1);
		mh_put(mh_stream(s, 1), r, sizeof(r) - 1, 28);
		mh_gap(mh_stream(s, 1), gap);
		if (gap < 100)
			mh_put(mh_stream(s, 1), body, 100 - gap, 28);
		mh_put(mh_stream(s, 1), r2, sizeof(r2) - 1, 56);
		mh_data(mh_stream(s, 1));
		mh_session_end(s, FOS_END_FIN);
		assert_int_equal(mh_finish(&mh), 0);
		assert_int_equal(mh_u64(&mh, "transactions"), 2);
		assert_int_equal(mh_u64(&mh, "status.204"), 1);
		assert_int_equal(mh_u64(&mh, "gap_errors"), 0);
		mh_free(&mh);
	}
}

static void test_gap_in_headers(void **state)
{
	struct mh mh;

	(void)state;
	struct fos_session *s = start(&mh, 0);
	mh_feed(mh_stream(s, 0), "GET /a HTTP/1.1\r\nHo", 19);
	mh_put(mh_stream(s, 1), "HTTP/1.1 200", 12, 300); /* waits for the request, in vain */
	mh_data(mh_stream(s, 1));
	assert_int_equal(mh_kept(mh_stream(s, 1)), 12);
	mh_gap(mh_stream(s, 1), 7);
	mh_gap(mh_stream(s, 0), 50);
	mh_feed(mh_stream(s, 0), "rest", 4);
	assert_int_equal(mh_kept(mh_stream(s, 0)), 0);
	mh_session_end(s, FOS_END_TIMEOUT);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "gap_errors"), 1);
	assert_int_equal(mh_u64(&mh, "gaps"), 2);
	assert_int_equal(mh_u64(&mh, "incomplete"), 1);
	mh_free(&mh);
}

static void test_one_direction(void **state)
{
	static const char r[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	struct mh mh;

	(void)state;
	for (int unseen = 0; unseen < 2; unseen++) {
		struct fos_session *s = start(&mh, 0);
		s->unseen[0] = unseen;
		mh_put(mh_stream(s, 1), r, sizeof(r) - 1, 100);
		mh_data(mh_stream(s, 1));
		assert_int_equal(mh_kept(mh_stream(s, 1)), sizeof(r) - 1);
		mh_session_end(s, FOS_END_EOF);
		assert_int_equal(mh_finish(&mh), 0);
		assert_int_equal(mh_u64(&mh, "status.200"), 1);
		assert_int_equal(mh_u64(&mh, "response_body_bytes"), 5);
		mh_free(&mh);
	}

	mh_open(&mh, "hold=20", NULL); /* not for ever */
	struct fos_session *s = mh_session(&mh, "tcp", "10.0.0.1:1000", "10.0.0.2:80");
	mh_put(mh_stream(s, 1), r, sizeof(r) - 1, 100);
	mh_data(mh_stream(s, 1));
	assert_int_equal(mh_kept(mh_stream(s, 1)), 0);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "hold_overruns"), 1);
	assert_int_equal(mh_u64(&mh, "status.200"), 1);
	mh_free(&mh);
}

/* A client that has closed its side: its FIN is acknowledged, and is no byte to wait for. */
static void test_half_closed(void **state)
{
	static const char q[] = "GET /a HTTP/1.0\r\n\r\n", r[] = "HTTP/1.0 200 OK\r\n\r\nhello";
	struct mh mh;

	(void)state;
	struct fos_session *s = start(&mh, 0);
	mh_put(mh_stream(s, 1), r, sizeof(r) - 1, sizeof(q));
	mh_data(mh_stream(s, 1));
	mh_feed(mh_stream(s, 0), q, sizeof(q) - 2);
	assert_int_equal(mh_kept(mh_stream(s, 1)), sizeof(r) - 1); /* one byte is missing */
	mh_feed(mh_stream(s, 0), "\n", 1);
	assert_int_equal(mh_kept(mh_stream(s, 1)), 0);
	mh_session_end(s, FOS_END_FIN);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "transactions"), 1);
	assert_int_equal(mh_u64(&mh, "response_body_bytes"), 5);
	mh_free(&mh);
}

/* HTTP/0.9: only the request says what the session is. */
static void test_answer_without_status(void **state)
{
	struct mh mh;

	(void)state;
	struct fos_session *s = start(&mh, 0);
	mh_put(mh_stream(s, 1), "<p>old</p>", 10, 8);
	mh_data(mh_stream(s, 1));
	assert_int_equal(mh_kept(mh_stream(s, 1)), 10);
	mh_feed(mh_stream(s, 0), "GET /a\r\n", 8);
	assert_int_equal(mh_kept(mh_stream(s, 1)), 0);
	mh_session_end(s, FOS_END_FIN);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "sessions"), 1);
	assert_int_equal(mh_u64(&mh, "not_http"), 0);
	mh_free(&mh);
}

/* What follows a request for another protocol is read when the answer is there. */
static void test_upgrade(void **state)
{
	static const char q[] = "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
	static const char r[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
	struct mh mh;

	(void)state;
	struct fos_session *s = start(&mh, 0);
	mh_put(mh_stream(s, 0), q, sizeof(q) - 1, 0);
	mh_put(mh_stream(s, 0), "\x81\x85GET \r\n\r\n", 10, sizeof(r) - 1);
	mh_data(mh_stream(s, 0));
	assert_int_equal(mh_kept(mh_stream(s, 0)), 10);
	mh_put(mh_stream(s, 1), r, sizeof(r) - 1, sizeof(q) - 1);
	mh_data(mh_stream(s, 1));
	assert_int_equal(mh_kept(mh_stream(s, 0)), 0);
	mh_session_end(s, FOS_END_FIN);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "requests"), 1);
	assert_int_equal(mh_u64(&mh, "status.101"), 1);
	assert_int_equal(mh_u64(&mh, "tunnels"), 1);
	assert_int_equal(mh_u64(&mh, "errors"), 0);
	mh_free(&mh);
}

static void test_connect(void **state)
{
	static const char q[] = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
	struct mh mh;

	(void)state;
	struct fos_session *s = start(&mh, 0);
	mh_put(mh_stream(s, 0), q, sizeof(q) - 1, 0);
	mh_put(mh_stream(s, 0), "\x16\x03\x01\0tls", 7, 0);
	mh_data(mh_stream(s, 0));
	mh_put(mh_stream(s, 1), "HTTP/1.1 200 OK\r\n\r\n", 19, sizeof(q) - 1);
	mh_data(mh_stream(s, 1));
	mh_feed(mh_stream(s, 1), "\x16\x03\x01\0mor", 7);
	mh_feed(mh_stream(s, 0), "\x17\x03\x01more", 7);
	assert_int_equal(mh_kept(mh_stream(s, 0)), 0);
	assert_int_equal(mh_kept(mh_stream(s, 1)), 0);
	mh_session_end(s, FOS_END_FIN);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "methods.CONNECT"), 1);
	assert_int_equal(mh_u64(&mh, "status.200"), 1);
	assert_int_equal(mh_u64(&mh, "tunnels"), 1);
	assert_int_equal(mh_u64(&mh, "errors"), 0);
	mh_free(&mh);
}

static void test_not_http(void **state)
{
	struct mh mh;

	(void)state;
	struct fos_session *s = start(&mh, 0);
	mh_feed(mh_stream(s, 1), "220 mail ESMTP\r\n", 16);
	mh_feed(mh_stream(s, 0), "EHLO x\r\n", 8);
	s = mh_session(&mh, "tcp", "10.0.0.3:1000", "10.0.0.2:80");
	s->mid = true;
	mh_feed(mh_stream(s, 0), "GET / HTTP/1.0\r\n\r\n", 18);
	s = mh_session(&mh, "tcp", "10.0.0.4:1000", "10.0.0.2:80");
	mh_feed(mh_stream(s, 0), "GE", 2);
	assert_int_equal(mh_kept(mh_stream(s, 0)), 2); /* may become one */
	mh_gap(mh_stream(s, 0), 5);
	mh_feed(mh_stream(s, 0), "GET / HTTP/1.0\r\n\r\n", 18);
	s = mh_session(&mh, "tcp", "10.0.0.5:1000", "10.0.0.2:80");
	mh_feed(mh_stream(s, 0), "P", 1);
	mh_datagram(mh_session(&mh, "udp", "10.0.0.5:1000", "10.0.0.2:80"), 0, "GET / HTTP/1.0\r\n\r\n", 18);
	assert_int_equal(mh_finish(&mh), 0);
	assert_int_equal(mh_u64(&mh, "not_http"), 2);
	assert_int_equal(mh_u64(&mh, "mid_stream"), 1);
	assert_int_equal(mh_u64(&mh, "gap_at_start"), 1);
	assert_int_equal(mh_u64(&mh, "sessions"), 0);
	mh_free(&mh);
}

/* Whatever comes, nothing breaks and nothing is kept back for good. */
static void test_random_bytes(void **state)
{
	uint64_t random = mh_seed() + 77;
	struct dialogue d;
	struct mh mh;

	(void)state;
	dialogue_make(&d);
	start(&mh, 0);
	for (int round = 0; round < 600; round++) {
		struct fos_session *s = mh_session(&mh, "tcp", "10.0.0.1:1000", "10.0.0.2:80");
		struct dialogue bad = d;
		for (int i = 0; i < 6; i++) {
			bad.request[mh_random(&random, d.request_len)] = (char)mh_random(&random, 256);
			bad.response[mh_random(&random, d.response_len)] = (char)mh_random(&random, 256);
		}
		for (int i = 0; i < 8; i++) {
			struct fos_stream *x = mh_stream(s, i & 1);
			const char *from = i & 1 ? bad.response : bad.request;
			size_t n = 1 + (size_t)mh_random(&random, 300);
			mh_put(x, from + mh_random(&random, 100) * (size_t)(i > 1), n, mh_random(&random, 1000));
			mh_data(x);
			if (mh_random(&random, 4) == 0)
				mh_gap(x, 1 + mh_random(&random, 50));
		}
		mh_session_end(s, FOS_END_RST);
	}
	assert_int_equal(mh_finish(&mh), 0);
	mh_free(&mh);
	mh_dir_remove();
}

/* Two workers: a host that both saw is one; the list is by session. */
static void test_two_instances(void **state)
{
	static const char *const hosts[3] = { "b.example", "a.example", "b.example" };
	struct mh mh[2];
	char request[80];

	(void)state;
	mh_dir();
	for (int i = 0; i < 2; i++)
		mh_open(&mh[i], mh_arg("out", "h.tsv"), NULL);
	for (int i = 0; i < 3; i++) {
		char from[32];

		snprintf(from, sizeof(from), "10.0.0.%d:1000", 9 - i);
		struct fos_session *s = mh_session(&mh[i % 2], "tcp", from, "10.0.1.2:80");
		int n = snprintf(request, sizeof(request), "GET /%d HTTP/1.1\r\nHost: %s\r\n\r\n", i, hosts[i]);

		mh_feed(mh_stream(s, 0), request, (size_t)n);
		mh_put(mh_stream(s, 1), "HTTP/1.1 204 x\r\n\r\n", 18, (uint64_t)n);
		mh_data(mh_stream(s, 1));
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(mh_finish(&mh[i]), 0);
	char *got = mh_read("h.tsv", NULL), *at = strchr(got, '\n');
	assert_memory_equal(at, "\ntcp 10.0.0.7:1000 ", 19);
	at = strchr(at + 1, '\n');
	assert_memory_equal(at, "\ntcp 10.0.0.8:1000 ", 19);
	test_free(got);
	assert_int_equal(mh[0].m->merge(mh[0].self, mh[1].self), 0);
	mh_report_free(&mh[0]);
	mh_report(&mh[0]);
	assert_int_equal(mh_u64(&mh[0], "hosts"), 2);
	assert_int_equal(mh_u64(&mh[0], "transactions"), 3);
	assert_int_equal(mh_u64(&mh[0], "status.204"), 3);
	for (int i = 0; i < 2; i++)
		mh_free(&mh[i]);
	mh_dir_remove();
}

static void test_bad_arguments(void **state)
{
	static const char *const bad[][2] = { { "hold=x" }, { "hold=-1" }, { "out=" }, { "out=/nonexistent/x" } };
	struct mh mh;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(mh_try(&mh, bad[i]) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_random_interleaving),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_gap_in_body),
		cmocka_unit_test(test_gap_in_headers),
		cmocka_unit_test(test_one_direction),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_answer_without_status),
		cmocka_unit_test(test_upgrade),

		cmocka_unit_test(test_not_http),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_two_instances),
		cmocka_unit_test(test_bad_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
