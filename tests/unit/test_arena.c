/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_arena.c: pieces are aligned, do not overlap, and come from the same chunks after a reset.
 */
#include <string.h>

#include "arena.h"

#include "engine_run.h"

enum { PIECES = 3000 };

/* Takes pieces, fills each with its number, then looks whether any of them was written over. */
static void fill(struct fos__arena *a, uint64_t *rnd, uint8_t **first)
{
	static uint8_t *piece[PIECES];
	static size_t len[PIECES];

	for (unsigned i = 0; i < PIECES; i++) {
		len[i] = er_draw(rnd, 50) == 0 ? er_draw(rnd, 30000) + 1 : er_draw(rnd, 200) + 1;
		piece[i] = fos__arena_get(a, len[i]);
		assert_non_null(piece[i]);
		assert_int_equal((uintptr_t)piece[i] % 16, 0);
		memset(piece[i], (int)(i % 251), len[i]);
	}
	for (unsigned i = 0; i < PIECES; i++)
		for (size_t k = 0; k < len[i]; k++)
			assert_true(piece[i][k] == i % 251);
	*first = piece[0];
}

static void test_random(void **state)
{
	uint64_t rnd = er_seed(), again = rnd;
	struct fos__arena a = { 0 };
	uint8_t *first = NULL, *then = NULL;

	(void)state;
	fos__arena_reset(&a); /* of nothing */
	fill(&a, &rnd, &first);
	for (int round = 0; round < 5; round++) {
		uint64_t same = again;

		fos__arena_reset(&a);
		fill(&a, &same, &then);
		assert_ptr_equal(first, then);
	}
	fos__arena_free(&a);
	fos__arena_free(&a);
}

static void test_limits(void **state)
{
	struct fos__arena a = { 0 };

	(void)state;
	assert_null(fos__arena_get(&a, 64 * 1024)); /* a chunk has a head */
	assert_non_null(fos__arena_get(&a, 64 * 1024 - 16));
	assert_non_null(fos__arena_get(&a, 64 * 1024 - 16));
	assert_non_null(fos__arena_get(&a, 1));
	fos__arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random), cmocka_unit_test(test_limits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
