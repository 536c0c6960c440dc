/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_trace.h: a trace made ready for metamorphic cases: what its packets are, which conversation each belongs to, which
 * lines are wanted of it, and which streams must be left alone; and samples of it, small enough for many cases.
 *
 * One thread; a trace that is ready is only read. Functions return 0 or a negative errno, with a line for a person in err.
 */
#ifndef BENCH_META_TRACE_H
#define BENCH_META_TRACE_H

#include "golden_case.h"
#include "golden_engine.h"
#include "meta.h"

struct meta_trace {
	const char *name;
	struct bench_engine_opts opts;
	struct meta_pkt *pkt; /* in the trace's order, time stamps never fall */
	size_t n;
	struct meta_conv *conv; /* sorted by key */
	size_t convs;
	const struct bench_golden *want;
	struct bench_golden own; /* what `want` is where there is no golden file */
	uint32_t *line_conv;     /* conversation of each line */
	/* Samples are made of groups: conversations, or all of two hosts between which fragments travel. */
	uint32_t *group;    /* of each conversation */
	uint32_t *first_of; /* groups + 1: the first of each group's packets in `packet` */
	uint32_t *packet;
	bool
	    *group_out; /* groups that no sample has: packets of a conversation that is left out cannot be told apart */
	size_t groups;
	uint64_t slack_ns, last_ns;
	bool fragments, tunnels, fragments_fixed;
	uint64_t conflicted, ambiguous, left_out, reused; /* streams, streams, conversations, conversations */
	struct meta_set bytes;                            /* frames that were in two pieces */
	char differs[1024];                               /* the trace as it is does not give what is wanted; "" */
};

/* `golden` NULL: what the engine under test makes of the trace as it is. A difference without any change is no error: see differs. */
int meta_trace_make(struct meta_trace *t, const struct bench_trace *trace, const struct bench_engine_opts *opts,
                    const struct bench_golden *golden, const struct golden_engine *engine, char *err, size_t errlen);
void meta_trace_free(struct meta_trace *t);

/* A sample: some of the conversations with all their packets, the lines that they must give, and a last packet that keeps
 * the trace's time. 0 or -ENOMEM. */
int meta_trace_sample(const struct meta_trace *t, struct meta_draw *d, struct meta_set *s);

#endif
