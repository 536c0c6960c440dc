/* SPDX-License-Identifier: BSD-2-Clause
 *
 * table_text.h: a table of texts, its columns as wide as they need to be, the least important ones left out until it
 * fits. One thread; the table owns copies of its texts.
 */
#ifndef BENCH_TABLE_TEXT_H
#define BENCH_TABLE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct bench_column {
	const char *head;
	unsigned rank;     /* 0: never left out; the highest goes first */
	bool left;         /* aligned to the left */
	bool empty, shown; /* set by bench_text_table_fit() */
	size_t width;
};

struct bench_text_table {
	struct bench_column *column;
	size_t columns, rows;
	char **cell; /* rows * columns; NULL: empty */
};

/* `column` is the caller's and must outlast the table. -ENOMEM. */
int bench_text_table_init(struct bench_text_table *t, struct bench_column *column, size_t columns, size_t rows);
int bench_text_table_set(struct bench_text_table *t, size_t row, size_t column, const char *text);
/* Hides columns in which every cell is empty or "-", then those of the highest rank until the table fits. */
void bench_text_table_fit(struct bench_text_table *t, size_t width);
/* `colour`: NULL, or gives the terminal sequence to put before a cell (NULL: none). Call fit first. */
void bench_text_table_print(const struct bench_text_table *t, FILE *out, const char *indent,
                            const char *(*colour)(const char *cell));
void bench_text_table_clear(struct bench_text_table *t);

#endif
