/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parse_plain.h: the frames of which most traffic consists, parsed all at once, inline in the loops that meet them most.
 * Reads the frame and writes the packet, as parse.c does: what is found is what the steps there find.
 */
#ifndef FOS_PARSE_PLAIN_H
#define FOS_PARSE_PLAIN_H

#include <stddef.h>

#include "bug.h"
#include "parse_internal.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

_Static_assert(offsetof(struct fos_frame, len) + 4 == offsetof(struct fos_frame, ext_len), "read at once");
_Static_assert(offsetof(struct fos_pkt, l4) + 2 == offsetof(struct fos_pkt, l4_len), "written at once");
_Static_assert(offsetof(struct fos_pkt, sport) + 2 == offsetof(struct fos_pkt, dport), "written at once");
_Static_assert(offsetof(struct fos_pkt, seq) + 4 == offsetof(struct fos_pkt, ack), "written at once");
_Static_assert(offsetof(struct fos_pkt, vlan) + 2 == offsetof(struct fos_pkt, tcp_flags), "written at once");
_Static_assert(offsetof(struct fos_pkt, vlan) + 3 == offsetof(struct fos_pkt, ip_version), "written at once");
_Static_assert(offsetof(struct fos_pkt, vlan) + 4 == offsetof(struct fos_pkt, proto), "written at once");
_Static_assert(offsetof(struct fos_pkt, vlan) + 5 == offsetof(struct fos_pkt, verdict), "written at once");
_Static_assert(offsetof(struct fos_pkt, vlan) + 6 == offsetof(struct fos_pkt, encap), "written at once");

/* Is there nothing of the frame but what lies at `data`? */
static inline bool fos__is_whole(const struct fos_frame *f)
{
	uint64_t v;

	memcpy(&v, (const uint8_t *)f + offsetof(struct fos_frame, len), sizeof(v));
	return v == f->wire_len;
}

static inline void fos__put_l4(struct fos_pkt *p, uint32_t len)
{
	uint32_t v = FOS__IP4_MIN | len << 16;

	memcpy((uint8_t *)p + offsetof(struct fos_pkt, l4), &v, sizeof(v));
}

static inline void fos__put_ports(struct fos_pkt *p, const uint8_t *at)
{
	uint32_t v = fos__be32(at);

	v = v << 16 | v >> 16;
	memcpy((uint8_t *)p + offsetof(struct fos_pkt, sport), &v, sizeof(v));
}

static inline void fos__put_seqs(struct fos_pkt *p, const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	v = __builtin_bswap64(v);
	v = v << 32 | v >> 32;
	memcpy((uint8_t *)p + offsetof(struct fos_pkt, seq), &v, sizeof(v));
}

static inline void fos__put_kind(struct fos_pkt *p, uint8_t tcp_flags)
{
	uint64_t v = UINT64_C(0xffff) | (uint64_t)tcp_flags << 16 | UINT64_C(4) << 24 | (uint64_t)FOS__IP_TCP << 32 |
	             (uint64_t)FOS_PKT_TCP << 40;

	memcpy((uint8_t *)p + offsetof(struct fos_pkt, vlan), &v, sizeof(v));
}

#else

static inline bool fos__is_whole(const struct fos_frame *f)
{
	return f->len == f->wire_len && !f->ext_len;
}

static inline void fos__put_l4(struct fos_pkt *p, uint32_t len)
{
	p->l4 = FOS__IP4_MIN;
	p->l4_len = (uint16_t)len;
}

static inline void fos__put_ports(struct fos_pkt *p, const uint8_t *at)
{
	p->sport = fos__be16(at);
	p->dport = fos__be16(at + 2);
}

static inline void fos__put_seqs(struct fos_pkt *p, const uint8_t *at)
{
	p->seq = fos__be32(at);
	p->ack = fos__be32(at + 4);
}

static inline void fos__put_kind(struct fos_pkt *p, uint8_t tcp_flags)
{
	p->vlan = 0xffff;
	p->tcp_flags = tcp_flags;
	p->ip_version = 4;
	p->proto = FOS__IP_TCP;
	p->verdict = FOS_PKT_TCP;
	p->encap = 0;
}

#endif

/* Ethernet without a tag, IPv4 without options that is no fragment, TCP, all of the wire's bytes in one piece. False: it is another
 * frame, and nothing was written. The hash is left as it was. */
static inline bool fos__parse_plain(struct fos_pkt *p)
{
	const struct fos_frame *f = &p->f;
	const uint8_t *ip = f->data + 14, *tcp = ip + FOS__IP4_MIN;
	uint32_t total;
	size_t len, head;

	if (f->linktype != 1 || !fos__is_whole(f) || f->len < 14 + FOS__IP4_MIN + FOS__TCP_MIN)
		return false;
	/* the ethertype, IPv4 with a header of 20 bytes; no fragment (the time to live may be any), TCP */
	if ((fos__be32(f->data + 12) & 0xffffff00) != (FOS__ETH_IP4 << 16 | 0x45 << 8) ||
	    (fos__be32(ip + 6) & 0x3fff00ff) != FOS__IP_TCP)
		return false;
	total = fos__be16(ip + 2);
	len = (tcp[12] & 0xf0u) >> 2;
	head = FOS__IP4_MIN + len;
	if (total > f->len - 14 || len < FOS__TCP_MIN || head > total || FOS_BUG(PADDING))
		return false;
	p->buf = NULL;
	p->ip = ip;
	p->ip_len = total;
	fos__put_l4(p, (uint32_t)len);
	p->app_len = p->app_wire_len = total - (uint32_t)head;
	p->app = p->app_len ? ip + head : NULL;
	fos__put_ports(p, tcp);
	fos__put_seqs(p, tcp + 4);
	fos__put_kind(p, tcp[13]);
	return true;
}

#endif
