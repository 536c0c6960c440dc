/* SPDX-License-Identifier: BSD-2-Clause
 *
 * chain.c: the stages on virtual time. A parcel is handed from stage to stage; where it has to wait it goes into
 * `held` and is handed on when its time comes or the packet that it waits for. Before a packet is admitted,
 * everything that is due by its time goes on, in order of time. Touches the chain only.
 */
#include "chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/parse.h>

#include "change.h"
#include "only.h"

static const uint64_t hold_ns = FOS_IMPAIR_HOLD_MS * UINT64_C(1000000);

int fos__chain_init(struct fos__chain *c, const struct fos_impair_spec *spec)
{
	int r = fos_impair_spec_copy(&c->spec, spec);

	if (r)
		return r;
	fos__draw_init(&c->draw, spec);
	if (spec->only)
		r = fos__only_create(spec->only, &c->only);
	if (r == 0 && (spec->keep_decisions || spec->decisions_out))
		r = fos_decisions_create(&c->decisions);
	if (r)
		fos__chain_free(c);
	return r;
}

static void forget(struct fos__chain *c)
{
	struct fos__released r;

	while (fos__chain_take(c, &r))
		fos__bytes_put(r.bytes);
	fos__waiting_free(&c->held);
	fos__directions_free(&c->directions);
	fos_decisions_put(c->decisions);
	c->decisions = NULL;
}

void fos__chain_free(struct fos__chain *c)
{
	forget(c);
	fos__only_destroy(c->only);
	free(c->out);
	while (c->kept) {
		struct fos__bytes *b = c->kept;

		c->kept = b->next;
		fos__bytes_put(b);
	}
	fos_impair_spec_free(&c->spec);
}

int fos__chain_rewind(struct fos__chain *c)
{
	bool keep = c->decisions != NULL;

	forget(c);
	memset(&c->link, 0, sizeof c->link);
	memset(&c->stats, 0, sizeof c->stats);
	c->replay_at = 0;
	c->clock_ns = 0;
	c->note = 0;
	c->err[0] = '\0';
	return keep ? fos_decisions_create(&c->decisions) : 0;
}

bool fos__chain_take(struct fos__chain *c, struct fos__released *out)
{
	if (c->out_n == 0)
		return false;
	*out = c->out[c->out_first];
	c->out_first = (c->out_first + 1) & c->out_mask;
	c->out_n--;
	return true;
}

static int out_grow(struct fos__chain *c)
{
	uint32_t cap = c->out ? 2 * (c->out_mask + 1) : 256;
	struct fos__released *more = malloc(cap * sizeof *more);

	if (!more)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->out_n; i++)
		more[i] = c->out[(c->out_first + i) & c->out_mask];
	free(c->out);
	c->out = more;
	c->out_first = 0;
	c->out_mask = cap - 1;
	return 0;
}

/* Behind the last stage. The parcel's reference to its bytes goes with it; on an error it is put. */
static int emit(struct fos__chain *c, struct fos__parcel *p)
{
	if (!c->out || c->out_n > c->out_mask) {
		int r = out_grow(c);

		if (r) {
			fos__bytes_put(p->bytes);
			return r;
		}
	}
	c->out[(c->out_first + c->out_n++) & c->out_mask] = (struct fos__released){ .f = p->f, .bytes = p->bytes };
	c->stats.released++;
	return 0;
}

/* A parcel that is to be held: what would not last is copied. The reference to its bytes goes with it. */
static int hold_ready(struct fos__parcel *p)
{
	return p->bytes || (p->f.flags & FOS_FRAME_STABLE) ? 0 : fos__copy(p, false);
}

static uint64_t later(uint64_t t, uint64_t ns)
{
	return t > UINT64_MAX - ns ? UINT64_MAX : t + ns;
}

static int hold_for(struct fos__chain *c, struct fos__parcel *p, unsigned stage, uint64_t ns)
{
	int r = hold_ready(p);

	if (r == 0)
		r = fos__waiting_for(&c->held, p, stage, later(c->clock_ns, ns));
	if (r)
		fos__bytes_put(p->bytes);
	return r;
}

/* Waits for the k-th packet after number `n` of `line`. */
static int hold_until(struct fos__chain *c, struct fos__parcel *p, unsigned stage, uint32_t line, uint32_t number)
{
	uint64_t due = later(c->clock_ns, c->held.ended ? 0 : hold_ns);
	int r = hold_ready(p);

	if (r == 0)
		r = fos__waiting_until(&c->held, p, stage, due, line, number);
	if (r)
		fos__bytes_put(p->bytes);
	return r;
}

static struct fos__direction *direction_of(struct fos__chain *c, uint32_t line)
{
	return line == FOS__LINE_LINK ? &c->link : &c->directions.conv[line / 2].dir[line % 2];
}

static int to_delay(struct fos__chain *c, struct fos__parcel *p)
{
	return p->delay_ns ? hold_for(c, p, FOS__STAGE_DELAY, p->delay_ns) : emit(c, p);
}

/* A copy that comes directly after its original, or waits for later packets. */
static int send_copy(struct fos__chain *c, struct fos__parcel *copy, uint32_t line, uint32_t number)
{
	copy->f.flags |= FOS_FRAME_DUPLICATE;
	if (copy->dup_k == 0)
		return to_delay(c, copy);
	direction_of(c, line)->dup_held++;
	return hold_until(c, copy, FOS__STAGE_DUP, line, number + copy->dup_k);
}

static int to_dup(struct fos__chain *c, struct fos__parcel *p)
{
	uint32_t line = p->line, number = ++direction_of(c, line)->dup_in;
	bool twice = p->actions & FOS_DECISION_DUP;
	struct fos__parcel copy;
	struct fos__release rel;
	int r;

	if (twice) {
		copy = *p;
		if (copy.bytes)
			copy.bytes->refs++;
	}
	r = to_delay(c, p);
	if (r == 0 && twice)
		r = send_copy(c, &copy, line, number);
	else if (twice)
		fos__bytes_put(copy.bytes);
	while (r == 0 && direction_of(c, line)->dup_held &&
	       fos__waiting_reached(&c->held, FOS__STAGE_DUP, line, number, &rel)) {
		direction_of(c, line)->dup_held--;
		rel.p.f.ts_ns = c->clock_ns;
		r = to_delay(c, &rel.p);
	}
	return r;
}

/* Packet `number` has come to `line`: lets go who waited for it. */
static int reorder_reached(struct fos__chain *c, uint32_t line, uint32_t number)
{
	struct fos__release rel;
	int r = 0;

	while (r == 0 && direction_of(c, line)->reorder_held &&
	       fos__waiting_reached(&c->held, FOS__STAGE_REORDER, line, number, &rel)) {
		direction_of(c, line)->reorder_held--;
		rel.p.f.ts_ns = c->clock_ns;
		r = to_dup(c, &rel.p);
	}
	return r;
}

static int to_reorder(struct fos__chain *c, struct fos__parcel *p)
{
	uint32_t line = p->line, number = ++direction_of(c, line)->reorder_in;
	uint32_t of_link = ++c->link.reorder_in;
	int r;

	if (!(p->actions & FOS_DECISION_REORDER)) {
		r = to_dup(c, p);
	} else {
		p->f.flags |= FOS_FRAME_REORDERED;
		if (p->actions & FOS_DECISION_REORDER_NS) {
			r = hold_for(c, p, FOS__STAGE_REORDER, p->hold_ns);
		} else if (p->actions & FOS_DECISION_LINK) {
			c->link.reorder_held++;
			r = hold_until(c, p, FOS__STAGE_REORDER, FOS__LINE_LINK, of_link + p->reorder_k);
		} else {
			direction_of(c, line)->reorder_held++;
			r = hold_until(c, p, FOS__STAGE_REORDER, line, number + p->reorder_k);
		}
	}
	if (r == 0)
		r = reorder_reached(c, line, number);
	return r ? r : reorder_reached(c, FOS__LINE_LINK, of_link);
}

/* What is due goes on from where it waited. */
static int release(struct fos__chain *c, struct fos__release *rel)
{
	struct fos__parcel *p = &rel->p;

	p->f.ts_ns = rel->due_ns;
	if (rel->counted && c->held.ended)
		c->stats.ended++;
	else if (rel->counted)
		c->stats.timed_out++;
	switch (rel->stage) {
	case FOS__STAGE_LOSS:
		p->f.flags |= FOS_FRAME_RETRANSMIT;
		c->stats.retransmitted++;
		return to_delay(c, p);
	case FOS__STAGE_REORDER:
		if (rel->counted)
			direction_of(c, rel->line)->reorder_held--;
		return to_dup(c, p);
	case FOS__STAGE_DUP:
		direction_of(c, rel->line)->dup_held--;
		return to_delay(c, p);
	default:
		p->f.flags |= FOS_FRAME_DELAYED;
		return emit(c, p);
	}
}

/* Lets time pass: everything that is due by then goes on, in order of time, each at its time. */
static int advance(struct fos__chain *c, uint64_t now_ns)
{
	struct fos__release rel;
	int r = 0;

	while (r == 0 && fos__waiting_due(&c->held, now_ns, &rel)) {
		if (rel.due_ns > c->clock_ns)
			c->clock_ns = rel.due_ns;
		r = release(c, &rel);
	}
	if (r == 0 && now_ns > c->clock_ns && now_ns != UINT64_MAX)
		c->clock_ns = now_ns;
	return r;
}

int fos__chain_idle(struct fos__chain *c, uint64_t now_ns)
{
	return advance(c, now_ns > c->clock_ns ? now_ns : c->clock_ns);
}

int fos__chain_end(struct fos__chain *c)
{
	int r;

	fos__waiting_end(&c->held, c->clock_ns);
	r = advance(c, c->clock_ns);
	return r ? r : advance(c, UINT64_MAX);
}

static const struct fos_decision *replayed(struct fos__chain *c, uint64_t num)
{
	const struct fos_decisions *l = c->spec.replay;
	const struct fos_decision *d;

	while (c->replay_at < fos_decisions_count(l)) {
		d = fos_decisions_at(l, c->replay_at);
		if (d->num > num)
			break;
		if (d->num == num)
			return d;
		if (c->replay_at + 1 < fos_decisions_count(l) && fos_decisions_at(l, c->replay_at + 1)->num > num)
			break;
		c->replay_at++;
	}
	return fos_decisions_find(l, num);
}

/* Fills *d for the packet, whose conversation is `conv`. Returns 0 or an error of the filter. */
static int decide(struct fos__chain *c, const struct fos_pkt *p, struct fos__conversation *conv, int side,
                  struct fos_decision *d, uint64_t *corrupt)
{
	uint32_t index = fos__conversation_count(conv, side, p);
	const struct fos_decision *was;
	int matches = 1;

	if (c->spec.replay) {
		was = replayed(c, p->f.num);
		if (was)
			*d = *was;
		c->stats.eligible++;
		return 0;
	}
	fos__draw_decide(&c->draw, &c->spec, &conv->dir[side], fos__draw_base(conv, side, index),
	                 fos_frame_caplen(&p->f), d, corrupt);
	if (c->only)
		matches = fos__only_match(c->only, &p->f, c->err, sizeof c->err);
	if (matches < 0)
		return matches;
	c->stats.eligible += (unsigned)matches;
	if (!matches)
		*d = (struct fos_decision){ .num = p->f.num };
	return 0;
}

/* Flips the bit in a copy that lasts as long as the frame would. */
static int corrupt(struct fos__chain *c, struct fos__parcel *p, struct fos_decision *d, uint64_t h)
{
	struct fos__parcel copy = *p;
	bool fix = d->actions & FOS_DECISION_FIX, done;
	int r = fos__copy(&copy, true);

	if (r)
		return r;
	if (c->spec.replay)
		done = fos__corrupt_at(&copy, fix, d->bit);
	else
		done = fos__corrupt_draw(&copy, fix, h, &d->bit);
	if (!done) {
		fos__bytes_put(copy.bytes);
		d->actions &= ~(uint32_t)(FOS_DECISION_CORRUPT | FOS_DECISION_FIX);
		c->stats.corrupt_skipped++;
		return 0;
	}
	copy.f.flags = (copy.f.flags | FOS_FRAME_CORRUPTED) & ~(uint32_t)FOS_FRAME_CSUM_OK;
	if (copy.f.flags & FOS_FRAME_STABLE) {
		copy.bytes->next = c->kept;
		c->kept = copy.bytes;
		copy.bytes = NULL;
	}
	*p = copy;
	return 0;
}

static int change(struct fos__chain *c, struct fos__parcel *p, struct fos_decision *d, uint64_t h)
{
	if (d->actions & FOS_DECISION_CORRUPT) {
		int r = corrupt(c, p, d, h);

		if (r)
			return r;
	}
	if (d->actions & FOS_DECISION_TRUNCATE) {
		if (!(d->actions & FOS_DECISION_CORRUPT) && fos__truncate(p, d->cut_len))
			p->f.flags |= FOS_FRAME_TRUNCATED;
		else
			d->actions &= ~(uint32_t)FOS_DECISION_TRUNCATE;
	}
	return 0;
}

static void count(struct fos_impair_stats *st, uint32_t actions)
{
	st->lost += (actions & FOS_DECISION_LOSS) != 0;
	st->corrupted += (actions & FOS_DECISION_CORRUPT) != 0;
	st->truncated += (actions & FOS_DECISION_TRUNCATE) != 0;
	st->selected += (actions & FOS_DECISION_REORDER) != 0;
	st->duplicated += (actions & FOS_DECISION_DUP) != 0;
	st->delayed += (actions & FOS_DECISION_DELAY) != 0;
	st->decisions++;
}

/* Does to the packet what was decided. */
static int apply(struct fos__chain *c, struct fos__parcel *p, struct fos_decision *d, uint64_t h)
{
	int r = change(c, p, d, h);

	if (r)
		return r;
	if (d->actions) {
		count(&c->stats, d->actions);
		p->f.note = ++c->note;
		if (c->decisions)
			r = fos_decisions_add(c->decisions, d);
		if (r) {
			fos__bytes_put(p->bytes);
			return r;
		}
	}
	p->actions = d->actions;
	p->hold_ns = d->hold_ns;
	p->delay_ns = d->actions & FOS_DECISION_DELAY ? d->delay_ns : 0;
	p->reorder_k = d->reorder_k;
	p->dup_k = d->dup_k;
	if (d->actions & FOS_DECISION_AGAIN)
		return hold_for(c, p, FOS__STAGE_LOSS, p->hold_ns);
	if (!(d->actions & FOS_DECISION_LOSS))
		return to_reorder(c, p);
	fos__bytes_put(p->bytes);
	return 0;
}

int fos__chain_admit(struct fos__chain *c, struct fos_pkt *p)
{
	struct fos_decision d = { .num = p->f.num };
	struct fos__parcel parcel = { .f = p->f };
	uint64_t h = 0, hash;
	int64_t at;
	int side, r = advance(c, p->f.ts_ns > c->clock_ns ? p->f.ts_ns : c->clock_ns);

	if (r)
		return r;
	c->stats.packets++;
	fos_parse(p, 0);
	hash = fos__conversation_hash(p, &side);
	at = fos__directions_find(&c->directions, hash);
	if (at == -ENOSPC) {
		c->stats.unplaced++;
		return emit(c, &parcel);
	}
	if (at < 0)
		return (int)at;
	parcel.line = (uint32_t)at * 2 + (uint32_t)side;
	r = decide(c, p, &c->directions.conv[at], side, &d, &h);
	return r ? r : apply(c, &parcel, &d, h);
}
