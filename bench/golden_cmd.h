/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_cmd.h: the commands of flowos-golden, and what their command lines share.
 *
 * One thread; for the program only: they print, and return an exit status.
 */
#ifndef BENCH_GOLDEN_CMD_H
#define BENCH_GOLDEN_CMD_H

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"
#include "golden_case.h"
#include "golden_engine.h"
#include "golden_junit.h"

struct golden_cmd {
	struct cli_program program;
	struct fos_impair_spec spec;
	struct golden_given given;
	struct golden_engine engine; /* under test: --engine */
	const char *output, *suite, *junit;
	uint64_t first_seed, last_seed;
	bool seeds, partial, model;
	/* Options of one command only: as cli_program.set. May be NULL. */
	int (*set_own)(struct golden_cmd *c, const char *name, const char *value, char *err, size_t errlen);
};

/* Parses the options that all commands share, with those of c->program.options. Returns as cli_parse() does; c->spec is to be freed
 * in any case. */
int golden_cmd_start(struct golden_cmd *c, int argc, char **argv, int *first);

/* Where the XML goes to standard output ("-"), all that is printed before it goes to standard error: golden_cmd_aside() before the
 * first line, golden_cmd_write_junit() instead of golden_junit_write(). */
void golden_cmd_aside(const char *junit);
int golden_cmd_write_junit(const struct golden_junit *j, const char *suite, const char *junit);

/* Each gets argv from the command's name on. */
int golden_cmd_record(int argc, char **argv);
int golden_cmd_verify(int argc, char **argv);
int golden_cmd_shrink(int argc, char **argv);
int golden_cmd_metamorph(int argc, char **argv);

#endif
