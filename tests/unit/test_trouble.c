/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_trouble.c: what a session in trouble has is made once, stays as long as there is something in it, and goes.
 */
#include "trouble.h"

#include <string.h>

#include "held.h"

#include "engine_run.h"

static void test_comes_and_goes(void **state)
{
	struct fos__store store;
	struct fos_session s;

	(void)state;
	memset(&s, 0, sizeof(s));
	fos__store_init(&store);
	fos__trouble_settle(&s);
	fos__trouble_free(&s);
	assert_null(fos__held_of(&s, 0));
	struct fos__trouble *t = fos__trouble_of(&store, &s);

	assert_non_null(t);
	assert_ptr_equal(fos__trouble_of(&store, &s), t);
	assert_null(fos__held_of(&s, 1));
	t->stray_seq[1] = 5;
	fos__trouble_settle(&s);
	assert_ptr_equal(s.trouble, t);
	t->stray_seq[1] = 0;
	fos__trouble_settle(&s);
	assert_null(s.trouble);
	assert_int_equal(store.trouble.chunks, store.trouble.empty);
	fos__store_free(&store);
}

static void test_takes_what_is_held_along(void **state)
{
	struct fos__store store;
	struct fos_session s;

	(void)state;
	memset(&s, 0, sizeof(s));
	fos__store_init(&store);
	fos__trouble_of(&store, &s)->held[1] = fos__held_new(&store, &s, 1);
	assert_non_null(fos__held_of(&s, 1));
	fos__trouble_settle(&s);
	assert_non_null(s.trouble);
	fos__trouble_free(&s);
	assert_null(s.trouble);
	assert_int_equal(store.trouble.chunks, store.trouble.empty);
	assert_int_equal(store.held.chunks, store.held.empty);
	fos__store_free(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_comes_and_goes),
		                            cmocka_unit_test(test_takes_what_is_held_along) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
