/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_verdict.h: does an engine's answer differ from the reference's, and is it the same failure as before?
 *
 * Pure functions on their arguments, any thread.
 */
#ifndef BENCH_SHRINK_VERDICT_H
#define BENCH_SHRINK_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "golden.h"
#include "shrink_trace.h"

/* What kind of failure: one that is shrunk stays of its kind. */
enum shrink_kind {
	SHRINK_HOLDS,
	SHRINK_BYTES,   /* a stream has other bytes, or another number of them */
	SHRINK_GAPS,    /* a stream has other gaps */
	SHRINK_ENDS,    /* a stream starts or ends otherwise */
	SHRINK_MISSING, /* a stream is missing */
	SHRINK_EXTRA,   /* there is a stream that is none */
	SHRINK_DIED,    /* the engine was ended by a signal, or did not end */
};

struct shrink_failure {
	enum shrink_kind kind;
	char name[SHRINK_NAME]; /* the stream's direction, "tcp A > B"; "" where the engine died */
	char text[1024];        /* the difference, for a person */
};

/* How lines are compared. */
struct shrink_view {
	unsigned lacks; /* enum golden_lack: what is not asked of the engine */
	bool totals;    /* which bytes became a gap is the engine's choice: bytes and gaps together must be right */
};

/* The first difference, or SHRINK_HOLDS. `like`, where it is not NULL: only in the stream that it names. 0 or -ENOMEM. */
int shrink_compare(const struct bench_golden *want, const struct bench_golden *got, const struct shrink_view *view,
                   const struct shrink_failure *like, struct shrink_failure *out);

const char *shrink_kind_text(enum shrink_kind kind);

#endif
