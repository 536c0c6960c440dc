/* SPDX-License-Identifier: BSD-2-Clause
 *
 * release_run.h: runs packets through a gate and writes down what leaves it, and when; with modules that release as they are
 * told. For tests.
 */
#ifndef FLOWOS_TEST_RELEASE_RUN_H
#define FLOWOS_TEST_RELEASE_RUN_H

#include "engine_run.h"

enum { DIRS = 512 };

struct rr_left {
	char log[4096];           /* numbers of frames in the order in which they left, '|' behind each batch */
	const struct er_trace *t; /* what they should be */
	unsigned *times;          /* how often each frame left */
	size_t n;
	void (*each)(const struct fos_frame *f);
};

extern struct rr_left rr_out;
void rr_note(const char *text);

/* A module of which each instance is the next stage, from 0. */
extern const struct fos_module rr_keeper;
extern char rr_how[4];              /* by stage: 'a' releases all, 'n' nothing, 'd' all up to a '.', 'r' at random */
extern uint64_t rr_passed[4][DIRS]; /* by stage and stream: up to where it released */
extern uint64_t rr_rnd;             /* what er_draw() draws from */

struct rr_plan {
	enum fos_release release;
	const char *how; /* of each stage; NULL: "a" */
	struct fos_worker_config cfg;
	const char *level, *filter;
	bool copies; /* only frames that must be copied: what is kept costs memory */
};

/* A worker with one flow, the gate, whose frames are those of `t`. */
struct fos_worker *rr_gate(const struct rr_plan *p, const struct er_trace *t);

/* Ends it: nothing is left. *st may be NULL. */
void rr_end(struct fos_worker *w, struct fos_worker_stats *st);

/* All of the trace, in batches; nothing leaves twice. */
void rr_play(const struct rr_plan *p, const struct er_trace *t, unsigned batch, unsigned mode,
             struct fos_worker_stats *st);

/* Packet by packet what is written down must be `want`; in any batches as many leave, each once. *st, of packet by packet, may be
 * NULL. */
void rr_expect(const struct rr_plan *p, const char *script, const char *want, struct fos_worker_stats *st);

#endif
