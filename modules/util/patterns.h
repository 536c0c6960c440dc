/* SPDX-License-Identifier: BSD-2-Clause
 *
 * patterns.h: what grep searches for: patterns from arguments and files, in the order in which they were given, made
 * into one database of vectorscan (or hyperscan, which has the same interface).
 *
 * Threads: read-only once made.
 */
#ifndef FLOWOS_MODULE_PATTERNS_H
#define FLOWOS_MODULE_PATTERNS_H

#include <stddef.h>

#include <hs.h>

#include <flowos/module.h>

struct pattern {
	char *key;      /* as it was given; a second one of the same text has " #2" behind it, and so on */
	char *text;     /* the expression alone */
	unsigned flags; /* HS_FLAG_ */
	unsigned id;    /* as the file says, else its place in the list, from 1 */
};

struct patterns {
	struct pattern *list;
	size_t n, room;
	hs_database_t *db;
};

/* Reads pattern=, file=, literal= and nocase=. Returns 0 or a negative errno with a line in err; patterns_free() either way. */
int patterns_read(struct patterns *p, const struct fos_module_args *args, char *err, size_t errlen);
void patterns_free(struct patterns *p);

#endif
