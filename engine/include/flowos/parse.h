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

/* Parses p->f and fills the rest of *p; returns p->verdict. On FOS_PKT_FRAGMENT, `ip` and `l4` (start of the
 * fragment's payload) and ip_len are set. */
enum fos_verdict fos_parse(struct fos_pkt *p, unsigned flags);

/* Parses the IP packet at `ip` (`len` captured bytes, `wire` bytes as announced by whoever carried it) into *p,
 * whose frame is left alone: for reassembled datagrams. `depth` counts encapsulations already taken off. */
enum fos_verdict fos_parse_ip(struct fos_pkt *p, const uint8_t *ip, uint32_t len, unsigned flags, unsigned depth);

/* Is the transport checksum of a parsed TCP or UDP packet (and, for IPv4, its header checksum) right? True where it
 * cannot be told: a packet that was captured only in part, a UDP datagram without a checksum over IPv4. */
bool fos_checksum_ok(const struct fos_pkt *p);

/* The Internet checksum's running sum (RFC 1071) of `len` bytes, added to `sum`. `len` may be odd only in the last
 * call of a chain. Fold with fos_csum_fold(). */
uint32_t fos_csum_add(const void *data, uint32_t len, uint32_t sum);
uint16_t fos_csum_fold(uint32_t sum);

/* Name of a verdict as it stands in reports: "tcp", "udp", "fragment", "other", "non_ip", ... */
const char *fos_verdict_name(enum fos_verdict v);

#endif
