/* SPDX-License-Identifier: BSD-2-Clause
 *
 * draw.c: the decisions for a packet. A draw is a mix of the seed, the stage, the conversation, the use, the side
 * and the index; a second draw of the same stage mixes one more number in. Whole numbers only. Touches the burst
 * state only.
 */
#include "draw.h"

#include <flowos/rand.h>

/* Further draws of a stage. */
enum more { MORE_AMOUNT = 1, MORE_START = 2, MORE_LOSS = 3, MORE_MOVE = 4 };

void fos__draw_init(struct fos__draw *w, const struct fos_impair_spec *spec)
{
	for (unsigned i = 0; i < FOS__STAGES; i++)
		w->stage[i] = fos_mix64_add(fos_mix64(spec->seed), i);
	w->chain = spec->loss.model != FOS_LOSS_INDEPENDENT;
}

uint64_t fos__draw_base(const struct fos__conversation *c, int side, uint32_t index)
{
	return fos_mix64_add(fos_mix64_add(c->hash, (uint64_t)c->use << 1 | (unsigned)side), index);
}

static inline bool chance(uint64_t h, uint64_t share)
{
	return fos_below(h, FOS_SHARE_ONE) < share;
}

/* Gilbert-Elliott. As tc-netem does it, a packet is lost by the state before the packet moves it. */
static bool chain_loses(const struct fos_impair_spec *s, struct fos__direction *dir, uint64_t h)
{
	uint64_t p = s->loss.p, r = s->loss.r;
	bool lost, bad;

	if (!dir->chain_on) {
		dir->chain_on = true;
		dir->chain_bad = p > 0 && fos_below(fos_mix64_add(h, MORE_START), p + r) < p;
	}
	bad = dir->chain_bad;
	lost = chance(fos_mix64_add(h, MORE_LOSS), bad ? s->loss.bad : s->loss.good);
	if (chance(fos_mix64_add(h, MORE_MOVE), bad ? r : p))
		dir->chain_bad = !bad;
	return lost;
}

static void draw_reorder(const struct fos_impair_spec *s, uint64_t h, struct fos_decision *d)
{
	if (!chance(h, s->reorder.share))
		return;
	d->actions |= FOS_DECISION_REORDER;
	if (s->reorder.delay_ns) {
		d->actions |= FOS_DECISION_REORDER_NS;
		d->hold_ns = s->reorder.delay_ns;
		return;
	}
	d->actions |= s->reorder.link ? FOS_DECISION_LINK : 0;
	d->reorder_k = 1 + (uint32_t)fos_below(fos_mix64_add(h, MORE_AMOUNT), s->reorder.depth);
}

static void draw_delay(const struct fos_impair_spec *s, uint64_t h, struct fos_decision *d)
{
	d->delay_ns = s->delay.delay_ns;
	if (s->delay.jitter_ns)
		d->delay_ns += fos_below(h, s->delay.jitter_ns);
	if (d->delay_ns)
		d->actions |= FOS_DECISION_DELAY;
}

static void draw_change(const struct fos__draw *w, const struct fos_impair_spec *s, uint64_t base, uint32_t caplen,
                        struct fos_decision *d, uint64_t *corrupt)
{
	uint64_t h;

	if (s->corrupt.share) {
		*corrupt = fos_mix64_add(w->stage[FOS__STAGE_CORRUPT], base);
		if (chance(*corrupt, s->corrupt.share))
			d->actions |= FOS_DECISION_CORRUPT | (s->corrupt.fix ? FOS_DECISION_FIX : 0);
	}
	if (s->truncate.share && caplen > 1) {
		h = fos_mix64_add(w->stage[FOS__STAGE_TRUNCATE], base);
		if (chance(h, s->truncate.share)) {
			d->actions |= FOS_DECISION_TRUNCATE;
			d->cut_len = 1 + (uint32_t)fos_below(fos_mix64_add(h, MORE_AMOUNT), caplen - 1);
		}
	}
}

void fos__draw_decide(const struct fos__draw *w, const struct fos_impair_spec *s, struct fos__direction *dir,
                      uint64_t base, uint32_t caplen, struct fos_decision *d, uint64_t *corrupt)
{
	uint64_t h;
	bool lost = false;

	if (w->chain)
		lost = chain_loses(s, dir, fos_mix64_add(w->stage[FOS__STAGE_LOSS], base));
	else if (s->loss.share)
		lost = chance(fos_mix64_add(w->stage[FOS__STAGE_LOSS], base), s->loss.share);
	if (lost) {
		d->actions |= FOS_DECISION_LOSS;
		if (!s->loss.retransmit_ns)
			return;
		d->actions |= FOS_DECISION_AGAIN;
		d->hold_ns = s->loss.retransmit_ns;
	} else {
		draw_change(w, s, base, caplen, d, corrupt);
		if (s->reorder.share)
			draw_reorder(s, fos_mix64_add(w->stage[FOS__STAGE_REORDER], base), d);
		h = fos_mix64_add(w->stage[FOS__STAGE_DUP], base);
		if (s->dup.share && chance(h, s->dup.share)) {
			d->actions |= FOS_DECISION_DUP;
			d->dup_k = (uint32_t)fos_below(fos_mix64_add(h, MORE_AMOUNT), (uint64_t)s->dup.depth + 1);
		}
	}
	if (s->delay.delay_ns || s->delay.jitter_ns)
		draw_delay(s, fos_mix64_add(w->stage[FOS__STAGE_DELAY], base), d);
}
