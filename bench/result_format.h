/* SPDX-License-Identifier: BSD-2-Clause
 *
 * result_format.h: numbers for people, in ASCII, and the command line that repeats a result. Pure functions; those with
 * a buffer return it (24 bytes are enough).
 */
#ifndef BENCH_RESULT_FORMAT_H
#define BENCH_RESULT_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "result.h"

const char *bench_format_count(uint64_t n, char *buf, size_t len);   /* "950", "12.3k", "2.00M" */
const char *bench_format_grouped(uint64_t n, char *buf, size_t len); /* "1,234,567" */
const char *bench_format_bytes(double bytes, char *buf, size_t len); /* "512 B", "1.21 KiB" */
const char *bench_format_seconds(double s, char *buf, size_t len);   /* "1.23 s", "45.6 ms", "7.89 us", "120 ns" */
const char *bench_format_number(double x, char *buf,
                                size_t len); /* three significant digits: "0.123", "12.3", "1230" */

/* Half the width of the confidence interval, in % of the median. */
double bench_run_ci_percent(const struct bench_run *run);

/* "1.23 s, 2.31 times the engine's time (2.20 to 2.40)", with the share of the engine's bytes where the peer delivered
 * less than they are. 128 bytes are enough. Returns buf. */
const char *bench_format_peer(const struct bench_run *run, const struct bench_peer *p, char *buf, size_t len);

/* The text with control characters replaced by '?': safe on a terminal. */
void bench_format_safe(FILE *out, const char *text);

/* The command, quoted for a shell where it has to be, with the seed added where it was not given. The caller frees it;
 * NULL: no memory. */
char *bench_result_repeat(const struct bench_result *r);

/* What the result is of, in one line: "trace x.pcap, seed 1, reorder 5%, dup 1%"; what was swept is left
 * out. Returns buf. */
const char *bench_result_subject(const struct bench_result *r, char *buf, size_t len);

#endif
