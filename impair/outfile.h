/* SPDX-License-Identifier: BSD-2-Clause
 *
 * outfile.h: a text file that appears whole or not at all. What is no regular file (a pipe, a device, "-" for standard
 * output) is written directly. One thread; blocks on the disk.
 */
#ifndef FLOWOS_IMPAIR_OUTFILE_H
#define FLOWOS_IMPAIR_OUTFILE_H

#include <stdio.h>

struct fos__outfile {
	FILE *f;
	char *path; /* where it appears, or NULL: written directly */
	char *temp; /* what it is called meanwhile */
};

/* 0 or a negative errno. */
int fos__outfile_open(struct fos__outfile *o, const char *path);

/* Ends it: it appears, unless `failed` (a negative errno, which is returned) or writing went wrong. Always frees. */
int fos__outfile_close(struct fos__outfile *o, int failed);

#endif
