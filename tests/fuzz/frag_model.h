/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frag_model.h: reassembly of IP fragments as naive as can be, for the target `frag`: all that waits in an array in
 * order of arrival, of each 8 bytes which version is there. By frag.h's words, and no code of the engine's.
 *
 * Limits on memory are beyond it (max_bytes): fragments that a limit of the model's own turns away do not occur.
 */
#ifndef FLOWOS_TEST_FUZZ_FRAG_MODEL_H
#define FLOWOS_TEST_FUZZ_FRAG_MODEL_H

#include "frag_case.h"

enum { FRAG_UNITS = 8192 + FRAG_LEN_MAX / 8, FRAG_NONE = 255 };

struct frag_waiting {
	uint8_t version, id, addr, proto;
	bool buried;
	uint32_t header, total, end; /* header 0: the first fragment has not come; total likewise */
	uint64_t first_ns;
	uint8_t unit[FRAG_UNITS]; /* whose bytes are there (frag_model_byte), FRAG_NONE: nobody's */
};

struct frag_model {
	uint64_t now_ns, timeout_ns;
	uint32_t most, n;
	struct frag_waiting w[FRAG_RECORDS + 1]; /* the oldest first */
	struct frag_waiting done;                /* the one that was completed last */
};

void frag_model_init(struct frag_model *m, const struct fos_frag_config *cfg);

/* The byte at `at` of the datagram of `p` where its unit says `unit`. */
uint8_t frag_model_byte(const struct frag_piece *p, uint8_t unit, uint32_t at);

/* It is so late now: gives up what is older than the time-out. Comes before each packet. */
void frag_model_time(struct frag_model *m, uint64_t ts_ns);

/* Takes a fragment; true: it completes its datagram, which is m->done. */
bool frag_model_add(struct frag_model *m, const struct frag_piece *p);

#endif
