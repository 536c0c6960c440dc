/* SPDX-License-Identifier: BSD-2-Clause
 *
 * plot.h: a result as a picture, drawn by gnuplot (a program, started without a shell; reads no start-up file).
 *
 * What is drawn follows from the data: throughput by session count, by the share of an impairment that was swept, by
 * any other axis, or, for a single point, its repetitions.
 */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <stddef.h>

#include "result.h"

enum bench_plot_format {
	BENCH_PLOT_SVG,
	BENCH_PLOT_PNG,
	BENCH_PLOT_INLINE, /* SVG without prologue and background, its ids unique, to stand inside HTML */
};

struct bench_plot_view {
	enum bench_plot_format format;
	unsigned width, height; /* 0: 1000 x 620 */
	const char *x;          /* axis to draw by: "sessions" or an axis' name; NULL: chosen */
	const char *id;         /* prefix for ids, BENCH_PLOT_INLINE only */
};

/* By the suffix: .svg or .png, "-" is not possible. -EINVAL with a line in err; for use while options are read. */
int bench_plot_format(const char *path, enum bench_plot_format *out, char *err, size_t errlen);
/* Draws into memory; *data is the caller's to free. -ENOENT: gnuplot is not installed (err names the package);
 * -ENODATA: no run was timed; -EIO: gnuplot failed (err has its first line). Blocks until gnuplot is done. */
int bench_plot_render(const struct bench_result *r, const struct bench_plot_view *view, char **data, size_t *len,
                      char *err, size_t errlen);
/* To a file that appears whole or not at all. */
int bench_plot_save(const struct bench_result *r, const char *path, char *err, size_t errlen);

#endif
