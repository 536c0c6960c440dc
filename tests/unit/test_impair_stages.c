/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_impair_stages.c: what each impairment does to packets: loss, corruption, truncation, copies, delay, and the filter.
 */
#include "test_impair.h"

#include <arpa/inet.h>

/* A lost packet is never seen, or once again at its time + T. */
static void test_loss(void **state)
{
	struct fos_impair_spec spec = SPEC("loss=20%,retransmit=3ms", "delay=1ms"), gone = SPEC("loss=20%");
	struct frames fs = { 0 };
	struct output o;
	size_t again = 0;

	(void)state;
	frames_mixed(&fs, 10, 50, 100000, 10);
	o = run(&fs, &spec, 64);
	assert_complete(&fs, &o);
	assert_time_forward(&o);
	for (size_t i = 0; i < o.n; i++) {
		bool is = o.p[i].f.flags & FOS_FRAME_RETRANSMIT;

		assert_int_equal(o.p[i].f.ts_ns, fs.f[o.p[i].f.num - 1].ts_ns + 1000000 + (is ? 3000000 : 0));
		again += is;
	}
	output_free(&o);
	o = run(&fs, &gone, 64);
	assert_int_equal(o.n, fs.n - again);
	for (size_t i = 0; i < o.n; i++)
		assert_int_equal(o.p[i].f.flags, FOS_FRAME_STABLE);
	output_free(&o);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
	fos_impair_spec_free(&gone);
}

/* Runs of lost packets within a direction, over all directions. */
static void test_burst(void **state)
{
	static const struct {
		const char *option;
		double share, mean;
	} cases[] = {
		{ "loss=5%,burst=4", 0.05, 4 },
		{ "loss=20%,burst=10", 0.20, 10 },
		{ "loss=5%,burst=1", 0.05, 1 },
		{ "loss=gemodel:1%,25%", 1 / 26.0, 4 },
		{ "loss=gemodel:2%,25%,50%,1%", 0.5 * 2 / 27 + 0.01 * 25 / 27, 0 },
	};
	struct frames fs = { 0 };

	(void)state;
	frames_mixed(&fs, 100, 400, 1000, 0);
	for (unsigned c = 0; c < sizeof cases / sizeof *cases; c++) {
		uint64_t lost = 0, runs = 0, all = 0;

		for (unsigned seed = 1; seed <= 8; seed++) {
			struct fos_impair_spec spec = SPEC(cases[c].option);
			uint8_t *there = calloc(fs.n + 1, 1);
			struct output o;

			spec.seed = seed;
			o = run(&fs, &spec, 64);
			for (size_t i = 0; i < o.n; i++)
				there[o.p[i].f.num] = 1;
			for (size_t i = 1; i <= fs.n; i++) {
				lost += !there[i];
				runs += !there[i] && (i <= 200 || there[i - 200]);
			}
			all += fs.n;
			free(there);
			output_free(&o);
			fos_impair_spec_free(&spec);
		}
		/* bursts make the variance of the share larger, by about 2 * mean; ends of directions cut some off */
		double sigma = sqrt((double)all * cases[c].share * 2 * (cases[c].mean + 1));

		assert_true(fabs((double)lost - (double)all * cases[c].share) < 5 * sigma);
		if (cases[c].mean > 0) {
			double mean = (double)lost / (double)runs;

			assert_true(fabs(mean - cases[c].mean) < 0.05 * cases[c].mean);
		}
	}
	frames_free(&fs);
}

/* Every corrupted packet is refused by its checksum; repaired ones are taken, and differ in one payload bit. */
static void corrupt_case(const struct frames *fs, bool two_pieces, bool fix)
{
	struct fos_impair_spec spec = SPEC(fix ? "corrupt=50%,checksum=fix" : "corrupt=50%");
	struct array_port *a = array_open(fs, 64);
	struct fos_impair_stats st;
	struct output o;
	struct fos_port *p;
	uint64_t hit = 0;

	a->two_pieces = two_pieces;
	p = impair(a, &spec);
	o = drain(p);
	fos_impair_stats(p, &st);
	for (size_t i = 0; i < o.n; i++) {
		const struct fos_frame *was = &fs->f[o.p[i].f.num - 1];

		if (!(o.p[i].f.flags & FOS_FRAME_CORRUPTED)) {
			assert_int_equal(o.p[i].hash, frame_hash(was));
			continue;
		}
		hit++;
		assert_int_not_equal(o.p[i].hash, frame_hash(was));
		assert_int_equal(fos_frame_caplen(&o.p[i].f), was->len);
		assert_null(o.p[i].f.ext);
		assert_true(o.p[i].f.flags & FOS_FRAME_STABLE);
		bool transport = o.p[i].verdict == FOS_PKT_TCP || o.p[i].verdict == FOS_PKT_UDP;
		unsigned differ = 0;

		for (uint32_t k = 0; k < was->len; k++)
			differ += (unsigned)__builtin_popcount(was->data[k] ^ o.p[i].f.data[k]);
		if (fix) {
			assert_true(transport && o.p[i].sum_ok);
			assert_true(differ > 0);
		} else {
			assert_true(!transport || !o.p[i].sum_ok);
			assert_int_equal(differ, 1);
		}
	}
	assert_int_equal(hit, st.corrupted);
	assert_true(hit > 0);
	assert_binomial(st.corrupted + st.corrupt_skipped, fs->n, 0.5);
	fos_port_close(p);
	output_free(&o);
	fos_impair_spec_free(&spec);
}

static void test_corrupt(void **state)
{
	struct frames fs = { 0 };

	(void)state;
	frames_mixed(&fs, 10, 100, 1000, 77);
	for (unsigned i = 0; i < 400; i++)
		frames_tcp(&fs, (struct made){ .session = i, .proto = 17, .seq = i, .payload = 1 + i % 40 },
		           fs.f[fs.n - 1].ts_ns);
	for (int fix = 0; fix < 2; fix++) {
		corrupt_case(&fs, false, fix);
		corrupt_case(&fs, true, fix);
	}
	frames_free(&fs);
}

/* What no checksum covers is left alone, and counted. */
static void test_corrupt_skipped(void **state)
{
	struct fos_impair_spec spec = SPEC("corrupt=100%"), fix = SPEC("corrupt=100%,checksum=fix");
	struct fos_impair_checksums sums;
	struct fos_impair_stats st;
	struct frames fs = { 0 };
	struct output o;
	struct array_port *a;
	struct fos_port *p;

	(void)state;
	frames_tcp(&fs, (struct made){ .proto = 17, .payload = 20, .no_sum = true }, 1000); /* UDP without a checksum */
	frames_tcp(&fs, (struct made){ .session = 1, .payload = 50 }, 1000);                /* captured in part */
	fs.f[1].len -= 20;
	frames_tcp(&fs, (struct made){ .session = 2 }, 1000); /* ARP */
	put16(fs.bytes[2] + 12, 0x0806);
	p = impair(array_open(&fs, 64), &spec);
	o = drain(p);
	fos_impair_stats(p, &st);
	assert_int_equal(st.corrupt_skipped, 3);
	assert_int_equal(st.corrupted, 0);
	assert_int_equal(st.decisions, 0);
	assert_complete(&fs, &o);
	fos_port_close(p);
	output_free(&o);

	p = impair(array_open(&fs, 64), &fix); /* repairing needs no whole packet, and no checksum */
	o = drain(p);
	fos_impair_stats(p, &st);
	assert_int_equal(st.corrupt_skipped, 1);
	fos_port_close(p);
	output_free(&o);

	frames_tcp(&fs, (struct made){ .payload = 50, .no_sum = true }, 1000);
	a = array_open(&fs, 64);
	assert_int_equal(fos_impair_checksums_scan(&a->port, 0, &sums), 0);
	assert_int_equal(sums.checked, 3);
	assert_int_equal(sums.invalid, 1);
	assert_int_equal(a->at, 0);
	fos_port_close(&a->port);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
	fos_impair_spec_free(&fix);
}

static void test_truncate(void **state)
{
	struct fos_impair_spec spec = SPEC("truncate=50%");
	struct frames fs = { 0 };

	(void)state;
	frames_mixed(&fs, 10, 100, 1000, 77);
	for (int two = 0; two < 2; two++) {
		struct array_port *a = array_open(&fs, 64);
		struct fos_port *p;
		struct output o;
		uint64_t cut = 0;

		a->two_pieces = two;
		p = impair(a, &spec);
		o = drain(p);
		for (size_t i = 0; i < o.n; i++) {
			const struct fos_frame *f = &o.p[i].f, *was = &fs.f[i];
			uint32_t len = fos_frame_caplen(f);

			assert_int_equal(f->wire_len, was->wire_len);
			assert_int_equal(f->ext != NULL, f->ext_len > 0);
			assert_int_equal(o.p[i].hash, hash_bytes(UINT64_C(0xcbf29ce484222325), was->data, len));
			assert_int_equal((f->flags & FOS_FRAME_TRUNCATED) != 0, len < was->len);
			assert_true(len >= 1);
			cut += len < was->len;
		}
		assert_binomial(cut, fs.n, 0.5);
		fos_port_close(p);
		output_free(&o);
	}
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

static void test_dup(void **state)
{
	struct fos_impair_spec after = SPEC("dup=100%"), later = SPEC("dup=100%,depth=2");
	struct frames fs = { 0 };
	struct output o;

	(void)state;
	frames_mixed(&fs, 1, 20, 1000, 5);
	o = run(&fs, &after, 64);
	assert_int_equal(o.n, 40);
	for (size_t i = 0; i < o.n; i++) {
		assert_int_equal(o.p[i].f.num, i / 2 + 1);
		assert_int_equal((o.p[i].f.flags & FOS_FRAME_DUPLICATE) != 0, i % 2);
		assert_int_equal(o.p[i].hash, frame_hash(&fs.f[i / 2]));
	}
	output_free(&o);
	o = run(&fs, &later, 64);
	assert_int_equal(o.n, 40);
	assert_time_forward(&o);
	for (size_t i = 0; i < o.n; i++) {
		uint64_t late = o.p[i].f.ts_ns - fs.f[o.p[i].f.num - 1].ts_ns;

		/* two directions in turn: k packets later are 2 k frames later */
		assert_true(o.p[i].f.flags & FOS_FRAME_DUPLICATE ? late <= 4000 : late == 0);
	}
	output_free(&o);
	frames_free(&fs);
	fos_impair_spec_free(&after);
	fos_impair_spec_free(&later);
}

static void test_delay(void **state)
{
	struct fos_impair_spec spec = SPEC("delay=2ms,jitter=1ms"), fixed = SPEC("delay=2ms");
	struct frames fs = { 0 };
	struct output o;
	uint64_t sum = 0;

	(void)state;
	frames_mixed(&fs, 10, 200, 10000, 5);
	o = run(&fs, &spec, 64);
	assert_complete(&fs, &o);
	assert_time_forward(&o);
	for (size_t i = 0; i < o.n; i++) {
		uint64_t late = o.p[i].f.ts_ns - fs.f[o.p[i].f.num - 1].ts_ns;

		assert_true(late >= 2000000 && late < 3000000);
		assert_true(o.p[i].f.flags & FOS_FRAME_DELAYED);
		sum += late;
	}
	assert_true(fabs((double)sum / (double)o.n - 2.5e6) < 5 * 1e6 / sqrt(12.0 * (double)o.n));
	output_free(&o);
	o = run(&fs, &fixed, 64);
	for (size_t i = 0; i < o.n; i++)
		assert_int_equal(o.p[i].f.num, i + 1);
	output_free(&o);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
	fos_impair_spec_free(&fixed);
}

/* What does not match passes untouched, and what matches is treated as without the filter. */
static void test_only(void **state)
{
	struct fos_impair_spec spec = SPEC("reorder=30%,delay=1ms", "loss=10%", "only=tcp src port 80"),
	                       all = SPEC("reorder=30%,delay=1ms", "loss=10%");
	struct frames fs = { 0 };
	struct output o, full;
	uint8_t *what;
	size_t sent[2] = { 0 };

	(void)state;
	frames_mixed(&fs, 10, 100, 10000, 5);
	what = calloc(fs.n + 1, 1);
	o = run(&fs, &spec, 64);
	full = run(&fs, &all, 64);
	for (size_t i = 0; i < full.n; i++)
		what[full.p[i].f.num] = full.p[i].f.flags & FOS_FRAME_REORDERED ? 2 : 1;
	for (size_t i = 0; i < o.n; i++) {
		bool matches = o.p[i].sport == 80;

		sent[matches]++;
		if (matches)
			assert_int_equal(what[o.p[i].f.num], o.p[i].f.flags & FOS_FRAME_REORDERED ? 2 : 1);
		else
			assert_int_equal(o.p[i].f.flags, FOS_FRAME_STABLE);
	}
	assert_time_forward(&o);
	assert_int_equal(sent[0], fs.n / 2);
	assert_true(sent[1] < fs.n / 2);
	free(what);
	output_free(&o);
	output_free(&full);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
	fos_impair_spec_free(&all);
}

/* A filter that has no meaning on a link type is an error of the trace, not silence. */
static void test_only_linktype(void **state)
{
	struct fos_impair_spec spec = SPEC("loss=10%", "only=ether host 02:02:02:02:02:02");
	struct frames fs = { 0 };
	struct fos_port *p;
	struct output o;

	(void)state;
	frames_mixed(&fs, 1, 20, 1000, 5);
	for (size_t i = 10; i < fs.n; i++) {
		fs.f[i].linktype = 101;
		fs.f[i].data += 14;
		fs.f[i].len -= 14;
		fs.f[i].wire_len -= 14;
	}
	p = impair(array_open(&fs, 64), &spec);
	o = drain(p);
	assert_int_equal(o.end, -EINVAL);
	assert_non_null(strstr(fos_port_error(p), "link type 101"));
	fos_port_close(p);
	output_free(&o);
	frames_free(&fs);
	fos_impair_spec_free(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loss),          cmocka_unit_test(test_burst),
		cmocka_unit_test(test_corrupt),       cmocka_unit_test(test_corrupt_skipped),
		cmocka_unit_test(test_truncate),      cmocka_unit_test(test_dup),
		cmocka_unit_test(test_delay),         cmocka_unit_test(test_only),
		cmocka_unit_test(test_only_linktype),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
