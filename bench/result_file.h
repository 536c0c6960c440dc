/* SPDX-License-Identifier: BSD-2-Clause
 *
 * result_file.h: a result's form to a file that appears whole or not at all; "-" is standard output, and what is no
 * regular file (a pipe, a device) is written directly. May block.
 */
#ifndef BENCH_RESULT_FILE_H
#define BENCH_RESULT_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "result.h"

typedef int bench_writer(const struct bench_result *r, FILE *out);

/* Opens, lets `write` write, and puts the file in its place, or leaves what was there. err: a line for a person. */
int bench_file_save(const struct bench_result *r, bench_writer *write, const char *path, char *err, size_t errlen);
int bench_file_save_bytes(const char *path, const char *data, size_t len, char *err, size_t errlen);

#endif
