/* SPDX-License-Identifier: BSD-2-Clause
 *
 * lanes.c: see lanes.h.
 */
#include "lanes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/shard.h>

/* The same in every run: how evenly sessions are dealt is no matter of chance. */
enum { SHARD_SEED = 1 };

static const uint64_t SECOND = 1000000000u;

static void place(void *arg, uint64_t number, uint32_t worker)
{
	((uint16_t *)arg)[number] = (uint16_t)worker;
}

/* Says of every frame whose it is. */
static int deal(const struct fos_frames *f, const struct fos_worker_config *cfg, uint32_t workers, uint16_t *worker,
                bool *backwards)
{
	struct fos_shard shard;
	struct fos_shard_map *map;
	uint64_t now = 0;
	int rc;

	fos_shard_init(&shard, SHARD_SEED, workers);
	rc = fos_shard_map_create(cfg, &shard, place, worker, &map);
	if (rc)
		return rc;
	for (size_t i = 0; rc == 0 && i < f->n; i++) {
		*backwards |= f->v[i].ts_ns < now;
		now = f->v[i].ts_ns > now ? f->v[i].ts_ns : now;
		rc = fos_shard_map_add(map, &f->v[i], i, now);
	}
	if (rc == 0)
		fos_shard_map_end(map);
	fos_shard_map_destroy(map);
	return rc;
}

static int make_room(struct bench_lanes *l, const uint16_t *worker, size_t n, bool backwards)
{
	for (size_t i = 0; i < n; i++)
		l->lane[worker[i]].n++;
	for (uint32_t k = 0; k < l->workers; k++) {
		struct bench_lane *lane = &l->lane[k];

		lane->frame = malloc((lane->n + 1) * sizeof(*lane->frame));
		if (backwards)
			lane->clock_ns = malloc((lane->n + 1) * sizeof(*lane->clock_ns));
		if (!lane->frame || (backwards && !lane->clock_ns))
			return -ENOMEM;
		lane->n = 0;
	}
	return 0;
}

/* A window is over. A lane without frames in it takes note when a second is: the engine looks at who is due once a second. */
static int end_window(struct bench_lane *lane, uint32_t window, uint32_t n, uint64_t now_ns, bool edge)
{
	uint64_t before = lane->batches ? lane->batch[lane->batches - 1].now_ns : 0;

	if (n == 0 && !edge && now_ns / SECOND == before / SECOND)
		return 0;
	if (lane->batches == lane->batch_slots) {
		size_t slots = lane->batch_slots ? lane->batch_slots * 2 : 64;
		struct bench_lane_batch *more = realloc(lane->batch, slots * sizeof(*more));

		if (!more)
			return -ENOMEM;
		lane->batch = more;
		lane->batch_slots = slots;
	}
	lane->batch[lane->batches++] = (struct bench_lane_batch){ .now_ns = now_ns, .window = window, .n = n };
	return 0;
}

static int fill(struct bench_lanes *l, const struct fos_frames *f, const uint16_t *worker)
{
	uint32_t *n = calloc(l->workers, sizeof(*n));
	uint64_t now = 0;
	int rc = n ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < f->n; i++) {
		struct bench_lane *own = &l->lane[worker[i]];

		now = f->v[i].ts_ns > now ? f->v[i].ts_ns : now;
		if (own->clock_ns)
			own->clock_ns[own->n] = now;
		own->frame[own->n++] = (uint32_t)i;
		n[worker[i]]++;
		if ((i + 1) % FOS_BATCH_MAX && i + 1 < f->n)
			continue;
		for (uint32_t k = 0; rc == 0 && k < l->workers; k++)
			rc = end_window(&l->lane[k], (uint32_t)(i / FOS_BATCH_MAX), n[k], now,
			                i < FOS_BATCH_MAX || i + 1 == f->n);
		memset(n, 0, l->workers * sizeof(*n));
	}
	free(n);
	return rc;
}

int bench_lanes_make(struct bench_lanes *l, const struct fos_frames *f, const struct fos_worker_config *cfg,
                     uint32_t workers)
{
	uint16_t *worker = NULL;
	bool backwards = false;
	int rc = -ENOMEM;

	memset(l, 0, sizeof(*l));
	if (f->n > UINT32_MAX)
		return -E2BIG;
	worker = malloc((f->n + 1) * sizeof(*worker));
	l->lane = calloc(workers, sizeof(*l->lane));
	l->workers = workers;
	if (worker && l->lane)
		rc = deal(f, cfg, workers, worker, &backwards);
	if (rc == 0)
		rc = make_room(l, worker, f->n, backwards);
	if (rc == 0)
		rc = fill(l, f, worker);
	free(worker);
	if (rc)
		bench_lanes_free(l);
	return rc;
}

void bench_lanes_free(struct bench_lanes *l)
{
	for (uint32_t k = 0; l->lane && k < l->workers; k++) {
		free(l->lane[k].frame);
		free(l->lane[k].clock_ns);
		free(l->lane[k].batch);
	}
	free(l->lane);
	memset(l, 0, sizeof(*l));
}

const uint64_t *bench_lane_fill(const struct bench_lane *lane, const struct fos_frames *f, size_t batch, size_t from,
                                struct fos_batch *b)
{
	const uint32_t *number = lane->frame + from;

	b->n = lane->batch[batch].n;
	b->now_ns = lane->batch[batch].now_ns;
	for (uint32_t k = 0; k < b->n; k++)
		b->pkt[k].f = f->v[number[k]];
	return lane->clock_ns ? lane->clock_ns + from : NULL;
}
