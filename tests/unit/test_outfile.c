/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_outfile.c: a file appears whole or not at all, and nothing is left beside it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <flowos/outfile.h>

#include "interrupted_open.h"

static char folder[] = "/tmp/flowos-test-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void check_content(const char *name, const char *want)
{
	char buf[100] = "";
	FILE *f = fopen(path_of(name), "r");

	if (!want) {
		assert_null(f);
		return;
	}
	assert_non_null(f);
	assert_int_equal(fread(buf, 1, sizeof buf - 1, f), strlen(want));
	assert_string_equal(buf, want);
	fclose(f);
}

/* How many files there are in the folder, temporary ones among them. */
static int files(void)
{
	DIR *d = opendir(folder);
	int n = -2; /* . and .. */

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static struct fos_outfile *write_to(const char *name, const char *text)
{
	struct fos_outfile *o;

	assert_int_equal(fos_outfile_open(path_of(name), &o), 0);
	assert_true(fputs(text, fos_outfile_stream(o)) >= 0);
	return o;
}

static void test_commit(void **state)
{
	struct fos_outfile *o = write_to("a", "first");
	struct stat st;
	mode_t mask = umask(0);

	(void)state;
	umask(mask);
	assert_false(fos_outfile_direct(o));
	check_content("a", NULL);
	assert_int_equal(fos_outfile_commit(o), 0);
	check_content("a", "first");
	assert_int_equal(stat(path_of("a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666 & ~mask);
	assert_int_equal(chmod(path_of("a"), 0640), 0);
	o = write_to("a", "second");
	check_content("a", "first");
	assert_int_equal(files(), 2);
	assert_int_equal(fos_outfile_commit(o), 0);
	check_content("a", "second");
	assert_int_equal(stat(path_of("a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640); /* it keeps its permissions */
	assert_int_equal(files(), 1);
}

static void test_abort(void **state)
{
	(void)state;
	fos_outfile_abort(write_to("a", "third"));
	fos_outfile_abort(write_to("b", "new"));
	check_content("a", "second");
	check_content("b", NULL);
	assert_int_equal(files(), 1);
	fos_outfile_abort(NULL);
	assert_int_equal(fos_outfile_commit(NULL), 0);
}

static void test_two_at_once(void **state)
{
	struct fos_outfile *x = write_to("a", "x"), *y = write_to("a", "y");

	(void)state;
	assert_int_equal(fos_outfile_commit(y), 0);
	assert_int_equal(fos_outfile_commit(x), 0);
	check_content("a", "x"); /* the last one to end, whole */
	assert_int_equal(files(), 1);
}

static void test_symlink(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(symlink("a", path_of("link")), 0);
	assert_int_equal(fos_outfile_commit(write_to("link", "through")), 0);
	check_content("a", "through");
	assert_int_equal(lstat(path_of("link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(unlink(path_of("link")), 0);
}

static void test_direct(void **state)
{
	struct fos_outfile *o;
	char buf[10] = "";
	int fd;

	(void)state;
	assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
	fd = open(path_of("fifo"), O_RDWR);
	o = write_to("fifo", "hello");
	assert_true(fos_outfile_direct(o));
	assert_int_equal(fos_outfile_commit(o), 0);
	assert_int_equal(read(fd, buf, sizeof buf), 5);
	assert_string_equal(buf, "hello");
	close(fd);
	assert_int_equal(unlink(path_of("fifo")), 0);
	assert_int_equal(fos_outfile_open("/dev/null", &o), 0);
	fputs("gone", fos_outfile_stream(o));
	assert_int_equal(fos_outfile_commit(o), 0);
	assert_int_equal(fos_outfile_open("-", &o), 0);
	assert_true(fos_outfile_direct(o));
	assert_int_equal(fos_outfile_commit(o), 0);
	assert_true(fcntl(STDOUT_FILENO, F_GETFD) >= 0); /* standard output is still there */
	assert_int_equal(files(), 1);
}

static void test_errors(void **state)
{
	static const struct {
		const char *path;
		int ret;
	} t[] = {
		{ "/nowhere/at/all", -ENOENT },
		{ "", -ENOENT },
		{ "/tmp", -EISDIR },
		{ "/tmp/flowos-no-such/", -EISDIR },
	};
	struct fos_outfile *o;
	char longest[300] = "/tmp/";

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		assert_int_equal(fos_outfile_open(t[i].path, &o), t[i].ret);
		assert_null(o);
	}
	memset(longest + 5, 'x', 290);
	assert_int_equal(fos_outfile_open(longest, &o), -ENAMETOOLONG);
	assert_int_equal(fos_outfile_open("/dev/full", &o), 0);
	fputs("does not fit", fos_outfile_stream(o));
	assert_int_equal(fos_outfile_commit(o), -ENOSPC);
	assert_int_equal(fos_outfile_open("/dev/full", &o), 0);
	for (int i = 0; i < 3000000; i++) /* more than is buffered: it fails on the way */
		putc('x', fos_outfile_stream(o));
	assert_true(fos_outfile_commit(o) < 0);
}

/* The temporary name that comes after that of the one temporary file there is. */
static const char *temp_name(void)
{
	static char name[PATH_MAX];
	DIR *d = opendir(folder);
	struct dirent *e;
	char *dash;

	while (!*name && (e = readdir(d)))
		if (strstr(e->d_name, ".tmp"))
			strcpy(name, e->d_name);
	closedir(d);
	dash = strrchr(name, '-');
	assert_non_null(dash);
	sprintf(dash, "-%lu.tmp", strtoul(dash + 1, NULL, 10) + 1);
	return path_of(name);
}

/* A signal whose handler cleans up finds the file from the moment on in which it is there, and nobody else's. */
static void test_interrupted(void **state)
{
	struct fos_outfile *o = write_to("a", "in time");
	char *taken;

	(void)state;
	taken = strdup(temp_name());
	assert_non_null(taken);
	assert_int_equal(fos_outfile_commit(o), 0);
	assert_int_equal(close(open(taken, O_WRONLY | O_CREAT | O_EXCL, 0600)), 0);

	interrupted = true;
	o = write_to("a", "lost");
	interrupted = false;
	assert_int_equal(files(), 2); /* a, and what is taken */
	assert_int_equal(fos_outfile_commit(o), -ENOENT);
	check_content("a", "in time");
	assert_int_equal(unlink(taken), 0);
	assert_int_equal(files(), 1);
	free(taken);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char line[sizeof folder + 16];

	(void)state;
	snprintf(line, sizeof line, "rm -r '%s'", folder);
	return system(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commit),      cmocka_unit_test(test_abort),  cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_symlink),     cmocka_unit_test(test_direct), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_interrupted),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
