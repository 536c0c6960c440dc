/* SPDX-License-Identifier: BSD-2-Clause
 *
 * check.c: TCP streams of a run against those of a reference. See check.h; check_udp.c has the datagrams.
 */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two starts of one stream cannot be further apart (ORDER.md, NEAR). */
static const int64_t FAR = 16 << 20;

static int direction_cmp(const struct bench_stream *a, const struct bench_stream *b)
{
	struct fos_key ka = a->key, kb = b->key;

	ka.vlan = kb.vlan = 0xffff;
	return bench_direction_cmp(&ka, a->side, &kb, b->side);
}

void bench_check_find(const struct bench_record *run, const struct bench_stream *ref, size_t *from, size_t *to)
{
	size_t lo = 0, hi = run->streams;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (direction_cmp(&run->stream[mid], ref) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*from = lo;
	while (lo < run->streams && direction_cmp(&run->stream[lo], ref) == 0)
		lo++;
	*to = lo;
}

static void note(struct bench_check *c, const struct bench_stream *st, int64_t off, uint64_t frame, const char *what)
{
	char dir[2 * FOS_ADDR_TEXT];

	if (c->first[0])
		return;
	snprintf(c->first, sizeof(c->first), "tcp %s #%u, offset %lld, frame %llu: %s",
	         bench_direction_text(&st->key, st->side, dir, sizeof(dir)), st->use, (long long)off,
	         (unsigned long long)frame, what);
}

static void note_gap(struct bench_check *c, const struct bench_stream *ref, const struct bench_stream *st)
{
	char dir[2 * FOS_ADDR_TEXT], text[512];

	if (c->first_gap[0])
		return;
	bench_direction_text(&ref->key, ref->side, dir, sizeof(dir));
	if (st && st->gaps)
		snprintf(text, sizeof(text), "tcp %s #%u: a gap at offset %llu, of %llu bytes", dir, ref->use,
		         (unsigned long long)st->gap[0].off, (unsigned long long)st->gap[0].len);
	else if (st)
		snprintf(text, sizeof(text),
		         "tcp %s #%u: %llu bytes from sequence number %u on, in the reference %llu from %u on", dir,
		         ref->use, (unsigned long long)st->bytes, st->start_seq, (unsigned long long)ref->bytes,
		         ref->start_seq);
	else
		snprintf(text, sizeof(text), "tcp %s #%u: missing", dir, ref->use);
	memcpy(c->first_gap, text, sizeof(c->first_gap));
}

/* How far the run's stream starts behind the reference's, in bytes. */
static int64_t shift_of(const struct bench_stream *ref, const struct bench_stream *st)
{
	return (int32_t)(st->start_seq - ref->start_seq);
}

/* Where a gap ends that the reference has at `at` because it held too much there: what the bytes are is not known then. `at`: there
 * is no such gap. */
static int64_t capped_until(const struct bench_stream *ref, int64_t at)
{
	for (uint32_t i = 0; i < ref->gaps; i++) {
		const struct bench_gap *g = &ref->gap[i];

		if (g->why == FOS_GAP_CAP && at >= (int64_t)g->off && at < (int64_t)(g->off + g->len))
			return (int64_t)(g->off + g->len);
	}
	return at;
}

/* Are the run's bytes, where both have some, those of the reference, and has it no others? */
static bool bytes_right(const struct bench_stream *ref, const struct bench_stream *st, struct bench_check *c)
{
	int64_t shift = shift_of(ref, st);
	uint32_t k = 0;

	for (uint32_t i = 0; i < st->spans; i++) {
		const struct bench_span *sp = &st->span[i];
		int64_t at = (int64_t)sp->off + shift, end = at + sp->len;

		while (at < end) {
			while (k < ref->spans && (int64_t)(ref->span[k].off + ref->span[k].len) <= at)
				k++;
			if (k == ref->spans || (int64_t)ref->span[k].off > at) {
				int64_t until = capped_until(ref, at);

				if (until > at) {
					at = until;
					continue;
				}
				note(c, ref, at, sp->frame, "a byte that the reference does not have");
				return false;
			}
			const struct bench_span *r = &ref->span[k];
			int64_t stop = (int64_t)(r->off + r->len) < end ? (int64_t)(r->off + r->len) : end;
			const uint8_t *x = sp->data + (at - shift - (int64_t)sp->off),
			              *y = r->data + (at - (int64_t)r->off);

			for (int64_t n = 0; x != y && n < stop - at; n++) {
				if (x[n] != y[n]) {
					note(c, ref, at + n, sp->frame, "another byte than in the reference");
					return false;
				}
			}
			at = stop;
		}
	}
	return true;
}

static bool same_gaps(const struct bench_stream *a, const struct bench_stream *b)
{
	if (a->gaps != b->gaps)
		return false;
	for (uint32_t i = 0; i < a->gaps; i++)
		if (a->gap[i].off != b->gap[i].off || a->gap[i].len != b->gap[i].len)
			return false;
	return true;
}

/* partner[] of ref: index + 1 of the run's stream that it is, and how many more there are. */
struct pairing {
	size_t *first;   /* per stream of ref: index + 1 in run, 0: none */
	bool *more;      /* more than one */
	bool *wrong;     /* one of them has wrong bytes */
	bool *ambiguous; /* the stream of ref is, or one of the run's that it is */
	bool *unclear;   /* the stream of the run is; NULL: that is no excuse */
	size_t *
	    order; /* ref's streams with bytes, those of each direction by their start; they begin where the direction does */
	size_t *full; /* how many those are, at the index of the direction's first stream */
};

static int start_cmp(const void *a, const void *b, void *ref)
{
	const struct bench_stream *stream = ((const struct bench_record *)ref)->stream;
	size_t i = *(const size_t *)a, k = *(const size_t *)b;

	if (stream[i].start_seq != stream[k].start_seq)
		return stream[i].start_seq < stream[k].start_seq ? -1 : 1;
	return i < k ? -1 : i > k;
}

static void sort_starts(struct pairing *p, const struct bench_record *ref)
{
	for (size_t from = 0, to; from < ref->streams; from = to) {
		for (to = from; to < ref->streams && direction_cmp(&ref->stream[to], &ref->stream[from]) == 0; to++)
			if (ref->stream[to].bytes)
				p->order[from + p->full[from]++] = to;
		qsort_r(p->order + from, p->full[from], sizeof(*p->order), start_cmp, (void *)(uintptr_t)ref);
	}
}

static int pairing_init(struct pairing *p, const struct bench_record *ref)
{
	size_t n = ref->streams;

	*p = (struct pairing){ .ambiguous = NULL };
	p->first = calloc(n + 1, sizeof(*p->first));
	p->more = calloc(n + 1, sizeof(*p->more));
	p->wrong = calloc(n + 1, sizeof(*p->wrong));
	p->order = calloc(n + 1, sizeof(*p->order));
	p->full = calloc(n + 1, sizeof(*p->full));
	if (!p->first || !p->more || !p->wrong || !p->order || !p->full)
		return -ENOMEM;
	sort_starts(p, ref);
	return bench_check_ambiguous(ref, &p->ambiguous);
}

/* How many of the direction's n streams, by start, start before `seq`. */
static size_t starts_before(const struct bench_record *ref, const size_t *order, size_t n, uint32_t seq)
{
	size_t lo = 0;

	while (lo < n) {
		size_t mid = lo + (n - lo) / 2;

		if (ref->stream[order[mid]].start_seq < seq)
			lo = mid + 1;
		else
			n = mid;
	}
	return lo;
}

/* The stream of the reference that a stream of the run is, of those of its direction, the first of which is number `from`:
 * the same start, else the nearest; of equals the first. Starts are looked at from near to far, either way. Returns its index or
 * SIZE_MAX. */
static size_t partner(const struct bench_record *ref, const struct pairing *p, size_t from,
                      const struct bench_stream *st)
{
	const size_t *order = p->order + from;
	size_t best = SIZE_MAX, n = from < ref->streams ? p->full[from] : 0;
	size_t up = n ? starts_before(ref, order, n, st->start_seq) % n : 0, down = n ? (up + n - 1) % n : 0;
	int64_t least = FAR + 1;

	while (n--) {
		int64_t above = llabs(shift_of(&ref->stream[order[up]], st));
		int64_t below = llabs(shift_of(&ref->stream[order[down]], st));
		size_t i = above <= below ? order[up] : order[down];
		int64_t d = (above <= below ? above : below) * 2;

		if (d > least)
			break;
		if (above <= below)
			up = (up + 1) % p->full[from];
		else
			down = (down + p->full[from] - 1) % p->full[from];
		if (d == 0 && ref->stream[i].bytes != st->bytes)
			d = 1;
		if (p->first[i])
			d += 2;
		if (d < least || (d == least && i < best && best != SIZE_MAX)) {
			least = d;
			best = i;
		}
		if (d == 0)
			break;
	}
	return best;
}

static void pairing_free(struct pairing *p)
{
	free(p->first);
	free(p->more);
	free(p->wrong);
	free(p->ambiguous);
	free(p->unclear);
	free(p->order);
	free(p->full);
}

static int doubt(struct bench_check *c, size_t ref)
{
	size_t *d = realloc(c->doubtful, (c->doubtfuls + 1) * sizeof(*d));

	if (!d)
		return -ENOMEM;
	c->doubtful = d;
	d[c->doubtfuls++] = ref;
	c->conflicted++;
	return 0;
}

/* A stream of the run that none of the reference's is. Where the direction is ambiguous it may be right: all of the
 * direction's streams are then held against the model. */
static int extra(const struct bench_record *ref, size_t from, size_t to, const struct pairing *p,
                 const struct bench_record *run, const struct bench_stream *st, struct bench_check *c)
{
	c->total++;
	for (size_t i = from; i < to; i++)
		if (p->ambiguous[i] || ref->stream[i].conflict || (p->unclear && p->unclear[st - run->stream]))
			return doubt(c, i);
	note(c, st, 0, st->span[0].frame, "a stream that the reference does not have");
	c->differ++;
	return 0;
}

/* Finds out of which stream of the reference each one of the run is. */
static int pair(const struct bench_record *ref, const struct bench_record *run, struct pairing *p,
                struct bench_check *c)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < run->streams; i++) {
		const struct bench_stream *st = &run->stream[i];
		size_t from, to, at;

		for (uint32_t g = 0; g < st->gaps; g++)
			c->gap_bytes += st->gap[g].len;
		c->needless_gap_bytes += st->needless;
		if (st->bytes == 0)
			continue;
		bench_check_find(ref, st, &from, &to);
		at = from < to ? partner(ref, p, from, st) : SIZE_MAX;
		if (at == SIZE_MAX) {
			rc = extra(ref, from, to, p, run, st, c);
			continue;
		}
		if (p->unclear && p->unclear[i])
			p->ambiguous[at] = true;
		if (!bytes_right(&ref->stream[at], st, c))
			p->wrong[at] = true;
		if (p->first[at])
			p->more[at] = true;
		else
			p->first[at] = i + 1;
	}
	return rc;
}

static int judge(const struct bench_record *ref, const struct bench_record *run, const struct pairing *p, size_t i,
                 struct bench_check *c)
{
	const struct bench_stream *r = &ref->stream[i];
	const struct bench_stream *st = p->first[i] ? &run->stream[p->first[i] - 1] : NULL;
	bool same =
	    st && !p->more[i] && !p->wrong[i] && st->bytes == r->bytes && shift_of(r, st) == 0 && same_gaps(r, st);

	c->total++;
	if (same)
		c->identical++;
	else if (r->conflict || p->ambiguous[i])
		return doubt(c, i);
	else if (p->wrong[i])
		c->differ++;
	else {
		note_gap(c, r, st);
		c->gapped++;
	}
	return 0;
}

static bool same_use(const struct bench_stream *a, const struct bench_stream *b)
{
	struct fos_key ka = a->key, kb = b->key;

	ka.vlan = kb.vlan = 0xffff;
	return a->use == b->use && bench_direction_cmp(&ka, 0, &kb, 0) == 0;
}

/* The ambiguous streams of a run, and the other directions of their uses: where one SYN is missing, both are two
 * connections in one. */
static int unclear_uses(const struct bench_record *run, bool **out)
{
	bool *stream, *use = NULL;
	int rc = bench_check_ambiguous(run, &stream);

	if (rc)
		return rc;
	use = calloc(run->streams + 1, sizeof(*use));
	for (size_t i = 0; use && i < run->streams; i++) {
		size_t from, to;
		struct bench_stream other = run->stream[i];

		if (!stream[i])
			continue;
		use[i] = true;
		other.side = !other.side;
		bench_check_find(run, &other, &from, &to);
		for (; from < to; from++)
			use[from] |= same_use(&run->stream[from], &other);
	}
	free(stream);
	*out = use;
	return use ? 0 : -ENOMEM;
}

static int check(const struct bench_record *ref, const struct bench_record *run, bool lossy, struct bench_check *out)
{
	struct pairing p;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = pairing_init(&p, ref);
	if (rc == 0 && lossy)
		rc = unclear_uses(run, &p.unclear);
	if (rc == 0)
		rc = pair(ref, run, &p, out);
	for (size_t i = 0; rc == 0 && i < ref->streams; i++)
		if (ref->stream[i].bytes)
			rc = judge(ref, run, &p, i, out);
	if (out->differ == 0)
		out->first[0] = '\0'; /* what was noted is doubtful, and held against the model */
	pairing_free(&p);
	return rc;
}

int bench_check(const struct bench_record *ref, const struct bench_record *run, struct bench_check *out)
{
	return check(ref, run, false, out);
}

int bench_check_lossy(const struct bench_record *ref, const struct bench_record *run, struct bench_check *out)
{
	return check(ref, run, true, out);
}

void bench_check_condemn(struct bench_check *c, const char *what)
{
	c->conflicted--;
	c->differ++;
	if (!c->first[0])
		snprintf(c->first, sizeof(c->first), "%s", what);
}

void bench_check_free(struct bench_check *c)
{
	free(c->doubtful);
	memset(c, 0, sizeof(*c));
}
