/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_cut.c: the same bytes in other segments: joined, split, cut elsewhere, sent again in part. See meta.h; touches the set.
 */
#include "meta_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/pkt.h>

enum {
	RUN_MAX = 1024, /* packets of a run */
	RUN_BYTES = 256 << 10,
	PIECES_MAX = 4096, /* that a run is cut into */
	LATER = FOS_TCP_FIN | FOS_TCP_PSH,
	CWR = 0x80,
};

/* A run of packets whose data is contiguous, and its bytes. */
struct run {
	uint32_t at[RUN_MAX];  /* indices of packets */
	uint32_t off[RUN_MAX]; /* where the data of each begins in `bytes` */
	uint32_t n, len;
	uint8_t *bytes;
};

/* The run that begins at i, of at most `packets` and `bytes`, none beyond slot `last`. */
static int run_take(struct meta_set *s, const uint32_t *next, uint32_t i, uint32_t packets, uint32_t bytes,
                    uint32_t last, struct run *r)
{
	r->n = r->len = 0;
	for (; i != UINT32_MAX && i <= last && r->n < packets && r->n < RUN_MAX; i = next[i]) {
		uint32_t len = s->v[i].app_len;

		if (r->n && r->len + len > bytes)
			break;
		r->at[r->n] = i;
		r->off[r->n++] = r->len;
		r->len += len;
	}
	r->bytes = meta_bytes(s, (size_t)r->len + 1);
	if (!r->bytes)
		return -ENOMEM;
	for (uint32_t k = 0; k < r->n; k++) {
		const struct meta_pkt *p = &s->v[r->at[k]];

		memcpy(r->bytes + r->off[k], p->f.data + p->app, p->app_len);
	}
	return 0;
}

/* Which packet of the run holds byte `at`. */
static uint32_t run_of(const struct run *r, uint32_t at)
{
	uint32_t k = 0;

	while (k + 1 < r->n && r->off[k + 1] <= at)
		k++;
	return k;
}

static bool run_has_fin(const struct meta_set *s, const struct run *r)
{
	return s->v[r->at[r->n - 1]].tcp_flags & FOS_TCP_FIN;
}

/* Puts bytes [from, to) of the run as a segment with the headers of its packet `k`. */
static int run_put(struct meta_set *s, const struct run *r, uint32_t from, uint32_t to, uint32_t k, uint8_t flags,
                   uint16_t id, enum meta_kind kind, int64_t key)
{
	const struct meta_pkt *like = &s->v[r->at[k]];
	struct meta_pkt p;
	int rc = meta_segment(s, like, s->v[r->at[0]].seq + from, r->bytes + from, to - from, flags, id, &p);

	if (rc)
		return rc;
	p.order = s->v[r->at[run_of(r, from)]].order;
	p.did |= 1u << kind;
	return meta_set_put(s, &p, key);
}

int meta_split(struct meta_set *s, struct meta_draw *d)
{
	uint32_t mss = (uint32_t)meta_log(d, 16, 4096);
	unsigned share = (unsigned)meta_log(d, 5, 100);
	size_t n = s->n;
	int done = 0, rc = 0;

	meta_set_keys(s);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const struct meta_pkt *p = &s->v[i];
		struct run r = { .at = { (uint32_t)i }, .n = 1, .len = p->app_len };
		uint8_t flags = p->tcp_flags;
		uint16_t id = meta_ip_id(p);
		bool skipped;

		if (!meta_is_data(s, p, &skipped) || p->app_len <= mss || !meta_chance(d, share)) {
			s->skipped[META_SPLIT] += skipped;
			continue;
		}
		r.bytes = meta_bytes(s, r.len);
		if (!r.bytes)
			return -ENOMEM;
		memcpy(r.bytes, p->f.data + p->app, r.len);
		for (uint32_t at = 0, k = 0; rc == 0 && at < r.len; at += mss, k++) {
			uint32_t end = at + mss < r.len ? at + mss : r.len;
			uint8_t f = end < r.len ? flags & (uint8_t)~LATER : flags;

			rc = run_put(s, &r, at, end, 0, k ? f & (uint8_t)~CWR : f, (uint16_t)(id + k), META_SPLIT,
			             s->key[i] + k);
		}
		s->v[i].bits |= META_GONE;
		done++;
	}
	if (rc == 0 && done)
		rc = meta_set_sort(s);
	return rc ? rc : done;
}

/* One super-packet of a run: at the place of its first packet, or of its last. */
static int join(struct meta_set *s, const struct run *r, bool at_first)
{
	uint32_t slot = at_first ? 0 : r->n - 1;
	uint8_t flags = 0;
	struct meta_pkt p = s->v[r->at[r->n - 1]]; /* its acknowledgement and window are the newest */
	int rc;

	for (uint32_t k = 0; k < r->n; k++)
		flags |= s->v[r->at[k]].tcp_flags;
	rc = meta_segment(s, &p, s->v[r->at[0]].seq, r->bytes, r->len, flags, meta_ip_id(&s->v[r->at[0]]), &p);
	if (rc)
		return rc;
	for (uint32_t k = 0; k < r->n; k++) {
		p.did |= s->v[r->at[k]].did;
		s->v[r->at[k]].bits |= META_GONE;
	}
	p.order = s->v[r->at[0]].order;
	p.did |= 1u << META_COALESCE;
	return meta_set_put(s, &p, s->key[r->at[slot]]);
}

/* Wrong checksums are joined with wrong ones only. */
static uint32_t same_sums(const struct meta_set *s, const uint32_t *next, uint32_t i, uint32_t most)
{
	uint32_t k = 1;

	for (uint32_t at = i; k < most && next[at] != UINT32_MAX; k++) {
		if ((s->v[at].bits ^ s->v[next[at]].bits) & META_BAD_SUM)
			break;
		at = next[at];
	}
	return k;
}

int meta_coalesce(struct meta_set *s, struct meta_draw *d)
{
	static const uint32_t sizes[] = { 4000, 17000, 65000, 65000, 200000 };
	uint32_t bytes = sizes[meta_below(d, s->big ? 5 : 4)];
	uint32_t most = (uint32_t)meta_log(d, 2, 160), far = (uint32_t)meta_log(d, 1, 256);
	bool at_first = meta_chance(d, 50);
	size_t n = s->n;
	uint32_t *next, *lo, *hi;
	bool *first;
	struct run *r = malloc(sizeof(*r));
	int done = 0, rc = r ? meta_chain(s, META_COALESCE, &next, &first) : -ENOMEM;

	if (rc == 0 && (rc = meta_reach(s, &lo, &hi)))
		free(next), free(first);
	if (rc) {
		free(r);
		return -ENOMEM;
	}
	meta_set_keys(s);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		for (uint32_t at = first[i] ? (uint32_t)i : UINT32_MAX; rc == 0 && at != UINT32_MAX;) {
			uint32_t last = hi[at] < at + far ? hi[at] : at + far;
			uint32_t packets = same_sums(s, next, at, (uint32_t)meta_range(d, 1, most));

			rc = run_take(s, next, at, packets, bytes, last, r);
			at = next[r->at[r->n - 1]];
			if (rc || r->n < 2)
				continue;
			done += (int)r->n;
			rc = join(s, r, at_first);
		}
	}
	if (rc == 0 && done)
		rc = meta_set_sort(s);
	free(r);
	free(next);
	free(first);
	free(lo);
	free(hi);
	return rc ? rc : done;
}

/* The size of the next segment. */
static uint32_t size_of(struct meta_draw *d, unsigned how, uint32_t len)
{
	switch (how) {
	case 0: /* single bytes, where there are not too many */
		return len <= PIECES_MAX ? 1 : 1 + len / PIECES_MAX;
	case 1:
		return (uint32_t)meta_range(d, 1, len < 16 ? 8 : 1 + len / 4);
	case 2:
		return (uint32_t)meta_log(d, 1, 1460);
	case 3:
		return 536;
	default:
		return (uint32_t)meta_range(d, 1000, 65000);
	}
}

static int recut(struct meta_set *s, const struct run *r, struct meta_draw *d)
{
	unsigned how = (unsigned)meta_below(d, 5);
	bool at_first = meta_chance(d, 50), fin = run_has_fin(s, r);
	uint16_t id = (uint16_t)meta_next(d);
	uint32_t pieces = 0;

	for (uint32_t from = 0; from < r->len; pieces++) {
		uint32_t size = size_of(d, how, r->len), to, k;
		uint8_t flags;
		int rc;

		if (pieces > PIECES_MAX && size < 1000)
			size = 1000;
		to = size < r->len - from ? from + size : r->len;
		k = to == r->len && !at_first ? r->n - 1 : run_of(r, at_first ? from : to - 1);
		flags = s->v[r->at[k]].tcp_flags & (uint8_t)~LATER;
		if (to == r->len)
			flags |= FOS_TCP_PSH | (fin ? FOS_TCP_FIN : 0);
		rc = run_put(s, r, from, to, k, flags, (uint16_t)(id + pieces), META_RESEGMENT,
		             s->key[r->at[k]] + pieces);
		if (rc)
			return rc;
		from = to;
	}
	for (uint32_t k = 0; k < r->n; k++)
		s->v[r->at[k]].bits |= META_GONE;
	return 0;
}

int meta_resegment(struct meta_set *s, struct meta_draw *d)
{
	unsigned share = (unsigned)meta_log(d, 5, 100);
	uint32_t most = (uint32_t)meta_log(d, 1, 64), budget = 1 << 20;
	size_t n = s->n;
	uint32_t *next, *lo, *hi;
	bool *first;
	struct run *r = malloc(sizeof(*r));
	int done = 0, rc = r ? meta_chain(s, META_RESEGMENT, &next, &first) : -ENOMEM;

	if (rc == 0 && (rc = meta_reach(s, &lo, &hi)))
		free(next), free(first);
	if (rc) {
		free(r);
		return -ENOMEM;
	}
	meta_set_keys(s);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		for (uint32_t at = first[i] ? (uint32_t)i : UINT32_MAX; rc == 0 && at != UINT32_MAX;) {
			uint32_t packets = same_sums(s, next, at, (uint32_t)meta_range(d, 1, most));

			rc = run_take(s, next, at, packets, RUN_BYTES, hi[at], r);
			at = next[r->at[r->n - 1]];
			if (rc || !r->len || r->len > budget || !meta_chance(d, share))
				continue;
			budget -= r->len;
			done += (int)r->n;
			rc = recut(s, r, d);
		}
	}
	if (rc == 0 && done)
		rc = meta_set_sort(s);
	free(r);
	free(next);
	free(first);
	free(lo);
	free(hi);
	return rc ? rc : done;
}

int meta_overlap(struct meta_set *s, struct meta_draw *d)
{
	unsigned share = (unsigned)meta_log(d, 2, 60);
	uint32_t most = (uint32_t)meta_log(d, 1, 16);
	uint64_t depth = meta_log(d, 1, 256);
	size_t n = s->n;
	uint32_t *next, *lo, *hi;
	bool *first;
	struct run *r = malloc(sizeof(*r));
	int done = 0, rc = r ? meta_chain(s, META_OVERLAP, &next, &first) : -ENOMEM;

	if (rc == 0 && (rc = meta_reach(s, &lo, &hi)))
		free(next), free(first);
	if (rc) {
		free(r);
		return -ENOMEM;
	}
	meta_set_keys(s);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		uint64_t from, to, back = i - lo[i], ahead = hi[i] - i;
		bool skipped;

		if (!meta_is_data(s, &s->v[i], &skipped) || !s->v[i].app_len || !meta_chance(d, share))
			continue;
		rc = run_take(s, next, (uint32_t)i, same_sums(s, next, (uint32_t)i, most), 60000, hi[i], r);
		if (rc || !r->len || r->len > 65000)
			continue;
		from = meta_below(d, r->len);
		to = meta_range(d, from + 1, r->len);
		back = meta_chance(d, 30) ? meta_below(d, (back < depth ? back : depth) + 1) : 0;
		ahead = back ? 0 : meta_below(d, (ahead < depth ? ahead : depth) + 1);
		rc = run_put(s, r, (uint32_t)from, (uint32_t)to, run_of(r, (uint32_t)from),
		             s->v[i].tcp_flags & (uint8_t)~LATER, (uint16_t)meta_next(d), META_OVERLAP,
		             (int64_t)(i - back + ahead) * META_SLOT + (int64_t)meta_below(d, META_SLOT));
		done++;
	}
	if (rc == 0 && done)
		rc = meta_set_sort(s);
	s->ends_open |= done > 0;
	free(r);
	free(next);
	free(first);
	free(lo);
	free(hi);
	return rc ? rc : done;
}
