/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_case.c: see meta_case.h.
 */
#include "meta_case.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/pcapng_writer.h>
#include <flowos/pkt.h>

#include "meta_foreign.h"

enum { BASE_WAIT = 1024 };

static uint64_t text_hash(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = fos_mix64_add(h, (uint8_t)*text);
	return h;
}

static uint64_t case_seed(const struct meta_trace *t, const struct meta_how *how, uint64_t number)
{
	return fos_mix64_add(text_hash(fos_mix64(how->seed), t->name), number);
}

/* Which kinds: how many is drawn, and each kind has a rank of its own, so that leaving some out changes nothing of the others. */
static uint32_t draw_kinds(uint64_t seed, uint32_t only)
{
	static const uint8_t how_many[] = { 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 7 };
	uint32_t all = (1u << META_KINDS) - 1, picked = 0, mine = 0;
	unsigned most = how_many[fos_below(fos_mix64_add(seed, 1), sizeof(how_many))];

	only = only ? only & all : all;
	for (unsigned n = 0; n < most; n++) {
		int best = -1, mine_best = -1;
		uint64_t rank = 0, mine_rank = 0;

		for (int k = 0; k < META_KINDS; k++) {
			uint64_t r = fos_mix64_add(seed, 100 + (uint64_t)k);

			if (!(picked >> k & 1) && (best < 0 || r < rank))
				best = k, rank = r;
			if ((only >> k & 1) && !(mine >> k & 1) && (mine_best < 0 || r < mine_rank))
				mine_best = k, mine_rank = r;
		}
		picked |= best < 0 ? 0 : 1u << best;
		mine |= mine_best < 0 ? 0 : 1u << mine_best;
	}
	return picked & only ? picked & only : mine;
}

/* Order within payload kinds and between the rest is drawn too: permutations may come before or behind fragments. */
static void order_kinds(uint64_t seed, enum meta_kind order[META_KINDS])
{
	struct meta_draw d = { fos_mix64_add(seed, 2), 0 };

	for (int k = 0; k < META_KINDS; k++)
		order[k] = (enum meta_kind)k;
	for (int k = META_OVERLAP; k > META_SPLIT; k--) {
		int to = META_SPLIT + (int)meta_below(&d, (uint64_t)(k - META_SPLIT + 1));
		enum meta_kind was = order[k];

		order[k] = order[to];
		order[to] = was;
	}
	for (int k = META_FRAGMENT; k > META_DUPLICATE; k--) {
		int to = META_DUPLICATE + (int)meta_below(&d, (uint64_t)(k - META_DUPLICATE + 1));
		enum meta_kind was = order[k];

		order[k] = order[to];
		order[to] = was;
	}
}

static int change(const struct meta_how *how, uint64_t seed, struct meta_set *s, struct meta_found *out)
{
	enum meta_kind order[META_KINDS];

	order_kinds(seed, order);
	for (int i = 0; i < META_KINDS; i++) {
		enum meta_kind k = order[i];
		struct meta_draw d = { fos_mix64_add(seed, 1000 + (uint64_t)k), 0 };
		int n = out->kinds >> k & 1 ? meta_apply(k, s, &d) : 0;

		if (n < 0)
			return n;
		out->changed[k] = (uint64_t)n;
		out->did |= n ? 1u << k : 0;
	}
	memcpy(out->skipped, s->skipped, sizeof(out->skipped));
	if (how->spoil)
		how->spoil(s);
	return 0;
}

/* A hole is waited for as much longer as packets came later, and as there are more of them. */
static void raise_wait(struct bench_engine_opts *o, const struct meta_set *s, size_t was)
{
	uint64_t more = meta_extent(s) + (s->n > was ? s->n - was : 0), wait = o->hole_packets;

	if (!wait && !o->hole_ns)
		wait = BASE_WAIT;
	wait += more;
	o->hole_packets = wait > UINT32_MAX ? UINT32_MAX : (uint32_t)wait;
	if (o->hole_ns)
		o->hole_ns += 8 * s->slack_ns;
}

static int compare(const struct meta_how *how, const struct bench_engine_opts *o, struct meta_set *s,
                   struct meta_found *out, char *err, size_t errlen)
{
	struct fos_frames frames = { .v = malloc((s->n + 1) * sizeof(*frames.v)), .n = s->n };
	struct bench_golden got = { 0 };
	struct bench_golden_diff d = { 0 };
	int rc = frames.v ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < s->n; i++)
		frames.v[i] = s->v[i].f;
	if (rc == 0)
		rc = golden_engine_lines(how->engine, o, NULL, &frames, &got, err, errlen);
	if (rc == GOLDEN_ENGINE_DIED) {
		out->differ = out->lines = 1;
		snprintf(out->first, sizeof(out->first), "%.1000s", err);
		free(frames.v);
		return 0;
	}
	if (rc == 0)
		rc = how->engine->command ? meta_foreign_diff(s, how->engine, &frames, &got, &d)
		                          : bench_golden_diff(&s->want, &got, meta_set_flags(s), &d);
	if (rc == 0) {
		out->lines = d.same + d.differ + d.missing + d.extra;
		out->differ = d.differ + d.missing + d.extra;
		snprintf(out->first, sizeof(out->first), "%s", d.first ? d.first : "");
	}
	bench_golden_diff_free(&d);
	bench_golden_free(&got);
	free(frames.v);
	return rc;
}

int meta_case_run(const struct meta_trace *t, const struct meta_how *how, uint64_t number, struct meta_set *s,
                  struct meta_found *out, char *err, size_t errlen)
{
	uint64_t seed = case_seed(t, how, number);
	struct meta_draw d = { fos_mix64_add(seed, 3), 0 };
	struct bench_engine_opts o = t->opts;
	size_t was;
	int rc;

	memset(out, 0, sizeof(*out));
	snprintf(err, errlen, "case %llu: no memory", (unsigned long long)number);
	out->kinds = draw_kinds(seed, how->only);
	if (o.hole_ns) /* which other time stamps would change */
		out->kinds &= ~(1u << META_TIME);
	rc = meta_trace_sample(t, &d, s);
	s->big = !how->engine->command;
	s->across = how->across;
	was = s->n;
	if (rc == 0)
		rc = change(how, seed, s, out);
	if (rc)
		return rc;
	raise_wait(&o, s, was);
	out->hole_wait = o.hole_packets;
	out->packets = s->n;
	return compare(how, &o, s, out, err, errlen);
}

int meta_case_reduce(const struct meta_trace *t, const struct meta_how *how, uint64_t number, uint32_t *kinds,
                     char *err, size_t errlen)
{
	struct meta_how less = *how;
	struct meta_set s = { 0 };
	struct meta_found found;
	int rc = 0;

	for (int k = 0; rc == 0 && k < META_KINDS; k++) {
		if (!(*kinds >> k & 1) || !(*kinds & ~(1u << k)))
			continue;
		less.only = *kinds & ~(1u << k);
		rc = meta_case_run(t, &less, number, &s, &found, err, errlen);
		if (rc == 0 && found.differ)
			*kinds = less.only;
	}
	meta_set_free(&s);
	return rc;
}

char *meta_kinds_text(uint32_t kinds, char *buf, size_t len)
{
	size_t at = 0;

	buf[0] = '\0';
	for (int k = 0; k < META_KINDS; k++)
		if ((kinds >> k & 1) && at < len)
			at += (size_t)snprintf(buf + at, len - at, "%s%s", at ? "," : "", meta_kind_name[k]);
	return buf;
}

static void comment_on(const struct meta_set *s, const struct meta_pkt *p, char *buf, size_t len)
{
	char kinds[256];

	meta_kinds_text(p->did, kinds, sizeof(kinds));
	if (p->bits & META_CLOCK)
		snprintf(buf, len, "says what time it was at the end of the trace");
	else if (p->f.num == 0)
		snprintf(buf, len, "made up (%s)", kinds);
	else if (p->verdict == FOS_PKT_TCP && p->conv != META_NO_CONV)
		snprintf(buf, len, "from frame %llu%s%s; %u bytes from sequence number %u on%s",
		         (unsigned long long)p->f.num, kinds[0] ? ": " : "", kinds, p->app_len, p->seq,
		         s->conv[p->conv].fixed ? "; order decides" : "");
	else
		snprintf(buf, len, "from frame %llu%s%s", (unsigned long long)p->f.num, kinds[0] ? ": " : "", kinds);
}

int meta_case_write(const struct meta_set *s, const char *path)
{
	struct fos_port *port;
	char comment[512];
	int rc = fos_pcapng_writer_open(path, &port);

	if (rc)
		return rc;
	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		comment_on(s, &s->v[i], comment, sizeof(comment));
		rc = fos_pcapng_write(port, &s->v[i].f, comment);
	}
	if (rc) {
		fos_pcapng_abort(port);
		return rc;
	}
	return fos_port_close(port);
}
