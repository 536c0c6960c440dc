/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afxdp.c: a live interface as a port, by AF_XDP: see flowos/afxdp.h. Touches sockets, and reads two clocks: the one that
 * packets are stamped with when they are taken, as AF_XDP has no stamps, and the one that says when to look after the
 * interface again.
 */
#include "afxdp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

enum { LOOK_NS = 100 * 1000 * 1000 }; /* how often the interface is looked at while packets flow */

static const size_t RING_MAX = (size_t)1 << 36;

int fos__afxdp_failed(struct fos__afxdp *a, const char *what, int err)
{
	snprintf(a->error, sizeof a->error, "%s: %s: %s", a->name, what, strerror(err));
	return -err;
}

/* Frames that no chunk holds are counted as dropped, but not as dropped for want of a chunk. */
static bool too_long_came(struct fos__afxdp *a)
{
	bool came = false;

	for (uint32_t i = 0; i < a->queues; i++) {
		struct fos__xdp_queue *q = &a->queue[i];
		struct xdp_statistics now;

		if (fos__xdp_queue_stats(q, &now))
			continue;
		came |= now.rx_dropped - q->last.rx_dropped >
		        now.rx_fill_ring_empty_descs - q->last.rx_fill_ring_empty_descs;
		q->last = now;
	}
	return came;
}

/* What comes from here on is not given out: it may be of another interface, or a frame may be missing before it. */
static int end(struct fos__afxdp *a, int error)
{
	a->over = error;
	a->left = 0;
	for (uint32_t i = 0; i < a->queues; i++)
		a->left += fos__xdp_queue_waiting(&a->queue[i]);
	return error;
}

int fos__afxdp_look(struct fos__afxdp *a)
{
	struct fos__nic now;

	if (a->over)
		return a->over;
	a->looked_ns = fos__clock_ns(CLOCK_MONOTONIC);
	fos__nic_ask(a->control, a->name, &now);
	if (now.ifindex != a->nic.ifindex) {
		snprintf(a->error, sizeof a->error, "%s: the interface is gone, or has another name now", a->name);
		return end(a, -ENODEV);
	}
	if (now.queues != a->nic.queues) {
		snprintf(a->error, sizeof a->error, "%s: the interface has %u receive queues now", a->name, now.queues);
		return end(a, -ENODEV);
	}
	if (too_long_came(a)) {
		(void)fos__afxdp_failed(a, "a frame is longer than AF_XDP takes here", EMSGSIZE);
		return end(a, -EMSGSIZE);
	}
	a->nic = now;
	a->down = !now.up;
	return a->down ? fos__afxdp_failed(a, "the interface is down", ENETDOWN) : 0;
}

static void take(struct fos__afxdp *a, struct fos_batch *b)
{
	uint64_t now_ns = fos__clock_ns(CLOCK_REALTIME), most = a->over ? a->left : UINT64_MAX;

	b->now_ns = now_ns;
	for (uint32_t i = 0; i < a->queues && b->n < FOS_BATCH_MAX; i++) {
		most -= fos__xdp_queue_take(a, &a->queue[a->turn], b, most, now_ns);
		a->turn = a->turn + 1 < a->queues ? a->turn + 1 : 0;
	}
	a->left = most;
}

static int afxdp_fd(const struct fos_port *p)
{
	const struct fos__afxdp *a = (const struct fos__afxdp *)p;

	return a->epoll >= 0 ? a->epoll : xsk_socket__fd(a->queue[0].xsk);
}

static int afxdp_rx(struct fos_port *p, struct fos_batch *b)
{
	struct fos__afxdp *a = (struct fos__afxdp *)p;
	struct pollfd fd = { .fd = afxdp_fd(p), .events = POLLIN };

	b->n = 0;
	for (uint32_t i = 0; i < a->queues; i++)
		fos__xdp_queue_release(&a->queue[i]);
	if (!a->opts.receive_only)
		(void)fos__xdp_kick(a); /* what an interface that was busy has not sent */
	take(a, b);
	if (!b->n && a->opts.timeout_ms) {
		if (a->over)
			poll(NULL, 0, a->opts.timeout_ms); /* whoever asks again and again does so slowly */
		else
			poll(&fd, 1, a->opts.timeout_ms);
		take(a, b);
	}
	/* The coarse clock may lie before the other: no difference is taken. */
	if (a->down || fos__clock_ns(CLOCK_MONOTONIC_COARSE) > a->looked_ns + LOOK_NS)
		(void)fos__afxdp_look(a);
	if (b->n)
		return (int)b->n;
	return a->over ? a->over : a->down ? -ENETDOWN : 0;
}

static int afxdp_tx(struct fos_port *p, const struct fos_batch *b)
{
	return fos__xdp_send((struct fos__afxdp *)p, b);
}

static void afxdp_stats(const struct fos_port *p, struct fos_port_stats *st)
{
	const struct fos__afxdp *a = (const struct fos__afxdp *)p;
	struct xdp_statistics x;

	*st = a->stats;
	for (uint32_t i = 0; i < a->queues; i++) {
		if (fos__xdp_queue_stats(&a->queue[i], &x))
			continue;
		st->drops += x.rx_dropped + x.rx_ring_full;
		st->freezes += x.rx_fill_ring_empty_descs;
		st->tx_errors += x.tx_invalid_descs;
	}
}

static const char *afxdp_error(const struct fos_port *p)
{
	return ((const struct fos__afxdp *)p)->error;
}

static int afxdp_close(struct fos_port *p)
{
	fos__afxdp_free((struct fos__afxdp *)p);
	return 0;
}

static const struct fos_port_ops afxdp_ops = {
	.name = "afxdp",
	.rx = afxdp_rx,
	.tx = afxdp_tx,
	.stats = afxdp_stats,
	.fd = afxdp_fd,
	.error = afxdp_error,
	.close = afxdp_close,
};

const char *fos_afxdp_how(const struct fos_port *p)
{
	return p && p->ops == &afxdp_ops ? ((const struct fos__afxdp *)p)->how : NULL;
}

int fos__afxdp_new(const char *name, const struct fos_afxdp_opts *opts, struct fos__afxdp **out, char *err,
                   size_t errlen)
{
	struct fos__afxdp *a;

	if (!*name || strlen(name) >= sizeof a->name) {
		snprintf(err, errlen, "%s: there is no such interface", name);
		return -ENODEV;
	}
	a = calloc(1, sizeof *a);
	if (!a) {
		snprintf(err, errlen, "%s: no memory", name);
		return -ENOMEM;
	}
	a->port.ops = &afxdp_ops;
	a->control = a->map = a->program = a->link = a->epoll = -1;
	memcpy(a->name, name, strlen(name));
	if (opts)
		a->opts = *opts;
	a->opts.filter = NULL; /* the caller's, and not looked at again */
	a->opts.ring_bytes = a->opts.ring_bytes ? a->opts.ring_bytes : 32 << 20;
	a->opts.ring_bytes = a->opts.ring_bytes < RING_MAX ? a->opts.ring_bytes : RING_MAX;
	a->opts.timeout_ms = a->opts.timeout_ms < 0 ? 0 : a->opts.timeout_ms ? a->opts.timeout_ms : 100;
	*out = a;
	return 0;
}

void fos__afxdp_free(struct fos__afxdp *a)
{
	if (!a)
		return;
	fos__xdp_unload(a); /* first: from here on packets go to the host */
	if (a->epoll >= 0)
		close(a->epoll);
	for (uint32_t i = 0; a->queue && i < a->queues; i++)
		fos__xdp_queue_close(&a->queue[i]);
	free(a->queue);
	free(a->unused);
	if (a->control >= 0)
		close(a->control);
	fos__frame_filter_free(a->filter);
	free(a);
}
