/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_module_load.c: where modules are looked for and in which order, what is refused as no module.
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

static void put_file(const char *name, const char *from)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (from) {
		assert_int_equal(symlink(from, path), 0);
		return;
	}
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs("this is no shared object\n", f);
	fclose(f);
}

static int load(const char *name, const struct fos_module **m, char err[512])
{
	err[0] = '\0';
	*m = (const struct fos_module *)err;
	return fos_module_load(name, m, err, 512);
}

static void test_shipped(void **state)
{
	static const char *const names[] = { "count", "sum", "digest", "dump", "template" };
	const struct fos_module *m, *again;
	char err[512];

	(void)state;
	unsetenv("FLOWOS_MODULE_PATH");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (load(names[i], &m, err))
			fail_msg("%s", err);
		assert_string_equal(m->name, names[i]);
		assert_int_equal(m->abi, FOS_MODULE_ABI);
		assert_non_null(m->open);
		assert_int_equal(load(names[i], &again, err), 0);
		assert_ptr_equal(m, again);
	}
}

static void test_refused(void **state)
{
	static const char *const names[] = {
		"",       "nosuch",  "../count",
		"/tmp/x", "co unt",  "count.so",
		"a:b",    "count\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	};
	const struct fos_module *m;
	char err[512];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(load(names[i], &m, err), -ENOENT);
		assert_null(m);
		assert_non_null(strstr(err, "no module"));
	}
}

static void test_path(void **state)
{
	const struct fos_module *m;
	char err[512], path[256];

	(void)state;
	snprintf(path, sizeof(path), "/nonexistent::%s:", dir);
	setenv("FLOWOS_MODULE_PATH", path, 1);
	put_file("text.so", NULL);
	put_file("count.so", FLOWOS_MODULE_DIR "/sum.so"); /* the path comes first */
	put_file("dangling.so", "/nonexistent/x.so");
	assert_int_equal(load("count", &m, err), 0);
	assert_string_equal(m->name, "sum");
	assert_int_equal(load("text", &m, err), -EINVAL);
	assert_non_null(strstr(err, "text"));
	assert_null(m);
	assert_int_equal(load("dangling", &m, err), -ENOENT);
	assert_int_equal(load("digest", &m, err), 0); /* and the others are found still */
	unsetenv("FLOWOS_MODULE_PATH");
	assert_int_equal(load("text", &m, err), -ENOENT);
}

/* A shared object that is none of ours: the C library's mathematics. */
static void test_no_module(void **state)
{
	static const char *const libs[] = { "/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6",
		                            "/lib64/libm.so.6", "/usr/lib/libm.so.6" };
	const struct fos_module *m;
	char err[512];

	(void)state;
	setenv("FLOWOS_MODULE_PATH", dir, 1);
	for (size_t i = 0; i < sizeof(libs) / sizeof(*libs); i++) {
		if (access(libs[i], R_OK) != 0)
			continue;
		put_file("maths.so", libs[i]);
		assert_int_equal(load("maths", &m, err), -EINVAL);
		assert_non_null(strstr(err, "not a module"));
		break;
	}
	unsetenv("FLOWOS_MODULE_PATH");
}

/* A module that says that its struct has `size` bytes, under another name. */
static void put_sized(const char *name, uint32_t size)
{
	const struct fos_module *m;
	const uint32_t head[2] = { FOS_MODULE_ABI, sizeof(struct fos_module) };
	char path[160], err[512], *bytes = NULL;
	size_t n = 0, at, found = 0;

	assert_int_equal(load("template", &m, err), 0);
	snprintf(path, sizeof(path), "%s/template.so", FLOWOS_MODULE_DIR);
	FILE *in = fopen(path, "rb"), *mem = open_memstream(&bytes, &n);

	assert_non_null(in);
	assert_non_null(mem);
	for (int c; (c = fgetc(in)) != EOF;)
		fputc(c, mem);
	fclose(in);
	fclose(mem);
	for (at = 0; at + sizeof(head) <= n; at += 8) {
		if (memcmp(bytes + at, head, sizeof(head)) != 0)
			continue;
		memcpy(bytes + at + 4, &size, sizeof(size));
		found++;
	}
	assert_int_equal(found, 1);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *out = fopen(path, "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(out);
	free(bytes);
}

/* A module that was compiled before members were added has NULL there; a shorter one, or a longer one, is none. */
static void test_older(void **state)
{
	const struct fos_module *m, *again;
	char err[512];

	(void)state;
	setenv("FLOWOS_MODULE_PATH", dir, 1);
	put_sized("older.so", (uint32_t)FOS_MODULE_SIZE_MIN);
	put_sized("short.so", (uint32_t)FOS_MODULE_SIZE_MIN - 8);
	put_sized("long.so", sizeof(struct fos_module) + 8);
	if (load("older", &m, err))
		fail_msg("%s", err);
	assert_string_equal(m->name, "template");
	assert_non_null(m->stream_data);
	assert_null(m->merge);
	assert_int_equal(load("older", &again, err), 0);
	assert_ptr_equal(m, again);
	assert_int_equal(load("short", &m, err), -EINVAL);
	assert_int_equal(load("long", &m, err), -EINVAL);
	assert_non_null(strstr(err, "another version"));
	unsetenv("FLOWOS_MODULE_PATH");
}

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/flowos-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "text.so",  "count.so", "dangling.so", "maths.so",
		                             "older.so", "short.so", "long.so" };
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_shipped), cmocka_unit_test(test_refused),
		                            cmocka_unit_test(test_path), cmocka_unit_test(test_no_module),
		                            cmocka_unit_test(test_older) };

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
