/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fast_ends.c: the short ways of packets with which TCP sessions begin and end: a SYN of a 4-tuple that is new, the SYN-ACK to it,
 * the handshake's last ACK, a FIN behind all data, what acknowledges it. Each does what use.c, tcp.c and worker.c would, where
 * nothing is held, nothing is missing and there was no use of the 4-tuple before. See fast.h.
 */
#include "fast.h"

#include <flowos/seq.h>

#include "bug.h"
#include "queue.h"
#include "tcp.h"

enum {
	WHAT = FOS_TCP_SYN | FOS_TCP_FIN | FOS_TCP_RST | FOS_TCP_ACK,
	SYN_ACK = FOS_TCP_SYN | FOS_TCP_ACK,
	FIN_ACK = FOS_TCP_FIN | FOS_TCP_ACK,
	RUNS = FOS_HALF_SEEN | FOS_HALF_STARTED,
	OPENED = FOS_HALF_SEEN | FOS_HALF_ANY | FOS_HALF_ISN | FOS_HALF_STARTED, /* by a SYN */
	SESSION_LACKS = FOS_SESSION_RST | FOS_SESSION_OLD | FOS_SESSION_AGAIN,
};

static inline __attribute__((always_inline)) void count_packet(struct fos_worker *w, struct fos_session *s, int side,
                                                               const struct fos_pkt *p)
{
	s->last_ns = w->now_ns;
	s->half[side].pkts++;
	w->st.payload_bytes += p->app_len;
	fos__fast_show(w, s, p, side);
}

/* After the packet. */
static void settle(struct fos_worker *w, struct fos_session *s, const struct fos_pkt *p)
{
	if (s->flags & FOS_SESSION_HALF_OPEN)
		fos__use_seen(w, s, p);
	if (!(s->flags & FOS_SESSION_HALF_OPEN))
		fos__fast_learn(s);
}

/* A direction begins with a SYN. */
static void start(struct fos_session *s, int side, uint32_t isn)
{
	struct fos__half *h = &s->half[side];
	struct fos__half_rest *rest = &s->rest[side];

	h->next = h->high = rest->start = rest->low = fos_seq_first(isn + 1);
	rest->isn = isn;
	h->flags |= OPENED;
}

static bool take_syn(struct fos_worker *w, const struct fos_pkt *p, struct fos__place *at, uint64_t now)
{
	uint64_t was = w->now_ns;
	struct fos_session *s;
	int side;

	if (at->has_key || p->app_len)
		return false;
	w->now_ns = now;
	w->placing = p->id;
	s = fos__use_first(w, &at->key4, p->hash, &side);
	if (!s) {
		w->now_ns = was;
		return false;
	}
	at->likely = s;
	count_packet(w, s, side, p);
	start(s, side, p->seq);
	return true;
}

static bool take_syn_ack(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p, uint64_t now)
{
	struct fos__half *h = &s->half[side], *peer = &s->half[!side];
	struct fos__half_rest *rest = &s->rest[side];
	uint64_t was;

	if (h->flags || peer->flags != OPENED || p->app_len || p->ack != s->rest[!side].isn + 1)
		return false;
	w->now_ns = now;
	count_packet(w, s, side, p);
	start(s, side, p->seq);
	h->flags |= FOS_HALF_ACKS;
	rest->ack_least = s->rest[!side].hint = p->ack;
	peer->flags |= FOS_HALF_HINT;
	fos__tcp_note_ack(peer, p->ack, &was);
	settle(w, s, p);
	return true;
}

/* Once both have sent a FIN: does it acknowledge what the peer may have sent? */
static bool fits(const struct fos_session *s, int side, const struct fos_pkt *p)
{
	const struct fos__half *peer = &s->half[!side];
	uint64_t ack = fos_seq_near(peer->next, p->ack);

	return ack >= s->rest[!side].low && ack <= peer->high;
}

/* An ACK, with a FIN or without, at the very place where its direction stands. (The least ACK counts for a direction that has not
 * started.) */
static bool take_ack(struct fos_worker *w, struct fos_session *s, int side, const struct fos_pkt *p, uint64_t now)
{
	struct fos__half *h = s->half + (size_t)side, *peer = s->half + ((size_t)side ^ 1);
	struct fos__half_rest *rest = &s->rest[side];
	uint32_t fin = h->flags & FOS_HALF_FIN;
	uint64_t was, pos = h->next + (fin ? 1 : 0);

	if ((h->flags & peer->flags & RUNS) != RUNS || (uint32_t)pos != p->seq || pos < rest->low)
		return false;
	if (fin && (rest->fin != h->next || p->app_len || (p->tcp_flags & FOS_TCP_FIN) ||
	            ((peer->flags & FOS_HALF_FIN) && !fits(s, side, p))))
		return false;
	w->now_ns = now;
	count_packet(w, s, side, p);
	h->flags |= FOS_HALF_ANY | FOS_HALF_ACKS;
	pos += p->app_len;
	fos__tcp_note_ack(peer, p->ack, &was);
	if (p->tcp_flags & FOS_TCP_FIN) {
		rest->fin = pos;
		h->flags |= FOS_HALF_FIN;
	}
	uint64_t end = pos + ((p->tcp_flags & FOS_TCP_FIN) ? 1 : 0);

	if (end > h->high)
		h->high = end;
	if (p->app_len) {
		h->next = pos;
		w->st.delivered_bytes += p->app_len;
		fos__queue_push(w, s, side, p, p->app, p->app_len, true, NULL);
	}
	settle(w, s, p);
	return true;
}

bool fos__fast_ends(struct fos_worker *w, struct fos_pkt *p, struct fos__place *at)
{
	uint64_t now = p->f.ts_ns > w->now_ns ? p->f.ts_ns : w->now_ns;
	unsigned what = p->tcp_flags & WHAT;
	struct fos_session *s = at->likely;
	int side;

	if (p->verdict != FOS_PKT_TCP || p->app_len != p->app_wire_len || FOS_BUG_ANY)
		return false;
	if (w->cfg.verify_checksums && !fos_checksum_ok(p))
		return false;
	if (!s)
		return what == FOS_TCP_SYN && take_syn(w, p, at, now);
	side = fos__place_side(s, at);
	if (side < 0 || (s->flags & SESSION_LACKS) || now - s->last_ns >= w->quiet_ns || !s->flow || !s->flow->plain ||
	    ((s->half[0].flags | s->half[1].flags) & FOS_HALF_HOLDS))
		return false;
	if (what == SYN_ACK)
		return take_syn_ack(w, s, side, p, now);
	return (what == FOS_TCP_ACK || what == FIN_ACK) && take_ack(w, s, side, p, now);
}
