/* SPDX-License-Identifier: BSD-2-Clause
 *
 * outfile.h: a file that appears whole or not at all: written beside its name, and given its name when it is done.
 *
 * Threads: any; one outfile belongs to one thread at a time. Blocks on the disk, or on the reader of a pipe (of whom
 * SIGPIPE speaks: ignore it, and the error is -EPIPE).
 *
 * "-" is standard output. That, and what exists and is no regular file (a pipe, a device), is written directly.
 */
#ifndef FLOWOS_OUTFILE_H
#define FLOWOS_OUTFILE_H

#include <stdbool.h>
#include <stdio.h>

struct fos_outfile;

/* Opens `path` for writing. What has that name stays as it is until fos_outfile_commit(); a symbolic link stays, and
 * the file that it names is replaced; an existing file's permissions are kept. Returns 0 or a negative errno. */
int fos_outfile_open(const char *path, struct fos_outfile **out);

/* Where to write; belongs to the outfile: do not close it. */
FILE *fos_outfile_stream(struct fos_outfile *o);

/* Is it written directly, so that what was written stays whatever happens? */
bool fos_outfile_direct(const struct fos_outfile *o);

/* Writes what is buffered, gives the file its name, frees o. Returns 0, or a negative errno where anything could not be
 * written (-ENOSPC), also before: then the name keeps what it had. NULL: nothing happens, 0. */
int fos_outfile_commit(struct fos_outfile *o);

/* Forgets what was written and frees o; what went out directly is gone. NULL: nothing happens. */
void fos_outfile_abort(struct fos_outfile *o);

/* Says that `name` is a temporary file of the caller's own, there or to be created next, which fos_outfile_cleanup() is to remove
 * as well; and that it is none any longer. The string is the caller's and lasts from the one call to the other, which is told by
 * the same pointer. Any thread. */
void fos_outfile_note(char *name);
void fos_outfile_forget(char *name);

/* Calls `f` with the name of every such file there is, the outfiles' own among them, until it returns something else than 0: that
 * is returned. None is opened or ends meanwhile. */
int fos_outfile_each(int (*f)(void *arg, const char *name), void *arg);

/* Removes the temporary files of all outfiles that are open, and those noted: for a signal handler, after which the process ends.
 * Async-signal-safe. */
void fos_outfile_cleanup(void);

#endif
