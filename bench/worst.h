/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst.h: `flowos-bench worst`: what an engine dreads, made in memory, run beside innocent sessions, and what it cost.
 *
 * A case is an attack. Where it makes sense it has a twin: the same packets as an honest sender's network would bring
 * them. Case and twin are run in turns; the ratio of their times is what the attack costs.
 */
#ifndef BENCH_WORST_H
#define BENCH_WORST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "replay.h"

enum {
	WORST_CASES_MAX = 48,
	WORST_REPEATS_MAX = 1000,
};

/* A ratio above this is marked `over`: what an attack may cost. */
extern const double worst_ratio_limit;

/* What bounds the engine's memory, see struct fos_worker_config; 0: as the engine has it. */
struct worst_caps {
	uint64_t held, held_total, kept, sessions, fragments, fragment_bytes;
};

struct worst_opts {
	uint64_t segments; /* about how many packets an attack has */
	uint64_t innocent; /* sessions beside it */
	uint64_t seed;
	uint32_t repeat;
	uint32_t payload; /* bytes of an attack's segment, where it is not the point */
	struct worst_caps caps;
	bool small_caps; /* --caps small: where an option says nothing */
	struct bench_engine_opts engine;
	const char *json, *csv, *plot;
	bool list;
};

/* The whole command; argv[1] is "worst". Returns an exit status. */
int bench_worst(int argc, char **argv);

#endif
