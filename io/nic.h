/* SPDX-License-Identifier: BSD-2-Clause
 *
 * nic.h: what an interface says of itself. Internal. Touches a socket of the caller's, of any kind, by ioctl.
 */
#ifndef FOS_NIC_H
#define FOS_NIC_H

#include <stdbool.h>
#include <stdint.h>

struct fos__nic {
	int ifindex;     /* 0: there is none of that name */
	bool up, ether;  /* ether: its frames are Ethernet's */
	uint32_t mtu;    /* without the Ethernet header */
	bool hardware;   /* it is a device on a bus */
	bool wire;       /* and what comes to it was on a wire: it is no guest's, whose host may leave work to it */
	bool takes_tags; /* it takes VLAN tags out of packets that it receives */
	uint32_t queues; /* to receive; 0: it does not say */
};

/* Asks all of it. What the interface does not say is false or 0. */
void fos__nic_ask(int fd, const char *name, struct fos__nic *n);

#endif
