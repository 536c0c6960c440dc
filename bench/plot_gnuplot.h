/* SPDX-License-Identifier: BSD-2-Clause
 *
 * plot_gnuplot.h: runs gnuplot on a script and takes what it writes. Blocks until it is done. Needs no locks: what it
 * shares with the child are files in memory.
 */
#ifndef BENCH_PLOT_GNUPLOT_H
#define BENCH_PLOT_GNUPLOT_H

#include <stddef.h>

/* *data is the caller's to free. -ENOENT: gnuplot is not installed; -EIO: it failed; err has a line for a person. */
int bench_gnuplot_run(const char *script, size_t script_len, char **data, size_t *len, char *err, size_t errlen);

#endif
