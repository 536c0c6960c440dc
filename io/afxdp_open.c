/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afxdp_open.c: the ways in which an interface can be had by AF_XDP, tried one after the other: native with zero copy,
 * native with copying, generic. See flowos/afxdp.h.
 *
 * Order matters: memory, sockets, their map, and the program last, so that packets come when all is there.
 */
#include "afxdp.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <xdp/libxdp.h>

enum {
	KERNEL_HEADROOM = 256, /* XDP_PACKET_HEADROOM */
	FRAME_ROOM = 14 + 8,   /* Ethernet header and two tags, beside the MTU */
	FEWEST = 64,           /* chunks of a queue to receive into */
	BUSY_TIMES = 50,
	BUSY_MS = 10,
};

static const struct way {
	bool native, zero;
	const char *name;
} ways[] = {
	{ true, true, "native, zero copy" },
	{ true, false, "native, copying" },
	{ false, false, "generic, copying" },
};
enum { WAYS = sizeof ways / sizeof ways[0] };

static bool wanted(enum fos_afxdp_mode mode, const struct way *w)
{
	switch (mode) {
	case FOS_AFXDP_NATIVE:
		return w->native;
	case FOS_AFXDP_GENERIC:
		return !w->native;
	case FOS_AFXDP_COPY:
		return !w->zero;
	case FOS_AFXDP_ZEROCOPY:
		return w->zero;
	default:
		return true;
	}
}

static int refuse(struct fos__afxdp *a, int err, const char *why)
{
	snprintf(a->error, sizeof a->error, "%s: %s", a->name, why);
	return -err;
}

/* What would be lost unseen is not begun with. */
static int check(struct fos__afxdp *a)
{
	char why[120];

	fos__nic_ask(a->control, a->name, &a->nic);
	if (!a->nic.ifindex)
		return refuse(a, ENODEV, "there is no such interface");
	if (!a->nic.ether)
		return refuse(a, ENOTSUP, "not an Ethernet interface");
	if (a->nic.queues > FOS__XDP_QUEUES)
		return refuse(a, ENOTSUP, "more receive queues than 64");
	if (a->nic.hardware && a->nic.takes_tags) {
		snprintf(why, sizeof why,
		         "takes VLAN tags out of packets, where XDP does not see them: ethtool -K %s rxvlan off",
		         a->name);
		return refuse(a, ENOTSUP, why);
	}
	if (!a->native && !a->nic.hardware && a->opts.mode != FOS_AFXDP_GENERIC)
		return refuse(a, ENOTSUP,
		              "no hardware: generic XDP would lose VLAN tags and super-packets, and must be asked for");
	return 0;
}

/* How many frames fit in, and how long they may be. Sizes of rings are powers of two. */
static int size(struct fos__afxdp *a)
{
	uint32_t most = a->nic.mtu + FRAME_ROOM + KERNEL_HEADROOM + FOS__XDP_HEADROOM;
	size_t fit;

	a->chunk = most <= 2048 ? 2048 : 4096;
	if (most > a->chunk)
		return refuse(a, EMSGSIZE, "its MTU is too large: 3816 at most");
	fit = a->opts.ring_bytes / a->queues / a->chunk;
	for (a->receiving = FEWEST; a->receiving * 2 <= fit && a->receiving < 1u << 24;)
		a->receiving *= 2;
	return 0;
}

static int open_control(struct fos__afxdp *a)
{
	struct packet_mreq m = { .mr_ifindex = a->nic.ifindex, .mr_type = PACKET_MR_PROMISC };

	if (a->opts.promiscuous && setsockopt(a->control, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m))
		return fos__afxdp_failed(a, "promiscuous mode", errno);
	return 0;
}

/* A socket that was closed has its queue for some moments yet: the kernel lets go of it in the background. */
static int open_queue(struct fos__afxdp *a, uint32_t number)
{
	int ret = fos__xdp_queue_open(a, number);

	for (int i = 0; ret == -EBUSY && i < BUSY_TIMES; i++) {
		fos__xdp_queue_close(&a->queue[number]);
		poll(NULL, 0, BUSY_MS);
		ret = fos__xdp_queue_open(a, number);
	}
	return ret;
}

/* An interface that does not say how many queues it has is asked for one after the other. */
static int open_queues(struct fos__afxdp *a)
{
	bool says = a->nic.queues > 0;
	uint32_t n = says ? a->nic.queues : FOS__XDP_QUEUES;
	int ret = 0;

	for (uint32_t i = 0; i < n && !ret; i++) {
		ret = open_queue(a, i);
		if (!ret)
			ret = fos__xdp_put(a, i);
		if (ret == -EINVAL && !says && i > 0) {
			fos__xdp_queue_close(&a->queue[i]);
			a->queues = i;
			return 0;
		}
	}
	a->queues = n;
	return ret;
}

static int open_epoll(struct fos__afxdp *a)
{
	if (a->queues == 1)
		return 0;
	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (a->epoll < 0)
		return fos__afxdp_failed(a, "epoll", errno);
	for (uint32_t i = 0; i < a->queues; i++) {
		struct epoll_event e = { .events = EPOLLIN };

		if (epoll_ctl(a->epoll, EPOLL_CTL_ADD, xsk_socket__fd(a->queue[i].xsk), &e))
			return fos__afxdp_failed(a, "epoll", errno);
	}
	return 0;
}

static int make_room(struct fos__afxdp *a)
{
	a->queues = a->nic.queues ? a->nic.queues : FOS__XDP_QUEUES;
	a->queue = calloc(a->queues, sizeof *a->queue);
	a->unused = calloc(FOS__XDP_SENDING, sizeof *a->unused);
	return a->queue && a->unused ? 0 : refuse(a, ENOMEM, "no memory");
}

/* One way; what was opened is closed with the port. */
static int try_way(struct fos__afxdp *a, const struct way *w)
{
	int ret;

	a->native = w->native;
	a->zero = w->zero;
	a->control = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (a->control < 0)
		return fos__afxdp_failed(a, "a packet socket", errno);
	ret = check(a);
	if (!ret)
		ret = make_room(a);
	if (!ret)
		ret = size(a);
	if (!ret)
		ret = fos__xdp_load(a);
	if (!ret)
		ret = open_queues(a);
	if (!ret)
		ret = open_epoll(a);
	if (!ret)
		ret = open_control(a);
	if (ret)
		return ret;
	for (uint32_t i = 0; i < FOS__XDP_SENDING; i++)
		a->unused[a->unuseds++] = (uint64_t)(a->receiving + i) * a->chunk;
	a->partial = !a->native || !a->nic.wire;
	snprintf(a->how, sizeof a->how, "%s, %u queue%s", w->name, a->queues, a->queues > 1 ? "s" : "");
	ret = fos__xdp_attach(a);
	if (!ret)
		(void)fos__afxdp_look(a);
	return ret;
}

/* Is it about the interface or the caller, so that another way would not help? */
static bool hopeless(int err)
{
	static const int such[] = { -ENODEV, -EPERM, -EACCES, -ENOBUFS, -EMSGSIZE };

	for (size_t i = 0; i < sizeof such / sizeof such[0]; i++)
		if (err == such[i])
			return true;
	return false;
}

static void say(const struct fos_afxdp_opts *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const struct fos_afxdp_opts *o, const char *format, ...)
{
	char text[400];
	va_list ap;

	if (!o || !o->say)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	o->say(o->say_arg, text);
}

/* The ways that are wanted, one after the other. */
static int try_ways(const char *name, const struct fos_afxdp_opts *opts, struct fos__afxdp **out, char *err,
                    size_t errlen)
{
	const struct way *last = NULL;
	int ret = -ENOTSUP;

	for (size_t i = 0; i < WAYS && !hopeless(ret); i++) {
		if (!wanted(opts ? opts->mode : FOS_AFXDP_AUTO, &ways[i]))
			continue;
		if (last)
			say(opts, "%s (AF_XDP %s); trying %s", err, last->name, ways[i].name);
		last = &ways[i];
		ret = fos__afxdp_new(name, opts, out, err, errlen);
		if (ret)
			return ret;
		ret = try_way(*out, last);
		if (!ret)
			return 0;
		snprintf(err, errlen, "%s", (*out)->error);
		fos__afxdp_free(*out);
	}
	return ret;
}

int fos_afxdp_open(const char *name, const struct fos_afxdp_opts *opts, struct fos_port **out, char *err, size_t errlen)
{
	struct fos__frame_filter *filter = NULL;
	struct fos__afxdp *a = NULL;
	int ret = 0;

	libbpf_set_print(NULL); /* what went wrong is said by errors */
	libxdp_set_print(NULL);
	snprintf(err, errlen, "%s: no such way", name);
	if (opts && opts->filter)
		ret = fos__frame_filter_new(opts->filter, &filter, err, errlen);
	if (!ret)
		ret = try_ways(name, opts, &a, err, errlen);
	if (ret) {
		fos__frame_filter_free(filter);
		return ret;
	}
	a->filter = filter;
	if (!a->native && !a->nic.hardware)
		say(opts, "%s: generic XDP, where VLAN tags that a sender's kernel leaves to its interface are lost",
		    name);
	*out = &a->port;
	return 0;
}
