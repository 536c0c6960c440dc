/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_order.c: another order, packets twice, other time stamps. See meta.h; touches the set.
 */
#include "meta.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/pkt.h>

enum {
	FAR =
	    512
	    << 10, /* ORDER.md's STRAY is 1 MiB: a session with less than that in each direction may come in any order */
	NEAR_BY = 128 << 10, /* in longer ones a packet moves by this many bytes at most */
	DEPTH_MAX = 1024,
};

static const uint64_t LIFE_NS = UINT64_C(25000000000); /* less than any time-out: fragments wait for 30 s */

/* Is there a direction with more payload than packets may be moved by at will? */
static int is_long(const struct meta_set *s, bool *out)
{
	uint64_t *bytes = calloc(2 * s->convs + 1, sizeof(*bytes));

	*out = false;
	if (!bytes)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		const struct meta_pkt *p = &s->v[i];
		uint64_t *b = p->conv == META_NO_CONV ? NULL : &bytes[2 * p->conv + p->side];

		if (b && (*b += p->f.wire_len) > FAR)
			*out = true;
	}
	free(bytes);
	return 0;
}

/* The packets of each use of a 4-tuple stay before the first one of the next. */
static int keep_uses(const struct meta_set *s, uint32_t *lo, uint32_t *hi)
{
	struct {
		uint32_t use, first, next;
	} *at = calloc(s->convs + 1, sizeof(*at)), *c;

	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].conv == META_NO_CONV)
			continue;
		c = &at[s->v[i].conv];
		if (s->v[i].use > c->use) {
			c->use = s->v[i].use;
			c->first = (uint32_t)i;
		}
		lo[i] = lo[i] < c->first ? c->first : lo[i];
	}
	for (size_t i = 0; i < s->convs; i++)
		at[i].next = UINT32_MAX;
	for (size_t i = s->n; i-- > 0;) {
		if (s->v[i].conv == META_NO_CONV)
			continue;
		c = &at[s->v[i].conv];
		if (s->v[i].use < c->use) {
			c->use = s->v[i].use;
			c->next = c->first;
		}
		c->first = (uint32_t)i;
		if (c->next != UINT32_MAX && hi[i] >= c->next)
			hi[i] = c->next - 1;
	}
	free(at);
	return 0;
}

int meta_reach(const struct meta_set *s, uint32_t **lo, uint32_t **hi)
{
	uint64_t bytes = 0;
	bool limit;
	int rc = is_long(s, &limit);

	*lo = malloc((s->n + 1) * sizeof(**lo));
	*hi = malloc((s->n + 1) * sizeof(**hi));
	if (rc || !*lo || !*hi) {
		free(*lo);
		free(*hi);
		return -ENOMEM;
	}
	for (size_t i = 0, from = 0; i < s->n; i++) {
		bytes += s->v[i].f.wire_len;
		while (from < i && (s->v[i].f.ts_ns - s->v[from].f.ts_ns > s->slack_ns || (limit && bytes > NEAR_BY)))
			bytes -= s->v[from++].f.wire_len;
		(*lo)[i] = (uint32_t)from;
	}
	for (size_t i = 0, to = 0; i < s->n; i++) {
		while (to + 1 < s->n && (*lo)[to + 1] <= i)
			to++;
		(*hi)[i] = (uint32_t)to;
	}
	rc = s->across ? 0 : keep_uses(s, *lo, *hi);
	if (rc) {
		free(*lo);
		free(*hi);
	}
	return rc;
}

uint32_t meta_extent(const struct meta_set *s)
{
	uint32_t *most = malloc((s->n + 1) * sizeof(*most)), extent = 0;

	if (!most)
		return (uint32_t)s->n;
	for (size_t i = 0; i < s->n; i++) {
		size_t a = 0, b = i;

		most[i] = i && most[i - 1] > s->v[i].order ? most[i - 1] : s->v[i].order;
		while (a < b) { /* the first that should have been behind it */
			size_t mid = a + (b - a) / 2;

			if (most[mid] > s->v[i].order)
				b = mid;
			else
				a = mid + 1;
		}
		if (i - a > extent)
			extent = (uint32_t)(i - a);
	}
	free(most);
	return extent;
}

enum order { JITTER, LATE, EARLY, REVERSE, SHUFFLE, SKEW, CLOSE_FIRST, OPEN_LAST, SESSIONS, ORDERS };

struct permutation {
	enum order how;
	uint64_t depth;
	unsigned share; /* % of the packets that are moved */
	uint64_t salt;
};

/* By how much packet i moves, in slots. */
static int64_t displacement(const struct permutation *m, const struct meta_pkt *p, size_t i, struct meta_draw *d)
{
	uint64_t block = i / (m->depth + 1) * (m->depth + 1);
	uint64_t who = fos_mix64_add(m->salt, p->conv);

	switch (m->how) {
	case JITTER:
		return (int64_t)meta_below(d, m->depth + 1);
	case LATE:
		return meta_chance(d, m->share) ? (int64_t)meta_range(d, 1, m->depth) : 0;
	case EARLY:
		return meta_chance(d, m->share) ? -(int64_t)meta_range(d, 1, m->depth) : 0;
	case REVERSE:
		return (int64_t)(2 * block + m->depth) - 2 * (int64_t)i;
	case SHUFFLE:
		return (int64_t)(block + meta_below(d, m->depth + 1)) - (int64_t)i;
	case SKEW:
		return (who & 1) == p->side ? (int64_t)m->depth : 0;
	case CLOSE_FIRST:
		return p->tcp_flags & (FOS_TCP_FIN | FOS_TCP_RST) ? -(int64_t)m->depth : 0;
	case OPEN_LAST:
		return p->tcp_flags & FOS_TCP_SYN ? (int64_t)m->depth : 0;
	default:
		return (int64_t)fos_below(who, m->depth + 1);
	}
}

/* Keys of packets whose order decides do not fall. `last`: the greatest key of each group. */
static int keep_groups(struct meta_set *s, uint64_t *skipped)
{
	int64_t *last = malloc((4 * s->convs + 8) * sizeof(*last));

	if (!last)
		return -ENOMEM;
	for (size_t i = 0; i < 4 * s->convs + 8; i++)
		last[i] = INT64_MIN;
	for (size_t i = 0; i < s->n; i++) {
		uint32_t group = meta_group(s, &s->v[i]);

		if (group == 0)
			continue;
		++*skipped;
		if (s->key[i] < last[group])
			s->key[i] = last[group];
		last[group] = s->key[i];
	}
	free(last);
	return 0;
}

static int moved(struct meta_set *s, enum meta_kind kind, const uint64_t *was)
{
	int n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].f.num == was[2 * i] && s->v[i].order == was[2 * i + 1])
			continue;
		s->v[i].did |= 1u << kind;
		n++;
	}
	return n;
}

int meta_permute(struct meta_set *s, struct meta_draw *d)
{
	struct permutation m = { .how = (enum order)meta_below(d, ORDERS) };
	uint64_t *was = malloc((2 * s->n + 2) * sizeof(*was));
	uint32_t *lo, *hi;
	int rc = meta_reach(s, &lo, &hi);

	if (rc || !was) {
		free(was);
		if (rc == 0)
			free(lo), free(hi);
		return -ENOMEM;
	}
	m.depth = meta_log(d, 1, s->n > 2 && s->n < DEPTH_MAX ? s->n : DEPTH_MAX);
	m.share = (unsigned)meta_log(d, 1, 50);
	m.salt = meta_next(d);
	meta_set_keys(s);
	for (size_t i = 0; i < s->n; i++) {
		int64_t to = (int64_t)i + displacement(&m, &s->v[i], i, d);

		was[2 * i] = s->v[i].f.num;
		was[2 * i + 1] = s->v[i].order;
		if (to < (int64_t)lo[i])
			to = lo[i];
		if (to > (int64_t)hi[i])
			to = hi[i];
		if (to != (int64_t)i)
			s->key[i] = to * META_SLOT + (int64_t)meta_below(d, META_SLOT);
	}
	free(lo);
	free(hi);
	rc = keep_groups(s, &s->skipped[META_PERMUTE]);
	if (rc == 0)
		rc = meta_set_sort(s);
	if (rc == 0)
		rc = moved(s, META_PERMUTE, was);
	free(was);
	s->ends_open |= rc > 0;
	return rc;
}

/* A TCP packet, or a fragment of one, whose second coming changes nothing. */
static bool may_double(const struct meta_set *s, const struct meta_pkt *p)
{
	if (p->bits & META_CLOCK || p->proto != IPPROTO_TCP)
		return false;
	return (p->verdict == FOS_PKT_TCP || p->verdict == FOS_PKT_FRAGMENT) && meta_group(s, p) == 0;
}

int meta_duplicate(struct meta_set *s, struct meta_draw *d)
{
	unsigned share = (unsigned)meta_log(d, 1, 100);
	uint64_t depth = meta_log(d, 1, DEPTH_MAX);
	size_t n = s->n;
	uint32_t *lo, *hi;
	int rc = meta_reach(s, &lo, &hi), done = 0;

	if (rc)
		return rc;
	meta_set_keys(s);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		uint64_t room = hi[i] - i;
		struct meta_pkt p = s->v[i];

		if (!meta_chance(d, share))
			continue;
		if (!may_double(s, &p)) {
			s->skipped[META_DUPLICATE] += p.proto == IPPROTO_TCP;
			continue;
		}
		p.did |= 1u << META_DUPLICATE;
		p.f.flags |= FOS_FRAME_DUPLICATE;
		room = room < depth ? room : depth;
		rc = meta_set_put(s, &p,
		                  (int64_t)(i + meta_below(d, room + 1)) * META_SLOT + 1 +
		                      (int64_t)meta_below(d, META_SLOT - 1));
		done++;
	}
	free(lo);
	free(hi);
	if (rc == 0 && done)
		rc = meta_set_sort(s);
	s->ends_open |= done > 0;
	return rc ? rc : done;
}

static uint64_t coarse(uint64_t ns, uint64_t step)
{
	return ns - ns % step;
}

int meta_time(struct meta_set *s, struct meta_draw *d)
{
	static const uint64_t bases[] = { 0, 1, UINT64_C(86400000000000), UINT64_C(1700000000000000000),
		                          UINT64_C(4102444800000000000) };
	uint64_t first = s->n ? s->v[0].f.ts_ns : 0, last = s->n ? s->v[s->n - 1].f.ts_ns : 0;
	uint64_t base = meta_chance(d, 50) ? first : bases[meta_below(d, sizeof(bases) / sizeof(*bases))];
	uint64_t step = 1;
	double scale = 1;
	int done = 0;

	if (meta_chance(d, 50) && s->slack_ns > 1)
		step = meta_log(d, 1, s->slack_ns);
	/* Where nothing in the trace is old enough for a time-out, all of it may be faster or slower. */
	if (last - first < LIFE_NS && meta_chance(d, 50))
		scale = last > first ? fos_unit(meta_next(d)) * (double)LIFE_NS / (double)(last - first) : 1;
	for (size_t i = 0; i < s->n; i++) {
		struct meta_pkt *p = &s->v[i];
		uint64_t at = p->f.ts_ns - first;

		if (scale != 1)
			at = (uint64_t)((double)at * scale);
		at = base + coarse(at, step);
		done += at != p->f.ts_ns;
		p->did |= at != p->f.ts_ns ? 1u << META_TIME : 0;
		p->f.ts_ns = at;
	}
	return done;
}
