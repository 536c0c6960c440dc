/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_run.c: see worst_run.h. A pass with a record says what was delivered, one that looks at memory what it took, and
 * the rest are timed: case and twin in randomised blocks.
 */
#include "worst_run.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measure.h"
#include "worst_keep.h"

const double worst_ratio_limit = 3;

static const double case_seconds = 60; /* no more repetitions than fit, but one */

/* A case's packets, with the innocents', and what the engine gets them with. */
struct side {
	struct worst_plan plan;
	struct worst_traffic attack;
	struct worst_innocent innocent;
	struct fos_frames all;
	struct bench_engine_opts engine;
	struct fos_worker_config base;
	uint64_t kept; /* by a module, of one stream, at most */
	double sample[WORST_REPEATS_MAX];
	uint32_t samples;
};

static void give_room(struct fos_worker_config *c, const struct worst_opts *o)
{
	c->max_sessions = 0;
	c->frag.max_datagrams = (size_t)o->segments * 2;
	c->frag.max_bytes = (size_t)1 << 40;
}

static void configure(struct side *s)
{
	const struct worst_opts *o = s->plan.o;
	const struct worst_case *c = s->plan.c;

	s->engine = o->engine;
	if (c->overlap)
		s->engine.overlap = (enum fos_overlap)(c->overlap - 1);
	if (!s->engine.stages)
		s->engine.stage[s->engine.stages++] = "sum";
	s->engine.hold_cap = (size_t)(o->caps.held ? o->caps.held : o->engine.hold_cap);
	s->base = (struct fos_worker_config){
		.seed = c->known_seed ? WORST_KNOWN_SEED : 0,
		.cap_total_bytes = (size_t)o->caps.held_total,
		.cap_retained_bytes = (size_t)o->caps.kept,
		.max_sessions = c->roomy ? 0 : (size_t)o->caps.sessions,
		.frag = { .max_datagrams = (size_t)o->caps.fragments, .max_bytes = (size_t)o->caps.fragment_bytes },
	};
	if (s->plan.twin && c->twin == WORST_ROOM)
		give_room(&s->base, o);
}

static int side_make(struct side *s, const struct worst_opts *o, const struct worst_case *c, bool twin)
{
	int rc;

	memset(s, 0, sizeof(*s));
	s->plan = (struct worst_plan){ .c = c, .o = o, .twin = twin };
	s->attack.seed = o->seed;
	configure(s);
	rc = c->make(&s->attack, &s->plan);
	if (rc == 0)
		rc = worst_innocent_make(&s->innocent, &s->plan);
	if (rc == 0)
		rc = worst_mix(&s->attack.frames, &s->innocent, c->gap_ns, &s->all);
	return rc;
}

static void side_free(struct side *s)
{
	fos_frames_free(&s->all);
	worst_innocent_free(&s->innocent);
	worst_traffic_free(&s->attack);
}

static int worker_make(struct side *s, struct fos_worker **w, char *err, size_t errlen)
{
	int rc = bench_worker_make(&s->engine, NULL, NULL, &s->base, w, err, errlen);

	if (rc == 0 && s->plan.c->keep && !s->plan.twin)
		rc = worst_keep_attach(&s->kept, *w, err, errlen);
	if (rc) {
		fos_worker_destroy(*w);
		*w = NULL;
	}
	return rc;
}

/* What an attack costs is processor time: it does not count what else the machine does. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int timed(struct side *s, char *err, size_t errlen)
{
	struct fos_worker *w;
	int rc = worker_make(s, &w, err, errlen);

	if (rc)
		return rc;
	uint64_t start = cpu_ns();

	rc = bench_feed(w, s->all.v, s->all.n);
	s->sample[s->samples++] = (double)(cpu_ns() - start) / 1e9;
	fos_worker_destroy(w);
	return rc;
}

static void set_bounds(struct worst_result *r, const struct fos_worker *w, uint64_t kept)
{
	struct fos_worker_config limit;

	fos_worker_settings(w, &limit);
	r->bound[WORST_HELD] =
	    (struct worst_bound){ "held", r->st.held_peak_bytes, limit.cap_total_bytes, WORST_PACKET };
	r->bound[WORST_HELD_ALONE] =
	    (struct worst_bound){ "held_direction", 0, limit.cap_direction_bytes, WORST_PACKET };
	r->bound[WORST_KEPT] = (struct worst_bound){ "kept", kept, limit.cap_retained_bytes, 0 };
	r->bound[WORST_SESSIONS] = (struct worst_bound){ "sessions", r->st.sessions_peak, limit.max_sessions, 0 };
	r->bound[WORST_WAITING] =
	    (struct worst_bound){ "fragments", r->st.frag.waiting_peak, limit.frag.max_datagrams, 0 };
	r->bound[WORST_FRAGMENT_BYTES] =
	    (struct worst_bound){ "fragment_bytes", r->st.frag.held_peak_bytes, limit.frag.max_bytes, 0 };
}

/* The attack by itself: where all of it is one direction, what is held is what that direction holds. */
static int look_at_direction(struct side *s, struct worst_result *r, char *err, size_t errlen)
{
	struct fos_worker_stats st;
	struct fos_worker *w;
	int rc = worker_make(s, &w, err, errlen);

	if (rc)
		return rc;
	rc = bench_feed(w, s->attack.frames.v, s->attack.frames.n);
	fos_worker_stats(w, &st);
	fos_worker_destroy(w);
	r->bound[WORST_HELD_ALONE].peak = st.held_peak_bytes;
	return rc;
}

/* A pass that looks at the process' memory some hundred times. */
static int look_at_memory(struct side *s, struct worst_result *r, char *err, size_t errlen)
{
	size_t every = s->all.n / 256 + FOS_BATCH_MAX;
	struct fos_batch *b = malloc(sizeof(*b));
	struct fos_worker *w = NULL;
	uint64_t before, peak;
	int rc = b ? worker_make(s, &w, err, errlen) : -ENOMEM;

	malloc_trim(0);
	before = peak = bench_anonymous_bytes();
	for (size_t i = 0, next = every; rc == 0 && i < s->all.n; i += b->n) {
		size_t left = s->all.n - i;

		b->n = left < FOS_BATCH_MAX ? (uint32_t)left : FOS_BATCH_MAX;
		for (uint32_t k = 0; k < b->n; k++)
			b->pkt[k].f = s->all.v[i + k];
		b->now_ns = b->pkt[b->n - 1].f.ts_ns;
		rc = fos_worker_run(w, b);
		if (i >= next || left <= FOS_BATCH_MAX) {
			uint64_t now = bench_anonymous_bytes();

			peak = now > peak ? now : peak;
			next += every;
		}
	}
	if (rc == 0) {
		fos_worker_end(w, FOS_END_EOF);
		fos_worker_stats(w, &r->st);
		set_bounds(r, w, s->kept);
		r->growth_bytes = peak - before;
	}
	fos_worker_destroy(w);
	free(b);
	return rc;
}

static int check(struct side *s, struct worst_result *r, char *err, size_t errlen)
{
	struct bench_engine_opts plain = s->engine;
	struct bench_record *record = bench_record_new();
	struct fos_worker *w = NULL;
	int rc = record ? 0 : -ENOMEM;

	plain.stages = 0;
	if (rc == 0)
		rc = bench_worker_make(&plain, NULL, record, &s->base, &w, err, errlen);
	if (rc == 0)
		rc = bench_feed(w, s->all.v, s->all.n);
	if (rc == 0)
		rc = bench_record_done(record);
	if (rc == 0)
		worst_check(&s->plan, record, &r->innocent, &r->attack);
	fos_worker_destroy(w);
	bench_record_free(record);
	return rc;
}

static int summarise(struct worst_result *r, struct side *s, unsigned sides, uint64_t seed)
{
	struct bench_summary sum;
	int rc = bench_stats_summary(s[0].sample, s[0].samples, seed, &sum);

	r->timed = rc == 0;
	r->seconds = sum.median;
	r->noisy = sum.noisy;
	r->samples = s[0].samples;
	if (rc || sides < 2)
		return rc;
	rc = bench_stats_summary(s[1].sample, s[1].samples, seed, &sum);
	if (rc == 0)
		rc = bench_stats_ratio(s[1].sample, s[1].samples, s[0].sample, s[0].samples, seed, &r->ratio);
	r->twin = rc == 0;
	r->twin_seconds = sum.median;
	r->noisy |= sum.noisy;
	return rc;
}

static int repeat(const struct worst_opts *o, struct side *s, unsigned sides,
                  void (*tick)(void *arg, uint64_t done, uint64_t of), void *arg, char *err, size_t errlen)
{
	uint32_t *order = malloc(sizeof(*order) * sides * o->repeat);
	uint64_t start = bench_now_ns(), of = (uint64_t)sides * o->repeat;
	int rc = order ? 0 : -ENOMEM;

	if (rc == 0)
		bench_blocks(o->seed, sides, o->repeat, order);
	for (uint64_t i = 0; i < of && rc == 0; i++) {
		if (i % sides == 0 && i && (double)(bench_now_ns() - start) / 1e9 > case_seconds)
			break;
		if (tick)
			tick(arg, i, of);
		rc = timed(&s[order[i]], err, errlen);
	}
	free(order);
	return rc;
}

int worst_run(const struct worst_opts *o, const struct worst_case *c, struct worst_result *r,
              void (*tick)(void *arg, uint64_t done, uint64_t of), void *arg, char *err, size_t errlen)
{
	unsigned sides = c->twin == WORST_NO_TWIN ? 1 : 2;
	struct side *s = calloc(2, sizeof(*s));
	int rc = s ? 0 : -ENOMEM;

	memset(r, 0, sizeof(*r));
	r->c = c;
	err[0] = '\0';
	for (unsigned i = 0; i < sides && rc == 0; i++)
		rc = side_make(&s[i], o, c, i == 1);
	if (rc == 0) {
		r->packets = s[0].all.n;
		r->attack_packets = s[0].attack.frames.n;
		rc = look_at_memory(&s[0], r, err, errlen);
	}
	if (rc == 0 && c->one_stream)
		rc = look_at_direction(&s[0], r, err, errlen);
	if (rc == 0)
		rc = check(&s[0], r, err, errlen);
	if (rc == 0)
		rc = repeat(o, s, sides, tick, arg, err, errlen);
	if (rc == 0)
		rc = summarise(r, s, sides, o->seed);
	for (unsigned i = 0; s && i < sides; i++)
		side_free(&s[i]);
	free(s);
	if (rc && !err[0])
		snprintf(err, errlen, "%s", strerror(-rc));
	return rc;
}

bool worst_over_cap(const struct worst_result *r)
{
	for (int i = 0; i < WORST_BOUNDS; i++)
		if (r->bound[i].peak > r->bound[i].cap + r->bound[i].slack)
			return true;
	return false;
}

bool worst_innocents_whole(const struct worst_result *r)
{
	return r->innocent.whole == r->innocent.total;
}

bool worst_over_ratio(const struct worst_result *r)
{
	return r->twin && !r->c->known_seed && r->ratio.ratio > worst_ratio_limit;
}

bool worst_holds(const struct worst_result *r)
{
	return !worst_over_cap(r) && worst_innocents_whole(r) && r->innocent.damaged + r->attack.damaged == 0;
}

double worst_ns(const struct worst_result *r, bool twin)
{
	return (twin ? r->twin_seconds : r->seconds) * 1e9 / (double)r->packets;
}
