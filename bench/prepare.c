/* SPDX-License-Identifier: BSD-2-Clause
 *
 * prepare.c: a point's packets. verify.c says whether what comes out is right.
 */
#include "prepare.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <flowos/gen.h>
#include <flowos/memport.h>
#include <flowos/scale.h>

#include "team.h"

/* Made-up sessions: as many as --sessions says, else as the spec does. */
static int source_gen(struct bench_source *s, const struct bench_opts *o, const struct bench_point *pt, char *err,
                      size_t errlen)
{
	struct fos_gen_spec spec;
	int rc = fos_gen_parse(o->gen, &spec, err, errlen);

	if (rc)
		return rc;
	if (pt->sessions)
		spec.sessions = pt->sessions;
	rc = fos_gen_open(&spec, &s->port);
	if (rc == 0) {
		rc = fos_frames_load(s->port, &s->own, NULL, NULL);
		s->frames = &s->own;
	}
	if (rc)
		snprintf(err, errlen, "--gen %s: %s", o->gen,
		         rc == -ENOMEM ? "does not fit into memory" : strerror(-rc));
	s->trace_sha256 = "";
	return rc;
}

static int source_trace(struct bench_source *s, const struct bench_point *pt, const struct bench_trace *trace,
                        uint64_t target, char *err, size_t errlen)
{
	struct fos_scale_opts opts = { .sessions = pt->sessions, .seed = pt->impair.seed, .target_packets = target };
	struct fos_scale_info info;
	int rc;

	s->trace_sha256 = trace->sha256;
	if (pt->sessions == 0) {
		s->frames = &trace->frames;
		return 0;
	}
	rc = fos_scale_open(&trace->frames, &opts, &info, &s->port);
	if (rc == 0) {
		rc = fos_frames_load(s->port, &s->own, NULL, NULL);
		s->frames = &s->own;
		s->distinct_payload_bytes = info.distinct_payload_bytes;
	}
	if (rc)
		snprintf(err, errlen, "--sessions %llu: %s", (unsigned long long)pt->sessions,
		         rc == -ENODATA  ? "the trace has no TCP session"
		         : rc == -ENOMEM ? "does not fit into memory"
		         : rc == -ERANGE ? "more hosts than there are addresses"
		                         : strerror(-rc));
	return rc;
}

bool bench_changes_bytes(const struct fos_impair_spec *spec)
{
	if (!spec->replay)
		return spec->corrupt.share && spec->corrupt.fix;
	for (size_t i = 0; i < fos_decisions_count(spec->replay); i++)
		if (fos_decisions_at(spec->replay, i)->actions & FOS_DECISION_FIX)
			return true;
	return false;
}

int bench_prepare(struct bench_prepared *p, const struct bench_opts *o, const struct bench_point *pt,
                  const struct bench_trace *trace, uint64_t target, char *err, size_t errlen)
{
	int rc;

	memset(p, 0, sizeof(*p));
	if (trace && trace->streamed) {
		p->stream = trace->port;
		p->ahead = bench_pages_ahead(trace->pages);
		return 0;
	}
	rc = o->gen ? source_gen(&p->source, o, pt, err, errlen)
	            : source_trace(&p->source, pt, trace, target, err, errlen);
	if (rc == 0)
		rc = bench_check_corrupt(p->source.frames, &pt->impair, err, errlen);
	if (rc == 0)
		rc = bench_check_truncate(p->source.frames, &pt->impair,
		                          bench_verify_checksums(&pt->engine, &pt->impair), err, errlen);
	if (rc == 0) {
		struct fos_impair_spec spec = pt->impair;

		/* Notes are asked for when packets are written, changes for the reference. */
		spec.keep_decisions = o->impaired_out != NULL || bench_changes_bytes(&spec);
		rc = bench_schedule_make(&p->schedule, p->source.frames, &spec, err, errlen);
	}
	if (rc == 0 && bench_workers(&pt->engine) > 1) {
		struct fos_worker_config cfg;

		bench_team_config(&pt->engine, &pt->impair, pt->engine.workers, &cfg);
		rc = bench_lanes_make(&p->lanes, &p->schedule.frames, &cfg, pt->engine.workers);
		if (rc)
			snprintf(err, errlen, "--workers %u: %s", pt->engine.workers, strerror(-rc));
	}
	if (rc)
		bench_prepared_free(p);
	return rc;
}

void bench_prepared_free(struct bench_prepared *p)
{
	bench_lanes_free(&p->lanes);
	bench_schedule_free(&p->schedule);
	fos_frames_free(&p->source.own);
	fos_port_close(p->source.port);
	memset(p, 0, sizeof(*p));
}
