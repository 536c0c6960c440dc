/* SPDX-License-Identifier: BSD-2-Clause
 *
 * draw.h: the decisions for a packet, drawn from what it is and not from what was drawn before. Pure functions, but for
 * burst loss, which keeps its state in the direction. One thread per direction table.
 */
#ifndef FLOWOS_IMPAIR_DRAW_H
#define FLOWOS_IMPAIR_DRAW_H

#include <flowos/decisions.h>
#include <flowos/impair_spec.h>

#include "direction.h"

/* Numbers are part of what decisions are drawn from: never change one, add new ones at the end. */
enum fos__stage {
	FOS__STAGE_LOSS = 1,
	FOS__STAGE_CORRUPT = 2,
	FOS__STAGE_TRUNCATE = 3,
	FOS__STAGE_REORDER = 4,
	FOS__STAGE_DUP = 5,
	FOS__STAGE_DELAY = 6,
	FOS__STAGES,
};

struct fos__draw {
	uint64_t stage[FOS__STAGES]; /* seed and stage, mixed */
	bool chain;                  /* loss has a state */
};

void fos__draw_init(struct fos__draw *w, const struct fos_impair_spec *spec);

/* What packet `index` of side `side` of `c` is drawn from, before the stage. */
uint64_t fos__draw_base(const struct fos__conversation *c, int side, uint32_t index);

/* Fills d->actions and what belongs to them, but for `bit`: the place of the bit is to be drawn from *corrupt once
 * the frame is at hand. `caplen`: captured bytes of the frame. Must be called for every packet of a direction in
 * turn (burst loss). */
void fos__draw_decide(const struct fos__draw *w, const struct fos_impair_spec *spec, struct fos__direction *dir,
                      uint64_t base, uint32_t caplen, struct fos_decision *d, uint64_t *corrupt);

#endif
