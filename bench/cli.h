/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cli.h: what the programs' command lines share: options from tables, --help, --version, one line on stderr when
 * something is wrong.
 *
 * One thread; for programs, not for libraries: cli_parse() prints --help and --version.
 */
#ifndef BENCH_CLI_H
#define BENCH_CLI_H

#include <stdarg.h>
#include <stddef.h>

#include "replay.h"

/* Exit statuses of all programs. */
enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_CANNOT = 2 };

struct cli_option {
	const char *name; /* long option without "--" */
	const char *meta; /* its value's name, NULL: it takes none */
	const char *help; /* NULL: not shown */
	char letter;      /* short option, or 0 */
};

struct cli_program {
	const char *name;                 /* "flowos-trace impair" */
	const char *usage;                /* lines behind "usage: ", each a form of the command */
	const char *about;                /* what it does: shown in --help above the options */
	const char *more;                 /* below the options: examples; may be NULL */
	const struct cli_option *options; /* ended by name NULL */
	struct fos_impair_spec *impair;   /* not NULL: takes the impairments' options and sets them here */
	struct bench_engine_opts *engine; /* likewise the engine's */
	/* Called for each of `options`, in order. 0, or a negative errno with a line in err (without the option's name: "N is not a
	 * number"). */
	int (*set)(void *arg, const char *name, const char *value, char *err, size_t errlen);
	void *arg;
};

/* Parses argv. Returns -1 to go on, with *first the index of the first operand (operands are moved to the end), or an exit
 * status: --help and --version were printed (CLI_DONE), or a line says what is wrong (CLI_CANNOT). */
int cli_parse(const struct cli_program *p, int argc, char **argv, int *first);

/* What all programs do about signals: a reader that went away and a file that grew too large are errors of writing; one that ends the
 * program (SIGINT, SIGTERM, SIGHUP) ends it without leaving temporary files. First thing in main(). */
void cli_signals(void);

/* Can it be written? "-" always; of what exists and is no regular file only the permissions count. 0 or a negative errno. */
int cli_can_write(const char *path);

/* What cannot be written at the end had better not be begun, and what is read is not to be written over: -1 to go on, or CLI_CANNOT
 * with a line on stderr. `path` NULL: nothing is written; `read` are n paths of files that are read, of which each may be NULL. */
int cli_output(const struct cli_program *p, const char *path, const char *const *read, size_t n);

/* The same for n paths at a time, no two of which may be one file. */
int cli_outputs(const struct cli_program *p, const char *const *path, size_t n, const char *const *read, size_t n_read);

/* Is one of the paths one of those that are read, or two of them one file, which is there or is not yet? Each may be NULL; "-", a pipe
 * or a device is none. Returns 0 or -EEXIST with a line in err. */
int cli_clash(const char *const *path, size_t n, const char *const *read, size_t n_read, char *err, size_t errlen);

/* "NAME: text" on stderr, one line; returns CLI_CANNOT. */
int cli_fail(const struct cli_program *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_vfail(const struct cli_program *p, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));

#endif
