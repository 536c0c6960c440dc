/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_impair_port.c: what comes out of the impairment port: the right shares, the right order, the right bytes, and
 * always the same.
 */
#include "test_impair.h"

#include <arpa/inet.h>
#include <math.h>

static void test_shares(void **state)
{
	static const unsigned seeds = 200;
	struct fos_impair_stats sum = { 0 };
	struct frames fs = { 0 };

	(void)state;
	frames_mixed(&fs, 40, 50, 100000, 40);
	for (unsigned seed = 1; seed <= seeds; seed++) {
		struct fos_impair_spec spec = SPEC("reorder=5%", "loss=2%", "dup=3%", "corrupt=1%", "truncate=1.5%");
		struct fos_impair_stats st;
		struct output o;
		struct fos_port *p;
		uint64_t left;

		spec.seed = seed;
		p = impair(array_open(&fs, 64), &spec);
		o = drain(p);
		fos_impair_stats(p, &st);
		assert_int_equal(st.eligible, fs.n);
		assert_int_equal(o.n, fs.n - st.lost + st.duplicated);
		assert_int_equal(st.released, o.n);
		assert_int_equal(st.held, 0);
		left = st.eligible - st.lost;
		assert_binomial(st.lost, st.eligible, 0.02);
		assert_binomial(st.selected, left, 0.05);
		assert_binomial(st.duplicated, left, 0.03);
		sum.eligible += st.eligible;
		sum.lost += st.lost;
		sum.selected += st.selected;
		sum.duplicated += st.duplicated;
		sum.corrupted += st.corrupted + st.corrupt_skipped;
		sum.truncated += st.truncated;
		fos_port_close(p);
		output_free(&o);
		fos_impair_spec_free(&spec);
	}
	assert_binomial(sum.lost, sum.eligible, 0.02);
	assert_binomial(sum.selected, sum.eligible - sum.lost, 0.05);
	assert_binomial(sum.duplicated, sum.eligible - sum.lost, 0.03);
	assert_binomial(sum.corrupted, sum.eligible - sum.lost, 0.01);
	assert_binomial(sum.truncated, sum.eligible - sum.lost, 0.015 * 0.99);
	frames_free(&fs);
}

/* The same again, whatever the batches, whether or not bytes last, in one piece or two; another seed: another. */
static void test_deterministic(void **state)
{
	struct fos_impair_spec spec = SPEC(ALL);
	struct frames fs = { 0 };
	struct output first, o;
	struct array_port *a;
	struct fos_port *p;

	(void)state;
	frames_mixed(&fs, 30, 60, 20000, 100);
	first = run(&fs, &spec, 64);
	assert_time_forward(&first);
	for (unsigned batch = 1; batch <= 64; batch += 9) {
		o = run(&fs, &spec, batch);
		assert_int_equal(o.hash, first.hash);
		output_free(&o);
	}
	for (unsigned kind = 1; kind < 4; kind++) {
		a = array_open(&fs, 13);
		a->scribble = kind & 1;
		a->two_pieces = kind & 2;
		p = impair(a, &spec);
		o = drain(p);
		assert_int_equal(o.n, first.n);
		for (size_t i = 0; i < o.n; i++) {
			assert_int_equal(o.p[i].hash, first.p[i].hash);
			assert_int_equal(o.p[i].f.ts_ns, first.p[i].f.ts_ns);
			assert_int_equal(o.p[i].f.flags & ~1u, first.p[i].f.flags & ~1u);
			assert_int_equal(fos_frame_caplen(&o.p[i].f), fos_frame_caplen(&first.p[i].f));
		}
		fos_port_close(p);
		output_free(&o);
	}
	spec.seed = 2;
	o = run(&fs, &spec, 64);
	assert_int_not_equal(o.hash, first.hash);
	output_free(&o);
	output_free(&first);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

static void test_rewind(void **state)
{
	struct fos_impair_spec spec = SPEC(ALL);
	struct frames fs = { 0 };
	struct output first, o;
	struct fos_port *p;
	struct fos_batch *b = malloc(sizeof *b);

	(void)state;
	frames_mixed(&fs, 30, 60, 20000, 100);
	p = impair(array_open(&fs, 64), &spec);
	first = drain(p);
	assert_int_equal(fos_port_rx(p, b), -ENODATA);
	assert_int_equal(fos_port_rewind(p), 0);
	assert_true(fos_port_rx(p, b) > 0); /* and in the middle */
	assert_int_equal(fos_port_rewind(p), 0);
	o = drain(p);
	assert_int_equal(o.hash, first.hash);
	fos_port_close(p);
	output_free(&o);
	output_free(&first);
	free(b);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

static bool odd_session(const struct fos_frame *f)
{
	return (f->data[14 + 12] == 10 ? f->data[14 + 15] : f->data[14 + 19]) & 1;
}

/* What is done to a session does not depend on which others there are. */
static void test_sampled(void **state)
{
	struct fos_impair_spec spec = SPEC(ALL);
	struct frames fs = { 0 };
	struct output all, half;
	struct array_port *a;
	struct fos_port *p;
	size_t k = 0;

	(void)state;
	frames_mixed(&fs, 30, 60, 20000, 100);
	all = run(&fs, &spec, 64);
	a = array_open(&fs, 64);
	a->want = odd_session;
	p = impair(a, &spec);
	half = drain(p);
	/* Each session's packets in the order in which they left: times differ a little (a held packet leaves with
	 * one of its own direction), what was done does not. */
	for (unsigned s = 1; s < 30; s += 2) {
		uint32_t want = htonl(0x0a000000u + s);
		size_t i = 0, j = 0, n = 0;

		for (;; i++, j++, n++) {
			while (i < all.n && all.p[i].session != want)
				i++;
			while (j < half.n && half.p[j].session != want)
				j++;
			if (i == all.n || j == half.n)
				break;
			assert_int_equal(all.p[i].hash, half.p[j].hash);
			assert_int_equal(all.p[i].f.num, half.p[j].f.num);
			assert_int_equal(all.p[i].f.ts_ns, half.p[j].f.ts_ns);
			assert_int_equal(all.p[i].f.flags, half.p[j].f.flags);
			k++;
		}
		assert_true(i == all.n && j == half.n && n > 0);
	}
	assert_true(k > 500);
	fos_port_close(p);
	output_free(&all);
	output_free(&half);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

/* Who is held back stays the same when other stages are added; copies do not shift the order of the others. */
static void test_added_stage(void **state)
{
	struct fos_impair_spec bare = SPEC("reorder=10%"), dup = SPEC("reorder=10%", "dup=20%"),
	                       loss = SPEC("reorder=10%", "loss=10%", "truncate=10%", "delay=1ms");
	struct frames fs = { 0 };
	struct output a, b;
	uint8_t *drawn;
	size_t k = 0, seen = 0;

	(void)state;
	frames_mixed(&fs, 30, 60, 20000, 100);
	drawn = calloc(fs.n + 1, 1);
	a = run(&fs, &bare, 64);
	b = run(&fs, &dup, 64);
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i].f.flags & FOS_FRAME_DUPLICATE)
			continue;
		assert_int_equal(b.p[i].f.num, a.p[k].f.num);
		assert_int_equal(b.p[i].f.ts_ns, a.p[k].f.ts_ns);
		k++;
	}
	assert_int_equal(k, a.n);
	for (size_t i = 0; i < a.n; i++)
		drawn[a.p[i].f.num] = (a.p[i].f.flags & FOS_FRAME_REORDERED) != 0;
	output_free(&b);
	b = run(&fs, &loss, 64);
	for (size_t i = 0; i < b.n; i++, seen++)
		assert_int_equal((b.p[i].f.flags & FOS_FRAME_REORDERED) != 0, drawn[b.p[i].f.num]);
	assert_true(seen < fs.n);
	free(drawn);
	output_free(&a);
	output_free(&b);
	frames_free(&fs);
	fos_impair_spec_free(&bare);
	fos_impair_spec_free(&dup);
	fos_impair_spec_free(&loss);
}

static void test_complete(void **state)
{
	static const char *const options[] = { "reorder=5%", "reorder=100%,depth=1000",
		                               "reorder=50%,depth=5,scope=link", "reorder=30%,delay=7ms" };
	struct frames fs = { 0 };

	(void)state;
	frames_mixed(&fs, 20, 100, 50000, 30);
	for (unsigned i = 0; i < 4; i++) {
		struct fos_impair_spec spec = SPEC(options[i], "dup=10%,depth=4");
		struct output o = run(&fs, &spec, 64);

		assert_complete(&fs, &o);
		assert_time_forward(&o);
		output_free(&o);
		fos_impair_spec_free(&spec);
	}
	frames_free(&fs);
}

/* A held packet leaves directly after the k-th later packet of its direction came, with that packet's time. */
static void test_held_by_packets(void **state)
{
	struct fos_impair_spec spec = SPEC("reorder=4%,depth=6");
	struct frames fs = { 0 };
	struct output o;
	struct fos_port *p;
	const struct fos_decisions *l;

	(void)state;
	spec.keep_decisions = true;
	frames_mixed(&fs, 10, 200, 1000, 30);
	p = impair(array_open(&fs, 64), &spec);
	o = drain(p);
	l = fos_impair_decisions(p);
	assert_true(fos_decisions_count(l) > 40);
	for (size_t i = 0; i < fos_decisions_count(l); i++) {
		const struct fos_decision *d = fos_decisions_at(l, i);
		uint64_t kth = d->num + 20 * d->reorder_k; /* 10 sessions, two directions in turn */
		size_t at = place(&o, d->num);

		assert_true(d->reorder_k >= 1 && d->reorder_k <= 6);
		assert_true(o.p[at].f.flags & FOS_FRAME_REORDERED);
		if (kth > fs.n) { /* the end came before: all that waited leave at the end */
			assert_int_equal(o.p[at].f.ts_ns, fs.f[fs.n - 1].ts_ns);
			continue;
		}
		assert_int_equal(o.p[at].f.ts_ns, fs.f[kth - 1].ts_ns);
		if (!(o.p[place(&o, kth)].f.flags & FOS_FRAME_REORDERED))
			assert_true(place(&o, kth) < at && place(&o, kth + 1 > fs.n ? kth : kth + 1) >= at - 1);
	}
	fos_port_close(p);
	output_free(&o);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

/* Where later packets do not come in time it leaves after 100 ms, before what is later than that. */
static void test_held_by_time(void **state)
{
	struct fos_impair_spec spec = SPEC("reorder=100%,depth=1M");
	struct frames fs = { 0 };
	struct output o;
	struct fos_impair_stats st;
	struct fos_port *p;
	uint64_t last;

	(void)state;
	frames_mixed(&fs, 3, 30, 40000000, 10);
	last = fs.f[fs.n - 1].ts_ns;
	p = impair(array_open(&fs, 64), &spec);
	o = drain(p);
	fos_impair_stats(p, &st);
	assert_int_equal(o.n, fs.n);
	for (size_t i = 0; i < o.n; i++) {
		uint64_t due = fs.f[o.p[i].f.num - 1].ts_ns + 100000000;

		assert_int_equal(o.p[i].f.num, i + 1);
		assert_int_equal(o.p[i].f.ts_ns, due < last ? due : last);
	}
	assert_int_equal(st.timed_out, fs.n - 3);
	assert_int_equal(st.ended, 3);
	assert_int_equal(st.held_peak, 3);
	fos_port_close(p);
	output_free(&o);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

/* Who waits can ask until when. */
static void test_due(void **state)
{
	struct fos_impair_spec spec = SPEC("delay=100ms");
	struct fos_batch *b = calloc(1, sizeof *b);
	struct frames fs = { 0 };
	struct fos_port *p;

	(void)state;
	frames_mixed(&fs, 3, 30, 40000000, 10);
	p = impair(array_open(&fs, 1), &spec);
	assert_true(fos_impair_due(p) == UINT64_MAX);
	for (size_t next = 0; fos_port_rx(p, b) > 0;) {
		next += b->n;
		if (next < fs.n)
			assert_true(fos_impair_due(p) == fs.f[next].ts_ns + 100000000);
	}
	assert_true(fos_impair_due(p) == UINT64_MAX);
	fos_port_close(p);
	free(b);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

/* A 4-tuple that is used again: the second use is not done the same to, whatever the first one's length. */
static void test_uses(void **state)
{
	struct fos_impair_spec spec = SPEC("loss=50%");
	struct frames fs = { 0 };
	struct output o;
	uint8_t there[3][64] = { { 0 } };
	uint64_t t = 1000;

	(void)state;
	/* session 1: a use of 64 packets after one of 64; session 1 again in another run: after one of 10 */
	for (unsigned use = 0; use < 2; use++)
		for (unsigned i = 0; i < 64; i++)
			frames_tcp(&fs, (struct made){ .session = 1, .seq = 5 + use * 1000 + i, .flags = i ? 16 : 2 },
			           t++);
	o = run(&fs, &spec, 64);
	for (size_t i = 0; i < o.n; i++)
		there[(o.p[i].f.num - 1) / 64][(o.p[i].f.num - 1) % 64] = 1;
	assert_memory_not_equal(there[0], there[1], 64);
	output_free(&o);
	frames_free(&fs);
	for (unsigned i = 0; i < 74; i++) {
		unsigned use = i >= 10, at = use ? i - 10 : i;

		frames_tcp(&fs, (struct made){ .session = 1, .seq = 5 + use * 1000 + at, .flags = at ? 16 : 2 }, t++);
	}
	o = run(&fs, &spec, 64);
	for (size_t i = 0; i < o.n; i++) {
		if (o.p[i].f.num > 10)
			there[2][o.p[i].f.num - 11] = 1;
	}
	assert_memory_equal(there[1], there[2], 64);
	output_free(&o);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

/* Times that run backwards: packets that pass keep theirs, held ones get the greatest seen. Nothing is lost. */
static void test_time_backwards(void **state)
{
	struct fos_impair_spec spec =
	    SPEC("reorder=30%", "dup=10%,depth=2", "delay=1us,jitter=1ms", "only=tcp src port 80");
	struct frames fs = { 0 };
	struct output o;

	(void)state;
	frames_mixed(&fs, 10, 100, 10000, 5);
	for (size_t i = 0; i < fs.n; i += 7)
		fs.f[i].ts_ns -= 5000000;
	fs.f[500].ts_ns = UINT64_MAX; /* a damaged time stamp */
	o = run(&fs, &spec, 64);
	assert_complete(&fs, &o);
	for (size_t i = 0; i < o.n; i++) {
		if (!(o.p[i].f.flags & ~(uint32_t)FOS_FRAME_STABLE))
			assert_int_equal(o.p[i].f.ts_ns, fs.f[o.p[i].f.num - 1].ts_ns);
	}
	output_free(&o);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

/* Fragments, other protocols, and what is no IP have directions of their own; garbage does no harm. */
static void test_other_packets(void **state)
{
	struct fos_impair_spec spec = SPEC("reorder=100%,depth=1");
	struct fos_impair_stats st;
	struct frames fs = { 0 };
	struct output o;
	struct fos_port *p;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		frames_tcp(&fs, (struct made){ .session = 1, .proto = 17, .payload = 64 }, 1000 + i);
		put16(fs.bytes[i] + 18, i / 2); /* two fragments each of four datagrams */
		put16(fs.bytes[i] + 20, i % 2 ? 0x0004 : 0x2000);
	}
	p = impair(array_open(&fs, 64), &spec);
	o = drain(p);
	fos_impair_stats(p, &st);
	assert_int_equal(st.directions, 4);
	for (unsigned i = 0; i < 8; i++) /* the first waits for the second, the second for the end */
		assert_int_equal(o.p[i].f.num, i < 4 ? 2 * i + 1 : 2 * (i - 4) + 2);
	fos_port_close(p);
	output_free(&o);
	frames_free(&fs);
	fos_impair_spec_free(&spec);

	spec = SPEC(ALL);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t h = fos_mix64(i);

		frames_tcp(&fs, (struct made){ .session = i % 5, .seq = i, .flags = 16, .payload = i % 50 }, i * 1000);
		for (unsigned k = 0; k < 4; k++, h = fos_mix64(h))
			fs.bytes[i][h % fs.f[i].len] = (uint8_t)(h >> 32);
		fs.f[i].len = 1 + (uint32_t)(h >> 40) % fs.f[i].len;
		fs.f[i].linktype = i % 11 == 0 ? 101 : i % 13 == 0 ? 113 : 1;
	}
	o = run(&fs, &spec, 64);
	assert_true(o.n > 15000);
	output_free(&o);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

/* The rest of a port passes through to the inner one. */
static void test_port(void **state)
{
	struct fos_impair_spec none = SPEC("seed=4"), bad = SPEC("loss=1%");
	struct fos_port_stats st;
	struct fos_impair_stats is;
	struct frames fs = { 0 };
	struct array_port *a;
	struct fos_port *p;
	struct fos_batch *b = calloc(1, sizeof *b);
	struct output o;
	unsigned closed = 0;
	char err[256];

	(void)state;
	frames_mixed(&fs, 2, 20, 1000, 5);
	a = array_open(&fs, 64);
	a->closed = &closed;
	bad.only = strdup("no such filter");
	assert_int_equal(fos_impair_open(&a->port, &bad, &p, err, sizeof err), -EINVAL);
	assert_non_null(strstr(err, "--only no such filter: "));
	assert_int_equal(closed, 0);
	p = impair(a, &none);
	o = drain(p);
	assert_int_equal(o.n, 40);
	fos_port_stats(p, &st);
	assert_int_equal(st.rx_packets, 40);
	fos_impair_stats(p, &is);
	assert_int_equal(is.packets, 40);
	assert_int_equal(is.decisions, 0);
	b->n = 3;
	assert_int_equal(fos_port_tx(p, b), 3);
	assert_int_equal(a->tx, 3);
	assert_string_equal(fos_port_error(p), "array");
	assert_int_equal(fos_port_close(p), 0);
	assert_int_equal(closed, 1);
	free(b);
	output_free(&o);
	frames_free(&fs);
	fos_impair_spec_free(&none);
	fos_impair_spec_free(&bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_rewind),
		cmocka_unit_test(test_sampled),
		cmocka_unit_test(test_added_stage),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_held_by_packets),
		cmocka_unit_test(test_held_by_time),
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_uses),
		cmocka_unit_test(test_time_backwards),
		cmocka_unit_test(test_other_packets),
		cmocka_unit_test(test_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
