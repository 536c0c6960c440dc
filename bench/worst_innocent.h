/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_innocent.h: the sessions beside an attack: ordinary ones, whose every byte is a formula, some with a little
 * reordering of their own; and whether they got all their bytes.
 *
 * One thread. Functions return 0 or a negative errno.
 */
#ifndef BENCH_WORST_INNOCENT_H
#define BENCH_WORST_INNOCENT_H

#include "worst_case.h"

struct worst_innocent {
	struct fos_port *port[2];
	struct fos_frames frames; /* what they send, in order; bytes are the ports' or these frames' own */
};

/* Half of the sessions begin in the middle. Fragments where the case says so. */
int worst_innocent_make(struct worst_innocent *in, const struct worst_plan *p);
void worst_innocent_free(struct worst_innocent *in);

/* An attack with the innocents spread evenly over it, numbered and timed; the bytes stay whose they are. */
int worst_mix(const struct fos_frames *attack, const struct worst_innocent *in, uint64_t gap_ns,
              struct fos_frames *out);

struct worst_streams {
	uint64_t total;   /* that there should be */
	uint64_t whole;   /* all bytes, each once, no gap */
	uint64_t damaged; /* a byte that is not the right one */
};

/* Holds a record against the formulas. `attack`: the stream of a case of one stream. */
void worst_check(const struct worst_plan *p, const struct bench_record *r, struct worst_streams *innocent,
                 struct worst_streams *attack);

#endif
