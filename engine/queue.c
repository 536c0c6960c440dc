/* SPDX-License-Identifier: BSD-2-Clause
 *
 * queue.c: see queue.h.
 */
#include "queue.h"

#include <errno.h>
#include <stddef.h>
#include <netinet/in.h>

#include "release.h"
#include "worker_state.h"

void fos__queue_init(struct fos_session *s)
{
	for (int side = 0; side < 2; side++) {
		for (unsigned i = 0; i < s->flow->n_inst; i++) {
			struct fos_stream *v = fos__view_of(s, side, i);

			v->back = (uint16_t)(((uintptr_t)v - (uintptr_t)s) / FOS_STREAM_BACK);
			v->inst = (uint8_t)i;
			v->flags = side ? FOS_STREAM_SIDE : 0;
		}
	}
}

/* What is in q, which is made where there is nothing; NULL: no memory (counted). */
static struct fos__spans *spans_of(struct fos_worker *w, struct fos__queue *q)
{
	struct fos__spans *in = q->in;

	if (in)
		return in;
	in = fos__pool_take(&w->store.spans);
	if (!in) {
		w->st.no_memory++;
		w->batch_err = -ENOMEM;
		return NULL;
	}
	*in = (struct fos__spans){ .pooled = true };
	q->in = in;
	return in;
}

void fos__queue_clear(struct fos__queue *q)
{
	fos__queue_trim(q, UINT64_MAX);
	if (q->in && q->in->pooled)
		fos__pool_give(q->in);
	q->in = NULL;
}

/* It shows when a span comes behind it: until then nobody may read up to where it ends. Without memory for it, views
 * pass over it without a word (pipeline.c), and that is counted. */
static void add_gap(struct fos_worker *w, struct fos__queue *q, uint64_t len, enum fos_gap_why why)
{
	struct fos__spans *in = spans_of(w, q);

	if (!in) {
		q->tail += len;
		return;
	}
	in->gap_len += len;
	in->gap_why = (uint32_t)why + 1;
}

static void append(struct fos__queue *q, struct fos_span *sp, uint32_t flags)
{
	struct fos__spans *in = q->in;

	sp->flags = flags;
	if (in->gap_why) {
		sp->flags |= FOS_SPAN_GAP | (in->gap_why - 1) << FOS_SPAN_WHY;
		q->tail += in->gap_len;
		in->gaps++;
		in->gap_why = 0;
		in->gap_len = 0;
	}
	sp->off = q->tail;
	sp->next = NULL;
	sp->prev = in->last;
	if (in->last)
		in->last->next = sp;
	else
		in->first = sp;
	in->last = sp;
	q->tail += sp->len;
	in->spans++;
}

static void push_span(struct fos_worker *w, struct fos__queue *q, const struct fos_pkt *p, const uint8_t *data,
                      uint32_t len, uint32_t flags)
{
	struct fos_span *sp = spans_of(w, q) ? fos__arena_get(&w->arena, sizeof(*sp)) : NULL;

	if (!sp) { /* what cannot be shown is a gap, not a silence */
		w->st.no_memory++;
		w->batch_err = -ENOMEM;
		add_gap(w, q, len, FOS_GAP_CAP);
		return;
	}
	sp->data = data;
	sp->len = len;
	sp->pkt = p;
	append(q, sp, flags);
}

/* What was held: the span lasts longer than the batch, and has the reference. False: no memory, and the reference is gone. */
static bool push_kept(struct fos_worker *w, struct fos__queue *q, struct fos__origin *o, const uint8_t *data,
                      uint32_t len, uint32_t flags)
{
	struct fos_span *sp = fos__span_new(&w->store, o, data, len);

	if (sp && !spans_of(w, q)) {
		fos__span_free(sp);
		sp = NULL;
	}
	if (!sp) {
		w->st.no_memory++;
		w->batch_err = -ENOMEM;
		add_gap(w, q, len, FOS_GAP_CAP);
		return false;
	}
	fos__span_fetch(data, len);
	append(q, sp, flags | FOS_SPAN_OWN);
	q->in->own = true;
	return true;
}

bool fos__queue_push_run(struct fos_worker *w, struct fos_session *s, int side, const struct fos__piece *x, unsigned n)
{
	const struct fos__flow *f = s->flow;
	struct fos__queue *q;

	if (!f->plain || f->gate_off || !f->n_queues)
		return false;
	q = fos__queue_of(s, side, 0);
	for (unsigned i = 0; i < n; i++) {
		struct fos__origin *o = x[i].origin;
		uint32_t flags = o->shown ? 0 : FOS_SPAN_PKT;

		o->shown = true;
		push_kept(w, q, o, o->data + (x[i].from - o->o_from), x[i].len, flags);
	}
	fos__worker_touch(w, s, side);
	return true;
}

/* A level at or below the transport header: the packet's bytes from there to its end. */
static void push_below(struct fos_worker *w, struct fos__queue *q, const struct fos_pkt *p, const uint8_t *start)
{
	const uint8_t *end = p->ip + p->l4 + p->l4_len;

	if (p->app_len && p->app == end) {
		push_span(w, q, p, start, (uint32_t)(end - start) + p->app_len, FOS_SPAN_PKT);
		return;
	}
	push_span(w, q, p, start, (uint32_t)(end - start), FOS_SPAN_PKT);
	if (p->app_len)
		push_span(w, q, p, p->app, p->app_len, 0);
}

/* Where each level of the flow starts in the packet, NULL where it does not. */
static void level_starts(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p,
                         uint64_t app_off, const uint8_t *start[FOS_LEVELS_MAX])
{
	const struct fos__flow *f = s->flow;
	const uint8_t *prev = p->ip;
	uint32_t none = 0;

	for (unsigned i = 0; i < f->n_levels; i++) {
		const struct fos__level *l = &f->level[i];
		uint32_t *state = &none;

		start[i] = NULL;
		if (l->kind == FOS_LEVEL_ABOVE && (l->queue < 0 || !p->app_len))
			continue;
		if (l->kind == FOS_LEVEL_ABOVE && (prev < p->app || prev > p->app + p->app_len))
			prev = p->app; /* "ip:tcp:http": what stands on the transport begins at its payload */
		if (l->kind == FOS_LEVEL_ABOVE && spans_of(w, fos__queue_of(s, side, (unsigned)l->queue)))
			state = &fos__queue_of(s, side, (unsigned)l->queue)->in->decoder_state;
		start[i] = l->decoder->start(p, prev, app_off, state);
		if (start[i])
			prev = start[i];
	}
}

/* The offset that the next byte of level `app` has. */
static uint64_t app_offset(const struct fos_session *s, int side, uint32_t len)
{
	return s->key.proto == IPPROTO_TCP ? s->half[side].next - len - s->rest[side].start : 0;
}

static void push_level(struct fos_worker *w, struct fos__queue *q, const struct fos__level *l, const struct fos_pkt *p,
                       const uint8_t *data, uint32_t len, bool first, const uint8_t *start)
{
	if (l->kind == FOS_LEVEL_ABOVE) {
		const uint8_t *from = start > data ? start : data;

		if (start && from < data + len)
			push_span(w, q, p, from, (uint32_t)(data + len - from), first ? FOS_SPAN_PKT : 0);
	} else if (first && start) {
		push_below(w, q, p, start);
	}
}

void fos__queue_push(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p,
                     const uint8_t *data, uint32_t len, bool first, struct fos__origin *origin)
{
	const struct fos__flow *f = s->flow;
	const uint8_t *start[FOS_LEVELS_MAX];
	uint64_t failed = w->st.no_memory;
	bool others = f->n_queues > 1 || (f->n_queues == 1 && f->level[f->queue_level[0]].kind != FOS_LEVEL_APP);
	struct fos__origin *of_others = others ? origin : NULL; /* their spans point into its packet */
	bool kept = true;

	if (f->n_queues == 0) {
		if (origin)
			fos__origin_put(origin);
		return;
	}
	if (others)
		level_starts(w, s, side, p, app_offset(s, side, len), start);
	if (of_others)
		of_others->refs++;
	for (unsigned i = 0; i < f->n_queues; i++) {
		const struct fos__level *l = &f->level[f->queue_level[i]];
		struct fos__queue *q = fos__queue_of(s, side, i);

		if (l->kind != FOS_LEVEL_APP) {
			push_level(w, q, l, p, data, len, first, start[f->queue_level[i]]);
		} else if (origin) {
			kept = push_kept(w, q, origin, data, len, first ? FOS_SPAN_PKT : 0);
			origin = NULL;
		} else {
			push_span(w, q, p, data, len, first ? FOS_SPAN_PKT : 0);
		}
	}
	if (origin) /* only other levels are read */
		kept = push_kept(w, fos__queue_of(s, side, 0), origin, data, 0, 0);
	if (f->gate_off && w->st.no_memory != failed && s->key.proto == IPPROTO_TCP)
		fos__release_shut(w, s, side, s->half[side].next - len);
	fos__worker_touch(w, s, side);
	if (!of_others)
		return;
	if (!kept) /* now, as its packet does not last until the batch's end */
		fos__worker_show(w, s, side);
	fos__origin_put(of_others);
}

void fos__queue_push_bare(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p)
{
	const struct fos__flow *f = s->flow;
	const uint8_t *start[FOS_LEVELS_MAX];
	bool any = false;

	for (unsigned i = 0; i < f->n_queues; i++)
		any |= f->level[f->queue_level[i]].kind < FOS_LEVEL_APP;
	if (!any)
		return;
	level_starts(w, s, side, p, 0, start);
	for (unsigned i = 0; i < f->n_queues; i++) {
		unsigned l = f->queue_level[i];

		if (f->level[l].kind < FOS_LEVEL_APP && start[l]) {
			push_below(w, fos__queue_of(s, side, i), p, start[l]);
			fos__worker_touch(w, s, side);
		}
	}
}

void fos__queue_gap(struct fos_worker *w, struct fos_session *s, int side, uint64_t len, enum fos_gap_why why)
{
	for (unsigned i = 0; i < s->flow->n_queues; i++)
		add_gap(w, fos__queue_of(s, side, i), len, why);
}

void fos__queue_mark_end(struct fos_worker *w, struct fos_session *s, int side)
{
	for (unsigned i = 0; i < s->flow->n_queues; i++) {
		struct fos__queue *q = fos__queue_of(s, side, i);

		if (q->in && q->in->gap_why) {
			push_span(w, q, NULL, (const uint8_t *)"", 0, 0);
			fos__worker_touch(w, s, side);
		}
	}
}

const struct fos_span *fos__queue_find(const struct fos__queue *q, uint64_t off)
{
	const struct fos_span *sp = fos__queue_first(q), *last;

	if (!sp || sp->off > off)
		return sp;
	last = q->in->last;
	if (off >= last->off || off - sp->off > last->off - off) {
		for (sp = last; sp->off > off;)
			sp = sp->prev;
		return sp;
	}
	while (sp->next && sp->next->off <= off)
		sp = sp->next;
	return sp;
}

static void drop(struct fos__spans *in, struct fos_span *sp)
{
	in->spans--;
	if (in->mapped == sp)
		in->mapped = NULL;
	if (sp->flags & FOS_SPAN_GAP)
		in->gaps--;
	if (sp->flags & FOS_SPAN_OWN)
		fos__span_free(sp);
}

void fos__queue_trim(struct fos__queue *q, uint64_t head)
{
	struct fos__spans *in = q->in;

	if (!in)
		return;
	while (in->first && in->first->off + in->first->len <= head) {
		struct fos_span *sp = in->first;

		in->first = sp->next;
		drop(in, sp);
	}
	if (in->first)
		in->first->prev = NULL;
	else
		in->last = NULL;
}

/* Cuts off what begins with `sp`: it shows as a gap when more comes. `head` is the least one of the queue's views. */
static void cut_off(struct fos_worker *w, struct fos__queue *q, struct fos_span *sp, uint64_t head)
{
	struct fos__spans *in = q->in;
	uint64_t end = sp->prev ? sp->prev->off + sp->prev->len : head;

	in->last = sp->prev;
	if (sp->prev)
		sp->prev->next = NULL;
	else
		in->first = NULL;
	for (struct fos_span *next; sp; sp = next) {
		next = sp->next;
		drop(in, sp);
	}
	add_gap(w, q, q->tail - end, FOS_GAP_CAP);
	q->tail = end;
}

/* What is in the queue was of the batch; it has to last longer. Without memory for it there is none to say what is missing
 * either: as in add_gap(). */
static bool keep_list(struct fos_worker *w, struct fos__queue *q)
{
	struct fos__spans *in;

	if (q->in->pooled)
		return true;
	in = fos__pool_take(&w->store.spans);
	if (!in) {
		fos__queue_trim(q, UINT64_MAX);
		q->tail += q->in->gap_len;
		q->in = NULL;
		return false;
	}
	*in = *q->in;
	in->pooled = true;
	q->in = in;
	return true;
}

int fos__queue_settle(struct fos_worker *w, struct fos__queue *q)
{
	struct fos__spans *in = q->in;

	if (!in || in->first)
		return 0;
	if (in->gap_why || in->decoder_state)
		return keep_list(w, q) ? 0 : -ENOMEM;
	if (in->pooled)
		fos__pool_give(in);
	q->in = NULL;
	return 0;
}

/* A span that lasts, in the place of `sp`. */
static struct fos_span *keep(struct fos_worker *w, const struct fos_span *sp)
{
	struct fos__origin *o = sp->pkt ? fos__origin_new(&w->store, sp->pkt) : NULL;
	struct fos_span *n = o ? fos__span_new(&w->store, o, fos__origin_at(o, sp->pkt, sp->data), sp->len) : NULL;

	if (!n)
		return NULL;
	n->next = sp->next;
	n->prev = sp->prev;
	n->off = sp->off;
	n->flags = sp->flags | FOS_SPAN_OWN;
	return n;
}

int fos__queue_keep(struct fos_worker *w, struct fos__queue *q, uint64_t head)
{
	struct fos_span *sp = q->in->last;

	if (!keep_list(w, q))
		return -ENOMEM;
	while (sp->prev && !(sp->prev->flags & FOS_SPAN_KEPT))
		sp = sp->prev;
	for (struct fos_span *next; sp; sp = next) {
		next = sp->next;
		sp->flags |= FOS_SPAN_KEPT;
		if (sp->flags & FOS_SPAN_OWN)
			continue;
		struct fos_span *n = keep(w, sp);

		if (!n) {
			cut_off(w, q, sp, head);
			return -ENOMEM;
		}
		q->in->mapped = NULL;
		*(n->prev ? &n->prev->next : &q->in->first) = n;
		*(n->next ? &n->next->prev : &q->in->last) = n;
	}
	return 0;
}
