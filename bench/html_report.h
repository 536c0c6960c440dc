/* SPDX-License-Identifier: BSD-2-Clause
 *
 * html_report.h: a result as one HTML file that stands alone: no script, nothing loaded from elsewhere. Without gnuplot
 * it has a sentence in place of the plots.
 */
#ifndef BENCH_HTML_REPORT_H
#define BENCH_HTML_REPORT_H

#include <stdio.h>

#include "result.h"

/* -ENOMEM, -EIO. Does not flush. Blocks while gnuplot draws. */
int bench_html_write(const struct bench_result *r, FILE *out);
/* To a file that appears whole or not at all; "-" is standard output. */
int bench_html_save(const struct bench_result *r, const char *path, char *err, size_t errlen);

#endif
