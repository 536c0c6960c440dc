/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_afxdp.c: what the AF_XDP port says where there is no interface, no right, or no libxdp. The port itself is
 * tested on cables: tests/netns/test_afxdp.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <flowos/afxdp.h>
#include <flowos/memport.h>

static unsigned said;

static void say(void *arg, const char *text)
{
	(void)arg;
	assert_true(*text);
	said++;
}

static void test_no_interface(void **state)
{
	static const char *const names[] = { "", "a-name-that-no-interface-can-have", "no-such/name" };
	const enum fos_afxdp_mode modes[] = { FOS_AFXDP_AUTO, FOS_AFXDP_NATIVE, FOS_AFXDP_GENERIC, FOS_AFXDP_COPY,
		                              FOS_AFXDP_ZEROCOPY };

	(void)state;
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		for (unsigned m = 0; m < sizeof modes / sizeof modes[0]; m++) {
			const struct fos_afxdp_opts o = { .mode = modes[m], .say = say };
			struct fos_port *p = NULL;
			char err[200] = "";
			int ret = fos_afxdp_open(names[i], &o, &p, err, sizeof err);

			/* without the right to ask, or libxdp, that is what it says */
			assert_true(ret == -ENODEV || ret == -EPERM || ret == -ENOTSUP);
			assert_null(p);
			assert_memory_equal(err, names[i], strlen(names[i]));
			assert_non_null(strstr(err, ": "));
		}
	assert_int_equal(said, 0); /* nothing else would help */
}

/* An error is cut, not written beyond. */
static void test_short_message(void **state)
{
	struct fos_port *p = NULL;
	char err[8] = "1234567";

	(void)state;
	assert_true(fos_afxdp_open("no-such-one", NULL, &p, err, 4) < 0);
	assert_string_equal(err, "no-");
	assert_int_equal(err[4], '5');
}

static void test_how(void **state)
{
	struct fos_port *p = NULL;

	(void)state;
	assert_null(fos_afxdp_how(NULL));
	assert_int_equal(fos_null_port_open(&p), 0);
	assert_null(fos_afxdp_how(p));
	fos_port_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_no_interface), cmocka_unit_test(test_short_message),
		                            cmocka_unit_test(test_how) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
