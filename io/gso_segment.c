/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gso_segment.c: see gso_segment.h. Touches nothing but its arguments.
 *
 * The headers of a super-packet are a template: each packet gets a copy, in which lengths, the sequence number,
 * identifications and checksums are its own. The payload is summed once for all layers: every header has an even length.
 */
#include "gso_segment.h"

#include <errno.h>
#include <string.h>

#include <flowos/parse.h>

enum { ETHER = 12, IP4 = 0x0800, IP6 = 0x86dd, TEB = 0x6558, TCP = 6, UDP = 17, GRE = 47, IPIP = 4, SIXIN = 41 };
enum { GTP = 2152, L2TP = 1701 }; /* ports */
enum { LAYER_IP4, LAYER_IP6, LAYER_UDP, LAYER_GRE };
enum { FIN_PSH = 0x09, CWR = 0x80, GRE_CSUM = 0x80, GRE_KEY = 0x20, GRE_OTHER = 0x5f };

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void store(uint8_t *p, uint16_t sum) /* a sum, which is in the order of the bytes */
{
	memcpy(p, &sum, 2);
}

/* ---- what lies around the innermost transport header --------------------------------------------------------------- */

/* Behind the Ethernet type at `at`, and tags. */
static uint32_t skip_tags(const struct fos__gso *g, uint32_t at, uint16_t *type)
{
	for (;; at += 4) {
		*type = at + 2 <= g->f->len ? get16(g->f->data + at) : 0;
		if (*type != 0x8100 && *type != 0x88a8)
			return at + 2;
	}
}

static bool note(struct fos__gso *g, uint32_t at, uint8_t kind)
{
	if (g->layers == FOS__GSO_LAYERS)
		return false;
	g->layer[g->layers].at = (uint16_t)at;
	g->layer[g->layers++].kind = kind;
	return true;
}

/* Behind the IP header at `at`, 0 for none; its protocol. */
static uint32_t skip_ip(struct fos__gso *g, uint32_t at, uint16_t type, uint8_t *proto)
{
	const uint8_t *p = g->f->data;
	uint32_t end = g->f->csum_start;

	if (type == IP4 && at + 20 <= end && p[at] >> 4 == 4 && note(g, at, LAYER_IP4)) {
		*proto = p[at + 9];
		return at + (p[at] & 15u) * 4;
	}
	if (type != IP6 || at + 40 > end || p[at] >> 4 != 6 || !note(g, at, LAYER_IP6))
		return 0;
	*proto = p[at + 6];
	for (at += 40;
	     at + 8 <= end && (*proto == 0 || *proto == 43 || *proto == 60);) { /* hop by hop, routing, options */
		*proto = p[at];
		at += (p[at + 1] + 1u) * 8;
	}
	return at;
}

/* Where the innermost IP header is that ends at the transport header, in a tunnel over UDP: what lies before it is not
 * looked at. 0: there is none. */
static uint32_t find_ip(const struct fos__gso *g, uint32_t from, uint16_t *type)
{
	uint32_t end = g->f->csum_start, len = fos_frame_caplen(g->f);

	for (uint32_t words = 5; words <= 15 && end >= from + words * 4; words++) {
		const uint8_t *ip = g->f->data + end - words * 4;

		*type = IP4;
		if (ip[0] == (0x40 | words) && get16(ip + 2) == len - end + words * 4)
			return end - words * 4;
		*type = IP6;
		if (words == 10 && ip[0] >> 4 == 6 && get16(ip + 4) == len - end)
			return end - 40;
	}
	return 0;
}

static uint32_t skip_udp(struct fos__gso *g, uint32_t at, uint16_t *type)
{
	uint16_t port = at + 8 <= g->f->csum_start ? get16(g->f->data + at + 2) : GTP;

	return port != GTP && port != L2TP && note(g, at, LAYER_UDP) ? find_ip(g, at + 8, type) : 0;
}

static uint32_t skip_gre(struct fos__gso *g, uint32_t at, uint16_t *type)
{
	const uint8_t *p = g->f->data + at;

	if (at + 4 > g->f->csum_start || p[0] & GRE_OTHER || p[1] & 7 || !note(g, at, LAYER_GRE))
		return 0;
	*type = get16(p + 2);
	at += 4 + (p[0] & GRE_CSUM ? 4u : 0) + (p[0] & GRE_KEY ? 4u : 0);
	return *type == TEB ? skip_tags(g, at + ETHER, type) : at;
}

/* Notes every layer down to the transport header at csum_start. */
static int walk(struct fos__gso *g)
{
	uint16_t type;
	uint32_t at = skip_tags(g, ETHER, &type), l4;

	for (;;) {
		l4 = skip_ip(g, at, type, &g->proto);
		if (!l4 || l4 > g->f->csum_start)
			return -ENOTSUP;
		if (l4 == g->f->csum_start)
			return 0;
		switch (g->proto) {
		case IPIP:
			type = IP4;
			at = l4;
			break;
		case SIXIN:
			type = IP6;
			at = l4;
			break;
		case GRE:
			at = skip_gre(g, l4, &type);
			break;
		case UDP:
			at = skip_udp(g, l4, &type);
			break;
		default:
			return -ENOTSUP;
		}
		if (!at)
			return -ENOTSUP;
	}
}

int fos__gso_open(struct fos__gso *g, const struct fos_frame *f)
{
	uint8_t type = f->gso_type & (uint8_t)~FOS_GSO_ECN;
	bool tcp = type == FOS_GSO_TCPV4 || type == FOS_GSO_TCPV6;
	uint32_t l4 = f->csum_start;

	*g = (struct fos__gso){ .f = f };
	if ((!tcp && type != FOS_GSO_UDP_L4) || !f->gso_size || !(f->flags & FOS_FRAME_CSUM_PARTIAL) ||
	    f->linktype != 1)
		return -ENOTSUP;
	if (l4 + (tcp ? 20u : 8u) > f->len || f->csum_offset != (tcp ? 16 : 6) || walk(g) ||
	    g->proto != (tcp ? TCP : UDP))
		return -ENOTSUP;
	g->head = l4 + (tcp ? (f->data[l4 + 12] >> 4) * 4u : 8);
	if (g->head < l4 + 8 || g->head > f->len || g->head > FOS__GSO_HEAD || (f->len > g->head && f->ext_len))
		return -ENOTSUP;
	g->payload = f->len > g->head ? f->data + g->head : f->ext;
	g->left = fos_frame_caplen(f) - g->head;
	return g->left ? 0 : -ENOTSUP;
}

bool fos__gso_tunnelled(const struct fos__gso *g)
{
	return g->layers > 1;
}

/* ---- one packet --------------------------------------------------------------------------------------------------- */

/* Sum of the pseudo header of the transport header whose IP header is `ip`. */
static uint32_t pseudo(const uint8_t *ip, uint8_t kind, uint8_t proto, uint32_t len)
{
	uint8_t tail[8] = {
		(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, proto
	};
	uint32_t sum = kind == LAYER_IP4 ? fos_csum_add(ip + 12, 8, 0) : fos_csum_add(ip + 8, 32, 0);

	return fos_csum_add(tail, sizeof tail, sum);
}

/* The innermost transport header. The checksum field of the template holds the pseudo header's sum, with the length of
 * the super-packet, which gives way to that of the packet: so a route in the IP header needs no care. */
static void fix_transport(const struct fos__gso *g, uint8_t *head, uint32_t len, uint32_t payload_sum)
{
	uint32_t l4 = g->f->csum_start, old = fos_frame_caplen(g->f) - l4, sum;
	uint8_t *h = head + l4, *field = h + g->f->csum_offset, lengths[4];
	uint16_t check;

	if (g->proto == TCP) {
		uint32_t seq = ((uint32_t)get16(h + 4) << 16 | get16(h + 6)) + g->index * g->f->gso_size;

		put16(h + 4, seq >> 16);
		put16(h + 6, seq);
		if (g->index)
			h[13] &= (uint8_t)~CWR;
		if (g->left)
			h[13] &= (uint8_t)~FIN_PSH;
	} else {
		put16(h + 4, len - l4);
	}
	put16(lengths, len - l4);
	put16(lengths + 2, ~old);
	sum = fos_csum_add(field, 2, fos_csum_add(lengths, 4, 0));
	store(field, 0);
	check = fos_csum_fold(fos_csum_add(h, g->head - l4, fos_csum_add(&payload_sum, 4, sum)));
	store(field, g->proto == UDP && !check ? 0xffff : check);
}

static void fix_layer(const struct fos__gso *g, uint8_t *head, uint8_t i, uint32_t len, uint32_t payload_sum)
{
	uint32_t at = g->layer[i].at;
	uint8_t *h = head + at;
	uint16_t check;

	switch (g->layer[i].kind) {
	case LAYER_IP4:
		put16(h + 2, len - at);
		put16(h + 4, get16(h + 4) + g->index);
		store(h + 10, 0);
		store(h + 10, fos_csum_fold(fos_csum_add(h, (h[0] & 15u) * 4, 0)));
		break;
	case LAYER_IP6:
		put16(h + 4, len - at - 40);
		break;
	case LAYER_UDP:
		put16(h + 4, len - at);
		if (!get16(h + 6))
			break; /* it has none */
		store(h + 6, 0);
		payload_sum = fos_csum_add(h, g->head - at, payload_sum);
		/* an IP header is always before it */
		check = fos_csum_fold(fos_csum_add(
		    &payload_sum, 4, pseudo(head + g->layer[i - 1].at, g->layer[i - 1].kind, UDP, len - at)));
		store(h + 6, check ? check : 0xffff);
		break;
	default:
		if (!(h[0] & GRE_CSUM))
			break;
		store(h + 4, 0);
		store(h + 4, fos_csum_fold(fos_csum_add(h, g->head - at, payload_sum)));
	}
}

bool fos__gso_next(struct fos__gso *g, uint8_t *head, struct fos_frame *out)
{
	uint32_t n = g->left < g->f->gso_size ? g->left : g->f->gso_size, sum;

	if (!n)
		return false;
	memcpy(head, g->f->data, g->head);
	*out = *g->f;
	out->data = head;
	out->len = g->head;
	out->ext = g->payload;
	out->ext_len = n;
	out->wire_len = g->head + n;
	out->flags &= ~(uint32_t)(FOS_FRAME_CSUM_PARTIAL | FOS_FRAME_STABLE);
	out->gso_type = FOS_GSO_NONE;
	out->gso_size = out->csum_start = out->csum_offset = 0;
	g->payload += n;
	g->left -= n;
	sum = fos_csum_add(out->ext, n, 0);
	fix_transport(g, head, out->wire_len, sum);
	for (uint8_t i = g->layers; i-- > 0;) /* a layer's sum is over the layers in it */
		fix_layer(g, head, i, out->wire_len, sum);
	g->index++;
	return true;
}
