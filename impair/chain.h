/* SPDX-License-Identifier: BSD-2-Clause
 *
 * chain.h: the stages that a packet passes, on virtual time: only, loss, corrupt, truncate, reorder, dup, delay.
 *
 * Packets go in one by one with fos__chain_admit() and come out of fos__chain_take(), in order of release. One thread.
 */
#ifndef FLOWOS_IMPAIR_CHAIN_H
#define FLOWOS_IMPAIR_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/impair.h>
#include <flowos/pkt.h>

#include "direction.h"
#include "draw.h"
#include "waiting.h"

struct fos__released {
	struct fos_frame f;
	struct fos__bytes *bytes; /* owns f's bytes, or NULL */
};

struct fos__chain {
	struct fos_impair_spec spec; /* a copy of its own */
	struct fos__draw draw;
	struct fos__only *only;
	struct fos__directions directions;
	struct fos__direction link; /* counters of the link's line */
	struct fos__waiting held;
	struct fos__released *out; /* a ring of out_mask + 1 */
	uint32_t out_first, out_n, out_mask;
	struct fos__bytes *kept;         /* changed copies of stable frames: until the chain is freed */
	struct fos_decisions *decisions; /* made so far, NULL: not kept */
	size_t replay_at;                /* where the next decision to replay is expected */
	uint64_t clock_ns;               /* virtual time: never runs backwards */
	uint32_t note;                   /* the last decision's number */
	struct fos_impair_stats stats;
	char err[256]; /* what was wrong, for a person */
};

int fos__chain_init(struct fos__chain *c, const struct fos_impair_spec *spec); /* 0 or -ENOMEM */
void fos__chain_free(struct fos__chain *c);
int fos__chain_rewind(struct fos__chain *c); /* forgets all but the spec, and what is kept; 0 or -ENOMEM */

/* Admits p->f (parses into *p). Bytes that are not stable must last until everything that is released was taken, and
 * given back. 0, or a negative errno with a line in c->err: the chain is of no further use but to take from. */
int fos__chain_admit(struct fos__chain *c, struct fos_pkt *p);

int fos__chain_idle(struct fos__chain *c, uint64_t now_ns); /* time has passed without packets; 0 or -ENOMEM */
int fos__chain_end(struct fos__chain *c);                   /* no more will come: releases everything; 0 or -ENOMEM */

/* Takes the next released packet; its `bytes` become the caller's. False: none is ready. */
bool fos__chain_take(struct fos__chain *c, struct fos__released *out);

#endif
