/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_keep.h: a module that never releases what it reads: the worst that a module can do to memory.
 *
 * One thread a worker, as all modules.
 */
#ifndef BENCH_WORST_KEEP_H
#define BENCH_WORST_KEEP_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/worker.h>

/* Adds it to the first stage of the worker's flow 0. *peak, which must outlive the worker, becomes the most bytes of one
 * stream that were kept from one batch to the next. Returns a negative errno with a line in err where it cannot. */
int worst_keep_attach(uint64_t *peak, struct fos_worker *w, char *err, size_t errlen);

#endif
