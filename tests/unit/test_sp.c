/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_sp.c: stream pointers against a plain array of bytes: random cuts into packets, random heads (what was released
 * before), every kind of frame. Then find, lines and packets by hand, with the cut at every place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine_run.h"

enum { TEXT_MAX = 600 };

static struct {
	uint8_t text[TEXT_MAX];
	size_t len;
	size_t cut[TEXT_MAX + 1]; /* where packets begin; cut[cuts] is the end */
	size_t cuts;
	uint64_t rnd;
	unsigned calls;
	void (*look)(struct fos_stream *s, struct fos_sp head, struct fos_sp tail);
} now;

static struct fos_sp at(struct fos_stream *s, uint64_t off)
{
	struct fos_sp p;

	assert_int_equal(fos_sp_at(s, off, &p), 0);
	assert_int_equal(p.off, off);
	return p;
}

/* The packet that holds offset `off`. */
static size_t packet_of(uint64_t off)
{
	size_t i = 0;

	while (i + 1 < now.cuts && now.cut[i + 1] <= off)
		i++;
	return i;
}

static void check_find(struct fos_stream *s, const struct fos_sp *p, const struct fos_sp *limit)
{
	size_t len = 1 + er_draw(&now.rnd, er_draw(&now.rnd, 3) ? 6 : 80);
	uint8_t pattern[80];
	size_t from = er_draw(&now.rnd, now.len);
	struct fos_sp hit = *limit;

	if (from + len > now.len)
		len = now.len - from;
	memcpy(pattern, now.text + from, len);
	if (er_draw(&now.rnd, 4) == 0)
		pattern[len - 1] ^= 1;
	const uint8_t *m = memmem(now.text + p->off, limit->off - p->off, pattern, len);
	int rc = fos_sp_find(p, limit, pattern, len, &hit);

	assert_int_equal(rc, m ? 0 : -ENOENT);
	if (!m)
		return;
	assert_int_equal(hit.off, m - now.text);
	assert_ptr_equal(hit.stream, s);
	assert_int_equal(fos_sp_byte(&hit), pattern[0]);
	assert_int_equal(fos_sp_cmp(&hit, limit, pattern, len), 0);
}

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void check_compare(const struct fos_sp *p, const struct fos_sp *limit)
{
	size_t left = limit->off - p->off, len = er_draw(&now.rnd, 50);
	uint8_t with[50];

	for (size_t i = 0; i < len; i++) {
		with[i] = p->off + i < now.len ? now.text[p->off + i] : 'x';
		if (er_draw(&now.rnd, 3) == 0 && with[i] >= 'a' && with[i] <= 'z')
			with[i] = (uint8_t)(with[i] - 32);
	}
	if (len && er_draw(&now.rnd, 2))
		with[er_draw(&now.rnd, len)] = (uint8_t)er_draw(&now.rnd, 256);
	size_t n = len < left ? len : left;
	int want = n ? memcmp(now.text + p->off, with, n) : 0;
	int fold = n ? strncasecmp((const char *)now.text + p->off, (const char *)with, n) : 0;

	if (memchr(with, 0, len)) /* strncasecmp() would stop there */
		return;
	assert_int_equal(sign(fos_sp_cmp(p, limit, with, len)), want ? sign(want) : left < len ? -1 : 0);
	assert_int_equal(sign(fos_sp_casecmp(p, limit, with, len)), fold ? sign(fold) : left < len ? -1 : 0);
}

static void check_copy_and_run(const struct fos_sp *p, const struct fos_sp *limit)
{
	size_t left = limit->off - p->off, want = er_draw(&now.rnd, TEXT_MAX), n;
	uint8_t buf[TEXT_MAX];
	const uint8_t *run;
	struct fos_sp q = *p;

	assert_int_equal(fos_sp_copy(p, limit, buf, want), want < left ? want : left);
	assert_memory_equal(buf, now.text + p->off, want < left ? want : left);
	while ((run = fos_sp_run(&q, limit, &n))) {
		assert_true(n > 0 && n <= limit->off - q.off);
		assert_memory_equal(run, now.text + q.off, n);
		size_t end = now.cut[packet_of(q.off) + 1];

		assert_true(q.off + n == (end < limit->off ? end : limit->off)); /* a packet's payload is one run */
		assert_int_equal(fos_sp_advance(&q, (int64_t)n), 0);
	}
	assert_int_equal(n, 0);
	assert_int_equal(q.off, limit->off);
	q = *p;
	for (uint64_t off = p->off; off < limit->off; off++)
		assert_int_equal(fos_sp_next(&q, limit), now.text[off]);
	assert_int_equal(fos_sp_next(&q, limit), -1);
	assert_int_equal(q.off, limit->off);
}

static void check_moves(struct fos_stream *s, const struct fos_sp *head, const struct fos_sp *tail)
{
	struct fos_sp p = at(s, head->off + er_draw(&now.rnd, tail->off - head->off + 1));

	for (int i = 0; i < 30; i++) {
		uint64_t to = head->off + er_draw(&now.rnd, tail->off - head->off + 1);
		struct fos_sp was = p;

		assert_int_equal(fos_sp_advance(&p, (int64_t)(to - p.off)), 0);
		assert_int_equal(p.off, to);
		assert_int_equal(fos_sp_distance(&was, &p), (int64_t)(to - was.off));
		assert_int_equal(fos_sp_compare(&was, &p), was.off < to ? -1 : was.off > to);
		if (to < tail->off)
			assert_int_equal(fos_sp_byte(&p), now.text[to]);
	}
	uint64_t off = p.off;

	assert_int_equal(fos_sp_advance(&p, (int64_t)(tail->off - off) + 1), -ERANGE);
	assert_int_equal(fos_sp_advance(&p, (int64_t)(head->off - off) - 1), -ERANGE);
	assert_int_equal(fos_sp_advance(&p, INT64_MAX), -ERANGE);
	assert_int_equal(fos_sp_advance(&p, INT64_MIN), -ERANGE);
	assert_int_equal(p.off, off);
	assert_int_equal(fos_sp_at(s, tail->off + 1, &p), -ERANGE);
	assert_int_equal(head->off ? fos_sp_at(s, head->off - 1, &p) : -ERANGE, -ERANGE);
	assert_int_equal(p.off, off);
}

static void check_packets(struct fos_stream *s, const struct fos_sp *p, const struct fos_sp *limit)
{
	struct fos_sp q = *p, tail = fos_stream_tail(s);
	uint64_t from, to;

	if (q.off == tail.off) {
		assert_null(fos_sp_pkt(&q));
		assert_int_equal(fos_sp_packet_bounds(&q, &from, &to), -ERANGE);
		assert_int_equal(fos_sp_next_packet(&q, limit), -ERANGE);
		return;
	}
	for (;;) {
		size_t i = packet_of(q.off);
		const struct fos_pkt *pkt = fos_sp_pkt(&q);

		assert_non_null(pkt);
		assert_int_equal(pkt->seq, 1001 + now.cut[i]);
		assert_int_equal(pkt->app_len, now.cut[i + 1] - now.cut[i]);
		assert_int_equal(pkt->dport, 80);
		assert_int_equal(pkt->ip[0], 0x45);
		assert_int_equal(fos_sp_packet_bounds(&q, &from, &to), 0);
		assert_int_equal(from, now.cut[i]);
		assert_int_equal(to, now.cut[i + 1]);
		if (fos_sp_next_packet(&q, limit) != 0)
			break;
		assert_int_equal(q.off, to);
	}
	assert_int_equal(q.off, limit->off);
}

static void look_random(struct fos_stream *s, struct fos_sp head, struct fos_sp tail)
{
	for (int i = 0; i < 4; i++) {
		uint64_t a = head.off + er_draw(&now.rnd, tail.off - head.off + 1);
		uint64_t b = a + er_draw(&now.rnd, tail.off - a + 1);
		struct fos_sp p = at(s, a), limit = at(s, b);

		check_copy_and_run(&p, &limit);
		check_compare(&p, &limit);
		check_moves(s, &head, &tail);
		for (int k = 0; k < 4; k++)
			check_find(s, &p, &limit);
		if (a < b)
			check_packets(s, &p, &limit);
	}
	check_packets(s, &tail, &tail);
}

/* ---- driving -------------------------------------------------------------------------------------------------- */

static int probe_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = NULL;
	return 0;
}

static void probe_data(void *self, struct fos_stream *s)
{
	struct fos_sp head = fos_stream_head(s), tail = fos_stream_tail(s);

	(void)self;
	now.calls++;
	assert_true(head.off < tail.off);
	now.look(s, head, tail);
}

static const struct fos_module probe = { .abi = FOS_MODULE_ABI,
	                                 .size = sizeof(struct fos_module),
	                                 .name = "probe",
	                                 .open = probe_open,
	                                 .stream_data = probe_data };

/* now.text, cut as now.cut says, in batches. */
static void drive(unsigned batch, unsigned mode, void (*look)(struct fos_stream *, struct fos_sp, struct fos_sp))
{
	struct fos_worker *w = er_worker(NULL, NULL);
	struct er_trace t = { 0 };

	now.look = look;
	now.calls = 0;
	er_module(w, 0, &probe, NULL);
	er_add(&t, &(struct er_spec){ .flags = FOS_TCP_SYN, .seq = 1000 });
	for (size_t i = 0; i < now.cuts; i++)
		er_add(&t, &(struct er_spec){ .flags = FOS_TCP_ACK,
		                              .seq = (uint32_t)(1001 + now.cut[i]),
		                              .ack = 1,
		                              .data = now.text + now.cut[i],
		                              .len = (uint32_t)(now.cut[i + 1] - now.cut[i]) });
	er_feed(w, &t, batch, mode);
	assert_true(now.calls > 0);
	fos_worker_end(w, FOS_END_EOF);
	fos_worker_destroy(w);
	er_trace_free(&t);
}

static void cut_at(const char *text, const size_t *cut, size_t cuts)
{
	now.len = strlen(text);
	memcpy(now.text, text, now.len);
	now.cuts = 0;
	now.cut[now.cuts++] = 0;
	for (size_t i = 0; i < cuts; i++)
		if (cut[i] > now.cut[now.cuts - 1] && cut[i] < now.len)
			now.cut[now.cuts++] = cut[i];
	now.cut[now.cuts] = now.len;
}

/* Looks, then releases a random part: what is seen next time begins there. */
static void look_and_release(struct fos_stream *s, struct fos_sp head, struct fos_sp tail)
{
	static uint64_t expect;

	if (now.calls == 1)
		expect = 0;
	assert_int_equal(head.off, expect);
	look_random(s, head, tail);
	struct fos_sp p = at(s, head.off + er_draw(&now.rnd, tail.off - head.off + 1));

	expect = p.off;
	if (er_draw(&now.rnd, 4) == 0 && p.off < tail.off) {
		expect = now.cut[packet_of(p.off) + 1];
		expect = expect < tail.off ? expect : tail.off;
		fos_release_packet(s, &p);
	} else {
		fos_release(s, &p);
	}
	assert_int_equal(fos_stream_head(s).off, expect);
	assert_int_equal(fos_stream_tail(s).off, tail.off);
	if (expect < tail.off) {
		head = fos_stream_head(s);
		assert_int_equal(fos_sp_byte(&head), now.text[expect]);
	}
}

static void test_random(void **state)
{
	(void)state;
	now.rnd = er_seed();
	for (int round = 0; round < 150; round++) {
		unsigned letters = er_draw(&now.rnd, 3) ? 2 : 250;

		now.len = 1 + er_draw(&now.rnd, TEXT_MAX - 1);
		for (size_t i = 0; i < now.len; i++)
			now.text[i] = (uint8_t)((letters == 2 ? 'a' : 1) + er_draw(&now.rnd, letters));
		now.cuts = 0;
		for (size_t i = 0; i < now.len; i += 1 + er_draw(&now.rnd, round % 3 ? 12 : 100))
			now.cut[now.cuts++] = i;
		now.cut[now.cuts] = now.len;
		drive(1 + (unsigned)er_draw(&now.rnd, 64), (unsigned)round % ER_MODES, look_and_release);
	}
}

/* ---- by hand -------------------------------------------------------------------------------------------------- */

static void look_pattern(struct fos_stream *s, struct fos_sp head, struct fos_sp tail)
{
	static const char *const pattern[] = { "aab",          "b",  "a", "aaaab",         "aabaac", "aabaacaaab",
		                               "aaaabaacaaab", "zz", "c", "aaaabaacaaabz", "caaab" };

	for (size_t i = 0; i < sizeof(pattern) / sizeof(*pattern); i++) {
		for (uint64_t from = head.off; from <= tail.off; from++) {
			struct fos_sp p = at(s, from), hit;
			const char *m = memmem(now.text + from, tail.off - from, pattern[i], strlen(pattern[i]));

			assert_int_equal(fos_sp_find(&p, &tail, pattern[i], strlen(pattern[i]), &hit), m ? 0 : -ENOENT);
			if (m)
				assert_int_equal(hit.off, m - (const char *)now.text);
		}
	}
	assert_int_equal(fos_sp_find(&head, &tail, "", 0, &tail), -EINVAL);
}

/* Repeated prefixes over every boundary, and over two of them; patterns longer than any packet. */
static void test_find_every_cut(void **state)
{
	(void)state;
	for (size_t a = 0; a < 12; a++) {
		for (size_t b = a; b < 12; b++) {
			cut_at("aaaabaacaaab", (size_t[]){ a, b }, 2);
			drive(64, ER_UNSTABLE, look_pattern);
		}
	}
	cut_at("aaaabaacaaab", (size_t[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 }, 11);
	drive(64, ER_PIECES, look_pattern);
}

static void expect_line(struct fos_sp *p, const struct fos_sp *limit, size_t size, ssize_t rc, const char *text)
{
	uint64_t off = p->off;
	char *buf = malloc(size);

	memset(buf, '#', size);
	assert_int_equal(fos_sp_read_line(p, limit, buf, size), rc);
	if (text)
		assert_string_equal(buf, text);
	if (rc < 0)
		assert_int_equal(p->off, off);
	free(buf);
}

static void look_lines(struct fos_stream *s, struct fos_sp head, struct fos_sp tail)
{
	struct fos_sp p = head, early = at(s, 3);

	expect_line(&p, &early, 50, -EAGAIN, NULL); /* "one" */
	expect_line(&p, &tail, 50, 3, "one");
	assert_int_equal(p.off, 5);
	expect_line(&p, &tail, 50, 0, "");
	expect_line(&p, &tail, 50, 0, "");
	expect_line(&p, &tail, 4, -EMSGSIZE, "a l");
	expect_line(&p, &tail, 1, -EMSGSIZE, "");
	expect_line(&p, &tail, 11, -EMSGSIZE, "a long lin");
	expect_line(&p, &tail, 12, 11, "a long line");
	expect_line(&p, &tail, 50, 2, "\r\r"); /* one CR is taken off */
	expect_line(&p, &tail, 3, 2, "xy");    /* without a CR, just fitting */
	expect_line(&p, &tail, 50, -EAGAIN, NULL);
	assert_int_equal(fos_sp_read_line(&p, &tail, NULL, 0), -EINVAL);
	assert_int_equal(fos_sp_next(&p, &tail), 'e');
}

static void test_lines_every_cut(void **state)
{
	static const char text[] = "one\r\n\r\n\na long line\r\n\r\r\r\nxy\nend";

	(void)state;
	for (size_t a = 0; a < sizeof(text) - 1; a++) {
		cut_at(text, &a, 1);
		drive(64, a % 2 ? ER_UNSTABLE : ER_STABLE, look_lines);
	}
}

static void look_case(struct fos_stream *s, struct fos_sp head, struct fos_sp tail)
{
	(void)s;
	assert_int_equal(fos_sp_casecmp(&head, &tail, "host: [x]@{y}`~", 15), 0);
	assert_int_equal(fos_sp_casecmp(&head, &tail, "HOST: [X]@{Y}`~", 15), 0);
	assert_true(fos_sp_casecmp(&head, &tail, "HOST: {x}", 9) < 0); /* only letters fold */
	assert_true(fos_sp_cmp(&head, &tail, "HOST", 4) > 0);
	assert_true(fos_sp_cmp(&head, &tail, "Host: [x]@{y}`~z", 16) < 0);
	assert_int_equal(fos_sp_cmp(&tail, &tail, "", 0), 0);
	assert_true(fos_sp_cmp(&tail, &tail, "x", 1) < 0);
}

static void test_case(void **state)
{
	(void)state;
	for (size_t a = 0; a < 15; a++) {
		cut_at("Host: [x]@{y}`~", &a, 1);
		drive(64, 0, look_case);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random), cmocka_unit_test(test_find_every_cut),
		                            cmocka_unit_test(test_lines_every_cut), cmocka_unit_test(test_case) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
