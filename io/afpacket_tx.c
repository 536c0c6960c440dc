/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afpacket_tx.c: packets to the kernel, by calls or by a ring. Touches the sending socket.
 *
 * What cannot be sent is left out and counted (tx_errors): a frame that is cut, or one that is longer than the interface
 * takes and no super-packet, or that the kernel refuses.
 */
#include "afpacket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

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

static void sent(struct fos__afpacket *a, const struct fos_frame *f)
{
	a->stats.tx_packets++;
	a->stats.tx_bytes += fos_frame_caplen(f);
}

/* What an error of the socket means for a frame: 0 it is lost, else the error to stop with, -EAGAIN where the frame
 * may go later. */
static int verdict(struct fos__afpacket *a, int err)
{
	switch (err) {
	case EAGAIN:
	case ENOBUFS:
	case EINTR:
		return -EAGAIN;
	case ENETDOWN:
	case ENXIO:
	case ENODEV:
		return fos__afpacket_look(a);
	default:
		a->stats.tx_errors++;
		return 0;
	}
}

/* A batch as messages. */
struct messages {
	uint32_t n;
	struct mmsghdr msg[FOS_BATCH_MAX];
	struct iovec iov[FOS_BATCH_MAX][3];
	struct virtio_net_hdr vnet[FOS_BATCH_MAX];
	uint32_t of[FOS_BATCH_MAX]; /* number in the batch */
};

static void add(struct messages *m, const struct fos_frame *f, uint32_t of)
{
	struct iovec *v = m->iov[m->n];

	fos__vnet_write(f, &m->vnet[m->n]);
	v[0] = (struct iovec){ &m->vnet[m->n], FOS__VNET };
	v[1] = (struct iovec){ (void *)(uintptr_t)f->data, f->len };
	v[2] = (struct iovec){ (void *)(uintptr_t)f->ext, f->ext_len };
	m->msg[m->n].msg_hdr = (struct msghdr){ .msg_iov = v, .msg_iovlen = f->ext_len ? 3 : 2 };
	m->of[m->n++] = of;
}

/* Returns how many frames of the batch are done with, or an error where none is. */
static int send_all(struct fos__afpacket *a, const struct fos_batch *b)
{
	struct messages m;
	uint32_t at = 0;
	int ret;

	m.n = 0;
	for (uint32_t i = 0; i < b->n; i++)
		if (sendable(a, &b->pkt[i].f))
			add(&m, &b->pkt[i].f, i);
		else
			a->stats.tx_errors++;
	while (at < m.n) {
		ret = sendmmsg(a->tx_fd, m.msg + at, m.n - at, MSG_DONTWAIT);
		if (ret < 0) {
			ret = verdict(a, errno);
			if (ret)
				return at || ret == -EAGAIN ? (int)m.of[at] : ret;
			at++;
			continue;
		}
		for (; ret; ret--)
			sent(a, &b->pkt[m.of[at++]].f);
	}
	return (int)b->n;
}

/* The kernel sends what is in the ring and not sent yet. */
static int kick(struct fos__afpacket *a)
{
	if (send(a->tx_fd, NULL, 0, MSG_DONTWAIT) < 0)
		return verdict(a, errno);
	return 0;
}

static int ring_all(struct fos__afpacket *a, const struct fos_batch *b)
{
	uint32_t i;
	int ret;

	for (i = 0; i < b->n; i++) {
		const struct fos_frame *f = &b->pkt[i].f;
		struct tpacket2_hdr *h = (struct tpacket2_hdr *)fos__ring_slot(&a->tx, a->tx_at);
		uint8_t *to = (uint8_t *)h + SLOT_DATA;
		uint32_t len = fos_frame_caplen(f) + FOS__VNET;
		struct virtio_net_hdr v;

		if (!sendable(a, f) || (size_t)(to - (uint8_t *)h) + len > a->tx.slot_bytes) {
			a->stats.tx_errors++;
			continue;
		}
		if (fos__status_get(&h->tp_status) != TP_STATUS_AVAILABLE)
			break;
		fos__vnet_write(f, &v);
		memcpy(to, &v, FOS__VNET);
		memcpy(to + FOS__VNET, f->data, f->len);
		if (f->ext_len)
			memcpy(to + FOS__VNET + f->len, f->ext, f->ext_len);
		h->tp_len = len;
		fos__status_set(&h->tp_status, TP_STATUS_SEND_REQUEST);
		a->tx_at = a->tx_at + 1 == a->tx.slots ? 0 : a->tx_at + 1;
		sent(a, f);
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
	return a->opts.tx == FOS_AFPACKET_RING ? ring_all(a, b) : send_all(a, b);
}
