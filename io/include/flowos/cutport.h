/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cutport.h: a port round a live port, behind which packets are what a wire carries: super-packets are cut into packets, and
 * checksums that were left to a NIC are completed.
 *
 * For what acts on single packets, as impairments do: of a super-packet, they would lose forty packets at once, and whatever
 * they change in a packet whose checksum is partial would get a right checksum when it is sent. It costs what the offloads
 * saved. What cannot be cut (gso_segment.h) passes as it is.
 *
 * Threads, blocking and how long frames last: as of the port inside.
 */
#ifndef FLOWOS_CUTPORT_H
#define FLOWOS_CUTPORT_H

#include <flowos/port.h>

/* Wraps `inner`, which belongs to *out afterwards and is closed with it. What is sent goes to it as it is. Returns 0 or
 * -ENOMEM, with `inner` as before. */
int fos_cut_port_open(struct fos_port *inner, struct fos_port **out);

#endif
