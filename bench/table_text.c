/* SPDX-License-Identifier: BSD-2-Clause
 *
 * table_text.c: fitting and printing.
 */
#include "table_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "result_format.h"

enum { SPACE = 2 };

int bench_text_table_init(struct bench_text_table *t, struct bench_column *column, size_t columns, size_t rows)
{
	*t = (struct bench_text_table){ .column = column, .columns = columns, .rows = rows };
	t->cell = calloc(rows * columns + 1, sizeof(*t->cell));
	return t->cell ? 0 : -ENOMEM;
}

int bench_text_table_set(struct bench_text_table *t, size_t row, size_t column, const char *text)
{
	char **cell = &t->cell[row * t->columns + column];

	free(*cell);
	*cell = strdup(text);
	return *cell ? 0 : -ENOMEM;
}

/* Places on the terminal: bytes that do not continue a character. */
static size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static const char *cell_at(const struct bench_text_table *t, size_t row, size_t column)
{
	const char *cell = t->cell[row * t->columns + column];

	return cell ? cell : "";
}

static void column_measure(struct bench_text_table *t, size_t column)
{
	struct bench_column *c = &t->column[column];

	c->width = text_width(c->head);
	c->empty = c->rank != 0;
	for (size_t row = 0; row < t->rows; row++) {
		const char *cell = cell_at(t, row, column);

		if (text_width(cell) > c->width)
			c->width = text_width(cell);
		if (*cell && strcmp(cell, "-") != 0)
			c->empty = false;
	}
	c->shown = !c->empty;
}

static size_t table_width(const struct bench_text_table *t)
{
	size_t total = 0;

	for (size_t i = 0; i < t->columns; i++) {
		if (t->column[i].shown)
			total += t->column[i].width + (total ? SPACE : 0);
	}
	return total;
}

/* Of what is shown the column of the highest rank, of what is not the one of the lowest; NULL: none above `above`. */
static struct bench_column *column_extreme(const struct bench_text_table *t, bool shown, unsigned above)
{
	struct bench_column *found = NULL;

	for (size_t i = 0; i < t->columns; i++) {
		struct bench_column *c = &t->column[i];

		if (c->shown != shown || c->empty || c->rank <= above)
			continue;
		if (!found || (shown ? c->rank >= found->rank : c->rank < found->rank))
			found = c;
	}
	return found;
}

void bench_text_table_fit(struct bench_text_table *t, size_t width)
{
	struct bench_column *c;

	for (size_t i = 0; i < t->columns; i++)
		column_measure(t, i);
	while (table_width(t) > width && (c = column_extreme(t, true, 0)))
		c->shown = false;
	/* A wide column went although a narrow one would have done: what still fits comes back. */
	for (unsigned rank = 0; (c = column_extreme(t, false, rank)); rank = c->rank) {
		c->shown = true;
		c->shown = table_width(t) <= width;
	}
}

static void pad(FILE *out, size_t n)
{
	while (n--)
		fputc(' ', out);
}

static void print_cell(FILE *out, const struct bench_column *c, const char *text, const char *colour, bool last)
{
	size_t room = c->width - text_width(text);

	if (!c->left)
		pad(out, room);
	if (colour)
		fputs(colour, out);
	bench_format_safe(out, text);
	if (colour)
		fputs("\033[0m", out);
	if (c->left && !last)
		pad(out, room);
}

static void print_row(const struct bench_text_table *t, FILE *out, const char *indent, const size_t *row,
                      const char *(*colour)(const char *))
{
	size_t last = 0;
	bool first = true;

	for (size_t i = 0; i < t->columns; i++)
		last = t->column[i].shown ? i : last;
	fputs(indent, out);
	for (size_t i = 0; i < t->columns; i++) {
		const char *text = row ? cell_at(t, *row, i) : t->column[i].head;

		if (!t->column[i].shown)
			continue;
		if (!first)
			pad(out, SPACE);
		first = false;
		print_cell(out, &t->column[i], text, !colour ? NULL : row ? colour(text) : "\033[1m", i == last);
	}
	fputc('\n', out);
}

void bench_text_table_print(const struct bench_text_table *t, FILE *out, const char *indent,
                            const char *(*colour)(const char *cell))
{
	print_row(t, out, indent, NULL, colour);
	for (size_t row = 0; row < t->rows; row++)
		print_row(t, out, indent, &row, colour);
}

void bench_text_table_clear(struct bench_text_table *t)
{
	for (size_t i = 0; t->cell && i < t->rows * t->columns; i++)
		free(t->cell[i]);
	free(t->cell);
	t->cell = NULL;
}
