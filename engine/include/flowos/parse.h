/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parse.h: from a frame to a packet: link layer, tags, tunnels, IPv4 and IPv6, TCP and UDP.
 *
 * Any thread; no state, no allocation, no blocking. Never reads outside the frame, whatever its bytes are.
 */
#ifndef FLOWOS_PARSE_H
#define FLOWOS_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include <flowos/pkt.h>

enum fos_parse_flag {
	FOS_PARSE_NO_DECAP = 1u << 0, /* stop at the outermost IP header */
};

/* Parses p->f and fills the rest of *p, but for p->id; returns p->verdict. What each verdict means for the fields:
 *  - TCP, UDP: all are set (seq, ack and tcp_flags are 0 for UDP). p->hash is 0.
 *  - FRAGMENT: ip, ip_version, ip_len, l4 (start of the fragment's payload; IPv6: behind the fragment header), proto
 *    (IPv6: the fragment header's next header), and app, app_len, app_wire_len are the fragment's payload.
 *  - OTHER: ip, ip_version, ip_len, l4, proto.
 *  - all others: fields but vlan, encap and verdict may hold what was read before parsing gave up.
 * An IP length of 0 (a segment that the sender's NIC was to cut) means all that is left of the frame; an IP length
 * beyond the frame means that the packet was captured in part: app_len < app_wire_len. */
enum fos_verdict fos_parse(struct fos_pkt *p, unsigned flags);

/* Parses the IP packet of `len` bytes at `ip` into *p, whose f, buf, vlan, hash and id are left alone, and whose encap
 * is added to: for reassembled datagrams. `depth` counts encapsulations already taken off. */
enum fos_verdict fos_parse_ip(struct fos_pkt *p, const uint8_t *ip, uint32_t len, unsigned flags, unsigned depth);

/* Is the transport checksum of a parsed TCP or UDP packet (and, for IPv4, its header checksum) right? Of a fragment and
 * of other protocols only the header's is looked at. True where it cannot be told: a packet that was captured only in
 * part, a UDP datagram without a checksum over IPv4, an IPv4 total length of 0, no IP; and where the driver vouches
 * (FOS_FRAME_CSUM_OK) for a frame that was not changed since. */
bool fos_checksum_ok(const struct fos_pkt *p);

/* The Internet checksum's running sum (RFC 1071) of `len` bytes, added to `sum`, 0 at first. `len` may be odd only in
 * the last call of a chain. fos_csum_fold() makes of it the checksum: complemented, and in the byte order of the data
 * summed, so it is stored with memcpy() and never swapped. The fold over data that holds its checksum is 0. */
uint32_t fos_csum_add(const void *data, uint32_t len, uint32_t sum);
uint16_t fos_csum_fold(uint32_t sum);

/* Name of a verdict as it stands in reports: "tcp", "udp", "fragment", "other", "non_ip", ... */
const char *fos_verdict_name(enum fos_verdict v);

#endif
