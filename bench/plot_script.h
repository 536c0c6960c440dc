/* SPDX-License-Identifier: BSD-2-Clause
 *
 * plot_script.h: writes what gnuplot is told. Pure but for the stream.
 */
#ifndef BENCH_PLOT_SCRIPT_H
#define BENCH_PLOT_SCRIPT_H

#include <stdio.h>

#include "plot.h"
#include "plot_data.h"

void bench_plot_script(const struct bench_result *r, const struct bench_plot_data *d,
                       const struct bench_plot_view *view, FILE *out);

#endif
