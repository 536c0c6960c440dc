/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_line.h: one line of a golden file taken apart: "tcp A > B #0 bytes=N sha256=HEX gaps=- end=fin".
 *
 * Pure functions, any thread.
 */
#ifndef BENCH_GOLDEN_LINE_H
#define BENCH_GOLDEN_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

/* The value of "word=VALUE" in a line, cut where it does not fit (then it ends in "..."). False: the line has none. */
bool bench_golden_word(const char *line, const char *word, char *buf, size_t len);

/* Length of the line's name, "tcp A > B #0" or "udp A > B". */
size_t bench_golden_name_len(const char *line);

/* Where a record's stream begins to be another one than the line wants, as far as a line with one digest can tell:
 * writes ", from offset N on, frame F" or what else is known. "" where nothing is. */
void bench_golden_where(const struct bench_record *r, const char *want, const char *got, char *buf, size_t len);

/* The packets that brought the first and the last delivered byte of the stream that a line names. False: it has none here. */
bool bench_golden_frames(const struct bench_record *r, const char *line, uint64_t *first, uint64_t *last);

#endif
