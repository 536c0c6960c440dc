/* SPDX-License-Identifier: BSD-2-Clause
 *
 * dumpdir.h: the folder that streams are written to, with tcpflow's names, and a bounded number of open files in it.
 *
 * More instances of a module (one per worker) may share a folder; a name that is taken gets the next `c1`, `c2`, ...
 * A folder that this process has filled in an earlier run is emptied for the next one.
 *
 * Threads: a handle belongs to one thread. Functions return 0 or a negative errno.
 */
#ifndef FLOWOS_MODULE_DUMPDIR_H
#define FLOWOS_MODULE_DUMPDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <flowos/key.h>

struct dumpdir;

/* What a stream remembers of its file. Zeroed: it has none yet. */
struct dumpdir_file {
	uint32_t slot;  /* where it was open last */
	uint32_t count; /* of `cN` */
	bool named;
};

enum { DUMPDIR_NAME = 160 };

/* A folder is made if it is missing; one with files in it is refused unless `overwrite`, which removes what looks like an earlier
 * dump. `real` is where the folder is, for other files in it (PATH_MAX bytes). */
int dumpdir_open(const char *path, bool overwrite, unsigned files, struct dumpdir **out, char *real, char *err,
                 size_t errlen);

/* Writes the file's name; count as in struct dumpdir_file. `name` takes DUMPDIR_NAME bytes. */
void dumpdir_name(const struct fos_key *key, int dir, uint32_t count, char *name);

/* Makes the file if there is none, under a name that was free. */
int dumpdir_create(struct dumpdir *d, struct dumpdir_file *f, uint64_t id, const struct fos_key *key, int dir);

/* Appends all of `iov` (which is changed). `id` is the stream's own. */
int dumpdir_append(struct dumpdir *d, struct dumpdir_file *f, uint64_t id, const struct fos_key *key, int dir,
                   struct iovec *iov, int n);

/* The stream has no more: its file may be closed. */
int dumpdir_done(struct dumpdir *d, const struct dumpdir_file *f, uint64_t id);

/* No more files of this run. Closes all; the first error. */
int dumpdir_finish(struct dumpdir *d);
void dumpdir_close(struct dumpdir *d); /* NULL: nothing */

#endif
