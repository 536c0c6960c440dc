/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hash_seed.h: what keys the engine's hash tables in the programs. No result depends on it; but who knows it can choose
 * addresses and ports that all fall into one place of the table, so that every look-up is a long walk.
 */
#ifndef BENCH_HASH_SEED_H
#define BENCH_HASH_SEED_H

#include <stdint.h>

/* The same for the life of the process, never 0; from the kernel's random source. May be called from any thread before
 * others are started. */
uint64_t bench_hash_seed(void);

/* The same for what deals sessions to live workers (flowos/shard.h): a seed of its own, so that who learns one from what he can
 * watch knows nothing of the other. */
uint64_t bench_shard_seed(void);

#endif
