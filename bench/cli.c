/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli.c: see cli.h. getopt_long() does the parsing; the tables are put together for it.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <flowos/outfile.h>

#include "command.h"

enum { OPTIONS_MAX = 128 };

enum source { OWN, IMPAIR, ENGINE, HELP, VERSION };

struct table {
	struct option opt[OPTIONS_MAX];
	enum source source[OPTIONS_MAX];
	char letters[2 * OPTIONS_MAX + 2];
	int n;
	size_t n_letters;
};

static void add(struct table *t, enum source source, const char *name, const char *meta, char letter)
{
	if (t->n >= OPTIONS_MAX - 1)
		return;
	t->opt[t->n] = (struct option){ .name = name,
		                        .has_arg = meta ? required_argument : no_argument,
		                        .val = letter ? letter : 256 + t->n };
	t->source[t->n++] = source;
	if (letter) {
		t->letters[t->n_letters++] = letter;
		if (meta)
			t->letters[t->n_letters++] = ':';
	}
}

static void build(struct table *t, const struct cli_program *p)
{
	memset(t, 0, sizeof(*t));
	t->letters[t->n_letters++] = ':'; /* tell a missing value from an unknown option */
	for (const struct cli_option *o = p->options; o && o->name; o++)
		add(t, OWN, o->name, o->meta, o->letter);
	for (const struct fos_impair_option *o = p->impair ? fos_impair_options : NULL; o && o->name; o++)
		add(t, IMPAIR, o->name, o->meta, 0);
	for (const struct bench_option *o = p->engine ? bench_engine_options : NULL; o && o->name; o++)
		add(t, ENGINE, o->name, o->meta, 0);
	add(t, HELP, "help", NULL, 'h');
	add(t, VERSION, "version", NULL, 'V');
}

/* Help text, broken at spaces, in the right column. */
static void wrapped(const char *text, int column, int width)
{
	int at = column;

	for (const char *p = text; *p;) {
		int len = (int)strcspn(p, " ");

		if (at > column && at + 1 + len > width) {
			printf("\n%*s", column, "");
			at = column;
		} else if (at > column) {
			putchar(' ');
			at++;
		}
		printf("%.*s", len, p);
		at += len;
		p += len;
		p += strspn(p, " ");
	}
	putchar('\n');
}

static void option_help(const char *name, const char *meta, const char *help, char letter)
{
	char left[160];
	char before[8] = "      ";
	int n;

	if (letter)
		snprintf(before, sizeof(before), "  -%c, ", letter);
	n = snprintf(left, sizeof(left), "%s--%s%s%s", before, name, meta ? " " : "", meta ? meta : "");
	printf("%s", left);
	if (n > 29)
		printf("\n%*s", 30, "");
	else
		printf("%*s", 30 - n, "");
	wrapped(help, 30, 100);
}

/* Has the program an option of this name of its own, which goes before one that several have? */
static bool own(const struct cli_program *p, const char *name)
{
	const struct cli_option *o = p->options;

	while (o && o->name && strcmp(o->name, name))
		o++;
	return o && o->name;
}

static void print_help(const struct cli_program *p)
{
	printf("usage: %s\n\n%s\n", p->usage, p->about);
	if (p->options && p->options->name)
		printf("\noptions:\n");
	for (const struct cli_option *o = p->options; o && o->name; o++)
		if (o->help)
			option_help(o->name, o->meta, o->help, o->letter);
	if (p->impair) {
		printf("\nimpairments:\n");
		for (const struct fos_impair_option *o = fos_impair_options; o->name; o++)
			option_help(o->name, o->meta, o->help, 0);
	}
	if (p->engine) {
		printf("\nengine:\n");
		for (const struct bench_option *o = bench_engine_options; o->name; o++)
			if (!own(p, o->name))
				option_help(o->name, o->meta, o->help, 0);
	}
	printf("\n");
	option_help("help", NULL, "show this", 'h');
	option_help("version", NULL, "show the version", 'V');
	if (p->more)
		printf("\n%s", p->more);
}

static void end_by_signal(int number)
{
	fos_outfile_cleanup();
	bench_command_cleanup();
	signal(number, SIG_DFL);
	raise(number);
}

void cli_signals(void)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction now;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		if (sigaction(ending[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			signal(ending[i], end_by_signal);
}

/* What exists and is no regular file is not opened twice: who reads a pipe would see its end. */
int cli_can_write(const char *path)
{
	struct fos_outfile *f;
	struct stat st;
	int rc;

	if (strcmp(path, "-") == 0)
		return 0;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : access(path, W_OK) ? -errno : 0;
	rc = fos_outfile_open(path, &f);
	if (rc == 0)
		fos_outfile_abort(f);
	return rc;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && S_ISREG(x.st_mode) && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* The file that a path will be; NULL: none that could be another one's, too. The caller frees it. */
static char *target(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *folder, *real, *all = NULL;
	struct stat st;

	if (strcmp(path, "-") == 0)
		return NULL;
	if (stat(path, &st) == 0)
		return S_ISREG(st.st_mode) ? realpath(path, NULL) : NULL;
	folder = slash > path ? strndup(path, (size_t)(slash - path)) : strdup(slash ? "/" : ".");
	real = folder ? realpath(folder, NULL) : NULL;
	if (real && asprintf(&all, "%s/%s", real, name) < 0)
		all = NULL;
	free(real);
	free(folder);
	return all;
}

static bool same_target(const char *a, const char *b)
{
	char *x = target(a), *y = target(b);
	bool same = x && y && strcmp(x, y) == 0;

	free(x);
	free(y);
	return same || same_file(a, b);
}

int cli_clash(const char *const *path, size_t n, const char *const *read, size_t n_read, char *err, size_t errlen)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; path[i] && k < n_read; k++) {
			if (read[k] && same_file(path[i], read[k])) {
				snprintf(err, errlen, "%s is read: it would be written over", path[i]);
				return -EEXIST;
			}
		}
		for (size_t k = 0; path[i] && k < i; k++) {
			if (path[k] && same_target(path[i], path[k])) {
				snprintf(err, errlen, "%s: two things would be written to this file", path[i]);
				return -EEXIST;
			}
		}
	}
	return 0;
}

int cli_outputs(const struct cli_program *p, const char *const *path, size_t n, const char *const *read, size_t n_read)
{
	char err[8192];

	for (size_t i = 0; i < n; i++) {
		int rc = path[i] ? cli_can_write(path[i]) : 0;

		if (rc)
			return cli_fail(p, "%s: %s", path[i], strerror(-rc));
	}
	return cli_clash(path, n, read, n_read, err, sizeof(err)) ? cli_fail(p, "%s", err) : -1;
}

int cli_output(const struct cli_program *p, const char *path, const char *const *read, size_t n)
{
	return cli_outputs(p, &path, 1, read, n);
}

int cli_vfail(const struct cli_program *p, const char *format, va_list ap)
{
	fprintf(stderr, "%s: ", p->name);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	return CLI_CANNOT;
}

int cli_fail(const struct cli_program *p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	cli_vfail(p, format, ap);
	va_end(ap);
	return CLI_CANNOT;
}

/* Texts of the libraries name the option themselves. */
static int set(const struct cli_program *p, enum source source, const char *name, const char *value)
{
	char err[512] = "";
	int rc = 0;

	if (source == IMPAIR)
		rc = fos_impair_spec_set(p->impair, name, value ? value : "", err, sizeof(err));
	else if (source == ENGINE)
		rc = bench_engine_opts_set(p->engine, name, value, err, sizeof(err));
	else if (source == OWN)
		rc = p->set(p->arg, name, value, err, sizeof(err));
	if (rc == 0)
		return -1;
	if (!err[0])
		snprintf(err, sizeof(err), "%s", strerror(-rc));
	if (source == OWN)
		return cli_fail(p, "--%s%s%s: %s", name, value ? " " : "", value ? value : "", err);
	return cli_fail(p, "%s", err);
}

static int one(const struct cli_program *p, const struct table *t, int c, char **argv)
{
	if (c == ':')
		return cli_fail(p, "%s needs a value; see --help", argv[optind - 1]);
	if (c == '?') {
		if (optopt && optopt < 256 && strncmp(argv[optind - 1], "--", 2) != 0)
			return cli_fail(p, "no option -%c; see --help", optopt);
		return cli_fail(p, "%s: no such option, or not with a value; see --help", argv[optind - 1]);
	}
	for (int i = 0; i < t->n; i++) {
		if (t->opt[i].val != c)
			continue;
		if (t->source[i] == HELP) {
			print_help(p);
			return CLI_DONE;
		}
		if (t->source[i] == VERSION) {
			printf("%s %s\n", p->name, FLOWOS_VERSION);
			return CLI_DONE;
		}
		return set(p, t->source[i], t->opt[i].name, optarg);
	}
	return -1;
}

int cli_parse(const struct cli_program *p, int argc, char **argv, int *first)
{
	struct table t;
	int c, rc = -1;

	build(&t, p);
	opterr = 0;
	optind = 0;
	while (rc < 0 && (c = getopt_long(argc, argv, t.letters, t.opt, NULL)) != -1)
		rc = one(p, &t, c, argv);
	*first = optind;
	if (rc == CLI_DONE && (fflush(stdout) || ferror(stdout)))
		return cli_fail(p, "standard output cannot be written");
	return rc;
}
