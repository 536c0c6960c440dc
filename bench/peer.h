/* SPDX-License-Identifier: BSD-2-Clause
 *
 * peer.h: other work on the very packets that the engine gets, in memory, to be timed in turns with it: floors (floor.h),
 * and libnids where it was built and is found. What --peers runs.
 *
 * One thread. Functions return 0 or a negative errno with a line for a person in err.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <flowos/frames.h>

#include "lanes.h"
#include "threads.h"

enum { BENCH_PEERS_MAX = 6 };

/* How many there are here, and what they are called: the floors first, "floor: headers", "floor: hash" and "floor: sum",
 * then "plain: xxh3", a pass of XXH3-128 over every payload, and "plain: xxh3 wide", the same with the widest vectors that
 * the processor has, then "libnids". The first call looks for it. */
unsigned bench_peer_count(void);
const char *bench_peer_name(unsigned peer);

/* 5-tuples of TCP over IPv4 in the frames: what the peers' tables are sized to. -ENOMEM. */
int bench_peer_flows(const struct fos_frames *f, uint64_t *flows);

struct bench_peer_pass {
	double seconds;      /* of all frames; tables are made before and freed after */
	uint64_t bytes, sum; /* payload taken; the sum of its words, 0 for floors that do not sum, of hashes for xxh3 */
};

/* Who goes through the frames: a thread a lane, on these CPUs in turn (NULL: not pinned). Without lanes, or NULL: the caller. */
struct bench_peer_team {
	const struct bench_lanes *lanes;
	const struct bench_cpus *cpus;
};

/* One timed pass. Floors are as many threads as there are lanes, other peers one. */
int bench_peer_pass(unsigned peer, const struct fos_frames *f, const struct bench_peer_team *team, uint64_t flows,
                    struct bench_peer_pass *out, char *err, size_t errlen);

/* A floor's pass with a thread a lane; `mode` is an enum bench_floor_mode. 0 or a negative errno. */
int bench_peer_floor_team(int mode, const struct fos_frames *f, const struct bench_lanes *lanes,
                          const struct bench_cpus *cpus, uint64_t flows, struct bench_peer_pass *out);

#endif
