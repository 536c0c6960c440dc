/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afpacket_big.c: frames that are longer than a slot of the receive ring. The kernel puts such a packet, as it is, into
 * the socket's queue, and its beginning into a slot that says so (PACKET_COPY_THRESH); here they are fetched, all of a
 * batch in one call, into memory that is used again for the next batch and so stays in the processor's cache.
 *
 * The queue holds one packet for each slot that says so, before the slot says it. Two that came on two processors may stand
 * in another order than their slots: each is taken with all that belongs to it, and they had no order in the first place.
 */
#include "afpacket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { HEADROOM = 64 /* for a tag, and so that headers lie well */ };

union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

struct fos__big {
	uint8_t *mem;
	size_t stride;
	struct mmsghdr msg[FOS_BATCH_MAX];
	struct iovec iov[FOS_BATCH_MAX][2];
	struct virtio_net_hdr vnet[FOS_BATCH_MAX];
	union control control[FOS_BATCH_MAX];
};

int fos__big_new(struct fos__big **out, uint32_t frame_bytes, bool vnet)
{
	struct fos__big *g = calloc(1, sizeof *g);

	if (!g)
		return -ENOMEM;
	g->stride = (HEADROOM + (size_t)frame_bytes + 4095) / 4096 * 4096;
	g->mem = mmap(NULL, FOS_BATCH_MAX * g->stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g->mem == MAP_FAILED) {
		free(g);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < FOS_BATCH_MAX; i++) {
		g->iov[i][0] = (struct iovec){ &g->vnet[i], FOS__VNET };
		g->iov[i][1] = (struct iovec){ g->mem + i * g->stride + HEADROOM, g->stride - HEADROOM };
		g->msg[i].msg_hdr = (struct msghdr){ .msg_iov = &g->iov[i][vnet ? 0 : 1],
			                             .msg_iovlen = vnet ? 2 : 1,
			                             .msg_control = &g->control[i] };
	}
	*out = g;
	return 0;
}

void fos__big_free(struct fos__big *g)
{
	if (!g)
		return;
	munmap(g->mem, FOS_BATCH_MAX * g->stride);
	free(g);
}

/* The tag that the kernel took out, and whether it vouches for the checksum, stand beside the packet. */
static void read_aux(struct msghdr *m, struct fos__taken *t)
{
	struct tpacket_auxdata aux;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof aux);
		t->status = aux.tp_status;
		t->tci = aux.tp_vlan_tci;
		t->tpid = aux.tp_vlan_tpid;
	}
}

uint32_t fos__big_take(struct fos__big *g, int fd, bool vnet, uint32_t n, struct fos__taken *to)
{
	uint32_t got = 0;

	for (uint32_t i = 0; i < n; i++) {
		g->msg[i].msg_hdr.msg_controllen = sizeof g->control[i];
		g->msg[i].msg_hdr.msg_flags = 0;
	}
	/* A call may fail for what befell the interface, which has no part in what waits: it is asked again, as slots and queue
	 * would be out of step for ever otherwise. */
	for (int tries = 0; got < n && tries < 4;) {
		int more = recvmmsg(fd, g->msg + got, n - got, MSG_DONTWAIT | MSG_TRUNC, NULL);

		if (more > 0)
			got += (uint32_t)more;
		else if (errno == EAGAIN)
			break;
		else
			tries++;
	}
	for (uint32_t i = 0; i < got; i++) {
		struct fos__taken *t = &to[i];
		uint32_t room = (uint32_t)g->iov[i][1].iov_len;

		t->status = 0;
		t->vnet = g->vnet[i];
		t->mac = g->iov[i][1].iov_base;
		t->len = g->msg[i].msg_len - (vnet ? FOS__VNET : 0u);
		t->snaplen = t->len < room ? t->len : room;
		read_aux(&g->msg[i].msg_hdr, t);
	}
	return got;
}
