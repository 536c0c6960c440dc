/* SPDX-License-Identifier: BSD-2-Clause
 *
 * pkt.h: a packet, that is a frame and what parsing found in it; and the batch, in which packets travel.
 *
 * A packet holds offsets into its frame, never bytes. Levels follow the original FlowOS notation: the stream at level
 * L is the concatenation, over packets, of the bytes from where L starts to the end of the IP packet.
 */
#ifndef FLOWOS_PKT_H
#define FLOWOS_PKT_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/frame.h>

enum { FOS_BATCH_MAX = 64 };

/* What parsing made of a frame. Everything that is not TCP or UDP is counted under its reason and passed. */
enum fos_verdict {
	FOS_PKT_TCP,
	FOS_PKT_UDP,
	FOS_PKT_FRAGMENT,  /* an IP fragment: waits for the others */
	FOS_PKT_OTHER,     /* IP, but another transport protocol */
	FOS_PKT_NON_IP,    /* ARP, LLDP, ... */
	FOS_PKT_MALFORMED, /* lengths contradict each other */
	FOS_PKT_TRUNCATED, /* the capture ends inside a header */
	FOS_PKT_LINKTYPE,  /* a link type that is not known here */
	FOS_PKT_VERDICTS,
};

/* TCP flags, RFC 9293, section 3.1 */
enum {
	FOS_TCP_FIN = 0x01,
	FOS_TCP_SYN = 0x02,
	FOS_TCP_RST = 0x04,
	FOS_TCP_PSH = 0x08,
	FOS_TCP_ACK = 0x10,
	FOS_TCP_URG = 0x20
};

struct fos_buf; /* memory that a packet's bytes live in where they are not the port's: a reassembled datagram */

struct fos_pkt {
	struct fos_frame f;
	struct fos_buf *buf;   /* owner of reassembled bytes, or NULL when they are the frame's */
	const uint8_t *ip;     /* innermost IP header; in the frame, or in `buf` */
	const uint8_t *app;    /* transport payload; NULL where there is none */
	uint32_t app_len;      /* captured payload bytes at `app` */
	uint32_t app_wire_len; /* payload bytes that the IP header announces */
	uint32_t ip_len;       /* captured bytes from `ip` on that lie in one piece with it */
	uint16_t l4;           /* offset of the transport header from `ip` */
	uint16_t l4_len;       /* length of the transport header */
	uint32_t seq, ack;     /* TCP, host byte order */
	uint32_t hash;         /* of the session key; set by the engine */
	uint16_t sport, dport; /* host byte order */
	uint16_t vlan;         /* outermost VLAN id, 0xffff for none */
	uint8_t tcp_flags;
	uint8_t ip_version; /* 4 or 6 */
	uint8_t proto;      /* IPPROTO_ of the transport header */
	uint8_t verdict;    /* enum fos_verdict */
	uint16_t encap;     /* bits of enum fos_encap: what lay around the innermost IP header */
	uint64_t id;        /* number of the packet in its worker, from 1; set by the engine */
};

/* Encapsulations that were taken off. */
enum fos_encap {
	FOS_ENCAP_VLAN = 1u << 0,
	FOS_ENCAP_QINQ = 1u << 1,
	FOS_ENCAP_MPLS = 1u << 2,
	FOS_ENCAP_PPPOE = 1u << 3,
	FOS_ENCAP_IPIP = 1u << 4,
	FOS_ENCAP_GRE = 1u << 5,
	FOS_ENCAP_ERSPAN = 1u << 6,
	FOS_ENCAP_VXLAN = 1u << 7,
	FOS_ENCAP_GENEVE = 1u << 8,
	FOS_ENCAP_GTP = 1u << 9,
	FOS_ENCAP_TEREDO = 1u << 10,
	FOS_ENCAP_L2TP = 1u << 11,
};

struct fos_batch {
	uint32_t n;      /* packets in `pkt`, at most FOS_BATCH_MAX */
	uint64_t now_ns; /* the port's clock, at or after the last packet's time stamp */
	struct fos_pkt pkt[FOS_BATCH_MAX];
};

#endif
