/* SPDX-License-Identifier: BSD-2-Clause
 *
 * outfile.h: a module's output file: lines, whole or not at all. They go to a temporary file beside the target, which
 * takes the target's name when the last user has finished. "-" is standard output; what exists and is no regular file
 * (a pipe, a device) is written directly.
 *
 * With more workers there are more instances of a module, and all name the same file: those that are open at the same
 * time in one process share it, and their lines are mixed, each in one piece. A flag puts them in an order in which it does
 * not matter who wrote which; a pipe or a device gets them at the end then.
 *
 * Threads: a handle belongs to one; the file behind it has a lock, taken once per 64 KiB.
 */
#ifndef FLOWOS_MODULE_OUTFILE_H
#define FLOWOS_MODULE_OUTFILE_H

#include <stddef.h>

struct outfile;

enum outfile_flag {
	/* Each needs memory for the whole file at the end. */
	OUTFILE_SORTED = 1, /* bytewise by line */
	OUTFILE_BY_NAME =
	    2, /* by the first field (up to a tab); lines of one name, which one user writes, stay as they came */
	OUTFILE_NUMBERED = 4, /* bytewise by line, after which the first field gives way to the line's number, from 1 */
};

/* `head` (NULL: none) goes first, once, and is not sorted. Returns 0 or a negative errno with a line in err. */
int outfile_open(const char *path, unsigned flags, const char *head, struct outfile **out, char *err, size_t errlen);

/* Adds a line; LF is added. Errors are kept and told by outfile_finish. NULL handle: nothing. */
void outfile_line(struct outfile *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A field of a tab-separated line: bytes below 0x20, 0x7f and \ as \xHH. buf takes at least 5 bytes, too much is cut and ends in
 * "...". Returns buf. */
const char *outfile_field(const void *data, size_t len, char *buf, size_t size);

/* This user has no more. The last one's call puts the file in its place. Once. NULL: 0. */
int outfile_finish(struct outfile *o, char *err, size_t errlen);

/* Frees the handle; without outfile_finish before, nothing is left behind. NULL: nothing. */
void outfile_close(struct outfile *o);

#endif
