/* SPDX-License-Identifier: BSD-2-Clause
 *
 * team.c: see team.h. Threads live for one run.
 */
#include "team.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "threads.h"

void bench_team_config(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, uint32_t workers,
                       struct fos_worker_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->verify_checksums = bench_verify_checksums(o, spec);
	fos_worker_config_share(cfg, workers);
}

/* --- sessions at the same time ----------------------------------------------------------------------------------------- */

/* When it was, on all frames: with frame n it is 2n + 1; with the end of the batches that end in front of it, 2n. Times two, and 1 more
 * for an end. */
static void log_session(void *arg, uint64_t packet, int change)
{
	struct bench_hand *h = arg;
	uint64_t end = ((uint64_t)h->lane->batch[h->at].window + 1) * FOS_BATCH_MAX;
	uint64_t when = packet ? 2 * (uint64_t)h->lane->frame[packet - 1] + 1 : 2 * end;

	if (h->logged == h->log_slots) {
		size_t slots = h->log_slots ? h->log_slots * 2 : 1024;
		uint64_t *more = realloc(h->log, slots * sizeof(*more));

		if (!more) {
			h->log_failed = true;
			return;
		}
		h->log = more;
		h->log_slots = slots;
	}
	h->log[h->logged++] = when << 1 | (change < 0);
}

/* Goes through what all have logged in the order in which it was. */
static uint64_t most_at_once(const struct bench_team *t, size_t *at)
{
	uint64_t now = 0, most = 0;

	for (;;) {
		uint32_t first = t->workers;

		for (uint32_t k = 0; k < t->workers; k++) {
			const struct bench_hand *h = &t->hand[k];

			if (at[k] < h->logged &&
			    (first == t->workers || h->log[at[k]] >> 1 < t->hand[first].log[at[first]] >> 1))
				first = k;
		}
		if (first == t->workers)
			return most;
		now += t->hand[first].log[at[first]++] & 1 ? UINT64_MAX : 1;
		most = now > most ? now : most;
	}
}

static int count_peak(struct bench_team *t)
{
	size_t *at = calloc(t->workers, sizeof(*at));
	int rc = at ? 0 : -ENOMEM;

	for (uint32_t k = 0; k < t->workers; k++)
		rc = t->hand[k].log_failed ? -ENOMEM : rc;
	if (rc == 0)
		t->stats.sessions_peak = most_at_once(t, at);
	free(at);
	return rc;
}

/* --- a team's life ------------------------------------------------------------------------------------------------------ */

static int make_hand(struct bench_team *t, uint32_t k, const struct bench_team_spec *spec, char *err, size_t errlen)
{
	struct bench_hand *h = &t->hand[k];
	struct fos_worker_config cfg = t->cfg;

	h->b = malloc(sizeof(*h->b));
	if (!h->b) {
		snprintf(err, errlen, "no memory");
		return -ENOMEM;
	}
	cfg.hol_wait = spec->hol_wait;
	cfg.hol_wait_arg = spec->hol_wait_arg ? spec->hol_wait_arg[k] : NULL;
	if (spec->count_sessions) {
		cfg.session_count = log_session;
		cfg.session_count_arg = h;
	}
	return bench_worker_make(spec->engine, spec->impair, spec->record ? spec->record[k] : NULL, &cfg, &h->w, err,
	                         errlen);
}

int bench_team_make(struct bench_team *t, const struct bench_team_spec *spec, char *err, size_t errlen)
{
	int rc = 0;

	memset(t, 0, sizeof(*t));
	t->workers = bench_workers(spec->engine);
	t->count_sessions = spec->count_sessions;
	t->cpus = spec->engine->cpus;
	bench_team_config(spec->engine, spec->impair, t->workers, &t->cfg);
	t->hand = aligned_alloc(_Alignof(struct bench_hand), t->workers * sizeof(*t->hand));
	if (t->hand) {
		memset(t->hand, 0, t->workers * sizeof(*t->hand));
	} else {
		snprintf(err, errlen, "no memory");
		rc = -ENOMEM;
	}
	for (uint32_t k = 0; rc == 0 && k < t->workers; k++)
		rc = make_hand(t, k, spec, err, errlen);
	if (rc == 0 && t->workers > 1 && !spec->record)
		rc = fos_worker_mergeable(t->hand[0].w, err, errlen);
	if (rc)
		bench_team_free(t);
	return rc;
}

void bench_team_free(struct bench_team *t)
{
	for (uint32_t k = 0; t->hand && k < t->workers; k++) {
		fos_worker_destroy(t->hand[k].w);
		free(t->hand[k].b);
		free(t->hand[k].log);
	}
	free(t->hand);
	memset(t, 0, sizeof(*t));
}

bool bench_hand_next(struct bench_hand *h, size_t *from, const uint64_t **clock)
{
	if (h->at == h->lane->batches)
		return false;
	*clock = bench_lane_fill(h->lane, h->frames, h->at, *from, h->b);
	*from += h->b->n;
	return true;
}

static int feed_all(struct bench_hand *h)
{
	const uint64_t *clock;
	size_t from = 0;
	int rc = 0;

	for (; bench_hand_next(h, &from, &clock); h->at++) {
		int err = fos_worker_run_at(h->w, h->b, clock);

		rc = err ? err : rc;
	}
	return rc;
}

static void work(void *arg, uint32_t k)
{
	struct bench_team *t = arg;
	struct bench_hand *h = &t->hand[k];

	h->at = 0;
	h->rc = t->feed(h);
	h->at = h->lane->batches ? h->lane->batches - 1 : 0;
	fos_worker_end(h->w, FOS_END_EOF);
}

static void add_up(struct bench_team *t)
{
	memset(&t->stats, 0, sizeof(t->stats));
	for (uint32_t k = 0; k < t->workers; k++) {
		struct fos_worker_stats st;

		fos_worker_stats(t->hand[k].w, &st);
		fos_worker_stats_add(&t->stats, &st);
	}
}

int bench_team_run(struct bench_team *t, const struct fos_frames *f, const struct bench_lanes *l,
                   int (*feed)(struct bench_hand *h), void *const *arg, char *err, size_t errlen)
{
	int rc = l->workers == t->workers ? 0 : -EINVAL;

	t->feed = feed ? feed : feed_all;
	for (uint32_t k = 0; rc == 0 && k < t->workers; k++) {
		t->hand[k].frames = f;
		t->hand[k].lane = &l->lane[k];
		t->hand[k].arg = arg ? arg[k] : NULL;
	}
	if (rc == 0)
		rc = bench_threads_run(t->workers, t->cpus, work, t, &t->seconds);
	if (rc == 0)
		add_up(t);
	for (uint32_t k = 0; rc == 0 && k < t->workers; k++)
		rc = t->hand[k].rc;
	if (rc == 0 && t->count_sessions)
		rc = count_peak(t);
	if (rc)
		snprintf(err, errlen, "%u workers: %s", t->workers, strerror(-rc));
	return rc;
}

int bench_team_finish(struct bench_team *t, char *err, size_t errlen)
{
	int first = 0;

	for (uint32_t k = 0; k < t->workers; k++) {
		char text[256] = "";
		int rc = fos_worker_finish(t->hand[k].w, text, sizeof(text));

		if (rc && !first) {
			first = rc;
			snprintf(err, errlen, "%s", text);
		}
	}
	for (uint32_t k = 1; first == 0 && k < t->workers; k++)
		first = fos_worker_merge(t->hand[0].w, t->hand[k].w, err, errlen);
	return first;
}

int bench_team_record(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, const struct fos_frames *f,
                      struct bench_record **out, struct fos_worker_stats *st, char *err, size_t errlen)
{
	uint32_t workers = bench_workers(o);
	struct bench_record **record = calloc(workers, sizeof(struct bench_record *));
	const struct bench_team_spec ts = {
		.engine = o, .impair = spec, .record = record, .count_sessions = st != NULL
	};
	struct bench_team team = { 0 };
	struct bench_lanes lanes = { 0 };
	int rc = record ? 0 : -ENOMEM;

	*out = NULL;
	for (uint32_t k = 0; rc == 0 && k < workers; k++)
		rc = (record[k] = bench_record_new()) ? 0 : -ENOMEM;
	if (rc == 0)
		rc = bench_team_make(&team, &ts, err, errlen);
	if (rc == 0)
		rc = bench_lanes_make(&lanes, f, &team.cfg, workers);
	if (rc == 0)
		rc = bench_team_run(&team, f, &lanes, NULL, NULL, err, errlen);
	if (rc == 0 && st)
		*st = team.stats;
	bench_team_free(&team);
	bench_lanes_free(&lanes);
	for (uint32_t k = 1; rc == 0 && k < workers; k++)
		rc = bench_record_add(record[0], record[k]);
	if (rc == 0)
		rc = bench_record_done(record[0]);
	if (rc && !err[0])
		snprintf(err, errlen, "recording the streams: %s", strerror(-rc));
	if (rc == 0) {
		*out = record[0];
		record[0] = NULL;
	}
	for (uint32_t k = 0; record && k < workers; k++)
		bench_record_free(record[k]);
	free(record);
	return rc;
}
