/* SPDX-License-Identifier: BSD-2-Clause
 *
 * parse_build.h: packets for tests, from a line of words, outermost layer first: "eth vlan=5 ip4 tcp data=10".
 *
 * A packet is built from its end: each word puts a header in front of what is there, so lengths, checksums and "what
 * comes next" fields are right without being said. Checksums are by the slow model here, not by the engine.
 */
#ifndef FLOWOS_TEST_PARSE_BUILD_H
#define FLOWOS_TEST_PARSE_BUILD_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUILD_MAX = 70000 };

struct build {
	uint8_t mem[BUILD_MAX];
	uint32_t at;   /* first byte; the packet ends with `mem` */
	uint16_t type; /* ethertype of what is first */
	uint8_t proto; /* IP protocol of what is first */
};

static inline uint8_t *build_bytes(struct build *b)
{
	return b->mem + b->at;
}

static inline uint32_t build_len(const struct build *b)
{
	return BUILD_MAX - b->at;
}

static inline void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline unsigned get16(const uint8_t *p)
{
	return p[0] * 256u + p[1];
}

/* The model: pairs of bytes, one at a time, carry wrapped at the end. */
static inline uint32_t model_sum(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : p[i] * 256u;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* len zero bytes in front */
static inline uint8_t *push(struct build *b, uint32_t len)
{
	assert(b->at >= len);
	b->at -= len;
	memset(build_bytes(b), 0, len);
	return build_bytes(b);
}

/* Bytes given in hexadecimal, blanks between them allowed. */
static inline uint8_t *push_hex(struct build *b, const char *hex)
{
	uint8_t bytes[256];
	uint32_t n = 0;

	for (; *hex; hex++) {
		unsigned v;

		if (*hex != ' ' && sscanf(hex, "%2x", &v) == 1) {
			bytes[n++] = (uint8_t)v;
			hex++;
		}
	}
	return memcpy(push(b, n), bytes, n);
}

/* Fills in the transport checksum over the pseudo-header of the addresses at `addr`. */
static inline void build_l4_sum(uint8_t *l4, uint32_t len, uint8_t proto, const uint8_t *addr, uint32_t addr_len)
{
	uint32_t at = proto == 6 ? 16 : 6, sum = model_sum(addr, addr_len, proto + len);

	if (proto != 6 && proto != 17)
		return;
	put16(l4 + at, 0);
	sum = ~model_sum(l4, len, sum) & 0xffff;
	put16(l4 + at, sum == 0 && proto == 17 ? 0xffff : sum);
}

/* The transport header is `ext` bytes behind the IP header, and of protocol `l4`. */
static inline void build_ip4(struct build *b, uint32_t hlen, unsigned frag, uint32_t ext, uint8_t l4)
{
	uint32_t len = build_len(b);
	uint8_t *ip = push(b, hlen);

	ip[0] = (uint8_t)(0x40 + hlen / 4);
	memset(ip + 20, 1, hlen - 20); /* no operation */
	put16(ip + 2, build_len(b));
	put16(ip + 4, 0x1234);
	put16(ip + 6, frag);
	ip[8] = 64;
	ip[9] = b->proto;
	memcpy(ip + 12, (uint8_t[]){ 10, 0, 0, 1, 10, 0, 0, 2 }, 8);
	if ((frag & 0x3fff) == 0)
		build_l4_sum(ip + hlen + ext, len - ext, l4, ip + 12, 8);
	put16(ip + 10, ~model_sum(ip, hlen, 0) & 0xffff);
	b->type = 0x0800;
	b->proto = 4;
}

static inline void build_ip6(struct build *b, uint32_t ext, uint8_t l4)
{
	uint32_t len = build_len(b);
	uint8_t *ip = push(b, 40);

	ip[0] = 0x60;
	put16(ip + 4, len);
	ip[6] = b->proto;
	ip[7] = 64;
	memcpy(ip + 8, (uint8_t[]){ 0x20, 1, 0xd, 0xb8, [15] = 1, 0x20, 1, 0xd, 0xb8, [31] = 2 }, 32);
	build_l4_sum(ip + 40 + ext, len - ext, l4, ip + 8, 32);
	b->type = 0x86dd;
	b->proto = 41;
}

static inline void build_gre(struct build *b, unsigned flags)
{
	uint32_t len = 4;
	uint8_t *h;

	for (unsigned bit = 0x8000; bit >= 0x1000; bit >>= 1)
		len += (flags & bit) ? 4 : 0;
	h = push(b, len + ((flags & 0x87) == 0x81 ? 4 : 0));
	put16(h, flags);
	put16(h + 2, b->type);
	b->proto = 47;
}

/* Words of the IP layer and above. `ext` and `l4` follow the extension headers of an IPv6 packet. */
static inline bool build_ip_word(struct build *b, const char *w, unsigned v, uint32_t *ext, uint8_t *l4)
{
	static const struct {
		const char *name;
		uint8_t proto, len, len_field;
	} exts[] = { { "hop", 0, 8, 0 },   { "route", 43, 24, 2 }, { "dst", 60, 16, 1 },
		     { "ah4", 51, 24, 4 }, { "ah", 51, 24, 4 },    { "mobile", 135, 8, 0 } };
	uint8_t *h;

	for (unsigned i = 0; i < sizeof exts / sizeof *exts; i++) {
		if (strcmp(w, exts[i].name) == 0) {
			h = push(b, exts[i].len);
			h[0] = b->proto;
			h[1] = exts[i].len_field;
			b->proto = exts[i].proto;
			*ext += exts[i].len;
			return true;
		}
	}
	if (strcmp(w, "frag6") == 0) {
		h = push(b, 8);
		h[0] = b->proto;
		put16(h + 2, v);
		b->proto = 44;
		*ext += 8;
		*l4 = v ? 0 : *l4;
	} else if (strcmp(w, "data") == 0) {
		h = push(b, v);
		for (unsigned i = 0; i < v; i++)
			h[i] = (uint8_t)(i * 7 + 1);
	} else if (strcmp(w, "tcp") == 0) {
		h = push(b, 20 + v);
		memcpy(h, (uint8_t[]){ 0x30, 0x39, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8 }, 12);
		h[12] = (uint8_t)((20 + v) / 4 << 4);
		h[13] = 0x18;
		b->proto = *l4 = 6;
	} else if (strcmp(w, "udp") == 0) {
		h = push(b, 8);
		put16(h, 40000);
		put16(h + 2, v);
		put16(h + 4, build_len(b));
		b->proto = *l4 = 17;
	} else if (strcmp(w, "icmp") == 0) {
		push(b, 8);
		b->proto = *l4 = 1;
	} else if (strcmp(w, "ip4") == 0) {
		build_ip4(b, v ? v : 20, 0, *ext, *l4);
	} else if (strcmp(w, "frag4") == 0) {
		build_ip4(b, 20, v, *ext, *l4);
	} else if (strcmp(w, "ip6") == 0) {
		build_ip6(b, *ext, *l4);
	} else {
		return false;
	}
	if (strncmp(w, "ip", 2) == 0 || strcmp(w, "frag4") == 0) {
		*ext = 0;
		*l4 = 0;
	}
	return true;
}

/* Words of tunnels. */
static inline bool build_tunnel_word(struct build *b, const char *w, unsigned v)
{
	uint32_t len = build_len(b);

	if (strcmp(w, "gre") == 0) {
		build_gre(b, v);
	} else if (strcmp(w, "erspan1") == 0) {
		b->type = 0x88be;
	} else if (strcmp(w, "erspan2") == 0) {
		push(b, 8)[0] = 0x10;
		b->type = 0x88be;
	} else if (strcmp(w, "erspan3") == 0) {
		uint8_t *h = push(b, v ? 20 : 12);

		h[0] = 0x20;
		h[11] = v ? 1 : 0;
		b->type = 0x22eb;
	} else if (strcmp(w, "vxlan") == 0) {
		push(b, 8)[0] = 0x08;
	} else if (strcmp(w, "gpe") == 0) {
		uint8_t *h = push(b, 8);

		h[0] = v ? 0x0c : 0x08;
		h[3] = (uint8_t)v;
	} else if (strcmp(w, "l2tp") == 0) { /* v: the flags, version 2 among them */
		uint8_t *h;

		if (v & 0x0200)
			push_hex(b, "0003 616161");
		h = push(b, (v & 0x4000 ? 8u : 6u) + (v & 0x0800 ? 4u : 0u));
		put16(h, v);
		if (v & 0x4000)
			put16(h + 2, build_len(b));
	} else if (strcmp(w, "geneve") == 0) {
		uint8_t *h = push(b, 8 + v);

		h[0] = (uint8_t)(v / 4);
		put16(h + 2, b->type);
	} else if (strcmp(w, "gtp") == 0) { /* v: 0 plain, 1 sequence number, 2 two extension headers */
		uint8_t *h;

		if (v == 2)
			push_hex(b, "01000085 02000000 00000000");
		if (v)
			push_hex(b, v == 2 ? "00010085" : "00010000");
		len = build_len(b);
		h = push(b, 8);
		h[0] = (uint8_t)(v == 2 ? 0x34 : v ? 0x32 : 0x30);
		h[1] = 255;
		put16(h + 2, len);
	} else if (strcmp(w, "origin") == 0) {
		push_hex(b, "0000 1234 01020304");
	} else if (strcmp(w, "auth") == 0) {
		push_hex(b, "0001 0402 61616161 6262 0102030405060708 00");
	} else {
		return false;
	}
	return true;
}

static inline unsigned ppp_proto(const struct build *b)
{
	return b->type == 0x0800 ? 0x21 : b->type == 0x86dd ? 0x57 : 0x281;
}

/* Words of the link layer. */
static inline bool build_link_word(struct build *b, const char *w, unsigned v)
{
	static const struct {
		const char *name;
		uint16_t len, type_at, type; /* header, where the inner ethertype goes, how the outer header calls it */
	} plain[] = { { "eth", 14, 12, 0x6558 },  { "vlan", 4, 2, 0x8100 }, { "qinq", 4, 2, 0x88a8 },
		      { "qinq91", 4, 2, 0x9100 }, { "snap", 8, 6, 0 },      { "sll", 16, 14, 0 },
		      { "sll2", 20, 0, 0 },       { "chdlc", 4, 2, 0 },     { "etag", 8, 6, 0x893f },
		      { "vntag", 6, 4, 0x8926 },  { "cmd", 8, 6, 0x8909 } };
	uint32_t len = build_len(b);

	for (unsigned i = 0; i < sizeof plain / sizeof *plain; i++) {
		if (strcmp(w, plain[i].name) == 0) {
			uint8_t *h = push(b, plain[i].len);

			put16(h + plain[i].type_at, b->type);
			if (plain[i].len == 4)
				put16(h, v);
			if (strcmp(w, "snap") == 0)
				memcpy(h, (uint8_t[]){ 0xaa, 0xaa, 3 }, 3);
			b->type = plain[i].type;
			return true;
		}
	}
	if (strcmp(w, "eth8023") == 0) {
		put16(push(b, 14) + 12, len);
	} else if (strcmp(w, "type") == 0) {
		b->type = (uint16_t)v;
	} else if (strcmp(w, "mpls") == 0) {
		push(b, 4)[2] = b->type == 0x8847 ? 0 : 1;
		b->type = 0x8847;
		b->proto = 137;
	} else if (strcmp(w, "cw") == 0) {
		push(b, 4);
	} else if (strcmp(w, "pbb") == 0) {
		push(b, 4);
		b->type = 0x88e7;
	} else if (strcmp(w, "fabricpath") == 0) {
		push(b, 2);
		b->type = 0x8903;
	} else if (strcmp(w, "length") == 0) { /* a type field that says how long the rest is */
		b->type = (uint16_t)len;
	} else if (strcmp(w, "pppoe") == 0) {
		uint8_t *h = push(b, 6);

		put16(h, 0x1100);
		put16(h + 4, len);
		b->type = 0x8864;
	} else if (strcmp(w, "ppp") == 0) { /* v: 0 plain, 1 protocol in one byte, 2 with address and control */
		if (v == 1)
			push(b, 1)[0] = (uint8_t)ppp_proto(b);
		else
			put16(push(b, 2), ppp_proto(b));
		if (v == 2)
			push_hex(b, "ff03");
		b->type = 0x880b;
	} else if (strcmp(w, "null") == 0) {
		push(b, 4)[0] = (uint8_t)v;
	} else if (strcmp(w, "loop") == 0) {
		push(b, 4)[3] = (uint8_t)v;
	} else {
		return false;
	}
	return true;
}

/* Builds the packet of a line. */
static inline void build(struct build *b, const char *line)
{
	char words[256], *word;
	uint32_t ext = 0;
	uint8_t l4 = 0;

	assert(strlen(line) < sizeof words);
	strcpy(words, line);
	b->at = BUILD_MAX;
	b->type = 0;
	b->proto = 0;
	while (words[0]) {
		unsigned v = 0;
		char *eq;

		word = strrchr(words, ' ') ? strrchr(words, ' ') + 1 : words;
		eq = strchr(word, '=');
		if (eq) {
			v = (unsigned)strtoul(eq + 1, NULL, 0);
			*eq = '\0';
		}
		if (!build_ip_word(b, word, v, &ext, &l4) && !build_tunnel_word(b, word, v) &&
		    !build_link_word(b, word, v)) {
			fprintf(stderr, "no such word: %s\n", word);
			abort();
		}
		*(word > words ? word - 1 : word) = '\0';
	}
}

/* A copy of exactly the bytes, so that a sanitizer sees any access beside them. */
static inline uint8_t *exact_copy(const void *p, uint32_t len)
{
	uint8_t *m = malloc(len ? len : 1);

	assert(m);
	if (len)
		memcpy(m, p, len);
	return len ? m : m + 1;
}

static inline void exact_free(uint8_t *p, uint32_t len)
{
	free(len ? p : p - 1);
}

#endif
