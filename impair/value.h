/* SPDX-License-Identifier: BSD-2-Clause
 *
 * value.h: shares, times and counts as options write them, exactly and without the locale. Pure functions.
 */
#ifndef FLOWOS_IMPAIR_VALUE_H
#define FLOWOS_IMPAIR_VALUE_H

#include <stddef.h>
#include <stdint.h>

/* The text is [s, s + n). Each returns NULL and sets *out, or says what is wrong ("a share needs %, such as 5%"). */
const char *fos__value_share(const char *s, size_t n, uint64_t *out);               /* "0.5%" in 1 / FOS_SHARE_ONE */
const char *fos__value_time(const char *s, size_t n, uint64_t *out_ns);             /* "1.5ms"; ns, us, ms, s */
const char *fos__value_count(const char *s, size_t n, uint64_t max, uint64_t *out); /* "32", "4k", "1M" */
const char *fos__value_seed(const char *s, size_t n, uint64_t *out); /* decimal, or hexadecimal after 0x */

/* The other way: the shortest text that reads as the same value. `buf` takes at least FOS__VALUE_TEXT bytes. */
enum { FOS__VALUE_TEXT = 32 };
char *fos__value_share_text(uint64_t share, char *buf);
char *fos__value_time_text(uint64_t ns, char *buf);

#endif
