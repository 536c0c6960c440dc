/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parse_tunnel.c: takes tunnels off: IP in IP, GRE (with PPTP and ERSPAN), VXLAN, Geneve, GTP-U, Teredo, L2TP. Part of the
 * parser (parse_internal.h); reads the frame, writes the packet, keeps nothing.
 *
 * A tunnel is taken off only when there is an IP packet in it; else the packet stays what its outer header says. A UDP
 * port is a weak sign, so there contents that contradict themselves, or end before there is a whole IP header, mean "no
 * tunnel", not "malformed" or "truncated".
 */
#include "parse_internal.h"

#include <flowos/parse.h>

/* What a tunnel's header said of its contents. */
static enum fos_verdict parse_inner(struct fos_pkt *p, struct fos__view *v, uint16_t type)
{
	switch (type) {
	case FOS__ETH_IP4:
		return fos__parse_ip4(p, v);
	case FOS__ETH_IP6:
		return fos__parse_ip6(p, v);
	case FOS__ETH_TEB:
		return fos__parse_ether(p, v);
	case FOS__ETH_PPP:
		return fos__parse_ppp(p, v);
	case FOS__ETH_MPLS:
	case FOS__ETH_MPLS_MULTI:
		return fos__parse_ethertype(p, v, type);
	default:
		return FOS_PKT_NON_IP;
	}
}

/* By version nibble: GTP-U does not say which it carries. */
static enum fos_verdict parse_inner_ip(struct fos_pkt *p, struct fos__view *v)
{
	if (!fos__view_has(v, 1))
		return fos__view_short(v, 1);
	if (v->at[0] >> 4 == 4)
		return fos__parse_ip4(p, v);
	return v->at[0] >> 4 == 6 ? fos__parse_ip6(p, v) : FOS_PKT_NON_IP;
}

/* RFC 7348; flags of later drafts are let pass, if the network identifier is there. */
static enum fos_verdict parse_vxlan(struct fos_pkt *p, struct fos__view *v)
{
	if (!fos__view_has(v, 8) || !(v->at[0] & 0x08) || v->at[7] != 0)
		return FOS_PKT_NON_IP;
	v->at += 8;
	p->encap |= FOS_ENCAP_VXLAN;
	return fos__parse_ether(p, v);
}

/* VXLAN with a field for the protocol: draft-ietf-nvo3-vxlan-gpe, section 3. */
static enum fos_verdict parse_vxlan_gpe(struct fos_pkt *p, struct fos__view *v)
{
	static const uint16_t types[] = {
		[1] = FOS__ETH_IP4, [2] = FOS__ETH_IP6, [3] = FOS__ETH_TEB, [4] = 0, [5] = FOS__ETH_MPLS
	};
	uint8_t next;

	if (!fos__view_has(v, 8) || (v->at[0] & 0xf8) != 0x08 || v->at[7] != 0)
		return FOS_PKT_NON_IP;
	next = v->at[0] & 0x04 ? v->at[3] : 3;
	if (next >= sizeof types / sizeof *types)
		return FOS_PKT_NON_IP;
	v->at += 8;
	p->encap |= FOS_ENCAP_VXLAN;
	return parse_inner(p, v, types[next]);
}

/* RFC 8926, section 3.4 */
static enum fos_verdict parse_geneve(struct fos_pkt *p, struct fos__view *v)
{
	const uint8_t *h = v->at;
	uint32_t len;

	if (!fos__view_has(v, 8) || h[0] >> 6 != 0 || h[7] != 0)
		return FOS_PKT_NON_IP;
	len = 8 + (h[0] & 0x3fu) * 4;
	if (!fos__view_has(v, len))
		return FOS_PKT_NON_IP;
	v->at += len;
	p->encap |= FOS_ENCAP_GENEVE;
	return parse_inner(p, v, fos__be16(h + 2));
}

/* 3GPP TS 29.281, section 5: version 1, a T-PDU. `length` counts from behind the first eight bytes. */
static enum fos_verdict parse_gtp(struct fos_pkt *p, struct fos__view *v)
{
	const uint8_t *h = v->at;
	uint8_t next;

	if (!fos__view_has(v, 8) || (h[0] & 0xf0) != 0x30 || h[1] != 255)
		return FOS_PKT_NON_IP;
	if (8u + fos__be16(h + 2) > fos__view_wire(v))
		return FOS_PKT_NON_IP;
	fos__view_clip(v, 8u + fos__be16(h + 2));
	v->at += 8;
	if (h[0] & 0x07) {
		if (!fos__view_has(v, 4))
			return FOS_PKT_NON_IP;
		next = h[0] & 0x04 ? v->at[3] : 0;
		v->at += 4;
		for (unsigned i = 0; next != 0; i++) {
			uint32_t len;

			if (i == FOS__CHAIN_MAX || !fos__view_has(v, 4))
				return FOS_PKT_NON_IP;
			len = v->at[0] * 4u;
			if (len == 0 || !fos__view_has(v, len))
				return FOS_PKT_NON_IP;
			next = v->at[len - 1];
			v->at += len;
		}
	}
	p->encap |= FOS_ENCAP_GTP;
	return parse_inner_ip(p, v);
}

/* RFC 4380, section 5.1.1: IPv6, behind an authentication and an origin indication, either of which may be absent. */
static enum fos_verdict parse_teredo(struct fos_pkt *p, struct fos__view *v)
{
	if (fos__view_has(v, 4) && fos__be16(v->at) == 1) {
		uint32_t len = 13u + v->at[2] + v->at[3];

		if (!fos__view_has(v, len))
			return FOS_PKT_NON_IP;
		v->at += len;
	}
	if (fos__view_has(v, 8) && fos__be16(v->at) == 0)
		v->at += 8;
	if (!fos__view_has(v, FOS__IP6_LEN) || v->at[0] >> 4 != 6)
		return FOS_PKT_NON_IP;
	if (FOS__IP6_LEN + (uint32_t)fos__be16(v->at + 4) > fos__view_wire(v))
		return FOS_PKT_NON_IP;
	p->encap |= FOS_ENCAP_TEREDO;
	return fos__parse_ip6(p, v);
}

/* RFC 2661, section 3.1: version 2, a data message. */
static enum fos_verdict parse_l2tp(struct fos_pkt *p, struct fos__view *v)
{
	const uint8_t *h = v->at;
	uint32_t len = 6;
	uint16_t flags;

	if (!fos__view_has(v, 8))
		return FOS_PKT_NON_IP;
	flags = fos__be16(h);
	if ((flags & 0xb4ff) != 0x0002) /* control, reserved bits, another version */
		return FOS_PKT_NON_IP;
	len += flags & 0x4000 ? 2 : 0; /* length */
	len += flags & 0x0800 ? 4 : 0; /* sequence numbers */
	if (flags & 0x0200) {          /* offset */
		if (!fos__view_has(v, len + 2))
			return FOS_PKT_NON_IP;
		len += 2u + fos__be16(h + len);
	}
	if (flags & 0x4000 && fos__be16(h + 2) > fos__view_wire(v))
		return FOS_PKT_NON_IP;
	if (flags & 0x4000)
		fos__view_clip(v, fos__be16(h + 2));
	if (!fos__view_has(v, len))
		return FOS_PKT_NON_IP;
	v->at += len;
	p->encap |= FOS_ENCAP_L2TP;
	return fos__parse_ppp(p, v);
}

enum fos_verdict fos__parse_udp_tunnel(struct fos_pkt *p, struct fos__view *v)
{
	struct fos_pkt was = *p;
	bool pieces = v->ext_len != 0; /* the second one holds no headers */
	enum fos_verdict verdict;

	if (v->depth >= FOS__DEPTH_MAX)
		return FOS_PKT_UDP;
	v->depth++;
	fos__pkt_clear(p);
	switch (was.dport) {
	case FOS__PORT_VXLAN:
	case FOS__PORT_VXLAN_OLD:
		verdict = parse_vxlan(p, v);
		break;
	case FOS__PORT_VXLAN_GPE:
		verdict = parse_vxlan_gpe(p, v);
		break;
	case FOS__PORT_GENEVE:
		verdict = parse_geneve(p, v);
		break;
	case FOS__PORT_GTP:
		verdict = parse_gtp(p, v);
		break;
	case FOS__PORT_L2TP:
		verdict = parse_l2tp(p, v);
		break;
	case FOS__PORT_TEREDO:
		verdict = parse_teredo(p, v);
		break;
	default: /* by the source port: a server's answer */
		verdict = was.sport == FOS__PORT_L2TP ? parse_l2tp(p, v) : parse_teredo(p, v);
		break;
	}
	if (fos__verdict_is_ip(verdict) || (verdict == FOS_PKT_TRUNCATED && p->ip != was.ip && !pieces))
		return verdict;
	*p = was;
	return FOS_PKT_UDP;
}

/* ERSPAN: a mirrored Ethernet frame. Type I has no header of its own, and no sequence number in GRE's; type II has
 * eight bytes; type III twelve, eight more with a platform's own, and may carry bare IP. */
static enum fos_verdict parse_erspan(struct fos_pkt *p, struct fos__view *v, uint16_t type, bool sequence)
{
	const uint8_t *h = v->at;
	uint32_t len = 0;
	uint8_t frame = 0;

	if (type == FOS__ETH_ERSPAN3) {
		if (!fos__view_has(v, 12))
			return fos__view_short(v, 12);
		if (h[0] >> 4 != 2)
			return FOS_PKT_NON_IP;
		len = h[11] & 1 ? 20 : 12;
		frame = (h[10] >> 2) & 0x1f;
	} else if (sequence) {
		len = 8;
		if (fos__view_has(v, 1) && h[0] >> 4 != 1)
			return FOS_PKT_NON_IP;
	}
	if (!fos__view_has(v, len))
		return fos__view_short(v, len);
	v->at += len;
	p->encap |= FOS_ENCAP_ERSPAN;
	if (frame == 2)
		return parse_inner_ip(p, v);
	return frame == 0 ? fos__parse_ether(p, v) : FOS_PKT_NON_IP;
}

/* RFC 2784 and 2890; version 1 is PPTP's, RFC 2637. */
static enum fos_verdict parse_gre(struct fos_pkt *p, struct fos__view *v)
{
	uint16_t flags, type;
	uint32_t len = 4;

	if (!fos__view_has(v, 4))
		return fos__view_short(v, 4);
	flags = fos__be16(v->at);
	type = fos__be16(v->at + 2);
	if ((flags & 7) > 1 || (flags & 0x4000)) /* source routes are not followed */
		return FOS_PKT_NON_IP;
	if ((flags & 7) == 1 && ((flags & 0x3000) != 0x3000 || type != FOS__ETH_PPP)) /* no payload without a number */
		return FOS_PKT_NON_IP;
	len += flags & 0x8000 ? 4 : 0;             /* checksum */
	len += flags & 0x2000 ? 4 : 0;             /* key */
	len += flags & 0x1000 ? 4 : 0;             /* sequence number */
	len += (flags & 0x0087) == 0x0081 ? 4 : 0; /* PPTP's acknowledgement */
	if (!fos__view_has(v, len))
		return fos__view_short(v, len);
	v->at += len;
	p->encap |= FOS_ENCAP_GRE;
	if (type == FOS__ETH_ERSPAN2 || type == FOS__ETH_ERSPAN3)
		return parse_erspan(p, v, type, flags & 0x1000);
	return parse_inner(p, v, type);
}

enum fos_verdict fos__parse_ip_tunnel(struct fos_pkt *p, struct fos__view *v)
{
	struct fos_pkt was = *p;
	enum fos_verdict verdict = FOS_PKT_NON_IP;

	if (v->flags & FOS_PARSE_NO_DECAP || v->depth >= FOS__DEPTH_MAX)
		return FOS_PKT_OTHER;
	v->depth++;
	switch (was.proto) {
	case FOS__IP_IP4:
		p->encap |= FOS_ENCAP_IPIP;
		verdict = fos__parse_ip4(p, v);
		break;
	case FOS__IP_IP6:
		p->encap |= FOS_ENCAP_IPIP;
		verdict = fos__parse_ip6(p, v);
		break;
	case FOS__IP_GRE:
		verdict = parse_gre(p, v);
		break;
	case FOS__IP_MPLS:
		verdict = fos__parse_ethertype(p, v, FOS__ETH_MPLS);
		break;
	default:
		break;
	}
	if (verdict != FOS_PKT_NON_IP)
		return verdict;
	*p = was;
	return FOS_PKT_OTHER;
}
