/* SPDX-License-Identifier: BSD-2-Clause
 *
 * spec_facts.c: a spec's life, and what follows from it: does it touch anything, does it lose anything, how far and how
 * long can a packet be late. Touches only the spec.
 */
#include <flowos/impair_spec.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct fos_impair_option fos_impair_options[] = {
	{ "reorder", "P%[,depth=N][,delay=T][,scope=session|link]",
	  "hold back a share of the packets, by 1 to N (32) later ones of their direction or of the link, or for a "
	  "time" },
	{ "loss", "P%[,burst=N][,retransmit=T]",
	  "lose a share, alone or in bursts of N on average, or gemodel:p,r,1-h,1-k; retransmit: comes again after T" },
	{ "dup", "P%[,depth=N]", "send a share twice, the copy directly after or up to N packets later" },
	{ "corrupt", "P%[,checksum=fix]", "flip one bit; fix: in the payload, and repair the checksum" },
	{ "truncate", "P%", "cut a share short, as a snap length does" },
	{ "delay", "T[,jitter=T]", "release every packet later, by T and up to the jitter more" },
	{ "only", "FILTER", "impair only what matches this pcap filter" },
	{ "seed", "N", "what all decisions are drawn from (1)" },
	{ "decisions-in", "FILE", "replay these decisions instead of drawing" },
	{ "decisions-out", "FILE", "write the decisions, a line per impaired packet" },
	{ NULL, NULL, NULL },
};

void fos_impair_spec_init(struct fos_impair_spec *spec)
{
	memset(spec, 0, sizeof *spec);
	spec->seed = 1;
	spec->reorder.depth = FOS_IMPAIR_DEPTH;
}

void fos_impair_spec_free(struct fos_impair_spec *spec)
{
	free(spec->only);
	free(spec->decisions_in);
	free(spec->decisions_out);
	fos_decisions_put(spec->replay);
	fos_impair_spec_init(spec);
}

int fos_impair_spec_copy(struct fos_impair_spec *to, const struct fos_impair_spec *from)
{
	*to = *from;
	to->only = from->only ? strdup(from->only) : NULL;
	to->decisions_in = from->decisions_in ? strdup(from->decisions_in) : NULL;
	to->decisions_out = from->decisions_out ? strdup(from->decisions_out) : NULL;
	to->replay = fos_decisions_get(from->replay);
	if (!to->only != !from->only || !to->decisions_in != !from->decisions_in ||
	    !to->decisions_out != !from->decisions_out) {
		fos_impair_spec_free(to);
		return -ENOMEM;
	}
	return 0;
}

void fos_impair_spec_replay(struct fos_impair_spec *spec, struct fos_decisions *list)
{
	fos_decisions_get(list);
	fos_decisions_put(spec->replay);
	spec->replay = list;
}

/* What a list of decisions comes to. */
struct facts {
	uint32_t actions;
	uint64_t depth, dup, hold_ns, delay_ns;
};

static void facts_of(const struct fos_decisions *list, struct facts *f)
{
	*f = (struct facts){ 0 };
	for (size_t i = 0; i < fos_decisions_count(list); i++) {
		const struct fos_decision *d = fos_decisions_at(list, i);

		f->actions |= d->actions;
		if ((d->actions & FOS_DECISION_REORDER) && d->reorder_k > f->depth)
			f->depth = d->reorder_k;
		if ((d->actions & FOS_DECISION_DUP) && d->dup_k > f->dup)
			f->dup = d->dup_k;
		if (d->hold_ns > f->hold_ns)
			f->hold_ns = d->hold_ns;
		if (d->delay_ns > f->delay_ns)
			f->delay_ns = d->delay_ns;
	}
}

static bool loses(const struct fos_impair_spec *s)
{
	return s->loss.share > 0 || (s->loss.p > 0 && s->loss.bad > 0) || s->loss.good > 0;
}

bool fos_impair_spec_active(const struct fos_impair_spec *s)
{
	if (s->replay)
		return fos_decisions_count(s->replay) > 0;
	return s->reorder.share || s->dup.share || s->corrupt.share || s->truncate.share || s->delay.delay_ns ||
	       s->delay.jitter_ns || loses(s);
}

bool fos_impair_spec_lossless(const struct fos_impair_spec *s)
{
	struct facts f;

	if (!s->replay)
		return !s->corrupt.share && !s->truncate.share && !loses(s);
	facts_of(s->replay, &f);
	return !(f.actions & (FOS_DECISION_LOSS | FOS_DECISION_CORRUPT | FOS_DECISION_TRUNCATE));
}

/* While a packet waits for k <= N later ones, those come and what was held back among the N before it; each may have a
 * copy, and copies of earlier ones may come, too. */
uint64_t fos_impair_spec_depth(const struct fos_impair_spec *s)
{
	uint64_t depth = s->reorder.share && !s->reorder.delay_ns ? s->reorder.depth : 0;
	uint64_t copies = s->dup.share > 0, late = s->dup.depth;
	struct facts f;

	if (s->replay) {
		facts_of(s->replay, &f);
		depth = f.depth;
		copies = (f.actions & FOS_DECISION_DUP) != 0;
		late = f.dup;
	}
	if (depth == 0)
		return 0;
	return (2 * depth - 1) * (1 + copies) + copies * late;
}

uint64_t fos_impair_spec_delay(const struct fos_impair_spec *s)
{
	uint64_t hold = s->reorder.share ? s->reorder.delay_ns : 0;
	struct facts f;

	if (s->replay) {
		facts_of(s->replay, &f);
		return f.hold_ns + f.delay_ns;
	}
	if (loses(s) && s->loss.retransmit_ns > hold)
		hold = s->loss.retransmit_ns;
	return hold + s->delay.delay_ns + s->delay.jitter_ns;
}
