/* SPDX-License-Identifier: BSD-2-Clause
 *
 * points.h: what is to be measured: one point for each combination of session count, swept options and seed.
 */
#ifndef BENCH_POINTS_H
#define BENCH_POINTS_H

#include <stddef.h>
#include <stdint.h>

#include "bench_opts.h"
#include "result.h"

struct bench_point {
	uint64_t sessions; /* 0: the trace as it is */
	struct fos_impair_spec impair;
	struct bench_engine_opts engine;
	struct bench_pairs axes; /* the swept options and their values here */
};

struct bench_points {
	struct bench_point *at;
	size_t n;
	char **text; /* values that the points' options point into */
	size_t texts;
};

/* Expands the options; err says what is wrong with a sweep. 0, -EINVAL, -ENOMEM. */
int bench_points_make(struct bench_points *p, const struct bench_opts *o, char *err, size_t errlen);
void bench_points_free(struct bench_points *p);

#endif
