/* SPDX-License-Identifier: BSD-2-Clause
 *
 * compare.c: which two results may be compared, and what came of each point.
 *
 * The ratio is new time / old time: above 1 is slower. A difference counts when the whole confidence interval of the
 * ratio lies on one side of 1, and is a regression when it lies beyond 1 + threshold. Less than three samples say
 * nothing of the noise: such a pair is told and decides nothing.
 *
 * Two results are taken at two times, between which a machine may have become faster or slower. Where both have the same
 * floor beside the engine (--peers), it says by how much, and the ratio that is judged is the engine's divided by the
 * floor's; its interval is that of both (in logarithms, as the root of the sum of squares).
 */
#include "compare.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "json_out.h"
#include "result_format.h"
#include "result_verdict.h"
#include "stats.h"
#include "table_text.h"

static const struct bench_compare_options defaults = { .threshold = 0.02, .seed = 1 };

__attribute__((format(printf, 3, 4))) static int unlike(char *err, size_t errlen, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err, errlen, format, args);
	va_end(args);
	return -EINVAL;
}

static const char *or_unknown(const char *s)
{
	return s ? s : "unknown";
}

/* One of them unknown: cannot be told apart. */
static bool texts_differ(const char *a, const char *b)
{
	return a && b && strcmp(a, b) != 0;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash && slash[1] ? slash + 1 : path;
}

/* The first pair that is not the same on both sides; NULL when all are. */
static const char *pair_unlike(const struct bench_pairs *a, const struct bench_pairs *b, char *va, char *vb, size_t len)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct bench_pair *other = bench_pairs_find(b, a->at[i].key);

		bench_pair_value(&a->at[i], va, len);
		if (other)
			bench_pair_value(other, vb, len);
		else
			snprintf(vb, len, "nothing");
		if (!other || strcmp(va, vb) != 0)
			return a->at[i].key;
	}
	return NULL;
}

static int check_impair(const struct bench_result *o, const struct bench_result *n, char *err, size_t errlen)
{
	char vo[256], vn[256];
	const char *key;

	if (o->seed != n->seed)
		return unlike(err, errlen, "the seeds differ: %llu and %llu", (unsigned long long)o->seed,
		              (unsigned long long)n->seed);
	key = pair_unlike(&o->impair, &n->impair, vo, vn, sizeof(vo));
	if (!key)
		key = pair_unlike(&n->impair, &o->impair, vn, vo, sizeof(vo));
	if (key)
		return unlike(err, errlen, "the impairments differ: %s is %s and %s", key, vo, vn);
	return 0;
}

static int check_trace(const struct bench_result *o, const struct bench_result *n, char *err, size_t errlen)
{
	if (o->trace_sha256 && n->trace_sha256) {
		if (strcmp(o->trace_sha256, n->trace_sha256) != 0)
			return unlike(err, errlen, "the traces differ: %s (sha256 %.12s) and %s (sha256 %.12s)",
			              or_unknown(o->trace_name), o->trace_sha256, or_unknown(n->trace_name),
			              n->trace_sha256);
	}
	if (texts_differ(base_name(o->trace_name), base_name(n->trace_name)))
		return unlike(err, errlen, "the traces differ: %s and %s", o->trace_name, n->trace_name);
	return 0;
}

static int check_machine(const struct bench_machine *o, const struct bench_machine *n, char *err, size_t errlen)
{
	if (texts_differ(o->cpu, n->cpu))
		return unlike(err, errlen, "the machines differ: cpu %s and %s", o->cpu, n->cpu);
	if (texts_differ(o->kernel, n->kernel))
		return unlike(err, errlen, "the machines differ: kernel %s and %s", o->kernel, n->kernel);
	if (o->cores && n->cores && o->cores != n->cores)
		return unlike(err, errlen, "the machines differ: %llu and %llu cores", (unsigned long long)o->cores,
		              (unsigned long long)n->cores);
	return 0;
}

static const struct bench_run *find_run(const struct bench_result *r, const struct bench_run *like)
{
	for (size_t i = 0; i < r->run_count; i++) {
		if (r->runs[i].sessions == like->sessions && bench_pairs_equal(&r->runs[i].axes, &like->axes))
			return &r->runs[i];
	}
	return NULL;
}

struct count {
	size_t same, faster, slower, few, regressions, broken, missing, added;
};

struct row {
	char name[256], old_time[24], new_time[24], ratio[24], interval[48], word[128];
};

static void row_time(const struct bench_run *run, char *buf, size_t len)
{
	if (!run)
		snprintf(buf, len, "-");
	else if (run->error)
		snprintf(buf, len, "failed");
	else if (!run->seconds.count)
		snprintf(buf, len, "-");
	else
		bench_format_seconds(run->seconds.median, buf, len);
}

static const struct bench_peer *floor_of(const struct bench_run *run)
{
	for (size_t i = 0; i < run->peer_count; i++)
		if (strcmp(run->peers[i].name, "floor: sum") == 0 && run->peers[i].seconds.count >= 3)
			return &run->peers[i];
	return NULL;
}

/* The engine's ratio beside that of the floor, where both results have it. *by: what it was divided by, or 0. */
static int ratio_beside_floor(const struct bench_run *o, const struct bench_run *n, uint64_t seed,
                              struct bench_ratio *r, double *by)
{
	const struct bench_peer *a = floor_of(o), *b = floor_of(n);
	struct bench_ratio f;
	double down, up;
	int rc = bench_stats_ratio(o->seconds.samples, o->seconds.count, n->seconds.samples, n->seconds.count, seed, r);

	*by = 0;
	if (rc || !a || !b)
		return rc;
	rc = bench_stats_ratio(a->seconds.samples, a->seconds.count, b->seconds.samples, b->seconds.count, seed, &f);
	if (rc)
		return rc;
	down = hypot(log(r->ratio / r->ci95[0]), log(f.ci95[1] / f.ratio));
	up = hypot(log(r->ci95[1] / r->ratio), log(f.ratio / f.ci95[0]));
	r->ratio /= f.ratio;
	r->ci95[0] = r->ratio * exp(-down);
	r->ci95[1] = r->ratio * exp(up);
	*by = f.ratio;
	return 0;
}

static int row_ratio(struct row *row, const struct bench_run *o, const struct bench_run *n,
                     const struct bench_compare_options *opt, struct count *count)
{
	struct bench_ratio r;
	char noisy[64] = "";
	double percent, by;
	int rc = ratio_beside_floor(o, n, opt->seed, &r, &by);

	if (rc)
		return rc;
	if (by > 0)
		snprintf(noisy, sizeof(noisy), ", beside a floor of %.3f", by);
	if (o->noisy || n->noisy)
		snprintf(noisy + strlen(noisy), sizeof(noisy) - strlen(noisy), " (noisy)");
	snprintf(row->ratio, sizeof(row->ratio), "%.3f", r.ratio);
	snprintf(row->interval, sizeof(row->interval), "%.3f to %.3f", r.ci95[0], r.ci95[1]);
	percent = (r.ratio - 1) * 100;
	if (o->seconds.count < 3 || n->seconds.count < 3) {
		count->few++;
		snprintf(row->word, sizeof(row->word), "too few samples to tell (3 are needed)");
	} else if (r.ci95[0] > 1 + opt->threshold) {
		count->regressions++;
		snprintf(row->word, sizeof(row->word), "REGRESSION: %.1f %% slower%s", percent, noisy);
	} else if (r.ci95[0] > 1) {
		count->slower++;
		snprintf(row->word, sizeof(row->word), "%.1f %% slower, not surely beyond the threshold%s", percent,
		         noisy);
	} else if (r.ci95[1] < 1) {
		count->faster++;
		snprintf(row->word, sizeof(row->word), "%.1f %% faster%s", -percent, noisy);
	} else {
		count->same++;
		snprintf(row->word, sizeof(row->word), "no difference beyond noise%s", noisy);
	}
	return 0;
}

static int row_fill(struct row *row, const struct bench_run *o, const struct bench_run *n,
                    const struct bench_compare_options *opt, struct count *count)
{
	snprintf(row->ratio, sizeof(row->ratio), "-");
	snprintf(row->interval, sizeof(row->interval), "-");
	bench_run_name(o ? o : n, row->name, sizeof(row->name));
	row_time(o, row->old_time, sizeof(row->old_time));
	row_time(n, row->new_time, sizeof(row->new_time));
	if (!n) {
		count->missing++;
		snprintf(row->word, sizeof(row->word), "missing in the new result");
	} else if (!o) {
		count->added++;
		snprintf(row->word, sizeof(row->word), "only in the new result");
	} else if (bench_run_verdict(n) == BENCH_FAILS && bench_run_verdict(o) != BENCH_FAILS) {
		count->broken++;
		snprintf(row->word, sizeof(row->word), "REGRESSION: %s",
		         n->error ? "fails now" : "the check no longer holds");
	} else if (!o->seconds.count || !n->seconds.count) {
		snprintf(row->word, sizeof(row->word), "not timed");
	} else {
		return row_ratio(row, o, n, opt, count);
	}
	return 0;
}

static int set_row(struct bench_text_table *t, size_t i, const struct row *row)
{
	const char *const text[] = { row->name, row->old_time, row->new_time, row->ratio, row->interval, row->word };
	int rc = 0;

	for (size_t k = 0; k < 6 && rc == 0; k++)
		rc = bench_text_table_set(t, i, k, text[k]);
	return rc;
}

static int print_rows(const struct bench_result *older, const struct bench_result *newer,
                      const struct bench_compare_options *opt, FILE *out, struct count *count)
{
	struct bench_column column[] = {
		{ .head = "run", .left = true }, { .head = "old" },     { .head = "new" },
		{ .head = "new/old" },           { .head = "95 % CI" }, { .head = "", .left = true },
	};
	struct bench_text_table t;
	size_t i = 0, extra = 0;
	int rc = 0;

	for (size_t k = 0; k < newer->run_count; k++)
		extra += find_run(older, &newer->runs[k]) == NULL;
	rc = bench_text_table_init(&t, column, 6, older->run_count + extra);
	for (size_t k = 0; k < older->run_count && rc == 0; k++) {
		struct row row;

		rc = row_fill(&row, &older->runs[k], find_run(newer, &older->runs[k]), opt, count);
		if (rc == 0)
			rc = set_row(&t, i++, &row);
	}
	for (size_t k = 0; k < newer->run_count && rc == 0; k++) {
		struct row row;

		if (find_run(older, &newer->runs[k]))
			continue;
		rc = row_fill(&row, NULL, &newer->runs[k], opt, count);
		if (rc == 0)
			rc = set_row(&t, i++, &row);
	}
	if (rc == 0) {
		bench_text_table_fit(&t, SIZE_MAX);
		bench_text_table_print(&t, out, "", NULL);
	}
	bench_text_table_clear(&t);
	return rc;
}

static int print_side(FILE *out, const char *which, const struct bench_result *r)
{
	char *command = bench_result_repeat(r);

	if (!command)
		return -ENOMEM;
	fprintf(out, "%s: flowos ", which);
	bench_format_safe(out, or_unknown(r->flowos));
	fputs(", commit ", out);
	bench_format_safe(out, or_unknown(r->machine.commit));
	fputs(", ", out);
	bench_format_safe(out, or_unknown(r->machine.compiler));
	fputs("\n     ", out);
	bench_format_safe(out, command);
	fputc('\n', out);
	free(command);
	return 0;
}

/* Options that say where results go, not what is measured; each has a value behind it. */
static bool of_output(const char *word)
{
	static const char *const option[] = { "--json", "--csv", "--plot", "--report" };

	for (size_t i = 0; i < sizeof(option) / sizeof(option[0]); i++)
		if (strcmp(word, option[i]) == 0)
			return true;
	return false;
}

/* The next word of the command from *at on that says what is measured, or NULL. Folders of files do not count. */
static const char *next_word(const struct bench_result *r, size_t *at)
{
	while (*at < r->command_count && of_output(r->command[*at]))
		*at += 2;
	return *at < r->command_count ? base_name(r->command[(*at)++]) : NULL;
}

/* Another stage or policy is another measurement: no reason to refuse, but to be said. */
static void note_commands(FILE *out, const struct bench_result *o, const struct bench_result *n)
{
	size_t a = 1, b = 1;
	const char *x, *y;

	do {
		x = next_word(o, &a);
		y = next_word(n, &b);
	} while (x && y && strcmp(x, y) == 0);
	if (!x && !y)
		return;
	fputs("note: the commands differ, from ", out);
	bench_format_safe(out, x ? x : "the end");
	fputs(" and ", out);
	bench_format_safe(out, y ? y : "the end");
	fputs(" on\n", out);
}

static bool mapped_ahead(const struct bench_result *r)
{
	bool any = false;

	for (size_t i = 0; i < r->run_count; i++)
		any |= r->runs[i].mapped_ahead;
	return any;
}

static void note_ahead(FILE *out, const struct bench_result *o, const struct bench_result *n)
{
	if (mapped_ahead(o) != mapped_ahead(n))
		fprintf(out, "note: only in %s a second thread mapped pages ahead of the engine (--cpus)\n",
		        mapped_ahead(o) ? "old" : "new");
}

static const char *are(size_t n)
{
	return n == 1 ? "run is" : "runs are";
}

static void print_summary(FILE *out, const struct count *c)
{
	if (c->regressions)
		fprintf(out, "%zu %s slower beyond the threshold. ", c->regressions, are(c->regressions));
	if (c->broken)
		fprintf(out, "%zu %s no longer right. ", c->broken, are(c->broken));
	if (c->regressions + c->broken == 0)
		fputs("No regression. ", out);
	if (c->slower)
		fprintf(out, "%zu %s slower, but not surely beyond the threshold. ", c->slower, are(c->slower));
	if (c->faster)
		fprintf(out, "%zu %s faster. ", c->faster, are(c->faster));
	if (c->same)
		fprintf(out, "%zu without a difference beyond the noise. ", c->same);
	if (c->few)
		fprintf(out, "%zu with too few samples to tell. ", c->few);
	if (c->missing)
		fprintf(out, "%zu missing in the new result. ", c->missing);
	if (c->added)
		fprintf(out, "%zu only in the new result. ", c->added);
	fputc('\n', out);
}

int bench_compare_results(const struct bench_result *older, const struct bench_result *newer,
                          const struct bench_compare_options *opt, FILE *out, char *err, size_t errlen)
{
	struct count count = { 0 };
	char machine[512];
	size_t both = 0;
	int rc = check_trace(older, newer, err, errlen);

	opt = opt ? opt : &defaults;
	if (rc == 0)
		rc = check_impair(older, newer, err, errlen);
	if (rc)
		return rc;
	rc = check_machine(&older->machine, &newer->machine, machine, sizeof(machine));
	if (rc && !opt->force)
		return unlike(err, errlen,
		              "%s: their times say nothing about the engine (--force compares them nevertheless)",
		              machine);
	for (size_t i = 0; i < older->run_count; i++)
		both += find_run(newer, &older->runs[i]) != NULL;
	if (both == 0) {
		snprintf(err, errlen, "the two results have no run in common");
		return -ENODATA;
	}
	if (print_side(out, "old", older) || print_side(out, "new", newer)) {
		snprintf(err, errlen, "out of memory");
		return -ENOMEM;
	}
	if (rc) {
		fputs("warning: ", out);
		bench_format_safe(out, machine);
		fputc('\n', out);
	}
	note_commands(out, older, newer);
	note_ahead(out, older, newer);
	fputc('\n', out);
	rc = print_rows(older, newer, opt, out, &count);
	if (rc) {
		snprintf(err, errlen, "cannot compare: %s", rc == -EINVAL ? "a sample is no time" : strerror(-rc));
		return rc;
	}
	fputc('\n', out);
	print_summary(out, &count);
	if (ferror(out)) {
		snprintf(err, errlen, "cannot write the comparison");
		return -EIO;
	}
	return count.regressions || count.broken ? BENCH_COMPARE_REGRESSION : BENCH_COMPARE_SAME;
}

int bench_compare(const char *old_path, const char *new_path, const struct bench_compare_options *opt, FILE *out,
                  char *err, size_t errlen)
{
	struct bench_result *older = NULL, *newer = NULL;
	int rc = bench_json_load(old_path, &older, err, errlen);

	if (rc == 0)
		rc = bench_json_load(new_path, &newer, err, errlen);
	if (rc == 0)
		rc = bench_compare_results(older, newer, opt, out, err, errlen);
	bench_result_free(older);
	bench_result_free(newer);
	return rc;
}
