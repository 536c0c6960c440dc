/* SPDX-License-Identifier: BSD-2-Clause
 *
 * csum_partial.h: finds a checksum that a sender's kernel left to its interface, in a frame where nothing says so: the field
 * holds the sum of the pseudo header, not complemented, and the checksum over the packet is wrong. Internal, pure.
 *
 * Looks at TCP and UDP over IPv4 and IPv6, and also inside of VLAN tags, IP in IP, GRE, VXLAN (UDP ports 4789 and 8472)
 * and Geneve (6081). Not behind a routing header, and not in fragments, which no kernel sends unfinished. SCTP's and other
 * checksums are not looked at.
 *
 * A packet that was damaged on its way has such a field once in 65,536 times, so this is not for frames of a wire.
 */
#ifndef FOS_CSUM_PARTIAL_H
#define FOS_CSUM_PARTIAL_H

#include <stdbool.h>
#include <stdint.h>

/* In the Ethernet frame of `len` bytes: returns whether there is one, and where, as struct fos_frame has it. */
bool fos__csum_partial_find(const uint8_t *frame, uint32_t len, uint16_t *start, uint16_t *offset);

/* Completes one, in place: over the bytes from `start` to the end of the packet. Nothing where it does not lie within. */
void fos__csum_partial_complete(uint8_t *frame, uint32_t len, uint16_t start, uint16_t offset);

#endif
