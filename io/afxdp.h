/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afxdp.h: what the sources of the AF_XDP port share. Internal.
 *
 * afxdp_open.c goes through the ways in which an interface can be had; afxdp_program.c has the program in front of the
 * kernel's stack, afxdp_queue.c a socket and its memory, afxdp_tx.c sends, afxdp.c is the port.
 */
#ifndef FOS_AFXDP_INTERNAL_H
#define FOS_AFXDP_INTERNAL_H

#include <xdp/xsk.h>

#include <flowos/afxdp.h>

#include "frame_filter.h"
#include "nic.h"

enum {
	FOS__XDP_QUEUES = 64,    /* of an interface, at most */
	FOS__XDP_HEADROOM = 2,   /* behind the kernel's own, so that IP headers start at a multiple of 16 */
	FOS__XDP_SENDING = 2048, /* frames that may wait to be sent */
};

/* A receive queue of the interface. Memory is cut into chunks, each of a frame: first those to receive into, and of the
 * first queue, by which all is sent, those to send from. A chunk to receive into belongs to the kernel (it is in the fill
 * ring, or has a packet that waits) but for those in `addr`. */
struct fos__xdp_queue {
	struct xsk_umem *umem;
	struct xsk_socket *xsk;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons rx, done;
	uint8_t *mem;
	size_t bytes;
	uint64_t addr[FOS_BATCH_MAX]; /* chunks that the last take gave out */
	uint32_t given;
	struct xdp_statistics last; /* when last looked at */
};

struct fos__afxdp {
	struct fos_port port;
	struct fos_afxdp_opts opts; /* defaults filled in; `filter` is not kept */
	char name[16];
	struct fos__nic nic; /* when last looked at */
	bool native, zero;   /* what it is in */
	bool partial;        /* checksums may be unfinished */

	int control; /* a packet socket that receives nothing: promiscuous mode, questions about the interface */
	int map, program, link;
	int epoll;                 /* over all queues; -1 where there is one */
	uint32_t chunk, receiving; /* bytes of a chunk; chunks of each queue to receive into */
	uint32_t queues, turn;     /* turn: the queue that is looked at first */
	struct fos__xdp_queue *queue;
	uint64_t num; /* of the last frame */

	uint64_t *unused; /* chunks to send from that are not used */
	uint32_t unuseds;

	struct fos__frame_filter *filter; /* NULL: none */
	bool down;                        /* the interface was, when last looked at */
	int over;                         /* 0, or final: -ENODEV, -EMSGSIZE */
	uint64_t left;                    /* packets that had come before it was over, and are to be given out yet */
	uint64_t looked_ns;
	struct fos_port_stats stats; /* what is counted here; drops come from the kernel */
	char how[64], error[200];
};

/* Writes a->error and returns -err. */
int fos__afxdp_failed(struct fos__afxdp *a, const char *what, int err);

/* afxdp.c: a port of which nothing is open, and its end. */
int fos__afxdp_new(const char *name, const struct fos_afxdp_opts *opts, struct fos__afxdp **out, char *err,
                   size_t errlen);
void fos__afxdp_free(struct fos__afxdp *a);

/* Looks whether the interface is there, up, and as it was. Returns 0, -ENETDOWN, -ENODEV or -EMSGSIZE. */
int fos__afxdp_look(struct fos__afxdp *a);

/* afxdp_program.c: loads the program with a map of a->queues sockets, and once those are in there, puts it in front. */
int fos__xdp_load(struct fos__afxdp *a);
int fos__xdp_put(struct fos__afxdp *a, uint32_t queue);
int fos__xdp_attach(struct fos__afxdp *a);
void fos__xdp_unload(struct fos__afxdp *a);

/* afxdp_queue.c */
int fos__xdp_queue_open(struct fos__afxdp *a, uint32_t number);
void fos__xdp_queue_close(struct fos__xdp_queue *q);
int fos__xdp_queue_stats(struct fos__xdp_queue *q, struct xdp_statistics *st);

/* Gives frames out behind those that are in b, of up to `most` packets, and returns how many these were; gives back to the
 * kernel what was given out; how many packets wait. */
uint32_t fos__xdp_queue_take(struct fos__afxdp *a, struct fos__xdp_queue *q, struct fos_batch *b, uint64_t most,
                             uint64_t now_ns);
void fos__xdp_queue_release(struct fos__xdp_queue *q);
uint32_t fos__xdp_queue_waiting(const struct fos__xdp_queue *q);

/* afxdp_tx.c: tx of the port; and has the kernel send what waits. */
int fos__xdp_send(struct fos__afxdp *a, const struct fos_batch *b);
int fos__xdp_kick(struct fos__afxdp *a);

#endif
