/* SPDX-License-Identifier: BSD-2-Clause
 *
 * release.h: a worker's last step: which of its packets may leave. Internal, one thread. flowos/release.h has the rules.
 *
 * It looks at packets when the batch's modules have run, so a packet whose bytes were released by then leaves from where the
 * port put it. One that has to wait is kept as an origin, the same that held.c and queue.c have made of it, if they have.
 */
#ifndef FOS_RELEASE_H
#define FOS_RELEASE_H

#include "worker_state.h"

struct fos__origin;

/* A packet that waits. */
struct fos__wait {
	uint64_t
	    need; /* twice the place up to which the stream must be released, plus one with a FIN: that leaves last */
	uint64_t order; /* among equals: who came first */
	uint64_t since_ns;
	struct fos__origin *origin;
};

/* Of one direction of a session of a gate's flow, in the session's slab element. Places are TCP positions; for UDP, numbers
 * of packets. */
struct fos__gate {
	struct fos__wait *wait; /* a heap, the least first */
	uint32_t n, size;
	uint64_t bytes;   /* memory of those that wait */
	uint64_t shut_at; /* with `shut`: what needs more than this does not pass */
	uint64_t left;    /* with `begun`, TCP: up to here all has left, or will not come */
	bool shut, begun, due, ended;
	uint8_t side;
	struct fos_session *session; /* where `due` */
	struct fos__gate *next;      /* of those that are due */
};

struct fos__release {
	void (*call)(void *arg, const struct fos_batch *b);
	void *arg;
	const struct fos_batch *batch;
	uint64_t order;
	struct fos__gate *due; /* directions that may have something to let go, beside those that gained bytes */
	bool copies;           /* else all packets of the batch so far leave as they lie there */
	struct fos_batch out;  /* what will leave, and */
	struct fos__origin *own[FOS_BATCH_MAX]; /* whose bytes it is; NULL: the batch's */
};

/* Makes w->release, where the configuration has a callback. Returns 0 or -ENOMEM. */
int fos__release_init(struct fos_worker *w);
void fos__release_free(struct fos_worker *w);

/* Before a batch's packets are put in their places. */
void fos__release_begin(struct fos_worker *w, const struct fos_batch *b);

/* When its modules have run: w->touched still lists them. */
void fos__release_batch(struct fos_worker *w, struct fos_batch *b);

/* Lets go what is due: after sessions ended without a batch. */
void fos__release_rest(struct fos_worker *w);

/* Up to where all who read the direction have released it. */
uint64_t fos__release_upto(const struct fos_session *s, int side);

/* The bytes from `pos` on will pass nobody: where the flow is closed, they do not leave. */
void fos__release_shut(struct fos_worker *w, struct fos_session *s, int side, uint64_t pos);

/* Modules have run over the direction outside of its turn, or (ended) for the last time. */
void fos__release_due(struct fos_worker *w, struct fos_session *s, int side, bool ended);

/* What held segments moved from one use to the other: packets that wait move as well. `isn`: see tcp_move.c. */
void fos__release_move(struct fos_worker *w, struct fos_session *from, struct fos_session *to, int side, uint32_t isn);

/* The direction's gate, or NULL where nothing waits by its flow's rules. */
static inline struct fos__gate *fos__gate_of(const struct fos_session *s, int side)
{
	return s->flow && s->flow->gate_off ? (struct fos__gate *)((uintptr_t)s + s->flow->gate_off) + side : NULL;
}

#endif
