/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_packet.c: see worst_packet.h. Headers are written from the link layer inwards, checksums last.
 */
#include "worst_packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <flowos/gen.h>
#include <flowos/parse.h>
#include <flowos/pkt.h>

enum {
	ETHER = 14,
	TCP = 20,
	FRAGMENT = 8,       /* IPv6 fragment header */
	SESSION = 1u << 31, /* of the payload's formula: none that the generator makes */
};

static uint8_t *put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t v)
{
	return put16(put16(at, v >> 16), v);
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	uint16_t v = fos_csum_fold(sum);

	memcpy(at, &v, sizeof(v));
}

uint32_t worst_address(uint32_t number)
{
	return 0xc6120000u | (number & 0x1ffff);
}

struct worst_flow worst_flow(uint32_t number, uint8_t ip)
{
	return (struct worst_flow){ .ip = ip,
		                    .addr = { worst_address(number & 0xffff), worst_address(0x1ff01) },
		                    .port = { (uint16_t)(1024 + (number >> 16)), 80 },
		                    .isn = { 0x10000000u + number, 0x50000000u + number } };
}

void worst_payload(uint64_t seed, int dir, uint64_t off, uint8_t *buf, uint32_t len)
{
	fos_gen_payload(seed, SESSION, dir, off, buf, len);
}

static uint32_t ip_len(const struct worst_flow *f)
{
	return f->ip == 4 ? 20 : 40;
}

/* Appends a frame of ETHER + len bytes; NULL: no memory. Returns its IP header. */
static uint8_t *add_frame(struct worst_traffic *t, uint8_t ip, uint32_t len)
{
	uint8_t *at = fos_frames_bytes(&t->frames, ETHER + len);
	struct fos_frame frame = { .data = at,
		                   .num = t->frames.n + 1,
		                   .len = ETHER + len,
		                   .wire_len = ETHER + len,
		                   .flags = FOS_FRAME_STABLE,
		                   .linktype = 1 };

	if (!at || fos_frames_add(&t->frames, &frame))
		return NULL;
	memset(at, 0, ETHER);
	at[0] = at[6] = 2;
	at[11] = 1;
	put16(at + 12, ip == 4 ? 0x0800 : 0x86dd);
	return at + ETHER;
}

static uint8_t *put_address6(uint8_t *at, uint32_t addr)
{
	static const uint8_t net[12] = { 0x20, 0x01, 0, 0x02 };

	memcpy(at, net, sizeof(net));
	return put32(at + sizeof(net), addr);
}

/* An IP header for `len` bytes behind it, from side `dir`; returns what is behind it. */
static uint8_t *put_ip(struct worst_traffic *t, const struct worst_flow *f, int dir, uint8_t proto, uint32_t len,
                       uint8_t *ip)
{
	if (f->ip == 6) {
		put32(ip, 0x60000000);
		put32(ip + 4, len << 16 | (uint32_t)proto << 8 | 64);
		return put_address6(put_address6(ip + 8, f->addr[dir]), f->addr[!dir]);
	}
	put32(ip, 0x45000000 | (20 + len));
	put32(ip + 4, (uint32_t)++t->ip_id << 16);
	put32(ip + 8, 64u << 24 | (uint32_t)proto << 16);
	put32(put32(ip + 12, f->addr[dir]), f->addr[!dir]);
	put_sum(ip + 10, fos_csum_add(ip, 20, 0));
	return ip + 20;
}

int worst_add(struct worst_traffic *t, const struct worst_flow *f, const struct worst_segment *s)
{
	uint32_t addrs = f->ip == 4 ? 8 : 32, len = TCP + s->len;
	uint8_t pseudo[4], *ip = add_frame(t, f->ip, ip_len(f) + len), *tcp;

	if (!ip)
		return -ENOMEM;
	tcp = put_ip(t, f, s->dir, IPPROTO_TCP, len, ip);
	put16(put16(tcp, f->port[s->dir]), f->port[!s->dir]);
	put32(tcp + 4, f->isn[s->dir] + s->seq);
	put32(tcp + 8, (s->flags & FOS_TCP_ACK) ? f->isn[!s->dir] + s->ack : 0);
	put32(tcp + 12, (uint32_t)(TCP / 4) << 28 | (uint32_t)s->flags << 16 | 0xffff);
	put32(tcp + 16, 0);
	worst_payload(t->seed, s->dir, s->seq ? s->seq - 1 : 0, tcp + TCP, s->len);
	for (uint32_t i = 0; s->change && i < s->len; i++)
		tcp[TCP + i] = (uint8_t)(tcp[TCP + i] + s->change);
	put16(put16(pseudo, IPPROTO_TCP), len);
	put_sum(tcp + 16, fos_csum_add(tcp, len, fos_csum_add(pseudo, 4, fos_csum_add(tcp - addrs, addrs, 0))));
	return 0;
}

int worst_add_handshake(struct worst_traffic *t, const struct worst_flow *f)
{
	const struct worst_segment s[] = {
		{ .flags = FOS_TCP_SYN },
		{ .dir = 1, .flags = FOS_TCP_SYN | FOS_TCP_ACK, .ack = 1 },
		{ .flags = FOS_TCP_ACK, .seq = 1, .ack = 1 },
	};

	for (int i = 0; i < 3; i++)
		if (worst_add(t, f, &s[i]))
			return -ENOMEM;
	return 0;
}

int worst_add_fragment(struct worst_traffic *t, const struct worst_flow *f, uint32_t id, uint32_t from, uint32_t to,
                       uint32_t total)
{
	uint32_t extra = f->ip == 6 ? FRAGMENT : 0, len = extra + to - from;
	uint8_t *ip = add_frame(t, f->ip, ip_len(f) + len), *at;

	if (!ip)
		return -ENOMEM;
	at = put_ip(t, f, 0, f->ip == 6 ? IPPROTO_FRAGMENT : IPPROTO_UDP, len, ip);
	if (f->ip == 6) {
		put32(at, (uint32_t)IPPROTO_UDP << 24 | from | (to < total));
		at = put32(at + 4, id);
	} else {
		put16(put16(ip + 4, id), from / 8 | (to < total ? 0x2000u : 0));
		put16(ip + 10, 0);
		put_sum(ip + 10, fos_csum_add(ip, 20, 0));
	}
	memset(at, 0, to - from);
	if (from == 0) {
		put16(put16(at, f->port[0]), f->port[1]);
		put16(at + 4, total);
		put16(at + 6, 0);
	}
	return 0;
}

/* One fragment of what begins at `ip` and has `header` bytes of header: [from, to) of the `total` behind it. */
static int add_part(struct worst_traffic *t, const uint8_t *ip, uint32_t header, uint32_t id, uint32_t from,
                    uint32_t to, uint32_t total)
{
	bool six = header == 40;
	uint32_t extra = six ? FRAGMENT : 0;
	uint8_t *out = add_frame(t, six ? 6 : 4, header + extra + to - from);

	if (!out)
		return -ENOMEM;
	memcpy(out, ip, header);
	memcpy(out + header + extra, ip + header + from, to - from);
	if (six) {
		put16(out + 4, extra + to - from);
		out[6] = IPPROTO_FRAGMENT;
		put32(out + 40, (uint32_t)ip[6] << 24 | from | (to < total));
		put32(out + 44, id);
		return 0;
	}
	put16(out + 2, header + to - from);
	put16(put16(out + 4, id), from / 8 | (to < total ? 0x2000u : 0));
	put16(out + 10, 0);
	put_sum(out + 10, fos_csum_add(out, header, 0));
	return 0;
}

int worst_add_cut(struct worst_traffic *t, const struct fos_frame *f, uint32_t size, bool reverse)
{
	const uint8_t *ip = f->data + ETHER;
	uint32_t header = ip[0] >> 4 == 6 ? 40 : (ip[0] & 15u) * 4, total = f->len - ETHER - header;
	uint32_t n = (total + size - 1) / size, id = ++t->ip_id;

	if (n <= 1)
		return fos_frames_add(&t->frames, f);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = (reverse ? n - 1 - i : i) * size, to = from + size < total ? from + size : total;

		if (add_part(t, ip, header, id, from, to, total))
			return -ENOMEM;
	}
	return 0;
}

void worst_traffic_free(struct worst_traffic *t)
{
	fos_frames_free(&t->frames);
}
