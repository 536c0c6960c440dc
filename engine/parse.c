/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parse.c: from a frame to a packet, the way that nearly every packet takes: Ethernet, perhaps one VLAN tag, IPv4 or
 * IPv6, TCP or UDP. Everything rarer is in parse_link.c and parse_tunnel.c.
 *
 * Reads the frame and writes the packet; no state. Never reads outside the frame: see parse_internal.h.
 */
#include <flowos/parse.h>

#include "bug.h"
#include "parse_internal.h"
#include "parse_plain.h"

static inline enum fos_verdict parse_tcp(struct fos_pkt *p, struct fos__view *v)
{
	const uint8_t *tcp = v->at;
	uint32_t len;

	if (!fos__view_has(v, FOS__TCP_MIN))
		return fos__view_short(v, FOS__TCP_MIN);
	p->sport = fos__be16(tcp);
	p->dport = fos__be16(tcp + 2);
	p->seq = fos__be32(tcp + 4);
	p->ack = fos__be32(tcp + 8);
	p->tcp_flags = tcp[13];
	len = (uint32_t)(tcp[12] >> 4) * 4;
	if (FOS__UNLIKELY(len < FOS__TCP_MIN))
		return FOS_PKT_MALFORMED;
	if (!fos__view_has(v, len))
		return fos__view_short(v, len);
	p->l4_len = (uint16_t)len;
	v->at += len;
	fos__pkt_payload(p, v);
	return FOS_PKT_TCP;
}

static inline enum fos_verdict parse_udp(struct fos_pkt *p, struct fos__view *v)
{
	const uint8_t *udp = v->at;
	uint32_t len;

	if (!fos__view_has(v, FOS__UDP_LEN))
		return fos__view_short(v, FOS__UDP_LEN);
	p->sport = fos__be16(udp);
	p->dport = fos__be16(udp + 2);
	len = fos__be16(udp + 4);
	if (FOS__UNLIKELY(len < FOS__UDP_LEN && len != 0))
		return FOS_PKT_MALFORMED;
	if (len != 0 && len < fos__view_wire(v))
		fos__view_clip(v, len);
	p->l4_len = FOS__UDP_LEN;
	v->at += FOS__UDP_LEN;
	fos__pkt_payload(p, v);
	if (FOS__UNLIKELY(fos__udp_tunnel_port(p->sport, p->dport)) && !(v->flags & FOS_PARSE_NO_DECAP))
		return fos__parse_udp_tunnel(p, v);
	return FOS_PKT_UDP;
}

static inline enum fos_verdict parse_transport(struct fos_pkt *p, struct fos__view *v)
{
	if (FOS__LIKELY(p->proto == FOS__IP_TCP))
		return parse_tcp(p, v);
	if (p->proto == FOS__IP_UDP)
		return parse_udp(p, v);
	return fos__parse_ip_tunnel(p, v);
}

static FOS__COLD enum fos_verdict parse_fragment(struct fos_pkt *p, const struct fos__view *v)
{
	fos__pkt_payload(p, v);
	return FOS_PKT_FRAGMENT;
}

/* Authentication headers are passed over in IPv4, too; then comes what parse_transport() comes to. */
static FOS__COLD enum fos_verdict parse_ip4_auth(struct fos_pkt *p, struct fos__view *v)
{
	for (unsigned i = 0; i < FOS__CHAIN_MAX && p->proto == FOS__IP_AH; i++) {
		uint32_t len;

		if (!fos__view_has(v, 8))
			return fos__view_short(v, 8);
		len = (v->at[1] + 2u) * 4;
		if (!fos__view_has(v, len))
			return fos__view_short(v, len);
		p->proto = v->at[0];
		p->l4 = (uint16_t)(p->l4 + len);
		v->at += len;
	}
	return p->proto == FOS__IP_AH ? FOS_PKT_MALFORMED : parse_transport(p, v);
}

enum fos_verdict fos__parse_ip4(struct fos_pkt *p, struct fos__view *v)
{
	const uint8_t *ip = v->at;
	uint32_t hlen, total;

	if (!fos__view_has(v, FOS__IP4_MIN))
		return fos__view_short(v, FOS__IP4_MIN);
	hlen = (ip[0] & 15u) * 4;
	if (FOS__UNLIKELY(ip[0] >> 4 != 4 || hlen < FOS__IP4_MIN))
		return FOS_PKT_MALFORMED;
	total = fos__be16(ip + 2);
	if (FOS__UNLIKELY(total == 0)) /* a segment that the sender's NIC was to cut */
		total = fos__view_wire(v);
	if (FOS__UNLIKELY(total < hlen))
		return fos__be16(ip + 2) == 0 ? fos__view_short(v, hlen) : FOS_PKT_MALFORMED;
	if (!FOS_BUG(PADDING))
		fos__view_clip(v, total);
	if (!fos__view_has(v, hlen))
		return fos__view_short(v, hlen);

	p->ip = ip;
	p->ip_version = 4;
	p->proto = ip[9];
	p->l4 = (uint16_t)hlen;
	p->ip_len = fos__view_len(v);
	v->at = ip + hlen;
	if (FOS__UNLIKELY(fos__be16(ip + 6) & 0x3fff)) /* offset, or more to come */
		return parse_fragment(p, v);
	if (FOS__UNLIKELY(p->proto == FOS__IP_AH))
		return parse_ip4_auth(p, v);
	return parse_transport(p, v);
}

static inline bool is_extension(uint8_t proto)
{
	switch (proto) {
	case FOS__IP_HOPOPT:
	case FOS__IP_ROUTING:
	case FOS__IP_FRAGMENT:
	case FOS__IP_AH:
	case FOS__IP_DSTOPTS:
	case FOS__IP_MOBILITY:
		return true;
	default:
		return false;
	}
}

/* v->at and p->proto are at the first extension header; both come to stand behind the last. */
static FOS__COLD enum fos_verdict parse_ip6_chain(struct fos_pkt *p, struct fos__view *v)
{
	for (unsigned i = 0; i < FOS__CHAIN_MAX && is_extension(p->proto); i++) {
		const uint8_t *h = v->at;
		uint8_t kind = p->proto;
		uint32_t len = 8;

		if (!fos__view_has(v, 8))
			return fos__view_short(v, 8);
		if (kind == FOS__IP_AH)
			len = (h[1] + 2u) * 4;
		else if (kind != FOS__IP_FRAGMENT)
			len = (h[1] + 1u) * 8;
		if (!fos__view_has(v, len))
			return fos__view_short(v, len);
		p->proto = h[0];
		v->at += len;
		p->l4 = (uint16_t)(v->at - p->ip);
		if (kind == FOS__IP_FRAGMENT && (fos__be16(h + 2) & 0xfff9)) /* not an atomic one, RFC 6946 */
			return parse_fragment(p, v);
	}
	return is_extension(p->proto) ? FOS_PKT_MALFORMED : parse_transport(p, v);
}

enum fos_verdict fos__parse_ip6(struct fos_pkt *p, struct fos__view *v)
{
	const uint8_t *ip = v->at;
	uint32_t payload;

	if (!fos__view_has(v, FOS__IP6_LEN))
		return fos__view_short(v, FOS__IP6_LEN);
	if (FOS__UNLIKELY(ip[0] >> 4 != 6))
		return FOS_PKT_MALFORMED;
	payload = fos__be16(ip + 4);
	if (FOS__LIKELY(payload != 0)) /* else a jumbogram, or a segment that the sender's NIC was to cut */
		fos__view_clip(v, FOS__IP6_LEN + payload);

	p->ip = ip;
	p->ip_version = 6;
	p->proto = ip[6];
	p->l4 = FOS__IP6_LEN;
	p->ip_len = fos__view_len(v);
	v->at = ip + FOS__IP6_LEN;
	if (FOS__LIKELY(p->proto == FOS__IP_TCP || p->proto == FOS__IP_UDP))
		return parse_transport(p, v);
	return parse_ip6_chain(p, v);
}

enum fos_verdict fos__parse_ether(struct fos_pkt *p, struct fos__view *v)
{
	uint16_t type;

	if (!fos__view_has(v, 14))
		return fos__view_short(v, 14);
	type = fos__be16(v->at + 12);
	if (type == FOS__ETH_VLAN && p->vlan == 0xffff && fos__view_has(v, 18)) {
		p->vlan = fos__be16(v->at + 14) & 0x0fff;
		p->encap |= FOS_ENCAP_VLAN;
		type = fos__be16(v->at + 16);
		v->at += 4;
	}
	v->at += 14;
	if (FOS__LIKELY(type == FOS__ETH_IP4))
		return fos__parse_ip4(p, v);
	if (FOS__LIKELY(type == FOS__ETH_IP6))
		return fos__parse_ip6(p, v);
	return fos__parse_ethertype(p, v, type);
}

enum fos_verdict fos__parse_steps(struct fos_pkt *p, unsigned flags)
{
	const struct fos_frame *f = &p->f;
	uint32_t caplen = fos_frame_caplen(f);
	struct fos__view v = {
		.at = f->data,
		.end = f->data + f->len,
		.ext = f->ext,
		.ext_len = f->ext ? f->ext_len : 0,
		.missing = f->wire_len > caplen ? f->wire_len - caplen : 0,
		.flags = flags,
	};
	enum fos_verdict verdict;
	uint64_t id = p->id;

	memset(&p->buf, 0, sizeof *p - offsetof(struct fos_pkt, buf));
	p->id = id; /* the engine's */
	p->vlan = 0xffff;
	if (FOS__LIKELY(f->linktype == 1))
		verdict = fos__parse_ether(p, &v);
	else
		verdict = fos__parse_link(p, &v);
	p->verdict = (uint8_t)verdict;
	return verdict;
}

enum fos_verdict fos_parse(struct fos_pkt *p, unsigned flags)
{
	if (FOS__UNLIKELY(!fos__parse_plain(p)))
		return fos__parse_steps(p, flags);
	p->hash = 0;
	return FOS_PKT_TCP;
}

enum fos_verdict fos_parse_ip(struct fos_pkt *p, const uint8_t *ip, uint32_t len, unsigned flags, unsigned depth)
{
	struct fos__view v = { .at = ip, .end = ip + len, .flags = flags, .depth = depth };
	enum fos_verdict verdict = FOS_PKT_MALFORMED;

	fos__pkt_clear(p);
	p->ip = NULL;
	p->ip_len = 0;
	p->l4 = 0;
	p->ip_version = p->proto = 0;
	if (len == 0)
		verdict = FOS_PKT_TRUNCATED;
	else if (ip[0] >> 4 == 4)
		verdict = fos__parse_ip4(p, &v);
	else if (ip[0] >> 4 == 6)
		verdict = fos__parse_ip6(p, &v);
	p->verdict = (uint8_t)verdict;
	return verdict;
}
