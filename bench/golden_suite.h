/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_suite.h: many checks in a row: the traces of a folder, impairments, seeds; what each came to is printed, and
 * kept for a report.
 *
 * One thread. Blocks on the disk. Reads the clock, for progress and for the report.
 */
#ifndef BENCH_GOLDEN_SUITE_H
#define BENCH_GOLDEN_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "golden_case.h"
#include "golden_engine.h"
#include "golden_junit.h"
#include "progress.h"

/* Impairments that a suite runs where none are given. */
struct golden_profile {
	const char *name, *options; /* options "": as it is, for one seed only */
};
extern const struct golden_profile golden_profiles[]; /* ended by name NULL */

struct golden_suite {
	const char *program; /* "flowos-golden verify", for messages and the line that repeats */
	const struct golden_given *given;
	const struct fos_impair_spec *spec; /* as given */
	const struct golden_engine *engine; /* under test; NULL, or without a command: this project's */
	bool model;                         /* another engine is held against the model */
	bool impaired;                      /* `spec` says what is done; else the profiles are run (in a suite) */
	bool quiet;                         /* what holds is not printed: many checks */
	uint64_t first_seed, last_seed;
	uint64_t checks, failed, errors, left_out; /* so far */
	struct golden_junit junit;
	struct bench_progress progress;
	uint64_t total;  /* checks in all, for the progress; 0: unknown */
	const char *now; /* trace at hand */
	char said[1024]; /* the last reason why a check could not be run: said once, though all have the same */
	bool same;       /* that is said, too */
};

/* Runs one trace under all seeds. `profiles`: with the profiles where no impairment was given. Returns 0, or a negative errno
 * where nothing more can be done (-ENOMEM); what cannot be read is counted in `errors` and said on stderr. */
int golden_suite_trace(struct golden_suite *s, const char *trace, const char *golden, bool profiles);

/* All files in `dir` with a FILE.golden beside them, in order of their names. -ENOENT: there are none. */
int golden_suite_folder(struct golden_suite *s, const char *dir, char *err, size_t errlen);

#endif
