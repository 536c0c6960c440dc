/* SPDX-License-Identifier: BSD-2-Clause
 *
 * prepare.h: from a point to the packets that the engine gets: a trace or made-up sessions, multiplied, impaired; and
 * whether what the engine delivers of them is right.
 *
 * One thread; blocks on files. Functions return 0 or a negative errno with a line for a person in err.
 */
#ifndef BENCH_PREPARE_H
#define BENCH_PREPARE_H

#include "check.h"
#include "lanes.h"
#include "points.h"

/* Packets of a point before the impairment. */
struct bench_source {
	struct fos_port *port; /* owns what `own` points to; NULL: the trace's frames as they are */
	struct fos_frames own;
	const struct fos_frames *frames;
	uint64_t distinct_payload_bytes; /* 0: all that there is */
	const char *trace_sha256;        /* of the trace as it is; "" where it was not asked for or there is none */
};

struct bench_prepared {
	struct bench_source source;
	struct bench_schedule schedule;
	struct fos_port
	    *stream; /* the trace's, where passes read it as they go; then there are no frames. NULL: in memory */
	const struct fos_ahead *ahead; /* with `stream`: who maps pages meanwhile, or NULL */
	struct bench_lanes lanes;      /* of the schedule; empty for one worker */
};

/* `trace` is NULL for --gen. `target` is how many packets every point of the sweep should have, 0: as it comes. */
int bench_prepare(struct bench_prepared *p, const struct bench_opts *o, const struct bench_point *pt,
                  const struct bench_trace *trace, uint64_t target, char *err, size_t errlen);
void bench_prepared_free(struct bench_prepared *p);

/* Are bytes changed that the reference must have, too (checksum=fix)? */
bool bench_changes_bytes(const struct fos_impair_spec *spec);

/* Records what the engine delivers of the point's packets, holds it against the reference and fills run->streams and
 * run->udp. `first` gets the first difference, "" when there is none. */
int bench_verify(const struct bench_prepared *p, const struct bench_opts *o, const struct bench_point *pt,
                 struct bench_run *run, char *first, size_t firstlen, char *err, size_t errlen);

#endif
