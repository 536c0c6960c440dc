/* SPDX-License-Identifier: BSD-2-Clause
 *
 * plot_axis.h: an axis of a result: how many values it has, and whether they are numbers. One thread.
 */
#ifndef BENCH_PLOT_AXIS_H
#define BENCH_PLOT_AXIS_H

#include "result.h"

enum bench_axis_unit {
	BENCH_AXIS_TEXT, /* no numbers */
	BENCH_AXIS_PLAIN,
	BENCH_AXIS_PERCENT,
	BENCH_AXIS_MS, /* a time, in milliseconds */
};

struct bench_axis {
	const char *key; /* points into the result; "sessions" is static */
	size_t distinct; /* values, among the runs that were timed */
	enum bench_axis_unit unit;
	double min, max; /* numbers only */
};

/* Was the run timed, and did it not fail? */
bool bench_axis_counts(const struct bench_run *run);
/* All axes, the best one to draw by first: numbers before texts, many values before few, sessions before others, an
 * impairment before the rest. An axis with one value is not among them. The caller frees *out. -ENOMEM. */
int bench_axis_list(const struct bench_result *r, struct bench_axis **out, size_t *count);
/* The run's place on an axis of numbers: "5%,depth=32" is 5; 0 where the run does not have it. */
double bench_axis_value(const struct bench_run *run, const struct bench_axis *a);
/* The run's value as text in buf, "none" where it does not have it; returns buf. */
const char *bench_axis_text(const struct bench_run *run, const char *key, char *buf, size_t len);
/* What stands along the axis: "packets drawn for reordering (%)". Returns buf. */
const char *bench_axis_label(const struct bench_axis *a, char *buf, size_t len);

#endif
