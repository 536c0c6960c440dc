/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_cmd_shrink.c: flowos-golden shrink: the least packets and decisions that still fail. Reads the clock, for --time and the
 * progress.
 */
#include "golden_cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "golden_case.h"
#include "progress.h"
#include "shrink.h"
#include "shrink_out.h"
#include "value.h"

/* One call of the command. */
struct shrink_cmd {
	struct golden_cmd c; /* first: set_own() gets it */
	const char *golden, *unimpaired;
	uint64_t tries, time_ns, began_ns;
	bool any;
	char *golden_path, *decisions_path; /* made up where they were not given */
	struct golden_case kase;            /* the trace, and the options of its golden file where there is one */
	struct shrink_trace packets;
	struct shrink_ask ask;
	struct shrink shrink;
	struct bench_progress progress;
	char hole_wait[64]; /* at first */
};

/* How much there is of a candidate. */
struct amount {
	uint64_t packets, sessions, decisions, bytes;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t decisions_of(const struct shrink_cand *c)
{
	uint64_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->item[i].d.actions != 0;
	return n;
}

static struct amount amount_of(const struct shrink_cand *c, const struct shrink_trace *t)
{
	struct amount a = { .packets = c->n, .decisions = decisions_of(c) };
	bool *seen = calloc(t->convs + 1, sizeof(*seen));

	for (size_t i = 0; i < c->n; i++) {
		struct shrink_left l;
		uint32_t conv = t->packet[c->item[i].packet].conv;

		shrink_left(c, t, &c->item[i], &l);
		a.bytes += l.len;
		if (seen && t->conv[conv].key.version) {
			a.sessions += !seen[conv];
			seen[conv] = true;
		}
	}
	free(seen);
	return a;
}

static int keep_going(void *arg, const struct shrink *s, const char *what)
{
	struct shrink_cmd *m = arg;
	uint64_t now = now_ns();
	char text[96];

	snprintf(text, sizeof(text), "%s: %zu packets, %" PRIu64 " decisions left", what, s->now.n,
	         decisions_of(&s->now));
	bench_progress_update(&m->progress, now, s->ask->tries, 0, "tries", text);
	return interrupted || (m->time_ns && now - m->began_ns >= m->time_ns);
}

/* The decisions of the impaired trace, each with its packet. */
static int take_decisions(struct shrink_cmd *m, struct shrink_cand *all, char *err, size_t errlen)
{
	struct fos_impair_spec spec;
	struct bench_schedule s;
	struct fos_decisions *list;
	int rc = fos_impair_spec_copy(&spec, &m->c.spec);

	if (rc) {
		snprintf(err, errlen, "%s", strerror(-rc));
		return rc;
	}
	spec.keep_decisions = true;
	rc = bench_check_corrupt(&m->kase.trace.frames, &spec, err, errlen);
	if (rc == 0)
		rc = bench_schedule_make(&s, &m->kase.trace.frames, &spec, err, errlen);
	fos_impair_spec_free(&spec);
	if (rc)
		return rc;
	list = s.port ? fos_decisions_get(fos_impair_decisions(s.port)) : NULL;
	bench_schedule_free(&s);
	if (list && fos_decisions_sort(list, NULL)) {
		snprintf(err, errlen, "the frames' numbers are not unique");
		rc = -EINVAL;
	}
	for (size_t i = 0; list && rc == 0 && i < all->n; i++) {
		const struct fos_decision *d = fos_decisions_find(list, m->packets.packet[i].f->num);

		if (d)
			all->item[i].d = *d;
	}
	fos_decisions_put(list);
	return rc;
}

/* The reference: the model, where it is here. -1 or an exit status. */
static int start_model(struct shrink_cmd *m)
{
	char err[512];
	int rc = bench_model_server_start(&m->ask.model, err, sizeof(err));

	if (rc == 0)
		return -1;
	if (!fos_impair_spec_lossless(&m->c.spec))
		return cli_fail(&m->c.program, "%s; without it packets can be reordered, doubled and delayed only",
		                err);
	fprintf(stderr,
	        "%s: %s; the reference is the engine's clean run, which cannot find what is wrong without decisions\n",
	        m->c.program.name, err);
	return -1;
}

static int check_outputs(const struct shrink_cmd *m, const char *trace, const char *golden)
{
	const char *const read[] = { trace, golden, m->c.spec.decisions_in };
	const char *const written[] = { m->c.output, m->golden_path, m->unimpaired, m->decisions_path };

	return cli_outputs(&m->c.program, written, m->unimpaired ? 4 : 2, read, 3);
}

static int load(struct shrink_cmd *m, const char *path, const char *golden)
{
	char err[1024];
	int rc = golden_case_open(&m->kase, path, golden, &m->c.given, NULL, NULL, err, sizeof(err));

	if (rc)
		return cli_fail(&m->c.program, "%s", err);
	if (m->kase.impaired)
		return cli_fail(&m->c.program, "%s was recorded under an impairment: give that one instead of the file",
		                golden);
	if (m->kase.opts.filter)
		return cli_fail(&m->c.program,
		                "--flow: the reference knows no flows; use a trace of these packets only");
	if (m->kase.trace.damaged)
		cli_fail(&m->c.program, "%s; what came before is shrunk", m->kase.trace.frames.error);
	rc = shrink_trace_make(&m->packets, &m->kase.trace.frames);
	if (rc == 0)
		rc = shrink_cand_all(&m->shrink.now, &m->packets);
	if (rc)
		return cli_fail(&m->c.program, "%s", strerror(-rc));
	if (take_decisions(m, &m->shrink.now, err, sizeof(err)))
		return cli_fail(&m->c.program, "%s", err);
	return -1;
}

static void set_up(struct shrink_cmd *m)
{
	struct bench_engine_opts *o = &m->ask.opts;

	m->ask.trace = m->shrink.trace = &m->packets;
	m->ask.engine = &m->c.engine;
	m->ask.any = m->any;
	m->shrink.ask = &m->ask;
	m->shrink.max_tries = m->tries;
	m->shrink.poll = keep_going;
	m->shrink.arg = m;
	m->c.engine.trace = NULL;
	*o = m->kase.opts;
	o->checksum_given = m->kase.checksum_asked;
	o->verify = bench_verify_checksums(o, &m->c.spec) || (!m->kase.checksum_asked && m->kase.opts.verify);
	o->checksum_given = true;
	bench_hole_wait(o, &m->c.spec, &m->shrink.now.hole_packets, &m->shrink.now.hole_ns);
	bench_hole_wait_text(m->shrink.now.hole_packets, m->shrink.now.hole_ns, m->hole_wait, sizeof(m->hole_wait));
	m->shrink.keep_hole_wait = m->c.given.opts.hole_packets || m->c.given.opts.hole_ns || m->c.engine.command;
	m->ask.view.totals = o->hold_cap != 0;
}

/* Asks once, and sets what must stay. -1 or an exit status. */
static int ask_first(struct shrink_cmd *m)
{
	struct shrink_run r;

	if (shrink_run(&m->ask, &m->shrink.now, &r))
		return cli_fail(&m->c.program, "%s", m->ask.err);
	m->ask.tries++;
	m->ask.like = r.found;
	shrink_run_free(&r);
	bench_progress_clear(&m->progress);
	return -1;
}

/* The model says the same of these very packets. Does FILE? Where it does not, and nothing was lost or changed, the order alone
 * makes the difference, and the engine's run without the decisions is the reference. -1 or an exit status. */
static int ask_file(struct shrink_cmd *m, const char *golden)
{
	struct golden_outcome found = { .holds = true };
	char err[1024];

	if (golden && !m->c.engine.command && golden_case_verify(&m->kase, &m->c.spec, &found, err, sizeof(err)))
		return cli_fail(&m->c.program, "%s", err);
	if (found.holds)
		return -1;
	if (!fos_impair_spec_active(&m->c.spec) || !fos_impair_spec_lossless(&m->c.spec) || !m->kase.clean_found.holds)
		return cli_fail(&m->c.program,
		                "nothing to shrink: of these packets the model says what the engine says; "
		                "it is %s that says otherwise",
		                golden);
	fprintf(
	    stderr,
	    "%s: of these packets the model says what the engine says; the reference is the run without decisions\n",
	    m->c.program.name);
	bench_model_server_stop(m->ask.model);
	m->ask.model = NULL;
	return ask_first(m);
}

/* Does it fail at all? -1 or an exit status. */
static int first_run(struct shrink_cmd *m, const char *golden)
{
	int rc = ask_first(m);

	if (rc < 0 && m->ask.like.kind == SHRINK_HOLDS && m->ask.model)
		rc = ask_file(m, golden);
	if (rc >= 0)
		return rc;
	if (m->ask.like.kind == SHRINK_HOLDS)
		return cli_fail(&m->c.program, "nothing fails here: there is nothing to shrink");
	printf("fails: %s (%s)\n", m->ask.like.text, shrink_kind_text(m->ask.like.kind));
	fflush(stdout);
	return -1;
}

/* The comment on the file as a whole. The caller frees it. */
static char *comment_of(const struct shrink_cmd *m, const char *difference)
{
	char spec[2048] = "", wait[64];
	char *text;

	if (fos_impair_spec_active(&m->c.spec))
		fos_impair_spec_text(&m->c.spec, spec, sizeof(spec));
	bench_hole_wait_text(m->shrink.now.hole_packets, m->shrink.now.hole_ns, wait, sizeof(wait));
	if (asprintf(
	        &text,
	        "flowos-golden shrink %s%s%s --overlap %s --checksum %s%s%s: the least packets that still fail: %s. "
	        "They are as the engine saw them; hole-wait %s.",
	        m->kase.trace.name, spec[0] ? " " : "", spec, fos_overlap_name(m->ask.opts.overlap),
	        m->ask.opts.verify ? "verify" : "ignore", m->c.engine.command ? " --engine " : "",
	        m->c.engine.command ? m->c.engine.command : "", difference, wait) < 0)
		return NULL;
	return text;
}

static void say_table(const struct shrink_cmd *m, const struct amount *was, const struct shrink_run *r)
{
	struct amount is = amount_of(&m->shrink.now, &m->packets);
	char wait[64];

	bench_hole_wait_text(m->shrink.now.hole_packets, m->shrink.now.hole_ns, wait, sizeof(wait));

	printf("%12s %10s %10s\n", "", "before", "after");
	printf("%12s %10" PRIu64 " %10" PRIu64 "\n", "packets", was->packets, is.packets);
	printf("%12s %10s %10zu\n", "as seen", "", r->schedule.frames.n);
	printf("%12s %10" PRIu64 " %10" PRIu64 "\n", "sessions", was->sessions, is.sessions);
	printf("%12s %10" PRIu64 " %10" PRIu64 "\n", "decisions", was->decisions, is.decisions);
	printf("%12s %10" PRIu64 " %10" PRIu64 "\n", "payload", was->bytes, is.bytes);
	printf("%12s %10s %10s\n", "hole-wait", m->hole_wait, wait);
	printf("%" PRIu64 " tries, %" PRIu64 " more were known; %.1f s%s\n", m->ask.tries, m->ask.known,
	       (double)(now_ns() - m->began_ns) / 1e9,
	       m->shrink.ended ? "; ended early, there may be less" : "; nothing more can go");
}

static int write_all(struct shrink_cmd *m, const struct amount *was)
{
	char err[1024] = "";
	struct shrink_run r;
	struct shrink_out o = { .trace = &m->packets,
		                .cand = &m->shrink.now,
		                .run = &r,
		                .opts = &m->ask.opts,
		                .reference = m->ask.model ? "model" : "clean run" };
	char *comment;
	int rc;

	rc = shrink_run(&m->ask, &m->shrink.now, &r);
	if (rc)
		return cli_fail(&m->c.program, "%s", m->ask.err);
	o.comment = comment = comment_of(m, r.found.text);
	rc = shrink_write_seen(&o, m->c.output, err, sizeof(err));
	if (rc == 0)
		rc = shrink_write_golden(&o, m->c.output, m->golden_path, err, sizeof(err));
	if (rc == 0 && m->unimpaired)
		rc = shrink_write_before(&o, m->unimpaired, m->decisions_path, err, sizeof(err));
	if (rc) {
		cli_fail(&m->c.program, "%s", err);
	} else {
		printf("still: %s (%s)\n", r.found.text, shrink_kind_text(r.found.kind));
		say_table(m, was, &r);
		shrink_list(&o, stdout);
		printf("%s, %s\n", m->c.output, m->golden_path);
	}
	free(comment);
	shrink_run_free(&r);
	return rc ? CLI_CANNOT : CLI_DONE;
}

static int shrink_trace(struct shrink_cmd *m, const char *path, const char *golden)
{
	struct sigaction act = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART }, before;
	struct amount was;
	int rc;

	m->began_ns = now_ns();
	bench_progress_init(&m->progress, stderr, m->began_ns);
	if (asprintf(&m->golden_path, "%s%s", m->golden ? m->golden : m->c.output, m->golden ? "" : ".golden") < 0 ||
	    asprintf(&m->decisions_path, "%s.decisions", m->unimpaired ? m->unimpaired : "") < 0)
		return cli_fail(&m->c.program, "no memory");
	rc = check_outputs(m, path, golden);
	if (rc < 0)
		rc = load(m, path, golden);
	if (rc < 0)
		rc = start_model(m);
	if (rc >= 0)
		return rc;
	set_up(m);
	was = amount_of(&m->shrink.now, &m->packets);
	rc = first_run(m, golden);
	if (rc >= 0)
		return rc;
	sigaction(SIGINT, &act, &before);
	if (shrink_all(&m->shrink))
		return cli_fail(&m->c.program, "%s", m->ask.err[0] ? m->ask.err : "no memory");
	bench_progress_clear(&m->progress);
	sigaction(SIGINT, &before, NULL);
	return write_all(m, &was);
}

static int set_own(struct golden_cmd *c, const char *name, const char *value, char *err, size_t errlen)
{
	struct shrink_cmd *m = (struct shrink_cmd *)c;
	int rc = 0;

	if (strcmp(name, "golden") == 0)
		m->golden = value;
	else if (strcmp(name, "unimpaired") == 0)
		m->unimpaired = value;
	else if (strcmp(name, "any") == 0)
		m->any = true;
	else if (strcmp(name, "tries") == 0)
		rc = bench_value_count(value, UINT64_MAX, &m->tries);
	else if (strcmp(name, "time") == 0)
		rc = bench_value_time(value, &m->time_ns);
	if (rc)
		snprintf(err, errlen,
		         strcmp(name, "time") == 0 ? "a time such as 60s" : "a number, k and M may follow");
	return rc;
}

static const struct cli_option options[] = {
	{ "output", "FILE", "where to write the least packets, as the engine saw them (pcapng)", 'o' },
	{ "golden", "FILE", "where to write what must come of them (default: the output's name and .golden)", 0 },
	{ "unimpaired", "FILE", "where to write the packets before the decisions, and to FILE.decisions these", 0 },
	{ "force", NULL, "take FILE although it was made from another trace", 0 },
	{ "any", NULL, "any failure will do, not the first one's stream and kind only", 0 },
	{ "tries", "N", "at most so many questions to the engine", 0 },
	{ "time", "T", "at most about this long, such as 60s", 0 },
	{ "engine", "CMD", "another engine under test: a command, {} is a capture; it writes golden lines", 0 },
	{ "engine-lacks", "LIST", "what is not asked of CMD: udp, empty, ...", 0 },
	{ "engine-timeout", "T", "how long CMD may take (default 60s)", 0 },
	{ NULL, NULL, NULL, 0 },
};

static const char about[] =
    "Runs TRACE, impaired if asked, and takes packets, bytes and decisions away as long as the first difference\n"
    "stays: one of the same kind in the same stream. What is left is TCP: sequence space closes up, and\n"
    "acknowledgements, lengths and checksums follow. FILE, TRACE's golden file, says the engine's options, as for\n"
    "verify. The reference is the model (tests/model); where it is not here, or says the same while FILE does not\n"
    "hold, so that the order alone decides, the engine's own run without the decisions. SIGINT ends the\n"
    "search, and the smallest so far is written.\n"
    "Exit status 0: written; 2: nothing fails here, or it could not run.";

int golden_cmd_shrink(int argc, char **argv)
{
	struct shrink_cmd m = {
		.c = { .program = { .name = "flowos-golden shrink",
		                    .usage = "flowos-golden shrink TRACE [FILE] -o SMALL.pcapng [impairments] [engine "
		                             "options]",
		                    .about = about,
		                    .options = options,
		                    .more = "flowos-golden shrink x.pcap --reorder 5% --seed 7 -o small.pcapng\n"
		                            "flowos-golden verify small.pcapng small.pcapng.golden\n" },
		       .set_own = set_own },
	};
	int first, rc = golden_cmd_start(&m.c, argc, argv, &first);

	if (rc < 0) {
		if (argc - first < 1 || argc - first > 2)
			rc = cli_fail(&m.c.program, "%s; see --help",
			              argc > first ? "one trace and its golden file only" : "which trace?");
		else if (!m.c.output || strcmp(m.c.output, "-") == 0)
			rc = cli_fail(&m.c.program, "where to? -o FILE is needed");
		else
			rc = shrink_trace(&m, argv[first], argv[first + 1]);
	}
	bench_progress_clear(&m.progress);
	shrink_cand_free(&m.shrink.now);
	shrink_ask_free(&m.ask);
	shrink_trace_free(&m.packets);
	golden_case_close(&m.kase);
	free(m.golden_path);
	free(m.decisions_path);
	fos_impair_spec_free(&m.c.spec);
	return rc;
}
