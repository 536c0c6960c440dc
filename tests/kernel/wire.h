/* SPDX-License-Identifier: BSD-2-Clause
 *
 * wire.h: TCP packets by hand, for the test that asks the running kernel what it makes of overlapping segments. Nothing
 * here is shared with the engine: the packets have two authors.
 *
 * Pure but for the pcap writer; one thread.
 */
#ifndef KERNEL_WIRE_H
#define KERNEL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { WIRE_SERVER_PORT = 9000, WIRE_MAX = 9216, WIRE_ETHER = 14 };

enum wire_flags { WIRE_FIN = 1, WIRE_SYN = 2, WIRE_RST = 4, WIRE_PSH = 8, WIRE_ACK = 16 };

/* What the SYN offers. All of them offer a maximum segment size. */
enum wire_options { WIRE_PLAIN, WIRE_SACK, WIRE_TIMESTAMPS };

/* One connection as its client sees it. */
struct wire_conn {
	bool ipv6;
	enum wire_options options;
	uint32_t client; /* low 16 bits of the client's address */
	uint16_t port;
	uint32_t isn;
	uint32_t peer_isn;
	uint32_t ts, peer_ts; /* time stamps: ours, and the last one of the peer */
};

/* The byte that segment `tag` (0 to 15) carries at `offset` of the stream: it says whose it is and whether it is in its
 * place. */
static inline uint8_t wire_byte(unsigned tag, uint32_t offset)
{
	return (uint8_t)(tag << 4 | (offset & 15));
}

/* Makes an IP packet into buf[WIRE_MAX]. `offset` is that of the first byte in the stream, 0 being ISN + 1; a SYN is at
 * ISN. Returns its length. */
size_t wire_packet(struct wire_conn *c, unsigned flags, uint32_t offset, const uint8_t *data, size_t len, uint8_t *buf);

/* Is this IP packet a SYN-ACK for `c`? If so its numbers are noted in `c`. */
bool wire_is_syn_ack(struct wire_conn *c, const uint8_t *packet, size_t len);

/* A pcap file of IP packets. They say false when nothing could be written. */
bool wire_pcap_start(FILE *out);
bool wire_pcap_add(FILE *out, uint64_t time_us, const uint8_t *packet, size_t len);

#endif
