/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tcp_case.c: an input of the target `tcp` as packets. See tcp_case.h.
 *
 * Settings: 0 policy; 1 how long a hole is waited for; 2 caps; 3, 4 first sequence numbers; 5 modes; 6 ends of clean
 * streams; 7 seed of the walker. A record: 0 direction (bit 0), 4-tuple (bits 1, 2), version (3), flags (4-7);
 * 1, 2 an offset; 3 how it is meant (bits 0-2), how much was not captured (3, 4), what the acknowledgement is (5-7);
 * 4 length; 5 the acknowledgement's offset; 6 time that passes; 7 how many packets more (bits 0-2, where 4 and 5 are
 * set), the last one first (3), a wrong checksum (6 and 7).
 */
#include "tcp_case.h"

#include <stdio.h>

#include <flowos/parse.h>
#include <flowos/pkt.h>

enum {
	FIN = FOS_TCP_FIN,
	SYN = FOS_TCP_SYN,
	RST = FOS_TCP_RST,
	PSH = FOS_TCP_PSH,
	ACK = FOS_TCP_ACK,
	URG = FOS_TCP_URG
};

static const uint8_t flag_sets[16] = {
	ACK,       ACK | PSH, SYN,       SYN | ACK, FIN | ACK,       ACK | URG, 0,   RST,
	RST | ACK, FIN,       SYN | FIN, SYN | RST, SYN | FIN | ACK, FIN | RST, ACK, ACK
};

/* Where rules of ORDER.md change their minds. */
static const uint32_t jumps[16] = { 1,
	                            2,
	                            1000,
	                            65536,
	                            (1u << 20) - 1,
	                            1u << 20,
	                            (1u << 20) + 1,
	                            (16u << 20) - 1,
	                            16u << 20,
	                            (16u << 20) + 2,
	                            (1u << 30) - 1,
	                            1u << 30,
	                            (1u << 30) + 1,
	                            0x7fffffff,
	                            0x80000000,
	                            0x80000001 };

static const uint32_t first_numbers[8] = { 1000, 0xfffffff0, 0xffffffff, 0, 0x7ffffff0, 0x80000000, 0xffff0000, 1 };

static const uint64_t MS = 1000000, SECOND = 1000000000;

/* What lies between two packets, in ms; the last one is a step back. */
static const int64_t pauses_ms[16] = { 0,    0,     0,     0,     1,      1,      10,      20,
	                               1000, 59900, 60000, 61000, 119000, 120000, 7440000, -30000 };

struct ends {
	uint32_t cursor[2]; /* behind what was sent last */
};

static uint32_t base_of(const struct tcp_case *c, unsigned tuple, unsigned dir)
{
	return c->base[tuple][tuple == TCP_SELF ? 0 : dir];
}

static void read_settings(struct tcp_case *c, struct fuzz_in *in)
{
	static const uint32_t waits[8] = { 0, 1, 2, 3, 8, 20, 0, 4 }, caps[4] = { 0, 600, 2500, 20000 };
	uint8_t wait, cap, first[2], mode, ends;

	memset(&c->cfg, 0, sizeof(c->cfg));
	c->cfg.overlap = (enum fos_overlap)(fuzz_u8(in) % FOS_OVERLAPS);
	wait = fuzz_u8(in);
	c->cfg.hole_wait_packets = waits[wait & 7];
	c->cfg.hole_wait_ns = (wait >> 3 & 3) == 1 ? MS : (wait >> 3 & 3) == 2 ? 15 * MS : 0;
	cap = fuzz_u8(in);
	c->cfg.cap_direction_bytes = caps[cap & 3];
	c->cfg.cap_total_bytes = caps[cap >> 2 & 3];
	c->cfg.cap_retained_bytes = caps[cap >> 4 & 3];
	c->cfg.max_sessions = cap >> 6 == 3 ? 3 : 0;
	first[0] = fuzz_u8(in);
	first[1] = fuzz_u8(in);
	mode = fuzz_u8(in);
	c->mode = mode & 3;
	c->clean = mode & 4;
	c->walker = mode & 8;
	c->level = mode >> 4 & 3;
	c->cfg.verify_checksums = mode & 64;
	ends = fuzz_u8(in);
	c->seed = fuzz_u8(in);
	c->cfg.seed = c->seed;
	for (unsigned t = 0; t < TCP_TUPLES; t++) {
		for (unsigned d = 0; d < 2; d++) {
			c->base[t][d] = first_numbers[first[d] >> (t & 1) * 3 & 7] + t * 16;
			c->end[t][d] = (uint32_t)(ends >> d * 4 & 15) * (TCP_CLEAN_SPAN / 16) + 40;
		}
	}
	if (c->clean) {
		c->cfg.hole_wait_packets = UINT32_MAX;
		c->cfg.hole_wait_ns = 0;
		c->cfg.cap_direction_bytes = c->cfg.cap_total_bytes = c->cfg.max_sessions = 0;
	}
}

static uint32_t small(uint8_t byte)
{
	return (uint32_t)(int32_t)(int8_t)byte;
}

/* There and back: bits 0-3 say how far, bit 4 which way. */
static uint32_t jump(uint8_t byte)
{
	uint32_t by = jumps[byte & 15];

	return byte & 16 ? 0u - by : by;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint8_t *put_ip4(uint8_t *ip, const struct tcp_packet *p)
{
	static const uint8_t hosts[TCP_TUPLES][2] = { { 1, 2 }, { 9, 2 }, { 0, 0 }, { 5, 5 } };

	put16(ip - 2, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, 40 + p->len + p->more);
	ip[8] = 64;
	ip[9] = 6;
	ip[12] = ip[16] = 10;
	ip[15] = hosts[p->tuple][p->dir];
	ip[19] = hosts[p->tuple][!p->dir];
	return ip + 20;
}

static uint8_t *put_ip6(uint8_t *ip, const struct tcp_packet *p)
{
	put16(ip - 2, 0x86dd);
	ip[0] = 0x60;
	put16(ip + 4, 20 + p->len + p->more);
	ip[6] = 6;
	ip[7] = 64;
	ip[8] = ip[24] = 0x20;
	ip[23] = p->dir ? 1 : 2;
	ip[39] = p->dir ? 2 : 1;
	return ip + 40;
}

/* Checksums that are right, but for one of TCP's that is to be wrong. What was not captured is taken as zeroes. */
static void put_sums(uint8_t *ip, uint8_t *tcp, const struct tcp_packet *p)
{
	uint32_t addresses = p->tuple == 2 ? 32 : 8, sum;
	uint8_t tail[4] = { 0, 6 };
	uint16_t fold;

	if (p->tuple != 2) {
		fold = fos_csum_fold(fos_csum_add(ip, 20, 0));
		memcpy(ip + 10, &fold, 2);
	}
	put16(tail + 2, 20 + p->len + p->more);
	sum = fos_csum_add(tail, 4, fos_csum_add(tcp - addresses, addresses, 0));
	fold = fos_csum_fold(fos_csum_add(tcp, 20 + p->len, sum));
	memcpy(tcp + 16, &fold, 2);
	tcp[16] ^= p->bad ? 0x10 : 0;
}

static void build(struct tcp_case *c, struct tcp_packet *p)
{
	static const uint16_t ports[TCP_TUPLES][2] = { { 1000, 80 }, { 80, 81 }, { 1000, 80 }, { 7, 7 } };
	uint8_t *frame = c->bytes + c->used, *tcp;

	memset(frame, 0, TCP_HEADERS);
	tcp = p->tuple == 2 ? put_ip6(frame + 14, p) : put_ip4(frame + 14, p);
	put16(tcp, ports[p->tuple][p->dir]);
	put16(tcp + 2, ports[p->tuple][!p->dir]);
	put32(tcp + 4, p->seq);
	put32(tcp + 8, p->ack);
	tcp[12] = 5 << 4;
	tcp[13] = p->flags;
	p->frame = frame;
	p->headers = (uint32_t)(tcp + 20 - frame);
	for (uint32_t i = 0; i < p->len; i++)
		tcp[20 + i] = tcp_byte(p->tuple, p->tuple == TCP_SELF ? 0 : p->dir, p->first + i, p->version);
	if (c->cfg.verify_checksums)
		put_sums(frame + 14, tcp, p);
	c->used += p->headers + p->len;
}

/* Where a segment begins, as bytes 1 to 3 of its record say. */
static uint32_t place(struct tcp_case *c, struct ends *e, const struct tcp_packet *p, const uint8_t *r)
{
	unsigned d = p->tuple == TCP_SELF ? 0 : p->dir;
	uint32_t base = base_of(c, p->tuple, p->dir), off = (uint32_t)(r[1] | r[2] << 8);

	switch (r[3] & 7) {
	case 0:
	case 1:
		return e->cursor[d];
	case 2:
		return base + off % TCP_CLEAN_SPAN;
	case 3:
		return e->cursor[d] + small(r[1]);
	case 4:
		return base + jump(r[1]) + small(r[2]);
	case 5: /* another connection's numbers, from here on */
		c->base[p->tuple][d] = base + jump(r[1]) + small(r[2]);
		return c->base[p->tuple][d];
	case 6:
		return e->cursor[d] + off;
	default:
		return base + off % 64;
	}
}

static uint32_t acknowledged(const struct tcp_case *c, const struct ends *e, const struct tcp_packet *p,
                             const uint8_t *r)
{
	unsigned d = p->tuple == TCP_SELF ? 0 : !p->dir;
	uint32_t base = base_of(c, p->tuple, !p->dir);

	switch (r[3] >> 5) {
	case 0:
	case 1:
		return e->cursor[d];
	case 2:
	case 3:
		return base + (uint32_t)r[5] * 16;
	case 4:
		return e->cursor[d] + small(r[5]);
	case 5:
		return base + jump(r[5]);
	case 6:
		return base;
	default:
		return (uint32_t)r[5] << 24;
	}
}

/* Makes a packet one of a conversation of which nobody can think two things: no RST, no other connection, a FIN at the
 * end only. */
static void make_clean(const struct tcp_case *c, struct tcp_packet *p, const uint8_t *r, uint32_t number)
{
	uint32_t base = c->base[p->tuple][p->dir], end = c->end[p->tuple][p->dir];
	uint32_t off = ((uint32_t)(r[1] | r[2] << 8) + number * (p->len + p->more)) % (end + 1);

	p->flags &= (uint8_t)~RST;
	if (p->flags & SYN) {
		off = 0;
		p->ack = c->base[p->tuple][!p->dir];
	} else {
		p->ack = c->base[p->tuple][!p->dir] + (uint32_t)r[5] * 16;
	}
	p->first = base + off;
	p->seq = p->first - ((p->flags & SYN) ? 1 : 0);
	if (p->len + p->more > end - off) {
		p->len = end - off;
		p->more = 0;
	}
	if (off + p->len + p->more != end)
		p->flags &= (uint8_t)~FIN;
}

static void read_record(struct tcp_case *c, struct ends *ends, uint64_t *ts_ns, const uint8_t *r)
{
	uint32_t times = 1 + ((r[7] & 0x30) == 0x30 ? r[7] & 7 : 0), from = c->n;
	int64_t pause = pauses_ms[r[6] & 15] * (int64_t)MS + (r[6] >> 4) * 1000;

	if (c->clean)
		pause = r[6] * 1000;
	*ts_ns += (uint64_t)pause;
	for (uint32_t i = 0; i < times && c->n < TCP_PACKETS; i++) {
		struct tcp_packet *p = &c->packet[c->n++];
		struct ends *e;
		uint32_t len = r[4] < 224 ? r[4] & 31 : (r[4] - 223u) * 40;

		*p = (struct tcp_packet){ .dir = r[0] & 1,
			                  .tuple = r[0] >> 1 & (c->clean ? 1 : 3),
			                  .version = r[0] >> 3 & 1,
			                  .flags = flag_sets[r[0] >> 4],
			                  .ts_ns = *ts_ns };
		e = &ends[p->tuple];
		p->more = (r[3] >> 3 & 3) == 3 ? len - len / 2 : 0;
		p->len = len - p->more;
		p->bad = c->cfg.verify_checksums && (r[7] & 0xc0) == 0xc0 && !p->more; /* else it cannot be told */
		if (c->clean) {
			make_clean(c, p, r, i);
		} else {
			p->first = i ? e->cursor[p->tuple == TCP_SELF ? 0 : p->dir] : place(c, e, p, r);
			p->seq = p->first - ((p->flags & SYN) ? 1 : 0);
			p->ack = acknowledged(c, e, p, r);
		}
		e->cursor[p->tuple == TCP_SELF ? 0 : p->dir] = p->first + p->len + p->more;
		if (!(p->flags & ACK))
			p->ack = 0;
	}
	for (uint32_t a = from, b = c->n - 1; (r[7] & 8) && a < b; a++, b--) {
		struct tcp_packet t = c->packet[a];

		c->packet[a] = c->packet[b];
		c->packet[b] = t;
	}
}

void tcp_case_print(const struct tcp_case *c, FILE *out)
{
	fprintf(out, "policy %s, hole-wait %u packets %llu ns, caps %zu %zu %zu, sessions %zu%s%s, mode %u, level %u\n",
	        fos_overlap_name(c->cfg.overlap), c->cfg.hole_wait_packets, (unsigned long long)c->cfg.hole_wait_ns,
	        c->cfg.cap_direction_bytes, c->cfg.cap_total_bytes, c->cfg.cap_retained_bytes, c->cfg.max_sessions,
	        c->clean ? ", clean" : "", c->walker ? ", walker" : "", c->mode, c->level);
	for (uint32_t i = 0; i < c->n; i++) {
		const struct tcp_packet *p = &c->packet[i];

		fprintf(out, "%4u %12.6f %u%c %s%s%s%s seq %u = %+d, %u+%u bytes of version %u, ack %u = %+d%s\n", i,
		        (double)(p->ts_ns - c->packet[0].ts_ns) / 1e9, p->tuple, p->dir ? '<' : '>',
		        p->flags & SYN ? "S" : ".", p->flags & FIN ? "F" : ".", p->flags & RST ? "R" : ".",
		        p->flags & ACK ? "A" : ".", p->seq, (int)(p->first - c->base[p->tuple][p->dir]), p->len,
		        p->more, p->version, p->ack, (int)(p->ack - c->base[p->tuple][!p->dir]),
		        p->bad ? " wrong checksum" : "");
	}
}

void tcp_case_read(struct tcp_case *c, const uint8_t *data, size_t size)
{
	struct fuzz_in in = { .at = data, .end = data + size };
	struct ends ends[TCP_TUPLES];
	uint64_t ts_ns = 1000000 * SECOND;

	c->n = 0;
	c->used = 0;
	read_settings(c, &in);
	for (unsigned t = 0; t < TCP_TUPLES; t++)
		for (unsigned d = 0; d < 2; d++)
			ends[t].cursor[d] = c->base[t][d];
	for (unsigned i = 0; i < TCP_RECORDS && fuzz_left(&in) >= TCP_RECORD; i++, in.at += TCP_RECORD)
		read_record(c, ends, &ts_ns, in.at);
	for (uint32_t i = 0; i < c->n; i++)
		build(c, &c->packet[i]);
}
