/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_suite.h: many metamorphic cases in a row, of one trace or of all in a folder: what does not hold is printed with the
 * line that repeats it; what was done is counted.
 *
 * One thread. Blocks on the disk. Reads the clock, for progress and for the report. Prints.
 */
#ifndef BENCH_META_SUITE_H
#define BENCH_META_SUITE_H

#include "golden_junit.h"
#include "meta_case.h"
#include "progress.h"

struct meta_suite {
	const char *program; /* "flowos-golden metamorph" */
	const struct golden_given *given;
	struct meta_how how;
	const char *keep;   /* packets of the first case that differs; NULL */
	const char *engine; /* as given, for the line that repeats; NULL */
	uint64_t cases;     /* per trace; in a folder: in all */
	bool one;           /* only case number `number` */
	uint64_t number;
	/* So far. */
	uint64_t as_it_is; /* traces that differ without any change: no case was run; failed has them too */
	uint64_t traces, done, failed, errors, idle, packets, lines;
	uint64_t of_kind[META_KINDS], changed[META_KINDS], skipped[META_KINDS];
	uint64_t conflicted, ambiguous, left_out, reused;
	bool kept;
	struct golden_junit junit;
	struct bench_progress progress;
	uint64_t total, start_ns;
};

/* `golden` NULL: what the engine makes of the trace as it is. 0, or a negative errno where nothing more can be done; what cannot be
 * run is counted in `errors` and said on stderr. */
int meta_suite_trace(struct meta_suite *s, const char *trace, const char *golden);

/* All files in `dir` with a FILE.golden beside them, in order of their names; cases are shared out evenly. -ENOENT: none. */
int meta_suite_folder(struct meta_suite *s, const char *dir, char *err, size_t errlen);

/* Prints what was done, by kind, and the sum. */
void meta_suite_print(struct meta_suite *s, const char *what);

#endif
