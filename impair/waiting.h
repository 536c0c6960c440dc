/* SPDX-License-Identifier: BSD-2-Clause
 *
 * waiting.h: packets that wait: each for a time, and some also for later packets of a line (a direction, or the
 * link).
 *
 * A heap by (time, order of arrival) and a hash table by (stage, line, number of the packet that is waited for).
 * Adding and taking cost O(log held) and O(1). Nothing is held that the heap does not release in the end. One
 * thread.
 */
#ifndef FLOWOS_IMPAIR_WAITING_H
#define FLOWOS_IMPAIR_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/frame.h>

/* Bytes that are not the port's: a copy of a frame. Shared by a packet and its copies. */
struct fos__bytes {
	struct fos__bytes *next; /* for whoever keeps a list */
	uint32_t refs;
	uint8_t at[];
};

struct fos__bytes *fos__bytes_new(uint32_t len); /* one reference, or NULL */
void fos__bytes_put(struct fos__bytes *b);       /* NULL is nothing */

/* A packet on its way through the stages. */
struct fos__parcel {
	struct fos_frame f;
	struct fos__bytes *bytes; /* owns f's bytes (one reference), or NULL */
	uint64_t hold_ns, delay_ns;
	uint32_t line;    /* its direction: conversation * 2 + side */
	uint32_t actions; /* enum fos_decision_action: what is still to be done */
	uint32_t reorder_k, dup_k;
};

enum { FOS__LINE_LINK = UINT32_MAX };

struct fos__waiting {
	struct fos__node *node; /* all, free ones chained */
	struct fos__heap_entry *heap;
	struct fos__bucket *bucket;
	uint64_t order;   /* of arrival */
	uint32_t n, peak; /* held now, at most */
	uint32_t cap, free, mask;
	bool ended; /* the input is over: waiting for packets is in vain */
};

/* An empty one: all zero. Frees what is held, too. */
void fos__waiting_free(struct fos__waiting *h);

/* Holds *p, whose bytes it owns from now on, in `stage` until `due_ns`; fos__waiting_until() also until packet
 * `number` of `line`. 0 or -ENOMEM (*p is then still the caller's). */
int fos__waiting_for(struct fos__waiting *h, const struct fos__parcel *p, unsigned stage, uint64_t due_ns);
int fos__waiting_until(struct fos__waiting *h, const struct fos__parcel *p, unsigned stage, uint64_t due_ns,
                       uint32_t line, uint32_t number);

/* Takes the first that is due at `now_ns` or before: false when there is none. `counted`: it was also waiting for
 * packets, of `line`. */
struct fos__release {
	struct fos__parcel p;
	uint64_t due_ns;
	unsigned stage;
	uint32_t line;
	bool counted;
};
bool fos__waiting_due(struct fos__waiting *h, uint64_t now_ns, struct fos__release *out);

/* When the first is due; UINT64_MAX: nothing is held. */
uint64_t fos__waiting_next(const struct fos__waiting *h);

/* Takes the first to have come that waits in `stage` for packet `number` of `line`. */
bool fos__waiting_reached(struct fos__waiting *h, unsigned stage, uint32_t line, uint32_t number,
                          struct fos__release *out);

/* The input is over: what waits for packets is due at `now_ns`, also what is added from now on. */
void fos__waiting_end(struct fos__waiting *h, uint64_t now_ns);

#endif
