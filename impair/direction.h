/* SPDX-License-Identifier: BSD-2-Clause
 *
 * direction.h: which direction of which conversation a packet belongs to, and what is known of each.
 *
 * A conversation is told by a 64-bit hash of what identifies it; two that share a hash share their counters, which does
 * no harm but to shift their decisions (with a million conversations the chance of any is 3 in 10^8). One thread.
 */
#ifndef FLOWOS_IMPAIR_DIRECTION_H
#define FLOWOS_IMPAIR_DIRECTION_H

#include <stdbool.h>
#include <stdint.h>

#include <flowos/pkt.h>

struct fos__direction {
	uint32_t index;        /* packets so far in this use: the next one's index */
	uint32_t reorder_in;   /* packets admitted to the reorder stage, ever */
	uint32_t dup_in;       /* likewise to dup */
	uint32_t reorder_held; /* of those: wait for later ones now */
	uint32_t dup_held;
	uint32_t isn; /* of the last SYN without ACK */
	bool isn_seen;
	bool chain_on, chain_bad; /* burst loss: begun, and its state */
};

struct fos__conversation {
	uint64_t hash;
	uint32_t use;
	struct fos__direction dir[2]; /* [0]: from the smaller (address, port) */
};

struct fos__directions {
	struct fos__conversation *conv;
	uint32_t *slot; /* open addressing: index into conv plus 1, or 0 */
	uint32_t n, cap, mask;
};

enum { FOS__CONVERSATIONS_MAX = 1 << 24 };

/* What identifies the conversation of a parsed packet, and which side sent it. Pure. */
uint64_t fos__conversation_hash(const struct fos_pkt *p, int *side);

/* An empty table: all zero. */
void fos__directions_free(struct fos__directions *t); /* empties it */

/* Index of the conversation in t->conv, made where it is new; -ENOMEM, or -ENOSPC above the limit. */
int64_t fos__directions_find(struct fos__directions *t, uint64_t hash);

/* Counts a packet in: a new use where its SYN begins one. Returns its index within its direction. */
uint32_t fos__conversation_count(struct fos__conversation *c, int side, const struct fos_pkt *p);

#endif
