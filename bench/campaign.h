/* SPDX-License-Identifier: BSD-2-Clause
 *
 * campaign.h: all of a flowos-bench call: loads, prepares every point, checks it, measures in randomised blocks.
 */
#ifndef BENCH_CAMPAIGN_H
#define BENCH_CAMPAIGN_H

#include "bench_opts.h"
#include "result.h"

/* Returns CLI_DONE, CLI_FAILED (something does not hold, a point failed, or the trace is damaged: *out has what there is), or
 * CLI_CANNOT after a line on stderr. *out is the caller's. */
int bench_campaign(const struct bench_opts *o, int argc, char **argv, struct bench_result **out);

#endif
