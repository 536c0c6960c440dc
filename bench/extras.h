/* SPDX-License-Identifier: BSD-2-Clause
 *
 * extras.h: what flowos-bench writes beside its results: the packets as the engine saw them, and every stream's bytes.
 */
#ifndef BENCH_EXTRAS_H
#define BENCH_EXTRAS_H

#include "prepare.h"

/* Writes packets to `path` as pcapng, with a comment on each that was impaired. */
int bench_write_packets(const struct bench_schedule *s, const char *path, char *err, size_t errlen);

/* -w and --streams-out, where asked for. Returns 0 or a negative errno with a line in err. */
int bench_write_extras(const struct bench_opts *o, const struct bench_point *pt, const struct bench_prepared *p,
                       char *err, size_t errlen);

#endif
