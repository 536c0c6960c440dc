/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_worker.h: a thread that moves packets: from its links, through the impairment and the engine, out on the other
 * link. Others ask it questions, which it answers between two batches.
 *
 * Threads: mb_worker_make(), _start(), _join(), _free() and _ask() are for the one thread that has the box. What an ask runs is
 * run by the worker's own thread (or by the asking one before it started and after it ended), so that nothing is locked
 * on the packets' way.
 */
#ifndef MB_WORKER_H
#define MB_WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include <flowos/impair.h>

#include "mb_engine.h"
#include "mb_hand.h"
#include "mb_inlet.h"
#include "stats_hist.h"

enum {
	MB_TICK_MS = 100,   /* time goes on at least so often */
	MB_ASK_MS = 2000,   /* how long an answer is waited for */
	MB_TX_TRIES = 1000, /* a full ring is tried again so often before packets are given up */
};

struct mb_worker;

struct mb_ask {
	void (*run)(struct mb_worker *w, void *arg);
	void *arg;
	sem_t done;
};

/* What the worker counts itself. */
struct mb_worker_counts {
	uint64_t batches, idle;         /* batches with packets, and without */
	uint64_t forwarded;             /* packets */
	uint64_t tx_lost;               /* packets that the other side did not take */
	struct mb_hand_stats hand;      /* packets of other workers */
	struct fos_impair_stats impair; /* of impairments before this one */
};

struct mb_worker {
	const struct mb_conf *conf;
	unsigned index;
	struct mb_link link[MB_INTERFACES_MAX];
	unsigned links;
	struct fos_port *out; /* of a replay: where packets are written, or NULL */
	struct mb_inlet inlet;
	struct fos_port *rx;     /* the inlet, or the impairment round it */
	struct fos_port *impair; /* == rx, or NULL */
	struct fos_worker *engine;
	struct mb_hand *hand;                  /* the box's, where there are more workers; NULL: none */
	struct fos_batch *handed;              /* what others received of this one's sessions */
	struct fos_batch *batch, *side, *part; /* what came; of one interface; what is left to be sent */
	int wake, timer;
	int news;           /* of interfaces; negative: none */
	int ended, trouble; /* eventfds of the box's: the thread is over; a shared link is gone */
	_Atomic(struct mb_ask *) ask;
	atomic_bool stop;
	bool gates;   /* some flow is a gate */
	bool ticking; /* the timer is set to ticks alone */
	bool running; /* for the box: the thread was started and not joined */
	pthread_t thread;
	struct mb_worker_counts count;
	struct bench_hist *latency; /* from receiving to sending on; the caller's. NULL: not measured */
	int status;                 /* what went wrong, 0: nothing; -EBADMSG: the trace is damaged */
	char err[512];
};

/* Opens links (but those that are shared), makes the engine. Returns 0 or a negative errno with a line in err; free it
 * either way. The eventfds `ended` and `trouble` stay the caller's. */
int mb_worker_make(struct mb_worker *w, const struct mb_conf *c, unsigned index, int ended, int trouble, mb_say *say,
                   void *say_arg, char *err, size_t errlen);
int mb_worker_start(struct mb_worker *w);
void mb_worker_stop(struct mb_worker *w); /* it drains and ends; does not wait */
void mb_worker_join(struct mb_worker *w);
void mb_worker_free(struct mb_worker *w);

/* Has `run` called between two batches, and waits for it. 0; -ETIME: it is busy, -ESHUTDOWN: it is ending, and nothing was
 * run. */
int mb_worker_ask(struct mb_worker *w, void (*run)(struct mb_worker *w, void *arg), void *arg);

/* How long the engine waits for holes. */
struct mb_patience {
	uint32_t packets;
	uint64_t ns;
};
void mb_worker_patience(struct mb_worker *w, void *arg); /* to be run by an ask, with one of these */

/* To be run by an ask: puts another impairment in the place of this one, whose packets leave first; and the patience that it asks
 * for. */
struct mb_new_impair {
	const struct fos_impair_spec *spec;
	struct mb_patience patience;
	int status;
	char err[512];
};
void mb_worker_impair(struct mb_worker *w, void *arg);

#endif
