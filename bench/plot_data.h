/* SPDX-License-Identifier: BSD-2-Clause
 *
 * plot_data.h: what to draw of a result: which axis lies along the bottom, and which runs make a line. No drawing here.
 * One thread; the data points into the result, which must outlast it.
 */
#ifndef BENCH_PLOT_DATA_H
#define BENCH_PLOT_DATA_H

#include "result.h"

enum bench_plot_kind {
	BENCH_PLOT_SAMPLES, /* one point: its repetitions */
	BENCH_PLOT_NUMBERS, /* x is a number: lines */
	BENCH_PLOT_CLASSES, /* x is a name: bars */
};

struct bench_plot_point {
	double x; /* classes: position 0, 1, … */
	const struct bench_run *run;
};

struct bench_plot_series {
	char *label;
	struct bench_plot_point *at; /* by x */
	size_t count;
};

struct bench_plot_data {
	enum bench_plot_kind kind;
	char *x_key;       /* "sessions" or the axis; NULL for samples and classes of several axes */
	char x_label[160]; /* with the unit */
	bool x_log;
	struct bench_plot_series *series;
	size_t series_count;
	char **classes; /* names, classes only */
	size_t class_count;
};

/* x: the axis to draw by, NULL: chosen. -ENODATA: no run was timed; -EINVAL: there is no such axis; -ENOMEM. */
int bench_plot_data_choose(const struct bench_result *r, const char *x, struct bench_plot_data *out);
void bench_plot_data_clear(struct bench_plot_data *d);

/* The i-th axis that is worth a plot of its own, best first; NULL: there are no more. Numbers only. *out is the
 * caller's to free. */
int bench_plot_data_axis(const struct bench_result *r, size_t i, char **out);

#endif
