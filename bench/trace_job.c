/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trace_job.c: see trace_job.h.
 */
#include "trace_job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <flowos/pcapng_writer.h>

enum { PROGRESS_EVERY = 4096 };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void trace_job_init(struct trace_job *j, const struct cli_program *program)
{
	memset(j, 0, sizeof(*j));
	j->program = program;
	bench_progress_init(&j->progress, stderr, now_ns());
}

void trace_job_free(struct trace_job *j)
{
	bench_progress_clear(&j->progress);
	fos_frames_free(&j->scaled_frames);
	fos_port_close(j->scaled);
	bench_trace_free(&j->trace);
}

void trace_job_progress(struct trace_job *j, uint64_t done, uint64_t total, const char *what)
{
	bench_progress_update(&j->progress, now_ns(), done, total, "packets", what);
}

static int reading(void *arg, uint64_t packets)
{
	trace_job_progress(arg, packets, 0, "reading");
	return 0;
}

int trace_job_load(struct trace_job *j, const char *path, bool sha256)
{
	char err[1024];
	int rc = bench_trace_load(&j->trace, path, sha256, reading, j, err, sizeof(err));

	bench_progress_clear(&j->progress);
	if (rc)
		return cli_fail(j->program, "%s", err);
	j->frames = &j->trace.frames;
	return -1;
}

int trace_job_status(struct trace_job *j)
{
	bench_progress_clear(&j->progress);
	if (!j->trace.damaged)
		return CLI_DONE;
	cli_fail(j->program, "%s; the result is partial: of the %zu packets before that", j->trace.frames.error,
	         j->trace.frames.n);
	return CLI_FAILED;
}

/* As many packets as flowos-bench gives a point of its own with so many sessions. */
static uint64_t target_of(const struct trace_job *j, uint64_t sessions, uint64_t source)
{
	uint64_t n = j->trace.frames.n;

	return sessions > source ? (uint64_t)((double)n * (double)sessions / (double)source) : n;
}

static const char *scale_error(int rc)
{
	return rc == -ENODATA  ? "the trace has no TCP session"
	       : rc == -ENOMEM ? "does not fit into memory"
	       : rc == -ERANGE ? "more hosts than there are addresses"
	                       : strerror(-rc);
}

int trace_job_scale(struct trace_job *j, uint64_t sessions, uint64_t seed, bool once)
{
	struct fos_scale_opts o = { .sessions = 1, .seed = 1 };
	struct fos_port *probe;
	int rc = fos_scale_open(&j->trace.frames, &o, &j->scale, &probe);

	if (rc == 0) {
		fos_port_close(probe);
		o.sessions = sessions;
		o.seed = seed;
		o.target_packets = once ? 0 : target_of(j, sessions, j->scale.source_sessions);
		rc = fos_scale_open(&j->trace.frames, &o, &j->scale, &j->scaled);
	}
	if (rc == 0)
		rc = fos_frames_load(j->scaled, &j->scaled_frames, reading, j);
	bench_progress_clear(&j->progress);
	if (rc)
		return cli_fail(j->program, "--sessions %llu: %s", (unsigned long long)sessions, scale_error(rc));
	j->frames = &j->scaled_frames;
	return -1;
}

int trace_job_write(struct trace_job *j, const struct fos_frames *frames, const struct fos_port *notes,
                    const char *path)
{
	struct fos_port *out;
	char note[512];
	int rc = fos_pcapng_writer_open(path, &out);

	if (rc)
		return cli_fail(j->program, "%s: %s", path, strerror(-rc));
	for (size_t i = 0; rc == 0 && i < frames->n; i++) {
		const struct fos_frame *f = &frames->v[i];
		bool noted = notes && f->note && fos_impair_note(notes, f->note, note, sizeof(note)) == 0;

		rc = fos_pcapng_write(out, f, noted ? note : NULL);
		if (i % PROGRESS_EVERY == 0)
			trace_job_progress(j, i, frames->n, "writing");
	}
	bench_progress_clear(&j->progress);
	if (rc) {
		fos_pcapng_abort(out);
		return cli_fail(j->program, "%s: %s", path, strerror(-rc));
	}
	rc = fos_port_close(out);
	return rc ? cli_fail(j->program, "%s: %s", path, strerror(-rc)) : -1;
}
