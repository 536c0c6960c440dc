/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afpacket.c: a live interface as a port: see flowos/afpacket.h. Touches sockets, and reads two clocks: the one that
 * packets are stamped with, and the one that says when to look after the interface again.
 */
#include "afpacket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"

enum {
	FRAME_MIN = 64,
	FRAME_MAX = 1 << 20,
	LOOK_NS = 100 * 1000 * 1000, /* how often the interface is looked at while packets flow */
};

static const uint64_t RING_MAX = UINT64_C(1) << 40;

/* Waits until something is in the ring, the time-out, or a signal. Returns whether the socket reports an error, which
 * is taken from it: the interface changed. */
static bool wait_for_packets(struct fos__afpacket *a)
{
	struct pollfd fd = { .fd = a->rx_fd, .events = POLLIN };
	int err = 0;
	socklen_t len = sizeof err;

	poll(&fd, 1, a->opts.timeout_ms);
	if (!(fd.revents & (POLLERR | POLLHUP | POLLNVAL)))
		return false;
	(void)getsockopt(a->rx_fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (a->opts.rx == FOS_AFPACKET_BLOCKS)
		poll(NULL, 0, (int)a->opts.block_ms + 1); /* the block that was being filled comes yet */
	return true;
}

static int afpacket_rx(struct fos_port *p, struct fos_batch *b)
{
	struct fos__afpacket *a = (struct fos__afpacket *)p;
	bool changed = false;

	fos__afpacket_release(a);
	b->n = fos__afpacket_take(a, b);
	if (a->gone && b->n && b->pkt[0].f.ts_ns > a->gone_ns)
		b->n = 0; /* of an interface that has another name now */
	if (!b->n && a->gone) {
		poll(NULL, 0, a->opts.timeout_ms); /* whoever asks again and again does so slowly */
	} else if (!b->n) {
		changed = wait_for_packets(a);
		b->n = fos__afpacket_take(a, b);
	}
	b->now_ns = fos__clock_ns(CLOCK_REALTIME);
	if (b->n && b->now_ns < b->pkt[b->n - 1].f.ts_ns)
		b->now_ns = b->pkt[b->n - 1].f.ts_ns;
	/* The coarse clock may lie before the other: no difference is taken. */
	if (changed || a->down || fos__clock_ns(CLOCK_MONOTONIC_COARSE) > a->looked_ns + LOOK_NS)
		fos__afpacket_look(a);
	if (b->n)
		return (int)b->n;
	return a->gone ? -ENODEV : a->down ? -ENETDOWN : 0;
}

static int afpacket_tx(struct fos_port *p, const struct fos_batch *b)
{
	return fos__afpacket_send((struct fos__afpacket *)p, b);
}

/* The kernel counts from one question to the next. */
static void collect(struct fos__afpacket *a)
{
	union {
		struct tpacket_stats v2;
		struct tpacket_stats_v3 v3;
	} s = { 0 };
	socklen_t len = a->opts.rx == FOS_AFPACKET_BLOCKS ? sizeof s.v3 : sizeof s.v2;

	if (a->rx_fd < 0 || getsockopt(a->rx_fd, SOL_PACKET, PACKET_STATISTICS, &s, &len))
		return;
	a->stats.drops += s.v3.tp_drops;
	if (a->opts.rx == FOS_AFPACKET_BLOCKS)
		a->stats.freezes += s.v3.tp_freeze_q_cnt;
}

static void afpacket_stats(const struct fos_port *p, struct fos_port_stats *st)
{
	struct fos__afpacket *a = (struct fos__afpacket *)(uintptr_t)p;

	collect(a);
	*st = a->stats;
}

static int afpacket_fd(const struct fos_port *p)
{
	return ((const struct fos__afpacket *)p)->rx_fd;
}

static const char *afpacket_error(const struct fos_port *p)
{
	return ((const struct fos__afpacket *)p)->error;
}

static int afpacket_close(struct fos_port *p)
{
	struct fos__afpacket *a = (struct fos__afpacket *)p;

	fos__afpacket_shut(a);
	free(a);
	return 0;
}

static const struct fos_port_ops afpacket_ops = {
	.name = "afpacket",
	.rx = afpacket_rx,
	.tx = afpacket_tx,
	.stats = afpacket_stats,
	.fd = afpacket_fd,
	.error = afpacket_error,
	.close = afpacket_close,
};

static void set_defaults(struct fos_afpacket_opts *o)
{
	if (!o->rx_ring_bytes)
		o->rx_ring_bytes = 32 << 20;
	if (!o->tx_ring_bytes)
		o->tx_ring_bytes = 8 << 20;
	if (!o->frame_bytes)
		o->frame_bytes = 66 << 10;
	if (!o->slot_bytes)
		o->slot_bytes = 2048 - FOS__SLOT_ROOM;
	if (!o->block_ms)
		o->block_ms = 1;
	o->timeout_ms = o->timeout_ms < 0 ? 0 : o->timeout_ms ? o->timeout_ms : 100;
}

int fos__afpacket_new(const char *name, const struct fos_afpacket_opts *opts, struct fos__afpacket **out, char *err,
                      size_t errlen)
{
	struct fos__afpacket *a = calloc(1, sizeof *a);

	if (!a) {
		snprintf(err, errlen, "%s: no memory", name);
		return -ENOMEM;
	}
	a->port.ops = &afpacket_ops;
	a->rx_fd = a->tx_fd = -1;
	if (opts)
		a->opts = *opts;
	set_defaults(&a->opts);
	a->opts.filter = NULL; /* the caller's, and not looked at again */
	if (a->opts.rx_ring_bytes > RING_MAX || a->opts.tx_ring_bytes > RING_MAX || a->opts.frame_bytes < FRAME_MIN ||
	    a->opts.slot_bytes < FRAME_MIN || a->opts.slot_bytes > FRAME_MAX || a->opts.frame_bytes > FRAME_MAX) {
		snprintf(err, errlen, "%s: rings have up to 1 TiB, frames %d to %d bytes", name, FRAME_MIN, FRAME_MAX);
		free(a);
		return -EINVAL;
	}
	if (!*name || strlen(name) >= sizeof a->name) {
		snprintf(err, errlen, "%s: there is no such interface", name);
		free(a);
		return -ENODEV;
	}
	memcpy(a->name, name, strlen(name));
	*out = a;
	return 0;
}

int fos_afpacket_open(const char *name, const struct fos_afpacket_opts *opts, struct fos_port **out, char *err,
                      size_t errlen)
{
	struct fos__afpacket *a;
	int ret = fos__afpacket_new(name, opts, &a, err, errlen);

	if (ret)
		return ret;
	ret = fos__afpacket_prepare(a);
	if (!ret)
		ret = fos__afpacket_start(a, opts ? opts->filter : NULL);
	if (ret) {
		snprintf(err, errlen, "%s", a->error);
		afpacket_close(&a->port);
		return ret;
	}
	snprintf(err, errlen, "%s", a->note);
	*out = &a->port;
	return 0;
}
