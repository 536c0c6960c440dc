/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_meta.c: what each kind of change makes of packets: they parse as they say, their checksums are as right as
 * they were, time does not go back, and the same bytes are at the same places of every stream.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <flowos/parse.h>

#include "meta_case.h"
#include "meta_rename.h"

enum { ROUNDS = 5, PLACES_MAX = 200000 };

struct opened {
	struct bench_trace trace;
	struct bench_golden golden;
	struct meta_trace t;
};

static const struct golden_engine ours = { .command = NULL };

static void open_trace(struct opened *o, const char *name)
{
	struct bench_engine_opts opts = { .overlap = FOS_OVERLAP_BSD };
	char path[512], err[512] = "";

	snprintf(path, sizeof(path), "%s/%s", FLOWOS_TRACES, name);
	assert_int_equal(bench_trace_load(&o->trace, path, false, NULL, NULL, err, sizeof(err)), 0);
	snprintf(path, sizeof(path), "%s/%s.golden", FLOWOS_TRACES, name);
	assert_int_equal(bench_golden_read(&o->golden, path, err, sizeof(err)), 0);
	assert_int_equal(meta_trace_make(&o->t, &o->trace, &opts, &o->golden, &ours, err, sizeof(err)), 0);
	assert_string_equal(o->t.differs, "");
}

static void close_trace(struct opened *o)
{
	meta_trace_free(&o->t);
	bench_golden_free(&o->golden);
	bench_trace_free(&o->trace);
}

/* A byte of a stream, as a packet brings it. */
struct place {
	uint32_t conv, seq;
	uint8_t side, byte;
};

static int by_place(const void *va, const void *vb)
{
	const struct place *a = va, *b = vb;

	if (a->conv != b->conv)
		return a->conv < b->conv ? -1 : 1;
	if (a->side != b->side)
		return a->side - b->side;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return a->byte - b->byte;
}

/* Every byte at its place, each once; SIZE_MAX: too many to look at. The first `convs` conversations only. */
static size_t places(const struct meta_set *s, size_t convs, struct place *out)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct meta_pkt *p = &s->v[i];

		if (p->verdict != FOS_PKT_TCP || !(p->bits & META_HEAD) || p->conv >= convs)
			continue;
		if (n + p->app_len > PLACES_MAX)
			return SIZE_MAX;
		for (uint32_t k = 0; k < p->app_len; k++)
			out[n++] = (struct place){ p->conv, p->seq + k, p->side, p->f.data[p->app + k] };
	}
	if (n)
		qsort(out, n, sizeof(*out), by_place);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || by_place(&out[i], &out[kept - 1]) != 0)
			out[kept++] = out[i];
	return kept;
}

/* Is every packet what the set says of it? */
static void check_packets(const struct meta_set *s, enum meta_kind kind)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct meta_pkt *p = &s->v[i];
		struct meta_pkt q = { .f = p->f };
		struct fos_key key;

		meta_parse(&q, &key);
		if (p->verdict == FOS_PKT_FRAGMENT)
			q.seq = p->seq; /* which it still knows */
		if (q.verdict != p->verdict || q.proto != p->proto || q.seq != p->seq || q.ip != p->ip ||
		    q.l4 != p->l4 || q.app_len != p->app_len || q.tcp_flags != p->tcp_flags)
			fail_msg(
			    "%s, packet %zu, frame %llu: not what it was made as: verdict %u, seq %u, headers at %u "
			    "and %u, %u bytes, flags %#x; is %u, %u, %u, %u, %u, %#x",
			    meta_kind_name[kind], i, (unsigned long long)p->f.num, p->verdict, p->seq, p->ip, p->l4,
			    p->app_len, p->tcp_flags, q.verdict, q.seq, q.ip, q.l4, q.app_len, q.tcp_flags);
		if (p->verdict == FOS_PKT_TCP && q.app != p->app)
			fail_msg("%s, packet %zu: payload elsewhere", meta_kind_name[kind], i);
		if ((q.bits & META_BAD_SUM) > (p->bits & META_BAD_SUM))
			fail_msg("%s, packet %zu: a checksum that was right is wrong", meta_kind_name[kind], i);
		if (i && p->f.ts_ns < s->v[i - 1].f.ts_ns)
			fail_msg("%s, packet %zu: time goes back", meta_kind_name[kind], i);
	}
}

static bool keeps_places(enum meta_kind kind)
{
	return kind != META_RENAME && kind != META_ISN && kind != META_FRAGMENT;
}

static void check_kind(struct opened *o, enum meta_kind kind, struct place *before, struct place *after,
                       uint64_t *changed)
{
	struct meta_set s = { 0 };

	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct meta_draw sample = { fos_mix64(seed), 0 }, d = { fos_mix64_add(seed, kind), 0 };
		size_t convs, n;
		int rc;

		assert_int_equal(meta_trace_sample(&o->t, &sample, &s), 0);
		s.big = true;
		convs = s.convs;
		n = places(&s, convs, before);
		rc = meta_apply(kind, &s, &d);
		assert_true(rc >= 0);
		*changed += (uint64_t)rc;
		check_packets(&s, kind);
		if (!keeps_places(kind) || n == SIZE_MAX)
			continue;
		size_t m = places(&s, convs, after);

		if (m == SIZE_MAX)
			continue;
		if (m != n || memcmp(before, after, n * sizeof(*after)) != 0)
			fail_msg("%s, seed %llu: other bytes, or at other places", meta_kind_name[kind],
			         (unsigned long long)seed);
	}
	meta_set_free(&s);
}

static void test_kinds(void **state)
{
	static const char *const names[] = { "mixed.pcap", "ipv6.pcap",    "vlan.pcap",       "bulk-sack-loss.pcap",
		                             "tls.pcap",   "dns-udp.pcap", "offload-on.pcap", "fragments.pcap" };
	struct place *before = calloc(PLACES_MAX, sizeof(*before)), *after = calloc(PLACES_MAX, sizeof(*after));
	uint64_t changed[META_KINDS] = { 0 };

	(void)state;
	assert_non_null(before);
	assert_non_null(after);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct opened o;

		open_trace(&o, names[i]);
		for (int k = 0; k < META_KINDS; k++)
			check_kind(&o, (enum meta_kind)k, before, after, &changed[k]);
		close_trace(&o);
	}
	for (int k = 0; k < META_KINDS; k++)
		if (changed[k] < 100)
			fail_msg("%s changed next to nothing", meta_kind_name[k]);
	free(before);
	free(after);
}

/* Rules that single kinds have. */
static void test_split_flags(void **state)
{
	struct opened o;
	struct meta_set s = { 0 };
	uint64_t ends = 0;

	(void)state;
	open_trace(&o, "offload-on.pcap");
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct meta_draw sample = { seed, 0 }, d = { seed, 0 };

		assert_int_equal(meta_trace_sample(&o.t, &sample, &s), 0);
		assert_true(meta_split(&s, &d) >= 0);
		for (size_t i = 0; i + 1 < s.n; i++) {
			const struct meta_pkt *p = &s.v[i], *q = &s.v[i + 1];

			if (!(p->did >> META_SPLIT & 1) || p->f.num != q->f.num || p->order != q->order)
				continue;
			assert_false(p->tcp_flags & (FOS_TCP_FIN | FOS_TCP_PSH)); /* on the last one only */
			assert_int_equal(p->seq + p->app_len, q->seq);
			ends++;
		}
	}
	assert_true(ends > 100);
	meta_set_free(&s);
	close_trace(&o);
}

static void test_coalesced_is_big(void **state)
{
	struct opened o;
	struct meta_set s = { 0 };
	uint64_t most = 0, zero = 0;

	(void)state;
	open_trace(&o, "bulk-sack-loss.pcap");
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct meta_draw sample = { seed, 0 }, d = { seed, 0 };

		assert_int_equal(meta_trace_sample(&o.t, &sample, &s), 0);
		s.big = true;
		assert_true(meta_coalesce(&s, &d) >= 0);
		for (size_t i = 0; i < s.n; i++) {
			const uint8_t *ip = s.v[i].f.data + s.v[i].ip;

			most = s.v[i].app_len > most ? s.v[i].app_len : most;
			if (s.v[i].did >> META_COALESCE & 1 && s.v[i].app_len > 65535 && ip[2] == 0 && ip[3] == 0)
				zero++;
		}
	}
	assert_true(most > 60000);
	assert_true(zero > 0); /* BIG TCP: the length field cannot say it */
	meta_set_free(&s);
	close_trace(&o);
}

static void test_rename_line(void **state)
{
	struct meta_names n = { .v4 = { 0, 0, 0, 3 }, .v6 = { [15] = 1 }, .port = 1 };
	char *line;

	(void)state;
	line = meta_rename_line("tcp 10.0.0.1:80 > 10.0.0.2:1025 #3 bytes=1 sha256=00 gaps=- end=fin", &n);
	assert_string_equal(line, "tcp 10.0.0.2:81 > 10.0.0.1:1024 #3 bytes=1 sha256=00 gaps=- end=fin");
	free(line);
	line = meta_rename_line("udp [2001:db8::4]:53 > [::1]:7 datagrams=1 bytes=2 sha256=00", &n);
	assert_string_equal(line, "udp [2001:db8::5]:53 > [::]:7 datagrams=1 bytes=2 sha256=00");
	free(line);
	assert_null(meta_rename_line("tcp nonsense", &n));
}

static void test_draws(void **state)
{
	struct meta_draw d = { 7, 0 }, e = { 7, 0 };

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t v = meta_log(&d, 3, 1000), r = meta_range(&d, 5, 6);

		assert_in_range(v, 3, 1000);
		assert_in_range(r, 5, 6);
		assert_int_equal(v, meta_log(&e, 3, 1000));
		assert_int_equal(r, meta_range(&e, 5, 6));
	}
	assert_int_equal(meta_below(&d, 0), 0);
	assert_int_equal(meta_log(&d, 1, 1), 1);
}

/* Displacement, as hole-wait is raised by it. */
static void test_extent(void **state)
{
	struct meta_set s = { 0 };
	static const uint32_t order[] = { 2, 0, 1, 3, 5, 6, 7, 4 };

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		struct meta_pkt p = { .order = order[i], .conv = META_NO_CONV };

		assert_int_equal(meta_set_add(&s, &p), 0);
	}
	assert_int_equal(meta_extent(&s), 3);
	meta_set_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_split_flags),
		cmocka_unit_test(test_coalesced_is_big),
		cmocka_unit_test(test_rename_line),
		cmocka_unit_test(test_draws),
		cmocka_unit_test(test_extent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
