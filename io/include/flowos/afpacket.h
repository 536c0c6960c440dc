/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afpacket.h: a live Ethernet interface as a port: Linux's packet sockets, with rings that are shared with the kernel.
 *
 * What rx gives is what the interface received (never what the host sends through it), as the kernel has it: several
 * packets that came as one super-packet stay one, a checksum that the sender left to the NIC is still to be completed,
 * and the frame says so (frame.h). tx sends it on in the same form. A VLAN tag that the kernel moved out of the packet
 * is back in its bytes. Frames lie in the ring and are not FOS_FRAME_STABLE: they last until the next rx.
 *
 * The kernel undoes everything (promiscuous mode, rings) when the port is closed, also when the program is killed.
 * Rings are the kernel's memory, which is not swapped and not counted as locked (RLIMIT_MEMLOCK).
 *
 * Needs CAP_NET_RAW, in the network namespace of the interface; without CAP_NET_ADMIN queues beside the rings are as long as
 * net.core.rmem_max and wmem_max allow. Threads: any may open; a port then belongs to one thread
 * at a time. Interfaces that go away: see rx in port.h.
 */
#ifndef FLOWOS_AFPACKET_H
#define FLOWOS_AFPACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/port.h>

/* How the kernel hands packets over. */
enum fos_afpacket_rx {
	FOS_AFPACKET_FRAMES, /* TPACKET_V2: each at once, in a slot of its own */
	FOS_AFPACKET_BLOCKS, /* TPACKET_V3: packed into blocks; a block comes when it is full, or after block_ms */
};

/* How packets are given to the kernel. */
enum fos_afpacket_tx {
	FOS_AFPACKET_SEND, /* copied by the call, many a call */
	FOS_AFPACKET_RING, /* copied into a ring that the NIC reads: for NICs. On interfaces whose packets end in a socket of
	                    * the same machine (veth, bridges) the kernel copies them once more, and SEND is faster */
	FOS_AFPACKET_NO_TX, /* receive only */
};

/* All 0 is a good choice. */
struct fos_afpacket_opts {
	enum fos_afpacket_rx rx;
	enum fos_afpacket_tx tx;
	size_t rx_ring_bytes; /* 0: 32 MiB; more loses less while the thread has something else to do */
	size_t tx_ring_bytes; /* 0: 8 MiB. For FOS_AFPACKET_SEND: what may wait in the interface's queue */
	uint32_t frame_bytes; /* largest frame that is received whole; 0: 66 KiB, as long as a super-packet gets */
	uint32_t slot_bytes;  /* FOS_AFPACKET_FRAMES: larger ones do not come by the ring but by a call, into a queue of
	                         * rx_ring_bytes beside it; 0: 1888, so that a slot with all that belongs to it has 2 KiB */
	uint32_t block_ms;    /* FOS_AFPACKET_BLOCKS: 0: 1 ms */
	int timeout_ms;       /* how long rx waits where nothing is there: 0: 100 ms, negative: not at all */
	bool promiscuous;     /* also what is for other stations: needed to forward */
	bool no_offloads;     /* without the super-packets' state: to look on, not to send on */
	bool qdisc_bypass;    /* sends past the interface's queueing discipline, where the kernel cuts no super-packets:
	                       * tx cuts what the interface does not */
	uint16_t port;        /* fos_frame.port of what it gives */
	const char *filter; /* a pcap expression that the kernel holds packets against before it copies them; NULL: all.
	                         * What does not match is not received, so not forwarded either */
};

/* Opens the interface `name`, which need not be up, into *out; fos_port_close() frees it. *opts may be NULL.
 *
 * Nothing is received before the port is complete: what comes first is what came after this call began, and the filter
 * saw it. Blocks as long as the kernel takes for the memory.
 * Returns 0, with one line for a person in `err` where queues are shorter than was asked for, else ""; or a negative errno with a line
 * (always terminated; may be cut): -ENODEV there is no
 * such interface, -ENOTSUP it is no Ethernet, -EPERM, -EINVAL the filter is wrong or a size makes no sense, -ENETDOWN a filter was asked
 * for and the interface is down, -ENOMEM, or what the socket says. */
int fos_afpacket_open(const char *name, const struct fos_afpacket_opts *opts, struct fos_port **out, char *err,
                      size_t errlen);

#endif
