/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_live.c: see mb_live.h. The box is that of `flowos run`; here it gets clocks and counters round it.
 */
#include "mb_live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cli.h"
#include "mb_clock.h"
#include "mb_ring.h"
#include "mb_watch.h"
#include "measure.h"
#include "note.h"
#include "progress.h"

struct live {
	const struct bench_opts *o;
	struct bench_result *result;
	struct mb_conf conf;
	struct mb_box box;
	struct mb_watch watch;
	struct mb_stats stats;
	struct bench_progress progress;
	struct bench_hist *latency; /* one a worker */
	uint64_t begin_ns;          /* on the monotonic clock */
	double begin_cpu, seconds, cpu;
	char err[1024];
};

/* Processor time of the whole process, also in the kernel. */
static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/* What `flowos run` would be told. The texts and lists in it are the options'. */
static int configure(struct live *l)
{
	struct mb_conf *c = &l->conf;
	int rc;

	mb_conf_init(c);
	c->program = "flowos-bench";
	c->engine = l->o->engine;
	c->workers = bench_workers(&l->o->engine);
	c->impair = l->o->impair;
	rc = mb_conf_live(c, l->o->live, l->err, sizeof(l->err));
	c->named = c->interfaces;
	c->release.how = l->o->engine.gate ? MB_RELEASE_GATE : MB_RELEASE_TAP;
	c->release.fail = l->o->engine.closed ? MB_FAIL_CLOSED : MB_FAIL_OPEN;
	if (rc == 0 && l->o->ring)
		rc = mb_ring_set(&c->ring, l->o->ring, l->err, sizeof(l->err));
	if (rc == 0)
		rc = mb_conf_simple(c, &c->engine, l->err, sizeof(l->err));
	return rc ? rc : mb_conf_check(c, l->err, sizeof(l->err));
}

static int open_box(struct live *l)
{
	int rc = mb_box_make(&l->box, &l->conf, l->err, sizeof(l->err));

	if (rc == 0)
		rc = mb_watch_endings();
	if (rc)
		return rc;
	l->latency = calloc(l->box.made, sizeof(*l->latency));
	for (unsigned i = 0; l->latency && i < l->box.made; i++)
		l->box.worker[i].latency = &l->latency[i];
	return l->latency ? 0 : -ENOMEM;
}

static void tick(void *arg, uint64_t now)
{
	struct live *l = arg;

	bench_progress_update(&l->progress, now, (now - l->begin_ns) / 1000000000, l->o->duration_ns / 1000000000, "s",
	                      l->conf.interfaces == 2 ? "forwarding" : "receiving");
}

static int run(struct live *l)
{
	int rc;

	l->begin_ns = mb_monotonic_ns();
	l->begin_cpu = cpu_seconds();
	bench_progress_init(&l->progress, stderr, l->begin_ns);
	rc = mb_box_start(&l->box, l->err, sizeof(l->err));
	if (rc)
		return rc;
	mb_box_say(&l->box, l->conf.interfaces == 2 ? "forwarding" : "receiving");
	l->watch.box = &l->box;
	l->watch.tick = tick;
	l->watch.arg = l;
	mb_watch_run(&l->watch, l->o->duration_ns);
	l->seconds = (double)(mb_monotonic_ns() - l->begin_ns) * 1e-9;
	l->cpu = cpu_seconds() - l->begin_cpu;
	mb_box_join(&l->box);
	bench_progress_clear(&l->progress);
	mb_box_stats(&l->box, &l->stats);
	return 0;
}

static void note_latency(struct live *l, struct bench_run *run)
{
	for (unsigned i = 1; i < l->box.made; i++)
		bench_hist_merge(&l->latency[0], &l->latency[i]);
	if (l->latency[0].count)
		bench_quantiles(&run->latency_ns, &l->latency[0]);
}

static int note_live(struct live *l, struct bench_run *run)
{
	const struct fos_impair_stats *im = &l->stats.worker.impair;
	struct bench_live *to = &run->live;
	uint64_t refused = 0;
	double gbit = 0;

	*to = (struct bench_live){ .known = true,
		                   .cpu_seconds = l->cpu,
		                   .forwarded = l->stats.worker.forwarded,
		                   .not_sent = l->stats.worker.tx_lost,
		                   .impaired_lost = im->lost,
		                   .impaired_held = im->selected,
		                   .impaired_duplicated = im->duplicated,
		                   .impaired_corrupted = im->corrupted,
		                   .impaired_truncated = im->truncated,
		                   .impaired_delayed = im->delayed };
	for (unsigned i = 0; i < l->stats.links; i++) {
		const struct fos_port_stats *p = &l->stats.link[i].port;

		to->received += p->rx_packets;
		to->afxdp_ports += strcmp(l->stats.link[i].kind, "afxdp") == 0;
		to->zero_copy_ports += strstr(l->stats.link[i].how, "zero copy") != NULL;
		to->ring_drops += p->drops;
		to->ring_freezes += p->freezes;
		refused += p->tx_errors;
		gbit += (double)p->rx_bytes * 8e-9;
	}
	to->cpu_seconds_per_gbit = gbit > 0 ? l->cpu / gbit : 0;
	const struct bench_note_count drop[] = { { "ring", to->ring_drops },
		                                 { "ring_freezes", to->ring_freezes },
		                                 { "not_sent", to->not_sent },
		                                 { "refused_by_interface", refused } };

	return bench_note_counts(run, drop, sizeof(drop) / sizeof(drop[0]));
}

static int note(struct live *l, int argc, char **argv)
{
	const struct fos_worker_stats *e = &l->stats.engine;
	struct bench_run *run = bench_result_run(l->result);
	json_t *modules = mb_box_modules(&l->box);
	const char *text;
	char name[80];
	int rc = run && modules ? 0 : -ENOMEM;

	snprintf(name, sizeof(name), "live:%s", l->o->live);
	if (rc == 0)
		rc = bench_note_call(l->result, l->o, name, "", argc, argv);
	if (rc == 0) {
		run->sessions = e->tcp_sessions;
		run->concurrent_peak = e->sessions_peak;
		run->workers = l->conf.workers;
		run->packets = e->packets;
		run->wire_bytes = e->wire_bytes;
		run->payload_bytes = run->distinct_payload_bytes = e->payload_bytes;
		rc = bench_run_time(run, &l->seconds, 1, e->delivered_bytes + e->datagram_bytes, l->o->impair.seed);
	}
	if (rc == 0) {
		note_latency(l, run);
		rc = note_live(l, run);
	}
	if (rc == 0)
		rc = bench_note_drops(run, e);
	if (l->o->engine.gate)
		bench_note_gate(run, e);
	if (rc == 0)
		rc = bench_note_modules(run, modules);
	if (rc == 0 && mb_box_status(&l->box, &text))
		rc = bench_text_set(&run->error, text);
	json_decref(modules);
	return rc;
}

int mb_live(const struct bench_opts *o, int argc, char **argv, struct bench_result **out)
{
	int rc, status = bench_opts_outputs(o);
	struct live *l;
	const char *text;

	*out = NULL;
	if (status >= 0)
		return status;
	status = CLI_DONE;
	l = calloc(1, sizeof(*l));
	*out = bench_result_create();
	if (!l || !*out) {
		free(l);
		return bench_opts_fail("no memory");
	}
	l->o = o;
	l->result = *out;
	l->watch.signals = l->box.ended = l->box.trouble = l->box.news = -1;
	rc = configure(l);
	if (rc == 0)
		rc = mb_watch_open(&l->watch);
	if (rc == 0)
		rc = open_box(l);
	if (rc == 0)
		rc = run(l);
	if (rc == 0)
		rc = note(l, argc, argv);
	if (rc)
		status = bench_opts_fail("%s", l->err[0] ? l->err : strerror(-rc));
	else if (mb_box_status(&l->box, &text))
		status = CLI_FAILED;
	mb_watch_close(&l->watch);
	mb_box_free(&l->box);
	free(l->latency);
	fos_impair_spec_init(&l->conf.impair); /* what it had is the options' */
	mb_conf_free(&l->conf);
	free(l);
	return status;
}
