/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink.h: delta debugging: takes away packets, bytes, decisions and time as long as the failure stays, until nothing more goes.
 *
 * One thread; blocks while engines work. The same input gives the same result, but where a limit of time ends it.
 */
#ifndef BENCH_SHRINK_H
#define BENCH_SHRINK_H

#include "shrink_ask.h"

struct shrink {
	const struct shrink_trace *trace;
	struct shrink_ask *ask;
	struct shrink_cand now; /* the smallest that fails */
	bool keep_hole_wait;    /* it was asked for, or is the engine's own */
	uint64_t max_tries;     /* 0: no limit */
	/* Asked before each try with what is being done; other than 0 ends the work. May be NULL. */
	int (*poll)(void *arg, const struct shrink *s, const char *what);
	void *arg;
	bool ended; /* by a limit or by poll: there may be more to take away */
	const char *what;
};

/* Shrinks s->now, which fails as ask->like does. 0 (also where `ended`), or a negative errno with a line in ask->err; s->now is
 * valid in any case. */
int shrink_all(struct shrink *s);

/* One candidate: 1: it fails too, and is s->now now; 0: it does not, or the work is to end. Takes *c over. */
int shrink_try(struct shrink *s, struct shrink_cand *c);

/* Things that may be taken away, as numbers, and how: 0, -ECANCELED: not these together, or -ENOMEM. */
typedef int shrink_remove(const struct shrink *s, struct shrink_cand *c, const uint64_t *unit, size_t n, void *arg);

/* Takes away as many of the n units as can go, first many together, at last each alone. Returns how many went, or a negative errno. */
long shrink_units(struct shrink *s, const char *what, uint64_t *unit, size_t n, shrink_remove *take, void *arg);

/* The passes. Each returns 1: something went, 0: nothing, or a negative errno. */
int shrink_pass_sessions(struct shrink *s);
int shrink_pass_tail(struct shrink *s);
int shrink_pass_decisions(struct shrink *s); /* whole ones */
int shrink_pass_simplify(struct shrink *s);  /* parts of them */
int shrink_pass_streams(struct shrink *s);   /* bytes and FINs, whole segments first */
int shrink_pass_payload(struct shrink *s);   /* segments to a few bytes */
int shrink_pass_packets(struct shrink *s);   /* what brings nothing that another does not */
int shrink_pass_time(struct shrink *s);
int shrink_pass_hole_wait(struct shrink *s);

#endif
