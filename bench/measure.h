/* SPDX-License-Identifier: BSD-2-Clause
 *
 * measure.h: passes of the engine over packets in memory, with a clock beside it: the engine itself reads none.
 *
 * One thread. Functions return 0 or a negative errno with a line for a person in err.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "prepare.h"
#include "stats_hist.h"

/* Monotonic time, ns. */
uint64_t bench_now_ns(void);

/* Anonymous memory of the process; 0 where the kernel does not say. */
uint64_t bench_anonymous_bytes(void);

/* Runs this thread on one CPU; -1: as it is. */
void bench_pin(int cpu);

/* How fast packets are handed over. */
struct bench_pace {
	double multiplier, pps, mbps; /* at most one above 0 */
};

/* When packet i is to arrive, ns after the first; `bytes` are those of the packets before it. And waiting until then. */
uint64_t bench_pace_due(const struct bench_pace *pace, const struct fos_frames *f, size_t i, uint64_t bytes);
void bench_wait_until(uint64_t at_ns);

struct bench_pass {
	double seconds; /* from the first packet to the end of the last stream */
	struct fos_worker_stats stats;
	int finish; /* what the modules' finish said: 0 or a negative errno */
	char finish_text[256];
	char damaged[512]; /* of a trace that is read as the pass goes: what is wrong with it, "" for nothing */
	json_t *modules;   /* their reports by name; NULL unless asked for */
};

/* One timed pass. `latency`, where not NULL, gets the time from each packet's intended arrival to the end of its batch. */
int bench_pass(const struct bench_prepared *p, const struct bench_point *pt, const struct bench_pace *pace,
               bool reports, struct bench_hist *latency, struct bench_pass *out, char *err, size_t errlen);

/* A pass that looks closer: processing time per packet, waits for holes, memory. Fills service_ns, hol_wait_ns and memory of the
 * run. */
int bench_detail(const struct bench_prepared *p, const struct bench_point *pt, struct bench_run *run, char *err,
                 size_t errlen);

/* What they do where the point has more than one worker (measure_team.c). */
int bench_team_pass(const struct bench_prepared *p, const struct bench_point *pt, const struct bench_pace *pace,
                    bool reports, struct bench_hist *latency, struct bench_pass *out, char *err, size_t errlen);
int bench_team_detail(const struct bench_prepared *p, const struct bench_point *pt, struct bench_run *run, char *err,
                      size_t errlen);

/* The modules' reports by name, or NULL: no memory. p50, p99 and p999 of what was added. */
json_t *bench_module_reports(const struct fos_worker *w);
void bench_quantiles(struct bench_ns *ns, const struct bench_hist *h);

#endif
