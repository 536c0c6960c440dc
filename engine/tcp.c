/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tcp.c: puts the segments of one use of a 4-tuple in order, as ORDER.md says. Delivers to queues; makes no sessions.
 */
#include "tcp.h"

#include <flowos/seq.h>

#include "fast.h"
#include "queue.h"
#include "release.h"

enum { SHOW_AT_ONCE = 256 }; /* pieces that are delivered before modules look at them */

/* What the set holds was `before`. */
void fos__tcp_account(struct fos_worker *w, struct fos__held *h, size_t before)
{
	w->st.held_bytes += fos__held_bytes(h) - before;
	if (w->st.held_bytes > w->st.held_peak_bytes)
		w->st.held_peak_bytes = w->st.held_bytes;
	fos__held_sort(h);
}

/* The direction's set, which is made where there is none; NULL: no memory. */
struct fos__held *fos__tcp_held_of(struct fos_worker *w, struct fos_session *s, int side, uint64_t since_ns,
                                   uint32_t since_pkts)
{
	struct fos__trouble *t = fos__trouble_of(&w->store, s);
	struct fos__held *held = t ? t->held[side] : NULL;

	if (held)
		return held;
	held = t ? fos__held_new(&w->store, s, side) : NULL;
	if (!held) {
		fos__trouble_settle(s);
		w->st.no_memory++;
		return NULL;
	}
	t->held[side] = held;
	s->half[side].flags |= FOS_HALF_HOLDS;
	s->flags &= ~((uint32_t)FOS_SESSION_PLAIN0 << !side);
	held->since_ns = since_ns;
	held->since_pkts = since_pkts;
	fos__tcp_account(w, held, 0);
	return held;
}

/* A set that holds nothing goes. */
void fos__tcp_drop_empty(struct fos_worker *w, struct fos_session *s, int side)
{
	struct fos__held *held = fos__held_of(s, side);

	if (!held || held->pieces.count)
		return;
	w->st.held_bytes -= fos__held_bytes(held);
	fos__held_free(held);
	s->trouble->held[side] = NULL;
	s->half[side].flags &= ~(uint32_t)FOS_HALF_HOLDS;
	s->flags &= ~((uint32_t)FOS_SESSION_ABOVE0 << side);
	fos__trouble_settle(s);
}

/* Tells modules of bytes that were not taken. `from` is a position. */
static void late(struct fos_worker *w, struct fos_session *s, int side, uint64_t from, const uint8_t *data,
                 uint32_t len)
{
	const struct fos__flow *f = s->flow;

	if (!f->wants_late || len == 0)
		return;
	fos__fast_tell(w);
	fos__worker_show(w, s, side); /* what was passed on before it */
	for (unsigned i = 0; i < f->n_inst; i++)
		if (f->inst[i].module->stream_late)
			f->inst[i].module->stream_late(f->inst[i].self, fos__view_of(s, side, i),
			                               (int64_t)(from - s->rest[side].start), data, len);
}

void fos__tcp_late(struct fos_worker *w, struct fos_session *s, int side, uint64_t from, const uint8_t *data,
                   uint32_t len)
{
	uint64_t start = s->rest[side].start;
	uint32_t before = from >= start ? 0 : start - from < len ? (uint32_t)(start - from) : len;

	w->st.before_start_bytes += before;
	w->st.late_bytes += len - before;
	late(w, s, side, from, data, len);
}

static void deliver(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p, const uint8_t *data,
                    uint32_t len, bool first, struct fos__origin *origin)
{
	s->half[side].next += len;
	w->st.delivered_bytes += len;
	fos__queue_push(w, s, side, p, data, len, first, origin);
}

static void deliver_piece(struct fos_worker *w, struct fos_session *s, int side, const struct fos__piece *x)
{
	struct fos__origin *o = x->origin;
	bool first = !o->shown;

	o->shown = true;
	if (w->cfg.hol_wait)
		w->cfg.hol_wait(w->cfg.hol_wait_arg, w->now_ns - o->held_ns, x->len);
	deliver(w, s, side, &o->pkt, fos__piece_data(o, x->from), x->len, first, o);
}

/* Pieces that lie one behind the other, the first at `next`. */
static void deliver_run(struct fos_worker *w, struct fos_session *s, int side, const struct fos__piece *x, unsigned n)
{
	struct fos__half *h = &s->half[side];
	uint64_t len = x[n - 1].from + x[n - 1].len - x[0].from;

	if (!w->cfg.hol_wait && !FOS_BUG_ANY && fos__queue_push_run(w, s, side, x, n)) {
		h->next += len;
		w->st.delivered_bytes += len;
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		if (FOS_BUG(DRAIN) && i + 1 < n) {
			h->next += x[i].len;
			fos__origin_put(x[i].origin);
			continue;
		}
		deliver_piece(w, s, side, &x[i]);
	}
}

/* Runs that begin at `upto` or before it are no more. */
void fos__tcp_forget_runs(struct fos_worker *w, struct fos__held *h, uint64_t upto)
{
	size_t before = fos__held_bytes(h);

	fos__runs_pass(&h->runs, upto);
	fos__tcp_account(w, h, before);
}

/* Delivers what is held and has become contiguous. Much of it is shown in parts, while it is in the cache, and so that what was
 * released is free for the next part. */
static void drain(struct fos_worker *w, struct fos_session *s, int side)
{
	struct fos__half *h = &s->half[side];
	struct fos__piece run[FOS_HELD_RUN];
	struct fos__held *held;
	unsigned unseen = 0;

	while ((held = fos__held_of(s, side))) {
		size_t before = fos__held_bytes(held);
		unsigned n = fos__held_pop(held, h->next, run);

		if (n == 0)
			break;
		fos__tcp_account(w, held, before);
		deliver_run(w, s, side, run, n);
		fos__tcp_drop_empty(w, s, side);
		unseen += n;
		if (unseen >= SHOW_AT_ONCE) {
			fos__worker_show(w, s, side);
			unseen = 0;
		}
	}
	if (held && held->runs.count)
		fos__tcp_forget_runs(w, held, h->next);
}

void fos__tcp_fill(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p, const uint8_t *data,
                   uint32_t len)
{
	deliver(w, s, side, p, data, len, true, NULL);
	drain(w, s, side);
}

static void give_up_hole(struct fos_worker *w, struct fos_session *s, int side, uint64_t to, enum fos_gap_why why)
{
	struct fos__half *h = &s->half[side];
	uint64_t len = to - h->next;

	w->st.gaps++;
	w->st.gap_bytes += len;
	w->st.cap_gaps += why == FOS_GAP_CAP;
	w->st.cap_gap_bytes += why == FOS_GAP_CAP ? len : 0;
	w->st.time_gaps += why == FOS_GAP_TIME;
	fos__release_shut(w, s, side, h->next);
	h->next = to;
	if (FOS_BUG(CAP) && why == FOS_GAP_CAP)
		return;
	fos__queue_gap(w, s, side, len - (FOS_BUG(GAP_ACCOUNTING) && len > 1), why);
}

/* Held bytes from before the start are dropped. */
static void drop_before_start(struct fos_worker *w, struct fos_session *s, int side)
{
	uint64_t start = s->rest[side].start;
	struct fos__held *held;

	while ((held = fos__held_of(s, side)) && fos__held_least(held) < start) {
		struct fos__cursor c = fos__pieces_first(&held->pieces);
		uint64_t from = fos__cursor_from(c), to = fos__cursor_to(c);
		size_t before = fos__held_bytes(held);

		fos__tcp_late(w, s, side, from, fos__piece_data(fos__cursor_rest(c)->origin, from),
		              (uint32_t)((to < start ? to : start) - from));
		fos__held_cut_front(held, start);
		fos__tcp_account(w, held, before);
		fos__tcp_drop_empty(w, s, side);
	}
}

static void start_at(struct fos_worker *w, struct fos_session *s, int side, uint64_t pos, bool mid)
{
	struct fos__half *h = &s->half[side];

	s->rest[side].start = h->next = pos;
	h->flags |= FOS_HALF_STARTED | (mid ? FOS_HALF_MID : 0u);
	drop_before_start(w, s, side);
	drain(w, s, side);
}

/* Starts without a SYN: at what the peer's SYN-ACK said, or where the first held segment begins. */
static void start_without_syn(struct fos_worker *w, struct fos_session *s, int side)
{
	struct fos__half *h = &s->half[side];
	const struct fos__held *held = fos__held_of(s, side);
	uint64_t pos = held ? fos__held_least(held) : s->rest[side].low;
	bool mid = true;

	if ((h->flags & FOS_HALF_HINT) && (h->flags & FOS_HALF_SEEN)) {
		uint64_t hint = fos_seq_near(pos, s->rest[side].hint);

		if (hint <= pos && pos - hint <= FOS_NEAR) {
			pos = hint;
			mid = false;
		}
	}
	pos += FOS_BUG(MID_START) && mid;
	start_at(w, s, side, pos, mid);
}

/* Has `hole-wait` passed since packet number `pkts` and time `ns`? */
static bool waited(const struct fos_worker *w, const struct fos__half *h, uint32_t pkts, uint64_t ns)
{
	if (FOS_BUG(HOLE_WAIT))
		return true;
	return h->pkts - pkts >= w->cfg.hole_wait_packets && w->now_ns - ns >= w->cfg.hole_wait_ns;
}

/* Nothing will come of asking again before the hole's time is over, or what says that it is lost is old enough. `pkts` and `ns`:
 * since when it is known; `known` false: it is not. */
static void be_calm(const struct fos_worker *w, const struct fos__half *h, struct fos__held *held, bool known,
                    uint32_t pkts, uint64_t ns, uint64_t over_ns)
{
	held->calm_ns = over_ns;
	held->calm_pkts = h->pkts + (UINT32_C(1) << 30);
	if (!known)
		return;
	if (h->pkts - pkts < w->cfg.hole_wait_packets)
		held->calm_pkts = pkts + w->cfg.hole_wait_packets;
	else if (ns + w->cfg.hole_wait_ns < over_ns)
		held->calm_ns = ns + w->cfg.hole_wait_ns;
}

static uint64_t later(uint64_t ns, uint64_t by)
{
	return ns + by < by ? UINT64_MAX : ns + by;
}

void fos__tcp_patience(struct fos_worker *w, struct fos_session *s, int side)
{
	struct fos__half *h = &s->half[side];

	struct fos__held *held;

	if (s->flow->gate_off)
		return;
	while ((held = fos__held_of(s, side)) && !fos__held_calm(held, h->pkts, w->now_ns)) {
		if (!(h->flags & FOS_HALF_STARTED)) {
			if (!waited(w, h, held->since_pkts, held->since_ns) &&
			    w->now_ns - held->since_ns < w->cfg.hole_timeout_ns) {
				be_calm(w, h, held, true, held->since_pkts, held->since_ns,
				        later(held->since_ns, w->cfg.hole_timeout_ns));
				return;
			}
			start_without_syn(w, s, side);
			continue;
		}
		struct fos__cursor c = fos__pieces_first(&held->pieces);
		const struct fos__piece_rest *x = fos__cursor_rest(c);
		uint64_t from = fos__cursor_from(c);
		bool known = x->stamp_ns != FOS_UNSTAMPED && h->ack >= from;
		bool evidence = known && waited(w, h, x->stamp_pkts, x->stamp_ns);

		if (!evidence && w->now_ns - x->origin->held_ns < w->cfg.hole_timeout_ns) {
			be_calm(w, h, held, known, x->stamp_pkts, x->stamp_ns,
			        later(x->origin->held_ns, w->cfg.hole_timeout_ns));
			return;
		}
		give_up_hole(w, s, side, from, evidence ? FOS_GAP_EVIDENCE : FOS_GAP_TIME);
		drain(w, s, side);
	}
}

/* The oldest hole of a direction is given up for a cap. */
static void give_up_for_cap(struct fos_worker *w, struct fos_session *s, int side)
{
	if (!(s->half[side].flags & FOS_HALF_STARTED))
		start_without_syn(w, s, side);
	const struct fos__held *held = fos__held_of(s, side);

	if (!held)
		return;
	give_up_hole(w, s, side, fos__held_least(held), FOS_GAP_CAP);
	drain(w, s, side);
}

/* A direction that exceeds its cap pays for it itself; where all is full, the one that holds the most does, so that nobody loses
 * bytes to somebody else's hoard. */
void fos__tcp_cap(struct fos_worker *w, struct fos_session *s, int side)
{
	const struct fos__held *held;
	struct fos__held *most;

	while ((held = fos__held_of(s, side)) && fos__held_bytes(held) > w->cfg.cap_direction_bytes)
		give_up_for_cap(w, s, side);
	while (w->st.held_bytes > w->cfg.cap_total_bytes && (most = fos__held_most(&w->store)))
		give_up_for_cap(w, most->session, most->side);
}

/* The position from which a segment counts against others: where it begins, or (policy `linux`) its rank. */
static uint64_t place(struct fos_worker *w, const struct fos__half *h, struct fos__held *held, uint64_t from,
                      uint64_t to)
{
	uint64_t rank = from;

	if (w->cfg.overlap != FOS_OVERLAP_LINUX || ((h->flags & FOS_HALF_STARTED) && from <= h->next))
		return from;
	size_t before = fos__held_bytes(held);

	if (fos__runs_place(&held->runs, from, to, &rank))
		w->st.no_memory++;
	fos__tcp_account(w, held, before);
	return rank;
}

bool fos__tcp_hold(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p, uint64_t from,
                   const uint8_t *data, uint64_t to)
{
	struct fos__half *h = &s->half[side];
	uint32_t *count = &s->rest[side].conflicts, conflicts = *count;
	unsigned added;

	struct fos__held *set = fos__tcp_held_of(w, s, side, w->now_ns, h->pkts);

	if (!set)
		return false;
	struct fos__insert in = { .from = from,
		                  .to = to,
		                  .o_from = to - p->app_len,
		                  .o_to = to,
		                  .rank = place(w, h, set, to - p->app_len, to),
		                  .data = data,
		                  .pkt = p,
		                  .held_ns = w->now_ns,
		                  .now_ns = w->now_ns,
		                  .policy = w->cfg.overlap,
		                  .pkts = h->pkts,
		                  .ack = (h->flags & FOS_HALF_ACKED) ? h->ack : 0 };
	size_t before = fos__held_bytes(set);

	if (fos__held_insert(set, &in, count, &added))
		w->st.no_memory++;
	fos__tcp_account(w, set, before);
	w->st.held_segments += added;
	w->st.conflicts += *count - conflicts;
	fos__tcp_drop_empty(w, s, side);
	return true;
}

void fos__tcp_join(struct fos_worker *w, struct fos_session *s, int side, bool front, const struct fos_pkt *p,
                   uint64_t pos)
{
	struct fos__half *h = &s->half[side];
	struct fos__held *set = s->trouble->held[side];
	size_t before = fos__held_bytes(set);

	if (fos__held_join(set, front, p, pos, w->now_ns, h->pkts, (h->flags & FOS_HALF_ACKED) ? h->ack : 0))
		w->st.no_memory++;
	else
		w->st.held_segments++;
	fos__tcp_account(w, set, before);
}

/* A segment of a direction that has not started: everything waits. */
static void segment_before_start(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p,
                                 uint64_t pos)
{
	const struct fos__held *held = fos__held_of(s, side);

	if (held) {
		uint64_t least = fos__held_least(held);

		if (pos > least ? pos - least > FOS_WINDOW : least - pos > FOS_WINDOW) {
			w->st.out_of_window++;
			return;
		}
	}
	if (!fos__tcp_hold(w, s, side, p, pos, p->app, pos + p->app_len))
		return;
	if (s->flow->gate_off) /* what was before it has passed, or will not come */
		start_without_syn(w, s, side);
	fos__tcp_cap(w, s, side);
}

static void segment(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p, uint64_t pos)
{
	struct fos__half *h = &s->half[side];
	uint64_t to = pos + p->app_len;
	uint64_t from = pos > h->next ? pos : h->next;

	if (pos == h->next && !(h->flags & FOS_HALF_HOLDS)) { /* in order and nothing waits */
		deliver(w, s, side, p, p->app, p->app_len, true, NULL);
		return;
	}
	if (pos < h->next)
		fos__tcp_late(w, s, side, pos, p->app, (uint32_t)((to < h->next ? to : h->next) - pos));
	if (FOS_BUG(DUPLICATE_EDGE) && to == h->next)
		h->next++;
	if (to <= h->next)
		return;
	if (pos > h->next && pos - h->next > FOS_WINDOW) {
		w->st.out_of_window++;
		return;
	}
	const uint8_t *data = p->app + (from - pos);

	const struct fos__held *held = fos__held_of(s, side);

	if (from == h->next && (!held || to <= fos__held_least(held))) {
		fos__tcp_fill(w, s, side, p, data, (uint32_t)(to - from));
		return;
	}
	if (!fos__tcp_hold(w, s, side, p, from, data, to))
		return;
	drain(w, s, side);
	fos__tcp_cap(w, s, side);
}

/* The greatest acknowledgement counts, from the first packet of the direction it speaks of on. */
static void acknowledge(struct fos_worker *w, struct fos_session *s, int side, uint32_t ack)
{
	struct fos__half *h = &s->half[side];

	if (!(h->flags & FOS_HALF_SEEN)) {
		if (!(h->flags & FOS_HALF_ACKED) || fos_seq_diff(ack, (uint32_t)h->ack) > 0)
			h->ack = ack;
		h->flags |= FOS_HALF_ACKED;
		return;
	}
	uint64_t was, pos = fos__tcp_note_ack(h, ack, &was);

	if (pos && (h->flags & FOS_HALF_HOLDS))
		fos__held_stamp(fos__held_of(s, side), was, pos, h->pkts, w->now_ns);
}

static void handshake(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p, uint64_t pos)
{
	struct fos__half *h = &s->half[side], *peer = &s->half[!side];

	if (!(h->flags & FOS_HALF_ISN)) {
		s->rest[side].isn = p->seq;
		h->flags |= FOS_HALF_ISN;
		if (!(h->flags & FOS_HALF_STARTED))
			start_at(w, s, side, pos, false);
	}
	if ((p->tcp_flags & FOS_TCP_ACK) && !(peer->flags & FOS_HALF_HINT)) {
		s->rest[!side].hint = p->ack;
		peer->flags |= FOS_HALF_HINT;
	}
}

/* Rule 3, the end: an ACK or an RST of a connection whose SYN is still to come says nothing of this one; an RST is remembered. */
static bool strange_ack(struct fos_worker *w, struct fos_session *s, const struct fos_pkt *p, int side)
{
	struct fos__half *h = &s->half[side];

	if (fos__use_stray_rst(s, p, side)) {
		struct fos__trouble *t = fos__trouble_of(&w->store, s);

		if (!t) {
			w->st.no_memory++;
			return true;
		}
		t->stray_seq[side] = p->seq;
		t->stray_ack[side] = p->ack;
		h->flags &= ~(uint32_t)FOS_HALF_STRAY_ACK;
		h->flags |= FOS_HALF_STRAY | ((p->tcp_flags & FOS_TCP_ACK) ? FOS_HALF_STRAY_ACK : 0u);
		return true;
	}
	if ((p->tcp_flags & (FOS_TCP_SYN | FOS_TCP_FIN | FOS_TCP_RST)) || p->app_wire_len)
		return false;
	return fos__use_strange(s, p, side);
}

void fos__tcp_patience_of_both(struct fos_worker *w, struct fos_session *s)
{
	if (s->half[0].flags & FOS_HALF_HOLDS)
		fos__tcp_patience(w, s, 0);
	if (s->half[1].flags & FOS_HALF_HOLDS)
		fos__tcp_patience(w, s, 1);
}

void fos__tcp_input(struct fos_worker *w, struct fos_session *s, struct fos_pkt *p, int side)
{
	struct fos__half *h = &s->half[side];

	h->pkts++;
	h->flags |= FOS_HALF_ANY;
	if (strange_ack(w, s, p, side)) {
		fos__queue_push_bare(w, s, side, p);
		fos__tcp_patience_of_both(w, s);
		return;
	}
	if (p->tcp_flags & FOS_TCP_ACK) {
		if (!(h->flags & FOS_HALF_ACKS) || fos_seq_diff(p->ack, s->rest[side].ack_least) < 0)
			s->rest[side].ack_least = p->ack;
		h->flags |= FOS_HALF_ACKS;
	}
	if (p->tcp_flags & FOS_TCP_RST) {
		s->flags |= FOS_SESSION_RST;
		fos__queue_push_bare(w, s, side, p);
	} else {
		uint64_t pos = fos__tcp_note_position(s, side, p);

		if (p->tcp_flags & FOS_TCP_SYN)
			handshake(w, s, side, p, pos);
		if (p->tcp_flags & FOS_TCP_ACK)
			acknowledge(w, s, !side, p->ack);
		if (p->tcp_flags & FOS_TCP_FIN) {
			fos__tcp_note_fin(w, s, side, pos + p->app_wire_len);
		}
		bool forget = (FOS_BUG(SYN_DATA) && (p->tcp_flags & FOS_TCP_SYN)) ||
		              (FOS_BUG(FIN_BEFORE_DATA) && (h->flags & FOS_HALF_FIN) && !(p->tcp_flags & FOS_TCP_FIN));
		pos += FOS_BUG(KEEPALIVE) && p->app_len == 1 && pos + 1 == h->next;
		if (p->app_len == 0 || forget)
			fos__queue_push_bare(w, s, side, p);
		else if (h->flags & FOS_HALF_STARTED)
			segment(w, s, side, p, pos);
		else
			segment_before_start(w, s, side, p, pos);
	}
	fos__tcp_patience_of_both(w, s);
}

void fos__tcp_end(struct fos_worker *w, struct fos_session *s, int side)
{
	struct fos__half *h = &s->half[side];

	if (fos__tcp_is_all(s, side))
		return;
	const struct fos__held *held = fos__held_of(s, side);
	bool empty = !(h->flags & FOS_HALF_STARTED) && !held;

	if (!(h->flags & FOS_HALF_STARTED))
		start_without_syn(w, s, side);
	while ((held = fos__held_of(s, side))) {
		give_up_hole(w, s, side, fos__held_least(held), FOS_GAP_END);
		drain(w, s, side);
	}
	if (!empty && (h->flags & FOS_HALF_FIN) && s->rest[side].fin > h->next)
		give_up_hole(w, s, side, s->rest[side].fin, FOS_GAP_END);
	fos__queue_mark_end(w, s, side);
}
