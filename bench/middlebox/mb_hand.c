/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_hand.c: see mb_hand.h. Queues are Concurrency Kit's rings, one for each pair of workers, and one from each worker
 * to itself, for fragments that it waited with.
 */
#include "mb_hand.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ck_ring.h>

#include <flowos/parse.h>

/* A packet under way; its bytes follow. */
struct parcel {
	struct fos_frame f;
	bool fragment; /* for the one who waits; else for the one whose it is */
	uint8_t data[];
};

struct queue {
	ck_ring_t ring;
	ck_ring_buffer_t *slot;
	_Atomic uint64_t bytes;
};

struct worker {
	struct fos_shard_map *map; /* of fragments that wait here */
	struct parcel *waiting[MB_HAND_WAITING];
	uint64_t number, bytes, since_ns; /* of the last fragment; of those that wait; since when the oldest may */
	uint32_t waits;
	struct parcel *taken[FOS_BATCH_MAX]; /* given out by the last take */
	uint32_t takens, turn;
	int wake;
	_Atomic bool asleep;
	bool failed; /* no memory for a map: fragments are not waited with */
	struct mb_hand_stats stats;
	struct mb_hand *hand;
	struct fos_pkt pkt; /* to parse in */
};

struct mb_hand {
	struct fos_worker_config cfg;
	struct fos_shard shard;
	uint32_t workers;
	struct queue *queue; /* from * workers + to */
	struct worker *worker;
	_Atomic uint32_t receiving;
};

static struct queue *queue_of(const struct mb_hand *h, uint32_t from, uint32_t to)
{
	return &h->queue[from * h->workers + to];
}

static uint32_t index_of(const struct worker *w)
{
	return (uint32_t)(w - w->hand->worker);
}

/* --- sending ------------------------------------------------------------------------------------------------------- */

static void wake(struct worker *to)
{
	uint64_t one = 1;

	atomic_thread_fence(memory_order_seq_cst); /* what was put in is seen by who says later that it sleeps */
	if (atomic_load_explicit(&to->asleep, memory_order_relaxed))
		(void)!write(to->wake, &one, sizeof(one));
}

/* Takes the parcel over. */
static void put(struct worker *from, uint32_t to, struct parcel *p)
{
	struct mb_hand *h = from->hand;
	struct queue *q = queue_of(h, index_of(from), to);
	uint64_t size = sizeof(*p) + p->f.len;

	if (atomic_load_explicit(&q->bytes, memory_order_relaxed) + size > MB_HAND_BYTES) {
		from->stats.lost++;
		free(p);
		return;
	}
	atomic_fetch_add_explicit(&q->bytes, size, memory_order_relaxed);
	if (!ck_ring_enqueue_spsc(&q->ring, q->slot, p)) {
		atomic_fetch_sub_explicit(&q->bytes, size, memory_order_relaxed);
		from->stats.lost++;
		free(p);
		return;
	}
	from->stats.handed += to != index_of(from);
}

static struct parcel *pack(struct worker *w, const struct fos_frame *f, bool fragment)
{
	uint32_t len = fos_frame_caplen(f);
	struct parcel *p = malloc(sizeof(*p) + len);

	if (!p) {
		w->stats.lost++;
		return NULL;
	}
	p->f = *f;
	p->f.data = p->data;
	p->f.ext = NULL;
	p->f.len = len;
	p->f.ext_len = 0;
	p->f.flags &= ~(uint32_t)FOS_FRAME_STABLE;
	p->fragment = fragment;
	memcpy(p->data, f->data, f->len);
	if (f->ext_len)
		memcpy(p->data + f->len, f->ext, f->ext_len);
	return p;
}

/* --- fragments that wait ------------------------------------------------------------------------------------------- */

/* The map knows whose this one is. */
static void placed(void *arg, uint64_t number, uint32_t to)
{
	struct worker *w = arg;
	struct parcel **at = &w->waiting[number % MB_HAND_WAITING], *p = *at;

	if (!p)
		return;
	*at = NULL;
	w->waits--;
	w->bytes -= p->f.len;
	p->fragment = false;
	put(w, to, p);
	wake(&w->hand->worker[to]);
}

static int new_map(struct worker *w)
{
	struct mb_hand *h = w->hand;

	fos_shard_map_destroy(w->map);
	return fos_shard_map_create(&h->cfg, &h->shard, placed, w, &w->map);
}

/* Nothing waits any more: what is not complete goes by its addresses. */
static void give_up_waiting(struct worker *w)
{
	if (w->map)
		fos_shard_map_end(w->map);
	for (uint32_t i = 0; i < MB_HAND_WAITING && w->waits; i++)
		if (w->waiting[i])
			placed(w, i, index_of(w));
	w->failed = new_map(w) != 0;
}

/* Takes the parcel over. */
static void wait_with(struct worker *w, struct parcel *p)
{
	uint64_t number = ++w->number;
	struct parcel **at = &w->waiting[number % MB_HAND_WAITING];

	if (*at || w->bytes + p->f.len > MB_HAND_BYTES || w->failed)
		give_up_waiting(w);
	if (w->waits == 0)
		w->since_ns = p->f.ts_ns;
	*at = p;
	w->waits++;
	w->bytes += p->f.len;
	if (w->failed || fos_shard_map_add(w->map, &p->f, number, p->f.ts_ns)) {
		w->failed = true;
		give_up_waiting(w);
	}
}

/* --- a worker's calls ---------------------------------------------------------------------------------------------- */

void mb_hand_deal(struct mb_hand *h, uint32_t me, struct fos_batch *b)
{
	struct worker *w = &h->worker[me];
	uint64_t to_wake[4] = { 0 }; /* of the first 256 */
	uint32_t kept = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		struct fos_frame *f = &b->pkt[i].f;
		struct parcel *p;

		w->pkt.f = *f;
		fos_parse(&w->pkt, h->cfg.parse_flags);
		uint32_t to = fos_shard_of(&h->shard, &w->pkt);
		bool fragment = w->pkt.verdict == FOS_PKT_FRAGMENT;

		if (to == me && !fragment) {
			if (kept != i)
				b->pkt[kept].f = *f;
			kept++;
			continue;
		}
		p = pack(w, f, fragment);
		if (!p)
			continue;
		if (to == me)
			wait_with(w, p);
		else
			put(w, to, p);
		to_wake[to / 64 % 4] |= (uint64_t)1 << to % 64;
	}
	b->n = kept;
	for (uint32_t to = 0; to < h->workers; to++)
		if (to_wake[to / 64 % 4] >> to % 64 & 1)
			wake(&h->worker[to]);
}

static void drop_taken(struct worker *w)
{
	for (uint32_t i = 0; i < w->takens; i++)
		free(w->taken[i]);
	w->takens = 0;
}

uint32_t mb_hand_take(struct mb_hand *h, uint32_t me, struct fos_batch *b, uint64_t now_ns)
{
	struct worker *w = &h->worker[me];
	uint32_t empty = 0;
	void *got;

	drop_taken(w);
	b->n = 0;
	b->now_ns = now_ns;
	if (w->waits && now_ns > w->since_ns + (uint64_t)MB_HAND_FRAGMENT_WAIT_S * 1000000000)
		give_up_waiting(w);
	while (b->n < FOS_BATCH_MAX && empty < h->workers) {
		struct queue *q = queue_of(h, w->turn, me);

		if (!ck_ring_dequeue_spsc(&q->ring, q->slot, &got)) {
			empty++;
			w->turn = w->turn + 1 < h->workers ? w->turn + 1 : 0;
			continue;
		}
		struct parcel *p = got;

		empty = 0;
		atomic_fetch_sub_explicit(&q->bytes, sizeof(*p) + p->f.len, memory_order_relaxed);
		if (p->fragment) {
			wait_with(w, p);
			continue;
		}
		w->taken[w->takens++] = p;
		b->pkt[b->n++].f = p->f;
		if (p->f.ts_ns > b->now_ns)
			b->now_ns = p->f.ts_ns;
	}
	return b->n;
}

bool mb_hand_asleep(struct mb_hand *h, uint32_t me)
{
	atomic_store_explicit(&h->worker[me].asleep, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	for (uint32_t from = 0; from < h->workers; from++)
		if (ck_ring_size(&queue_of(h, from, me)->ring))
			return false;
	return true;
}

void mb_hand_awake(struct mb_hand *h, uint32_t me)
{
	atomic_store_explicit(&h->worker[me].asleep, false, memory_order_relaxed);
}

void mb_hand_last(struct mb_hand *h, uint32_t me)
{
	give_up_waiting(&h->worker[me]);
	atomic_fetch_sub(&h->receiving, 1);
	for (uint32_t i = 0; i < h->workers; i++)
		wake(&h->worker[i]);
}

bool mb_hand_over(const struct mb_hand *h)
{
	return atomic_load(&h->receiving) == 0;
}

void mb_hand_stats(const struct mb_hand *h, uint32_t me, struct mb_hand_stats *st)
{
	*st = h->worker[me].stats;
}

/* --- life ---------------------------------------------------------------------------------------------------------- */

void mb_hand_waker(struct mb_hand *h, uint32_t me, int fd)
{
	h->worker[me].wake = fd;
}

int mb_hand_make(const struct fos_worker_config *cfg, const struct fos_shard *shard, struct mb_hand **out)
{
	struct mb_hand *h = calloc(1, sizeof(*h));
	uint32_t workers = shard->workers;
	size_t pairs = (size_t)workers * workers;
	int rc = 0;

	*out = NULL;
	if (!h)
		return -ENOMEM;
	h->cfg = *cfg;
	h->shard = *shard;
	h->workers = workers;
	h->receiving = workers;
	h->queue = calloc(pairs, sizeof(*h->queue));
	h->worker = calloc(workers, sizeof(*h->worker));
	for (size_t i = 0; h->queue && i < pairs; i++) {
		ck_ring_init(&h->queue[i].ring, MB_HAND_PACKETS);
		h->queue[i].slot = calloc(MB_HAND_PACKETS, sizeof(ck_ring_buffer_t));
		rc = h->queue[i].slot ? rc : -ENOMEM;
	}
	for (uint32_t i = 0; h->worker && i < workers; i++) {
		h->worker[i].hand = h;
		h->worker[i].wake = -1;
		rc = rc ? rc : new_map(&h->worker[i]);
	}
	if (!h->queue || !h->worker || rc) {
		mb_hand_free(h);
		return -ENOMEM;
	}
	*out = h;
	return 0;
}

void mb_hand_free(struct mb_hand *h)
{
	void *p;

	if (!h)
		return;
	for (uint32_t i = 0; h->queue && i < h->workers * h->workers; i++) {
		while (h->queue[i].slot && ck_ring_dequeue_spsc(&h->queue[i].ring, h->queue[i].slot, &p))
			free(p);
		free(h->queue[i].slot);
	}
	for (uint32_t i = 0; h->worker && i < h->workers; i++) {
		drop_taken(&h->worker[i]);
		for (uint32_t k = 0; k < MB_HAND_WAITING; k++)
			free(h->worker[i].waiting[k]);
		fos_shard_map_destroy(h->worker[i].map);
	}
	free(h->queue);
	free(h->worker);
	free(h);
}
