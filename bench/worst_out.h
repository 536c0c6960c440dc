/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_out.h: results of `flowos-bench worst` as a table, JSON, CSV and a picture.
 *
 * One thread. Functions return 0 or a negative errno, those with err with a line for a person in it; files appear whole or
 * not at all.
 */
#ifndef BENCH_WORST_OUT_H
#define BENCH_WORST_OUT_H

#include <stdio.h>

#include "worst_run.h"

/* A whole call. */
struct worst_report {
	const struct worst_opts *o;
	int argc;
	char **argv;
	const struct worst_result *r;
	size_t n;
};

int worst_table(const struct worst_report *w, FILE *out);
int worst_json_save(const struct worst_report *w, const char *path, char *err, size_t errlen);
int worst_csv_save(const struct worst_report *w, const char *path, char *err, size_t errlen);
/* Bars of the ratios; path ends in .svg or .png. -ENOENT: gnuplot is not installed. */
int worst_plot_save(const struct worst_report *w, const char *path, char *err, size_t errlen);

#endif
