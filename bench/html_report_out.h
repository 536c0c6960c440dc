/* SPDX-License-Identifier: BSD-2-Clause
 *
 * html_report_out.h: what the parts of the HTML report share. One thread.
 */
#ifndef BENCH_HTML_REPORT_OUT_H
#define BENCH_HTML_REPORT_OUT_H

#include <jansson.h>
#include <stdio.h>

#include "result.h"

/* Text as HTML text or attribute: markup escaped, bytes that are no UTF-8 and control characters replaced. */
void bench_html_text(FILE *out, const char *text);

/* The tables of runs: figures, the check, impairments, latencies, memory, drops, peers. */
void bench_html_runs(const struct bench_result *r, FILE *out);
/* What the modules found. */
void bench_html_modules(const struct bench_result *r, FILE *out);
/* A JSON value as nested tables. */
void bench_html_value(json_t *value, FILE *out);
/* The plots, each for wide and for narrow windows, or why there are none. */
void bench_html_plots(const struct bench_result *r, FILE *out);

extern const char bench_html_style[]; /* the content of <style> */
extern const char bench_html_guide[]; /* the section that explains the terms */

#endif
