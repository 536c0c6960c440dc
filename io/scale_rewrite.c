/* SPDX-License-Identifier: BSD-2-Clause
 *
 * scale_rewrite.c: other addresses and sequence numbers in a copy of a packet's headers, checksums kept as right or as
 * wrong as they were (RFC 1624, equation 3). Touches the copy.
 */
#include "scale_internal.h"

#include <stdbool.h>
#include <string.h>

#include <flowos/parse.h>
#include <flowos/pkt.h>

enum { OPT_END = 0, OPT_NOP = 1, OPT_SACK = 5, TCP_MIN = 20 };

static uint16_t fold(uint32_t sum)
{
	return (uint16_t)~fos_csum_fold(sum);
}

/* The checksum at `at` when what it sums was `before` and is `after`. */
static void fix(uint8_t *at, uint32_t before, uint32_t after)
{
	uint32_t sum;
	uint16_t v;

	memcpy(&v, at, sizeof v);
	sum = (uint16_t)~v;
	sum += fold(after);
	sum += (uint16_t)~fold(before);
	v = fos_csum_fold(sum);
	memcpy(at, &v, sizeof v);
}

/* The same for UDP, where 0 means that there is none. */
static void fix_udp(uint8_t *at, uint32_t before, uint32_t after)
{
	static const uint8_t zero[2];

	if (!memcmp(at, zero, 2))
		return;
	fix(at, before, after);
	if (!memcmp(at, zero, 2))
		memset(at, 0xff, 2);
}

static void shift(uint8_t *at, uint32_t by)
{
	uint32_t v = ((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]) + by;

	at[0] = (uint8_t)(v >> 24);
	at[1] = (uint8_t)(v >> 16);
	at[2] = (uint8_t)(v >> 8);
	at[3] = (uint8_t)v;
}

static void shift_sack(uint8_t *tcp, uint32_t len, uint32_t by)
{
	for (uint32_t at = TCP_MIN; at < len && tcp[at] != OPT_END;) {
		uint32_t opt = 1;

		if (tcp[at] != OPT_NOP) {
			opt = at + 1 < len ? tcp[at + 1] : 0;
			if (opt < 2 || at + opt > len)
				return;
			for (uint32_t edge = 2; tcp[at] == OPT_SACK && edge + 4 <= opt; edge += 4)
				shift(tcp + at + edge, by);
		}
		at += opt;
	}
}

static void rewrite_tcp(uint8_t *tcp, const struct fos__scale_to *to, uint32_t before, uint32_t after)
{
	uint32_t len = (uint32_t)(tcp[12] >> 4) * 4;

	before = fos_csum_add(tcp, len, before);
	shift(tcp + 4, to->seq);
	if (tcp[13] & FOS_TCP_ACK) {
		shift(tcp + 8, to->ack);
		shift_sack(tcp, len, to->ack);
	}
	fix(tcp + 16, before, fos_csum_add(tcp, len, after));
}

/* The outer UDP checksum, which covers all that was changed from the IP header on. */
static void rewrite_outer(const struct fos__scale_pkt *k, uint8_t *head, uint32_t before, uint32_t after)
{
	if ((k->ip - k->outer) & 1) { /* words straddle: sums of swapped bytes, RFC 1071, section 2 (B) */
		before = __builtin_bswap16(fold(before));
		after = __builtin_bswap16(fold(after));
	}
	fix_udp(head + k->outer + 6, before, after);
}

void fos__scale_rewrite(const struct fos__scale_pkt *k, uint8_t *head, const struct fos__scale_to *to)
{
	bool v6 = k->flags & FOS__SCALE_V6;
	uint8_t *ip = head + k->ip, *addr = ip + (v6 ? 8 : 12);
	uint32_t len = v6 ? 16 : 4, before, after, all = 0;

	if (k->outer)
		all = fos_csum_add(ip, k->head - k->ip, 0);
	before = fos_csum_add(addr, 2 * len, 0);
	memcpy(addr, to->addr[0], len);
	memcpy(addr + len, to->addr[1], len);
	after = fos_csum_add(addr, 2 * len, 0);
	if (!v6)
		fix(ip + 10, before, after);
	if (k->flags & FOS__SCALE_TCP)
		rewrite_tcp(head + k->l4, to, before, after);
	else if (k->flags & FOS__SCALE_UDP)
		fix_udp(head + k->l4 + 6, before, after);
	if (k->outer)
		rewrite_outer(k, head, all, fos_csum_add(ip, k->head - k->ip, 0));
}
