/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_suite.c: see golden_suite.h.
 */
#include "golden_suite.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "golden_foreign.h"

const struct golden_profile golden_profiles[] = {
	{ "clean", "" },
	{ "reorder", "--reorder 5%" },
	{ "reorder-dup", "--reorder 20%,depth=100 --dup 5%" },
	{ "loss", "--loss 2%" },
	{ "loss-burst", "--loss 1%,burst=4,retransmit=50ms --reorder 5%" },
	{ "truncate", "--truncate 2% --reorder 2%" },
	{ "corrupt", "--corrupt 2%" },
	{ "corrupt-fix", "--corrupt 1%,checksum=fix --reorder 5%" },
	{ NULL, NULL },
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Engine options that were given, for the line that repeats. */
static void put_given(FILE *f, const struct golden_given *g)
{
	char hole[64];

	if (g->opts.overlap != FOS_OVERLAPS)
		fprintf(f, " --overlap %s", fos_overlap_name(g->opts.overlap));
	if (g->opts.checksum_given)
		fprintf(f, " --checksum %s", g->opts.verify ? "verify" : "ignore");
	if (g->opts.hole_packets || g->opts.hole_ns) {
		bench_hole_wait_text(g->opts.hole_packets, g->opts.hole_ns, hole, sizeof(hole));
		fprintf(f, " --hole-wait %s", hole);
	}
	if (g->opts.hold_cap)
		fprintf(f, " --hold-cap %zu", g->opts.hold_cap);
	if (g->opts.vlan_key)
		fprintf(f, " --vlan-key");
	if (g->opts.filter) {
		fprintf(f, " --flow ");
		bench_shell_word(f, g->opts.filter);
	}
	if (g->force)
		fprintf(f, " --force");
}

static void put_engine(FILE *f, const struct golden_suite *s)
{
	char words[128];

	if (!s->engine || !s->engine->command)
		return;
	fprintf(f, " --engine ");
	bench_shell_word(f, s->engine->command);
	if (s->engine->limit_ns)
		fprintf(f, " --engine-timeout %" PRIu64 "us", s->engine->limit_ns / 1000);
	if (s->engine->lacks)
		fprintf(f, " --engine-lacks %s", golden_engine_lacks_text(s->engine->lacks, words, sizeof(words)));
}

/* The line that repeats a check, and the one that makes it smaller; for the caller to free. NULL: no memory. */
static char *repeat_lines(const struct golden_suite *s, const char *trace, const char *golden, const char *options)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "repeat: %s ", s->program);
	bench_shell_word(f, trace);
	fputc(' ', f);
	bench_shell_word(f, golden);
	put_engine(f, s);
	if (s->model)
		fprintf(f, " --reference model");
	put_given(f, s->given);
	fprintf(f, "%s%s\n", *options ? " " : "", options);
	if (strcmp(trace, "-") != 0) {
		fprintf(f, "smaller: flowos-golden shrink ");
		bench_shell_word(f, trace);
		fputc(' ', f);
		bench_shell_word(f, golden);
		fprintf(f, " -o small.pcapng");
		put_engine(f, s);
		put_given(f, s->given);
		fprintf(f, "%s%s\n", *options ? " " : "", options);
	}
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static void say(struct golden_suite *s, const char *trace, const char *options, const struct golden_outcome *o,
                const char *repeat)
{
	if (o->holds && s->quiet)
		return;
	bench_progress_clear(&s->progress);
	if (!o->holds) {
		fflush(stdout);
		fprintf(stderr, "%s: %s: %s\n", s->program, trace, o->first);
	}
	printf("%s: %" PRIu64 " streams hold, %" PRIu64 " differ", trace, o->hold, o->differ);
	if (*options)
		printf(" (%s)", options);
	if (o->gapped)
		printf("; %" PRIu64 " with gaps, %" PRIu64 " bytes missing", o->gapped, o->gap_bytes);
	if (o->conflicted)
		printf("; %" PRIu64 " with conflicts of the trace's own", o->conflicted);
	if (o->by_packet)
		printf("; %" PRIu64 " held against their packets", o->by_packet);
	if (o->left_out)
		printf("; %" PRIu64 " left out", o->left_out);
	printf("\n");
	if (!o->holds)
		printf("%s%s", o->more, repeat ? repeat : "");
	fflush(stdout);
}

/* What a report says below the first difference; NULL: nothing, or no memory. */
static char *detail(const struct golden_outcome *o, const char *repeat)
{
	char *text;

	return !o->holds && repeat && asprintf(&text, "%s\n%s%s", o->first, o->more, repeat) >= 0 ? text : NULL;
}

/* An engine that is not there fails every check alike: one line for all of them. */
static void say_error(struct golden_suite *s, const char *trace, const char *err)
{
	bool again = s->errors > 1 && strcmp(s->said, err) == 0;

	if (again && s->same)
		return;
	bench_progress_clear(&s->progress);
	fprintf(stderr, "%s: %s: %s\n", s->program, trace, again ? "the same (said once for all that follow)" : err);
	s->same = again;
	snprintf(s->said, sizeof(s->said), "%.1023s", err);
}

/* What cannot be done to this trace: not a failure, but no check either. */
static bool left_out(const struct golden_suite *s, const struct golden_case *c, const struct fos_impair_spec *spec,
                     char *err, size_t errlen)
{
	return !s->impaired &&
	       (bench_check_corrupt(&c->trace.frames, spec, err, errlen) == -EINVAL ||
	        bench_check_truncate(&c->trace.frames, spec, golden_case_verifies(c, spec), err, errlen) == -EINVAL);
}

static int check_one(struct golden_suite *s, struct golden_case *c, const char *trace, const char *golden,
                     const char *profile, const struct fos_impair_spec *spec)
{
	char options[2048], name[2200], err[1024], *repeat, *text;
	struct golden_outcome o = { 0 };
	uint64_t begin = now_ns();
	double seconds;
	int rc;

	fos_impair_spec_text(spec, options, sizeof(options));
	if (profile)
		snprintf(name, sizeof(name), "%s, seed %" PRIu64, profile, spec->seed);
	else
		snprintf(name, sizeof(name), "%s", options);
	bench_progress_update(&s->progress, begin, s->checks + s->left_out, s->total, "checks", s->now);
	if (left_out(s, c, spec, err, sizeof(err))) {
		s->left_out++;
		return golden_junit_add(&s->junit, c->trace.name, name, 0, NULL, NULL, err);
	}
	s->checks++;
	if (s->engine && s->engine->command)
		rc = golden_foreign_verify(c, s->engine, s->model, spec, &o, err, sizeof(err));
	else
		rc = golden_case_verify(c, spec, &o, err, sizeof(err));
	seconds = (double)(now_ns() - begin) / 1e9;
	if (rc) {
		s->errors++;
		say_error(s, trace, err);
		return golden_junit_add(&s->junit, c->trace.name, name, seconds, NULL, err, NULL);
	}
	s->failed += !o.holds;
	if (!fos_impair_spec_active(spec))
		options[0] = '\0';
	repeat = o.holds ? NULL : repeat_lines(s, trace, golden, options);
	say(s, trace, options, &o, repeat);
	rc = golden_junit_add(&s->junit, c->trace.name, name, seconds, o.holds ? NULL : o.first, NULL, NULL);
	text = detail(&o, repeat);
	if (rc == 0 && text)
		rc = golden_junit_detail(&s->junit, text);
	free(text);
	free(repeat);
	return rc;
}

static int run_seeds(struct golden_suite *s, struct golden_case *c, const char *trace, const char *golden,
                     const char *profile, struct fos_impair_spec *spec)
{
	int rc = 0;

	for (uint64_t seed = s->first_seed; rc == 0; seed++) {
		spec->seed = seed;
		rc = check_one(s, c, trace, golden, profile, spec);
		if (seed == s->last_seed || !fos_impair_spec_active(spec))
			break; /* without chance, seeds are all the same */
	}
	return rc;
}

static int run_profiles(struct golden_suite *s, struct golden_case *c, const char *trace, const char *golden)
{
	struct fos_impair_spec spec;
	char err[256];
	int rc = 0;

	for (const struct golden_profile *p = golden_profiles; rc == 0 && p->name; p++) {
		if (c->impaired && *p->options)
			continue; /* recorded with an impairment of its own */
		fos_impair_spec_init(&spec);
		rc = golden_spec_from_text(&spec, p->options, err, sizeof(err));
		if (rc == 0)
			rc = run_seeds(s, c, trace, golden, p->name, &spec);
		fos_impair_spec_free(&spec);
	}
	return rc;
}

int golden_suite_trace(struct golden_suite *s, const char *trace, const char *golden, bool profiles)
{
	const char *slash = strrchr(trace, '/');
	struct fos_impair_spec spec;
	struct golden_case c;
	char err[1024];
	int rc;

	s->now = slash ? slash + 1 : trace;
	rc = golden_case_open(&c, trace, golden, s->given, NULL, NULL, err, sizeof(err));
	if (rc) {
		bench_progress_clear(&s->progress);
		fprintf(stderr, "%s: %s\n", s->program, err);
		s->errors++;
		return golden_junit_add(&s->junit, s->now, "open", 0, NULL, err, NULL);
	}
	if (c.trace.damaged) {
		bench_progress_clear(&s->progress);
		fprintf(stderr, "%s: %s; what came before is compared\n", s->program, c.trace.frames.error);
	}
	if (profiles && !s->impaired) {
		rc = run_profiles(s, &c, trace, golden);
	} else {
		rc = fos_impair_spec_copy(&spec, s->spec);
		if (rc == 0) {
			rc = run_seeds(s, &c, trace, golden, NULL, &spec);
			fos_impair_spec_free(&spec);
		}
	}
	golden_case_close(&c);
	return rc;
}

static int has_golden(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 7 && strcmp(e->d_name + n - 7, ".golden") == 0;
}

/* How many checks there will be, where nothing is left out. */
static uint64_t checks_of(const struct golden_suite *s, uint64_t traces)
{
	uint64_t seeds = s->last_seed - s->first_seed + 1, per_trace = 0;

	if (s->impaired)
		return traces * seeds;
	for (const struct golden_profile *p = golden_profiles; p->name; p++)
		per_trace += *p->options ? seeds : 1;
	return traces * per_trace;
}

int golden_suite_folder(struct golden_suite *s, const char *dir, char *err, size_t errlen)
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
	s->total = checks_of(s, (uint64_t)n);
	bench_progress_init(&s->progress, stderr, now_ns());
	for (int i = 0; i < n; i++) {
		char *golden = NULL, *trace = NULL;

		if (rc == 0 &&
		    (asprintf(&golden, "%s%s%s", dir, len && dir[len - 1] == '/' ? "" : "/", list[i]->d_name) < 0 ||
		     !(trace = strndup(golden, strlen(golden) - 7))))
			rc = -ENOMEM;
		if (rc == 0)
			rc = golden_suite_trace(s, trace, golden, true);
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
