/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_verify.c: a trace under an impairment against its golden file. See golden_case.h.
 *
 * What must hold: without impairment, every line. With packets only reordered, doubled and delayed, the TCP lines but for how
 * streams end, and every stream byte by byte against the clean run. With packets lost or changed, every byte
 * of the clean run's, and every byte that still arrives is delivered; what does not arrive is a gap.
 */
#include "golden_case.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "golden_arrived.h"
#include "golden_line.h"

static void fails(struct golden_outcome *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fails(struct golden_outcome *out, const char *format, ...)
{
	va_list ap;

	out->holds = false;
	if (out->first[0])
		return;
	va_start(ap, format);
	vsnprintf(out->first, sizeof(out->first), format, ap);
	va_end(ap);
}

/* Is it a line of a direction in which the trace itself has different bytes for one place, so that the answer may depend on the
 * order of arrival? */
static bool is_doubtful(const char *line, const struct bench_record *ref, const struct bench_check *k)
{
	char dir[2 * FOS_ADDR_TEXT];

	for (size_t i = 0; i < k->doubtfuls; i++) {
		const struct bench_stream *st = &ref->stream[k->doubtful[i]];
		size_t len = strlen(bench_direction_text(&st->key, st->side, dir, sizeof(dir)));

		if (strncmp(line, "tcp ", 4) == 0 && strncmp(line + 4, dir, len) == 0 && line[4 + len] == ' ')
			return true;
	}
	return false;
}

/* The lines without those; `out` borrows them. */
static int without_doubtful(const struct bench_golden *g, const struct bench_record *ref, const struct bench_check *k,
                            struct bench_golden *out)
{
	*out = (struct bench_golden){ .line = calloc(g->lines + 1, sizeof(*out->line)) };
	if (!out->line)
		return -ENOMEM;
	for (size_t i = 0; i < g->lines; i++)
		if (!is_doubtful(g->line[i], ref, k))
			out->line[out->lines++] = g->line[i];
	return 0;
}

/* Lines of the file against a record; those of `k` that are doubtful do not count. */
static int lines_hold(const struct bench_golden *want, struct bench_record *r, unsigned flags,
                      const struct bench_record *ref, const struct bench_check *k, struct golden_outcome *out)
{
	struct bench_golden all = { 0 }, got = { 0 }, wanted = { 0 };
	struct bench_golden_diff d = { 0 };
	char where[256];
	int rc = bench_record_hash(r);

	if (rc == 0)
		rc = bench_golden_add(&all, r);
	if (rc == 0)
		rc = without_doubtful(&all, ref, k, &got);
	if (rc == 0)
		rc = without_doubtful(want, ref, k, &wanted);
	if (rc == 0)
		rc = bench_golden_diff(&wanted, &got, flags, &d);
	if (rc == 0) {
		out->hold = d.same + want->lines - wanted.lines;
		out->differ = d.differ + d.missing + d.extra;
		if (out->differ) {
			bench_golden_where(r, d.want_line, d.got_line, where, sizeof(where));
			fails(out, "%s%s", d.first, where);
		}
	}
	bench_golden_diff_free(&d);
	free(wanted.line);
	free(got.line);
	bench_golden_free(&all);
	return rc;
}

/* The recording of a trace as it is, or as the golden file was recorded, line by line. */
static int verify_exact(struct golden_case *c, const struct fos_impair_spec *spec, struct bench_record **keep,
                        struct golden_outcome *out, char *err, size_t errlen)
{
	struct bench_engine_opts o = c->opts;
	const struct bench_check none = { 0 };
	struct bench_schedule s;
	int rc;

	o.verify = bench_verify_checksums(&c->opts, spec);
	o.checksum_given = true;
	memset(out, 0, sizeof(*out));
	out->holds = true;
	rc = bench_schedule_make(&s, &c->trace.frames, spec, err, errlen);
	if (rc)
		return rc;
	rc = bench_record_run(&o, spec, &s.frames, keep, NULL, err, errlen);
	if (rc == 0) {
		rc = lines_hold(&c->golden, *keep, 0, NULL, &none, out);
		if (rc)
			snprintf(err, errlen, "comparing: %s", strerror(-rc));
	}
	if (rc == 0 && c->trace.damaged && !bench_golden_get(&c->golden, "partial"))
		fails(out, "the trace is damaged: %s", c->trace.frames.error);
	if (rc == 0 && !c->trace.damaged && bench_golden_get(&c->golden, "partial"))
		fails(out, "the golden file is of a damaged trace, and this one is whole");
	bench_schedule_free(&s);
	return rc;
}

/* One impaired run, and what it is held against. */
struct run {
	struct bench_engine_opts opts;
	struct bench_schedule impaired,
	    changed;                       /* changed: the reference's frames, where bytes were changed on purpose */
	struct bench_record *record, *ref; /* ref: owned where own_ref */
	bool own_ref;
	struct bench_check check;
	struct golden_arrived arrived;
};

static void run_free(struct run *r)
{
	bench_check_free(&r->check);
	bench_record_free(r->record);
	if (r->own_ref)
		bench_record_free(r->ref);
	bench_schedule_free(&r->impaired);
	bench_schedule_free(&r->changed);
}

static bool same_engine(const struct golden_case *c, const struct bench_engine_opts *o,
                        const struct fos_impair_spec *spec)
{
	uint32_t packets, clean_packets;
	uint64_t ns, clean_ns;

	bench_hole_wait(o, spec, &packets, &ns);
	bench_hole_wait(&c->opts, NULL, &clean_packets, &clean_ns);
	return packets == clean_packets && ns == clean_ns && o->verify == bench_verify_checksums(&c->opts, NULL);
}

/* The decisions of the run that changed bytes and repaired the checksum: the reference has those changes, too. */
static int changes_of(const struct bench_schedule *s, struct fos_decisions **out)
{
	struct fos_decisions *all = s->port ? fos_impair_decisions(s->port) : NULL;
	int rc = fos_decisions_create(out);

	for (size_t i = 0; rc == 0 && i < fos_decisions_count(all); i++) {
		struct fos_decision d = *fos_decisions_at(all, i);

		if (!(d.actions & FOS_DECISION_FIX))
			continue;
		d.actions &= FOS_DECISION_CORRUPT | FOS_DECISION_FIX;
		rc = fos_decisions_add(*out, &d);
	}
	if (rc == 0)
		rc = fos_decisions_sort(*out, NULL);
	return rc;
}

static int make_changed(struct golden_case *c, struct run *r, const struct fos_frames **frames, char *err,
                        size_t errlen)
{
	struct fos_impair_spec only;
	struct fos_decisions *list = NULL;
	int rc = changes_of(&r->impaired, &list);

	*frames = &c->trace.frames;
	fos_impair_spec_init(&only);
	if (rc)
		snprintf(err, errlen, "the reference: %s", strerror(-rc));
	if (rc == 0 && fos_decisions_count(list)) {
		fos_impair_spec_replay(&only, list);
		rc = bench_schedule_make(&r->changed, &c->trace.frames, &only, err, errlen);
		*frames = &r->changed.frames;
	}
	fos_impair_spec_free(&only);
	fos_decisions_put(list);
	return rc;
}

bool golden_case_verifies(const struct golden_case *c, const struct fos_impair_spec *spec)
{
	struct bench_engine_opts o = c->opts;

	o.checksum_given = c->checksum_asked;
	return bench_verify_checksums(&o, spec) || (!c->checksum_asked && c->opts.verify);
}

static int run_make(struct golden_case *c, const struct fos_impair_spec *spec, struct run *r, char *err, size_t errlen)
{
	struct fos_impair_spec kept;
	const struct fos_frames *frames;
	int rc = fos_impair_spec_copy(&kept, spec);

	if (rc) {
		snprintf(err, errlen, "no memory");
		return rc;
	}
	kept.keep_decisions = true;
	r->opts = c->opts;
	r->opts.checksum_given = c->checksum_asked;
	r->opts.verify = golden_case_verifies(c, spec);
	r->opts.checksum_given = true;
	rc = bench_check_corrupt(&c->trace.frames, spec, err, errlen);
	if (rc == 0)
		rc = bench_check_truncate(&c->trace.frames, spec, r->opts.verify, err, errlen);
	if (rc == 0)
		rc = bench_schedule_make(&r->impaired, &c->trace.frames, &kept, err, errlen);
	if (rc == 0)
		rc = bench_record_run(&r->opts, spec, &r->impaired.frames, &r->record, NULL, err, errlen);
	if (rc == 0)
		rc = make_changed(c, r, &frames, err, errlen);
	if (rc == 0) {
		r->ref = c->clean;
		if (frames != &c->trace.frames || !same_engine(c, &r->opts, spec)) {
			r->own_ref = true;
			rc = bench_record_run(&r->opts, spec, frames, &r->ref, NULL, err, errlen);
		}
	}
	fos_impair_spec_free(&kept);
	return rc;
}

static int compare(struct run *r, const struct fos_impair_spec *spec, char *err, size_t errlen)
{
	int rc = fos_impair_spec_lossless(spec) ? bench_check(r->ref, r->record, &r->check)
	                                        : bench_check_lossy(r->ref, r->record, &r->check);

	if (rc == 0 && !r->opts.filter) /* which looks at streams only */
		rc = bench_check_udp(r->impaired.frames.v, r->impaired.frames.n, r->record, r->opts.verify, &r->check);
	if (rc == 0)
		rc = golden_arrived_check(&r->impaired.frames, &r->opts, spec, r->record, r->ref, &r->arrived);
	if (rc)
		snprintf(err, errlen, "comparing: %s", strerror(-rc));
	return rc;
}

static void judge(const struct run *r, bool lossless, struct golden_outcome *out)
{
	const struct bench_check *k = &r->check;

	if (k->differ)
		fails(out, "%s", k->first[0] ? k->first : "a stream differs from the clean run's");
	if (r->arrived.wrong)
		fails(out, "%s", r->arrived.first);
	if (k->udp_differ)
		fails(out, "%s", k->first[0] ? k->first : "a UDP conversation differs from what arrived");
	if (k->needless_gap_bytes)
		fails(out, "%llu bytes arrived and were reported as a gap", (unsigned long long)k->needless_gap_bytes);
	if (lossless && k->identical + k->conflicted != k->total)
		fails(out, "%llu of %llu streams have gaps that the clean run has not, %llu bytes",
		      (unsigned long long)k->gapped, (unsigned long long)k->total, (unsigned long long)k->gap_bytes);
	out->by_packet = r->arrived.streams;
	out->conflicted = k->conflicted;
	if (!lossless) {
		uint64_t bad = k->differ > r->arrived.wrong ? k->differ : r->arrived.wrong;

		out->hold = k->total + k->udp_conversations - bad - k->udp_differ;
		out->differ = bad + k->udp_differ;
		out->gapped = k->gapped;
		out->gap_bytes = k->gap_bytes;
	}
}

int golden_case_verify(struct golden_case *c, const struct fos_impair_spec *spec, struct golden_outcome *out, char *err,
                       size_t errlen)
{
	bool lossless = fos_impair_spec_lossless(spec);
	struct run r = { 0 };
	struct fos_impair_spec none;
	int rc = 0;

	if (c->impaired && fos_impair_spec_active(spec)) {
		snprintf(err, errlen, "the golden file was recorded with %s, and holds for that only",
		         bench_golden_get(&c->golden, "impair"));
		return -EINVAL;
	}
	fos_impair_spec_init(&none);
	if (!c->clean)
		rc = verify_exact(c, c->impaired ? &c->recorded : &none, &c->clean, &c->clean_found, err, errlen);
	if (rc)
		return rc;
	*out = c->clean_found;
	if (!fos_impair_spec_active(spec))
		return 0;
	if (!out->holds) {
		snprintf(out->first, sizeof(out->first), "without the impairment: %.900s", c->clean_found.first);
		return 0;
	}
	memset(out, 0, sizeof(*out));
	out->holds = true;
	rc = run_make(c, spec, &r, err, errlen);
	if (rc == 0)
		rc = compare(&r, spec, err, errlen);
	if (rc == 0) {
		judge(&r, lossless, out);
		if (lossless)
			rc = lines_hold(&c->golden, r.record,
			                GOLDEN_IGNORE_ENDS | GOLDEN_IGNORE_UDP | GOLDEN_IGNORE_EMPTY, r.ref, &r.check,
			                out);
		if (rc)
			snprintf(err, errlen, "comparing: %s", strerror(-rc));
		if (lossless) { /* lines of UDP were left out */
			out->hold += r.check.udp_conversations - r.check.udp_differ;
			out->differ += r.check.udp_differ;
		}
		if (!out->holds && !out->differ)
			out->differ = 1;
	}
	run_free(&r);
	return rc;
}
