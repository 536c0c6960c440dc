/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_foreign.h: another engine's lines of a trace under an impairment, and whether they are what they must be.
 * golden_engine.h runs it; here is what is asked of it, and what is not.
 *
 * One thread; blocks while a command runs. Functions return 0 or a negative errno, with a line for a person in err.
 */
#ifndef BENCH_GOLDEN_FOREIGN_H
#define BENCH_GOLDEN_FOREIGN_H

#include "golden_case.h"
#include "golden_engine.h"

/* Runs e->command (not NULL) over the impaired trace. What its lines are held against is what this project's engine (or the model, where
 * `model`) delivers of the same packets, after that was itself held against the golden file; without an impairment, the
 * golden file itself. Where the packets carry different bytes for one place, the answer of any overlap policy will do, unless the command says which one is its own; where they do not say which
 * connection they belong to, any answer will do.
 *
 * A command that dies is no error: out->holds is false. -EIO: the command, or the reference, could not be run. */
int golden_foreign_verify(struct golden_case *c, const struct golden_engine *e, bool model,
                          const struct fos_impair_spec *spec, struct golden_outcome *out, char *err, size_t errlen);

/* ---- golden_foreign_want.c: what is not asked of an engine that lacks something ---- */

/* Connections that lines are not held against, as texts "A > B" and the other way round, sorted. */
struct golden_excused {
	char **name;
	size_t n, slots;
};

/* Collects those of `want`'s lines and of these packets that an engine with these lacks (enum golden_lack) cannot know. */
int golden_excused_make(struct golden_excused *x, unsigned lacks, const struct bench_golden *want,
                        const struct fos_frames *frames);

/* A set of names made by hand: add all, sort, ask. */
int golden_excused_add(struct golden_excused *x, const char *name);
void golden_excused_sort(struct golden_excused *x);
bool golden_excused_has(const struct golden_excused *x, const char *name);
void golden_excused_free(struct golden_excused *x);

/* "A > B" of a line "tcp A > B #0 ..." or "udp A > B ...". */
void golden_direction(const char *line, char dir[2 * FOS_ADDR_TEXT]);

/* Copies of the lines that count, without words that do not. */
int golden_foreign_filter(const struct bench_golden *in, unsigned lacks, const struct golden_excused *x,
                          struct bench_golden *out);

/* Changes a record that was not hashed yet to what an engine delivers that stops at gaps, or fills them with zeros. */
int golden_foreign_gaps(struct bench_record *r, unsigned lacks);

#endif
