/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst.c: the command line of `flowos-bench worst`.
 */
#include "worst.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "measure.h"
#include "plot.h"
#include "progress.h"
#include "value.h"
#include "worst_out.h"

enum {
	SEGMENTS_MIN = 100,
	SEGMENTS_MAX = 5000000,
	SESSIONS_SHARE = 10, /* sessions that may be, beside what an attack opens */
};

static const struct cli_option options[] = {
	{ "list", NULL, "say which cases there are", 0 },
	{ "segments", "N", "about how many packets an attack has, duplicates apart (default 50k)", 0 },
	{ "innocent", "N", "sessions beside it, whose bytes are checked (default 100)", 0 },
	{ "payload", "N", "bytes of an attack's segment, where that is not the point (default 256)", 0 },
	{ "repeat", "N", "timed passes of each case and of its twin, in turns (default 7; less in a minute a case)",
	  0 },
	{ "seed", "N", "of all that is drawn (default 1)", 0 },
	{ "caps", "default|small", "small: caps that bite in every case; each of the options below sets one", 0 },
	{ "cap-held-total", "N", "bytes held above holes, in all; --hold-cap: per direction", 0 },
	{ "cap-kept", "N", "bytes that a module keeps, per direction", 0 },
	{ "cap-sessions", "N", "sessions (default: a tenth of the segments, at least four times the innocents)", 0 },
	{ "cap-fragments", "N", "datagrams that wait for fragments", 0 },
	{ "cap-fragment-bytes", "N", "their bytes", 0 },
	{ "json", "FILE", "results as JSON; with - nothing else is on standard output", 0 },
	{ "csv", "FILE", "results as a table", 0 },
	{ "plot", "FILE.svg|.png", "the ratios as bars (needs gnuplot)", 0 },
	{ NULL, NULL, NULL, 0 },
};

static const char more[] =
    "Each case is an attack between packets of innocent sessions. Where it makes sense it has a twin: the same\n"
    "packets in order, or with room for all, or with addresses that nobody chose; the ratio is what a packet costs\n"
    "beside the twin's, in processor time. growth is what the process' memory grew by.\n"
    "A packet is held before its cap is looked at: 16 KiB beyond a cap of what is held are within it.\n"
    "\n"
    "Exit status: 0 every case holds; 1 memory went beyond a cap, or an innocent stream lacks a byte or has a wrong\n"
    "one; 2 could not run. A ratio above 3 is marked `over` and is no failure: times are noisy.\n"
    "\n"
    "flowos-bench worst --json worst.json --plot worst.svg\n"
    "flowos-bench worst reverse syn-flood --segments 200k --caps small\n";

static int count(const char *value, uint64_t least, uint64_t most, uint64_t *out, char *err, size_t errlen)
{
	if (bench_value_count(value, most, out) == 0 && *out >= least)
		return 0;
	snprintf(err, errlen, "a number from %llu to %llu", (unsigned long long)least, (unsigned long long)most);
	return -EINVAL;
}

static int set_number(struct worst_opts *o, const char *name, const char *value, char *err, size_t errlen)
{
	const uint64_t most = UINT64_C(1) << 40;
	const struct {
		const char *name;
		uint64_t *at, least, most;
	} of[] = {
		{ "segments", &o->segments, SEGMENTS_MIN, SEGMENTS_MAX },
		{ "innocent", &o->innocent, 0, 100000 },
		{ "seed", &o->seed, 0, UINT64_MAX },
		{ "cap-held-total", &o->caps.held_total, 1, most },
		{ "cap-kept", &o->caps.kept, 1, most },
		{ "cap-sessions", &o->caps.sessions, 1, 1u << 30 },
		{ "cap-fragments", &o->caps.fragments, 1, 1u << 24 },
		{ "cap-fragment-bytes", &o->caps.fragment_bytes, 1, most },
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		if (strcmp(name, of[i].name) == 0)
			return count(value, of[i].least, of[i].most, of[i].at, err, errlen);
	return -ENOENT;
}

static int set(void *arg, const char *name, const char *value, char *err, size_t errlen)
{
	struct worst_opts *o = arg;
	enum bench_plot_format format;
	uint64_t n = 0;
	int rc = 0;

	if (strcmp(name, "list") == 0) {
		o->list = true;
	} else if (strcmp(name, "caps") == 0) {
		o->small_caps = strcmp(value, "small") == 0;
		if (!o->small_caps && strcmp(value, "default") != 0) {
			snprintf(err, errlen, "default or small");
			rc = -EINVAL;
		}
	} else if (strcmp(name, "repeat") == 0) {
		rc = count(value, 1, WORST_REPEATS_MAX, &n, err, errlen);
		o->repeat = (uint32_t)n;
	} else if (strcmp(name, "payload") == 0) {
		rc = count(value, 16, 1460, &n, err, errlen);
		o->payload = (uint32_t)n;
	} else if (strcmp(name, "json") == 0) {
		o->json = value;
	} else if (strcmp(name, "csv") == 0) {
		o->csv = value;
	} else if (strcmp(name, "plot") == 0) {
		o->plot = value;
		rc = bench_plot_format(value, &format, err, errlen);
	} else {
		rc = set_number(o, name, value, err, errlen);
	}
	return rc;
}

static uint64_t at_least(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void fill_in(uint64_t *cap, uint64_t value)
{
	*cap = *cap ? *cap : value;
}

/* Small ones leave the innocents what they need, and attackers much less than they want. */
static void set_caps(struct worst_opts *o)
{
	struct worst_caps *c = &o->caps;

	if (o->small_caps) {
		c->held = o->engine.hold_cap ? o->engine.hold_cap : 256 << 10;
		fill_in(&c->held_total, 1 << 20);
		fill_in(&c->kept, 64 << 10);
		fill_in(&c->sessions, at_least(o->segments / 50, 3 * o->innocent + 64));
		fill_in(&c->fragments, 64);
		fill_in(&c->fragment_bytes, 512 << 10);
	}
	fill_in(&c->sessions, at_least(o->segments / SESSIONS_SHARE, 4 * o->innocent + 16));
}

static int list(const struct cli_program *p)
{
	for (size_t i = 0; i < worst_case_count; i++)
		printf("%-20s %s\n", worst_cases[i].name, worst_cases[i].about);
	if (fflush(stdout) || ferror(stdout))
		return cli_fail(p, "standard output cannot be written");
	return CLI_DONE;
}

struct ticker {
	struct bench_progress progress;
	uint64_t done, of; /* cases */
	const char *name;
};

static void tick(void *arg, uint64_t done, uint64_t of)
{
	struct ticker *t = arg;

	bench_progress_update(&t->progress, bench_now_ns(), t->done * 1000 + done * 1000 / of, t->of * 1000,
	                      "thousandths", t->name);
}

/* Runs cases[0..n). r has room for them. */
static int run_all(const struct cli_program *p, const struct worst_opts *o, const struct worst_case **cases, size_t n,
                   struct worst_result *r)
{
	struct ticker t = { .of = n };
	char err[512];
	int rc = 0;

	bench_progress_init(&t.progress, stderr, bench_now_ns());
	for (size_t i = 0; i < n && rc == 0; i++) {
		t.done = i;
		t.name = cases[i]->name;
		tick(&t, 0, 1);
		rc = worst_run(o, cases[i], &r[i], tick, &t, err, sizeof(err));
	}
	bench_progress_clear(&t.progress);
	return rc ? cli_fail(p, "%s: %s", t.name, err) : CLI_DONE;
}

static bool is_stdout(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

static int write_all(const struct cli_program *p, const struct worst_report *w)
{
	const struct worst_opts *o = w->o;
	int status = CLI_DONE;
	char err[512];

	if (!is_stdout(o->json) && !is_stdout(o->csv) && (worst_table(w, stdout) || fflush(stdout)))
		status = cli_fail(p, "standard output cannot be written");
	if (o->json && worst_json_save(w, o->json, err, sizeof(err)))
		status = cli_fail(p, "%s", err);
	if (o->csv && worst_csv_save(w, o->csv, err, sizeof(err)))
		status = cli_fail(p, "%s", err);
	if (o->plot && worst_plot_save(w, o->plot, err, sizeof(err)))
		status = cli_fail(p, "%s", err);
	for (size_t i = 0; i < w->n && status == CLI_DONE; i++)
		status = worst_holds(&w->r[i]) ? CLI_DONE : CLI_FAILED;
	return status;
}

/* The cases that are named, or all. Returns how many, or 0 with a message said. */
static size_t choose(const struct cli_program *p, char **names, int n, const struct worst_case **cases)
{
	for (int i = 0; i < n && i < WORST_CASES_MAX; i++) {
		cases[i] = worst_case_find(names[i]);
		if (!cases[i]) {
			cli_fail(p, "%s: no such case; see --list", names[i]);
			return 0;
		}
	}
	if (n > WORST_CASES_MAX) {
		cli_fail(p, "too many cases");
		return 0;
	}
	for (size_t i = 0; n == 0 && i < worst_case_count; i++)
		cases[i] = &worst_cases[i];
	return n ? (size_t)n : worst_case_count;
}

int bench_worst(int argc, char **argv)
{
	struct worst_opts o = { .segments = 50000, .innocent = 100, .seed = 1, .repeat = 7, .payload = 256 };
	const struct worst_case *cases[WORST_CASES_MAX];
	struct worst_report w = { .o = &o, .argc = argc, .argv = argv };
	const struct cli_program p = {
		.name = "flowos-bench worst",
		.usage = "flowos-bench worst [CASE...] [options]",
		.about = "Worst cases by design: what they cost a packet, whether memory stays within its caps, and\n"
		         "whether innocent sessions beside them keep every byte.",
		.more = more,
		.options = options,
		.engine = &o.engine,
		.set = set,
		.arg = &o,
	};
	struct worst_result *r = NULL;
	int first, rc = cli_parse(&p, argc - 1, argv + 1, &first);

	if (rc >= 0)
		return rc;
	if (o.list)
		return list(&p);
	if (bench_workers(&o.engine) > 1)
		return cli_fail(&p, "--workers %u: what an attack costs is asked of one worker", o.engine.workers);
	if (is_stdout(o.json) && is_stdout(o.csv))
		return cli_fail(&p, "one thing at a time goes to standard output");
	set_caps(&o);
	first++; /* counted from argv[1] */
	w.n = choose(&p, argv + first, argc - first, cases);
	if (w.n == 0)
		return CLI_CANNOT;
	rc = cli_outputs(&p, (const char *const[]){ o.json, o.csv, o.plot }, 3, NULL, 0);
	if (rc >= 0)
		return rc;
	r = calloc(w.n, sizeof(*r));
	if (!r)
		return cli_fail(&p, "no memory");
	rc = run_all(&p, &o, cases, w.n, r);
	w.r = r;
	if (rc == CLI_DONE)
		rc = write_all(&p, &w);
	free(r);
	return rc;
}
