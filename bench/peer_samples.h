/* SPDX-License-Identifier: BSD-2-Clause
 *
 * peer_samples.h: what --peers measures at one point: a list of times for each peer, taken in turns with the engine's.
 *
 * One thread. Functions return 0 or a negative errno with a line for a person in err.
 */
#ifndef BENCH_PEER_SAMPLES_H
#define BENCH_PEER_SAMPLES_H

#include "peer.h"
#include "result.h"

struct bench_peer_samples {
	unsigned peers; /* 0: none are asked for */
	double *seconds[BENCH_PEERS_MAX];
	uint32_t count[BENCH_PEERS_MAX], room;
	uint64_t bytes[BENCH_PEERS_MAX];
	uint64_t flows; /* 0: not counted yet */
};

/* Room for that many times of each peer that is here. Zeroed memory may be cleared without. -ENOMEM. */
int bench_peer_samples_init(struct bench_peer_samples *s, uint32_t repeat);
void bench_peer_samples_clear(struct bench_peer_samples *s);

/* A pass of one peer, which counts or warms up. */
int bench_peer_samples_take(struct bench_peer_samples *s, unsigned peer, const struct fos_frames *f,
                            const struct bench_peer_team *team, bool counts, char *err, size_t errlen);

/* Into run->peers, with ratios to the run's times, which are there. -ENOMEM. */
int bench_peer_samples_note(const struct bench_peer_samples *s, struct bench_run *run, uint64_t seed);

#endif
