/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trace_job.h: what the commands of flowos-trace share: a trace into memory, perhaps multiplied; packets to a file;
 * progress on a terminal.
 *
 * One thread. Blocks on the disk. Reads the clock, for progress.
 */
#ifndef BENCH_TRACE_JOB_H
#define BENCH_TRACE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/scale.h>

#include "cli.h"
#include "progress.h"

/* The commands: take argv from the command's name on, return an exit status. */
int trace_gen(int argc, char **argv);
int trace_scale(int argc, char **argv);
int trace_impair(int argc, char **argv);
int trace_info(int argc, char **argv);

struct trace_job {
	const struct cli_program *program;
	struct bench_progress progress;
	struct bench_trace trace;
	struct fos_port *scaled; /* multiplied sessions; NULL: the trace as it is */
	struct fos_frames scaled_frames;
	struct fos_scale_info scale;
	const struct fos_frames *frames; /* what there is to write */
};

void trace_job_init(struct trace_job *j, const struct cli_program *program);
void trace_job_free(struct trace_job *j);

/* Reads the trace; `sha256`: with its digest. Returns -1, or an exit status after a message. Damage is a message only: see
 * trace_job_status(). */
int trace_job_load(struct trace_job *j, const char *path, bool sha256);

/* Multiplies or samples the trace's sessions, as flowos-bench --sessions N does; `once`: one wave only. -1 or an exit status. */
int trace_job_scale(struct trace_job *j, uint64_t sessions, uint64_t seed, bool once);

/* Writes frames to a pcapng file that appears whole or not at all; `notes`, where it is not NULL, is an impairment's port that
 * knows what was done to them. -1 or an exit status. */
int trace_job_write(struct trace_job *j, const struct fos_frames *frames, const struct fos_port *notes,
                    const char *path);

/* Shows progress: `done` of `total` packets. */
void trace_job_progress(struct trace_job *j, uint64_t done, uint64_t total, const char *what);

/* CLI_DONE, or CLI_FAILED when the trace was damaged, with a line that says that the result is partial. */
int trace_job_status(struct trace_job *j);

#endif
