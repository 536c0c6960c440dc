/* SPDX-License-Identifier: BSD-2-Clause
 *
 * repeat.h: the one line that repeats a point and nothing else.
 */
#ifndef BENCH_REPEAT_H
#define BENCH_REPEAT_H

#include <stdio.h>

#include "points.h"

/* "flowos-bench --trace x.pcap --reorder 5%,depth=32,scope=session --seed 3", quoted for a shell, without a line feed: all that
 * the streams depend on. */
void bench_repeat_write(FILE *out, const struct bench_opts *o, const struct bench_point *pt);

#endif
