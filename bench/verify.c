/* SPDX-License-Identifier: BSD-2-Clause
 *
 * verify.c: holds what the engine delivers of a point's packets against a reference: the formula of made-up sessions,
 * the golden file beside the trace, the clean run of the same packets, or the model.
 */
#include "prepare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <flowos/gen.h>

#include "golden.h"
#include "model.h"

struct verify {
	const struct bench_prepared *p;
	const struct bench_opts *o;
	const struct bench_point *pt;
	struct bench_record *record;   /* of the impaired packets */
	struct bench_schedule changed; /* the reference's packets, where bytes were changed */
	struct bench_check check;
	const char *reference;
	char *err;
	size_t errlen;
};

/* Is the golden file beside the trace one of the same trace with the same options? */
static bool golden_fits(const struct verify *v, const struct bench_golden *g, const char *sha256)
{
	const struct bench_engine_opts *e = &v->pt->engine;
	bool verify = bench_verify_checksums(e, &v->pt->impair);
	char wait[64], cap[32];
	uint32_t packets;
	uint64_t ns;
	const struct {
		const char *key, *value;
	} want[] = { { "trace-sha256", sha256 },
		     { "level", "app" },
		     { "overlap", fos_overlap_name(e->overlap) },
		     { "hole-wait", wait },
		     { "checksum", verify ? "verify" : "ignore" },
		     { "hold-cap", e->hold_cap ? cap : NULL },
		     { "vlan-key", e->vlan_key ? "yes" : NULL },
		     { "impair", NULL },
		     { "partial", NULL } };

	bench_hole_wait(e, &v->pt->impair, &packets, &ns);
	bench_hole_wait_text(packets, ns, wait, sizeof(wait));
	snprintf(cap, sizeof(cap), "%zu", e->hold_cap);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const char *have = bench_golden_get(g, want[i].key);

		if (!have != !want[i].value || (have && strcmp(have, want[i].value) != 0))
			return false;
	}
	return true;
}

static uint64_t count_with_data(const struct bench_golden *g)
{
	uint64_t n = 0;

	for (size_t i = 0; i < g->lines; i++)
		n += strncmp(g->line[i], "tcp ", 4) == 0 && !strstr(g->line[i], " bytes=0 ");
	return n;
}

/* Lines of a record. */
static int lines_of(struct bench_record *r, struct bench_golden *g)
{
	int rc = bench_record_hash(r);

	memset(g, 0, sizeof(*g));
	return rc ? rc : bench_golden_add(g, r);
}

/* Holds the record's lines against wanted ones; a line that is not the same is a stream that differs. */
static int against_lines(struct verify *v, const struct bench_golden *want, const char *reference, bool *all)
{
	bool reordered = fos_impair_spec_active(&v->pt->impair);
	struct bench_golden got;
	struct bench_golden_diff d = { 0 };
	int rc = lines_of(v->record, &got);

	if (rc == 0)
		rc = bench_golden_diff(want, &got, (reordered ? GOLDEN_IGNORE_ENDS : 0u) | GOLDEN_IGNORE_UDP, &d);
	if (rc == 0) {
		*all = d.differ + d.missing + d.extra == 0;
		v->reference = reference;
		v->check.total = count_with_data(want);
		v->check.differ = d.differ + d.missing + d.extra;
		if (v->check.differ > v->check.total)
			v->check.total = v->check.differ;
		v->check.identical = v->check.total - v->check.differ;
		snprintf(v->check.first, sizeof(v->check.first), "%s", d.first ? d.first : "");
		for (size_t i = 0; i < v->record->streams; i++) {
			const struct bench_stream *st = &v->record->stream[i];

			v->check.needless_gap_bytes += st->needless;
			for (uint32_t k = 0; k < st->gaps; k++)
				v->check.gap_bytes += st->gap[k].len;
		}
	}
	if (rc)
		snprintf(v->err, v->errlen, "comparing with %s: %s", reference, strerror(-rc));
	bench_golden_diff_free(&d);
	bench_golden_free(&got);
	return rc;
}

/* The first line that does not come before `name`. */
static size_t line_at(const struct bench_golden *g, const char *name)
{
	size_t lo = 0, hi = g->lines;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(g->line[mid], name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Both are sorted: are the lines that begin with `name` the same ones? */
static bool same_lines(const struct bench_golden *x, const struct bench_golden *y, const char *name)
{
	size_t a = line_at(x, name), b = line_at(y, name), len = strlen(name);

	for (;; a++, b++) {
		bool more_x = a < x->lines && strncmp(x->line[a], name, len) == 0;
		bool more_y = b < y->lines && strncmp(y->line[b], name, len) == 0;

		if (!more_x || !more_y)
			return more_x == more_y;
		if (strcmp(x->line[a], y->line[b]) != 0)
			return false;
	}
}

/* The streams that are in doubt, because the trace itself is in conflict or ambiguous, are held against the model. */
static int settle_doubts(struct verify *v, const struct bench_record *ref)
{
	struct bench_golden model = { 0 }, got = { 0 };
	char why[256] = "";
	int rc = bench_model_run(&v->pt->engine, &v->pt->impair, &v->p->schedule.frames, &model, why, sizeof(why));

	if (rc) {
		fprintf(stderr, "flowos-bench: %zu conflicted streams could not be held against the model: %s\n",
		        v->check.doubtfuls, why);
		return 0;
	}
	rc = lines_of(v->record, &got);
	for (size_t i = 0; rc == 0 && i < v->check.doubtfuls; i++) {
		char dir[2 * FOS_ADDR_TEXT], name[2 * FOS_ADDR_TEXT + 8], what[512];
		const struct bench_stream *st = &ref->stream[v->check.doubtful[i]];

		snprintf(name, sizeof(name), "tcp %s #", bench_direction_text(&st->key, st->side, dir, sizeof(dir)));
		if (!same_lines(&model, &got, name)) {
			snprintf(what, sizeof(what),
			         "%s: the trace is in conflict, and this is not what the model makes of it", name);
			bench_check_condemn(&v->check, what);
		}
	}
	bench_golden_free(&model);
	bench_golden_free(&got);
	return rc;
}

/* The decisions of the run that changed bytes and repaired the checksum. */
static int changes_of(const struct bench_schedule *s, struct fos_decisions **out)
{
	struct fos_decisions *all = s->port ? fos_impair_decisions(s->port) : NULL;
	int rc = fos_decisions_create(out);

	for (size_t i = 0; rc == 0 && all && i < fos_decisions_count(all); i++) {
		struct fos_decision d = *fos_decisions_at(all, i);

		if (!(d.actions & FOS_DECISION_FIX))
			continue;
		d.actions &= FOS_DECISION_CORRUPT | FOS_DECISION_FIX;
		rc = fos_decisions_add(*out, &d);
	}
	return rc ? rc : fos_decisions_sort(*out, NULL);
}

/* The point's packets with those bytes changed that the run has changed, too, and nothing else done to them. */
static int make_changed(struct verify *v)
{
	struct fos_decisions *list = NULL;
	struct fos_impair_spec only;
	int rc = changes_of(&v->p->schedule, &list);

	fos_impair_spec_init(&only);
	if (rc == 0 && fos_decisions_count(list)) {
		fos_impair_spec_replay(&only, list);
		rc = bench_schedule_make(&v->changed, v->p->source.frames, &only, v->err, v->errlen);
	}
	fos_impair_spec_free(&only);
	fos_decisions_put(list);
	return rc;
}

/* The reference run: the same packets without impairment, or, where changed bytes are to be taken, with those changed. A gate, too,
 * is held against what leaves at once. */
static int clean_record(struct verify *v, struct bench_record **ref)
{
	struct bench_engine_opts engine = v->pt->engine;
	const struct fos_frames *frames = v->p->source.frames;
	int rc = 0;

	if (bench_changes_bytes(&v->pt->impair) && !v->changed.port)
		rc = make_changed(v);
	if (v->changed.port)
		frames = &v->changed.frames;
	engine.gate = false;
	if (rc == 0)
		rc = bench_record_run(&engine, &v->pt->impair, frames, ref, NULL, v->err, v->errlen);
	return rc;
}

static uint64_t begun_in_the_middle(const struct bench_record *r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->streams; i++)
		n += r->stream[i].mid && r->stream[i].bytes;
	return n;
}

/* Must every byte be there? As bench_run_verdict() has it. */
static bool owes_all(const struct verify *v)
{
	if (v->pt->engine.gate && (v->p->schedule.metrics.reordered || begun_in_the_middle(v->record)))
		return false;
	return fos_impair_spec_lossless(&v->pt->impair);
}

static int against_clean(struct verify *v)
{
	struct bench_record *ref = NULL;
	int rc = clean_record(v, &ref);

	if (rc == 0)
		rc =
		    owes_all(v) ? bench_check(ref, v->record, &v->check) : bench_check_lossy(ref, v->record, &v->check);
	v->reference = "clean";
	if (rc == 0 && v->check.doubtfuls && (owes_all(v) || !v->pt->engine.gate)) /* the model knows no gate */
		rc = settle_doubts(v, ref);
	bench_record_free(ref);
	return rc;
}

static bool formula_right(const struct bench_stream *st, const struct fos_gen_spec *g, uint64_t session, int dir)
{
	uint8_t want[4096];

	for (uint32_t i = 0; i < st->spans; i++) {
		const struct bench_span *sp = &st->span[i];

		for (uint32_t at = 0; at < sp->len; at += (uint32_t)sizeof(want)) {
			uint32_t n = sp->len - at < sizeof(want) ? sp->len - at : (uint32_t)sizeof(want);

			fos_gen_payload(g->seed, session, dir, sp->off + at, want, n);
			if (memcmp(want, sp->data + at, n) != 0)
				return false;
		}
	}
	return true;
}

/* Fills the check: bytes are held against their place from the SYN on. */
static void hold_formula(struct bench_check *c, const struct bench_record *r, const struct fos_gen_spec *g,
                         uint64_t sessions)
{
	uint64_t wrong = 0, whole = 0;

	c->total = sessions * ((g->bytes ? 1u : 0u) + (g->request ? 1u : 0u));
	for (size_t i = 0; i < r->streams; i++) {
		const struct bench_stream *st = &r->stream[i];
		uint64_t session = 0, want;
		char text[2 * FOS_ADDR_TEXT];
		int server = 0, dir;

		c->needless_gap_bytes += st->needless;
		for (uint32_t k = 0; k < st->gaps; k++)
			c->gap_bytes += st->gap[k].len;
		if (st->bytes == 0)
			continue;
		bool known = fos_gen_session_of(&st->key, &session, &server) == 0;

		dir = known && st->side == server ? FOS_GEN_RESPONSE : FOS_GEN_REQUEST;
		want = dir == FOS_GEN_RESPONSE ? g->bytes : g->request;
		if (known && st->bytes <= want && formula_right(st, g, session, dir)) {
			whole += st->bytes == want && st->gaps == 0;
			continue;
		}
		wrong++;
		if (!c->first[0])
			snprintf(c->first, sizeof(c->first), "tcp %s #%u: not the bytes of the formula",
			         bench_direction_text(&st->key, st->side, text, sizeof(text)), st->use);
	}
	c->identical = whole;
	c->differ = wrong;
	c->gapped = c->total > whole + wrong ? c->total - whole - wrong : 0;
}

/* Where packets are lost a stream may start late, and only the clean run says where: that is held against the formula, and
 * the run against it. */
static int against_formula(struct verify *v)
{
	struct bench_record *clean = NULL;
	struct fos_gen_spec g;
	int rc = fos_gen_parse(v->o->gen, &g, v->err, v->errlen);

	if (rc)
		return rc;
	v->reference = "formula";
	hold_formula(&v->check, v->record, &g, v->pt->sessions ? v->pt->sessions : g.sessions);
	if (owes_all(v))
		return 0;
	rc = clean_record(v, &clean);
	if (rc == 0) {
		memset(&v->check, 0, sizeof(v->check));
		hold_formula(&v->check, clean, &g, v->pt->sessions ? v->pt->sessions : g.sessions);
		if (v->check.identical == v->check.total)
			rc = bench_check(clean, v->record, &v->check);
	}
	bench_record_free(clean);
	return rc;
}

static int against_model(struct verify *v)
{
	struct bench_golden model = { 0 };
	bool all;
	int rc = bench_model_run(&v->pt->engine, &v->pt->impair, &v->p->schedule.frames, &model, v->err, v->errlen);

	if (rc == 0)
		rc = against_lines(v, &model, "model", &all);
	bench_golden_free(&model);
	return rc;
}

/* A golden file is for lossless runs of the trace as it is. Where the run's lines are not the file's, the clean run says
 * why: either it is not as the file says, or the trace is in conflict with itself. */
static int against_golden(struct verify *v, const struct bench_golden *g)
{
	bool all = false, clean_holds = false;
	struct bench_record *impaired = v->record, *clean = NULL;
	struct bench_check first;
	int rc = against_lines(v, g, "golden", &all);

	if (rc || all)
		return rc;
	first = v->check;
	rc = clean_record(v, &clean);
	if (rc == 0) {
		memset(&v->check, 0, sizeof(v->check));
		v->record = clean;
		rc = against_lines(v, g, "golden", &clean_holds);
		v->record = impaired;
	}
	v->check = first;
	if (rc == 0 && clean_holds) {
		memset(&v->check, 0, sizeof(v->check));
		rc = bench_check(clean, v->record, &v->check);
		if (rc == 0 && v->check.doubtfuls)
			rc = settle_doubts(v, clean);
	}
	bench_record_free(clean);
	return rc;
}

/* Can the reference that is asked for say anything about this point? */
static int check_reference(struct verify *v)
{
	enum bench_reference want = v->o->reference;

	if (v->pt->engine.filter && (want == REF_MODEL || want == REF_FORMULA))
		snprintf(v->err, v->errlen, "--reference %s knows no --flow: use clean",
		         want == REF_MODEL ? "model" : "formula");
	else if (v->pt->engine.gate && want == REF_MODEL)
		snprintf(v->err, v->errlen, "--reference model knows no --release gate: use clean");
	else if (want == REF_FORMULA && bench_changes_bytes(&v->pt->impair))
		snprintf(v->err, v->errlen,
		         "--reference formula knows no changed bytes (checksum=fix): use clean or model");
	else
		return 0;
	return -EINVAL;
}

static int choose(struct verify *v)
{
	enum bench_reference want = v->o->reference;
	bool lossless = owes_all(v);
	struct bench_golden g = { 0 };
	char path[4096];
	int rc;

	rc = check_reference(v);
	if (rc)
		return rc;
	if (v->o->gen && (want == REF_FORMULA || (want == REF_AUTO && lossless && !v->pt->engine.filter)))
		return against_formula(v);
	if (want == REF_MODEL)
		return against_model(v);
	if (v->o->trace && (want == REF_GOLDEN || want == REF_AUTO) && v->pt->sessions == 0 && lossless &&
	    !v->pt->engine.filter) {
		snprintf(path, sizeof(path), "%s.golden", v->o->trace);
		if (want == REF_GOLDEN || access(path, R_OK) == 0) {
			rc = bench_golden_read(&g, path, v->err, v->errlen);
			if (rc)
				return rc;
			if (v->p->source.trace_sha256[0] && golden_fits(v, &g, v->p->source.trace_sha256)) {
				rc = against_golden(v, &g);
				bench_golden_free(&g);
				return rc;
			}
			bench_golden_free(&g);
		}
	}
	if (want == REF_GOLDEN) {
		snprintf(v->err, v->errlen,
		         "--reference golden: %s.golden is of other options or another trace (or packets are lost, or "
		         "sessions multiplied)",
		         v->o->trace);
		return -EINVAL;
	}
	return against_clean(v);
}

static int fill(struct verify *v, struct bench_run *run)
{
	const struct bench_check *c = &v->check;
	int rc = bench_text_set(&run->streams.reference, v->reference);

	run->streams.known = true;
	run->streams.total = c->total;
	run->streams.identical = c->identical;
	run->streams.gapped = c->gapped;
	run->streams.conflicted = c->conflicted;
	run->streams.differ = c->differ;
	run->streams.gap_bytes = c->gap_bytes;
	run->streams.needless_gap_bytes = c->needless_gap_bytes;
	run->udp.known = !v->pt->engine.filter; /* whose datagrams are not counted here */
	run->udp.conversations = c->udp_conversations;
	run->udp.datagrams = c->udp_datagrams;
	run->udp.differ = c->udp_differ;
	if (v->pt->engine.gate)
		run->gate.mid_streams = begun_in_the_middle(v->record);
	return rc;
}

int bench_verify(const struct bench_prepared *p, const struct bench_opts *o, const struct bench_point *pt,
                 struct bench_run *run, char *first, size_t firstlen, char *err, size_t errlen)
{
	struct verify v = { .p = p, .o = o, .pt = pt, .err = err, .errlen = errlen };
	const struct fos_impair_stats *st = &p->schedule.stats;
	bool checksums = bench_verify_checksums(&pt->engine, &pt->impair);
	bool damaged; /* gaps are no news */
	int rc = bench_record_run(&pt->engine, &pt->impair, &p->schedule.frames, &v.record, NULL, err, errlen);

	damaged = st->lost + st->corrupted + st->truncated > 0 || (rc == 0 && !owes_all(&v));
	if (rc == 0)
		rc = choose(&v);
	if (rc == 0 && !pt->engine.filter)
		rc = bench_check_udp(p->schedule.frames.v, p->schedule.frames.n, v.record, checksums, &v.check);
	if (rc == 0)
		rc = fill(&v, run);
	if (rc == 0)
		snprintf(first, firstlen, "%s", v.check.first[0] || damaged ? v.check.first : v.check.first_gap);
	else if (!err[0])
		snprintf(err, errlen, "check: %s", strerror(-rc));
	bench_check_free(&v.check);
	bench_record_free(v.record);
	bench_schedule_free(&v.changed);
	return rc;
}
