/* SPDX-License-Identifier: BSD-2-Clause
 *
 * threads.h: threads that start together, and how long it takes until the last one is done.
 */
#ifndef BENCH_THREADS_H
#define BENCH_THREADS_H

#include <stdint.h>

enum { BENCH_CPUS_MAX = 1024 };

/* CPUs that threads are pinned to, in turn; n 0: they are not. */
struct bench_cpus {
	unsigned n;
	int cpu[BENCH_CPUS_MAX];
};

/* Calls work(arg, k) for k from 0 to n - 1, each in a thread of its own, all at the same time, and waits for all; cpus may be NULL:
 * they run where the caller may. *seconds: from when the first one begins to when the last one ends; they are let go when
 * all are there. Returns 0, or a negative errno where a thread could not be started, and then no work was called. */
int bench_threads_run(uint32_t n, const struct bench_cpus *cpus, void (*work)(void *arg, uint32_t k), void *arg,
                      double *seconds);

#endif
