/* SPDX-License-Identifier: BSD-2-Clause
 *
 * progress.h: one line on a terminal that says how far the work is, redrawn at most ten times a second and wiped at the
 * end. Where the output is no terminal, nothing is ever written. Time is passed in. One thread.
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct bench_progress {
	FILE *out; /* NULL: silent */
	unsigned width;
	uint64_t start_ns, drawn_ns;
	bool drawn;
};

/* `out` (stderr) is used only when it is a terminal; NULL: silent. */
void bench_progress_init(struct bench_progress *p, FILE *out, uint64_t now_ns);
/* `done` of `total` (0: unknown) `unit` ("packets"); `what` is done now. Costs a comparison when it is too early. */
void bench_progress_update(struct bench_progress *p, uint64_t now_ns, uint64_t done, uint64_t total, const char *unit,
                           const char *what);
/* Wipes the line: before anything else is printed, and at the end. May be called at any time. */
void bench_progress_clear(struct bench_progress *p);

#endif
