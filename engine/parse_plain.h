/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parse_plain.h: the frames of which most traffic consists, parsed all at once, inline in the loops that meet them most.
 * Reads the frame and writes the packet, as parse.c does: what is found is what the steps there find.
 */
#ifndef FOS_PARSE_PLAIN_H
#define FOS_PARSE_PLAIN_H

#include "bug.h"
#include "parse_internal.h"

/* Ethernet without a tag, IPv4 without options that is no fragment, TCP, nothing cut off. False: it is another frame, and nothing
 * was written. */
static inline bool fos__parse_plain(struct fos_pkt *p)
{
	const struct fos_frame *f = &p->f;
	const uint8_t *ip = f->data + 14, *tcp = ip + FOS__IP4_MIN;
	uint32_t total, len;

	if (f->linktype != 1 || f->ext || f->wire_len > f->len || f->len < 14 + FOS__IP4_MIN + FOS__TCP_MIN)
		return false;
	if (fos__be16(f->data + 12) != FOS__ETH_IP4 || ip[0] != 0x45 || (fos__be16(ip + 6) & 0x3fff) ||
	    ip[9] != FOS__IP_TCP)
		return false;
	total = fos__be16(ip + 2);
	len = (uint32_t)(tcp[12] >> 4) * 4;
	if (total > f->len - 14 || len < FOS__TCP_MIN || FOS__IP4_MIN + len > total || FOS_BUG(PADDING))
		return false;
	p->buf = NULL;
	p->ip = ip;
	p->ip_len = total;
	p->ip_version = 4;
	p->proto = FOS__IP_TCP;
	p->l4 = FOS__IP4_MIN;
	p->l4_len = (uint16_t)len;
	p->app_len = p->app_wire_len = total - FOS__IP4_MIN - len;
	p->app = p->app_len ? tcp + len : NULL;
	p->sport = fos__be16(tcp);
	p->dport = fos__be16(tcp + 2);
	p->seq = fos__be32(tcp + 4);
	p->ack = fos__be32(tcp + 8);
	p->tcp_flags = tcp[13];
	p->vlan = 0xffff;
	p->encap = 0;
	p->hash = 0;
	p->verdict = FOS_PKT_TCP;
	return true;
}

#endif
