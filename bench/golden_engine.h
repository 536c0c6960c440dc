/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_engine.h: an engine under test: packets in, golden lines out. Either this project's engine, or a command that
 * turns a capture into golden lines on its standard output.
 *
 * One thread; blocks while a command runs. Functions return 0 or a negative errno, with a line for a person in err.
 */
#ifndef BENCH_GOLDEN_ENGINE_H
#define BENCH_GOLDEN_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "golden.h"
#include "replay.h"

struct golden_engine {
	const char *command; /* run by the shell, {} is the path of a capture; NULL: this project's engine */
};

/* Takes --engine's value, which must last: -EINVAL without a {}. */
int golden_engine_set(struct golden_engine *e, const char *command, char *err, size_t errlen);

/* What the engine under test delivers of these packets, as golden lines; `o` and `spec` (for the hole-wait; NULL: no impairment) count
 * for this project's engine only. -EIO: the command failed, or wrote something else. The caller frees *out. */
int golden_engine_lines(const struct golden_engine *e, const struct bench_engine_opts *o,
                        const struct fos_impair_spec *spec, const struct fos_frames *frames, struct bench_golden *out,
                        char *err, size_t errlen);

#endif
