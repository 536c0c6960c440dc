/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_stage_text.c: stages as text: modules, arguments, escapes, values from files, and what is refused. The module
 * `dump` shows what a value became: it makes the folder that it is told of.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <flowos/module_load.h>

#include "engine_run.h"

static char dir[64];

static int add(const char *text, const char *level, char err[512])
{
	struct fos_worker *w = er_worker(NULL, NULL);
	int rc;

	err[0] = '\0';
	rc = fos_stage_add(w, 0, 0, text, level, err, 512);
	fos_worker_destroy(w);
	return rc;
}

static void test_good(void **state)
{
	static const char *const good[] = {
		"count", "count+sum", "sum+sum+sum", "template:max=20", "template:max=20+count", "count+template:max=20"
	};
	char err[512];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (add(good[i], NULL, err))
			fail_msg("%s: %s", good[i], err);
	assert_int_equal(add("count", "tcp", err), 0);
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *level;
		int rc;
		const char *says;
	} bad[] = {
		{ "", NULL, -EINVAL, "name" },
		{ "+", NULL, -EINVAL, "name" },
		{ "count+", NULL, -EINVAL, "name" },
		{ "+count", NULL, -EINVAL, "name" },
		{ "count++sum", NULL, -EINVAL, "name" },
		{ ":max=20", NULL, -EINVAL, "name" },
		{ "nosuch", NULL, -ENOENT, "nosuch" },
		{ "count+nosuch", NULL, -ENOENT, "nosuch" },
		{ "count\\+sum", NULL, -ENOENT, "count+sum" },
		{ "../count", NULL, -ENOENT, "../count" },
		{ "template:", NULL, -EINVAL, "key=value" },
		{ "template:max", NULL, -EINVAL, "\"max\" is not key=value" },
		{ "template:=20", NULL, -EINVAL, "key=value" },
		{ "template:max=20:", NULL, -EINVAL, "key=value" },
		{ "template:max\\:=20", NULL, -EINVAL, "max:" },
		{ "template:min=20", NULL, -EINVAL, "\"min\"" },
		{ "template:max=@/nonexistent/file", NULL, -ENOENT, "/nonexistent/file" },
		{ "template:max=@", NULL, -ENOENT, "" },
		{ "template:max=@/", NULL, -EIO, "/" },
		{ "count", "nosuch", -EINVAL, "nosuch" },
		{ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", NULL, -EINVAL,
		  "too long" },
	};
	char err[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int rc = add(bad[i].text, bad[i].level, err);

		if (rc != bad[i].rc || !strstr(err, bad[i].says) || !err[0] || strchr(err, '\n'))
			fail_msg("\"%s\": %d, %s", bad[i].text, rc, err);
	}
}

static void test_too_many(void **state)
{
	char text[2000] = "template", err[512];

	(void)state;
	for (int i = 0; i < 64; i++)
		strcat(text, ":max=20");
	if (add(text, NULL, err))
		fail_msg("%s", err);
	strcat(text, ":max=20");
	assert_int_equal(add(text, NULL, err), -EINVAL);
	assert_non_null(strstr(err, "one too many"));
}

/* Is the folder that `dump` was told of made where it should be? */
static void expect_dir(const char *text, const char *path, bool there)
{
	char err[512], full[160];
	struct stat st;

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	rmdir(full);
	int rc = add(text, NULL, err);

	if ((rc == 0) != there)
		fail_msg("%s: %d, %s", text, rc, err);
	if (there)
		assert_int_equal(stat(full, &st), 0);
	rmdir(full);
}

static void put_file(const char *name, const char *text, size_t len)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

/* Escapes are taken out of values, and only of ':' and '+'. */
static void test_escapes(void **state)
{
	char text[200];

	(void)state;
	snprintf(text, sizeof(text), "dump:dir=%s/a\\:b\\+c", dir);
	expect_dir(text, "a:b+c", true);
	snprintf(text, sizeof(text), "dump:dir=%s/a\\\\b=c+count", dir);
	expect_dir(text, "a\\\\b=c", true);
	snprintf(text, sizeof(text), "dump:dir=%s/end\\", dir);
	expect_dir(text, "end\\", true);
}

/* key=@FILE: without the last line ends, with everything else as it is. */
static void test_files(void **state)
{
	char text[300], value[100], err[512], *big = calloc(1, 1 << 20);

	(void)state;
	assert_non_null(big);
	put_file("value", value, (size_t)snprintf(value, sizeof(value), "%s/from:file+x\r\n\n", dir));
	snprintf(text, sizeof(text), "count+dump:dir=@%s/value", dir);
	expect_dir(text, "from:file+x", true);
	put_file("a:b", "20", 2);
	snprintf(text, sizeof(text), "template:max=@%s/a\\:b+sum", dir);
	assert_int_equal(add(text, NULL, err), 0);
	memset(big, '1', 1 << 20);
	put_file("big", big, 1 << 20);
	snprintf(text, sizeof(text), "template:max=@%s/big", dir);
	assert_int_equal(add(text, NULL, err), -EFBIG);
	free(big);
}

static int make_dir(void **state)
{
	(void)state;
	unsetenv("FLOWOS_MODULE_PATH");
	strcpy(dir, "/tmp/flowos-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "value", "a:b", "big" };
	char path[160];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
		                            cmocka_unit_test(test_too_many), cmocka_unit_test(test_escapes),
		                            cmocka_unit_test(test_files) };

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
