/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_drops.h: what the engine gave up under an attack, by reason. Pure functions.
 */
#ifndef BENCH_WORST_DROPS_H
#define BENCH_WORST_DROPS_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/worker.h>

extern const size_t worst_drop_count;
const char *worst_drop_name(size_t i);
uint64_t worst_drop_at(size_t i, const struct fos_worker_stats *st);

#endif
