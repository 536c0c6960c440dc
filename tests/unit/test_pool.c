/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_pool.c: elements are apart, keep what is written to them, are aligned; empty chunks go but for a few.
 */
#include <stdlib.h>
#include <string.h>

#include "pool.h"

#include "engine_run.h"

enum { MOST = 60000 };

static void test_random(void **state)
{
	static const size_t sizes[] = { 8, 48, 192, 1024, 2048 };
	uint64_t rnd = er_seed();
	uint64_t **e = calloc(MOST, sizeof(*e));

	(void)state;
	assert_non_null(e);
	for (unsigned k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		struct fos__pool p;
		size_t n = 0, words = sizes[k] / 8;

		fos__pool_init(&p, sizes[k]);
		for (unsigned i = 0; i < 300000; i++) {
			if (n < MOST / (k + 1) && er_draw(&rnd, 5) < (i / 100000 == 1 ? 1 : 4)) {
				e[n] = fos__pool_take(&p);
				assert_non_null(e[n]);
				assert_int_equal((uintptr_t)e[n] % (sizes[k] % 64 ? 16 : 64), 0);
				e[n][0] = (uintptr_t)e[n];
				e[n][words - 1] ^= e[n][words - 1] ^ (uintptr_t)e[n];
				n++;
			} else if (n) {
				size_t j = er_draw(&rnd, n);

				assert_int_equal(e[j][0], (uintptr_t)e[j]);
				assert_int_equal(e[j][words - 1], (uintptr_t)e[j]);
				fos__pool_give(e[j]);
				e[j] = e[--n];
			}
		}
		assert_true(p.chunks > 0 && p.empty <= 8);
		while (n) {
			n--;
			assert_int_equal(e[n][0], (uintptr_t)e[n]);
			fos__pool_give(e[n]);
		}
		assert_int_equal(p.chunks, p.empty);
		assert_true(p.empty <= 8);
		fos__pool_free(&p);
		assert_int_equal(p.chunks, 0);
	}
	free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
