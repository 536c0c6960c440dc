/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tcp.h: what tcp.c and tcp_move.c share about one direction of one use. Internal; ORDER.md says what the words mean.
 */
#ifndef FOS_TCP_H
#define FOS_TCP_H

#include <flowos/seq.h>

#include "bug.h"
#include "held.h"
#include "queue.h"
#include "trouble.h"
#include "worker_state.h"

/* Counts what the set holds more or less than `before` bytes. */
void fos__tcp_account(struct fos_worker *w, struct fos__held *h, size_t before);

/* The direction's set of held pieces, which is made where there is none; NULL: no memory (counted). */
struct fos__held *fos__tcp_held_of(struct fos_worker *w, struct fos_session *s, int side, uint64_t since_ns,
                                   uint32_t since_pkts);

/* A set that holds nothing goes. */
void fos__tcp_drop_empty(struct fos_worker *w, struct fos_session *s, int side);

/* Holds the packet's bytes from position `from` on, `data`, up to `to`; false: no memory. */
bool fos__tcp_hold(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p, uint64_t from,
                   const uint8_t *data, uint64_t to);

/* The same for a whole segment at `pos`, before all that is held (`front`) or behind it. */
void fos__tcp_join(struct fos_worker *w, struct fos_session *s, int side, bool front, const struct fos_pkt *p,
                   uint64_t pos);

/* Passes on payload that is next and ends before all that is held, and then what is held behind it. */
void fos__tcp_fill(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p, const uint8_t *data,
                   uint32_t len);

/* What came too late: `len` bytes at position `from` that lie before the start, or that were passed on. Modules that want it are
 * told. */
void fos__tcp_late(struct fos_worker *w, struct fos_session *s, int side, uint64_t from, const uint8_t *data,
                   uint32_t len);

/* After something was held: where that is more than may be, holes are given up. */
void fos__tcp_cap(struct fos_worker *w, struct fos_session *s, int side);

/* Removes the runs (policy linux) that begin at or before `upto`. */
void fos__tcp_forget_runs(struct fos_worker *w, struct fos__held *h, uint64_t upto);

/* Notes the packet's place in its direction; returns the position of its first byte. */
static inline uint64_t fos__tcp_note_position(struct fos_session *s, int side, const struct fos_pkt *p)
{
	struct fos__half *h = &s->half[side];
	struct fos__half_rest *rest = &s->rest[side];
	uint32_t seq = p->seq + ((p->tcp_flags & FOS_TCP_SYN) ? 1 : 0);
	uint64_t pos, end;

	if (!(h->flags & FOS_HALF_SEEN)) {
		pos = fos_seq_first(seq);
		h->next = rest->low = h->high = pos;
	} else {
		pos = fos_seq_near(h->next, seq);
		if (FOS_BUG(WRAP))
			pos = (h->next & ~UINT64_C(0xffffffff)) | seq;
	}
	end = pos + p->app_wire_len + ((p->tcp_flags & FOS_TCP_FIN) ? 1 : 0);
	if ((h->flags & (FOS_HALF_SEEN | FOS_HALF_ACKED)) ==
	    FOS_HALF_ACKED) { /* the first one says what ACKs speak of */
		h->ack = fos_seq_near(pos, (uint32_t)h->ack);
		if (h->ack > end + FOS_WINDOW)
			h->flags &= ~(uint32_t)FOS_HALF_ACKED;
	}
	h->flags |= FOS_HALF_SEEN;
	if (pos < rest->low)
		rest->low = pos;
	if (end > h->high)
		h->high = end;
	return pos;
}

/* Did the direction start, and was all of it that came passed on, and no gap is left to be told of? */
static inline bool fos__tcp_is_all(const struct fos_session *s, int side)
{
	const struct fos__half *h = &s->half[side];

	if (!s->flow->plain || (h->flags & (FOS_HALF_STARTED | FOS_HALF_HOLDS)) != FOS_HALF_STARTED)
		return false;
	if ((h->flags & FOS_HALF_FIN) && s->rest[side].fin > h->next)
		return false;
	return s->flow->n_queues == 0 || !fos__queue_of(s, side, 0)->in;
}

/* Where the greatest acknowledgement of a direction that was seen is moved on to; 0: it is not. *was: where it was, or 0. */
static inline uint64_t fos__tcp_note_ack(struct fos__half *h, uint32_t ack, uint64_t *was)
{
	uint64_t pos = fos_seq_near(h->next, ack);

	*was = (h->flags & FOS_HALF_ACKED) ? h->ack : 0;
	if (pos > h->high + FOS_WINDOW || pos <= *was)
		return 0;
	h->ack = pos;
	h->flags |= FOS_HALF_ACKED;
	return pos;
}

/* Without memory for it the FIN before is forgotten: it counts only when the greatest one moves to another use. */
static inline void fos__tcp_note_fin(struct fos_worker *w, struct fos_session *s, int side, uint64_t fin)
{
	struct fos__half *h = &s->half[side];
	struct fos__half_rest *rest = &s->rest[side];

	if (!(h->flags & FOS_HALF_FIN)) {
		rest->fin = fin;
	} else if (fin > rest->fin) {
		struct fos__trouble *t = fos__trouble_of(&w->store, s);

		if (t)
			t->fin_before[side] = rest->fin;
		rest->fin = fin;
	}
	h->flags |= FOS_HALF_FIN;
}

#endif
