/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_key4.c: the short key of IPv4 says the same as the key: both directions have one hash, the side that sent is the side that
 * the key says, and what differs in anything is another session. Hashes are spread as by chance.
 */
#include "key4.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "engine_run.h"

struct sent {
	uint8_t ip[20];
	struct fos_pkt p;
};

/* Addresses and ports from a few, so that they are often the same. */
static void draw(struct sent *x, uint64_t *rnd)
{
	memset(x, 0, sizeof(*x));
	x->ip[0] = 0x45;
	for (int i = 15; i < 20; i += 4)
		x->ip[i] = (uint8_t)(er_draw(rnd, 2) * 255);
	x->p.ip = x->ip;
	x->p.ip_version = 4;
	x->p.proto = er_draw(rnd, 8) ? 6 : 17;
	x->p.sport = (uint16_t)(er_draw(rnd, 2) * 65535);
	x->p.dport = (uint16_t)(er_draw(rnd, 2) * 65535);
	x->p.vlan = (uint16_t)er_draw(rnd, 2);
}

static void test_as_the_key(void **state)
{
	uint64_t rnd = er_seed();
	unsigned same = 0;

	(void)state;
	for (int n = 0; n < 200000; n++) {
		struct sent x, y;
		struct fos_key kx, ky;
		bool vlan = er_draw(&rnd, 2);

		draw(&x, &rnd);
		draw(&y, &rnd);
		int side = fos_key_of(&x.p, vlan, &kx);

		fos_key_of(&y.p, vlan, &ky);
		struct fos__key4 sx = fos__key4_of(&x.p, vlan), sy = fos__key4_of(&y.p, vlan),
		                 of = fos__key4_of_key(&kx);
		bool equal = memcmp(&kx, &ky, sizeof(kx)) == 0,
		     both = (uint32_t)sx.addr == sx.addr >> 32 && x.p.sport == x.p.dport;

		assert_int_equal(fos__key4_side(&sx, &kx), both ? 0 : side);
		assert_int_equal(fos__key4_side(&sy, &kx) >= 0, equal);
		assert_int_equal(fos__key4_hash(&sx, 7), fos__key4_hash(&of, 7));
		if (equal)
			assert_int_equal(fos__key4_hash(&sx, 7), fos__key4_hash(&sy, 7));
		same += equal;
	}
	assert_true(same > 500);
}

/* The seed is in the hash, and so is every part of the key. */
static void test_hash(void **state)
{
	struct fos__key4 k = { 1, 2, 3 },
	                 other[] = { { 3, 2, 3 },       { 1, 3, 3 },       { 1, 2, 4 },
		                     { 1, 2, 0x10003 }, { 1, 0x10002, 3 }, { UINT64_C(1) << 32, 2, 3 } };

	(void)state;
	assert_int_not_equal(fos__key4_hash(&k, 1), fos__key4_hash(&k, 2));
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_int_not_equal(fos__key4_hash(&k, 1), fos__key4_hash(&other[i], 1));
}

enum { KEYS = 1 << 18, PLACES = 1 << 16 };

/* How unevenly keys that were given out in a row fall into places: 1 as by chance. */
static double uneven(int what, uint64_t seed)
{
	uint32_t *n = calloc(PLACES, sizeof(*n));
	double sum = 0, mean = (double)KEYS / PLACES;

	assert_non_null(n);
	for (uint32_t i = 0; i < KEYS; i++) {
		uint32_t from = htonl(0x0a000001 + (what == 0 ? i : what == 1 ? i >> 16 : i & 511));
		uint32_t to = htonl(0x0a800001 + (what == 2 ? i >> 9 : 0));
		uint16_t port = what == 1 ? (uint16_t)i : 1234;
		struct fos__key4 k = { .addr = from | (uint64_t)to << 32,
			               .port = fos__key4_port(port, what == 2 ? 1234 : 80),
			               .tag = fos__key4_tag(0xffff, 6) };

		n[fos__key4_hash(&k, seed) % PLACES]++;
	}
	for (unsigned i = 0; i < PLACES; i++)
		sum += (n[i] - mean) * (n[i] - mean) / mean;
	free(n);
	return sum / PLACES;
}

/* Addresses in a row, ports in a row, and a net that talks to another. */
static void test_spread(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 8; seed++)
		for (int what = 0; what < 3; what++)
			assert_in_range(uneven(what, seed) * 100, 80, 125);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_as_the_key), cmocka_unit_test(test_hash),
		                            cmocka_unit_test(test_spread) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
