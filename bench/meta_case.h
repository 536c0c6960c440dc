/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_case.h: one metamorphic case: a sample of a trace, one to several changes drawn for it, an engine's pass over what
 * came of it, and the lines held against those that are wanted.
 *
 * One thread; blocks where the engine under test is a command. The same seed, trace name and number are the same case on every
 * machine.
 */
#ifndef BENCH_META_CASE_H
#define BENCH_META_CASE_H

#include "meta_trace.h"

struct meta_how {
	uint64_t seed;
	uint32_t only; /* bits of kinds that may be made; 0: all */
	bool across;   /* packets may go to where another use of their 4-tuple is */
	const struct golden_engine *engine;
	void (*spoil)(struct meta_set *s); /* for tests: damages what was changed; may be NULL */
};

struct meta_found {
	uint32_t kinds;               /* that were drawn */
	uint32_t did;                 /* and found something to change */
	uint64_t changed[META_KINDS]; /* packets, by kind */
	uint64_t skipped[META_KINDS]; /* packets that a kind had to leave alone */
	uint64_t packets, lines;      /* what the engine got, what was compared */
	uint64_t differ;              /* lines */
	uint32_t hole_wait;           /* that the engine had */
	char first[1024];             /* the first difference; "" */
};

/* Runs case number `number`; its packets are in *s afterwards, until the next call. 0, or a negative errno with a line in err. */
int meta_case_run(const struct meta_trace *t, const struct meta_how *how, uint64_t number, struct meta_set *s,
                  struct meta_found *out, char *err, size_t errlen);

/* Of a case that differs: the fewest of its kinds with which it still does, as bits. Runs it again, without those; 0 or a negative
 * errno. */
int meta_case_reduce(const struct meta_trace *t, const struct meta_how *how, uint64_t number, uint32_t *kinds,
                     char *err, size_t errlen);

/* "permute,fragment" */
char *meta_kinds_text(uint32_t kinds, char *buf, size_t len);

/* Writes the packets of a case as pcapng, each with a comment on what was done to it: the whole file or nothing. */
int meta_case_write(const struct meta_set *s, const char *path);

#endif
