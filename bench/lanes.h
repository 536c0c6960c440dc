/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lanes.h: frames in memory, dealt to workers: each one's lane says by number which frames are its own, and where its
 * batches end. Frames stay where they are.
 *
 * What a session sees does not depend on the number of workers. A lane's batch is its part of what a batch of all frames would
 * be, so streams run as often and with the same bytes; and a lane has the time of all frames, not of its own.
 *
 * One thread makes lanes; then any number may read them. Functions return 0 or a negative errno.
 */
#ifndef BENCH_LANES_H
#define BENCH_LANES_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/frames.h>
#include <flowos/worker.h>

/* May have no frames: then time passes. */
struct bench_lane_batch {
	uint64_t now_ns; /* the time of all frames behind it */
	uint32_t window; /* its number among the batches of all frames, from 0 */
	uint32_t n;      /* its frames */
};

struct bench_lane {
	uint32_t *frame;    /* numbers into the frames, in order */
	uint64_t *clock_ns; /* for each, the time of all frames when it comes; NULL: its own time stamp */
	size_t n;
	struct bench_lane_batch *batch;
	size_t batches, batch_slots;
};

struct bench_lanes {
	uint32_t workers;
	struct bench_lane *lane;
};

/* Deals `f` to `workers`, from 1 to 65535, which are set up by `cfg`. -ENOMEM; -E2BIG: more than 2^32 frames. */
int bench_lanes_make(struct bench_lanes *l, const struct fos_frames *f, const struct fos_worker_config *cfg,
                     uint32_t workers);
void bench_lanes_free(struct bench_lanes *l); /* all zero: nothing happens */

/* Fills a batch with the next of a lane: the batch number `batch`, whose first frame is the lane's `from`. Returns the clock
 * for fos_worker_run_at(). */
const uint64_t *bench_lane_fill(const struct bench_lane *lane, const struct fos_frames *f, size_t batch, size_t from,
                                struct fos_batch *b);

#endif
