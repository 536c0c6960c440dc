/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_stream.c: the passes of shrink.h that take bytes out of streams and close up what is left: whole segments, then
 * most of what is left of them. A unit is a run of positions between two places where some packet's payload begins or ends; that
 * may be a hole that the trace has itself.
 */
#include "shrink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct run {
	uint32_t dir;
	uint64_t from, to;
};

struct runs {
	struct run *v;
	size_t n;
	bool forward;  /* what is before moves up: sequence numbers behind stay what they are */
	uint64_t keep; /* bytes that are left of each */
};

static int cmp_run(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	if (x->dir != y->dir)
		return x->dir < y->dir ? -1 : 1;
	return (x->from > y->from) - (x->from < y->from);
}

/* Every boundary once, as runs without an end, sorted. */
static int boundaries(const struct shrink *s, struct runs *r)
{
	size_t left = 0;

	*r = (struct runs){ .v = malloc((3 * s->now.n + 1) * sizeof(*r->v)) };
	if (!r->v)
		return -ENOMEM;
	for (size_t i = 0; i < s->now.n; i++) {
		const struct shrink_packet *k = &s->trace->packet[s->now.item[i].packet];
		uint64_t end = shrink_end(k);

		if (k->dir == SHRINK_NONE || (k->flags & FOS_TCP_RST) || (end == k->from && !(k->flags & FOS_TCP_SYN)))
			continue;
		r->v[r->n++] = (struct run){ .dir = k->dir, .from = k->from };
		r->v[r->n++] = (struct run){ .dir = k->dir, .from = end };
		if (k->len && end > k->from + k->len)
			r->v[r->n++] = (struct run){ .dir = k->dir, .from = k->from + k->len };
	}
	qsort(r->v, r->n, sizeof(*r->v), cmp_run);
	for (size_t i = 0; i < r->n; i++)
		if (left == 0 || cmp_run(&r->v[left - 1], &r->v[i]) != 0)
			r->v[left++] = r->v[i];
	r->n = left;
	return 0;
}

/* Is there anything left of it? Also where no packet brings it: a hole that is there already. */
static bool is_left(const struct shrink *s, const struct run *run)
{
	const struct shrink_cuts *k = &s->now.cuts[run->dir];

	return shrink_cut_before(k, run->to) - shrink_cut_before(k, run->from) != run->to - run->from;
}

/* Bytes of a run that are left before `pos`. */
static uint64_t left_before(const struct shrink_cuts *k, const struct run *run, uint64_t pos)
{
	return pos - run->from - (shrink_cut_before(k, pos) - shrink_cut_before(k, run->from));
}

/* Where in what is left of a run sequence numbers begin at 0 again; its end where they do not. */
static uint64_t wrap_in(const struct shrink *s, const struct run *run)
{
	const struct shrink_cuts *k = &s->now.cuts[run->dir];
	uint32_t first = (uint32_t)(run->from - shrink_cut_before(k, run->from)) + k->shift;
	uint64_t until = (UINT64_C(1) << 32) - first, from = run->from, to = run->to;

	if (first == 0 || left_before(k, run, run->to) <= until)
		return run->to;
	while (from < to) { /* the last position with no more than `until` before it */
		uint64_t mid = to - (to - from) / 2;

		if (left_before(k, run, mid) <= until)
			from = mid;
		else
			to = mid - 1;
	}
	return from;
}

static int runs_make(const struct shrink *s, struct runs *r)
{
	struct runs b;
	int rc = boundaries(s, &b);

	*r = (struct runs){ .v = rc ? NULL : malloc((2 * b.n + 1) * sizeof(*r->v)) };
	for (size_t i = 0; r->v && i + 1 < b.n; i++) {
		struct run run = b.v[i];
		uint64_t wrap;

		run.to = b.v[i + 1].from;
		if (b.v[i + 1].dir != run.dir || !is_left(s, &run))
			continue;
		wrap = wrap_in(s, &run);
		if (wrap < run.to) {
			r->v[r->n++] = (struct run){ run.dir, run.from, wrap };
			run.from = wrap;
		}
		r->v[r->n++] = run;
	}
	free(b.v);
	return r->v ? 0 : -ENOMEM;
}

static int without_runs(const struct shrink *s, struct shrink_cand *c, const uint64_t *unit, size_t n, void *arg)
{
	const struct runs *r = arg;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		const struct run *run = &r->v[unit[i]];
		uint64_t at = run->from;

		/* Bytes that are left over already do not count as those to keep. */
		for (uint64_t kept = 0; r->keep && at < run->to && kept < r->keep; at++)
			kept += !shrink_is_cut(&c->cuts[run->dir], at);
		if (at < run->to)
			rc = shrink_cut(c, run->dir, at, run->to, r->forward);
	}
	return rc ? rc : shrink_cand_tidy(c, s->trace);
}

/* Do the sequence numbers of what is left of any direction wrap? */
static bool wraps(const struct shrink *s)
{
	for (size_t i = 0; i < s->now.n; i++) {
		struct shrink_left l;
		const struct shrink_packet *k = &s->trace->packet[s->now.item[i].packet];

		if (k->dir == SHRINK_NONE)
			continue;
		shrink_left(&s->now, s->trace, &s->now.item[i], &l);
		if (l.seq + l.len < l.seq || l.seq > UINT32_MAX - (1u << 24))
			return true;
	}
	return false;
}

static long take_runs(struct shrink *s, const char *what, uint64_t keep, bool forward)
{
	struct runs r;
	size_t n = 0;
	long rc = runs_make(s, &r);
	uint64_t *unit = malloc((r.n + 1) * sizeof(*unit));

	if (rc || !unit) {
		rc = -ENOMEM;
		goto out;
	}
	r.keep = keep;
	r.forward = forward;
	for (size_t i = 0; i < r.n; i++) {
		const struct shrink_cuts *k = &s->now.cuts[r.v[i].dir];
		uint64_t left =
		    r.v[i].to - r.v[i].from - shrink_cut_before(k, r.v[i].to) + shrink_cut_before(k, r.v[i].from);

		if (left > keep)
			unit[n++] = i;
	}
	rc = shrink_units(s, what, unit, n, without_runs, &r);
out:
	free(unit);
	free(r.v);
	return rc;
}

static int both_ways(struct shrink *s, const char *what, uint64_t keep)
{
	long rc = take_runs(s, what, keep, false);
	bool any = rc > 0;

	if (rc >= 0 && !s->ended && wraps(s)) {
		rc = take_runs(s, what, keep, true);
		any |= rc > 0;
	}
	return rc < 0 ? (int)rc : any;
}

int shrink_pass_streams(struct shrink *s)
{
	return both_ways(s, "segments", 0);
}

int shrink_pass_payload(struct shrink *s)
{
	static const uint64_t keep[] = { 1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512 };
	int rc = 0, any = 0;

	for (size_t i = 0; rc >= 0 && !s->ended && i < sizeof(keep) / sizeof(*keep); i++) {
		rc = both_ways(s, "payload", keep[i]);
		any |= rc > 0;
	}
	return rc < 0 ? rc : any;
}
