/* SPDX-License-Identifier: BSD-2-Clause
 *
 * peer_team.c: a floor by as many threads as the engine has: each goes through its lane with a table of its own, and shares
 * nothing. What the machine's memory lets more threads gain. See peer.h.
 */
#include "peer.h"

#include <errno.h>
#include <stdlib.h>

#include "floor.h"
#include "threads.h"

struct floor_team {
	enum bench_floor_mode mode;
	const struct fos_frames *frames;
	const struct bench_lanes *lanes;
	struct bench_floor *floor; /* one for each */
};

static inline __attribute__((always_inline)) void walk(const struct floor_team *t, uint32_t k,
                                                       enum bench_floor_mode mode)
{
	const struct bench_lane *lane = &t->lanes->lane[k];
	struct bench_floor b = t->floor[k];

	for (size_t i = 0; i < lane->n; i++) {
		const struct fos_frame *v = &t->frames->v[lane->frame[i]];

		if (i + BENCH_FLOOR_GROUP < lane->n) /* what is next in memory is another one's */
			__builtin_prefetch(t->frames->v[lane->frame[i + BENCH_FLOOR_GROUP]].data);
		bench_floor_packet(&b, mode, v->data, v->len, v->ext, v->ext_len);
	}
	bench_floor_flush(&b);
	t->floor[k] = b;
}

static void work(void *arg, uint32_t k)
{
	const struct floor_team *t = arg;

	if (t->mode == BENCH_FLOOR_HEADERS)
		walk(t, k, BENCH_FLOOR_HEADERS);
	else if (t->mode == BENCH_FLOOR_HASH)
		walk(t, k, BENCH_FLOOR_HASH);
	else
		walk(t, k, BENCH_FLOOR_SUM);
}

/* One pass with tables of this size; *full: they were too small. */
static int pass(struct floor_team *t, const struct bench_cpus *cpus, uint64_t flows, struct bench_peer_pass *out,
                bool *full)
{
	uint32_t workers = t->lanes->workers, made = 0;
	int rc = 0;

	for (; rc == 0 && made < workers; made += rc == 0)
		rc = bench_floor_init(&t->floor[made], flows);
	if (rc == 0)
		rc = bench_threads_run(workers, cpus, work, t, &out->seconds);
	*full = false;
	out->bytes = out->sum = 0;
	for (uint32_t k = 0; k < made; k++) {
		*full |= t->floor[k].full;
		out->bytes += t->floor[k].payload_bytes;
		out->sum += t->floor[k].sum;
		bench_floor_clear(&t->floor[k]);
	}
	return rc;
}

int bench_peer_floor_team(int mode, const struct fos_frames *f, const struct bench_lanes *lanes,
                          const struct bench_cpus *cpus, uint64_t flows, struct bench_peer_pass *out)
{
	struct floor_team t = { .mode = (enum bench_floor_mode)mode,
		                .frames = f,
		                .lanes = lanes,
		                .floor = calloc(lanes->workers, sizeof(*t.floor)) };
	uint64_t each = flows / lanes->workers + flows / lanes->workers / 8 + 64;
	bool full = true;
	int rc = t.floor ? 0 : -ENOMEM;

	for (; rc == 0 && full; each *= 2)
		rc = pass(&t, cpus, each, out, &full);
	free(t.floor);
	return rc;
}
