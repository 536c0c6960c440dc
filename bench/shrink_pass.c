/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_pass.c: the passes of shrink.h that take whole things away: sessions, the end, decisions, packets, time.
 */
#include "shrink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t step_ns = 1000000; /* between packets, where time says nothing */

static int cmp_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool is_in(const uint64_t *unit, size_t n, uint64_t v)
{
	return bsearch(&v, unit, n, sizeof(*unit), cmp_u64) != NULL;
}

static int went(long n)
{
	return n < 0 ? (int)n : n > 0;
}

/* Units: conversations. */
static int without_convs(const struct shrink *s, struct shrink_cand *c, const uint64_t *unit, size_t n, void *arg)
{
	size_t left = 0;

	(void)arg;
	for (size_t i = 0; i < c->n; i++)
		if (!is_in(unit, n, s->trace->packet[c->item[i].packet].conv))
			c->item[left++] = c->item[i];
	c->n = left;
	return 0;
}

int shrink_pass_sessions(struct shrink *s)
{
	uint32_t keep = s->ask->any ? SHRINK_NONE : shrink_conv_named(s->trace, s->ask->like.name);
	uint64_t *unit = malloc((s->now.n + 1) * sizeof(*unit));
	size_t n = 0, left = 0;
	long rc;

	if (!unit)
		return -ENOMEM;
	for (size_t i = 0; i < s->now.n; i++) {
		uint32_t conv = s->trace->packet[s->now.item[i].packet].conv;

		if (conv != keep)
			unit[n++] = conv;
	}
	qsort(unit, n, sizeof(*unit), cmp_u64);
	for (size_t i = 0; i < n; i++)
		if (left == 0 || unit[left - 1] != unit[i])
			unit[left++] = unit[i];
	rc = shrink_units(s, "sessions", unit, left, without_convs, NULL);
	free(unit);
	return went(rc);
}

int shrink_pass_tail(struct shrink *s)
{
	size_t from = 0, to = s->now.n;
	bool any = false;

	s->what = "the end";
	while (from < to && !s->ended) { /* it fails with `to` packets, and not with fewer than `from` */
		size_t mid = from + (to - from) / 2;
		struct shrink_cand c;
		int rc = shrink_cand_copy(&c, &s->now);

		if (rc)
			return rc;
		c.n = mid;
		rc = shrink_try(s, &c);
		if (rc < 0)
			return rc;
		any |= rc;
		if (rc)
			to = mid;
		else
			from = mid + 1;
	}
	return any;
}

/* Units: packets' indexes in the trace. */
static int without_decisions(const struct shrink *s, struct shrink_cand *c, const uint64_t *unit, size_t n, void *arg)
{
	(void)s;
	(void)arg;
	for (size_t i = 0; i < c->n; i++)
		if (is_in(unit, n, c->item[i].packet))
			c->item[i].d = (struct fos_decision){ 0 };
	return 0;
}

int shrink_pass_decisions(struct shrink *s)
{
	uint64_t *unit = malloc((s->now.n + 1) * sizeof(*unit));
	size_t n = 0;
	long rc;

	if (!unit)
		return -ENOMEM;
	for (size_t i = 0; i < s->now.n; i++)
		if (s->now.item[i].d.actions)
			unit[n++] = s->now.item[i].packet;
	rc = shrink_units(s, "decisions", unit, n, without_decisions, NULL);
	free(unit);
	return went(rc);
}

/* The `way`-th simpler form of a decision; false: there is none, or it is no other. */
static bool simpler(const struct fos_decision *d, unsigned way, struct fos_decision *out)
{
	static const uint32_t whole[] = { FOS_DECISION_LOSS | FOS_DECISION_AGAIN,
		                          FOS_DECISION_CORRUPT | FOS_DECISION_FIX,
		                          FOS_DECISION_TRUNCATE,
		                          FOS_DECISION_REORDER | FOS_DECISION_REORDER_NS | FOS_DECISION_LINK,
		                          FOS_DECISION_DUP,
		                          FOS_DECISION_DELAY };
	enum { WHOLE = sizeof(whole) / sizeof(*whole) };

	*out = *d;
	if (way < WHOLE) {
		out->actions &= ~whole[way];
		return out->actions && out->actions != d->actions;
	}
	switch (way - WHOLE) {
	case 0: /* held back by packets, not by time */
		out->actions &= ~(uint32_t)(FOS_DECISION_REORDER_NS | FOS_DECISION_LINK);
		out->reorder_k = 1;
		out->hold_ns = 0;
		return (d->actions & (FOS_DECISION_REORDER_NS | FOS_DECISION_LINK)) != 0;
	case 1:
	case 2:
	case 3:
	case 4:
	case 5: /* by 1 to 5 packets only */
		out->reorder_k = way - WHOLE;
		return (d->actions & FOS_DECISION_REORDER) && !(d->actions & FOS_DECISION_REORDER_NS) &&
		       d->reorder_k > out->reorder_k;
	case 6:
		out->dup_k = 0;
		return (d->actions & FOS_DECISION_DUP) && d->dup_k > 0;
	case 7:
		out->dup_k = 1;
		return (d->actions & FOS_DECISION_DUP) && d->dup_k > 1;
	default:
		return false;
	}
}

enum { WAYS = 14 };

/* Something simpler for item i: 1, 0 or a negative errno. */
static int simplify_one(struct shrink *s, size_t i)
{
	bool any = false;

	for (unsigned way = 0; way < WAYS && !s->ended; way++) {
		struct fos_decision d;
		struct shrink_cand c;
		int rc;

		if (!simpler(&s->now.item[i].d, way, &d))
			continue;
		rc = shrink_cand_copy(&c, &s->now);
		if (rc)
			return rc;
		c.item[i].d = d;
		rc = shrink_try(s, &c);
		if (rc < 0)
			return rc;
		any |= rc;
	}
	return any;
}

int shrink_pass_simplify(struct shrink *s)
{
	int any = 0;

	s->what = "simpler decisions";
	for (size_t i = 0; i < s->now.n; i++) {
		int rc = s->now.item[i].d.actions ? simplify_one(s, i) : 0;

		if (rc < 0)
			return rc;
		any |= rc;
	}
	return any;
}

/* Without packet i, would bytes or a FIN of its direction be missing that were there? */
static bool is_sole(const struct shrink *s, size_t i)
{
	const struct shrink_cand *c = &s->now;
	const struct shrink_packet *k = &s->trace->packet[c->item[i].packet];
	const struct shrink_cuts *cuts;
	uint64_t at, end = shrink_end(k);

	if (k->dir == SHRINK_NONE || (k->flags & FOS_TCP_RST))
		return false;
	cuts = &c->cuts[k->dir];
	for (at = k->from; at < end;) {
		uint64_t reach = at;

		if (shrink_is_cut(cuts, at)) {
			at++;
			continue;
		}
		for (size_t j = 0; j < c->n; j++) {
			const struct shrink_packet *o = &s->trace->packet[c->item[j].packet];

			if (j != i && o->dir == k->dir && (!k->group || o->group != k->group) &&
			    !(o->flags & FOS_TCP_RST) && o->from <= at && shrink_end(o) > reach)
				reach = shrink_end(o);
		}
		if (reach == at)
			return true;
		at = reach;
	}
	return false;
}

/* Units: packets' indexes in the trace; all fragments of a datagram go together. */
static int without_packets(const struct shrink *s, struct shrink_cand *c, const uint64_t *unit, size_t n, void *arg)
{
	size_t left = 0;

	(void)arg;
	for (size_t i = 0; i < c->n; i++) {
		uint32_t group = s->trace->packet[c->item[i].packet].group;
		bool gone = is_in(unit, n, c->item[i].packet);

		for (size_t u = 0; group && !gone && u < n; u++)
			gone = s->trace->packet[unit[u]].group == group;
		if (!gone)
			c->item[left++] = c->item[i];
	}
	c->n = left;
	return 0;
}

/* Would a SYN-ACK answer a SYN that is gone? */
static bool answers_nothing(const struct shrink *s, const struct shrink_cand *c, const uint64_t *unit, size_t n)
{
	for (size_t u = 0; u < n; u++) {
		const struct shrink_packet *k = &s->trace->packet[unit[u]];

		if (k->dir == SHRINK_NONE || (k->flags & (FOS_TCP_SYN | FOS_TCP_ACK)) != FOS_TCP_SYN)
			continue;
		for (size_t i = 0; i < c->n; i++) {
			const struct shrink_packet *o = &s->trace->packet[c->item[i].packet];

			if (o->dir == s->trace->dir[k->dir].peer && (o->flags & FOS_TCP_SYN))
				return true;
		}
	}
	return false;
}

/* Many together: only what carries nothing, since two of them may be each other's copy. */
static int without_bare(const struct shrink *s, struct shrink_cand *c, const uint64_t *unit, size_t n, void *arg)
{
	for (size_t i = 0; n > 1 && i < n; i++) {
		const struct shrink_packet *k = &s->trace->packet[unit[i]];

		if (k->dir != SHRINK_NONE && shrink_end(k) > k->from && !(k->flags & FOS_TCP_RST))
			return -ECANCELED;
	}
	without_packets(s, c, unit, n, arg);
	return answers_nothing(s, c, unit, n) ? -ECANCELED : 0;
}

int shrink_pass_packets(struct shrink *s)
{
	uint64_t *unit = malloc((s->now.n + 1) * sizeof(*unit));
	size_t n = 0;
	long gone;
	bool any;

	if (!unit)
		return -ENOMEM;
	for (size_t i = 0; i < s->now.n; i++) {
		const struct shrink_packet *k = &s->trace->packet[s->now.item[i].packet];

		if (k->dir == SHRINK_NONE || shrink_end(k) == k->from || (k->flags & FOS_TCP_RST))
			unit[n++] = s->now.item[i].packet;
	}
	gone = shrink_units(s, "packets", unit, n, without_bare, NULL);
	any = gone > 0;
	free(unit);
	for (size_t i = 0; gone >= 0 && i < s->now.n && !s->ended;) { /* copies of what others bring, one by one */
		const struct shrink_packet *k = &s->trace->packet[s->now.item[i].packet];
		uint64_t one = s->now.item[i].packet;

		if (k->dir != SHRINK_NONE && shrink_end(k) > k->from && !is_sole(s, i))
			gone = shrink_units(s, "packets", &one, 1, without_packets, NULL);
		else
			gone = 0;
		any |= gone > 0;
		i += gone <= 0;
	}
	return gone < 0 ? (int)gone : any;
}

/* Units: packets' indexes in the trace that come one step behind the one before. */
static int without_waits(const struct shrink *s, struct shrink_cand *c, const uint64_t *unit, size_t n, void *arg)
{
	uint64_t less = 0;

	(void)s;
	(void)arg;
	for (size_t i = 1; i < c->n; i++) {
		uint64_t before = c->item[i - 1].ts_ns, now = c->item[i].ts_ns - less;

		if (is_in(unit, n, c->item[i].packet) && now > before + step_ns) {
			less += now - (before + step_ns);
			now = before + step_ns;
		}
		c->item[i].ts_ns = now;
	}
	return 0;
}

/* All of them a step apart, also where the trace's clock goes backwards. */
static int steps(struct shrink *s)
{
	struct shrink_cand c;
	bool same = true;
	int rc = shrink_cand_copy(&c, &s->now);

	if (rc)
		return rc;
	for (size_t i = 1; i < c.n; i++) {
		c.item[i].ts_ns = c.item[0].ts_ns + i * step_ns;
		same = same && c.item[i].ts_ns == s->now.item[i].ts_ns;
	}
	if (!same)
		return shrink_try(s, &c);
	shrink_cand_free(&c);
	return 0;
}

int shrink_pass_time(struct shrink *s)
{
	uint64_t *unit;
	bool ordered = true;
	size_t n = 0;
	long rc;

	s->what = "time";
	rc = steps(s);
	if (rc)
		return (int)rc;
	unit = malloc((s->now.n + 1) * sizeof(*unit));
	if (!unit)
		return -ENOMEM;
	for (size_t i = 1; i < s->now.n; i++) {
		uint64_t before = s->now.item[i - 1].ts_ns, now = s->now.item[i].ts_ns;

		ordered = ordered && now >= before;
		if (now > before + step_ns)
			unit[n++] = s->now.item[i].packet;
	}
	rc = ordered ? shrink_units(s, "time", unit, n, without_waits, NULL) : 0;
	free(unit);
	return went(rc);
}

int shrink_pass_hole_wait(struct shrink *s)
{
	static const uint32_t lower[] = { 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512 };
	int rc = 0;

	s->what = "hole-wait";
	for (size_t i = 0; !s->keep_hole_wait && !s->ended && rc == 0 && i < sizeof(lower) / sizeof(*lower); i++) {
		struct shrink_cand c;

		if (lower[i] >= s->now.hole_packets)
			break;
		rc = shrink_cand_copy(&c, &s->now);
		if (rc)
			return rc;
		c.hole_packets = lower[i];
		rc = shrink_try(s, &c);
	}
	return rc;
}
