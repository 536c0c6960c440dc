/* SPDX-License-Identifier: BSD-2-Clause
 *
 * value.h: numbers and times as options write them: counts with k or M, times with a unit. Pure functions.
 */
#ifndef BENCH_VALUE_H
#define BENCH_VALUE_H

#include <stdint.h>

/* "1000", "10k", "2M": 0 and *out, or -EINVAL, or -ERANGE above `max`. */
int bench_value_count(const char *text, uint64_t max, uint64_t *out);

/* "5us", "1.5ms", "2s", "100ns": 0 and *out in ns, or -EINVAL (a bare number too), or -ERANGE above a day. */
int bench_value_time(const char *text, uint64_t *out);

/* A positive number with a fraction: 0 and *out, or -EINVAL. */
int bench_value_number(const char *text, double *out);

#endif
