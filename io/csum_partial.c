/* SPDX-License-Identifier: BSD-2-Clause
 *
 * csum_partial.c: see csum_partial.h. Touches nothing but its arguments.
 *
 * The field is compared first, which costs the headers; only where it is the pseudo header's sum is the packet summed.
 */
#include "csum_partial.h"

#include <string.h>

#include <flowos/parse.h>

enum { ETHER = 12, IP4 = 0x0800, IP6 = 0x86dd, TEB = 0x6558, IPIP = 4, TCP = 6, UDP = 17, SIXIN = 41, GRE = 47 };
enum { HOP = 0, OPTIONS = 60 }; /* IPv6's extension headers */
enum { VXLAN = 4789, VXLAN_LINUX = 8472, GENEVE = 6081 };
enum { GRE_CSUM = 0x80, GRE_KEY = 0x20, GRE_SEQ = 0x10, GRE_OTHER = 0x4f };
enum { LAYERS = 8, TCP_FIELD = 16, UDP_FIELD = 6 };

/* Where one is in a frame: the header of type `type` is at `at`, and its packet ends at `end`. */
struct walk {
	const uint8_t *p;
	uint32_t at, end;
	uint16_t type;
	uint8_t proto;
	uint32_t pseudo; /* sum of the addresses */
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* From an Ethernet type at w->at, over tags, to what follows. */
static bool skip_tags(struct walk *w)
{
	do {
		if (w->at + 2 > w->end)
			return false;
		w->type = get16(w->p + w->at);
		w->at += w->type == 0x8100 || w->type == 0x88a8 ? 4 : 2;
	} while (w->type == 0x8100 || w->type == 0x88a8);
	return true;
}

static bool skip_ether(struct walk *w)
{
	w->at += ETHER;
	return skip_tags(w);
}

static bool skip_ip4(struct walk *w)
{
	const uint8_t *h = w->p + w->at;
	uint32_t head, len;

	if (w->at + 20 > w->end || h[0] >> 4 != 4)
		return false;
	head = (h[0] & 15u) * 4;
	len = get16(h + 2);
	if (head < 20 || len < head || w->at + len > w->end || get16(h + 6) & 0x3fff)
		return false;
	w->proto = h[9];
	w->pseudo = fos_csum_add(h + 12, 8, 0);
	w->end = w->at + len;
	w->at += head;
	return true;
}

static bool skip_ip6(struct walk *w)
{
	const uint8_t *h = w->p + w->at;
	uint32_t len;

	if (w->at + 40 > w->end || h[0] >> 4 != 6)
		return false;
	len = 40u + get16(h + 4);
	if (w->at + len > w->end)
		return false;
	w->proto = h[6];
	w->pseudo = fos_csum_add(h + 8, 32, 0);
	w->end = w->at + len;
	w->at += 40;
	while (w->proto == HOP || w->proto == OPTIONS) {
		if (w->at + 8 > w->end)
			return false;
		w->proto = w->p[w->at];
		w->at += (w->p[w->at + 1] + 1u) * 8;
	}
	return true;
}

/* The transport header at w->at, whose checksum is at `field` of it. */
static bool unfinished(const struct walk *w, uint32_t field)
{
	uint32_t len = w->end - w->at, sum;
	uint8_t tail[4] = { (uint8_t)(len >> 8), (uint8_t)len, 0, w->proto };
	uint16_t is, pseudo;

	memcpy(&is, w->p + w->at + field, 2);
	sum = fos_csum_add(tail, sizeof tail, w->pseudo);
	pseudo = (uint16_t)~fos_csum_fold(sum);
	return is == pseudo && fos_csum_fold(fos_csum_add(w->p + w->at, len, sum));
}

static bool skip_gre(struct walk *w)
{
	const uint8_t *h = w->p + w->at;

	if (w->at + 4 > w->end || h[0] & GRE_OTHER || h[1] & 7)
		return false;
	w->type = get16(h + 2);
	w->at += 4 + (h[0] & GRE_CSUM ? 4u : 0) + (h[0] & GRE_KEY ? 4u : 0) + (h[0] & GRE_SEQ ? 4u : 0);
	return w->type != TEB || skip_ether(w);
}

/* Behind a UDP header, into a tunnel. */
static bool skip_udp(struct walk *w)
{
	const uint8_t *h = w->p + w->at;

	if (w->at + 16 > w->end)
		return false;
	w->at += 16;
	w->type = TEB;
	switch (get16(h + 2)) {
	case VXLAN:
	case VXLAN_LINUX:
		break;
	case GENEVE:
		w->at += (h[8] & 63u) * 4;
		w->type = get16(h + 10);
		break;
	default:
		return false;
	}
	return w->type != TEB || skip_ether(w);
}

/* Into what the header of w->proto holds. */
static bool enter(struct walk *w)
{
	switch (w->proto) {
	case IPIP:
		w->type = IP4;
		return true;
	case SIXIN:
		w->type = IP6;
		return true;
	case GRE:
		return skip_gre(w);
	case UDP:
		return skip_udp(w);
	default:
		return false;
	}
}

bool fos__csum_partial_find(const uint8_t *frame, uint32_t len, uint16_t *start, uint16_t *offset)
{
	struct walk w = { .p = frame, .end = len };
	bool in = skip_ether(&w);

	for (int layer = 0; in && layer < LAYERS; layer++) {
		uint32_t field, head;

		if (w.type == IP4 ? !skip_ip4(&w) : w.type != IP6 || !skip_ip6(&w))
			return false;
		field = w.proto == TCP ? TCP_FIELD : UDP_FIELD;
		head = w.proto == TCP ? 20 : 8;
		if (w.at > w.end || ((w.proto == TCP || w.proto == UDP) && w.at + head > w.end))
			return false;
		if ((w.proto == TCP || w.proto == UDP) && unfinished(&w, field)) {
			*start = (uint16_t)w.at;
			*offset = (uint16_t)field;
			return true;
		}
		in = enter(&w);
	}
	return false;
}

void fos__csum_partial_complete(uint8_t *frame, uint32_t len, uint16_t start, uint16_t offset)
{
	uint16_t sum;

	if ((uint32_t)start + offset + 2 > len)
		return;
	/* The field holds the pseudo header's sum, so it counts. */
	sum = fos_csum_fold(fos_csum_add(frame + start, len - start, 0));
	if (offset == UDP_FIELD && !sum)
		sum = 0xffff;
	memcpy(frame + start + offset, &sum, 2);
}
