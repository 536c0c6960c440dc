/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parse_link.c: the rarer link layers, and what may lie between an Ethernet header and an IP header: VLAN tags, MPLS
 * labels, PPPoE, LLC. Part of the parser (parse_internal.h); reads the frame, writes the packet, keeps nothing.
 */
#include "parse_internal.h"

#include <flowos/parse.h>

/* LINKTYPE_ values, www.tcpdump.org/linktypes.html */
enum linktype {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_PPP = 9,
	LINK_RAW_12 = 12,
	LINK_RAW_14 = 14,
	LINK_PPP_HDLC = 50,
	LINK_PPPOE = 51,
	LINK_RAW = 101,
	LINK_C_HDLC = 104,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

static enum fos_verdict parse_ip_by_version(struct fos_pkt *p, struct fos__view *v)
{
	if (!fos__view_has(v, 1))
		return fos__view_short(v, 1);
	switch (v->at[0] >> 4) {
	case 4:
		return fos__parse_ip4(p, v);
	case 6:
		return fos__parse_ip6(p, v);
	default:
		return FOS_PKT_NON_IP;
	}
}

/* Four bytes of address family, in the byte order of the machine that captured. */
static enum fos_verdict parse_family(struct fos_pkt *p, struct fos__view *v)
{
	uint32_t family;

	if (!fos__view_has(v, 4))
		return fos__view_short(v, 4);
	family = fos__be32(v->at);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	v->at += 4;
	switch (family) {
	case 2:
		return fos__parse_ip4(p, v);
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* macOS */
		return fos__parse_ip6(p, v);
	default:
		return FOS_PKT_NON_IP;
	}
}

/* A header of `len` bytes with an ethertype at `type_at`. */
static enum fos_verdict parse_cooked(struct fos_pkt *p, struct fos__view *v, uint32_t len, uint32_t type_at)
{
	uint16_t type;

	if (!fos__view_has(v, len))
		return fos__view_short(v, len);
	type = fos__be16(v->at + type_at);
	v->at += len;
	return fos__parse_ethertype(p, v, type);
}

enum fos_verdict fos__parse_ppp(struct fos_pkt *p, struct fos__view *v)
{
	uint16_t proto;

	if (fos__view_has(v, 1) && v->at[0] == 0xff) { /* address and control: all stations, unnumbered information */
		if (!fos__view_has(v, 2))
			return fos__view_short(v, 2);
		if (v->at[1] != 0x03)
			return FOS_PKT_NON_IP;
		v->at += 2;
	}
	if (!fos__view_has(v, 1))
		return fos__view_short(v, 1);
	if (v->at[0] & 1) { /* compressed to one byte, RFC 1661, section 6.5 */
		proto = v->at[0];
		v->at += 1;
	} else {
		if (!fos__view_has(v, 2))
			return fos__view_short(v, 2);
		proto = fos__be16(v->at);
		v->at += 2;
	}
	switch (proto) {
	case 0x0021:
		return fos__parse_ip4(p, v);
	case 0x0057:
		return fos__parse_ip6(p, v);
	case 0x0281:
	case 0x0283:
		return fos__parse_ethertype(p, v, FOS__ETH_MPLS);
	default:
		return FOS_PKT_NON_IP;
	}
}

/* PPP in HDLC-like framing (RFC 1662), or Cisco HDLC, which is told by its address byte. */
static enum fos_verdict parse_hdlc(struct fos_pkt *p, struct fos__view *v)
{
	if (fos__view_has(v, 1) && (v->at[0] == 0x0f || v->at[0] == 0x8f))
		return parse_cooked(p, v, 4, 2);
	return fos__parse_ppp(p, v);
}

static enum fos_verdict parse_pppoe(struct fos_pkt *p, struct fos__view *v)
{
	uint16_t len;

	if (!fos__view_has(v, 6))
		return fos__view_short(v, 6);
	if (v->at[0] != 0x11 || v->at[1] != 0)
		return FOS_PKT_NON_IP;
	len = fos__be16(v->at + 4);
	v->at += 6;
	if (len != 0)
		fos__view_clip(v, len);
	p->encap |= FOS_ENCAP_PPPOE;
	return fos__parse_ppp(p, v);
}

/* 802.2: SNAP carries an ethertype; SAP 6 is IP. */
static enum fos_verdict parse_llc(struct fos_pkt *p, struct fos__view *v)
{
	const uint8_t *h = v->at;

	if (!fos__view_has(v, 3))
		return fos__view_short(v, 3);
	if (h[0] == 0x06 && h[1] == 0x06 && h[2] == 0x03) {
		v->at += 3;
		return fos__parse_ip4(p, v);
	}
	if (h[0] != 0xaa || h[1] != 0xaa || h[2] != 0x03)
		return FOS_PKT_NON_IP;
	if (!fos__view_has(v, 8))
		return fos__view_short(v, 8);
	if (h[3] != 0 || h[4] != 0 || (h[5] != 0 && h[5] != 0xf8))
		return FOS_PKT_NON_IP;
	if (v->depth >= FOS__DEPTH_MAX) /* a tag and a length may follow, and LLC again */
		return FOS_PKT_NON_IP;
	v->depth++;
	v->at += 8;
	return fos__parse_ethertype(p, v, fos__be16(h + 6));
}

/* Ethernet within MPLS: is there an IP packet in it? The packet and the view are as they were if there is not. A frame's second
 * piece holds no headers: a guess that would need them there is wrong. */
static bool parse_pseudowire(struct fos_pkt *p, struct fos__view *v, uint32_t control, enum fos_verdict *verdict)
{
	struct fos_pkt was = *p;
	struct fos__view inner = *v;

	if (!fos__view_has(v, control + 14) || v->depth >= FOS__DEPTH_MAX)
		return false;
	inner.at += control;
	inner.depth++;
	*verdict = fos__parse_ether(p, &inner);
	if (fos__verdict_is_ip(*verdict) || (*verdict == FOS_PKT_TRUNCATED && v->ext_len == 0))
		return true;
	*p = was;
	return false;
}

/* Nothing in a label stack says what it carries: the first nibble tells IP from a pseudowire's control word (RFC 4385).
 * Ethernet without a control word is tried last, and only in the outermost stack: guesses must not multiply. */
static enum fos_verdict parse_mpls(struct fos_pkt *p, struct fos__view *v)
{
	enum fos_verdict verdict = FOS_PKT_NON_IP, guess;
	struct fos_pkt was;
	struct fos__view inner;
	bool bottom = false;

	for (unsigned i = 0; i < FOS__CHAIN_MAX && !bottom; i++) {
		if (!fos__view_has(v, 4))
			return fos__view_short(v, 4);
		bottom = v->at[2] & 1;
		v->at += 4;
	}
	if (!bottom)
		return FOS_PKT_NON_IP;
	p->encap |= FOS_ENCAP_MPLS;
	if (!fos__view_has(v, 1))
		return fos__view_short(v, 1);
	was = *p;
	inner = *v;
	if (v->at[0] >> 4 == 0 && parse_pseudowire(p, v, 4, &guess))
		return guess;
	if (v->at[0] >> 4 == 4 || v->at[0] >> 4 == 6)
		verdict = parse_ip_by_version(p, &inner);
	if (fos__verdict_is_ip(verdict) || (verdict == FOS_PKT_TRUNCATED && v->ext_len == 0) || v->depth > 0)
		return verdict;
	*p = was;
	return parse_pseudowire(p, v, 0, &guess) ? guess : verdict;
}

/* How long a tag is without the ethertype that ends it; 0: no tag. */
static uint32_t tag_len(uint16_t type)
{
	switch (type) {
	case FOS__ETH_VLAN:
	case FOS__ETH_QINQ:
	case FOS__ETH_QINQ_OLD:
		return 2;
	case FOS__ETH_VNTAG:
		return 4;
	case FOS__ETH_ETAG: /* IEEE 802.1BR */
	case FOS__ETH_CMD:  /* Cisco's metadata, with a security group */
		return 6;
	default:
		return 0;
	}
}

/* Tags, any number within reason; `type` is the first one's, v->at its contents. Returns the type behind them, or a
 * tag's where the frame ends within it, or where there are too many. */
static uint16_t skip_tags(struct fos_pkt *p, struct fos__view *v, uint16_t type)
{
	for (unsigned i = 0; i < FOS__CHAIN_MAX && tag_len(type) > 0; i++) {
		uint32_t len = tag_len(type);

		if (!fos__view_has(v, len + 2))
			return type;
		if (len == 2) {
			p->encap |= p->vlan == 0xffff ? FOS_ENCAP_VLAN : FOS_ENCAP_QINQ;
			if (p->vlan == 0xffff)
				p->vlan = fos__be16(v->at) & 0x0fff;
		}
		type = fos__be16(v->at + len);
		v->at += len + 2;
	}
	return type;
}

/* Ethernet within Ethernet, behind a tag of `tag` bytes. */
static enum fos_verdict parse_nested(struct fos_pkt *p, struct fos__view *v, uint32_t tag)
{
	if (!fos__view_has(v, tag))
		return fos__view_short(v, tag);
	if (v->depth >= FOS__DEPTH_MAX)
		return FOS_PKT_NON_IP;
	v->depth++;
	v->at += tag;
	return fos__parse_ether(p, v);
}

enum fos_verdict fos__parse_ethertype(struct fos_pkt *p, struct fos__view *v, uint16_t type)
{
	type = skip_tags(p, v, type);
	if (tag_len(type) > 0)
		return fos__view_has(v, tag_len(type) + 2) ? FOS_PKT_NON_IP : fos__view_short(v, tag_len(type) + 2);
	switch (type) {
	case FOS__ETH_IP4:
		return fos__parse_ip4(p, v);
	case FOS__ETH_IP6:
		return fos__parse_ip6(p, v);
	case FOS__ETH_MPLS:
	case FOS__ETH_MPLS_MULTI:
		return parse_mpls(p, v);
	case FOS__ETH_PPPOE:
		return parse_pppoe(p, v);
	case FOS__ETH_PBB: /* IEEE 802.1ah */
		return parse_nested(p, v, 4);
	case FOS__ETH_FABRICPATH:
		return parse_nested(p, v, 2);
	default:
		if (type == 0 || type > FOS__ETH_LENGTH_MAX)
			return FOS_PKT_NON_IP;
		if (type != 4) /* Linux cooked captures: 802.2 of no stated length */
			fos__view_clip(v, type);
		return parse_llc(p, v);
	}
}

enum fos_verdict fos__parse_link(struct fos_pkt *p, struct fos__view *v)
{
	switch (p->f.linktype) {
	case LINK_ETHERNET:
		return fos__parse_ether(p, v);
	case LINK_NULL:
	case LINK_LOOP:
		return parse_family(p, v);
	case LINK_RAW:
	case LINK_RAW_12:
	case LINK_RAW_14:
		return parse_ip_by_version(p, v);
	case LINK_IPV4:
		return fos__parse_ip4(p, v);
	case LINK_IPV6:
		return fos__parse_ip6(p, v);
	case LINK_SLL:
		return parse_cooked(p, v, 16, 14);
	case LINK_SLL2:
		return parse_cooked(p, v, 20, 0);
	case LINK_PPP:
		return fos__parse_ppp(p, v);
	case LINK_PPP_HDLC:
		return parse_hdlc(p, v);
	case LINK_PPPOE:
		return parse_pppoe(p, v);
	case LINK_C_HDLC:
		return parse_cooked(p, v, 4, 2);
	default:
		return FOS_PKT_LINKTYPE;
	}
}
