/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_out.h: what shrinking leaves: the packets as the engine saw them, each with a comment on what was done to it; what must come
 * of them; the packets before the decisions, with the decisions; and a list of them for a person.
 *
 * One thread. Blocks on the disk. Functions return 0 or a negative errno, with a line for a person in err.
 */
#ifndef BENCH_SHRINK_OUT_H
#define BENCH_SHRINK_OUT_H

#include <stdio.h>

#include "shrink_ask.h"

struct shrink_out {
	const struct shrink_trace *trace;
	const struct shrink_cand *cand;
	const struct shrink_run *run; /* of the candidate */
	const struct bench_engine_opts *opts;
	const char *comment; /* on the file as a whole */
	const char *reference;
};

/* SMALL.pcapng: the packets as the engine saw them. */
int shrink_write_seen(const struct shrink_out *o, const char *path, char *err, size_t errlen);

/* The packets before the decisions, and those at `decisions`: flowos-golden with --decisions-in gives the same again. */
int shrink_write_before(const struct shrink_out *o, const char *path, const char *decisions, char *err, size_t errlen);

/* What must come of `small`, a file that was written. */
int shrink_write_golden(const struct shrink_out *o, const char *small, const char *path, char *err, size_t errlen);

/* One line for each packet that the engine saw; the first 64. */
void shrink_list(const struct shrink_out *o, FILE *f);

#endif
