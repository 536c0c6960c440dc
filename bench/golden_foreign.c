/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_foreign.c: see golden_foreign.h. golden_foreign_want.c says what is not asked.
 */
#include "golden_foreign.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "golden_line.h"
#include "model.h"

/* One check. */
struct foreign {
	struct golden_case *c;
	const struct golden_engine *e;
	const struct fos_impair_spec *spec; /* of the packets at hand: what was recorded counts */
	bool model;
	bool exact; /* the golden file itself is what is wanted, ends and all */
	struct bench_engine_opts opts;
	struct bench_schedule s;
	unsigned lacks;
	struct golden_excused excused;
	struct bench_record *run;      /* this project's engine on the same packets */
	struct bench_golden all, got;  /* of the other engine: as they came; those that count */
	struct bench_golden want;      /* those that count */
	struct golden_excused unclear; /* directions whose bytes depend on policy */
	struct golden_excused open;    /* of these, those of which the packets do not say which connection is which */
};

static void foreign_free(struct foreign *f)
{
	bench_golden_free(&f->all);
	bench_golden_free(&f->got);
	bench_golden_free(&f->want);
	golden_excused_free(&f->excused);
	golden_excused_free(&f->unclear);
	golden_excused_free(&f->open);
	bench_record_free(f->run);
	bench_schedule_free(&f->s);
}

static bool any_has(const struct bench_golden *g, const char *word)
{
	for (size_t i = 0; i < g->lines; i++)
		if (strncmp(g->line[i], "tcp ", 4) == 0 && strstr(g->line[i], word))
			return true;
	return false;
}

/* What the command says of itself, and what can be seen: words that none of its lines has. */
static int take_lines(struct foreign *f, char *err, size_t errlen)
{
	const char *checksum, *overlap;
	int rc = golden_engine_lines(f->e, &f->opts, f->spec, &f->s.frames, &f->all, err, errlen);

	if (rc)
		return rc;
	f->lacks = golden_engine_lacks(f->e, &f->all);
	if (!any_has(&f->all, " gaps=") && !(f->lacks & (GOLDEN_LACKS_BEHIND | GOLDEN_LACKS_ZEROS)))
		f->lacks |= GOLDEN_LACKS_GAPS;
	if (!any_has(&f->all, " end="))
		f->lacks |= GOLDEN_LACKS_ENDS;
	checksum = bench_golden_get(&f->all, "checksum");
	if (f->lacks & GOLDEN_LACKS_CHECKSUM)
		f->opts.verify = false;
	else if (checksum)
		f->opts.verify = true;
	overlap = bench_golden_get(&f->all, "overlap");
	if (overlap) {
		rc = bench_engine_opts_set(&f->opts, "overlap", overlap, err, errlen);
		if (rc) {
			snprintf(err, errlen, "the engine under test: its header \"overlap: %.60s\" names no policy",
			         overlap);
			return -EIO;
		}
	}
	return 0;
}

/* The reference's lines that count, with this overlap policy. */
static int reference(struct foreign *f, enum fos_overlap overlap, struct bench_golden *out, char *err, size_t errlen)
{
	struct bench_engine_opts o = f->opts;
	struct bench_record *r = NULL;
	struct bench_golden lines = { 0 };
	int rc;

	o.overlap = overlap;
	if (f->model) {
		rc = bench_model_run(&o, f->spec, &f->s.frames, &lines, err, errlen);
		if (rc)
			return rc;
	} else {
		rc = bench_record_run(&o, f->spec, &f->s.frames, &r, NULL, err, errlen);
		if (rc)
			return rc;
		rc = golden_foreign_gaps(r, f->lacks);
		if (rc == 0)
			rc = bench_record_hash(r);
		if (rc == 0)
			rc = bench_golden_add(&lines, r);
	}
	if (rc == 0)
		rc = golden_foreign_filter(&lines, f->lacks, &f->excused, out);
	if (rc)
		snprintf(err, errlen, "the reference: %s", strerror(-rc));
	bench_golden_free(&lines);
	bench_record_free(r);
	return rc;
}

static int add_unclear(struct foreign *f, const struct bench_record *r)
{
	bool *ambiguous = NULL;
	char dir[2 * FOS_ADDR_TEXT];
	int rc = bench_check_ambiguous(r, &ambiguous);

	for (size_t i = 0; rc == 0 && i < r->streams; i++) {
		const struct bench_stream *st = &r->stream[i];

		if (!st->conflict && !ambiguous[i])
			continue;
		bench_direction_text(&st->key, st->side, dir, sizeof(dir));
		rc = golden_excused_add(&f->unclear, dir);
		if (rc == 0 && ambiguous[i])
			rc = golden_excused_add(&f->open, dir);
	}
	free(ambiguous);
	return rc;
}

/* What must come, and which streams are unclear. */
static int make_want(struct foreign *f, char *err, size_t errlen)
{
	struct bench_golden all = { 0 };
	int rc = bench_record_run(&f->opts, f->spec, &f->s.frames, &f->run, NULL, err, errlen);

	if (rc)
		return rc;
	rc = bench_golden_add(&all, f->run);
	if (rc == 0)
		rc = golden_excused_make(&f->excused, f->lacks, f->exact ? &f->c->golden : &all, &f->s.frames);
	bench_golden_free(&all);
	if (rc == 0)
		rc = add_unclear(f, f->run);
	if (rc == 0 && f->c->clean)
		rc = add_unclear(f, f->c->clean);
	golden_excused_sort(&f->unclear);
	golden_excused_sort(&f->open);
	if (rc == 0)
		rc = golden_foreign_filter(&f->all, f->lacks, &f->excused, &f->got);
	if (rc) {
		snprintf(err, errlen, "the reference: %s", strerror(-rc));
		return rc;
	}
	if (f->exact)
		return golden_foreign_filter(&f->c->golden, f->lacks, &f->excused, &f->want);
	return reference(f, f->opts.overlap, &f->want, err, errlen);
}

/* The lines whose bytes are clear, or those of one direction; `out` borrows them. */
static int clear_lines(const struct bench_golden *g, const struct golden_excused *unclear, struct bench_golden *out)
{
	char dir[2 * FOS_ADDR_TEXT];

	*out = (struct bench_golden){ .line = calloc(g->lines + 1, sizeof(*out->line)) };
	if (!out->line)
		return -ENOMEM;
	for (size_t i = 0; i < g->lines; i++) {
		golden_direction(g->line[i], dir);
		if (strncmp(g->line[i], "tcp ", 4) != 0 || !golden_excused_has(unclear, dir))
			out->line[out->lines++] = g->line[i];
	}
	return 0;
}

static struct bench_golden lines_of(const struct bench_golden *g, const char *dir)
{
	char prefix[2 * FOS_ADDR_TEXT + 8];
	size_t n = (size_t)snprintf(prefix, sizeof(prefix), "tcp %s ", dir), from = 0, to = g->lines, end;

	while (from < to) { /* sorted: the first that is not before it */
		size_t mid = from + (to - from) / 2;

		if (strncmp(g->line[mid], prefix, n) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	for (end = from; end < g->lines && strncmp(g->line[end], prefix, n) == 0; end++)
		;
	return (struct bench_golden){ .line = g->line + from, .lines = end - from };
}

/* Counts, and keeps the first difference, with what helps to see it. */
static void note(struct foreign *f, const struct bench_golden_diff *d, struct golden_outcome *out)
{
	const char *line = d->want_line ? d->want_line : d->got_line;
	uint64_t first, last;
	int n;

	out->hold += d->same;
	out->differ += d->differ + d->missing + d->extra;
	if (!d->first || !out->holds)
		return;
	out->holds = false;
	snprintf(out->first, sizeof(out->first), "%s", d->first);
	n = snprintf(out->more, sizeof(out->more), "want: %.700s\n got: %.700s\n",
	             d->want_line ? d->want_line : "no such stream", d->got_line ? d->got_line : "no such stream");
	if (bench_golden_frames(f->run, line, &first, &last) && n > 0 && (size_t)n < sizeof(out->more))
		snprintf(out->more + n, sizeof(out->more) - (size_t)n,
		         "its bytes are in packets %" PRIu64 " to %" PRIu64 " of the trace\n", first, last);
}

static int diff(struct foreign *f, const struct bench_golden *want, const struct bench_golden *got,
                struct golden_outcome *out)
{
	unsigned flags = f->exact ? 0 : GOLDEN_IGNORE_ENDS | GOLDEN_IGNORE_EMPTY;
	struct bench_golden_diff d = { 0 };
	int rc = bench_golden_diff(want, got, flags, &d);

	if (rc == 0)
		note(f, &d, out);
	bench_golden_diff_free(&d);
	return rc;
}

/* Do the lines of one unclear direction hold with these reference lines? */
static int holds_with(struct foreign *f, const struct bench_golden *want, const char *dir, struct golden_outcome *one)
{
	struct bench_golden w = lines_of(want, dir), g = lines_of(&f->got, dir);

	*one = (struct golden_outcome){ .holds = true };
	return diff(f, &w, &g, one);
}

/* The unclear directions: the golden file's answer, the reference's, or, where the engine does not say which policy it has, that of
 * any. */
static int settle(struct foreign *f, struct golden_outcome *out, char *err, size_t errlen)
{
	size_t n = f->unclear.n;
	struct golden_outcome *found = calloc(n ? n : 1, sizeof(*found)), one;
	bool said = bench_golden_get(&f->all, "overlap") != NULL;
	int rc = found ? 0 : -ENOMEM;

	for (int policy = -2; rc == 0 && n && policy < (said ? 0 : (int)FOS_OVERLAPS); policy++) {
		struct bench_golden lines = { 0 };
		const struct bench_golden *want = policy == -2 ? &f->want : &lines;
		bool open = policy == -2;

		for (size_t i = 0; i < n; i++)
			open = open || !found[i].holds;
		if (!open)
			break;
		if (policy >= -1) /* -1: f->want may be the golden file's */
			rc = reference(f, policy < 0 ? f->opts.overlap : (enum fos_overlap)policy, &lines, err, errlen);
		for (size_t i = 0; rc == 0 && i < n; i++) {
			if (found[i].holds)
				continue;
			rc = holds_with(f, want, f->unclear.name[i], &one);
			if (policy == -2 || one.holds)
				found[i] = one;
		}
		bench_golden_free(&lines);
	}
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (!found[i].holds && golden_excused_has(&f->open, f->unclear.name[i])) {
			out->left_out += lines_of(&f->got, f->unclear.name[i]).lines;
			continue;
		}
		out->conflicted += found[i].holds && found[i].hold;
		out->hold += found[i].hold;
		out->differ += found[i].differ;
		if (!found[i].holds && out->holds) {
			memcpy(out->first, found[i].first, sizeof(out->first));
			memcpy(out->more, found[i].more, sizeof(out->more));
			out->holds = false;
		}
	}
	free(found);
	return rc;
}

static int judge(struct foreign *f, struct golden_outcome *out, char *err, size_t errlen)
{
	struct bench_golden w = { 0 }, g = { 0 };
	int rc = clear_lines(&f->want, &f->unclear, &w);

	if (rc == 0)
		rc = clear_lines(&f->got, &f->unclear, &g);
	if (rc == 0)
		rc = diff(f, &w, &g, out);
	out->left_out = f->all.lines - f->got.lines;
	if (rc)
		snprintf(err, errlen, "comparing: %s", strerror(-rc));
	else
		rc = settle(f, out, err, errlen);
	if (!f->exact)
		for (size_t i = 0; i < f->run->streams; i++) {
			uint64_t before = out->gap_bytes;

			for (uint32_t k = 0; k < f->run->stream[i].gaps; k++)
				out->gap_bytes += f->run->stream[i].gap[k].len;
			out->gapped += out->gap_bytes > before;
		}
	free(w.line);
	free(g.line);
	return rc;
}

/* The reference must hold itself. */
static int own_holds(struct golden_case *c, const struct fos_impair_spec *spec, bool active, char *err, size_t errlen)
{
	struct golden_outcome own;
	int rc = golden_case_verify(c, spec, &own, err, errlen);

	if (rc || own.holds || !active)
		return rc; /* as it is, the golden file has the word */
	snprintf(err, errlen, "the reference, this project's engine, does not hold itself: %.700s", own.first);
	return -EIO;
}

int golden_foreign_verify(struct golden_case *c, const struct golden_engine *e, bool model,
                          const struct fos_impair_spec *spec, struct golden_outcome *out, char *err, size_t errlen)
{
	bool active = fos_impair_spec_active(spec);
	struct golden_engine named = *e;
	struct foreign f = { .c = c, .e = &named, .model = model, .spec = c->impaired ? &c->recorded : spec };
	bool verify;
	int rc;

	*out = (struct golden_outcome){ .holds = true };
	if (c->opts.filter) {
		snprintf(err, errlen, "a flow was chosen, %.100s: of which another engine knows nothing",
		         c->opts.filter);
		return -ENOTSUP;
	}
	named.trace = c->trace.name;
	rc = own_holds(c, spec, active, err, errlen);
	if (rc)
		return rc;
	f.opts = c->opts;
	f.opts.checksum_given = c->checksum_asked;
	f.opts.verify = verify = bench_verify_checksums(&f.opts, f.spec) || (!c->checksum_asked && c->opts.verify);
	f.opts.checksum_given = true;
	rc = bench_schedule_make(&f.s, &c->trace.frames, f.spec, err, errlen);
	if (rc)
		return rc;
	rc = take_lines(&f, err, errlen);
	if (rc == GOLDEN_ENGINE_DIED) {
		out->holds = false;
		out->differ = 1;
		snprintf(out->first, sizeof(out->first), "%.1000s", err);
		rc = 0;
	} else if (rc == 0) {
		/* With gaps of its own kind, or other checksums, the file's lines are not what it must give. */
		f.exact = !active && f.opts.verify == verify && !(f.lacks & (GOLDEN_LACKS_BEHIND | GOLDEN_LACKS_ZEROS));
		rc = make_want(&f, err, errlen);
		if (rc == 0)
			rc = judge(&f, out, err, errlen);
	}
	foreign_free(&f);
	return rc;
}
