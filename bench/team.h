/* SPDX-License-Identifier: BSD-2-Clause
 *
 * team.h: a team of workers: one engine per thread, all with the same options, each with a lane of the frames (lanes.h).
 * They start together and share nothing until the last one is done; then what they found is added up.
 *
 * A team belongs to the thread that made it. Functions return 0 or a negative errno with a line for a person in err.
 */
#ifndef BENCH_TEAM_H
#define BENCH_TEAM_H

#include "lanes.h"
#include "replay.h"

/* One of the team, as its thread sees it; no cache line of it is another one's. */
struct bench_hand {
	_Alignas(128) struct fos_worker *w;
	const struct fos_frames *frames;
	const struct bench_lane *lane;
	struct fos_batch *b;
	void *arg;
	/* the rest is team.c's */
	int rc;
	size_t at;     /* batch of the lane that runs */
	uint64_t *log; /* sessions that began and ended, where they are counted */
	size_t logged, log_slots;
	bool log_failed;
};

struct bench_team {
	uint32_t workers;
	struct bench_hand *hand;
	struct fos_worker_config cfg; /* each one's */
	bool count_sessions;
	/* from the start that all had in common to the last one's end, streams ended */
	double seconds;
	struct fos_worker_stats stats;
	const struct bench_cpus *cpus;
	int (*feed)(struct bench_hand *h);
};

/* How each worker of a team is set up: caps that count in all are divided. */
void bench_team_config(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, uint32_t workers,
                       struct fos_worker_config *cfg);

/* What a team is made of. */
struct bench_team_spec {
	const struct bench_engine_opts *engine;
	const struct fos_impair_spec *impair;
	struct bench_record **record;                                  /* one for each, or NULL */
	void (*hol_wait)(void *arg, uint64_t wait_ns, uint32_t bytes); /* as in struct fos_worker_config */
	void *const *hol_wait_arg;                                     /* one for each */
	bool count_sessions; /* so that stats.sessions_peak is that of all together, else it is a bound */
};

/* Makes as many workers as the options say. -ENOTSUP: a module runs with one worker only. */
int bench_team_make(struct bench_team *t, const struct bench_team_spec *spec, char *err, size_t errlen);
void bench_team_free(struct bench_team *t); /* all zero: nothing happens */

/* Runs all lanes, once; fills seconds and stats. `feed` hands a lane's frames to its worker, in the worker's thread; NULL: as
 * fast as possible. arg[n] is the n-th one's, where `arg` is not NULL. */
int bench_team_run(struct bench_team *t, const struct fos_frames *f, const struct bench_lanes *l,
                   int (*feed)(struct bench_hand *h), void *const *arg, char *err, size_t errlen);

/* bench_record_run() with a team. */
int bench_team_record(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, const struct fos_frames *f,
                      struct bench_record **out, struct fos_worker_stats *st, char *err, size_t errlen);

/* Finishes all modules and adds up what they found in the first worker's: that one reports. */
int bench_team_finish(struct bench_team *t, char *err, size_t errlen);

/* The next batch of a lane into h->b; false: there is none. *clock is for fos_worker_run_at(). `from` is the lane's first frame of
 * the batch: 0 at first, moved on. For a `feed`. */
bool bench_hand_next(struct bench_hand *h, size_t *from, const uint64_t **clock);

#endif
