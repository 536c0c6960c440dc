/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_ask.h: the question that shrinking asks over and over: does the engine under test still fail on these packets, in the
 * same way? The reference is the model; where there is none, the engine's own answer without the decisions.
 *
 * One thread; blocks while engine and model work. Functions return 0 or a negative errno, with a line in ask.err.
 */
#ifndef BENCH_SHRINK_ASK_H
#define BENCH_SHRINK_ASK_H

#include "golden_engine.h"
#include "model_server.h"
#include "shrink_edit.h"
#include "shrink_verdict.h"

struct shrink_known; /* what was asked before */

struct shrink_ask {
	const struct shrink_trace *trace;
	const struct golden_engine *engine;
	struct bench_engine_opts opts;    /* but for the hole-wait, which is the candidate's */
	struct bench_model_server *model; /* NULL: the reference is the engine's clean run */
	struct shrink_view view;
	struct shrink_failure like; /* what must stay; HOLDS: nothing is known yet */
	bool any;                   /* any failure will do */
	uint64_t tries, known;      /* questions put to the engine; answered from memory */
	struct shrink_known *memory;
	uint32_t memories, memory_slots;
	char err[512];
};

/* What became of a candidate. */
struct shrink_run {
	struct fos_frames packets;       /* before the decisions */
	struct fos_decisions *decisions; /* of them, numbered like them */
	struct bench_schedule schedule;  /* what the engine saw */
	struct bench_golden want, got;   /* got: empty where the engine died */
	struct shrink_failure found;
};

/* Runs a candidate and compares. -EIO: an engine or the model cannot say. */
int shrink_run(struct shrink_ask *a, const struct shrink_cand *c, struct shrink_run *r);
void shrink_run_free(struct shrink_run *r);

/* 1: it fails as a->like does (or at all, where a->any); 0: it does not, or nobody can say; or a negative errno. */
int shrink_fails(struct shrink_ask *a, const struct shrink_cand *c);

void shrink_ask_free(struct shrink_ask *a);

#endif
