/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afpacket.h: what the sources of the AF_PACKET port share. Internal.
 *
 * A port has two sockets: one that receives into a ring, and one that only sends. afpacket_socket.c makes them,
 * afpacket_rx.c takes packets out of the ring, afpacket_tx.c sends, afpacket.c is the port.
 */
#ifndef FOS_AFPACKET_INTERNAL_H
#define FOS_AFPACKET_INTERNAL_H

#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdatomic.h>

#include <flowos/afpacket.h>

enum { FOS__SLOT_ROOM = 160 }; /* of a slot, at most, for what is not the frame */

/* What the kernel puts before a frame that carries offloads; the same in both directions. */
enum { FOS__VNET = sizeof(struct virtio_net_hdr) };
_Static_assert(FOS__VNET == 10, "the header of if_packet.h without num_buffers");

/* A ring that is mapped. */
struct fos__ring {
	uint8_t *base;
	size_t bytes;
	uint32_t block_bytes, blocks;
	uint32_t slot_bytes, slots_per_block, slots; /* of rings that have slots */
};

/* Where slot i begins: slots do not cross blocks. */
static inline uint8_t *fos__ring_slot(const struct fos__ring *r, uint32_t i)
{
	return r->base + (size_t)(i / r->slots_per_block) * r->block_bytes +
	       (size_t)(i % r->slots_per_block) * r->slot_bytes;
}

/* The word by which a slot or block changes hands. What was written before it is seen after it. */
static inline uint32_t fos__status_get(const uint32_t *word)
{
	return atomic_load_explicit((const _Atomic uint32_t *)word, memory_order_acquire);
}

static inline void fos__status_set(uint32_t *word, uint32_t to)
{
	atomic_store_explicit((_Atomic uint32_t *)word, to, memory_order_release);
}

/* A packet that was received, before it is a frame. */
struct fos__taken {
	uint8_t *mac;
	uint32_t status, snaplen, len;
	uint16_t tci, tpid; /* of a tag, where status says there is one */
	struct virtio_net_hdr vnet;
};

struct fos__big;
struct fos__outbox;

struct fos__afpacket {
	struct fos_port port;
	struct fos_afpacket_opts opts; /* defaults filled in; `filter` is not kept */
	char name[16];
	int ifindex;
	uint32_t mtu;     /* of the interface, in bytes of its frames: with the Ethernet header and a tag */
	int rx_fd, tx_fd; /* tx_fd -1: receive only */
	struct fos__ring rx, tx;

	struct fos__big *big; /* FOS_AFPACKET_FRAMES: for what does not fit into a slot; NULL: all does */
	uint32_t at;          /* slot or block that comes next */
	uint32_t given;       /* how many before it rx gave out, and are to be given back */
	uint8_t *next;        /* FOS_AFPACKET_BLOCKS: next packet of the open block, NULL: none is open */
	uint32_t left;        /* packets in it from `next` on */
	uint64_t num;         /* of the last frame */

	uint32_t tx_at;             /* FOS_AFPACKET_RING: slot that is filled next */
	struct fos__outbox *outbox; /* what a call is to send; NULL: receive only */

	bool down;          /* the interface was, when last looked at */
	bool tso;           /* it cuts super-packets of TCP; only looked at with qdisc_bypass */
	bool gone;          /* there is none of that name any more: final */
	uint64_t gone_ns;   /* since when, on the packets' clock */
	uint64_t looked_ns; /* when it was last looked at, on CLOCK_MONOTONIC */
	struct fos_port_stats stats;
	char error[160];
	char note[160]; /* what is less than was asked for, or "" */
};

/* afpacket.c: a port that is not open, with defaults in place of what opts has as 0. 0, -ENOMEM or -ENODEV. */
int fos__afpacket_new(const char *name, const struct fos_afpacket_opts *opts, struct fos__afpacket **out, char *err,
                      size_t errlen);

/* afpacket_socket.c: */

/* Opens both sockets and rings. The receiving one is bound, but nothing gets into it before fos__afpacket_start(). On
 * error all is as fos__afpacket_shut() leaves it, and a->error says why. */
int fos__afpacket_prepare(struct fos__afpacket *a);

/* Lets packets in: those that the filter takes, an expression or NULL. */
int fos__afpacket_start(struct fos__afpacket *a, const char *filter);

void fos__afpacket_shut(struct fos__afpacket *a);

/* Looks whether the interface is there and up: sets down, gone and mtu. Returns 0, -ENETDOWN or -ENODEV. */
int fos__afpacket_look(struct fos__afpacket *a);

/* afpacket_rx.c: */

/* Gives back what the last call gave out. */
void fos__afpacket_release(struct fos__afpacket *a);

/* Fills the batch with what is in the ring. Returns how many. */
uint32_t fos__afpacket_take(struct fos__afpacket *a, struct fos_batch *b);

/* afpacket_big.c: */

/* Room for a batch of frames of up to frame_bytes. 0 or -ENOMEM. */
int fos__big_new(struct fos__big **out, uint32_t frame_bytes, bool vnet);
void fos__big_free(struct fos__big *g);

/* Takes n packets out of the socket's queue. Their bytes last until the next call, and have room before them for a tag.
 * Returns how many there were. */
uint32_t fos__big_take(struct fos__big *g, int fd, bool vnet, uint32_t n, struct fos__taken *to);

/* afpacket_tx.c: */

int fos__outbox_new(struct fos__outbox **out); /* 0 or -ENOMEM */
void fos__outbox_free(struct fos__outbox *o);

/* Sends; see tx in port.h. */
int fos__afpacket_send(struct fos__afpacket *a, const struct fos_batch *b);

/* Offload state to and from the kernel's form. */
void fos__vnet_read(const struct virtio_net_hdr *v, uint32_t moved, struct fos_frame *f);
void fos__vnet_write(const struct fos_frame *f, struct virtio_net_hdr *v);

#endif
