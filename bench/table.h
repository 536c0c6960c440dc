/* SPDX-License-Identifier: BSD-2-Clause
 *
 * table.h: a result for the terminal: a row a run, the verdict in plain words beneath.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdio.h>

#include "result.h"

struct bench_table_style {
	unsigned
	    width; /* columns of the terminal; the least important columns of the table are left out until it fits */
	bool colour;
};

/* For this output: no colour unless it is a terminal and NO_COLOR is empty; 100 columns where it is none. */
struct bench_table_style bench_table_style(FILE *out);
/* -ENOMEM, -EIO. Does not flush. */
int bench_table_write(const struct bench_result *r, FILE *out, const struct bench_table_style *style);

#endif
