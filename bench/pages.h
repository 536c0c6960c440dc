/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pages.h: a thread that maps pages before others need them (flowos/ahead.h), on a CPU that is not theirs.
 */
#ifndef BENCH_PAGES_H
#define BENCH_PAGES_H

#include <flowos/ahead.h>

#include "threads.h"

struct bench_pages;

/* Starts it on those of `cpus` that are not number `busy`; n 0: where the process may run. NULL: there is no other CPU, or no thread
 * to be had. */
struct bench_pages *bench_pages_start(const struct bench_cpus *cpus, int busy);

/* Whom to tell: any number of threads may. NULL of NULL. */
const struct fos_ahead *bench_pages_ahead(const struct bench_pages *p);

/* Ends it: what was told is forgotten. NULL is nothing. */
void bench_pages_stop(struct bench_pages *p);

#endif
