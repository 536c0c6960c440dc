/* SPDX-License-Identifier: BSD-2-Clause
 *
 * campaign.c: all of a flowos-bench call, from the trace to the numbers. What is written where is flowos_bench.c's.
 */
#include "campaign.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <flowos/gen.h>
#include <flowos/scale.h>

#include "cli.h"
#include "extras.h"
#include "measure.h"
#include "note.h"
#include "peer_samples.h"
#include "progress.h"
#include "repeat.h"
#include "result_format.h"
#include "result_verdict.h"
#include "stats.h"
#include "uses.h"

struct job {
	struct bench_prepared prepared;
	bool ready;
	double *samples;
	uint32_t n;
	struct bench_pass last;
	struct bench_hist *latency;
	struct bench_peer_samples peers;
};

struct campaign {
	const struct bench_opts *o;
	struct bench_result *result;
	struct bench_trace trace;
	struct bench_points points;
	struct job *job;
	struct bench_progress progress;
	uint64_t target, done, steps;
	bool failed;
	char err[1024];
};

static void step(struct campaign *c, const char *what)
{
	bench_progress_update(&c->progress, bench_now_ns(), c->done, c->steps, "steps", what);
}

static void say(struct campaign *c, const char *what, const char *text)
{
	bench_progress_clear(&c->progress);
	fprintf(stderr, "flowos-bench: %s%s%s\n", what, *what && *text ? ": " : "", text);
}

/* A folder for streams is new or empty. */
static int check_folder(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (n < 3 && readdir(d))
		n++;
	closedir(d);
	return n > 2 ? -ENOTEMPTY : 0;
}

/* What could not be written at the end had better not be begun. */
static int check_outputs(struct campaign *c)
{
	const struct bench_opts *o = c->o;
	int rc = bench_opts_outputs(o);

	if (rc >= 0)
		return rc;
	rc = o->streams_out ? check_folder(o->streams_out) : 0;
	if (rc)
		return bench_opts_fail("--streams-out %s: %s", o->streams_out, strerror(-rc));
	return -1;
}

static int loading(void *arg, uint64_t packets)
{
	struct campaign *c = arg;

	bench_progress_update(&c->progress, bench_now_ns(), packets, 0, "packets", "reading the trace");
	return 0;
}

/* Does every pass take the trace as it is and look at it once? Then it need not be in memory first. */
static bool streams(const struct bench_opts *o)
{
	const struct fos_impair_spec *spec = &o->impair;
	bool paced = o->multiplier > 0 || o->pps > 0 || o->mbps > 0;
	bool again = o->warmup + o->repeat > 1 && strcmp(o->trace, "-") == 0;

	return o->no_check && !o->n_sessions && !o->n_sweeps && o->seeds <= 1 && !paced && !again && !o->peers &&
	       bench_workers(&o->engine) == 1 && !o->impaired_out && !o->streams_out && !fos_impair_spec_active(spec) &&
	       !spec->decisions_in && !spec->decisions_out;
}

static void say_damaged(struct campaign *c, const char *what, size_t packets)
{
	snprintf(c->err, sizeof(c->err), "%s; results are partial, of the %zu packets before", what, packets);
	say(c, c->err, "");
	c->failed = true;
}

static int load(struct campaign *c)
{
	const struct bench_opts *o = c->o;
	int rc;

	if (!o->trace) {
		snprintf(c->trace.name, sizeof(c->trace.name), "gen:%.200s", o->gen);
		return -1;
	}
	if (streams(o)) {
		rc = bench_trace_stream(&c->trace, o->trace, &o->cpus, o->cpu, c->err, sizeof(c->err));
		return rc ? bench_opts_fail("%s", c->err) : -1;
	}
	rc = bench_trace_load(&c->trace, o->trace, !o->no_check, loading, c, c->err, sizeof(c->err));
	bench_progress_clear(&c->progress);
	if (rc)
		return bench_opts_fail("%s", c->err);
	if (c->trace.damaged)
		say_damaged(c, c->trace.frames.error, c->trace.frames.n);
	return -1;
}

/* Every point of a session sweep gets as many packets as the largest one needs. */
static void set_target(struct campaign *c)
{
	struct fos_scale_opts one = { .sessions = 1, .seed = 1 };
	struct fos_scale_info info;
	struct fos_port *port;
	uint64_t most = 0;

	for (unsigned i = 0; i < c->o->n_sessions; i++)
		most = c->o->sessions[i] > most ? c->o->sessions[i] : most;
	if (!c->o->trace || most == 0 || fos_scale_open(&c->trace.frames, &one, &info, &port))
		return;
	fos_port_close(port);
	c->target = c->trace.frames.n;
	if (most > info.source_sessions)
		c->target = (uint64_t)((double)c->target * (double)most / (double)info.source_sessions);
}

/* The first point's engine is made once before all work: a module that is not there is no reason to wait. */
static int check_engine(struct campaign *c)
{
	for (size_t i = 0; i < c->points.n; i++) {
		struct fos_worker *w;

		if (i && c->o->n_sweeps == 0)
			break;
		if (bench_worker_make(&c->points.at[i].engine, &c->points.at[i].impair, NULL, NULL, &w, c->err,
		                      sizeof(c->err)))
			return bench_opts_fail("%s", c->err);
		int rc =
		    bench_workers(&c->points.at[i].engine) > 1 ? fos_worker_mergeable(w, c->err, sizeof(c->err)) : 0;

		fos_worker_destroy(w);
		if (rc)
			return bench_opts_fail("--workers: %s", c->err);
	}
	return -1;
}

static void fail_point(struct campaign *c, size_t i, const char *text)
{
	struct bench_run *run = &c->result->runs[i];

	if (!run->error)
		bench_text_set(&run->error, text[0] ? text : "failed");
	say(c, text, "");
	c->failed = true;
	bench_prepared_free(&c->job[i].prepared);
	c->job[i].ready = false;
}

static void note_impaired(struct bench_run *run, const struct bench_schedule *s)
{
	run->impaired = (struct bench_impaired){ .known = true,
		                                 .selected = s->stats.selected,
		                                 .reordered = s->metrics.reordered,
		                                 .lost = s->stats.lost,
		                                 .duplicated = s->stats.duplicated,
		                                 .corrupted = s->stats.corrupted,
		                                 .truncated = s->stats.truncated,
		                                 .reordered_ratio = s->metrics.reordered_ratio,
		                                 .max_extent = s->metrics.max_extent };
}

static void say_repeat(struct campaign *c, size_t i)
{
	bench_progress_clear(&c->progress);
	fputs("flowos-bench: to repeat: ", stderr);
	bench_repeat_write(stderr, c->o, &c->points.at[i]);
	fputc('\n', stderr);
}

/* Packets that are later than the next connection of their addresses and ports may be of either: what came of them says nothing. */
static bool mixed_by_delay(struct campaign *c, size_t i)
{
	const struct bench_prepared *p = &c->job[i].prepared;
	const struct fos_impair_spec *spec = &c->points.at[i].impair;
	uint64_t delay = fos_impair_spec_delay(spec), apart = UINT64_MAX;
	char late[24], pause[24], text[512];

	if (!spec->replay && !spec->only) /* all by the same: that changes no order */
		delay -= spec->delay.delay_ns;
	if (delay == 0 || bench_run_verdict(&c->result->runs[i]) != BENCH_FAILS ||
	    bench_uses_apart(p->source.frames->v, p->source.frames->n, &apart) || delay <= apart)
		return false;
	bench_format_seconds((double)delay * 1e-9, late, sizeof(late));
	bench_format_seconds((double)apart * 1e-9, pause, sizeof(pause));
	snprintf(text, sizeof(text),
	         "packets are up to %s later than others, but two connections of the same addresses and ports are only "
	         "%s apart: which packet is of which cannot be told; delay them less",
	         late, pause);
	fail_point(c, i, text);
	return true;
}

static void verify(struct campaign *c, size_t i)
{
	struct bench_run *run = &c->result->runs[i];
	char first[512] = "";

	step(c, "checking every stream");
	if (bench_verify(&c->job[i].prepared, c->o, &c->points.at[i], run, first, sizeof(first), c->err,
	                 sizeof(c->err))) {
		fail_point(c, i, c->err);
		return;
	}
	if (first[0] && !mixed_by_delay(c, i)) {
		say(c, "first difference", first);
		say_repeat(c, i);
	}
}

static void prepare(struct campaign *c, size_t i)
{
	struct job *j = &c->job[i];

	step(c, "making packets");
	c->err[0] = '\0';
	if (bench_prepare(&j->prepared, c->o, &c->points.at[i], c->o->trace ? &c->trace : NULL, c->target, c->err,
	                  sizeof(c->err))) {
		fail_point(c, i, c->err);
		return;
	}
	j->ready = true;
	note_impaired(&c->result->runs[i], &j->prepared.schedule);
	c->done++;
	if (!c->o->no_check)
		verify(c, i);
	c->done++;
	if (j->ready && bench_write_extras(c->o, &c->points.at[i], &j->prepared, c->err, sizeof(c->err)))
		fail_point(c, i, c->err);
}

static void one_pass(struct campaign *c, size_t i, bool counts, bool last)
{
	const struct bench_pace pace = { c->o->multiplier, c->o->pps, c->o->mbps };
	struct job *j = &c->job[i];
	struct bench_pass pass;

	if (!j->ready)
		return;
	step(c, counts ? "measuring" : "warming up");
	if (bench_pass(&j->prepared, &c->points.at[i], &pace, last, j->latency, &pass, c->err, sizeof(c->err))) {
		fail_point(c, i, c->err);
		return;
	}
	if (counts)
		j->samples[j->n++] = pass.seconds > 0 ? pass.seconds : 1e-9;
	if (pass.damaged[0] && !c->trace.damaged) {
		c->trace.damaged = true;
		snprintf(c->trace.frames.error, sizeof(c->trace.frames.error), "%s", pass.damaged);
		say_damaged(c, pass.damaged, pass.stats.packets);
	} else if (c->trace.streamed && pass.stats.packets == 0) {
		say(c, c->trace.name, "holds no packets");
	}
	json_decref(j->last.modules);
	j->last = pass;
	c->done++;
}

static void peer_pass(struct campaign *c, size_t i, unsigned peer, bool counts)
{
	struct job *j = &c->job[i];

	if (!j->ready)
		return;
	step(c, "peers");
	const struct bench_peer_team team = { &j->prepared.lanes, c->points.at[i].engine.cpus };

	if (bench_peer_samples_take(&j->peers, peer, &j->prepared.schedule.frames, &team, counts, c->err,
	                            sizeof(c->err)))
		fail_point(c, i, c->err);
	c->done++;
}

static void finish(struct campaign *c, size_t i)
{
	struct bench_run *run = &c->result->runs[i];
	struct job *j = &c->job[i];
	const struct fos_worker_stats *st = &j->last.stats;
	int rc = 0;

	if (!j->ready)
		return;
	run->sessions = c->points.at[i].sessions ? c->points.at[i].sessions : st->tcp_sessions;
	run->concurrent_peak = st->sessions_peak;
	run->workers = bench_workers(&c->points.at[i].engine);
	run->mapped_ahead = j->prepared.ahead != NULL;
	run->packets = st->packets;
	run->wire_bytes = st->wire_bytes;
	run->payload_bytes = st->payload_bytes;
	run->distinct_payload_bytes = j->prepared.source.distinct_payload_bytes;
	if (run->distinct_payload_bytes == 0 || run->distinct_payload_bytes > run->payload_bytes)
		run->distinct_payload_bytes = run->payload_bytes;
	if (st->packets)
		rc = bench_run_time(run, j->samples, j->n, st->delivered_bytes + st->datagram_bytes, c->o->impair.seed);
	if (rc == 0)
		rc = bench_peer_samples_note(&j->peers, run, c->o->impair.seed);
	if (run->seconds.median > 0) /* of all waves */
		run->sessions_per_second = (double)st->tcp_sessions / run->seconds.median;
	if (rc == 0 && !c->o->no_check) {
		step(c, "service times and memory");
		rc = bench_detail(&j->prepared, &c->points.at[i], run, c->err, sizeof(c->err));
	}
	c->done++;
	bench_note_drops(run, st);
	if (c->points.at[i].engine.gate)
		bench_note_gate(run, st);
	bench_note_modules(run, j->last.modules);
	json_decref(j->last.modules);
	j->last.modules = NULL;
	if (j->latency && j->latency->count)
		bench_quantiles(&run->latency_ns, j->latency);
	if (c->trace.damaged) {
		run->partial = true;
		bench_text_set(&run->partial_reason, c->trace.frames.error);
	}
	if (run->gate.known && run->gate.released + run->gate.not_released != st->packets)
		fail_point(c, i, "packets went into the gate that neither left nor were dropped");
	else if (j->last.finish)
		fail_point(c, i, j->last.finish_text);
	else if (rc)
		fail_point(c, i, strerror(-rc));
}

/* Points [from, to): prepared, then measured in randomised blocks. */
static int measure(struct campaign *c, size_t from, size_t to)
{
	const struct bench_opts *o = c->o;
	uint32_t each = 1 + (o->peers ? bench_peer_count() : 0); /* the engine, and its peers */
	uint32_t n = (uint32_t)(to - from) * each, blocks = o->warmup + o->repeat;
	uint32_t *order = malloc((size_t)n * blocks * sizeof(*order));

	if (!order)
		return -ENOMEM;
	for (size_t i = from; i < to; i++)
		prepare(c, i);
	bench_blocks(o->impair.seed, n, blocks, order);
	for (uint32_t k = 0; k < n * blocks; k++) {
		size_t i = from + order[k] / each;
		uint32_t which = order[k] % each;

		if (which)
			peer_pass(c, i, which - 1, k / n >= o->warmup);
		else
			one_pass(c, i, k / n >= o->warmup, k / n + 1 == blocks);
	}
	for (size_t i = from; i < to; i++) {
		finish(c, i);
		bench_prepared_free(&c->job[i].prepared);
	}
	free(order);
	return 0;
}

static int make_jobs(struct campaign *c)
{
	bool paced = c->o->multiplier > 0 || c->o->pps > 0 || c->o->mbps > 0;

	c->job = calloc(c->points.n, sizeof(*c->job));
	if (!c->job)
		return -ENOMEM;
	for (size_t i = 0; i < c->points.n; i++) {
		struct bench_run *run = bench_result_run(c->result);
		const struct bench_pairs *axes = &c->points.at[i].axes;

		c->job[i].samples = calloc(c->o->repeat, sizeof(double));
		if (paced)
			c->job[i].latency = calloc(1, sizeof(struct bench_hist));
		if (!run || !c->job[i].samples || (paced && !c->job[i].latency))
			return -ENOMEM;
		if (c->o->peers && bench_peer_samples_init(&c->job[i].peers, c->o->repeat))
			return -ENOMEM;
		run->sessions = c->points.at[i].sessions;
		for (size_t k = 0; k < axes->count; k++)
			if (bench_pairs_set_text(&run->axes, axes->at[k].key, axes->at[k].text))
				return -ENOMEM;
	}
	uint32_t each = 1 + (c->o->peers ? bench_peer_count() : 0);

	c->steps = c->points.n * (2 + (c->o->warmup + c->o->repeat) * each + 1);
	return 0;
}

/* About what a point of made-up sessions takes. */
static double gen_bytes(const struct bench_opts *o, uint64_t sessions)
{
	struct fos_gen_spec g;
	char err[256];

	if (fos_gen_parse(o->gen, &g, err, sizeof(err)))
		return 0;
	double segments = (double)(g.bytes / g.mss + g.request / g.mss + 2);
	double packets = 6 + segments + (g.ack ? segments / g.ack : 0);

	return (double)(sessions ? sessions : g.sessions) * (packets * 300 + (double)(g.bytes + g.request));
}

/* Can all points be in memory at once, so that they take turns? */
static bool fits(const struct campaign *c)
{
	double have = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), need = 0;
	uint64_t packets = c->target ? c->target : c->trace.frames.n;

	for (size_t i = 0; i < c->points.n; i++)
		need += c->o->gen ? gen_bytes(c->o, c->points.at[i].sessions) : (double)packets * 190;
	return need < have * 0.5;
}

static int run_all(struct campaign *c)
{
	int rc = 0;

	if (c->points.n == 1 || fits(c))
		return measure(c, 0, c->points.n);
	say(c, "the points do not fit into memory together: they are measured one after the other, not in turns", "");
	for (size_t i = 0; rc == 0 && i < c->points.n; i++)
		rc = measure(c, i, i + 1);
	return rc;
}

static void campaign_free(struct campaign *c)
{
	for (size_t i = 0; c->job && i < c->points.n; i++) {
		bench_prepared_free(&c->job[i].prepared);
		json_decref(c->job[i].last.modules);
		free(c->job[i].samples);
		free(c->job[i].latency);
		bench_peer_samples_clear(&c->job[i].peers);
	}
	free(c->job);
	bench_points_free(&c->points);
	bench_trace_free(&c->trace);
}

static int prepare_all(struct campaign *c, int argc, char **argv)
{
	int status = check_outputs(c), rc;

	if (status >= 0)
		return status;
	rc = bench_points_make(&c->points, c->o, c->err, sizeof(c->err));
	if (rc)
		return bench_opts_fail("%s", c->err[0] ? c->err : strerror(-rc));
	status = check_engine(c);
	if (status < 0)
		status = load(c);
	if (status >= 0)
		return status;
	if (c->o->trace && c->trace.frames.n == 0 && !c->trace.damaged && !c->trace.streamed)
		say(c, c->trace.name, "holds no packets");
	set_target(c);
	rc = make_jobs(c);
	if (rc == 0)
		rc = bench_note_call(c->result, c->o, c->trace.name, c->trace.sha256, argc, argv);
	return rc ? bench_opts_fail("%s", strerror(-rc)) : -1;
}

/* One point that could not run at all is bad usage, not a result. */
static bool nothing_ran(const struct campaign *c)
{
	for (size_t i = 0; i < c->result->run_count; i++)
		if (!c->result->runs[i].error || c->result->runs[i].packets)
			return false;
	return true;
}

int bench_campaign(const struct bench_opts *o, int argc, char **argv, struct bench_result **out)
{
	struct campaign c = { .o = o };
	int status, rc;

	*out = c.result = bench_result_create();
	if (!c.result)
		return bench_opts_fail("no memory");
	bench_progress_init(&c.progress, stderr, bench_now_ns());
	bench_pin(o->cpu);
	status = prepare_all(&c, argc, argv);
	if (status < 0) {
		rc = run_all(&c);
		if (rc == 0)
			rc = bench_result_speedup(c.result);
		bench_progress_clear(&c.progress);
		status = rc                ? bench_opts_fail("%s", strerror(-rc))
		         : nothing_ran(&c) ? CLI_CANNOT
		         : c.failed        ? CLI_FAILED
		                           : CLI_DONE;
	}
	campaign_free(&c);
	return status;
}
