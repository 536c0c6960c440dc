/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_junit.h: the results of a suite as JUnit XML, which build servers read: a test case a trace, profile and seed.
 *
 * One thread. Writing blocks on the disk; the file appears whole or not at all.
 */
#ifndef BENCH_GOLDEN_JUNIT_H
#define BENCH_GOLDEN_JUNIT_H

#include <stddef.h>

struct golden_junit_case {
	char *trace, *name; /* "x.pcap", "loss, seed 3" */
	char *failure;      /* NULL: it holds */
	char *error;        /* NULL: it could be run */
	char *skipped;      /* NULL: it was run; else why not */
	char *detail;       /* lines that say more of a failure, or NULL */
	double seconds;
};

struct golden_junit {
	struct golden_junit_case *v;
	size_t n, slots;
};

/* Adds a case with copies of the texts; each of the last three may be NULL. 0 or -ENOMEM. */
int golden_junit_add(struct golden_junit *j, const char *trace, const char *name, double seconds, const char *failure,
                     const char *error, const char *skipped);

/* Says more of the case that was added last; keeps a copy. 0 or -ENOMEM. */
int golden_junit_detail(struct golden_junit *j, const char *text);

/* Writes it to `path`, "-": standard output. 0 or a negative errno. */
int golden_junit_write(const struct golden_junit *j, const char *suite, const char *path);

void golden_junit_free(struct golden_junit *j);

#endif
