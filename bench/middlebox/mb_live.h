/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_live.h: flowos-bench --live: a middlebox that runs for a time, and is measured.
 *
 * One thread, which starts others. Blocks until it is over: after --duration, or at SIGINT or SIGTERM.
 */
#ifndef MB_LIVE_H
#define MB_LIVE_H

#include "bench_opts.h"
#include "result.h"

/* Returns CLI_DONE, CLI_FAILED (something went wrong while it ran; *out has what there is), or CLI_CANNOT after a line on stderr.
 * *out is the caller's. */
int mb_live(const struct bench_opts *o, int argc, char **argv, struct bench_result **out);

#endif
