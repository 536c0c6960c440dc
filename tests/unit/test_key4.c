/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_key4.c: the short key of IPv4 says the same as the key: both directions have one hash, the side that sent is the side that
 * the key says, and what differs in anything is another session.
 */
#include "key4.h"

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
		bool equal = memcmp(&kx, &ky, sizeof(kx)) == 0, both = sx.from == sx.to;

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
	struct fos__key4 k = { 1, 2, 3 }, other[] = { { 3, 2, 3 }, { 1, 3, 3 }, { 1, 2, 4 }, { 1, 2, 0x10003 } };

	(void)state;
	assert_int_not_equal(fos__key4_hash(&k, 1), fos__key4_hash(&k, 2));
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_int_not_equal(fos__key4_hash(&k, 1), fos__key4_hash(&other[i], 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_as_the_key), cmocka_unit_test(test_hash) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
