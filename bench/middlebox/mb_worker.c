/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_worker.c: a worker's loop. See mb_worker.h. mb_worker_life.c makes and ends it.
 */
#include "mb_worker.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "mb_clock.h"
#include "mb_news.h"
#include "mb_worker_loop.h"

/* In the place of a question, once no more are answered. */
static struct mb_ask closed;

/* --- out ----------------------------------------------------------------------------------------------------------- */

/* What is left of b from packet `from` on, without its bytes. */
static const struct fos_batch *rest_of(struct mb_worker *w, const struct fos_batch *b, uint32_t from)
{
	if (from == 0)
		return b;
	w->part->n = b->n - from;
	w->part->now_ns = b->now_ns;
	for (uint32_t i = from; i < b->n; i++)
		w->part->pkt[i - from].f = b->pkt[i].f;
	return w->part;
}

/* Sends all of b, however many the port takes at a time. `to`: the link, NULL for a file. */
static void send_all(struct mb_worker *w, struct mb_link *to, struct fos_port *port, const struct fos_batch *b)
{
	uint32_t done = 0;

	for (unsigned tries = 0; done < b->n && tries < MB_TX_TRIES; tries++) {
		int took = fos_port_tx(port, rest_of(w, b, done));

		if (took < 0 && to)
			mb_link_lost(to, took);
		else if (took < 0)
			mb_worker_failed(w, took, fos_port_error(port));
		if (took < 0)
			break;
		if (took > 0)
			tries = 0;
		done += (uint32_t)took;
	}
	w->count.forwarded += done;
	w->count.tx_lost += b->n - done;
}

/* Packets that came on `from` leave on the other link. */
static void send_part(struct mb_worker *w, unsigned from, const struct fos_batch *b)
{
	struct mb_link *to = &w->link[!from];

	if (mb_link_up(to))
		send_all(w, to, to->port, b);
	else
		w->count.tx_lost += b->n;
}

/* These packets leave. */
static void forward(struct mb_worker *w, const struct fos_batch *b)
{
	bool mixed = false;

	if (w->out) {
		send_all(w, NULL, w->out, b);
		return;
	}
	if (w->links < 2)
		return;
	for (uint32_t i = 1; i < b->n && !mixed; i++)
		mixed = b->pkt[i].f.port != b->pkt[0].f.port;
	if (!mixed) {
		send_part(w, b->pkt[0].f.port, b);
		return;
	}
	for (unsigned from = 0; from < 2; from++) {
		struct fos_batch *side = w->side;

		side->n = 0;
		side->now_ns = b->now_ns;
		for (uint32_t i = 0; i < b->n; i++)
			if (b->pkt[i].f.port == from)
				side->pkt[side->n++].f = b->pkt[i].f;
		if (side->n)
			send_part(w, from, side);
	}
}

/* Packets have left, or, where none do, have been run: from the kernel's time stamp until now. What an impairment holds back
 * is stamped with the time at which it is due. */
static void note_latency(const struct mb_worker *w, const struct fos_batch *b)
{
	uint64_t now = mb_clock_ns(CLOCK_REALTIME);

	for (uint32_t i = 0; i < b->n; i++)
		bench_hist_add(w->latency, now > b->pkt[i].f.ts_ns ? now - b->pkt[i].f.ts_ns : 0);
}

void mb_worker_leave(void *arg, const struct fos_batch *b)
{
	struct mb_worker *w = arg;

	forward(w, b);
	if (w->latency && w->links == 2)
		note_latency(w, b);
}

/* --- in ------------------------------------------------------------------------------------------------------------ */

static void answer(struct mb_worker *w)
{
	struct mb_ask *a = atomic_exchange_explicit(&w->ask, NULL, memory_order_acquire);

	if (!a)
		return;
	a->run(w, a->arg);
	sem_post(&a->done);
}

/* How long nothing may happen: until a held packet is due, at most a tick. */
static uint64_t pause_ns(const struct mb_worker *w, uint64_t now_ns)
{
	uint64_t most = (uint64_t)MB_TICK_MS * 1000000u;
	uint64_t due = w->impair ? fos_impair_due(w->impair) : UINT64_MAX;

	if (due == UINT64_MAX || due >= now_ns + most)
		return most;
	return due > now_ns ? due - now_ns : 1;
}

/* The timer ticks by itself; only for a held packet that is due before the next tick it is set. */
static void set_timer(struct mb_worker *w, uint64_t ns)
{
	const long tick = (long)MB_TICK_MS * 1000000;
	bool soon = ns < (uint64_t)tick;
	struct itimerspec t = { .it_interval = { .tv_nsec = tick }, .it_value = { .tv_nsec = soon ? (long)ns : tick } };

	if (!soon && w->ticking)
		return;
	timerfd_settime(w->timer, 0, &t, NULL);
	w->ticking = !soon;
}

/* By poll(), which is known to sockets only while it waits: one that is in an epoll set says so of each packet. */
static void wait_for(struct mb_worker *w, uint64_t ns)
{
	struct pollfd p[3 + MB_INTERFACES_MAX] = { { .fd = w->wake, .events = POLLIN },
		                                   { .fd = w->timer, .events = POLLIN },
		                                   { .fd = w->news, .events = POLLIN } };
	int most = w->hand && !mb_hand_asleep(w->hand, w->index) ? 0 : -1;
	uint64_t read_off;

	set_timer(w, ns);
	for (unsigned i = 0; i < w->links; i++)
		p[3 + i] = (struct pollfd){ .fd = mb_link_fd(&w->link[i]), .events = POLLIN };
	poll(p, 3 + w->links, most);
	if (w->hand)
		mb_hand_awake(w->hand, w->index);
	for (unsigned i = 0; i < 2; i++)
		if (p[i].revents)
			(void)!read(p[i].fd, &read_off, sizeof(read_off));
	if (p[2].revents && mb_news_read(w->news))
		for (unsigned i = 0; i < w->links; i++)
			mb_link_news(&w->link[i]);
}

static void tick_links(struct mb_worker *w)
{
	uint64_t now = mb_monotonic_ms();

	for (unsigned i = 0; i < w->links; i++)
		mb_link_tick(&w->link[i], now);
}

static void run_batch(struct mb_worker *w, struct fos_batch *b)
{
	if (fos_worker_run(w->engine, b))
		mb_worker_failed(w, -ENOMEM, "packets were given up for want of memory");
	if (w->latency && w->links < 2)
		note_latency(w, b);
}

/* What other workers received of this one's sessions, in a few batches. Returns how much that was. */
static uint32_t run_handed(struct mb_worker *w)
{
	uint32_t all = 0, n = 1;

	for (unsigned i = 0; w->hand && n && i < w->conf->workers; i++) {
		n = mb_hand_take(w->hand, w->index, w->handed, mb_clock_ns(CLOCK_REALTIME));
		if (n)
			run_batch(w, w->handed);
		all += n;
	}
	return all;
}

/* Nothing is received any more, but others may still hand over. */
static void run_last_handed(struct mb_worker *w)
{
	struct pollfd p = { .fd = w->wake, .events = POLLIN };
	uint64_t read_off;
	bool over = false;

	if (!w->hand)
		return;
	mb_hand_last(w->hand, w->index);
	while (!over) {
		over = mb_hand_over(w->hand);
		while (run_handed(w))
			;
		if (atomic_load_explicit(&w->ask, memory_order_relaxed))
			answer(w);
		if (!over && mb_hand_asleep(w->hand, w->index))
			poll(&p, 1, MB_TICK_MS);
		mb_hand_awake(w->hand, w->index);
		(void)!read(w->wake, &read_off, sizeof(read_off));
	}
}

/* One batch. Returns what rx did. */
static int turn(struct mb_worker *w)
{
	struct fos_batch *b = w->batch;
	int n;

	b->n = 0;
	n = fos_port_rx(w->rx, b);
	if (n < 0)
		return n;
	if (n > 0) {
		if (!w->gates) /* else the engine says what leaves */
			mb_worker_leave(w, b);
		w->count.batches++;
	} else {
		b->n = 0;
		w->count.idle++;
	}
	if (w->hand)
		mb_hand_deal(w->hand, w->index, b);
	run_batch(w, b);
	return n;
}

void mb_worker_drain(struct mb_worker *w)
{
	int n;

	w->inlet.ending = true;
	do
		n = turn(w);
	while (n >= 0);
}

void *mb_worker_loop(void *arg)
{
	struct mb_worker *w = arg;
	uint64_t one = 1;
	unsigned busy = 0;
	int n = 0;

	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		if (atomic_load_explicit(&w->ask, memory_order_relaxed))
			answer(w);
		n = turn(w);
		if (n < 0)
			break;
		if (run_handed(w) == 0 && n == 0)
			wait_for(w, pause_ns(w, w->batch->now_ns));
		if (!w->inlet.trace && (n == 0 || ++busy % 256 == 0))
			tick_links(w);
	}
	if (n >= 0)
		mb_worker_drain(w);
	else if (n != -ENODATA)
		mb_worker_failed(w, n, fos_port_error(w->rx));
	run_last_handed(w);
	mb_worker_last(w);
	struct mb_ask *late = atomic_exchange(&w->ask, &closed);

	if (late) {
		late->run(w, late->arg);
		sem_post(&late->done);
	}
	(void)!write(w->ended, &one, sizeof(one));
	return NULL;
}

int mb_worker_ask(struct mb_worker *w, void (*run)(struct mb_worker *w, void *arg), void *arg)
{
	struct mb_ask a = { .run = run, .arg = arg }, *none = NULL, *mine = &a;
	struct timespec until;
	uint64_t one = 1;
	int rc = 0;

	if (!w->running) {
		run(w, arg);
		return 0;
	}
	sem_init(&a.done, 0, 0);
	if (!atomic_compare_exchange_strong(&w->ask, &none, &a)) {
		sem_destroy(&a.done);
		return -ESHUTDOWN;
	}
	(void)!write(w->wake, &one, sizeof(one));
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += MB_ASK_MS / 1000;
	while (sem_timedwait(&a.done, &until)) {
		if (errno == EINTR)
			continue;
		if (atomic_compare_exchange_strong(&w->ask, &mine, NULL)) {
			rc = -ETIME;
			break;
		}
		while (sem_wait(&a.done)) /* it has begun: it ends soon */
			;
		break;
	}
	sem_destroy(&a.done);
	return rc;
}
