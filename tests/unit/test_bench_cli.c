/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_cli.c: what all programs' command lines have in common.
 */
#include "cli.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char seen[256], said[4096];

static int set(void *arg, const char *name, const char *value, char *err, size_t errlen)
{
	(void)arg;
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s=%s ", name, value ? value : "(none)");
	if (value && strcmp(value, "bad") == 0) {
		snprintf(err, errlen, "not so");
		return -EINVAL;
	}
	return value && strcmp(value, "worse") == 0 ? -ERANGE : 0;
}

static const struct cli_option options[] = {
	{ "file", "FILE", "a file", 'f' },
	{ "flag", NULL, "a flag", 'g' },
	{ "hidden", "X", NULL, 0 },
	{ NULL, NULL, NULL, 0 },
};

/* Runs cli_parse() with standard error or output in `said`. */
static int parse_to(int fd, int *first, int argc, char **argv)
{
	struct fos_impair_spec spec;
	struct bench_engine_opts engine = { .stages = 0 };
	const struct cli_program p = { .name = "prog",
		                       .usage = "prog FILE",
		                       .about = "Does.",
		                       .options = options,
		                       .impair = &spec,
		                       .engine = &engine,
		                       .set = set };
	FILE *f = tmpfile();
	int keep = dup(fd), rc;
	size_t n;

	assert_non_null(f);
	fos_impair_spec_init(&spec);
	seen[0] = '\0';
	fflush(stdout);
	dup2(fileno(f), fd);
	rc = cli_parse(&p, argc, argv, first);
	fflush(stdout);
	dup2(keep, fd);
	close(keep);
	rewind(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	fclose(f);
	fos_impair_spec_free(&spec);
	return rc;
}

static int parse(int fd, int *first, const char *line)
{
	static char text[256];
	char *argv[16] = { (char *)"prog" };
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	return parse_to(fd, first, argc, argv);
}

static void test_options(void **state)
{
	int first;

	(void)state;
	assert_int_equal(parse(2, &first, "-f a --file=b --file c -gg --flag x --hidden 1 y"), -1);
	assert_string_equal(seen, "file=a file=b file=c flag=(none) flag=(none) flag=(none) hidden=1 ");
	assert_int_equal(first, 10);
	assert_string_equal(said, "");
	assert_int_equal(parse(2, &first, "-f - -- --flag"), -1);
	assert_string_equal(seen, "file=- ");
	assert_int_equal(parse(2, &first, "--reorder 5% --hole-wait 7"), -1);
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *says;
	} bad[] = {
		{ "--nosuch", "prog: --nosuch: no such option" },
		{ "-q", "prog: no option -q" },
		{ "--file", "prog: --file needs a value" },
		{ "-f", "prog: -f needs a value" },
		{ "--flag=1", "prog: --flag=1: " },
		{ "--help=1", "prog: --help=1: " },
		{ "--file bad", "prog: --file bad: not so" },
		{ "--file worse", "prog: --file worse: Numerical result" },
		{ "--reorder 5", "prog: --reorder 5: a share needs %" },
		{ "--overlap x", "prog: --overlap x: no such policy" },
		{ "--level x", "prog: --level x: no such level" },
	};
	int first;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(2, &first, bad[i].line), CLI_CANNOT);
		if (strncmp(said, bad[i].says, strlen(bad[i].says)) != 0 ||
		    strchr(said, '\n') != said + strlen(said) - 1)
			fail_msg("%s: %s", bad[i].line, said);
	}
}

static void test_help(void **state)
{
	int first;

	(void)state;
	assert_int_equal(parse(1, &first, "--help"), CLI_DONE);
	for (const char *const *w =
	         (const char *const[]){ "usage: prog FILE", "-f, --file FILE", "--reorder", "--overlap", NULL };
	     *w; w++)
		assert_non_null(strstr(said, *w));
	assert_null(strstr(said, "hidden"));
	for (const char *p = said; *p; p += strcspn(p, "\n") + 1)
		assert_true(strcspn(p, "\n") <= 100);
	assert_int_equal(parse(1, &first, "-V"), CLI_DONE);
	assert_int_equal(strncmp(said, "prog ", 5), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
