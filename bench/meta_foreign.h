/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_foreign.h: the lines of another engine held against those of a metamorphic case, but for what the engine says that
 * it lacks.
 *
 * One thread. 0 or a negative errno.
 */
#ifndef BENCH_META_FOREIGN_H
#define BENCH_META_FOREIGN_H

#include "golden_engine.h"
#include "meta.h"

/* Streams with conflicting bytes do not count: the answer is the engine's policy. The caller frees *d. `frames`: what it got. */
int meta_foreign_diff(const struct meta_set *s, const struct golden_engine *e, const struct fos_frames *frames,
                      const struct bench_golden *got, struct bench_golden_diff *d);

#endif
