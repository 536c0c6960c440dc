/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_arrived.h: were exactly those bytes delivered that arrived: the packets in front of the engine, parsed once
 * more, against the places that its record has. It knows nothing of what the engine decided, and nothing of bytes.
 *
 * Pure on its inputs; one thread.
 */
#ifndef BENCH_GOLDEN_ARRIVED_H
#define BENCH_GOLDEN_ARRIVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "replay.h"

struct golden_arrived {
	uint64_t streams; /* that were held to it */
	uint64_t
	    skipped; /* with data, but: the 4-tuple was used again, bytes conflict, or fragments travelled between the hosts */
	uint64_t wrong;
	char first[512]; /* the first one that is wrong; "" */
};

/* `frames` as the engine was fed them, `run` what it made of them, `ref` the unimpaired trace's record. A hole that a cap or
 * the time-out ended may be a gap whatever arrived. 0 or -ENOMEM. */
int golden_arrived_check(const struct fos_frames *frames, const struct bench_engine_opts *o,
                         const struct fos_impair_spec *spec, const struct bench_record *run,
                         const struct bench_record *ref, struct golden_arrived *out);

#endif
