/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden.h: golden files: what a trace's streams must be, as text: a header, then a line a stream, sorted.
 *
 * One thread. Blocks on the disk. Functions return 0 or a negative errno, with a line for a person in err.
 */
#ifndef BENCH_GOLDEN_H
#define BENCH_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>

#include "record.h"

enum { GOLDEN_KEYS_MAX = 32 };

struct bench_golden {
	struct {
		char *key, *value;
	} header[GOLDEN_KEYS_MAX];
	size_t keys;
	char **line; /* sorted as bytes */
	size_t lines;
};

/* Sets a header line "# key: value"; keeps a copy. -ENOMEM, or -ENOSPC when there are too many. */
int bench_golden_set(struct bench_golden *g, const char *key, const char *value);
const char *bench_golden_get(const struct bench_golden *g, const char *key); /* or NULL */

/* Adds the lines of a record that was hashed. */
int bench_golden_add(struct bench_golden *g, const struct bench_record *r);

/* Adds a copy of one line, and puts all in order. 0 or -ENOMEM. */
int bench_golden_add_line(struct bench_golden *g, const char *line);
void bench_golden_sort(struct bench_golden *g);

/* Reads a golden file ("-": standard input); -EINVAL with "FILE:LINE: what is wrong" for one that is none. */
int bench_golden_read(struct bench_golden *g, const char *path, char *err, size_t errlen);

/* Writes it whole or not at all; "-" is standard output. */
int bench_golden_write(const struct bench_golden *g, const char *path, char *err, size_t errlen);

void bench_golden_free(struct bench_golden *g);

/* How two sets of lines differ. Lines of one 4-tuple are matched whatever their #K when their own #K does not match: a use that
 * overtook another one has its number. */
struct bench_golden_diff {
	size_t same, differ, missing, extra; /* lines; differ: other content under the same name */
	char *first;                         /* the first difference, for a person; NULL: none */
	const char *want_line, *got_line;    /* its lines, in `want` and `got`; one is NULL where there is none */
	size_t place;                        /* of that line in its file */
};

enum bench_golden_flag {
	GOLDEN_IGNORE_ENDS = 1u << 0, /* `end=` and `start=` do not count: packets were reordered */
	GOLDEN_IGNORE_UDP = 1u << 1,  /* nor do UDP lines: datagrams were doubled */
	GOLDEN_IGNORE_EMPTY =
	    1u << 2, /* nor TCP streams without bytes and gaps: an RST alone may be counted with another use */
};

int bench_golden_diff(const struct bench_golden *want, const struct bench_golden *got, unsigned flags,
                      struct bench_golden_diff *d);
void bench_golden_diff_free(struct bench_golden_diff *d);

#endif
