/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_frame_filter.c: an expression on the bytes of frames: tags are in them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "frame_filter.h"
#include "parse_build.h"

static bool takes(const char *expression, const char *line)
{
	static struct build b;
	struct fos__frame_filter *f = NULL;
	char err[200] = "";
	bool yes;

	if (fos__frame_filter_new(expression, &f, err, sizeof err))
		fail_msg("%s", err);
	build(&b, line);
	yes = fos__frame_filter_takes(f, build_bytes(&b), build_len(&b));
	fos__frame_filter_free(f);
	return yes;
}

static void test_takes(void **state)
{
	(void)state;
	assert_true(takes("udp port 53", "eth ip4 udp=53 data=10"));
	assert_false(takes("udp port 53", "eth ip4 tcp data=10"));
	assert_true(takes("tcp", "eth ip6 tcp data=10"));
	assert_true(takes("vlan 5 and tcp", "eth vlan=5 ip4 tcp data=10"));
	assert_false(takes("vlan 5 and tcp", "eth vlan=6 ip4 tcp data=10"));
	assert_false(takes("vlan", "eth ip4 tcp data=10"));
	assert_true(takes("", "eth ip4 icmp data=10"));
	assert_true(takes("greater 1000", "eth ip4 tcp data=1000"));
}

static void test_wrong(void **state)
{
	struct fos__frame_filter *f = NULL;
	char err[200] = "";

	(void)state;
	assert_int_equal(fos__frame_filter_new("no filter", &f, err, sizeof err), -EINVAL);
	assert_non_null(strstr(err, "no filter"));
	assert_null(f);
	fos__frame_filter_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_takes), cmocka_unit_test(test_wrong) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
