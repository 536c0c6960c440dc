/* SPDX-License-Identifier: BSD-2-Clause
 *
 * json_out.h: a result as JSON (the form in interfaces.md) and back. Texts that are not UTF-8 (file names) have the
 * odd bytes replaced by U+FFFD; numbers that are not finite are null; integers above 2^63 - 1 are texts of digits.
 */
#ifndef BENCH_JSON_OUT_H
#define BENCH_JSON_OUT_H

#include <stdio.h>

#include <flowos/report.h>

#include "result.h"

/* A new reference; NULL: no memory. */
json_t *bench_json_result(const struct bench_result *r);
/* The block "machine" of every result. A new reference; NULL: no memory. */
json_t *bench_json_machine(const struct bench_machine *m);
/* Writes it with a line feed at the end. -ENOMEM, -EIO. Does not flush. */
int bench_json_write(const struct bench_result *r, FILE *out);
/* To a file that appears whole or not at all; "-" is standard output. err: a line for a person. */
int bench_json_save(const struct bench_result *r, const char *path, char *err, size_t errlen);

/* From a file ("-": standard input). *out is the caller's to free. -EINVAL: no JSON, or not of this schema; other:
 * cannot be read. err says which key. Keys that are missing or null stay 0; unknown ones are left out. */
int bench_json_load(const char *path, struct bench_result **out, char *err, size_t errlen);
int bench_json_parse(const json_t *root, struct bench_result **out, char *err, size_t errlen);

/* A report writer that makes a JSON object: hand &w->report to fos_module.report, then take the object. */
struct bench_report_json {
	struct fos_report report;
	json_t *stack[16]; /* stack[0] is the whole; borrowed above that */
	unsigned depth;
	int error; /* first negative errno: -ENOMEM, or -EPROTO for ends that match no begin, nesting over 15, a key twice */
};

void bench_report_json_init(struct bench_report_json *w);
/* A new reference, or NULL with w->error set. The writer is empty afterwards. */
json_t *bench_report_json_take(struct bench_report_json *w);
/* Adds up reports of instances by key: numbers are added, texts that differ and arrays: the first's is kept. Into
 * `into`. -ENOMEM. */
int bench_report_json_add(json_t *into, const json_t *from);

#endif
