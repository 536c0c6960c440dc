/* SPDX-License-Identifier: BSD-2-Clause
 *
 * replay.h: what the programs share: the options that make an engine, a trace into memory, impairments scheduled over
 * it, and one pass of the engine over frames in memory.
 *
 * One thread. Functions return 0 or a negative errno, with a line for a person in err.
 */
#ifndef BENCH_REPLAY_H
#define BENCH_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/frames.h>
#include <flowos/impair.h>
#include <flowos/reorder_metrics.h>
#include <flowos/worker.h>

#include "pages.h"
#include "record.h"
#include "threads.h"

enum { BENCH_STAGES_MAX = 16, BENCH_WORKERS_MAX = 1024 };

/* How the engine is set up: options that all programs have. */
struct bench_engine_opts {
	enum fos_overlap overlap;
	bool verify; /* --checksum verify */
	bool checksum_given;
	bool vlan_key;
	const char *level;     /* of the stages; NULL: what each module says */
	uint32_t hole_packets; /* --hole-wait as given; both 0: default */
	uint64_t hole_ns;
	size_t hold_cap; /* bytes that a direction may hold; 0: the engine's default */
	const char *stage[BENCH_STAGES_MAX];
	unsigned stages;
	const char *filter;            /* of the flow, or NULL */
	bool gate, closed;             /* --release gate, --fail closed: of flowos-bench alone */
	uint32_t workers;              /* threads; 0: 1 */
	const struct bench_cpus *cpus; /* of more than one worker; NULL: not pinned */
};

static inline uint32_t bench_workers(const struct bench_engine_opts *o)
{
	return o->workers ? o->workers : 1;
}

/* The options' names, metas and help lines, ended by name NULL; and setting one, of these or "release" and "fail", which are
 * flowos-bench's: -ENOENT: none of these. */
struct bench_option {
	const char *name, *meta, *help;
};
extern const struct bench_option bench_engine_options[];
int bench_engine_opts_set(struct bench_engine_opts *o, const char *name, const char *value, char *err, size_t errlen);

/* What --hole-wait comes to beside an impairment: raised to its depth and delay. */
void bench_hole_wait(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, uint32_t *packets,
                     uint64_t *ns);
/* The same as text, as it stands in golden files: "1024", "5ms", "1024,5ms". */
void bench_hole_wait_text(uint32_t packets, uint64_t ns, char *buf, size_t len);

/* A trace in memory. */
struct bench_trace {
	struct fos_port *port; /* its bytes */
	struct fos_frames frames;
	char name[256];            /* file name without folders */
	char sha256[65];           /* of the file; "" when not asked for or not a file */
	bool damaged;              /* frames hold what came before; frames.error says what is wrong */
	bool streamed;             /* it was opened and not read: passes read it from the port, `frames` are empty */
	struct bench_pages *pages; /* streamed: what maps memory ahead of the pass, or NULL */
};

/* Reads a whole trace. Damage is no failure: see `damaged`. progress may be NULL. */
int bench_trace_load(struct bench_trace *t, const char *path, bool sha256, int (*progress)(void *, uint64_t), void *arg,
                     char *err, size_t errlen);
void bench_trace_free(struct bench_trace *t);

/* Opens it and reads nothing: every pass reads it as it goes, a batch at a time, on CPU number `busy` (-1: any), while pages are mapped
 * ahead of it by a thread on another of `cpus`. */
int bench_trace_stream(struct bench_trace *t, const char *path, const struct bench_cpus *cpus, int busy, char *err,
                       size_t errlen);

/* What an impairment made of frames. */
struct bench_schedule {
	struct fos_frames frames;
	struct fos_port
	    *port; /* owns changed bytes, knows the notes; NULL when nothing is impaired: `frames` are the input's */
	struct fos_impair_stats stats;
	struct fos_reorder_metrics metrics;
};

/* Runs the impairment over `in`. With an inactive spec the frames are those of `in`. */
int bench_schedule_make(struct bench_schedule *s, const struct fos_frames *in, const struct fos_impair_spec *spec,
                        char *err, size_t errlen);
void bench_schedule_free(struct bench_schedule *s);

/* Are packets with a wrong checksum dropped? As the options say; where they do not, with corrupted packets whose checksum is not
 * repaired. */
bool bench_verify_checksums(const struct bench_engine_opts *o, const struct fos_impair_spec *spec);

/* Refuses --corrupt without fix on frames whose checksums are wrong already: -EINVAL. */
int bench_check_corrupt(const struct fos_frames *in, const struct fos_impair_spec *spec, char *err, size_t errlen);

/* Likewise --truncate where checksums are verified: a packet that is cut short cannot be, so it counts as right, also where the
 * whole one does not. */
int bench_check_truncate(const struct fos_frames *in, const struct fos_impair_spec *spec, bool verify, char *err,
                         size_t errlen);

/* A worker, one of those that the options ask for, with one flow and the options' stages; `record`, where not NULL, stands in the first stage beside them. */
int bench_worker_make(const struct bench_engine_opts *o, const struct fos_impair_spec *spec,
                      struct bench_record *record, const struct fos_worker_config *base, struct fos_worker **out,
                      char *err, size_t errlen);

/* Runs all frames through a worker, ends it; no clock is read. 0 or -ENOMEM. */
int bench_feed(struct fos_worker *w, const struct fos_frame *v, size_t n);

/* Records what the engine, with as many workers as the options say, delivers of these frames, without the options' stages. `st`
 * may be NULL. */
int bench_record_run(const struct bench_engine_opts *o, const struct fos_impair_spec *spec, const struct fos_frames *f,
                     struct bench_record **out, struct fos_worker_stats *st, char *err, size_t errlen);

#endif
