/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parse_internal.h: what the parser's files share: the view of what is left of a frame, loads of big-endian fields,
 * and the steps from one header to the next. Only parse*.c, checksum.c, key.c and frag.c include it.
 *
 * A step looks at the header at v->at, moves `at` behind it and calls the next step; the last one fills the packet and
 * says the verdict. Headers are read only below v->end; fos__view_need() answers what a missing byte means.
 */
#ifndef FLOWOS_PARSE_INTERNAL_H
#define FLOWOS_PARSE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <flowos/parse.h>
#include <flowos/pkt.h>

#define FOS__LIKELY(x)   __builtin_expect(!!(x), 1)
#define FOS__UNLIKELY(x) __builtin_expect(!!(x), 0)
#define FOS__COLD        __attribute__((noinline, cold))

enum {
	FOS__DEPTH_MAX = 8,  /* tunnels within tunnels */
	FOS__CHAIN_MAX = 16, /* tags, labels, or extension headers in a row */
};

enum fos__ethertype {
	FOS__ETH_IP4 = 0x0800,
	FOS__ETH_ERSPAN3 = 0x22eb,
	FOS__ETH_TEB = 0x6558, /* transparent Ethernet bridging */
	FOS__ETH_VLAN = 0x8100,
	FOS__ETH_IP6 = 0x86dd,
	FOS__ETH_PPP = 0x880b,
	FOS__ETH_MPLS = 0x8847,
	FOS__ETH_MPLS_MULTI = 0x8848,
	FOS__ETH_PPPOE = 0x8864,
	FOS__ETH_QINQ = 0x88a8,
	FOS__ETH_PBB = 0x88e7,
	FOS__ETH_FABRICPATH = 0x8903,
	FOS__ETH_CMD = 0x8909,
	FOS__ETH_VNTAG = 0x8926,
	FOS__ETH_ETAG = 0x893f,
	FOS__ETH_QINQ_OLD = 0x9100,
	FOS__ETH_ERSPAN2 = 0x88be,
	FOS__ETH_LENGTH_MAX = 1500, /* up to here an 802.3 length */
};

enum fos__proto {
	FOS__IP_HOPOPT = 0,
	FOS__IP_IP4 = 4,
	FOS__IP_TCP = 6,
	FOS__IP_UDP = 17,
	FOS__IP_IP6 = 41,
	FOS__IP_ROUTING = 43,
	FOS__IP_FRAGMENT = 44,
	FOS__IP_GRE = 47,
	FOS__IP_AH = 51,
	FOS__IP_DSTOPTS = 60,
	FOS__IP_MOBILITY = 135,
	FOS__IP_MPLS = 137,
};

/* UDP ports of tunnels */
enum fos__tunnel_port {
	FOS__PORT_L2TP = 1701,
	FOS__PORT_GTP = 2152,
	FOS__PORT_TEREDO = 3544,
	FOS__PORT_VXLAN = 4789,
	FOS__PORT_VXLAN_GPE = 4790,
	FOS__PORT_GENEVE = 6081,
	FOS__PORT_VXLAN_OLD = 8472,
};

enum { FOS__IP4_MIN = 20, FOS__IP6_LEN = 40, FOS__TCP_MIN = 20, FOS__UDP_LEN = 8 };

/* What is left of a frame: [at, end), then ext_len bytes at ext, then `missing` bytes that were announced by the
 * innermost length field seen (or by the frame's length on the wire), but not captured. */
struct fos__view {
	const uint8_t *at;
	const uint8_t *end;
	const uint8_t *ext;
	uint32_t ext_len;
	uint32_t missing;
	unsigned flags; /* enum fos_parse_flag */
	unsigned depth; /* tunnels taken off */
	bool bounded;   /* a length field has said where it ends, so `missing` is to be believed */
};

static inline uint16_t fos__be16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap16(v);
#endif
	return v;
}

static inline uint32_t fos__be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}

static inline uint64_t fos__be64(const uint8_t *p)
{
	return (uint64_t)fos__be32(p) << 32 | fos__be32(p + 4);
}

static inline void fos__put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Bytes of the first piece, where headers are. */
static inline uint32_t fos__view_len(const struct fos__view *v)
{
	return (uint32_t)(v->end - v->at);
}

/* Bytes that there should be, captured or not. */
static inline uint32_t fos__view_wire(const struct fos__view *v)
{
	return fos__view_len(v) + v->ext_len + v->missing;
}

static inline bool fos__view_has(const struct fos__view *v, uint32_t n)
{
	return FOS__LIKELY(fos__view_len(v) >= n);
}

/* The verdict where a header of n bytes is not all there. */
static inline enum fos_verdict fos__view_short(const struct fos__view *v, uint32_t n)
{
	return v->bounded && fos__view_wire(v) < n ? FOS_PKT_MALFORMED : FOS_PKT_TRUNCATED;
}

/* A length field says: n bytes from `at` on. What is beyond them is padding; what they lack was not captured. */
static inline void fos__view_clip(struct fos__view *v, uint32_t n)
{
	uint32_t len = fos__view_len(v);

	v->bounded = true;
	if (FOS__LIKELY(n <= len)) {
		v->end = v->at + n;
		v->ext_len = 0;
		v->missing = 0;
	} else if (n - len <= v->ext_len) {
		v->ext_len = n - len;
		v->missing = 0;
	} else {
		v->missing = n - len - v->ext_len;
	}
}

/* Did parsing arrive at an IP packet? */
static inline bool fos__verdict_is_ip(enum fos_verdict verdict)
{
	return verdict <= FOS_PKT_OTHER;
}

/* Forgets what an outer transport header said. */
static inline void fos__pkt_clear(struct fos_pkt *p)
{
	p->app = NULL;
	p->app_len = p->app_wire_len = 0;
	p->l4_len = 0;
	p->seq = p->ack = 0;
	p->sport = p->dport = 0;
	p->tcp_flags = 0;
}

/* What is left is payload: of TCP, UDP, or of a fragment. */
static inline void fos__pkt_payload(struct fos_pkt *p, const struct fos__view *v)
{
	uint32_t len = fos__view_len(v);

	p->app_wire_len = fos__view_wire(v);
	if (FOS__LIKELY(v->ext_len == 0)) {
		p->app = len ? v->at : NULL;
		p->app_len = len;
	} else {
		p->app = len ? v->at : v->ext;
		p->app_len = len ? len : v->ext_len;
	}
}

/* The steps. parse.c: */
enum fos_verdict fos__parse_steps(struct fos_pkt *p, unsigned flags); /* all of them */
enum fos_verdict fos__parse_ip4(struct fos_pkt *p, struct fos__view *v);
enum fos_verdict fos__parse_ip6(struct fos_pkt *p, struct fos__view *v);
enum fos_verdict fos__parse_ether(struct fos_pkt *p, struct fos__view *v);

/* parse_link.c: link types other than Ethernet; what follows an ethertype other than IP; PPP (from its protocol
 * field or from its address field on). */
FOS__COLD enum fos_verdict fos__parse_link(struct fos_pkt *p, struct fos__view *v);
FOS__COLD enum fos_verdict fos__parse_ethertype(struct fos_pkt *p, struct fos__view *v, uint16_t type);
enum fos_verdict fos__parse_ppp(struct fos_pkt *p, struct fos__view *v);

/* parse_tunnel.c: *p is parsed as UDP to the end, `v` is what follows the UDP header: looks whether that is a tunnel.
 * Or: an IP protocol that is neither TCP nor UDP, at v->at. */
FOS__COLD enum fos_verdict fos__parse_udp_tunnel(struct fos_pkt *p, struct fos__view *v);
FOS__COLD enum fos_verdict fos__parse_ip_tunnel(struct fos_pkt *p, struct fos__view *v);

static inline bool fos__udp_tunnel_port(uint16_t sport, uint16_t dport)
{
	switch (dport) {
	case FOS__PORT_L2TP:
	case FOS__PORT_GTP:
	case FOS__PORT_TEREDO:
	case FOS__PORT_VXLAN:
	case FOS__PORT_VXLAN_GPE:
	case FOS__PORT_GENEVE:
	case FOS__PORT_VXLAN_OLD:
		return true;
	default:
		return sport == FOS__PORT_TEREDO || sport == FOS__PORT_L2TP;
	}
}

#endif
