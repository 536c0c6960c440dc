/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afxdp_queue.c: a socket of a receive queue, its memory and rings (libxdp). What goes through them is counted here.
 *
 * Every chunk to receive into is always in one place: in the fill ring, with the kernel, in the receive ring, or given out.
 * All rings have room for all chunks, so that putting one in never fails.
 */
#include "afxdp.h"

#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "csum_partial.h"

enum { HUGE = 2 << 20 };

/* Pages of 2 MiB where there are some, or the kernel may put them together. */
static int map_memory(struct fos__xdp_queue *q, size_t bytes)
{
	const int how = MAP_PRIVATE | MAP_ANONYMOUS;

	q->bytes = (bytes + HUGE - 1) / HUGE * HUGE;
	q->mem = mmap(NULL, q->bytes, PROT_READ | PROT_WRITE, how | MAP_HUGETLB, -1, 0);
	if (q->mem != MAP_FAILED)
		return 0;
	q->mem = mmap(NULL, q->bytes, PROT_READ | PROT_WRITE, how, -1, 0);
	if (q->mem == MAP_FAILED) {
		q->mem = NULL;
		return -ENOMEM;
	}
	(void)madvise(q->mem, q->bytes, MADV_HUGEPAGE);
	return 0;
}

static void put_all(struct fos__afxdp *a, struct fos__xdp_queue *q)
{
	uint32_t at = 0;

	(void)xsk_ring_prod__reserve(&q->fill, a->receiving, &at);
	for (uint32_t i = 0; i < a->receiving; i++)
		*xsk_ring_prod__fill_addr(&q->fill, at + i) = (uint64_t)i * a->chunk;
	xsk_ring_prod__submit(&q->fill, a->receiving);
}

int fos__xdp_queue_open(struct fos__afxdp *a, uint32_t number)
{
	struct fos__xdp_queue *q = &a->queue[number];
	bool sends = number == 0 && !a->opts.receive_only;
	uint32_t sending = sends ? FOS__XDP_SENDING : 0;
	const struct xsk_umem_config memory = { .fill_size = a->receiving,
		                                .comp_size = FOS__XDP_SENDING,
		                                .frame_size = a->chunk,
		                                .frame_headroom = FOS__XDP_HEADROOM };
	const struct xsk_socket_config socket = {
		.rx_size = a->receiving,
		.tx_size = FOS__XDP_SENDING,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.xdp_flags = a->native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE,
		.bind_flags = (uint16_t)(XDP_USE_NEED_WAKEUP | (a->zero ? XDP_ZEROCOPY : XDP_COPY)),
	};
	int ret = map_memory(q, (size_t)(a->receiving + sending) * a->chunk), bytes = 1 << 24;

	if (!ret)
		ret = xsk_umem__create(&q->umem, q->mem, (uint64_t)(a->receiving + sending) * a->chunk, &q->fill,
		                       &q->done, &memory);
	if (ret)
		return fos__afxdp_failed(a, ret == -ENOBUFS ? "memory may not be locked" : "memory for frames", -ret);
	put_all(a, q);
	ret = xsk_socket__create(&q->xsk, a->name, number, q->umem, &q->rx, sends ? &q->tx : NULL, &socket);
	if (ret)
		return fos__afxdp_failed(a, "an AF_XDP socket", -ret);
	/* What is copied to be sent counts until it is; what limits it is the number of chunks. */
	if (setsockopt(xsk_socket__fd(q->xsk), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes))
		(void)setsockopt(xsk_socket__fd(q->xsk), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	return 0;
}

void fos__xdp_queue_close(struct fos__xdp_queue *q)
{
	if (q->xsk)
		xsk_socket__delete(q->xsk);
	if (q->umem)
		xsk_umem__delete(q->umem);
	if (q->mem)
		munmap(q->mem, q->bytes);
	*q = (struct fos__xdp_queue){ 0 };
}

int fos__xdp_queue_stats(struct fos__xdp_queue *q, struct xdp_statistics *st)
{
	socklen_t len = sizeof *st;

	*st = (struct xdp_statistics){ 0 };
	return getsockopt(xsk_socket__fd(q->xsk), SOL_XDP, XDP_STATISTICS, st, &len) ? -errno : 0;
}

/* Fills in a frame; returns whether the filter takes it. */
static bool take_one(struct fos__afxdp *a, const uint8_t *data, uint32_t len, uint64_t now_ns, struct fos_frame *f)
{
	if (a->filter && !fos__frame_filter_takes(a->filter, data, len))
		return false;
	*f = (struct fos_frame){ .data = data,
		                 .ts_ns = now_ns,
		                 .num = ++a->num,
		                 .len = len,
		                 .wire_len = len,
		                 .linktype = 1,
		                 .port = a->opts.port };
	if (a->partial && fos__csum_partial_find(data, len, &f->csum_start, &f->csum_offset))
		f->flags |= FOS_FRAME_CSUM_PARTIAL | FOS_FRAME_CSUM_OK;
	a->stats.rx_packets++;
	a->stats.rx_bytes += len;
	return true;
}

uint32_t fos__xdp_queue_take(struct fos__afxdp *a, struct fos__xdp_queue *q, struct fos_batch *b, uint64_t most,
                             uint64_t now_ns)
{
	uint32_t room = FOS_BATCH_MAX - b->n, free_places = FOS_BATCH_MAX - q->given, at = 0, n;

	n = room < free_places ? room : free_places;
	n = xsk_ring_cons__peek(&q->rx, n < most ? n : (uint32_t)most, &at);
	for (uint32_t i = 0; i < n; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(&q->rx, at + i);

		q->addr[q->given++] = d->addr / a->chunk * a->chunk;
		if (take_one(a, q->mem + d->addr, d->len, now_ns, &b->pkt[b->n].f))
			b->n++;
	}
	if (n)
		xsk_ring_cons__release(&q->rx, n);
	return n;
}

uint32_t fos__xdp_queue_waiting(const struct fos__xdp_queue *q)
{
	return __atomic_load_n(q->rx.producer, __ATOMIC_ACQUIRE) - q->rx.cached_cons;
}

void fos__xdp_queue_release(struct fos__xdp_queue *q)
{
	uint32_t at = 0;

	if (q->given) {
		(void)xsk_ring_prod__reserve(&q->fill, q->given, &at);
		for (uint32_t i = 0; i < q->given; i++)
			*xsk_ring_prod__fill_addr(&q->fill, at + i) = q->addr[i];
		xsk_ring_prod__submit(&q->fill, q->given);
		q->given = 0;
	}
	if (xsk_ring_prod__needs_wakeup(&q->fill))
		(void)recvfrom(xsk_socket__fd(q->xsk), NULL, 0, MSG_DONTWAIT, NULL, NULL);
}
