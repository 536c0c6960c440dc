/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afxdp_tx.c: packets to the kernel through the first queue's socket: copied into its memory, where super-packets are cut
 * and checksums completed, as the wire takes neither.
 *
 * What cannot be sent is left out and counted (tx_errors): a frame that is cut short, one that is longer than the interface
 * or a chunk takes, a super-packet that cannot be cut, and what the kernel took and had to throw away.
 */
#include "afxdp.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "csum_partial.h"
#include "gso_segment.h"

enum {
	ROOM = 18,   /* of the Ethernet header and a tag, beside the MTU */
	KICKS = 256, /* the kernel sends some 32 frames a call where it copies */
};

/* Chunks that were sent can be used again. */
static void collect(struct fos__afxdp *a)
{
	struct fos__xdp_queue *q = &a->queue[0];
	uint32_t at = 0, n = xsk_ring_cons__peek(&q->done, FOS__XDP_SENDING, &at);

	for (uint32_t i = 0; i < n; i++)
		a->unused[a->unuseds++] = *xsk_ring_cons__comp_addr(&q->done, at + i) / a->chunk * a->chunk;
	if (n)
		xsk_ring_cons__release(&q->done, n);
}

static bool waits(struct fos__afxdp *a)
{
	struct xsk_ring_prod *tx = &a->queue[0].tx;

	return xsk_prod_nb_free(tx, tx->size) < tx->size;
}

int fos__xdp_kick(struct fos__afxdp *a)
{
	struct fos__xdp_queue *q = &a->queue[0];
	int fd = xsk_socket__fd(q->xsk);

	for (int i = 0; i < KICKS && waits(a); i++) {
		if (!xsk_ring_prod__needs_wakeup(&q->tx))
			return 0;
		if (sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
			continue;
		switch (errno) {
		case EBUSY: /* the interface threw a packet away */
			if (!a->zero)
				a->stats.tx_errors++;
			break;
		case EAGAIN:
		case ENOBUFS:
		case EINTR:
			break;
		default:
			return fos__afxdp_look(a);
		}
	}
	return 0;
}

static bool sendable(const struct fos__afxdp *a, const struct fos_frame *f)
{
	uint32_t len = fos_frame_caplen(f);

	return len == f->wire_len && len >= 14 && (f->gso_type || (len <= a->nic.mtu + ROOM && len <= a->chunk));
}

/* Copies one into a chunk; returns whether there was one. */
static bool put(struct fos__afxdp *a, const struct fos_frame *f)
{
	struct fos__xdp_queue *q = &a->queue[0];
	struct xdp_desc *d;
	uint32_t at = 0;
	uint8_t *to;

	if (!a->unuseds)
		collect(a);
	if (!a->unuseds || !xsk_ring_prod__reserve(&q->tx, 1, &at))
		return false;
	d = xsk_ring_prod__tx_desc(&q->tx, at);
	*d = (struct xdp_desc){ .addr = a->unused[--a->unuseds], .len = fos_frame_caplen(f) };
	to = q->mem + d->addr;
	memcpy(to, f->data, f->len);
	if (f->ext_len)
		memcpy(to + f->len, f->ext, f->ext_len);
	if (f->flags & FOS_FRAME_CSUM_PARTIAL)
		fos__csum_partial_complete(to, d->len, f->csum_start, f->csum_offset);
	xsk_ring_prod__submit(&q->tx, 1);
	a->stats.tx_packets++;
	a->stats.tx_bytes += d->len;
	return true;
}

/* Has the kernel send, if there is no room, and tries again. */
static bool put_or_kick(struct fos__afxdp *a, const struct fos_frame *f)
{
	if (put(a, f))
		return true;
	(void)fos__xdp_kick(a);
	return put(a, f);
}

/* A super-packet; returns whether it is done with. What does not fit behind its first packet is lost. */
static bool put_cut(struct fos__afxdp *a, const struct fos_frame *f)
{
	uint8_t head[FOS__GSO_HEAD];
	struct fos_frame one;
	struct fos__gso g;
	bool first = true;

	if (fos__gso_open(&g, f)) {
		a->stats.tx_errors++;
		return true;
	}
	while (fos__gso_next(&g, head, &one)) {
		bool good = sendable(a, &one);

		if (!good || !put_or_kick(a, &one)) {
			if (good && first)
				return false;
			a->stats.tx_errors++;
			return true;
		}
		first = false;
	}
	return true;
}

int fos__xdp_send(struct fos__afxdp *a, const struct fos_batch *b)
{
	uint32_t i;
	int ret;

	if (a->opts.receive_only)
		return -ENOTSUP;
	if (a->over)
		return a->over;
	if (a->down && fos__afxdp_look(a))
		return a->over ? a->over : -ENETDOWN;
	collect(a);
	for (i = 0; i < b->n; i++) {
		const struct fos_frame *f = &b->pkt[i].f;

		if (!sendable(a, f))
			a->stats.tx_errors++;
		else if (f->gso_type ? !put_cut(a, f) : !put_or_kick(a, f))
			break;
	}
	ret = fos__xdp_kick(a);
	return i || !ret ? (int)i : ret;
}
