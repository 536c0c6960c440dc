/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_peer.c: floors count what is there, and take every byte once; libnids, where it is, gives the same bytes and
 * sum for packets in order, again and again.
 */
#include "peer_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include <flowos/gen.h>
#include <flowos/rand.h>

#include "floor.h"

struct made {
	struct fos_port *port;
	struct fos_frames frames;
};

static struct made make(const char *text)
{
	struct made m = { 0 };
	struct fos_gen_spec spec;
	char err[200];

	assert_int_equal(fos_gen_parse(text, &spec, err, sizeof(err)), 0);
	assert_int_equal(fos_gen_open(&spec, &m.port), 0);
	assert_int_equal(fos_frames_load(m.port, &m.frames, NULL, NULL), 0);
	return m;
}

static void unmake(struct made *m)
{
	fos_frames_free(&m->frames);
	fos_port_close(m->port);
}

/* The formula's words, summed as they come. */
static uint64_t formula(uint64_t seed, uint64_t sessions, uint64_t request, uint64_t response)
{
	uint8_t buf[4096];
	uint64_t sum = 0;

	assert_true(request <= sizeof(buf) && response <= sizeof(buf));
	for (uint64_t s = 0; s < sessions; s++) {
		fos_gen_payload(seed, s, FOS_GEN_REQUEST, 0, buf, request);
		sum += bench_floor_sum(buf, request);
		fos_gen_payload(seed, s, FOS_GEN_RESPONSE, 0, buf, response);
		sum += bench_floor_sum(buf, response);
	}
	return sum;
}

static void test_sum(void **state)
{
	uint8_t buf[300];

	(void)state;
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i * 7 + 1);
	for (size_t off = 0; off < 9; off++) {
		for (size_t len = 0; len < 200; len++) {
			uint64_t want = 0;

			for (size_t i = 0; i < len; i++)
				want += (uint64_t)buf[off + i] << 8 * (i & 7);
			assert_true(bench_floor_sum(buf + off, len) == want);
		}
	}
}

static void test_floors(void **state)
{
	struct made m = make("sessions=300,bytes=3000,request=120,mss=1000,seed=5");
	const uint64_t bytes = 300 * 3120, sum = formula(5, 300, 120, 3000);
	struct bench_peer_pass pass;
	uint64_t flows;
	char err[200];

	(void)state;
	assert_int_equal(bench_peer_flows(&m.frames, &flows), 0);
	assert_int_equal(flows, 300);
	assert_true(bench_peer_count() >= 3);
	for (unsigned i = 0; i < bench_peer_count(); i++) {
		bool libnids = strcmp(bench_peer_name(i), "libnids") == 0;

		for (int again = 0; again < 2; again++) {
			assert_int_equal(bench_peer_pass(i, &m.frames, NULL, flows, &pass, err, sizeof(err)), 0);
			assert_true(pass.seconds > 0);
			assert_int_equal(pass.bytes, strcmp(bench_peer_name(i), "floor: headers") ? bytes : 0);
			if (libnids || strcmp(bench_peer_name(i), "floor: sum") == 0)
				assert_true(pass.sum == sum);
			else
				assert_int_equal(pass.sum != 0, strncmp(bench_peer_name(i), "plain: xxh3", 11) == 0);
		}
	}
	unmake(&m);
}

/* Are the upper halves of the vector registers in use? -1: this processor does not say, or has none. */
static int upper_halves(void)
{
#ifdef __x86_64__
	enum { OSXSAVE = 1 << 27, XGETBV_1 = 1 << 2, YMM = 1 << 2 };
	unsigned a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d) && c & OSXSAVE && __get_cpuid_count(13, 1, &a, &b, &c, &d) && a & XGETBV_1) {
		__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(1));
		return (a & YMM) != 0;
	}
#endif
	return -1;
}

/* Uses them and clears them. Some processors go on to say that they are in use. */
#ifdef __x86_64__
__attribute__((target("avx"))) static void use_upper_halves(void)
{
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vcmpps $15, %%ymm0, %%ymm0, %%ymm0\n\tvzeroupper" : : : "xmm0");
}
#else
static void use_upper_halves(void)
{
}
#endif

/* Whoever takes the next turn after one who used them finds them clear: else all SSE of it would be slower. */
static void test_upper_halves(void **state)
{
	struct bench_peer_pass pass;
	struct made m;
	char err[200];

	(void)state;
	use_upper_halves();
	if (upper_halves())
		skip();
	m = make("sessions=3,bytes=30000,mss=1448");
	for (unsigned i = 0; i < bench_peer_count(); i++) {
		assert_int_equal(bench_peer_pass(i, &m.frames, NULL, 3, &pass, err, sizeof(err)), 0);
		if (strcmp(bench_peer_name(i), "plain: xxh3 wide") == 0) /* of others, what sanitizers do may show */
			assert_int_equal(upper_halves(), 0);
	}
	unmake(&m);
}

/* Headers and payload in two pieces, as a trace's multiplied sessions are. */
static void test_two_pieces(void **state)
{
	struct made m = make("sessions=20,bytes=2000,request=96,mss=1000,seed=2");
	const uint64_t sum = formula(2, 20, 96, 2000);
	struct bench_peer_pass pass;
	char err[200];
	enum { HEADERS = 66 };

	(void)state;
	for (size_t i = 0; i < m.frames.n; i++) {
		struct fos_frame *f = &m.frames.v[i];

		if (f->len <= HEADERS + 8) /* SYNs have more options */
			continue;
		f->ext = f->data + HEADERS;
		f->ext_len = f->len - HEADERS;
		f->len = HEADERS;
	}
	for (unsigned i = 2; i < bench_peer_count(); i++) {
		assert_int_equal(bench_peer_pass(i, &m.frames, NULL, 20, &pass, err, sizeof(err)), 0);
		assert_int_equal(pass.bytes, 20 * 2096);
		assert_true(pass.sum == sum || strncmp(bench_peer_name(i), "plain: xxh3", 11) == 0);
	}
	unmake(&m);
}

/* Both directions, and many flows: one entry each, however they collide. */
static void test_table(void **state)
{
	struct made m = make("sessions=20k,bytes=8,request=8,ack=0");
	struct bench_floor b;
	uint64_t flows;

	(void)state;
	assert_int_equal(bench_peer_flows(&m.frames, &flows), 0); /* and grows past its first size */
	assert_int_equal(flows, 20000);
	assert_int_equal(bench_floor_init(&b, 19999), 0);
	for (size_t i = 0; i < m.frames.n; i++)
		bench_floor_packet(&b, BENCH_FLOOR_TABLE, m.frames.v[i].data, m.frames.v[i].len, NULL, 0);
	bench_floor_flush(&b);
	assert_true(b.full);
	assert_int_equal(b.packets, m.frames.n);
	assert_int_equal(b.other, 0);
	bench_floor_clear(&b);
	unmake(&m);
}

/* Not a byte outside what is there is read (the sanitizer looks on), whatever the packet says. */
static void test_odd(void **state)
{
	struct bench_floor b;
	struct made m = make("sessions=1,bytes=100,request=10");

	(void)state;
	assert_int_equal(bench_floor_init(&b, 100000), 0);
	for (size_t i = 0; i < m.frames.n; i++) {
		const struct fos_frame *f = &m.frames.v[i];

		for (uint32_t len = 0; len <= f->len; len++) {
			for (int change = 0; change < 8; change++) {
				uint8_t *copy = malloc(len ? len : 1);

				assert_non_null(copy);
				memcpy(copy, f->data, len);
				if (change && len)
					copy[fos_mix64((uint64_t)i << 32 | len << 8 | (unsigned)change) % len] ^= 0xff;
				bench_floor_packet(&b, BENCH_FLOOR_SUM, copy, len, NULL, 0);
				free(copy);
			}
		}
	}
	bench_floor_flush(&b);
	assert_false(b.full);
	assert_true(b.other > 0 && b.other < b.packets);
	bench_floor_clear(&b);
	unmake(&m);
}

static void test_samples(void **state)
{
	struct made m = make("sessions=50,bytes=3000");
	struct bench_peer_samples s;
	struct bench_run run = { 0 };
	const double own[] = { 1, 1, 1 };
	char err[200];

	(void)state;
	assert_int_equal(bench_peer_samples_init(&s, 3), 0);
	for (int k = 0; k < 4; k++)
		for (unsigned i = 0; i < s.peers; i++)
			assert_int_equal(bench_peer_samples_take(&s, i, &m.frames, NULL, k > 0, err, sizeof(err)), 0);
	assert_int_equal(bench_run_time(&run, own, 3, 1, 1), 0);
	assert_int_equal(bench_peer_samples_note(&s, &run, 1), 0);
	assert_int_equal(run.peer_count, bench_peer_count());
	assert_string_equal(run.peers[2].name, "floor: sum");
	assert_int_equal(run.peers[2].seconds.count, 3);
	assert_int_equal(run.peers[2].bytes, 50 * 3100);
	assert_true(run.peers[2].ratio > 0 && run.peers[2].ratio < 1);
	bench_run_clear(&run);
	bench_peer_samples_clear(&s);
	unmake(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_upper_halves), cmocka_unit_test(test_sum),   cmocka_unit_test(test_floors),
		cmocka_unit_test(test_two_pieces),   cmocka_unit_test(test_table), cmocka_unit_test(test_odd),
		cmocka_unit_test(test_samples),
	};

	setenv("FLOWOS_MODULE_PATH", FLOWOS_MODULE_DIR, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
