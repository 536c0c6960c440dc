/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_case.h: a trace and its golden file in memory, and whether the one holds against the other, under any number
 * of impairments one after the other.
 *
 * One thread. Blocks on the disk while opening. Functions return 0 or a negative errno, with a line for a person in err.
 */
#ifndef BENCH_GOLDEN_CASE_H
#define BENCH_GOLDEN_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "golden.h"
#include "replay.h"

/* What was found. */
struct golden_outcome {
	bool holds;
	uint64_t hold, differ;      /* lines or, under loss, streams and conversations */
	uint64_t gapped, gap_bytes; /* of those that hold: less arrived */
	uint64_t conflicted;        /* of those that hold: the trace itself has different bytes for one place */
	uint64_t by_packet;         /* streams that were held against the packets themselves, without the engine */
	uint64_t left_out;          /* lines of another engine that were not looked at: see golden_foreign.h */
	char first[1024];           /* the first difference; "" where it holds */
	char more[1800];            /* lines that say more of it, each with its end; "" */
};

/* What a command line gave: an option that was not given comes from the golden file's header. */
struct golden_given {
	struct bench_engine_opts opts; /* opts.overlap FOS_OVERLAPS: not given */
	bool force;                    /* compare although it is another trace */
};

struct golden_case {
	struct bench_trace trace;
	struct bench_golden golden;
	struct bench_engine_opts opts; /* of the clean run */
	bool checksum_asked;           /* by the command line, so that --corrupt changes nothing */
	bool impaired;                 /* the golden file was recorded with `recorded` */
	struct fos_impair_spec recorded;
	struct bench_record *clean;        /* what the engine makes of the trace as it is; NULL: not run yet */
	struct golden_outcome clean_found; /* that, held against the golden file */
};

enum golden_open_result {
	GOLDEN_OPENED = 0,
	GOLDEN_OTHER_TRACE = 1, /* the golden file was made from another one */
};

/* Reads both. `golden` NULL: the trace alone, for `record`. Returns 0, GOLDEN_OTHER_TRACE or a negative errno. progress may be
 * NULL. The options in `given` must last as long as the case. */
int golden_case_open(struct golden_case *c, const char *trace, const char *golden, const struct golden_given *given,
                     int (*progress)(void *, uint64_t), void *arg, char *err, size_t errlen);
void golden_case_close(struct golden_case *c);

/* Are checksums verified in a run with this impairment? As asked for, else as the golden file says. */
bool golden_case_verifies(const struct golden_case *c, const struct fos_impair_spec *spec);

/* Runs the trace with the impairment and holds the result against the golden file. -EINVAL: the impairment cannot be used here. */
int golden_case_verify(struct golden_case *c, const struct fos_impair_spec *spec, struct golden_outcome *out, char *err,
                       size_t errlen);

/* What the engine delivers, as a golden file with its header. */
int golden_case_record(struct golden_case *c, const struct fos_impair_spec *spec, struct bench_golden *out, char *err,
                       size_t errlen);

/* Sets `spec` from options as fos_impair_spec_text() writes them. Returns 0 or -EINVAL with a line in err. */
int golden_spec_from_text(struct fos_impair_spec *spec, const char *text, char *err, size_t errlen);

#endif
