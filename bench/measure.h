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

struct bench_pass {
	double seconds; /* from the first packet to the end of the last stream */
	struct fos_worker_stats stats;
	int finish; /* what the modules' finish said: 0 or a negative errno */
	char finish_text[256];
	char damaged[512]; /* of a trace that is read as the pass goes: what is wrong with it, "" for nothing */
	json_t *modules; /* their reports by name; NULL unless asked for */
};

/* One timed pass. `latency`, where not NULL, gets the time from each packet's intended arrival to the end of its batch. */
int bench_pass(const struct bench_prepared *p, const struct bench_point *pt, const struct bench_pace *pace,
               bool reports, struct bench_hist *latency, struct bench_pass *out, char *err, size_t errlen);

/* A pass that looks closer: processing time per packet, waits for holes, memory. Fills service_ns, hol_wait_ns and memory of the
 * run. */
int bench_detail(const struct bench_prepared *p, const struct bench_point *pt, struct bench_run *run, char *err,
                 size_t errlen);

#endif
