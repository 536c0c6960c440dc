/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_hand.h: packets that one worker received and another one's engine must have: what divides them in the kernel knows neither
 * fragments nor every tunnel. Whose a packet is says flowos/shard.h, for all packets; it is copied, since
 * a ring's memory goes back to the kernel, and goes through a queue with one writer and one reader. Fragments first go to
 * one worker, by their addresses, who waits until a datagram is complete and then knows whose all its fragments are.
 *
 * Threads: `me` is the calling worker's number, and its thread is the only one that calls with it. Nothing blocks.
 */
#ifndef MB_HAND_H
#define MB_HAND_H

#include <stdbool.h>
#include <stdint.h>

#include <flowos/shard.h>
#include <flowos/worker.h>

enum {
	MB_HAND_PACKETS = 8192,      /* in a queue, but one */
	MB_HAND_WAITING = 4096,      /* fragments that wait with a worker */
	MB_HAND_BYTES = 32 << 20,    /* in a queue */
	MB_HAND_FRAGMENT_WAIT_S = 30 /* the longest that a fragment waits for others */
};

struct mb_hand;

struct mb_hand_stats {
	uint64_t handed; /* packets that went to another worker */
	uint64_t
	    lost; /* that did not, since its queue was full: its streams miss them, and of a gate they do not leave */
};

/* `cfg`: what all the engines have. *shard, which is copied, says whose a packet is, and how many workers there are. 0 or -ENOMEM. */
int mb_hand_make(const struct fos_worker_config *cfg, const struct fos_shard *shard, struct mb_hand **out);
void mb_hand_free(struct mb_hand *h); /* after all threads; NULL is none */

/* An eventfd by which worker `me` is waken; before threads start. */
void mb_hand_waker(struct mb_hand *h, uint32_t me, int fd);

/* Leaves in b what is this worker's, and hands over the rest. */
void mb_hand_deal(struct mb_hand *h, uint32_t me, struct fos_batch *b);

/* Fills b with packets that others handed over, or that waited. Returns b->n. Their bytes last until the next call. */
uint32_t mb_hand_take(struct mb_hand *h, uint32_t me, struct fos_batch *b, uint64_t now_ns);

/* Before it sleeps: true where there is nothing to take; from then on, until mb_hand_awake(), it is waken when there is. */
bool mb_hand_asleep(struct mb_hand *h, uint32_t me);
void mb_hand_awake(struct mb_hand *h, uint32_t me);

/* It received its last packet: what waits is given up waiting for. Then it takes what comes until mb_hand_over(). */
void mb_hand_last(struct mb_hand *h, uint32_t me);
/* All received their last packet: what is not there to be taken now will not come. */
bool mb_hand_over(const struct mb_hand *h);

void mb_hand_stats(const struct mb_hand *h, uint32_t me, struct mb_hand_stats *st);

#endif
