/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shrink_edit.h: a candidate: which packets of a trace are left, which bytes of their streams were taken out, and what the
 * impairment does to each. It is made packets again with the sequence space closed up: what was taken out never was.
 *
 * Sequence and acknowledgement numbers, SACK blocks, lengths and checksums follow; a checksum that was wrong stays wrong by
 * as much. One thread. Functions return 0 or a negative errno; -ECANCELED: what is asked for cannot be done to these packets.
 */
#ifndef BENCH_SHRINK_EDIT_H
#define BENCH_SHRINK_EDIT_H

#include <flowos/decisions.h>

#include "shrink_trace.h"

struct shrink_item {
	uint32_t packet; /* index in the trace */
	uint64_t ts_ns;
	struct fos_decision d; /* actions 0: none; num is not used */
};

/* What was taken out of a direction: ranges of positions, sorted, none next to another. */
struct shrink_range {
	uint64_t from, to;
};
struct shrink_cuts {
	struct shrink_range *v;
	uint32_t n, slots;
	uint32_t shift; /* added to all its sequence numbers */
};

struct shrink_cand {
	struct shrink_item *item; /* in order */
	size_t n;
	struct shrink_cuts *cuts; /* for each direction of the trace */
	uint32_t dirs;
	uint32_t hole_packets; /* hole-wait */
	uint64_t hole_ns;
};

/* All packets as they are, without decisions. */
int shrink_cand_all(struct shrink_cand *c, const struct shrink_trace *t);
int shrink_cand_copy(struct shrink_cand *to, const struct shrink_cand *from);
void shrink_cand_free(struct shrink_cand *c);

/* Takes [from, to) out of a direction; `forward`: what is before moves up to what is behind, instead of the other way. */
int shrink_cut(struct shrink_cand *c, uint32_t dir, uint64_t from, uint64_t to, bool forward);

/* Bytes that were taken out before a position. */
uint64_t shrink_cut_before(const struct shrink_cuts *k, uint64_t pos);
bool shrink_is_cut(const struct shrink_cuts *k, uint64_t pos);

/* Drops packets that have nothing left that was cut: call it after shrink_cut(). -ECANCELED: a packet that cannot be shortened would
 * be left with a part. */
int shrink_cand_tidy(struct shrink_cand *c, const struct shrink_trace *t);

/* What is left of a packet. */
struct shrink_left {
	uint32_t seq, ack; /* on the wire, as they are now */
	uint32_t len;      /* payload as announced */
	uint8_t flags;
};
void shrink_left(const struct shrink_cand *c, const struct shrink_trace *t, const struct shrink_item *item,
                 struct shrink_left *out);

/* The packets that are left, numbered from 1 in order, and their decisions (a new, sorted list). */
int shrink_render(const struct shrink_cand *c, const struct shrink_trace *t, struct fos_frames *out,
                  struct fos_decisions **decisions);

/* Positions that a packet's payload and FIN take: [from, to). */
static inline uint64_t shrink_end(const struct shrink_packet *k)
{
	return k->from + k->len + (k->flags & FOS_TCP_FIN ? 1 : 0);
}

#endif
