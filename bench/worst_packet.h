/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_packet.h: packets of an attack, made in memory: Ethernet frames with right lengths and checksums, whose payload
 * is a formula. Bytes lie in memory in the order of arrival, as they would in a ring of packets.
 *
 * One thread. Functions return 0 or -ENOMEM.
 */
#ifndef BENCH_WORST_PACKET_H
#define BENCH_WORST_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include <flowos/frames.h>

/* What is being made. Zeroed, but for the seed. */
struct worst_traffic {
	struct fos_frames frames; /* its bytes are its own */
	uint64_t seed;
	uint16_t ip_id;
};

/* The two ends: [0] the client, [1] the server. */
struct worst_flow {
	uint8_t ip;       /* 4 or 6 */
	uint32_t addr[2]; /* of an IPv6 address the last 4 bytes; host byte order */
	uint16_t port[2];
	uint32_t isn[2];
};

/* Where attackers live: 198.18.0.0/15 (RFC 2544), and for IPv6 2001:2::/48 (RFC 5180). Never innocents. */
uint32_t worst_address(uint32_t number); /* 0 to 131071 */
/* An attacker's flow number `number`, from its own address, to port 80 of 198.19.255.1. */
struct worst_flow worst_flow(uint32_t number, uint8_t ip);

/* A TCP packet: `seq` and `ack` count from the initial sequence numbers (0: the SYN itself, 1: the first byte). */
struct worst_segment {
	int dir;       /* 0: from the client */
	uint8_t flags; /* FOS_TCP_; what has FOS_TCP_ACK sends `ack` */
	uint32_t seq, ack;
	uint32_t len;
	uint8_t change; /* added to every byte of the payload: other bytes for the same place */
};
int worst_add(struct worst_traffic *t, const struct worst_flow *f, const struct worst_segment *s);
/* SYN, SYN-ACK, ACK. */
int worst_add_handshake(struct worst_traffic *t, const struct worst_flow *f);

/* A fragment with [from, to) of a UDP datagram of `total` bytes, header included, from f's client; from is a multiple of
 * 8, and so is to where it is not the total. */
int worst_add_fragment(struct worst_traffic *t, const struct worst_flow *f, uint32_t id, uint32_t from, uint32_t to,
                       uint32_t total);

/* Cuts a frame (Ethernet, IPv4 or IPv6 without extensions) into fragments of `size` bytes, a multiple of 8, and adds them,
 * the last one first where `reverse`. What fits into one stays whole. */
int worst_add_cut(struct worst_traffic *t, const struct fos_frame *f, uint32_t size, bool reverse);

/* The payload of attackers' streams: byte `off` of direction `dir` of every flow. */
void worst_payload(uint64_t seed, int dir, uint64_t off, uint8_t *buf, uint32_t len);

void worst_traffic_free(struct worst_traffic *t);

#endif
