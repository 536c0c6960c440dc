/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tcp_move.c: what is held moves to another use of the 4-tuple when its SYN comes after it: ORDER.md, rule 2 of the uses.
 */
#include "tcp.h"

#include <stdlib.h>

/* A FIN moves with its segment. */
static void move_fin(struct fos_worker *w, struct fos_session *from, struct fos_session *to, int side,
                     const struct fos__piece *x)
{
	struct fos__half_rest *rest = &from->rest[side];
	const struct fos_pkt *p = &x->origin->pkt;
	uint64_t fin = x->origin->o_from + p->app_wire_len;

	if (!(p->tcp_flags & FOS_TCP_FIN) || !(from->half[side].flags & FOS_HALF_FIN) || rest->fin != fin)
		return;
	fos__tcp_note_fin(w, to, side, fos_seq_near(to->half[side].next, (uint32_t)fin));
	rest->fin = from->trouble ? from->trouble->fin_before[side] : 0;
	if (from->trouble)
		from->trouble->fin_before[side] = 0;
	if (!rest->fin)
		from->half[side].flags &= ~(uint32_t)FOS_HALF_FIN;
}

/* What is moved keeps what it came with but its stamp. No memory: it is lost, and counted. */
static void move_pieces(struct fos_worker *w, struct fos_session *from, struct fos_session *to, int side,
                        struct fos__piece *x, size_t n)
{
	struct fos__held *held;
	uint64_t shift = 0;

	for (size_t i = 0; i < n; i++) {
		struct fos_pkt place = { .seq = (uint32_t)x[i].from, .app_wire_len = x[i].len };

		shift = fos__tcp_note_position(to, side, &place) - x[i].from;
		move_fin(w, from, to, side, &x[i]);
	}
	held = fos__tcp_held_of(w, to, side, x[0].origin->held_ns, 0);
	if (!held) {
		for (size_t i = 0; i < n; i++)
			fos__origin_put(x[i].origin);
		return;
	}
	size_t before = fos__held_bytes(held);

	w->st.no_memory += n - fos__held_put(held, x, n, shift);
	fos__tcp_account(w, held, before);
	fos__tcp_drop_empty(w, to, side);
}

/* Rule 2. Positions with the sequence number behind the SYN's lie 2^32 apart, and all that is held within less than
 * twice that. From the first of them that is beyond where the old use stands on, pieces are nearer to the SYN. */
static void move_what_is_near(struct fos_worker *w, struct fos_session *from, struct fos_session *to, int side,
                              uint32_t isn)
{
	struct fos__half *h = &from->half[side];
	uint64_t mine = (h->flags & FOS_HALF_STARTED) ? h->next : from->rest[side].low, at;
	uint32_t hops = h->flags >> FOS_HALF_HOPS;
	struct fos__held *held = fos__held_of(from, side);
	struct fos__piece *x;
	int err;

	if (hops == FOS_USES)
		return;
	at = mine + 1 + (uint32_t)(isn + 1 - (uint32_t)(mine + 1));
	for (int i = 0; i < 2 && held; i++, at += UINT64_C(1) << 32) {
		size_t before = fos__held_bytes(held), n = fos__held_take(held, at, at + FOS_NEAR, &x, &err);

		w->st.no_memory += err != 0;
		fos__tcp_account(w, held, before);
		if (n) {
			to->half[side].flags &= (1u << FOS_HALF_HOPS) - 1;
			to->half[side].flags |= (hops + 1) << FOS_HALF_HOPS;
			fos__tcp_forget_runs(w, held, UINT64_MAX);
			move_pieces(w, from, to, side, x, n);
		}
		free(x);
		fos__tcp_drop_empty(w, from, side);
		held = fos__held_of(from, side);
	}
}

void fos__tcp_move_held(struct fos_worker *w, struct fos_session *from, struct fos_session *to, int side, uint32_t isn)
{
	struct fos__half *h = &to->half[side];
	uint32_t ack = (uint32_t)h->ack, acked = h->flags & FOS_HALF_ACKED;

	if (!(from->half[side].flags & FOS_HALF_HOLDS))
		return;
	h->flags &= ~acked; /* they wait for the SYN, which comes after what moves */
	move_what_is_near(w, from, to, side, isn);
	if (!(h->flags & FOS_HALF_SEEN)) {
		h->flags |= acked;
		return;
	}
	uint64_t pos = fos_seq_near(h->next, ack);

	if (!acked || pos > h->high + FOS_WINDOW)
		return;
	h->ack = pos;
	h->flags |= FOS_HALF_ACKED;
	if (h->flags & FOS_HALF_HOLDS)
		fos__held_stamp(fos__held_of(to, side), 0, pos, h->pkts + 1, w->now_ns);
}
