/* SPDX-License-Identifier: BSD-2-Clause
 *
 * command.h: runs somebody else's program through the shell, bounded in time and in what it may write, and a folder
 * for its temporary files that is gone afterwards, whatever happens.
 *
 * One thread, one command at a time in a process. Blocks until the command has ended or was ended. Reads the monotonic clock.
 */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct bench_command {
	const char *line; /* for /bin/sh -c */
	const char *const
	    *vars;         /* "NAME=VALUE" beside the environment or instead of one there, ended by NULL; may be NULL */
	uint64_t limit_ns; /* how long it may take; 0: for ever */
	size_t most;       /* bytes that it may write to standard output; 0: any number */
};

struct bench_command_result {
	char *out; /* its standard output and a zero byte; the caller frees it */
	size_t len;
	int status;     /* as waitpid() says; not valid where it was ended */
	bool timed_out; /* it was ended: it took too long */
	bool too_much;  /* it was ended: it wrote too much */
	char last[256]; /* last line of its standard error, without control characters; "" */
};

/* Runs it in a process group of its own, standard input empty. Whatever it started and left behind in that group is killed. 0, or
 * a negative errno: it could not be started, or there is no memory. */
int bench_command_run(const struct bench_command *c, struct bench_command_result *r);

/* The signal that ended it, also where the shell says so by a status of 128 and more; 0: none did. */
int bench_command_signal(const struct bench_command_result *r);

/* Writes text so that a shell reads it as one word. */
void bench_shell_word(FILE *f, const char *text);

/* A new folder below $TMPDIR or /tmp, its name without characters that a shell would mind where $TMPDIR has none. One at a time in
 * a process. -EBUSY: there is one. */
int bench_scratch_make(char dir[PATH_MAX]);

/* Removes it and all that is in it. */
void bench_scratch_remove(void);

/* Kills a command that runs, and removes the scratch folder: for a signal handler, after which the process ends. Async-signal-safe. */
void bench_command_cleanup(void);

#endif
