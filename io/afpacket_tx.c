/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afpacket_tx.c: packets to the kernel, by calls or by a ring. Touches the sending socket.
 *
 * What cannot be sent is left out and counted (tx_errors): a frame that is cut, or one that is longer than the interface
 * takes and no super-packet, or that the kernel refuses. A super-packet in a tunnel, which the kernel's form cannot say,
 * is cut here into the packets that it stands for.
 */
#include "afpacket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "gso_segment.h"

enum { SLOT_DATA = (sizeof(struct tpacket2_hdr) + TPACKET_ALIGNMENT - 1) / TPACKET_ALIGNMENT * TPACKET_ALIGNMENT };

void fos__vnet_write(const struct fos_frame *f, struct virtio_net_hdr *v)
{
	/* hdr_len, what the kernel should keep in one piece, may be 0: it finds out by itself. */
	*v = (struct virtio_net_hdr){ .gso_type = f->gso_type, .gso_size = f->gso_size };
	if (f->flags & FOS_FRAME_CSUM_PARTIAL) {
		v->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		v->csum_start = f->csum_start;
		v->csum_offset = f->csum_offset;
	}
}

static bool sendable(const struct fos__afpacket *a, const struct fos_frame *f)
{
	uint32_t len = fos_frame_caplen(f);

	return len == f->wire_len && len >= 14 && (f->gso_type || len <= a->mtu);
}

/* Is it a super-packet that the kernel would not send as it should be? Past the queueing discipline nothing is cut for an
 * interface that cannot do it itself: the kernel drops it. */
static bool must_cut(const struct fos__afpacket *a, const struct fos_frame *f, struct fos__gso *g)
{
	if (!f->gso_type || fos__gso_open(g, f))
		return false;
	return fos__gso_tunnelled(g) || (a->opts.qdisc_bypass && (!a->tso || f->gso_type == FOS_GSO_UDP_L4));
}

/* What an error of the socket means for a frame: 0 it is lost, else the error to stop with, -EAGAIN where the frame
 * may go later. */
static int verdict(struct fos__afpacket *a, int err)
{
	int ret = 0;

	switch (err) {
	case EAGAIN:
	case ENOBUFS:
	case EINTR:
		return -EAGAIN;
	case ENETDOWN:
	case ENXIO:
	case ENODEV:
		ret = fos__afpacket_look(a);
		break;
	default:
		break;
	}
	if (!ret) /* where it is an interface that is up again, too */
		a->stats.tx_errors++;
	return ret;
}

/* What is to be given to the kernel in one call: frames, and packets that frames were cut into. */
struct fos__outbox {
	uint32_t n;
	struct mmsghdr msg[FOS_BATCH_MAX];
	struct iovec iov[FOS_BATCH_MAX][3];
	struct virtio_net_hdr vnet[FOS_BATCH_MAX];
	struct {
		uint32_t frame; /* its number in the batch */
		bool more;      /* it is not the first packet of its frame */
		uint32_t bytes;
	} of[FOS_BATCH_MAX];
	uint8_t head[FOS_BATCH_MAX][FOS__GSO_HEAD]; /* of packets that were cut */
};

int fos__outbox_new(struct fos__outbox **out)
{
	*out = malloc(sizeof **out);
	if (!*out)
		return -ENOMEM;
	(*out)->n = 0;
	return 0;
}

void fos__outbox_free(struct fos__outbox *o)
{
	free(o);
}

static void add(struct fos__outbox *o, const struct fos_frame *f, uint32_t frame, bool more)
{
	uint32_t i = o->n++;
	struct iovec *v = o->iov[i];

	fos__vnet_write(f, &o->vnet[i]);
	v[0] = (struct iovec){ &o->vnet[i], FOS__VNET };
	v[1] = (struct iovec){ (void *)(uintptr_t)f->data, f->len };
	v[2] = (struct iovec){ (void *)(uintptr_t)f->ext, f->ext_len };
	o->msg[i].msg_hdr = (struct msghdr){ .msg_iov = v, .msg_iovlen = f->ext_len ? 3 : 2 };
	o->of[i].frame = frame;
	o->of[i].more = more;
	o->of[i].bytes = fos_frame_caplen(f);
}

/* Sends what is in the box, which is empty afterwards. Returns 0, or an error where some had to stay: *taken is then how
 * many frames of the batch are done with. A frame of which a part is out is, and the rest is lost. */
static int flush(struct fos__afpacket *a, uint32_t *taken)
{
	struct fos__outbox *o = a->outbox;
	uint32_t at = 0, n = o->n;
	int ret = 0;

	o->n = 0;
	while (at < n) {
		ret = sendmmsg(a->tx_fd, o->msg + at, n - at, MSG_DONTWAIT);
		for (; ret > 0; ret--, at++) {
			a->stats.tx_packets++;
			a->stats.tx_bytes += o->of[at].bytes;
		}
		if (ret == 0)
			continue;
		ret = verdict(a, errno);
		if (ret) {
			*taken = o->of[at].frame + (o->of[at].more ? 1 : 0);
			a->stats.tx_errors += o->of[at].more ? 1 : 0;
			return ret;
		}
		at++;
	}
	return 0;
}

static int add_cut(struct fos__afpacket *a, struct fos__gso *g, uint32_t frame, uint32_t *taken)
{
	struct fos__outbox *o = a->outbox;
	struct fos_frame f;
	int ret;

	for (bool more = false; g->left; more = true) {
		if (o->n == FOS_BATCH_MAX) {
			ret = flush(a, taken);
			if (ret)
				return ret;
		}
		fos__gso_next(g, o->head[o->n], &f);
		add(o, &f, frame, more);
	}
	return 0;
}

static int send_all(struct fos__afpacket *a, const struct fos_batch *b)
{
	struct fos__gso g;
	uint32_t taken = 0;
	int ret = 0;

	for (uint32_t i = 0; i < b->n && !ret; i++) {
		const struct fos_frame *f = &b->pkt[i].f;
		bool good = sendable(a, f);

		if (!good || a->outbox->n == FOS_BATCH_MAX)
			ret = flush(a, &taken);
		if (ret)
			break;
		if (!good)
			a->stats.tx_errors++;
		else if (must_cut(a, f, &g))
			ret = add_cut(a, &g, i, &taken);
		else
			add(a->outbox, f, i, false);
	}
	if (!ret)
		ret = flush(a, &taken);
	if (!ret)
		return (int)b->n;
	return taken || ret == -EAGAIN ? (int)taken : ret;
}

/* The kernel sends what is in the ring and not sent yet. */
static int kick(struct fos__afpacket *a)
{
	if (send(a->tx_fd, NULL, 0, MSG_DONTWAIT) < 0)
		return verdict(a, errno);
	return 0;
}

/* Puts a packet into the ring. Returns whether there was room. */
static bool put_now(struct fos__afpacket *a, const struct fos_frame *f)
{
	struct tpacket2_hdr *h = (struct tpacket2_hdr *)fos__ring_slot(&a->tx, a->tx_at);
	uint8_t *to = (uint8_t *)h + SLOT_DATA;
	uint32_t len = fos_frame_caplen(f) + FOS__VNET;
	struct virtio_net_hdr v;

	if (SLOT_DATA + len > a->tx.slot_bytes) {
		a->stats.tx_errors++;
		return true;
	}
	if (fos__status_get(&h->tp_status) != TP_STATUS_AVAILABLE)
		return false;
	fos__vnet_write(f, &v);
	memcpy(to, &v, FOS__VNET);
	memcpy(to + FOS__VNET, f->data, f->len);
	if (f->ext_len)
		memcpy(to + FOS__VNET + f->len, f->ext, f->ext_len);
	h->tp_len = len;
	fos__status_set(&h->tp_status, TP_STATUS_SEND_REQUEST);
	a->tx_at = a->tx_at + 1 == a->tx.slots ? 0 : a->tx_at + 1;
	a->stats.tx_packets++;
	a->stats.tx_bytes += len - FOS__VNET;
	return true;
}

/* The same; where there is none, the kernel is asked to make some first. */
static bool put(struct fos__afpacket *a, const struct fos_frame *f)
{
	return put_now(a, f) || (!kick(a) && put_now(a, f));
}

/* The same for a super-packet that is to be cut. */
static bool put_cut(struct fos__afpacket *a, struct fos__gso *g)
{
	struct fos_frame f;
	bool first = true;

	while (fos__gso_next(g, a->outbox->head[0], &f)) {
		if (!put(a, &f)) {
			a->stats.tx_errors += !first; /* the rest of it is lost */
			return !first;
		}
		first = false;
	}
	return true;
}

static int ring_all(struct fos__afpacket *a, const struct fos_batch *b)
{
	struct fos__gso g;
	uint32_t i;
	int ret;

	for (i = 0; i < b->n; i++) {
		const struct fos_frame *f = &b->pkt[i].f;
		bool room = true;

		if (!sendable(a, f))
			a->stats.tx_errors++;
		else if (must_cut(a, f, &g))
			room = put_cut(a, &g);
		else
			room = put(a, f);
		if (!room)
			break;
	}
	ret = kick(a);
	return i || ret == -EAGAIN ? (int)i : ret;
}

int fos__afpacket_send(struct fos__afpacket *a, const struct fos_batch *b)
{
	if (a->tx_fd < 0)
		return -ENOTSUP;
	if (a->gone)
		return -ENODEV;
	if (a->down && fos__afpacket_look(a))
		return a->gone ? -ENODEV : -ENETDOWN;
	return a->opts.tx == FOS_AFPACKET_RING ? ring_all(a, b) : send_all(a, b);
}
