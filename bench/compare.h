/* SPDX-License-Identifier: BSD-2-Clause
 *
 * compare.h: what changed between two results beyond the noise.
 */
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include <stdio.h>

#include "result.h"

struct bench_compare_options {
	bool force;       /* although the machines differ */
	double threshold; /* a slow-down counts when all of its confidence interval is beyond; 0.02 is the default */
	uint64_t seed;    /* of the bootstrap */
};

enum bench_compare_status {
	BENCH_COMPARE_SAME = 0,       /* no regression: exit status 0 */
	BENCH_COMPARE_REGRESSION = 1, /* a run got slower, fails, or no longer holds: exit status 1 */
};

/* opt NULL: the defaults. Prints a table to `out`. Returns a bench_compare_status, or a negative errno with a line in err
 * (exit status 2): -EINVAL the two cannot be compared (trace, impairments, seed or machine are not alike, or no
 * JSON), -ENODATA no run is in both, else what reading or writing gave. */
int bench_compare(const char *old_path, const char *new_path, const struct bench_compare_options *opt, FILE *out,
                  char *err, size_t errlen);
int bench_compare_results(const struct bench_result *older, const struct bench_result *newer,
                          const struct bench_compare_options *opt, FILE *out, char *err, size_t errlen);

#endif
