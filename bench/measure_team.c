/* SPDX-License-Identifier: BSD-2-Clause
 *
 * measure_team.c: measure.h with more than one worker. Each has its own clock, histograms and counters; they are added up
 * when all are done.
 */
#include "measure.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "team.h"

/* What one of the team measures. */
struct hand_measure {
	const struct bench_pace *pace;
	struct bench_hist *latency; /* NULL: not asked for */
	struct bench_hist service, wait;
	uint64_t peak; /* anonymous memory of the process */
};

/* Measures for all, NULL-ended; NULL: no memory. */
static struct hand_measure **make_measures(uint32_t workers)
{
	struct hand_measure **m = calloc((size_t)workers + 1, sizeof(*m));

	for (uint32_t k = 0; m && k < workers; k++)
		m[k] = calloc(1, sizeof(**m));
	return m;
}

static bool all_there(struct hand_measure *const *m, uint32_t workers)
{
	for (uint32_t k = 0; m && k < workers; k++)
		if (!m[k])
			return false;
	return m != NULL;
}

static void free_measures(struct hand_measure **m, uint32_t workers)
{
	for (uint32_t k = 0; m && k < workers; k++) {
		if (m[k])
			free(m[k]->latency);
		free(m[k]);
	}
	free(m);
}

/* Hands over the frames [from, from + n) of the lane, those of its batch `h->at`, as they become due. */
static int batch_paced(struct bench_hand *h, size_t from, uint32_t n, uint64_t start_ns, size_t *seen, uint64_t *bytes)
{
	const struct bench_lane *lane = h->lane;
	struct hand_measure *m = h->arg;
	uint64_t at[FOS_BATCH_MAX];
	int rc = 0;

	for (uint32_t i = 0; i < n;) {
		uint32_t k = 0;
		uint64_t now = 0;

		for (; i + k < n; k++) {
			size_t frame = lane->frame[from + i + k];
			uint64_t before = *bytes;

			for (size_t s = *seen; s < frame; s++)
				before += fos_frame_caplen(&h->frames->v[s]);
			at[k] = start_ns + bench_pace_due(m->pace, h->frames, frame, before);
			if (k == 0)
				bench_wait_until(at[0]);
			if (k == 0)
				now = bench_now_ns();
			if (at[k] > now && k)
				break;
			*bytes = before;
			*seen = frame;
			h->b->pkt[k].f = h->frames->v[frame];
		}
		h->b->n = k;
		h->b->now_ns = i + k == n ? lane->batch[h->at].now_ns : 0;
		int err = fos_worker_run_at(h->w, h->b, lane->clock_ns ? lane->clock_ns + from + i : NULL);

		rc = err ? err : rc;
		now = bench_now_ns();
		for (uint32_t j = 0; m->latency && j < k; j++)
			bench_hist_add(m->latency, now > at[j] ? now - at[j] : 0);
		i += k;
	}
	return rc;
}

static int feed_paced(struct bench_hand *h)
{
	uint64_t start = bench_now_ns(), bytes = 0;
	size_t from = 0, seen = 0;
	int rc = 0;

	for (h->at = 0; h->at < h->lane->batches; h->at++) {
		const struct bench_lane_batch *b = &h->lane->batch[h->at];
		int err = b->n ? batch_paced(h, from, b->n, start, &seen, &bytes) : 0;

		if (b->n == 0) {
			h->b->n = 0;
			h->b->now_ns = b->now_ns;
			err = fos_worker_run_at(h->w, h->b, NULL);
		}
		rc = err ? err : rc;
		from += b->n;
	}
	return rc;
}

int bench_team_pass(const struct bench_prepared *p, const struct bench_point *pt, const struct bench_pace *pace,
                    bool reports, struct bench_hist *latency, struct bench_pass *out, char *err, size_t errlen)
{
	bool paced = pace && (pace->multiplier > 0 || pace->pps > 0 || pace->mbps > 0);
	uint32_t workers = bench_workers(&pt->engine);
	const struct bench_team_spec spec = { .engine = &pt->engine, .impair = &pt->impair, .count_sessions = reports };
	struct hand_measure **m = paced ? make_measures(workers) : NULL;
	struct bench_team team = { 0 };
	int rc = paced && !all_there(m, workers) ? -ENOMEM : 0;

	memset(out, 0, sizeof(*out));
	for (uint32_t k = 0; rc == 0 && paced && k < workers; k++) {
		m[k]->pace = pace;
		m[k]->latency = latency ? calloc(1, sizeof(*latency)) : NULL;
		rc = latency && !m[k]->latency ? -ENOMEM : 0;
	}
	if (rc == 0)
		rc = bench_team_make(&team, &spec, err, errlen);
	if (rc == 0)
		rc = bench_team_run(&team, &p->schedule.frames, &p->lanes, paced ? feed_paced : NULL, (void *const *)m,
		                    err, errlen);
	if (rc == 0) {
		out->seconds = team.seconds;
		out->stats = team.stats;
		out->finish = bench_team_finish(&team, out->finish_text, sizeof(out->finish_text));
	}
	for (uint32_t k = 0; rc == 0 && paced && latency && k < workers; k++)
		bench_hist_merge(latency, m[k]->latency);
	if (rc == 0 && reports && pt->engine.stages) {
		out->modules = bench_module_reports(team.hand[0].w);
		rc = out->modules ? 0 : -ENOMEM;
	}
	if (rc && !err[0])
		snprintf(err, errlen, "the engine: %s", strerror(-rc));
	bench_team_free(&team);
	free_measures(m, workers);
	return rc;
}

static void add_wait(void *arg, uint64_t wait_ns, uint32_t bytes)
{
	struct hand_measure *m = arg;

	bench_hist_add_n(&m->wait, wait_ns, bytes);
}

/* As feed_closely() of one worker. */
static int feed_closely(struct bench_hand *h)
{
	struct hand_measure *m = h->arg;
	size_t every = h->lane->batches / 256 + 1, batches = 0, from = 0;
	const uint64_t *clock;
	int rc = 0;

	for (; bench_hand_next(h, &from, &clock); h->at++) {
		uint64_t start = bench_now_ns();
		int err = fos_worker_run_at(h->w, h->b, clock);
		uint64_t took = bench_now_ns() - start;

		rc = err ? err : rc;
		if (h->b->n)
			bench_hist_add_n(&m->service, took / h->b->n, h->b->n);
		if (++batches % every == 0) {
			uint64_t now = bench_anonymous_bytes();

			m->peak = now > m->peak ? now : m->peak;
		}
	}
	uint64_t last = bench_anonymous_bytes();

	m->peak = last > m->peak ? last : m->peak;
	return rc;
}

int bench_team_detail(const struct bench_prepared *p, const struct bench_point *pt, struct bench_run *run, char *err,
                      size_t errlen)
{
	uint32_t workers = bench_workers(&pt->engine);
	struct hand_measure **m = make_measures(workers);
	const struct bench_team_spec spec = {
		.engine = &pt->engine, .impair = &pt->impair, .hol_wait = add_wait, .hol_wait_arg = (void *const *)m
	};
	struct bench_team team = { 0 };
	struct rusage usage;
	uint64_t before, peak;
	int rc = all_there(m, workers) ? 0 : -ENOMEM;

	malloc_trim(0);
	before = peak = bench_anonymous_bytes();
	if (rc == 0)
		rc = bench_team_make(&team, &spec, err, errlen);
	if (rc == 0)
		rc = bench_team_run(&team, &p->schedule.frames, &p->lanes, feed_closely, (void *const *)m, err, errlen);
	for (uint32_t k = 0; rc == 0 && k < workers; k++) {
		peak = m[k]->peak > peak ? m[k]->peak : peak;
		if (k) {
			bench_hist_merge(&m[0]->service, &m[k]->service);
			bench_hist_merge(&m[0]->wait, &m[k]->wait);
		}
	}
	if (rc == 0) {
		bench_quantiles(&run->service_ns, &m[0]->service);
		bench_quantiles(&run->hol_wait_ns, &m[0]->wait);
		getrusage(RUSAGE_SELF, &usage);
		run->memory.known = true;
		run->memory.peak_rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
		run->memory.peak_anon_bytes = peak;
		run->memory.held_peak_bytes = team.stats.held_peak_bytes;
		run->memory.bytes_per_session =
		    team.stats.sessions_peak ? (double)(peak - before) / (double)team.stats.sessions_peak : 0;
	}
	bench_team_free(&team);
	free_measures(m, workers);
	return rc;
}
