/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pipeline.c: runs a flow's stages over what a side of a session has gained: stage k+1 sees a byte once every module of
 * stage k has passed it. Touches queues and views, knows nothing of TCP.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>

#include "queue.h"
#include "release.h"
#include "worker_state.h"

enum { CAP_BYTES_A_SPAN = 128, CAP_SPANS_FREE = 4096 };

/* Does this instance take streams of this session at all? */
static bool takes(const struct fos_session *s, const struct fos__inst *in)
{
	return s->key.proto == IPPROTO_TCP ? in->tcp : in->udp;
}

/* Where, from `head` on, the first gap begins, or the tail. *at is a span at or before `head`, NULL where none is known;
 * it moves on to the span in front of which the search ended. */
static uint64_t next_stop(const struct fos__queue *q, const struct fos_span **at, uint64_t head)
{
	const struct fos_span *sp;

	if (!q->in || q->in->gaps == 0)
		return q->tail;
	for (sp = *at ? *at : fos__queue_find(q, head); sp && sp->off <= head; sp = sp->next) {
		*at = sp;
		if (sp->off + sp->len > head)
			head = sp->off + sp->len;
	}
	return head;
}

/* Its first bytes, or a gap before them: not before, as a level below may carry bytes while it is not known where this
 * one starts. */
static void open_view(const struct fos__inst *in, struct fos_stream *v)
{
	if (v->flags & FOS_VIEW_OPEN)
		return;
	v->flags |= FOS_VIEW_OPEN;
	if (in->module->stream_open)
		in->module->stream_open(in->self, v);
}

/* Tells one instance of the gap [from, sp->off). */
static void show_gap(const struct fos__inst *in, struct fos_stream *v, uint64_t from, const struct fos_span *sp)
{
	open_view(in, v);
	v->flags = (uint8_t)((v->flags & ~(uint32_t)FOS_VIEW_WHY) | (sp->flags >> FOS_SPAN_WHY & FOS_VIEW_WHY));
	if (in->module->stream_gap)
		in->module->stream_gap(in->self, v, from, sp->off - from);
	v->head = sp->off;
	v->shown = 0;
}

/* What could not be put into the queue for want of memory (queue.c, add_gap) is passed over. */
static void catch_up(struct fos_stream *v, const struct fos__queue *q)
{
	const struct fos_span *first = fos__queue_first(q);
	uint64_t from = first ? first->off : q->tail;

	if (v->head >= from || (first && (first->flags & FOS_SPAN_GAP)))
		return;
	v->head = from;
	v->shown = 0;
}

/* Shows one instance what lies in front of `limit`. */
static void run_inst(struct fos_session *s, int side, unsigned i, uint64_t limit)
{
	const struct fos__inst *in = &s->flow->inst[i];
	struct fos_stream *v = fos__view_of(s, side, i);
	struct fos__queue *q = fos__view_queue(v);
	const struct fos_span *at = NULL;

	catch_up(v, q);
	for (;;) {
		uint64_t head = v->head, stop = next_stop(q, &at, head);
		uint64_t tail = stop < limit ? stop : limit;

		if (tail > fos__view_tail(v)) {
			open_view(in, v);
			fos__view_show(v, tail);
			if (in->module->stream_data)
				in->module->stream_data(in->self, v);
			else
				fos_release_all(v);
		}
		if (stop >= limit)
			break;
		const struct fos_span *sp = at ? at->next : NULL;

		if (fos__queue_first(q) && fos__queue_first(q)->off > head) /* the gap is in front of everything */
			sp = fos__queue_first(q);
		if (!sp || sp->off > limit)
			break;
		show_gap(in, v, stop, sp);
		q->in->hint = at = sp;
	}
	if (q->in)
		q->in->hint = NULL;
}

/* How far a view of another level may go when the one before it stands at `v`: to the packet that v is in, or, where the
 * other level has nothing of that packet, to the next one of which it has. */
static uint64_t map_limit(const struct fos_stream *v, const struct fos__queue *to)
{
	const struct fos__queue *from = fos__view_queue(v);

	if (v->head >= from->tail)
		return to->tail;
	for (const struct fos_span *sp = fos__queue_first(from); sp; sp = sp->next) {
		if (sp->off + sp->len <= v->head || !sp->pkt)
			continue;
		for (const struct fos_span *t = fos__queue_first(to); t; t = t->next)
			if (t->pkt && t->pkt->id == sp->pkt->id)
				return t->off;
	}
	return to->tail;
}

static uint64_t stage_limit(const struct fos_session *s, int side, const struct fos__inst *of)
{
	const struct fos__flow *f = s->flow;
	const struct fos__queue *q = fos__queue_of(s, side, (unsigned)f->level[of->level].queue);
	uint64_t limit = q->tail;

	for (unsigned i = 0; i < f->n_inst; i++) {
		const struct fos__inst *in = &f->inst[i];

		if (in->stage + 1 != of->stage || !takes(s, in))
			continue;
		const struct fos_stream *v = fos__view_of(s, side, i);
		uint64_t at = fos__view_queue(v) == q ? v->head : map_limit(v, q);

		if (at < limit)
			limit = at;
	}
	return limit;
}

static uint64_t least_head(const struct fos_session *s, int side, unsigned queue)
{
	const struct fos__flow *f = s->flow;
	uint64_t least = fos__queue_of(s, side, queue)->tail;

	for (unsigned i = 0; i < f->n_inst; i++) {
		const struct fos__inst *in = &f->inst[i];

		if (f->level[in->level].queue != (int)queue || !takes(s, in))
			continue;
		uint64_t head = fos__view_of(s, side, i)->head;

		if (head < least)
			least = head;
	}
	return least;
}

/* A module that keeps more than the cap loses what it was shown; the stage behind it sees that next. Where packets have
 * few bytes it is their number that counts: what was released is no longer in the queue. */
static bool cap(struct fos_worker *w, struct fos_session *s, int side, unsigned queue, uint64_t least)
{
	const struct fos__flow *f = s->flow;
	const struct fos__queue *q = fos__queue_of(s, side, queue);
	uint64_t keep = w->cfg.cap_retained_bytes;
	bool many = q->in && q->in->spans > keep / CAP_BYTES_A_SPAN + CAP_SPANS_FREE, forced = false;

	if (q->tail - least <= keep && !many)
		return false;
	uint64_t seen = f->gate_off ? fos__release_upto(s, side) : 0;

	for (unsigned i = 0; i < f->n_inst; i++) {
		struct fos_stream *v = fos__view_of(s, side, i);

		if (f->level[f->inst[i].level].queue != (int)queue || v->shown == 0)
			continue;
		if (v->shown > keep || (many && v->head == least)) {
			fos_release_all(v);
			forced = true;
		}
	}
	w->st.forced_releases += forced;
	if (forced && f->gate_off)
		fos__release_shut(w, s, side, seen);
	return forced;
}

/* There was no memory to keep all of a queue: its views end where it ends. */
static void shorten_views(struct fos_session *s, int side, unsigned queue)
{
	const struct fos__flow *f = s->flow;
	const struct fos__queue *q = fos__queue_of(s, side, queue);

	for (unsigned i = 0; i < f->n_inst; i++) {
		struct fos_stream *v = fos__view_of(s, side, i);

		if (f->level[f->inst[i].level].queue != (int)queue)
			continue;
		if (!q->in)
			fos_release_all(v);
		else if (fos__view_tail(v) > q->tail)
			v->shown = v->head > q->tail ? 0 : (uint32_t)(q->tail - v->head);
	}
}

/* Frees what everybody has released, keeps the rest beyond the batch. The level that owns segments goes last: spans of
 * others may point into them. */
static void settle(struct fos_worker *w, struct fos_session *s, int side)
{
	const struct fos__flow *f = s->flow;

	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < f->n_queues; i++) {
			bool owner = f->level[f->queue_level[i]].kind == FOS_LEVEL_APP || i == 0;

			if (owner != (pass == 1))
				continue;
			struct fos__queue *q = fos__queue_of(s, side, i);

			uint64_t head = least_head(s, side, i);

			if (q->in)
				q->in->hint = NULL;
			fos__queue_trim(q, head);
			if (cap(w, s, side, i, head)) {
				head = least_head(s, side, i);
				fos__queue_trim(q, head);
			}
			if ((fos__queue_first(q) && fos__queue_keep(w, q, head)) || fos__queue_settle(w, q)) {
				shorten_views(s, side, i);
				if (f->gate_off && owner && s->key.proto == IPPROTO_TCP)
					fos__release_shut(w, s, side, s->rest[side].start + q->tail);
				w->st.no_memory++;
				w->batch_err = -ENOMEM;
			}
		}
	}
}

static void run_stages(struct fos_session *s, int side)
{
	const struct fos__flow *f = s->flow;

	s->flags |= (uint32_t)FOS_SESSION_OPEN0 << side;
	for (unsigned i = 0; i < f->n_inst; i++)
		if (takes(s, &f->inst[i]))
			run_inst(s, side, i, stage_limit(s, side, &f->inst[i]));
}

/* Does the queue hold nothing but what this batch brought, without a gap? */
static inline bool is_fresh(const struct fos__queue *q)
{
	const struct fos__spans *in = q->in;

	return in && in->first && !(in->first->flags & FOS_SPAN_KEPT) && !in->gaps && !in->gap_why;
}

/* A queue with what is_fresh() says: every view stands where that begins. Returns whether all of
 * it was released by everyone. */
static bool run_plain(struct fos_session *s, int side, struct fos__queue *q)
{
	const struct fos__flow *f = s->flow;
	uint64_t from = q->in->first->off, limit = q->tail, least = q->tail;
	unsigned stage = 0;
	bool all = true;

	for (unsigned i = 0; i < f->n_inst; i++) {
		const struct fos__inst *in = &f->inst[i];
		struct fos_stream *v = fos__view_of(s, side, i);

		if (in->stage != stage) {
			stage = in->stage;
			limit = least;
			least = q->tail;
		}
		if (!takes(s, in))
			continue;
		v->head = from;
		if (limit > from) {
			open_view(in, v);
			v->shown = (uint32_t)(limit - from);
			if (in->data)
				in->data(in->self, v);
			else
				fos_release_all(v);
			q->in->hint = q->in->first;
		}
		if (v->head < least)
			least = v->head;
		all &= v->head == q->tail;
	}
	return all;
}

static __attribute__((noinline)) void run(struct fos_worker *w, struct fos_session *s, int side)
{
	const struct fos__flow *f = s->flow;
	struct fos__queue *q = f->plain && f->n_queues ? fos__queue_plain(s, side) : NULL;

	if (!q || !is_fresh(q)) {
		run_stages(s, side);
		settle(w, s, side);
		return;
	}
	s->flags |= (uint32_t)FOS_SESSION_OPEN0 << side;
	if (run_plain(s, side, q))
		fos__queue_clear(q);
	else
		settle(w, s, side);
}

/* What a flow with one module has of it; false: it is not as usual, and nothing was done but that the side is no longer listed. */
static inline __attribute__((always_inline)) bool run_solo(struct fos_worker *w, struct fos_session *s, unsigned side)
{
	const struct fos__flow *f = s->flow;
	const struct fos__inst *in = &f->inst[0];
	struct fos__queue *q;
	struct fos_stream *v;

	s->flags &= ~((uint32_t)FOS_SESSION_TOUCHED0 << side);
	if (!f->solo || s->key.proto != IPPROTO_TCP)
		return false;
	q = fos__queue_plain(s, (int)side);
	if (!is_fresh(q) || q->tail == q->in->first->off)
		return false;
	v = (struct fos_stream *)((uintptr_t)s + f->views_off) + side;
	s->flags |= (uint32_t)FOS_SESSION_OPEN0 << side;
	v->head = q->in->first->off;
	if (!(v->flags & FOS_VIEW_OPEN))
		open_view(in, v);
	v->shown = (uint32_t)(q->tail - v->head);
	in->data(in->self, v);
	if (v->shown)
		settle(w, s, (int)side);
	else if (q->in->own || q->in->pooled)
		fos__queue_clear(q);
	else
		q->in = NULL;
	return true;
}

void fos__pipeline_run(struct fos_worker *w, struct fos_session *s, int side)
{
	if (!run_solo(w, s, (unsigned)side))
		run(w, s, side);
}

void fos__pipeline_run_all(struct fos_worker *w)
{
	for (size_t i = 0; i < w->n_touched; i++) {
		unsigned side = w->touched[i] & 1;
		struct fos_session *s = (struct fos_session *)(w->touched[i] - side);

		if ((s->flags & (uint32_t)FOS_SESSION_TOUCHED0 << side) && !run_solo(w, s, side))
			run(w, s, (int)side);
	}
}

/* Nothing waits for anyone, so that modules only have to be told. */
static bool is_read(const struct fos_session *s, int side)
{
	const struct fos__flow *f = s->flow;
	const struct fos__queue *q = f->n_queues ? fos__queue_of(s, side, 0) : NULL;

	if (!f->plain || !q || q->in || (s->flags & (uint32_t)FOS_SESSION_TOUCHED0 << side))
		return false;
	for (unsigned i = 0; i < f->n_inst; i++) {
		const struct fos_stream *v = fos__view_of(s, side, i);

		if (takes(s, &f->inst[i]) && (v->head != q->tail || v->shown))
			return false;
	}
	return true;
}

static void tell_close(struct fos_session *s, int side)
{
	const struct fos__flow *f = s->flow;

	if (!(s->flags & (uint32_t)FOS_SESSION_OPEN0 << side))
		return;
	for (unsigned i = 0; i < f->n_inst; i++) {
		const struct fos__inst *in = &f->inst[i];
		struct fos_stream *v = fos__view_of(s, side, i);

		if (takes(s, in) && (v->flags & FOS_VIEW_OPEN) && in->module->stream_close)
			in->module->stream_close(in->self, v, fos_session_end(s, side));
	}
}

void fos__pipeline_close(struct fos_worker *w, struct fos_session *s, int side)
{
	const struct fos__flow *f = s->flow;
	uint32_t touched = (uint32_t)FOS_SESSION_TOUCHED0 << side;

	if (is_read(s, side)) {
		tell_close(s, side);
		return;
	}
	if (s->flags & touched)
		run_stages(s, side);
	s->flags &= ~touched;
	if (s->flags & (uint32_t)FOS_SESSION_OPEN0 << side) {
		for (unsigned i = 0; i < f->n_inst; i++) {
			const struct fos__inst *in = &f->inst[i];

			if (!takes(s, in))
				continue;
			/* A stage's modules are done when they were told of the end: the next stage sees all. */
			run_inst(s, side, i, stage_limit(s, side, in));
			struct fos_stream *v = fos__view_of(s, side, i);

			if ((v->flags & FOS_VIEW_OPEN) && in->module->stream_close)
				in->module->stream_close(in->self, v, fos_session_end(s, side));
			v->head = fos__view_queue(v)->tail;
			v->shown = 0;
		}
	}
	(void)w;
	for (unsigned i = f->n_queues; i-- > 0;)
		fos__queue_clear(fos__queue_of(s, side, i));
}
