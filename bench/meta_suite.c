/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_suite.c: see meta_suite.h.
 */
#include "meta_suite.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Prints a path so that a shell reads it as one word. */
static void put_word(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=+@%";

	if (*text && strspn(text, plain) == strlen(text)) {
		fputs(text, stdout);
		return;
	}
	putchar('\'');
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	}
	putchar('\'');
}

static void put_option(const char *name, const char *value)
{
	if (!value)
		return;
	printf(" --%s ", name);
	put_word(value);
}

/* Engine options that were given, for the line that repeats. */
static void put_given(const struct golden_given *g)
{
	char hole[64];

	if (g->opts.overlap != FOS_OVERLAPS)
		put_option("overlap", fos_overlap_name(g->opts.overlap));
	if (g->opts.checksum_given)
		put_option("checksum", g->opts.verify ? "verify" : "ignore");
	if (g->opts.hole_packets || g->opts.hole_ns) {
		bench_hole_wait_text(g->opts.hole_packets, g->opts.hole_ns, hole, sizeof(hole));
		put_option("hole-wait", hole);
	}
	if (g->opts.vlan_key)
		printf(" --vlan-key");
	put_option("flow", g->opts.filter);
	if (g->force)
		printf(" --force");
}

static void keep(struct meta_suite *s, const struct meta_set *set)
{
	int rc;

	if (!s->keep || s->kept)
		return;
	s->kept = true;
	rc = meta_case_write(set, s->keep);
	if (rc == 0) {
		printf("%s: its %zu packets\n", s->keep, set->n);
		return;
	}
	fprintf(stderr, "%s: %s: %s\n", s->program, s->keep, strerror(-rc));
	s->errors++;
}

/* A case that does not hold, with the fewest kinds of change that do it. */
static int say(struct meta_suite *s, const struct meta_trace *t, const char *trace, const char *golden, uint64_t number,
               const struct meta_found *f)
{
	uint32_t kinds = f->did ? f->did : f->kinds;
	char drawn[256], needed[256], name[64], err[256];
	int rc;

	rc = meta_case_reduce(t, &s->how, number, &kinds, err, sizeof(err));
	if (rc == -ENOMEM)
		return rc;
	bench_progress_clear(&s->progress);
	meta_kinds_text(f->did, drawn, sizeof(drawn));
	meta_kinds_text(kinds, needed, sizeof(needed));
	fflush(stdout);
	fprintf(stderr, "%s: %s: case %" PRIu64 ": %s\n", s->program, trace, number, f->first);
	printf("%s: case %" PRIu64 ", seed %" PRIu64 ": %" PRIu64 " of %" PRIu64 " lines differ after %s, %" PRIu64
	       " packets, hole-wait %u\n",
	       trace, number, s->how.seed, f->differ, f->lines, drawn, f->packets, f->hole_wait);
	printf("repeat: %s ", s->program);
	put_word(trace);
	if (golden) {
		putchar(' ');
		put_word(golden);
	}
	printf(" --seed %" PRIu64 " --case %" PRIu64 " --only %s", s->how.seed, number, needed);
	if (s->how.across)
		printf(" --across-uses");
	put_option("engine", s->engine);
	put_given(s->given);
	putchar('\n');
	fflush(stdout);
	snprintf(name, sizeof(name), "case %" PRIu64 ", seed %" PRIu64, number, s->how.seed);
	return golden_junit_add(&s->junit, t->name, name, 0, f->first, NULL, NULL);
}

static void count(struct meta_suite *s, const struct meta_found *f)
{
	s->done++;
	s->packets += f->packets;
	s->lines += f->lines;
	s->idle += f->did == 0;
	s->failed += f->differ > 0;
	for (int k = 0; k < META_KINDS; k++) {
		s->of_kind[k] += f->did >> k & 1;
		s->changed[k] += f->changed[k];
		s->skipped[k] += f->skipped[k];
	}
}

static int run_cases(struct meta_suite *s, const struct meta_trace *t, const char *trace, const char *golden,
                     uint64_t cases)
{
	uint64_t first = s->one ? s->number : 0, last = s->one ? s->number : cases ? cases - 1 : 0;
	struct meta_set set = { 0 };
	struct meta_found f;
	char err[1024];
	int rc = 0;

	for (uint64_t i = first; rc == 0 && (cases || s->one) && i <= last; i++) {
		bench_progress_update(&s->progress, now_ns(), s->done, s->total, "cases", t->name);
		rc = meta_case_run(t, &s->how, i, &set, &f, err, sizeof(err));
		if (rc) {
			bench_progress_clear(&s->progress);
			fprintf(stderr, "%s: %s: case %" PRIu64 ": %s\n", s->program, trace, i, err);
			s->errors++;
			rc = rc == -ENOMEM ? rc : golden_junit_add(&s->junit, t->name, "run", 0, NULL, err, NULL);
			break;
		}
		count(s, &f);
		if (f.differ)
			rc = say(s, t, trace, golden, i, &f);
		if (f.differ || s->one)
			keep(s, &set);
	}
	meta_set_free(&set);
	return rc;
}

static int cannot(struct meta_suite *s, const char *trace, const char *err)
{
	bench_progress_clear(&s->progress);
	fprintf(stderr, "%s: %s\n", s->program, err);
	s->errors++;
	return golden_junit_add(&s->junit, trace, "open", 0, NULL, err, NULL);
}

static int run_trace(struct meta_suite *s, struct golden_case *c, const char *trace, const char *golden, uint64_t cases)
{
	uint64_t begin = now_ns(), failed = s->failed;
	struct meta_trace t;
	char err[1024], name[64];
	int rc;

	if (c->impaired)
		return golden_junit_add(&s->junit, c->trace.name, "recorded impaired", 0, NULL, NULL,
		                        "the golden file is of an impaired trace");
	rc = meta_trace_make(&t, &c->trace, &c->opts, golden ? &c->golden : NULL, s->how.engine, err, sizeof(err));
	if (rc)
		return rc == -ENOMEM ? rc : cannot(s, c->trace.name, err);
	s->traces++;
	s->conflicted += t.conflicted;
	s->ambiguous += t.ambiguous;
	s->left_out += t.left_out;
	s->reused += t.reused;
	if (t.differs[0]) {
		bench_progress_clear(&s->progress);
		fprintf(stderr, "%s: %s: %s\n", s->program, trace, t.differs);
		s->failed++;
		s->as_it_is++;
		rc = golden_junit_add(&s->junit, t.name, "as it is", 0, t.differs, NULL, NULL);
	} else {
		rc = run_cases(s, &t, trace, golden, cases);
	}
	if (rc == 0 && failed == s->failed) {
		snprintf(name, sizeof(name), "%" PRIu64 " cases, seed %" PRIu64, cases, s->how.seed);
		rc = golden_junit_add(&s->junit, t.name, name, (double)(now_ns() - begin) / 1e9, NULL, NULL, NULL);
	}
	meta_trace_free(&t);
	return rc;
}

static int open_and_run(struct meta_suite *s, const char *trace, const char *golden, uint64_t cases)
{
	struct golden_case c;
	char err[1024];
	int rc = golden_case_open(&c, trace, golden, s->given, NULL, NULL, err, sizeof(err));

	if (rc)
		return cannot(s, trace, err);
	rc = run_trace(s, &c, trace, golden, cases);
	golden_case_close(&c);
	return rc;
}

int meta_suite_trace(struct meta_suite *s, const char *trace, const char *golden)
{
	s->start_ns = now_ns();
	s->total = s->one ? 1 : s->cases;
	bench_progress_init(&s->progress, stderr, s->start_ns);
	return open_and_run(s, trace, golden, s->cases);
}

static int has_golden(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 7 && strcmp(e->d_name + n - 7, ".golden") == 0;
}

int meta_suite_folder(struct meta_suite *s, const char *dir, char *err, size_t errlen)
{
	struct dirent **list;
	int n = scandir(dir, &list, has_golden, alphasort), rc = 0;
	size_t len = strlen(dir);

	if (n <= 0) {
		rc = n < 0 ? -errno : -ENOENT;
		snprintf(err, errlen, "%s: %s", dir,
		         n < 0 ? strerror(errno) : "no trace with a TRACE.golden beside it");
		if (n == 0)
			free(list);
		return rc;
	}
	s->start_ns = now_ns();
	s->total = s->cases;
	bench_progress_init(&s->progress, stderr, s->start_ns);
	for (int i = 0; i < n; i++) {
		uint64_t cases = s->cases / (uint64_t)n + ((uint64_t)i < s->cases % (uint64_t)n);
		char *golden = NULL, *trace = NULL;

		if (rc == 0 &&
		    (asprintf(&golden, "%s%s%s", dir, len && dir[len - 1] == '/' ? "" : "/", list[i]->d_name) < 0 ||
		     !(trace = strndup(golden, strlen(golden) - 7))))
			rc = -ENOMEM;
		if (rc == 0)
			rc = open_and_run(s, trace, golden, cases);
		free(trace);
		free(golden);
		free(list[i]);
	}
	free(list);
	bench_progress_clear(&s->progress);
	if (rc)
		snprintf(err, errlen, "%s: %s", dir, strerror(-rc));
	return rc;
}

void meta_suite_print(struct meta_suite *s, const char *what)
{
	double seconds = (double)(now_ns() - s->start_ns) / 1e9;

	bench_progress_clear(&s->progress);
	printf("%-12s %10s %12s %12s\n", "change", "cases", "packets", "left alone");
	for (int k = 0; k < META_KINDS; k++)
		if (s->of_kind[k] || s->skipped[k])
			printf("%-12s %10" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n", meta_kind_name[k], s->of_kind[k],
			       s->changed[k], s->skipped[k]);
	printf("%s: %" PRIu64 " cases hold, %" PRIu64 " do not", what, s->done - (s->failed - s->as_it_is),
	       s->failed - s->as_it_is);
	if (s->as_it_is)
		printf(", %" PRIu64 " traces differ without any change", s->as_it_is);
	if (s->errors)
		printf(", %" PRIu64 " could not be run", s->errors);
	printf("; %" PRIu64 " packets, %" PRIu64 " lines compared, %.1f s", s->packets, s->lines, seconds);
	if (s->idle)
		printf("; %" PRIu64 " without anything to change", s->idle);
	if (s->conflicted || s->ambiguous)
		printf("; not reordered or cut: %" PRIu64 " streams with conflicts, %" PRIu64 " ambiguous",
		       s->conflicted, s->ambiguous);
	if (s->left_out)
		printf("; not used: %" PRIu64 " conversations that depend on hole-wait", s->left_out);
	if (s->reused && !s->how.across)
		printf("; kept apart: the uses of %" PRIu64 " 4-tuples", s->reused);
	printf(" (seed %" PRIu64 ")\n", s->how.seed);
}
