/* SPDX-License-Identifier: BSD-2-Clause
 *
 * wire.c: see wire.h.
 */
#include "wire.h"

#include <string.h>

enum { IP4_HEADER = 20, IP6_HEADER = 40, TCP_HEADER = 20, PROTOCOL_TCP = 6, LINKTYPE_RAW = 101 };

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

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static uint64_t sum(const uint8_t *p, size_t len)
{
	uint64_t s = 0;

	for (; len > 1; p += 2, len -= 2)
		s += get16(p);
	return len ? s + ((uint64_t)*p << 8) : s;
}

static uint16_t folded(uint64_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

/* 10.9.0.1 or fd09::1 is the server; clients are 10.9.x.y or fd09::xy. Returns the sum of both for the checksum. */
static uint64_t put_ip(const struct wire_conn *c, uint8_t *ip, size_t tcp_len)
{
	if (c->ipv6) {
		memset(ip, 0, IP6_HEADER);
		ip[0] = 0x60;
		put16(ip + 4, (uint32_t)tcp_len);
		ip[6] = PROTOCOL_TCP;
		ip[7] = 64;
		put16(ip + 8, 0xfd09);
		put16(ip + 22, c->client);
		put16(ip + 24, 0xfd09);
		put16(ip + 38, 1);
		return sum(ip + 8, 32);
	}
	memset(ip, 0, IP4_HEADER);
	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)(IP4_HEADER + tcp_len));
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = PROTOCOL_TCP;
	put32(ip + 12, 0x0a090000U | c->client);
	put32(ip + 16, 0x0a090001U);
	put16(ip + 10, folded(sum(ip, IP4_HEADER)));
	return sum(ip + 12, 8);
}

static size_t put_options(struct wire_conn *c, bool syn, uint8_t *p)
{
	size_t n = 0;

	if (syn) {
		memcpy(p, "\2\4\0\0", 4);
		put16(p + 2, 1448 + 12);
		n = 4;
	}
	if (syn && c->options != WIRE_PLAIN) {
		memcpy(p + n, "\1\1\4\2", 4);
		n += 4;
	}
	if (c->options == WIRE_TIMESTAMPS) {
		memcpy(p + n, "\1\1\10\12", 4);
		put32(p + n + 4, ++c->ts);
		put32(p + n + 8, syn ? 0 : c->peer_ts);
		n += 12;
	}
	return n;
}

size_t wire_packet(struct wire_conn *c, unsigned flags, uint32_t offset, const uint8_t *data, size_t len, uint8_t *buf)
{
	size_t ip_len = c->ipv6 ? IP6_HEADER : IP4_HEADER;
	uint8_t *tcp = buf + ip_len;
	bool syn = flags & WIRE_SYN;
	uint64_t s;

	memset(tcp, 0, TCP_HEADER);
	size_t header = TCP_HEADER + put_options(c, syn, tcp + TCP_HEADER);
	size_t tcp_len = header + len;

	put16(tcp, c->port);
	put16(tcp + 2, WIRE_SERVER_PORT);
	put32(tcp + 4, syn ? c->isn : c->isn + 1 + offset);
	put32(tcp + 8, flags & WIRE_ACK ? c->peer_isn + 1 : 0);
	tcp[12] = (uint8_t)(header / 4 << 4);
	tcp[13] = (uint8_t)flags;
	put16(tcp + 14, 65535);
	if (len)
		memcpy(tcp + header, data, len);
	s = put_ip(c, buf, tcp_len) + PROTOCOL_TCP + tcp_len;
	put16(tcp + 16, folded(s + sum(tcp, tcp_len)));
	return ip_len + tcp_len;
}

static void note_time_stamp(struct wire_conn *c, const uint8_t *options, size_t len)
{
	for (size_t i = 0; i < len && options[i] != 0;) {
		if (options[i] == 1) {
			i++;
			continue;
		}
		if (i + 1 >= len || options[i + 1] < 2)
			return;
		if (options[i] == 8 && i + 10 <= len)
			c->peer_ts = get32(options + i + 2);
		i += options[i + 1];
	}
}

bool wire_is_syn_ack(struct wire_conn *c, const uint8_t *packet, size_t len)
{
	size_t ip_len = c->ipv6 ? IP6_HEADER : IP4_HEADER;
	const uint8_t *tcp = packet + ip_len;

	if (len < ip_len + TCP_HEADER || packet[0] >> 4 != (c->ipv6 ? 6 : 4))
		return false;
	if (packet[c->ipv6 ? 6 : 9] != PROTOCOL_TCP || (tcp[13] & (WIRE_SYN | WIRE_ACK)) != (WIRE_SYN | WIRE_ACK))
		return false;
	if (get16(tcp) != WIRE_SERVER_PORT || get16(tcp + 2) != c->port || get32(tcp + 8) != c->isn + 1)
		return false;
	if (get16(packet + (c->ipv6 ? 38 : 18)) != c->client)
		return false;
	c->peer_isn = get32(tcp + 4);
	size_t header = (size_t)(tcp[12] >> 4) * 4;

	if (header > TCP_HEADER && ip_len + header <= len)
		note_time_stamp(c, tcp + TCP_HEADER, header - TCP_HEADER);
	return true;
}

bool wire_pcap_start(FILE *out)
{
	uint8_t h[24] = { 0 };

	put32(h, 0xa1b2c3d4U);
	put16(h + 4, 2);
	put16(h + 6, 4);
	put32(h + 16, 65535);
	put32(h + 20, LINKTYPE_RAW);
	return fwrite(h, sizeof(h), 1, out) == 1;
}

bool wire_pcap_add(FILE *out, uint64_t time_us, const uint8_t *packet, size_t len)
{
	uint8_t h[16];

	put32(h, (uint32_t)(time_us / 1000000));
	put32(h + 4, (uint32_t)(time_us % 1000000));
	put32(h + 8, (uint32_t)len);
	put32(h + 12, (uint32_t)len);
	return fwrite(h, sizeof(h), 1, out) == 1 && fwrite(packet, len, 1, out) == 1;
}
