/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bench_opts.h: flowos-bench's options as a struct. Strings are argv's.
 */
#ifndef BENCH_BENCH_OPTS_H
#define BENCH_BENCH_OPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"
#include "replay.h"

enum { OPTS_SESSIONS_MAX = 64, OPTS_SWEEPS_MAX = 8 };

enum bench_reference { REF_AUTO, REF_FORMULA, REF_GOLDEN, REF_CLEAN, REF_MODEL };

struct bench_opts {
	const char *trace, *gen, *live; /* one of them */
	const char *ring;               /* of live ones, as text; NULL: the defaults */
	uint64_t duration_ns;           /* of live ones; 0: until a signal */
	uint64_t sessions[OPTS_SESSIONS_MAX];
	unsigned n_sessions;
	const char *sweep[OPTS_SWEEPS_MAX]; /* OPTION=V,V... */
	unsigned n_sweeps;
	struct fos_impair_spec impair;
	struct bench_engine_opts engine;
	uint32_t repeat, warmup, seeds;
	bool repeat_given, warmup_given;
	double multiplier, pps, mbps; /* 0: not paced */
	enum bench_reference reference;
	bool no_check;
	bool peers;
	int cpu;                /* to run on; -1: not pinned */
	struct bench_cpus cpus; /* with more workers: theirs, in turn */
	const char *json, *csv, *plot, *report;
	const char *impaired_out, *streams_out;
};

/* Parses flowos-bench's command line: -1 to go on, or an exit status. */
int bench_opts_parse(struct bench_opts *o, int argc, char **argv);
void bench_opts_free(struct bench_opts *o);

/* All that is to be written can be, and nothing of it is what is read: -1 to go on, or CLI_CANNOT with a line on stderr. */
int bench_opts_outputs(const struct bench_opts *o);

/* For messages after parsing. */
int bench_opts_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
