/* SPDX-License-Identifier: BSD-2-Clause
 *
 * csv_out.h: a result as a table for spreadsheets and statistics programs: RFC 4180, a header line, a line per run,
 * flat columns (`seconds_median`, `service_ns_p99`, …); axes, drop reasons and peers get columns of their own. What is
 * not known is an empty field.
 */
#ifndef BENCH_CSV_OUT_H
#define BENCH_CSV_OUT_H

#include <stdio.h>

#include "result.h"

/* -ENOMEM, -EIO. Does not flush. */
int bench_csv_write(const struct bench_result *r, FILE *out);
/* To a file that appears whole or not at all; "-" is standard output. */
int bench_csv_save(const struct bench_result *r, const char *path, char *err, size_t errlen);

#endif
