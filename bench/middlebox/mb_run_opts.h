/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_run_opts.h: the command line of `flowos run`: a configuration of its own, or laid over that of a file.
 *
 * One thread. Blocks on the file.
 */
#ifndef MB_RUN_OPTS_H
#define MB_RUN_OPTS_H

#include "mb_conf.h"

/* Parses argv (argv[0] is "run") and reads the file: -1 to go on with *c, or an exit status. Calling it again reads the file
 * again; what is wrong then goes into err. */
int mb_run_opts(struct mb_conf *c, int argc, char **argv);
int mb_run_opts_again(struct mb_conf *c, int argc, char **argv, char *err, size_t errlen);

/* For messages after parsing: a line on standard error; returns CLI_CANNOT. */
int mb_run_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
