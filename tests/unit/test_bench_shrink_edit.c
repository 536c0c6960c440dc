/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_shrink_edit.c: bytes that are taken out of streams never were: the engine delivers of the packets that are left exactly the
 * bytes that are left, and checksums are as right as they were.
 */
#include "shrink_edit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <flowos/parse.h>
#include <flowos/rand.h>
#include <flowos/seq.h>

#include "replay.h"

static const struct bench_engine_opts opts = { .stages = 0 };

struct fixture {
	struct bench_trace trace;
	struct shrink_trace packets;
	struct shrink_cand cand;
};

static void fixture_open(struct fixture *x, const char *path)
{
	char err[512];

	assert_int_equal(bench_trace_load(&x->trace, path, false, NULL, NULL, err, sizeof(err)), 0);
	assert_int_equal(shrink_trace_make(&x->packets, &x->trace.frames), 0);
	assert_int_equal(shrink_cand_all(&x->cand, &x->packets), 0);
}

static void fixture_close(struct fixture *x)
{
	shrink_cand_free(&x->cand);
	shrink_trace_free(&x->packets);
	bench_trace_free(&x->trace);
}

static struct bench_record *delivered(const struct fos_frames *f)
{
	struct bench_record *r;
	char err[512];

	assert_int_equal(bench_record_run(&opts, NULL, f, &r, NULL, err, sizeof(err)), 0);
	return r;
}

/* The bytes of a stream in one piece. */
static uint8_t *bytes_of(const struct bench_stream *st, size_t *len)
{
	uint8_t *all = malloc(st->bytes + 1);
	size_t at = 0;

	assert_non_null(all);
	for (uint32_t i = 0; i < st->spans; i++) {
		memcpy(all + at, st->span[i].data, st->span[i].len);
		at += st->span[i].len;
	}
	*len = at;
	return all;
}

static void test_as_it_was(void **state)
{
	struct fos_decisions *list;
	struct fos_frames f;
	struct fixture x;

	(void)state;
	fixture_open(&x, FLOWOS_TRACES "/mixed.pcap");
	assert_int_equal(shrink_render(&x.cand, &x.packets, &f, &list), 0);
	assert_int_equal(f.n, x.trace.frames.n);
	for (size_t i = 0; i < f.n; i++) {
		assert_int_equal(f.v[i].len, x.trace.frames.v[i].len);
		assert_memory_equal(f.v[i].data, x.trace.frames.v[i].data, f.v[i].len);
		assert_int_equal(f.v[i].num, i + 1);
	}
	assert_int_equal(fos_decisions_count(list), 0);
	fos_decisions_put(list);
	fos_frames_free(&f);
	fixture_close(&x);
}

/* The direction of a stream of the trace; its first use only. */
static uint32_t dir_of(const struct shrink_trace *t, const struct bench_stream *st)
{
	for (uint32_t d = 0; d < t->dirs; d++)
		if (t->dir[d].side == st->side && t->dir[d].older == SHRINK_NONE &&
		    memcmp(&t->conv[t->dir[d].conv].key, &st->key, sizeof(st->key)) == 0)
			return d;
	return SHRINK_NONE;
}

/* A position in `st`, which has no gaps, is its offset and this. */
static uint64_t start_of(const struct fixture *x, const struct bench_stream *st, uint32_t dir)
{
	for (size_t i = 0; i < x->packets.n; i++)
		if (x->packets.packet[i].dir == dir && !(x->packets.packet[i].flags & FOS_TCP_RST))
			return fos_seq_near(x->packets.packet[i].from, st->start_seq);
	return 0;
}

static bool is_simple(const struct bench_record *r, size_t i)
{
	const struct bench_stream *st = &r->stream[i];

	for (size_t k = 0; k < r->streams; k++)
		if (k != i && r->stream[k].side == st->side &&
		    memcmp(&r->stream[k].key, &st->key, sizeof(st->key)) == 0)
			return false;
	return st->key.proto == 6 && st->bytes > 0 && st->gaps == 0 && !st->mid;
}

static const struct bench_stream *same_stream(const struct bench_record *r, const struct bench_stream *st)
{
	for (size_t i = 0; i < r->streams; i++)
		if (r->stream[i].side == st->side && memcmp(&r->stream[i].key, &st->key, sizeof(st->key)) == 0)
			return &r->stream[i];
	return NULL;
}

/* Cuts some ranges out of every stream that is simple, at random. */
static void cut_some(struct fixture *x, const struct bench_record *r, uint64_t seed)
{
	for (size_t i = 0; i < r->streams; i++) {
		uint32_t dir = dir_of(&x->packets, &r->stream[i]);
		uint64_t start, h = fos_mix64_add(seed, i), n = fos_below(fos_mix64(h), 5);

		if (!is_simple(r, i) || dir == SHRINK_NONE)
			continue;
		start = start_of(x, &r->stream[i], dir);
		for (uint64_t k = 0; k < n; k++) {
			uint64_t from = fos_below(fos_mix64_add(h, 3 * k), r->stream[i].bytes);
			uint64_t to = from + 1 + fos_below(fos_mix64_add(h, 3 * k + 1), r->stream[i].bytes - from);

			assert_int_equal(
			    shrink_cut(&x->cand, dir, start + from, start + to, fos_mix64_add(h, 3 * k + 2) & 1), 0);
		}
	}
	assert_int_equal(shrink_cand_tidy(&x->cand, &x->packets), 0);
}

static void check_stream(const struct fixture *x, const struct bench_stream *was, const struct bench_stream *is)
{
	uint32_t dir = dir_of(&x->packets, was);
	const struct shrink_cuts *cuts = &x->cand.cuts[dir];
	uint64_t start = start_of(x, was, dir);
	size_t len, len_is = 0, left = 0;
	uint8_t *bytes = bytes_of(was, &len), *bytes_is = is ? bytes_of(is, &len_is) : NULL;

	for (size_t i = 0; i < len; i++)
		if (!shrink_is_cut(cuts, start + i))
			bytes[left++] = bytes[i];
	assert_int_equal(left, len_is);
	if (left)
		assert_memory_equal(bytes, bytes_is, left);
	if (is)
		assert_int_equal(is->gaps, 0);
	free(bytes);
	free(bytes_is);
}

static void check_checksums(const struct fixture *x, const struct fos_frames *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct fos_pkt was = { .f = *x->packets.packet[x->cand.item[i].packet].f }, is = { .f = f->v[i] };

		fos_parse(&was, 0);
		fos_parse(&is, 0);
		assert_int_equal(is.verdict, was.verdict);
		assert_int_equal(fos_checksum_ok(&is), fos_checksum_ok(&was));
		assert_int_equal(is.app_len, is.app_wire_len);
	}
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The greatest end of what a direction of the candidate sends. */
static uint32_t end_of(const struct fixture *x, uint32_t dir)
{
	uint32_t end = 0;
	bool any = false;

	for (size_t i = 0; i < x->cand.n; i++) {
		struct shrink_left l;

		if (x->packets.packet[x->cand.item[i].packet].dir != dir)
			continue;
		shrink_left(&x->cand, &x->packets, &x->cand.item[i], &l);
		if (!any || fos_seq_diff(l.seq + l.len, end) > 0)
			end = l.seq + l.len;
		any = true;
	}
	return end;
}

/* SACK blocks speak of bytes that are left. Returns how many there are. */
static size_t check_sack(const struct fixture *x, const struct fos_frames *f)
{
	size_t blocks = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct shrink_packet *k = &x->packets.packet[x->cand.item[i].packet];
		const uint8_t *tcp = f->v[i].data + k->tcp;

		for (uint32_t at = 20; k->tcp && at + 1 < (tcp[12] >> 4) * 4u; at += tcp[at] == 1 ? 1 : tcp[at + 1]) {
			for (uint32_t b = at + 2; tcp[at] == 5 && b < at + tcp[at + 1]; b += 8, blocks++) {
				uint32_t end = end_of(x, x->packets.dir[k->dir].peer);

				assert_true(fos_seq_diff(get32(tcp + b + 4), get32(tcp + b)) >= 0);
				assert_true(fos_seq_diff(get32(tcp + b + 4), end) <= 0);
			}
		}
	}
	return blocks;
}

static void cut_and_check(const char *path, uint64_t seed)
{
	struct bench_record *was, *is;
	struct fos_decisions *list;
	struct fos_frames f;
	struct fixture x;

	fixture_open(&x, path);
	was = delivered(&x.trace.frames);
	cut_some(&x, was, seed);
	assert_int_equal(shrink_render(&x.cand, &x.packets, &f, &list), 0);
	is = delivered(&f);
	check_checksums(&x, &f);
	if (strstr(path, "sack"))
		assert_in_range(check_sack(&x, &f), 1, 10000);
	for (size_t i = 0; i < was->streams; i++)
		if (is_simple(was, i) && dir_of(&x.packets, &was->stream[i]) != SHRINK_NONE)
			check_stream(&x, &was->stream[i], same_stream(is, &was->stream[i]));
	bench_record_free(is);
	bench_record_free(was);
	fos_decisions_put(list);
	fos_frames_free(&f);
	fixture_close(&x);
}

static void test_cut(void **state)
{
	static const char *const paths[] = { FLOWOS_TRACES "/mixed.pcap", FLOWOS_TRACES "/bulk-sack-loss.pcap",
		                             FLOWOS_TRACES "/ipv6.pcap", FLOWOS_TRACES "/qinq.pcap",
		                             FLOWOS_TRACES "/reset.pcap" };
	const char *given = getenv("FLOWOS_SEED");
	uint64_t first = given ? strtoull(given, NULL, 10) : 1;

	(void)state;
	for (uint64_t seed = first; seed < first + 12; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
			cut_and_check(paths[i], seed);
	}
}

/* A checksum that was wrong is wrong by as much. */
static void test_wrong_checksums(void **state)
{
	struct fos_decisions *list;
	struct fos_frames f;
	struct fixture x;
	size_t wrong = 0;

	(void)state;
	fixture_open(&x, FLOWOS_TRACES "/offload-on.pcap");
	for (size_t i = 0; i < x.packets.n; i++)
		if (x.packets.packet[i].len > 20)
			assert_int_equal(shrink_cut(&x.cand, x.packets.packet[i].dir, x.packets.packet[i].from + 1,
			                            x.packets.packet[i].from + x.packets.packet[i].len, false),
			                 0);
	assert_int_equal(shrink_cand_tidy(&x.cand, &x.packets), 0);
	assert_int_equal(shrink_render(&x.cand, &x.packets, &f, &list), 0);
	check_checksums(&x, &f);
	for (size_t i = 0; i < f.n; i++) {
		struct fos_pkt p = { .f = f.v[i] };

		fos_parse(&p, 0);
		wrong += !fos_checksum_ok(&p);
	}
	assert_in_range(wrong, 1, f.n);
	fos_decisions_put(list);
	fos_frames_free(&f);
	fixture_close(&x);
}

static void test_ranges(void **state)
{
	struct shrink_cand c = { .dirs = 1, .cuts = calloc(2, sizeof(*c.cuts)) };
	struct shrink_cuts *k = c.cuts;

	(void)state;
	assert_int_equal(shrink_cut(&c, 0, 10, 20, false), 0);
	assert_int_equal(shrink_cut(&c, 0, 40, 50, false), 0);
	assert_int_equal(k->n, 2);
	assert_int_equal(shrink_cut_before(k, 10), 0);
	assert_int_equal(shrink_cut_before(k, 15), 5);
	assert_int_equal(shrink_cut_before(k, 45), 15);
	assert_true(shrink_is_cut(k, 10));
	assert_false(shrink_is_cut(k, 20));
	assert_int_equal(k->shift, 0);
	assert_int_equal(shrink_cut(&c, 0, 20, 40, true), 0); /* joins both */
	assert_int_equal(k->n, 1);
	assert_int_equal(k->v[0].from, 10);
	assert_int_equal(k->v[0].to, 50);
	assert_int_equal(k->shift, 20);
	assert_int_equal(shrink_cut(&c, 0, 12, 13, true), 0); /* is gone already */
	assert_int_equal(k->n, 1);
	assert_int_equal(k->shift, 20);
	shrink_cand_free(&c);
}

/* All fragments of a datagram go, or none; one that is to be shortened cannot be. */
static void test_fragments(void **state)
{
	struct fixture x;
	size_t fragments = 0, left = 0;
	uint32_t group = 0;

	(void)state;
	fixture_open(&x, FLOWOS_TRACES "/fragments.pcap");
	for (size_t i = 0; i < x.packets.n; i++)
		if (x.packets.packet[i].group && x.packets.packet[i].dir != SHRINK_NONE && !group)
			group = x.packets.packet[i].group;
	assert_int_not_equal(group, 0);
	for (size_t i = 0; i < x.packets.n; i++) {
		const struct shrink_packet *p = &x.packets.packet[i];

		fragments += p->group == group;
		if (p->group == group && fragments == 1)
			assert_int_equal(shrink_cut(&x.cand, p->dir, p->from, p->from + p->len - 1, false), 0);
	}
	assert_in_range(fragments, 2, 100);
	assert_int_equal(shrink_cand_tidy(&x.cand, &x.packets), -ECANCELED);
	shrink_cand_free(&x.cand);
	assert_int_equal(shrink_cand_all(&x.cand, &x.packets), 0);
	for (size_t i = 0; i < x.packets.n; i++)
		if (x.packets.packet[i].group == group)
			assert_int_equal(shrink_cut(&x.cand, x.packets.packet[i].dir, x.packets.packet[i].from,
			                            x.packets.packet[i].from + x.packets.packet[i].len, false),
			                 0);
	assert_int_equal(shrink_cand_tidy(&x.cand, &x.packets), 0);
	for (size_t i = 0; i < x.cand.n; i++)
		left += x.packets.packet[x.cand.item[i].packet].group == group;
	assert_int_equal(left, 0);
	assert_int_equal(x.cand.n, x.packets.n - fragments);
	fixture_close(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_was),       cmocka_unit_test(test_cut),
		cmocka_unit_test(test_wrong_checksums), cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
