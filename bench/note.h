/* SPDX-License-Identifier: BSD-2-Clause
 *
 * note.h: what every kind of run writes into its result in the same way: how it was called, what the engine dropped, what
 * modules found.
 *
 * One thread. Functions return 0 or -ENOMEM.
 */
#ifndef BENCH_NOTE_H
#define BENCH_NOTE_H

#include <flowos/worker.h>

#include "bench_opts.h"
#include "result.h"

/* Command line, trace (`sha256` may be ""), seed, impairments, and the machine that this is. */
int bench_note_call(struct bench_result *r, const struct bench_opts *o, const char *name, const char *sha256, int argc,
                    char **argv);

struct bench_note_count {
	const char *reason;
	uint64_t n;
};

/* Counts by reason; those that are 0 are left out. */
int bench_note_counts(struct bench_run *run, const struct bench_note_count *count, size_t n);

/* The engine's counts of what it gave up or refused, by reason; those that are 0 are left out. */
int bench_note_drops(struct bench_run *run, const struct fos_worker_stats *st);

/* What a gate held and let go. */
void bench_note_gate(struct bench_run *run, const struct fos_worker_stats *st);

/* Modules' reports by name. The object stays the caller's; NULL: there are none. */
int bench_note_modules(struct bench_run *run, json_t *modules);

#endif
