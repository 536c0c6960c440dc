/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_run.h: runs a case and its twin in turns, and says what came of it.
 *
 * One thread; blocks for as long as it takes. Functions return 0 or a negative errno, with a line for a person in err.
 */
#ifndef BENCH_WORST_RUN_H
#define BENCH_WORST_RUN_H

#include "stats.h"
#include "worst_innocent.h"

/* What was used of something at most, and what bounds it. */
struct worst_bound {
	const char *name;
	uint64_t peak, cap;
	uint64_t slack; /* so much beyond the cap is within it */
};

/* A packet is held before its cap is looked at: so much is a packet in pieces. */
enum { WORST_PACKET = 16384 };

enum { WORST_HELD, WORST_HELD_ALONE, WORST_KEPT, WORST_SESSIONS, WORST_WAITING, WORST_FRAGMENT_BYTES, WORST_BOUNDS };

struct worst_result {
	const struct worst_case *c;
	uint64_t packets, attack_packets; /* of a pass; all, and those of the attack */
	double seconds;                   /* of the processor, median of a pass */
	double twin_seconds;
	bool timed, twin; /* which of them there are */
	bool noisy;
	uint32_t samples;
	struct bench_ratio ratio;
	struct worst_bound bound[WORST_BOUNDS];
	uint64_t growth_bytes; /* of the process' anonymous memory in a pass, at its greatest */
	struct fos_worker_stats st;
	struct worst_streams innocent, attack;
};

/* `tick` (may be NULL) is called between passes with how many are done and how many there will be. */
int worst_run(const struct worst_opts *o, const struct worst_case *c, struct worst_result *r,
              void (*tick)(void *arg, uint64_t done, uint64_t of), void *arg, char *err, size_t errlen);

/* Verdicts. */
bool worst_over_cap(const struct worst_result *r);
bool worst_innocents_whole(const struct worst_result *r);
bool worst_over_ratio(const struct worst_result *r); /* marked, no failure: times are noisy */
bool worst_holds(const struct worst_result *r);      /* within the caps, innocents whole, no wrong byte anywhere */

/* ns a packet. */
double worst_ns(const struct worst_result *r, bool twin);

#endif
