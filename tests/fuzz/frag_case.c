/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frag_case.c: an input of the target `frag` as frames. See frag_case.h.
 *
 * Settings: 0 how many datagrams may wait (bits 0-1), in how much memory (2-3), for how long (4-5); 1 the hash's seed.
 * A record: 0 IPv6 (bit 0), which datagram (1-2), of which hosts (3), version of the bytes (4), more to come (5),
 * protocol (6-7); 1, 2 offset; 3 how it is meant (0-1), a length that is no multiple of 8 (2), a longer header (3), not
 * captured whole (4); 4 length; 5 time that passes; 6 what is around it (0-1), one of
 * 16 datagrams and not of two (4), which one (2-3).
 */
#include "frag_case.h"

#include <netinet/in.h>
#include <stdio.h>

enum { UDP_HEADER = 8, TCP_HEADER = 20 };

static const uint64_t MS = 1000000;

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

uint8_t frag_byte(const struct frag_piece *p, unsigned text, uint32_t at)
{
	static const uint8_t udp[UDP_HEADER] = { 3, 232, 7, 208 }; /* no length: to the end; no checksum */
	static const uint8_t tcp[TCP_HEADER] = { 3, 232, 7, 208, 0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, 0x10 };
	uint32_t x = (at + p->id * 77u + p->addr * 1009u + p->version * 31u) * 0x85ebca6bu;

	if (p->proto == IPPROTO_UDP && at < UDP_HEADER)
		return udp[at];
	if (p->proto == IPPROTO_TCP && at < TCP_HEADER)
		return tcp[at];
	return (uint8_t)((x >> 24 ^ x >> 9) ^ (text ? 0x5a : 0));
}

static uint8_t *ip4(uint8_t *ip, const struct frag_piece *p, uint32_t total, uint32_t header)
{
	memset(ip, 1, header); /* options that do nothing */
	memset(ip, 0, 20);
	ip[0] = (uint8_t)(0x40 + header / 4);
	put16(ip + 2, total);
	put16(ip + 4, 0x100u + p->id);
	put16(ip + 6, p->offset / 8 | (p->more ? 0x2000u : 0));
	ip[8] = 64;
	ip[9] = p->proto;
	ip[12] = ip[16] = 10;
	ip[15] = (uint8_t)(1 + p->addr);
	ip[19] = 9;
	return ip + header;
}

static uint8_t *ip6(uint8_t *ip, const struct frag_piece *p, uint32_t total, uint32_t header)
{
	uint8_t *h = ip + 40;

	memset(ip, 0, header + 8);
	ip[0] = 0x60;
	put16(ip + 4, total - 40);
	ip[6] = header > 40 ? IPPROTO_DSTOPTS : IPPROTO_FRAGMENT;
	ip[7] = 64;
	ip[8] = ip[24] = 0x20;
	ip[23] = (uint8_t)(1 + p->addr);
	ip[39] = 9;
	if (header > 40) {
		h[0] = IPPROTO_FRAGMENT;
		h[2] = 1; /* padding */
		h[3] = 4;
		h += 8;
	}
	h[0] = p->proto;
	put16(h + 2, p->offset | p->more);
	h[7] = p->id;
	return h + 8;
}

/* The fragment as an IP packet at `at`; returns its length. */
static uint32_t put_fragment(uint8_t *at, struct frag_piece *p)
{
	uint32_t own = p->version == 6 ? 8 : 0, total;
	uint8_t *payload;

	p->header = p->version == 6 ? (p->options ? 48 : 40) : (p->options ? 32 : 20);
	total = p->header + own + p->len;
	payload = p->version == 6 ? ip6(at, p, total, p->header) : ip4(at, p, total, p->header);
	for (uint32_t i = 0; i < p->len; i++)
		payload[i] = frag_byte(p, p->text, p->offset + i);
	return total;
}

static void add_frame(struct frag_case *c, const struct frag_piece *p, uint8_t *at, uint32_t len, uint32_t cut)
{
	cut = cut < len ? cut : len;
	c->frame[c->n_frames] = (struct fos_frame){ .data = at,
		                                    .ts_ns = p->ts_ns,
		                                    .num = c->n_frames + 1,
		                                    .len = len - cut,
		                                    .wire_len = len,
		                                    .flags = FOS_FRAME_STABLE,
		                                    .linktype = 101 };
	c->n_frames++;
	c->used += len;
}

/* The whole of an IP packet, or a half of it, within another one. */
static void put_outer(uint8_t *at, uint32_t id, uint32_t field, uint8_t inner, uint32_t len)
{
	memset(at, 0, 20);
	at[0] = 0x45;
	put16(at + 2, 20 + len);
	put16(at + 4, id);
	put16(at + 6, field);
	at[8] = 64;
	at[9] = inner;
	at[12] = at[16] = 192;
	at[19] = 1;
}

static void build(struct frag_case *c, struct frag_piece *p)
{
	static uint8_t whole[FRAG_LEN_MAX + FRAG_HEADERS];
	uint8_t *at = c->bytes + c->used;
	uint32_t len = put_fragment(whole, p), half = len / 16 * 8;
	uint8_t inner = p->version == 6 ? IPPROTO_IPV6 : IPPROTO_IPIP;

	p->first = c->n_frames;
	p->n = 1;
	if (p->wrap == FRAG_PLAIN) {
		memcpy(at, whole, len);
		add_frame(c, p, at, len, p->cut);
		return;
	}
	if (p->wrap == FRAG_IN_IP) {
		put_outer(at, 1, 0, inner, len);
		memcpy(at + 20, whole, len);
		add_frame(c, p, at, 20 + len, p->cut);
		return;
	}
	p->n = 2;
	p->cut = 0;
	put_outer(at, 0x200 + p->first, 0x2000, inner, half);
	memcpy(at + 20, whole, half);
	add_frame(c, p, at, 20 + half, 0);
	at = c->bytes + c->used;
	put_outer(at, 0x200 + p->first, half / 8, inner, len - half);
	memcpy(at + 20, whole + half, len - half);
	add_frame(c, p, at, 20 + len - half, 0);
}

static void read_record(struct frag_case *c, uint64_t *ts_ns, const uint8_t *r)
{
	static const uint8_t protos[4] = { IPPROTO_UDP, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };
	static const int64_t pauses_ms[8] = { 0, 0, 0, 1, 400, 1000, 30000, -500 };
	struct frag_piece *p = &c->piece[c->n++];
	uint32_t units = (uint32_t)(r[1] | r[2] << 8) & 0x1fff;

	*ts_ns += (uint64_t)(pauses_ms[r[5] & 7] * (int64_t)MS);
	*p = (struct frag_piece){ .version = r[0] & 1 ? 6 : 4,
		                  .id = (uint8_t)(r[6] & 16 ? (r[0] >> 1 & 3) | (r[6] >> 2 & 3) << 2 : r[0] >> 1 & 1),
		                  .addr = r[0] >> 3 & 1,
		                  .text = r[0] >> 4 & 1,
		                  .more = r[0] >> 5 & 1,
		                  .proto = protos[r[0] >> 6],
		                  .options = r[3] & 8,
		                  .wrap = (r[6] & 3) % 3,
		                  .ts_ns = *ts_ns };
	if ((r[3] & 3) == 0)
		units = r[1] & 15;
	else if ((r[3] & 3) == 1) /* behind the one before */
		units = c->n > 1 ? (p[-1].offset + p[-1].len) / 8 % 8192 : 0;
	else if ((r[3] & 3) == 2)
		units = r[1] * 4u;
	p->offset = units * 8;
	p->len = r[4] < 240 ? (r[4] & 31) * 8u : (r[4] - 239u) * 512;
	if ((r[3] & 4) && p->len)
		p->len -= 1 + (r[4] & 3);
	if (r[3] & 16)
		p->cut = p->len / 2;
	build(c, p);
}

void frag_case_read(struct frag_case *c, const uint8_t *data, size_t size)
{
	static const size_t datagrams[4] = { 0, 1, 3, 12 }, bytes[4] = { 0, 6000, 20000, 70000 };
	struct fuzz_in in = { .at = data, .end = data + size };
	uint8_t caps = fuzz_u8(&in);
	uint64_t ts_ns = 1000000 * MS;

	c->n = c->n_frames = 0;
	c->used = 0;
	c->cfg = (struct fos_frag_config){ .max_datagrams = datagrams[caps & 3],
		                           .max_bytes = bytes[caps >> 2 & 3],
		                           .timeout_ns = (caps >> 4 & 3) * 500 * MS,
		                           .seed = fuzz_u8(&in) };
	fuzz_u16(&in);
	for (unsigned i = 0; i < FRAG_RECORDS && fuzz_left(&in) >= FRAG_RECORD; i++, in.at += FRAG_RECORD)
		read_record(c, &ts_ns, in.at);
}

void frag_case_print(const struct frag_case *c)
{
	fprintf(stderr, "datagrams %zu, bytes %zu, time-out %llu ns\n", c->cfg.max_datagrams, c->cfg.max_bytes,
	        (unsigned long long)c->cfg.timeout_ns);
	for (uint32_t i = 0; i < c->n; i++) {
		const struct frag_piece *p = &c->piece[i];

		fprintf(stderr,
		        "%3u %9.3f IPv%u id %u hosts %u proto %u version %u: [%u, %u)%s header %u wrap %u cut %u\n", i,
		        (double)p->ts_ns / 1e9, p->version, p->id, p->addr, p->proto, p->text, p->offset,
		        p->offset + p->len, p->more ? " more" : "", p->header, p->wrap, p->cut);
	}
}
