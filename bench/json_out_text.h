/* SPDX-License-Identifier: BSD-2-Clause
 *
 * json_out_text.h: text that may come from anywhere (a file's name) as valid UTF-8. Pure functions.
 */
#ifndef BENCH_JSON_OUT_TEXT_H
#define BENCH_JSON_OUT_TEXT_H

#include <jansson.h>
#include <stddef.h>

/* How many bytes the UTF-8 character at s has, 1 to 4; 0: none is there (s must not be at the end of the string). */
size_t bench_utf8_length(const char *s);
/* A copy with every byte that is no UTF-8 replaced by U+FFFD; the caller frees it. NULL: no memory. */
char *bench_utf8_clean(const char *s);
/* A JSON string of it. NULL: no memory. */
json_t *bench_json_text(const char *s);

#endif
