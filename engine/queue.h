/* SPDX-License-Identifier: BSD-2-Clause
 *
 * queue.h: the bytes of one direction at one level that some module has not released yet, and each module's view of
 * them. Internal.
 *
 * Spans of this batch lie in the worker's arena; what is still needed after it moves to one that lasts (fos__queue_keep).
 */
#ifndef FOS_QUEUE_H
#define FOS_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch.h"
#include "flow.h"
#include "origin.h"
#include "pieces.h"
#include "session.h"

struct fos_worker;

/* Beside enum fos_span_flag. */
enum fos__span_flag {
	FOS_SPAN_GAP = 1u << 8,   /* there is a gap before it */
	FOS_SPAN_OWN = 1u << 9,   /* it is of fos__span_new, not of the batch's arena */
	FOS_SPAN_KEPT = 1u << 10, /* it outlives its batch, and so do all before it */
	FOS_SPAN_WHY = 16,        /* enum fos_gap_why, shifted by this */
};

/* What is in a queue. Of the batch, or of the store's pool; gone when there is nothing in it. */
struct fos__spans {
	struct fos_span *first, *last;
	uint64_t gap_len; /* of a gap that the next span comes after; it lies behind `tail` */
	uint32_t gaps;    /* spans in it with FOS_SPAN_GAP */
	uint32_t gap_why; /* of that gap, plus one; 0: none */
	uint32_t decoder_state;
	uint32_t spans;                /* how many there are */
	const struct fos_span *mapped; /* what fos_sp_map() found last, or NULL */
	const struct fos_span *hint;   /* a span at or before the head of the module that runs, or NULL */
	bool pooled;
	bool own; /* there may be spans with FOS_SPAN_OWN in it: they are to be given back one by one */
};

struct fos__queue {
	struct fos__spans *in; /* or NULL */
	uint64_t tail;         /* offset behind the last byte */
};

enum { FOS_SPAN_FETCH = 1536 }; /* bytes: an Ethernet frame's payload; of more, the hardware sees the pattern */

enum fos__view_flag {
	FOS_VIEW_WHY = 3u,  /* enum fos_gap_why of the gap that is shown */
	FOS_VIEW_OPEN = 4u, /* stream_open was called */
	                    /* 8: FOS_STREAM_SIDE */
};

_Static_assert(sizeof(struct fos_stream) == FOS_STREAM_BACK, "views lie at multiples of their size");

static inline unsigned fos__view_side(const struct fos_stream *v)
{
	return (unsigned)fos_stream_dir(v);
}

/* As last shown. */
static inline uint64_t fos__view_tail(const struct fos_stream *v)
{
	return v->head + v->shown;
}

/* Shows [head, tail): where that is more than a window can be, it ends earlier, and the rest is shown next time. */
static inline void fos__view_show(struct fos_stream *v, uint64_t tail)
{
	v->shown = tail - v->head < UINT32_MAX ? (uint32_t)(tail - v->head) : UINT32_MAX;
}

static inline struct fos__queue *fos__queue_of(const struct fos_session *s, int side, unsigned queue)
{
	const struct fos__flow *f = s->flow;

	return (struct fos__queue *)((uintptr_t)s + f->queues_off) + (unsigned)side * f->n_queues + queue;
}

/* The only one, of a flow that is plain and has one. */
static inline struct fos__queue *fos__queue_plain(const struct fos_session *s, int side)
{
	return (struct fos__queue *)((uintptr_t)s + s->flow->queues_off) + (unsigned)side;
}

static inline struct fos_stream *fos__view_of(const struct fos_session *s, int side, unsigned inst)
{
	const struct fos__flow *f = s->flow;

	return (struct fos_stream *)((uintptr_t)s + f->views_off) + (unsigned)side * f->n_inst + inst;
}

static inline struct fos_session *fos__view_session(const struct fos_stream *v)
{
	return fos_stream_session(v);
}

static inline const struct fos__inst *fos__view_inst(const struct fos_stream *v)
{
	return &fos__view_session(v)->flow->inst[v->inst];
}

static inline struct fos__queue *fos__view_queue(const struct fos_stream *v)
{
	const struct fos_session *s = fos__view_session(v);
	int q = s->flow->level[s->flow->inst[v->inst].level].queue;

	return q < 0 ? NULL : fos__queue_of(s, (int)fos__view_side(v), (unsigned)q);
}

/* Lets the bytes of a span that a module will soon read come into the cache. They may lie anywhere, so the hardware does not
 * expect them. */
static FOS__FETCHES void fos__span_fetch(const uint8_t *data, uint32_t len)
{
	uint32_t most = len < FOS_SPAN_FETCH ? len : FOS_SPAN_FETCH;

	for (; most >= 256; most -= 256, data += 256) {
		fos__fetch(data);
		fos__fetch(data + 64);
		fos__fetch(data + 128);
		fos__fetch(data + 192);
	}
	for (uint32_t at = 0; at < most; at += 64)
		fos__fetch(data + at);
}

/* Sets up the queues and views of a new session, whose memory is zero. */
void fos__queue_init(struct fos_session *s);

/* The first span, or NULL. */
static inline struct fos_span *fos__queue_first(const struct fos__queue *q)
{
	return q->in ? q->in->first : NULL;
}

/* Frees `in` if there is nothing in it. What is there without spans, a gap, outlives its batch: 0, or -ENOMEM (then the queue's tail
 * is behind the gap). */
int fos__queue_settle(struct fos_worker *w, struct fos__queue *q);

/* Payload in order: gives it to every level that is read. `origin`, where not NULL, is that of the piece that was held: its
 * reference is taken over. `first`: the first piece of its packet. Bytes are at level `app`. */
void fos__queue_push(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p,
                     const uint8_t *data, uint32_t len, bool first, struct fos__origin *origin);

/* The same for n held pieces that lie one behind the other, where nothing but level `app` is read and nothing waits for release;
 * false: it is not so, and nothing was done. */
bool fos__queue_push_run(struct fos_worker *w, struct fos_session *s, int side, const struct fos__piece *x, unsigned n);

/* A packet without payload: for the levels below. */
void fos__queue_push_bare(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p);

/* The next `len` bytes of level `app` will never come. */
void fos__queue_gap(struct fos_worker *w, struct fos_session *s, int side, uint64_t len, enum fos_gap_why why);

/* Makes a gap at the very end visible. */
void fos__queue_mark_end(struct fos_worker *w, struct fos_session *s, int side);

/* The span that holds offset `off`, or, at the end of a run of spans, the last one before it. Quick near both ends. */
const struct fos_span *fos__queue_find(const struct fos__queue *q, uint64_t off);

/* Frees all of it. */
void fos__queue_clear(struct fos__queue *q);

/* Frees what lies before `head`. */
void fos__queue_trim(struct fos__queue *q, uint64_t head);

/* Makes what is left of this batch outlive it. Returns 0 or -ENOMEM: then the queue's tail moves back to the end of what
 * could be kept, or to `head`, the least one of its views. */
int fos__queue_keep(struct fos_worker *w, struct fos__queue *q, uint64_t head);

#endif
