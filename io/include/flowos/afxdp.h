/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afxdp.h: a live Ethernet interface as a port: Linux's AF_XDP sockets, one for each receive queue of the interface, and a
 * program in front of the kernel's own network stack (XDP) that gives them everything that is received.
 *
 * What rx gives is the bytes that the wire carries: no super-packets; a VLAN tag is in the bytes. On interfaces without
 * hardware (veth), whose peer may leave a checksum to a NIC that never comes, such a checksum is found by what is in its
 * field (csum_partial.h), and the frame says so (frame.h). tx sends what the wire carries: it cuts super-packets and
 * completes checksums. Frames are not FOS_FRAME_STABLE: they last until the next rx.
 *
 * UNLIKE a packet socket, it takes packets away from the host: what the interface receives while a port is open does not
 * reach the host's own sockets (a login through it, too, ends). What the host sends is not seen.
 *
 * The kernel undoes everything (program, promiscuous mode, rings) when the port is closed, also when the program is killed.
 * Memory for frames is locked: needs CAP_IPC_LOCK, or as much RLIMIT_MEMLOCK.
 *
 * Needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF to be opened, and none of them afterwards. Threads: any may open; a port then
 * belongs to one thread at a time.
 */
#ifndef FLOWOS_AFXDP_H
#define FLOWOS_AFXDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/port.h>

/* Which ways are tried, always in this order: native with zero copy, native with copying, generic. Native is in the
 * driver; generic is the kernel's for every interface, and copies. */
enum fos_afxdp_mode {
	FOS_AFXDP_AUTO,   /* all; but generic only on hardware: see below */
	FOS_AFXDP_NATIVE, /* the first two */
	FOS_AFXDP_GENERIC, /* only generic. On an interface without hardware what the sending kernel left to the interface is
	                     * then lost: VLAN tags, unseen; super-packets, which end the port (-EMSGSIZE) */
	FOS_AFXDP_COPY,     /* the last two */
	FOS_AFXDP_ZEROCOPY, /* only the first */
};

/* All 0 is a good choice. */
struct fos_afxdp_opts {
	enum fos_afxdp_mode mode;
	bool receive_only;  /* no tx */
	size_t ring_bytes;  /* frames to receive into, of all queues together; 0: 32 MiB */
	int timeout_ms;     /* how long rx waits where nothing is there: 0: 100 ms, negative: not at all */
	bool promiscuous;   /* also what is for other stations: needed to forward */
	uint16_t port;      /* fos_frame.port of what it gives */
	const char *filter; /* a pcap expression; NULL: all. It is run here, by libpcap: what does not match has been
	                     * taken from the host nevertheless */
	void (*say)(void *arg, const char *text); /* NULL, or told, in one line, of each way that could not be had */
	void *say_arg;
};

/* Opens the interface `name`, which need not be up, into *out; fos_port_close() frees it. *opts may be NULL.
 *
 * Returns 0, or a negative errno with one line for a person in `err` (always terminated; may be cut) on the last way that
 * was tried: -ENODEV there is no such interface, -ENOTSUP it can be done in none of the ways, or this program was built
 * without libxdp, -EPERM, -EBUSY another program has the interface, -EMSGSIZE its MTU is too large, -ENOBUFS memory may
 * not be locked, -EINVAL the filter is wrong, -ENOMEM, or what the kernel says. Blocks as long as the kernel takes.
 *
 * rx and tx then also return -EMSGSIZE: a frame came that is longer than AF_XDP takes here, and was lost. Final, as -ENODEV. */
int fos_afxdp_open(const char *name, const struct fos_afxdp_opts *opts, struct fos_port **out, char *err,
                   size_t errlen);

/* What became of it: "native, zero copy, 4 queues". NULL: the port is none of these. Valid until close. */
const char *fos_afxdp_how(const struct fos_port *p);

#endif
