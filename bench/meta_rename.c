/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_rename.c: other addresses, ports and sequence numbers, one for one. See meta.h; touches the set, and in its lines the
 * names.
 */
#include "meta_rename.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/parse.h>

#include "meta_edit.h"

enum { OPT_END = 0, OPT_NOP = 1, OPT_SACK = 5, TCP_MIN = 20 };

static void add32(uint8_t *at, uint32_t by)
{
	meta_put32(at, meta_be32(at) + by);
}

/* Left and right edges of SACK blocks (RFC 2018): numbers of the other direction. */
static void shift_sack(uint8_t *tcp, uint32_t len, uint32_t by)
{
	for (uint32_t at = TCP_MIN; at < len && tcp[at] != OPT_END;) {
		uint32_t size = 1;

		if (tcp[at] != OPT_NOP) {
			size = at + 1 < len ? tcp[at + 1] : 0;
			if (size < 2 || at + size > len)
				return;
			for (uint32_t edge = at + 2; tcp[at] == OPT_SACK && edge + 4 <= at + size; edge += 4)
				add32(tcp + edge, by);
		}
		at += size;
	}
}

/* The packet has bytes of its own already. */
static void shift_numbers(struct meta_pkt *p, uint32_t seq, uint32_t ack)
{
	uint8_t *tcp = (uint8_t *)(uintptr_t)p->f.data + p->l4;
	uint32_t len = (uint32_t)(tcp[12] >> 4) * 4, before = fos_csum_add(tcp, len, 0);

	add32(tcp + 4, seq);
	p->seq += seq;
	if (p->tcp_flags & FOS_TCP_ACK) {
		add32(tcp + 8, ack);
		p->ack += ack;
		shift_sack(tcp, len, ack);
	}
	meta_sum_fix(tcp + 16, before, fos_csum_add(tcp, len, 0), false);
}

int meta_isn(struct meta_set *s, struct meta_draw *d)
{
	uint32_t *by = calloc(2 * s->convs + 1, sizeof(*by));
	bool *not = calloc(s->convs + 1, sizeof(*not ));
	uint64_t seed = meta_next(d);
	unsigned share = (unsigned)meta_log(d, 20, 100);
	int done = 0;

	if (!by || !not ) {
		free(by);
		free(not );
		return -ENOMEM;
	}
	for (size_t c = 0; c < s->convs; c++)
		not [c] = s->conv[c].fragments || s->conv[c].key.proto != IPPROTO_TCP || !meta_chance(d, share);
	for (size_t i = 0; i < s->n; i++) {
		const struct meta_pkt *p = &s->v[i];
		uint32_t *at;

		if (p->conv == META_NO_CONV || p->proto != IPPROTO_TCP)
			continue;
		if (!(p->bits & META_HEAD) || p->verdict == FOS_PKT_FRAGMENT) {
			not [p->conv] = true;
			s->skipped[META_ISN]++;
			continue;
		}
		/* The wrap comes to lie within the packet, or beside it; which packet that is, is drawn. */
		at = &by[2 * p->conv + p->side];
		if (!*at || fos_below(fos_mix64_add(seed, i), 4) == 0)
			*at = 1 - p->seq - (uint32_t)fos_below(fos_mix64_add(seed, ~i), p->app_len + 3u);
	}
	for (size_t i = 0; i < s->n; i++) {
		struct meta_pkt *p = &s->v[i];

		if (p->conv == META_NO_CONV || p->verdict != FOS_PKT_TCP || not [p->conv])
			continue;
		if (!meta_own(s, p, 0, 0)) {
			done = -ENOMEM;
			break;
		}
		shift_numbers(p, by[2 * p->conv + p->side], by[2 * p->conv + !p->side]);
		p->did |= 1u << META_ISN;
		done++;
	}
	free(by);
	free(not );
	return done;
}

static void rename_addr(uint8_t *addr, int version, const struct meta_names *n)
{
	size_t len = version == 4 ? 4 : 16;

	for (size_t i = 0; i < len; i++)
		addr[i] ^= version == 4 ? n->v4[i] : n->v6[i];
}

void meta_rename_packet(struct meta_pkt *p, const struct meta_names *n)
{
	uint8_t *ip = (uint8_t *)(uintptr_t)p->f.data + p->ip, *l4 = (uint8_t *)(uintptr_t)p->f.data + p->l4;
	uint32_t len = p->version == 4 ? 4 : 16, before, after;
	uint8_t *addr = ip + (p->version == 4 ? 12 : 8);
	bool tcp = p->verdict == FOS_PKT_TCP;

	before = fos_csum_add(addr, 2 * len, 0);
	rename_addr(addr, p->version, n);
	rename_addr(addr + len, p->version, n);
	after = fos_csum_add(addr, 2 * len, 0);
	if (p->version == 4)
		meta_sum_fix(ip + 10, before, after, false);
	if (tcp) {
		before = fos_csum_add(l4, 4, before);
		meta_put16(l4, meta_be16(l4) ^ n->port);
		meta_put16(l4 + 2, meta_be16(l4 + 2) ^ n->port);
		after = fos_csum_add(l4, 4, after);
	}
	meta_sum_fix(l4 + (tcp ? 16 : 6), before, after, !tcp);
}

/* "A:P" or "[A]:P", with what follows, under its new name. NULL: it is none, or no memory. */
static char *rename_end(const char *text, size_t len, bool tcp, const struct meta_names *n)
{
	char addr[INET6_ADDRSTRLEN + 1], out[INET6_ADDRSTRLEN + 1], *line = NULL;
	const char *colon = text + len;
	uint8_t bytes[16];
	unsigned port;
	bool v6 = *text == '[';

	while (colon > text && *colon != ':')
		colon--;
	if (colon == text || (size_t)(colon - text) >= sizeof(addr) + 2)
		return NULL;
	snprintf(addr, sizeof(addr), "%.*s", (int)(colon - text) - 2 * v6, text + v6);
	port = (unsigned)strtoul(colon + 1, NULL, 10);
	if (inet_pton(v6 ? AF_INET6 : AF_INET, addr, bytes) != 1)
		return NULL;
	rename_addr(bytes, v6 ? 6 : 4, n);
	inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, out, sizeof(out));
	if (asprintf(&line, v6 ? "[%s]:%u" : "%s:%u", out, tcp ? port ^ n->port : port) < 0)
		return NULL;
	return line;
}

char *meta_rename_line(const char *line, const struct meta_names *n)
{
	const char *from = line + 4, *to = strstr(line, " > "), *rest;
	bool tcp = strncmp(line, "tcp ", 4) == 0;
	char *a, *b, *out = NULL;

	if (!to)
		return NULL;
	rest = to + 3 + strcspn(to + 3, " ");
	a = rename_end(from, (size_t)(to - from), tcp, n);
	b = rename_end(to + 3, (size_t)(rest - to - 3), tcp, n);
	if (a && b && asprintf(&out, "%.3s %s > %s%s", line, a, b, rest) < 0)
		out = NULL;
	free(a);
	free(b);
	return out;
}

/* All packets and lines must have one name each. */
static bool can_rename(const struct meta_set *s)
{
	if (s->filter)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		const struct meta_pkt *p = &s->v[i];

		if (p->verdict == FOS_PKT_FRAGMENT)
			return false;
		if ((p->verdict == FOS_PKT_TCP || p->verdict == FOS_PKT_UDP) &&
		    (!(p->bits & META_HEAD) || p->l4 - p->ip != (p->version == 4 ? 20 : 40)))
			return false;
	}
	return true;
}

/* No port becomes 0. */
static uint16_t draw_port(const struct meta_set *s, struct meta_draw *d)
{
	uint16_t port = (uint16_t)meta_next(d);

	for (size_t i = 0; i < s->convs; i++)
		for (int side = 0; side < 2; side++)
			if (s->conv[i].key.port[side] == port)
				return 0;
	return port;
}

int meta_rename(struct meta_set *s, struct meta_draw *d)
{
	struct meta_names n = { .port = draw_port(s, d) };
	uint64_t a = meta_next(d), b = meta_next(d);
	int done = 0;

	if (!can_rename(s)) {
		s->skipped[META_RENAME] += s->n;
		return 0;
	}
	memcpy(n.v4 + 1, &a, 3); /* the network stays: some are special */
	memcpy(n.v6 + 8, &b, 8);
	for (size_t i = 0; i < s->n; i++) {
		struct meta_pkt *p = &s->v[i];

		if (p->verdict != FOS_PKT_TCP && p->verdict != FOS_PKT_UDP)
			continue;
		if (!meta_own(s, p, 0, 0))
			return -ENOMEM;
		meta_rename_packet(p, &n);
		p->did |= 1u << META_RENAME;
		done++;
	}
	for (size_t i = 0; i < s->convs; i++) { /* which side is which stays, whatever their order is now */
		struct fos_key *k = &s->conv[i].key;

		for (int side = 0; side < 2; side++) {
			rename_addr(k->addr[side], k->version, &n);
			k->port[side] ^= k->proto == IPPROTO_TCP ? n.port : 0;
		}
	}
	for (size_t i = 0; i < s->want.lines; i++) {
		char *line = meta_rename_line(s->want.line[i], &n);

		if (!line)
			return -ENOMEM;
		free(s->want.line[i]);
		s->want.line[i] = line;
	}
	return done;
}
