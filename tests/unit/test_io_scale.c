/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_scale.c: copies of a trace are the trace but for addresses and sequence numbers; samples are nested, waves
 * follow each other, and the same seed gives the same bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <flowos/rand.h>

#include "test_io_scale.h"

static void test_copies(void **state)
{
	static const char *const t[] = { "sessions=20,bytes=5000", "sessions=300,bytes=100,ip=6,vlan=9,ack=1",
		                         "sessions=1,bytes=90000,mss=30000" };

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct fos_frames f;
		struct fos_port *p = load_gen(t[i], &f);
		uint64_t sessions = (uint64_t[]){ 20, 300, 1 }[i];

		assert_int_equal(check_copies(&f, 7), 7 * sessions);
		fos_frames_free(&f);
		fos_port_close(p);
	}
}

/* The keys of the first wave's sessions, sorted. */
static uint64_t first_wave(const struct fos_frames *f, uint64_t n, struct fos_key *keys)
{
	struct fos_scale_info info;
	struct fos_frames out;
	struct fos_port *port;
	struct content c;
	uint64_t k = 0;

	scale(f, n, 0, &info, &out, &port);
	c = content_of(&out);
	for (uint64_t i = 0; i < c.n_tcp; i = session_end(&c, i))
		keys[k++] = c.tcp[i].key;
	free(c.tcp);
	fos_frames_free(&out);
	fos_port_close(port);
	return k;
}

static int key_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct fos_key));
}

static void test_nested(void **state)
{
	static const uint64_t sizes[] = { 1, 3, 10, 99, 100, 101, 250, 1000 };
	static struct fos_key keys[2][1000];
	struct fos_frames f;
	struct fos_port *p = load_gen("sessions=100,bytes=100", &f);
	uint64_t before = 0;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint64_t n = first_wave(&f, sizes[i], keys[i % 2]);

		assert_int_equal(n, sizes[i]);
		for (uint64_t k = 0; k < before; k++)
			assert_non_null(
			    bsearch(&keys[(i + 1) % 2][k], keys[i % 2], n, sizeof(struct fos_key), key_cmp));
		before = n;
	}
	fos_frames_free(&f);
	fos_port_close(p);
}

static void test_waves(void **state)
{
	struct fos_frames f;
	struct fos_port *p = load_gen("sessions=30,bytes=3000,concurrent=4", &f);

	(void)state;
	for (uint64_t n = 1; n < 200; n = n * 2 + 1) {
		struct fos_scale_info info;
		struct fos_frames out;
		struct fos_port *port;
		struct content c;
		uint64_t last = 0, target = 20000, wave = f.n / 30 * n;

		scale(&f, n, target, &info, &out, &port);
		assert_int_equal(info.sessions, n * info.waves);
		assert_int_equal(info.copies, (info.sessions + 29) / 30);
		assert_int_equal(info.distinct_payload_bytes, info.sessions < 30 ? info.sessions * 3100 : 30 * 3100);
		assert_true(info.packets + wave / 2 >= target && info.packets <= target + wave / 2);
		for (uint64_t i = 0; i < out.n; i++) {
			assert_true(out.v[i].ts_ns >= last);
			if (i && i % wave == 0)
				assert_int_equal(out.v[i].ts_ns, last + UINT64_C(65000000000));
			last = out.v[i].ts_ns;
		}
		c = content_of(&out);
		assert_int_equal(c.sessions, info.sessions); /* no 4-tuple twice */
		assert_int_equal(c.good[FOS_PKT_TCP], out.n);
		free(c.tcp);
		fos_frames_free(&out);
		fos_port_close(port);
	}
	fos_frames_free(&f);
	fos_port_close(p);
}

static uint64_t digest(const struct fos_frames *f)
{
	uint64_t h = 0;

	for (uint64_t i = 0; i < f->n; i++) {
		h = fos_mix64(h ^ f->v[i].ts_ns);
		for (uint32_t k = 0; k < f->v[i].len; k++)
			h = fos_mix64(h ^ f->v[i].data[k]);
		for (uint32_t k = 0; k < f->v[i].ext_len; k++)
			h = fos_mix64(h ^ f->v[i].ext[k]);
	}
	return h;
}

/* Also: what is scaled can be scaled again, and its addresses do not meet the old ones. */
static void test_deterministic(void **state)
{
	struct fos_frames f, out[2], again;
	struct fos_port *p = load_gen("sessions=10,bytes=300,ip=6,seed=3", &f), *port[3];
	struct fos_scale_info info;

	(void)state;
	scale(&f, 33, 2000, &info, &out[0], &port[0]);
	scale(&f, 33, 2000, &info, &out[1], &port[1]);
	assert_true(digest(&out[0]) == digest(&out[1]));
	assert_true(digest(&out[0]) == UINT64_C(0x830b5c86b2db712d)); /* on every machine */
	assert_int_equal(check_copies(&out[0], 3), 3 * info.sessions);
	scale(&out[0], info.sessions, 0, &info, &again, &port[2]);
	assert_int_equal(info.source_sessions, info.sessions);
	fos_frames_free(&again);
	for (int i = 0; i < 3; i++)
		fos_port_close(port[i]);
	fos_frames_free(&out[0]);
	fos_frames_free(&out[1]);
	fos_frames_free(&f);
	fos_port_close(p);
}

static void test_refuses(void **state)
{
	struct fos_scale_opts opts = { .sessions = 1 };
	struct fos_frames f = { 0 };
	struct fos_port *p, *g;

	(void)state;
	assert_int_equal(fos_scale_open(&f, &opts, NULL, &p), -ENODATA);
	assert_null(p);
	g = load_gen("sessions=3,bytes=10", &f);
	opts.sessions = 0;
	assert_int_equal(fos_scale_open(&f, &opts, NULL, &p), -EINVAL);
	opts.sessions = UINT64_C(1) << 32;
	assert_int_equal(fos_scale_open(&f, &opts, NULL, &p), -ENOMEM);
	opts.sessions = 3;
	f.v[5].flags = 0;
	assert_int_equal(fos_scale_open(&f, &opts, NULL, &p), -EINVAL);
	assert_null(p);
	fos_frames_free(&f);
	fos_port_close(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies),        cmocka_unit_test(test_nested),  cmocka_unit_test(test_waves),
		cmocka_unit_test(test_deterministic), cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
