/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tcp_model.h: a reassembler as naive as can be, for clean cases of the target `tcp`: an array that says of each place
 * which packet has it. It shares no code with the engine, only its specification, engine/ORDER.md.
 *
 * Pure functions.
 */
#ifndef FLOWOS_TEST_FUZZ_TCP_MODEL_H
#define FLOWOS_TEST_FUZZ_TCP_MODEL_H

#include "tcp_case.h"

enum { TCP_NOBODY = -1 };

/* What a direction's stream must be. Offsets count from the case's base. */
struct tcp_model {
	bool seen, syn, started, mid, fin;
	uint32_t start, next;               /* next: at the end, where the stream ends, its last gap included */
	int16_t owner[TCP_CLEAN_SPAN + 64]; /* number of the packet that has this place */
};

void tcp_model_run(const struct tcp_case *c, unsigned tuple, unsigned dir, struct tcp_model *m);

#endif
