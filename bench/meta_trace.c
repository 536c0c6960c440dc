/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_trace.c: a trace made ready for metamorphic cases. meta_sample.c takes samples. See meta_trace.h.
 */
#include "meta_trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/pkt.h>

#include "check.h"
#include "meta_foreign.h"
#include "meta_trace_facts.h"

static const uint64_t SECOND = 1000000000;
enum { STRAY = 1 << 20, FINS = 8 }; /* ORDER.md's STRAY */

static int key_cmp(const void *a, const void *b)
{
	return memcmp(&((const struct meta_conv *)a)->key, &((const struct meta_conv *)b)->key, sizeof(struct fos_key));
}

struct meta_conv *meta_trace_find(const struct meta_trace *t, const struct fos_key *key)
{
	struct meta_conv want = { .key = *key };

	want.key.vlan = 0xffff;
	return t->convs ? bsearch(&want, t->conv, t->convs, sizeof(want), key_cmp) : NULL;
}

/* One piece, whatever it was. */
static int flatten(struct meta_trace *t, struct fos_frame *f)
{
	uint8_t *at;

	if (!f->ext)
		return 0;
	at = meta_bytes(&t->bytes, fos_frame_caplen(f));
	if (!at)
		return -ENOMEM;
	memcpy(at, f->data, f->len);
	memcpy(at + f->len, f->ext, f->ext_len);
	f->data = at;
	f->len = fos_frame_caplen(f);
	f->ext = NULL;
	f->ext_len = 0;
	return 0;
}

/* Parses all; keys[i] is of packet i, proto 0 where it has none. */
static int parse_all(struct meta_trace *t, const struct fos_frames *f, struct fos_key *keys)
{
	const unsigned simple = FOS_ENCAP_VLAN | FOS_ENCAP_QINQ | FOS_ENCAP_MPLS | FOS_ENCAP_PPPOE;
	uint64_t now = 0;

	for (size_t i = 0; i < f->n; i++) {
		struct meta_pkt *p = &t->pkt[i];

		*p = (struct meta_pkt){ .f = f->v[i], .conv = META_NO_CONV, .order = (uint32_t)i };
		if (flatten(t, &p->f))
			return -ENOMEM;
		now = p->f.ts_ns > now ? p->f.ts_ns : now;
		p->f.ts_ns = now; /* as the engine sees it */
		memset(&keys[i], 0, sizeof(keys[i]));
		if (meta_parse(p, &keys[i]) & ~simple)
			t->tunnels = true;
		t->fragments |= p->verdict == FOS_PKT_FRAGMENT;
	}
	t->n = f->n;
	t->last_ns = now;
	return 0;
}

/* The conversations of packets and of streams (whose packets may all have been fragments). */
static int find_convs(struct meta_trace *t, const struct fos_key *keys, const struct bench_record *r)
{
	size_t n = 0;

	t->conv = calloc(t->n + r->streams + r->udps + 1, sizeof(*t->conv));
	if (!t->conv)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++)
		if (keys[i].proto)
			t->conv[n++].key = keys[i];
	for (size_t i = 0; i < r->streams; i++)
		t->conv[n++].key = r->stream[i].key;
	for (size_t i = 0; i < r->udps; i++)
		t->conv[n++].key = r->udp[i].key;
	for (size_t i = 0; i < n; i++)
		t->conv[i].key.vlan = 0xffff;
	if (n)
		qsort(t->conv, n, sizeof(*t->conv), key_cmp);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || key_cmp(&t->conv[i], &t->conv[t->convs - 1]) != 0)
			t->conv[t->convs++] = t->conv[i];
	for (size_t i = 0; i < t->n; i++)
		if (keys[i].proto)
			t->pkt[i].conv = (uint32_t)(meta_trace_find(t, &keys[i]) - t->conv);
	return 0;
}

/* Streams of which order or boundaries decide, and such as depend on patience. */
static int judge_streams(struct meta_trace *t, const struct bench_record *r)
{
	bool *ambiguous;
	int rc = bench_check_ambiguous(r, &ambiguous);

	for (size_t i = 0; rc == 0 && i < r->streams; i++) {
		const struct bench_stream *st = &r->stream[i];
		struct meta_conv *c = meta_trace_find(t, &st->key);

		if (st->conflict)
			c->fixed |= (uint8_t)(1u << st->side);
		if (ambiguous[i])
			c->fixed = 3;
		c->ambiguous |= ambiguous[i];
		c->left_out |= st->needless > 0;
		for (uint32_t k = 0; k < st->gaps; k++)
			c->left_out |= st->gap[k].why == FOS_GAP_CAP || st->gap[k].why == FOS_GAP_TIME;
		t->conflicted += st->conflict && !ambiguous[i];
		t->ambiguous += ambiguous[i];
	}
	if (rc == 0)
		free(ambiguous);
	return rc;
}

/* Conversations whose lines are others when holes are waited for for ever. */
static int judge_patience(struct meta_trace *t, const struct bench_golden *clean, const struct fos_frames *f, char *err,
                          size_t errlen)
{
	struct bench_engine_opts patient = t->opts;
	const struct golden_engine ours = { .command = NULL };
	struct bench_golden lines;
	int rc;

	patient.hole_packets = UINT32_MAX;
	if (patient.hole_ns)
		patient.hole_ns = INT64_MAX;
	rc = golden_engine_lines(&ours, &patient, NULL, f, &lines, err, errlen);
	if (rc)
		return rc;
	for (size_t i = 0, k = 0; rc == 0 && (i < clean->lines || k < lines.lines);) {
		int c = i == clean->lines ? 1 : k == lines.lines ? -1 : strcmp(clean->line[i], lines.line[k]);
		uint32_t conv = META_NO_CONV;

		if (c)
			rc = meta_trace_conv_of(t, c < 0 ? clean->line[i] : lines.line[k], &conv);
		if (rc == 0 && conv != META_NO_CONV)
			t->conv[conv].left_out = true;
		i += c <= 0;
		k += c >= 0;
	}
	bench_golden_free(&lines);
	return rc;
}

/* The SYNs of a conversation, as far as they were seen. */
struct opened {
	uint32_t isn[2];          /* the last one of each direction */
	bool ever[2], of_this[2]; /* there was one; it was one of the use at hand */
	uint16_t part;
};

/* A SYN: does it begin another use? */
static void open_use(struct meta_conv *c, struct opened *o, int side, uint32_t isn)
{
	if (o->ever[side] && isn != o->isn[side]) {
		c->reused = true;
		if (o->of_this[side]) {
			o->of_this[!side] = false;
			o->part++;
		}
	}
	o->ever[side] = o->of_this[side] = true;
	o->isn[side] = isn;
}

/* Numbers the uses of conversations, by SYNs with new numbers, two numbers each: up to both SYNs, and behind them. Packets
 * do not go from one to another: what comes before its SYN may go to an older use (ORDER.md, rule 3), and not all of it moves on when
 * the SYN comes. */
static int number_uses(struct meta_trace *t)
{
	struct opened *at = calloc(t->convs + 1, sizeof(*at));

	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++) {
		struct meta_pkt *p = &t->pkt[i];
		struct opened *o = &at[p->conv == META_NO_CONV ? t->convs : p->conv];
		bool was;

		if (p->conv == META_NO_CONV || p->verdict != FOS_PKT_TCP)
			continue;
		was = o->of_this[0] && o->of_this[1];
		if ((p->tcp_flags & (FOS_TCP_SYN | FOS_TCP_RST)) == FOS_TCP_SYN)
			open_use(&t->conv[p->conv], o, p->side, p->seq);
		p->use = o->part;
		o->part = (uint16_t)(o->part + (!was && o->of_this[0] && o->of_this[1]));
	}
	for (size_t i = 0; i < t->n; i++)
		if (t->pkt[i].conv == META_NO_CONV || !t->conv[t->pkt[i].conv].reused)
			t->pkt[i].use = 0;
	for (size_t i = 0; i < t->convs; i++)
		t->reused += t->conv[i].reused;
	free(at);
	return 0;
}

/* Ends of a direction, as FINs say. */
struct fins {
	uint32_t at[FINS];
	unsigned n;
};

/* Where data comes for places behind a FIN, boundaries and order decide whether it is this use's (rule 3): those directions keep
 * theirs. */
static int find_beyond_fin(struct meta_trace *t)
{
	struct fins *fins = calloc(2 * t->convs + 1, sizeof(*fins));

	if (!fins)
		return -ENOMEM;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < t->n; i++) {
			const struct meta_pkt *p = &t->pkt[i];
			uint32_t end = p->seq + p->app_len;
			struct fins *f;

			if (p->conv == META_NO_CONV || p->verdict != FOS_PKT_TCP || p->tcp_flags & FOS_TCP_RST)
				continue;
			f = &fins[2 * p->conv + p->side];
			if (round == 0 && p->tcp_flags & FOS_TCP_FIN && f->n < FINS)
				f->at[f->n++] = end;
			for (unsigned k = 0; round == 1 && p->app_len && k < f->n; k++)
				if (end - f->at[k] - 1 < STRAY)
					t->conv[p->conv].fixed |= (uint8_t)(1u << p->side);
		}
	}
	free(fins);
	return 0;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* How far packets may move in time without any session living longer or shorter for it: a silence that is nearly as long as a
 * time-out must not become longer. */
static int find_slack(struct meta_trace *t)
{
	static const uint64_t limits[] = { 30, 60, 120, 7440 };
	uint64_t *last = malloc((t->convs + 1) * sizeof(*last)), margin = 40 * SECOND;

	if (!last)
		return -ENOMEM;
	memset(last, 0xff, (t->convs + 1) * sizeof(*last));
	for (size_t i = 0; i < t->n; i++) {
		const struct meta_pkt *p = &t->pkt[i];
		uint64_t *at = &last[p->conv == META_NO_CONV ? t->convs : p->conv];

		for (size_t k = 0; *at != UINT64_MAX && p->conv != META_NO_CONV && k < 4; k++) {
			uint64_t by = apart(p->f.ts_ns - *at, limits[k] * SECOND);

			margin = by < margin ? by : margin;
		}
		*at = p->f.ts_ns;
	}
	free(last);
	t->slack_ns = margin / 16;
	return 0;
}

static int copy_lines(struct meta_trace *t, const struct bench_golden *from)
{
	struct meta_set s = { .want = t->own };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < from->lines; i++)
		rc = meta_set_want(&s, strdup(from->line[i]));
	t->own = s.want;
	return rc;
}

/* What the engine under test makes of the trace as it is, against what is wanted; or that becomes what is wanted. */
static int want_lines(struct meta_trace *t, const struct golden_engine *engine, const struct fos_frames *f,
                      const struct bench_golden *clean, char *err, size_t errlen)
{
	struct bench_golden_diff d = { 0 };
	struct bench_golden got = { 0 };
	struct meta_set all = { 0 };
	int rc = 0;

	if (engine->command)
		rc = golden_engine_lines(engine, &t->opts, NULL, f, &got, err, errlen);
	if (rc == GOLDEN_ENGINE_DIED)
		return -EIO;
	if (rc == 0 && !t->want) {
		if (engine->command && got.lines == 0 && clean->lines)
			snprintf(t->differs, sizeof(t->differs), "without any change: not one line of %zu",
			         clean->lines);
		rc = copy_lines(t, engine->command ? &got : clean);
		t->want = &t->own;
	} else if (rc == 0) {
		all.want = *t->want;
		all.conv = t->conv;
		all.convs = t->convs;
		rc = engine->command ? meta_foreign_diff(&all, engine, f, &got, &d)
		                     : bench_golden_diff(t->want, clean, 0, &d);
		if (d.first)
			snprintf(t->differs, sizeof(t->differs), "without any change: %.900s", d.first);
		bench_golden_diff_free(&d);
	}
	bench_golden_free(&got);
	if (rc)
		return rc;
	t->line_conv = malloc((t->want->lines + 1) * sizeof(*t->line_conv));
	if (!t->line_conv)
		return -ENOMEM;
	for (size_t i = 0; rc == 0 && i < t->want->lines; i++)
		rc = meta_trace_conv_of(t, t->want->line[i], &t->line_conv[i]);
	return rc;
}

/* All that is known of the streams: two runs of our own engine. */
static int learn(struct meta_trace *t, const struct fos_frames *f, const struct fos_key *keys,
                 struct bench_golden *clean, char *err, size_t errlen)
{
	struct bench_record *r;
	struct fos_worker_stats st;
	int rc = bench_record_run(&t->opts, NULL, f, &r, &st, err, errlen);

	if (rc)
		return rc;
	t->fragments_fixed = st.frag.duplicates || st.frag.overlaps || st.frag.timeouts || st.frag.evicted ||
	                     st.frag.bad || st.frag.held_bytes;
	rc = find_convs(t, keys, r);
	if (rc == 0)
		rc = judge_streams(t, r);
	if (rc == 0)
		rc = bench_record_hash(r);
	if (rc == 0)
		rc = bench_golden_add(clean, r);
	if (rc == 0)
		rc = judge_patience(t, clean, f, err, errlen);
	bench_record_free(r);
	return rc;
}

int meta_trace_make(struct meta_trace *t, const struct bench_trace *trace, const struct bench_engine_opts *opts,
                    const struct bench_golden *golden, const struct golden_engine *engine, char *err, size_t errlen)
{
	const struct fos_frames *f = &trace->frames;
	struct fos_key *keys = malloc((f->n + 1) * sizeof(*keys));
	struct bench_golden clean = { 0 };
	int rc = 0;

	memset(t, 0, sizeof(*t));
	snprintf(err, errlen, "%s: no memory", trace->name);
	t->name = trace->name;
	t->opts = *opts;
	t->want = golden;
	t->pkt = malloc((f->n + 1) * sizeof(*t->pkt));
	if (!keys || !t->pkt || f->n >= UINT32_MAX)
		rc = -ENOMEM;
	if (rc == 0)
		rc = parse_all(t, f, keys);
	if (rc == 0)
		rc = learn(t, f, keys, &clean, err, errlen);
	if (rc == 0)
		rc = number_uses(t);
	if (rc == 0)
		rc = find_beyond_fin(t);
	if (rc == 0)
		rc = find_slack(t);
	if (rc == 0)
		rc = want_lines(t, engine, f, &clean, err, errlen);
	if (rc == 0)
		rc = meta_trace_group(t);
	free(keys);
	bench_golden_free(&clean);
	for (size_t i = 0; rc == 0 && i < t->convs; i++)
		t->left_out += t->conv[i].left_out;
	if (rc)
		meta_trace_free(t);
	return rc;
}

void meta_trace_free(struct meta_trace *t)
{
	free(t->pkt);
	free(t->conv);
	free(t->line_conv);
	free(t->group);
	free(t->first_of);
	free(t->packet);
	free(t->group_out);
	bench_golden_free(&t->own);
	meta_set_free(&t->bytes);
	memset(t, 0, sizeof(*t));
}
