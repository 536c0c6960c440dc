/* SPDX-License-Identifier: BSD-2-Clause
 *
 * checksum.c: the Internet checksum (RFC 1071), and whether a parsed packet's is right. Pure functions.
 *
 * Sums are of 16-bit words as they lie in memory, so nothing is swapped; ones' complement addition does not mind
 * (RFC 1071, section 2 (B)), nor that 32 bits are added at a time in lanes of 64.
 */
#include <flowos/parse.h>

#include <arpa/inet.h>

#include "parse_internal.h"

static inline uint32_t fold32(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (uint32_t)((sum & 0xffffffff) + (sum >> 32));
}

/* Four lanes; the compiler makes of it what the machine has. A lane gets less than 2^34 per 64 bytes: no overflow for any
 * 32-bit length. */
typedef uint64_t lanes __attribute__((vector_size(32)));

/* Of n bytes, a multiple of 32. Halves are added up apart from each other: two chains, and each goes on while the other does. */
static inline __attribute__((always_inline)) uint64_t add_lanes(const uint8_t *p, uint32_t n)
{
	const lanes all = { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff };
	lanes low = { 0 }, high = { 0 }, v, w;
	uint64_t total = 0;

	for (; n >= 64; n -= 64, p += 64) {
		memcpy(&v, p, sizeof v);
		memcpy(&w, p + sizeof v, sizeof w);
		low += v & all;
		high += v >> 32;
		low += w & all;
		high += w >> 32;
	}
	if (n) {
		memcpy(&v, p, sizeof v);
		low += v & all;
		high += v >> 32;
	}
	for (unsigned i = 0; i < 4; i++)
		total += (uint64_t)fold32(low[i]) + fold32(high[i]);
	return total;
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static uint64_t add_avx2(const uint8_t *p, uint32_t n)
{
	return add_lanes(p, n);
}
#endif

static uint64_t add_wide(const uint8_t *p, uint32_t n)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return add_avx2(p, n);
#endif
	return add_lanes(p, n);
}

uint32_t fos_csum_add(const void *data, uint32_t len, uint32_t sum)
{
	const uint8_t *p = data;
	uint64_t total = sum, word;
	uint32_t wide = len >= 64 ? len & ~31u : 0;

	if (wide)
		total += add_wide(p, wide);
	p += wide;
	len -= wide;
	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, sizeof word);
		total += (word & 0xffffffff) + (word >> 32);
	}
	if (len > 0) {
		word = 0;
		memcpy(&word, p, len);
		total += (word & 0xffffffff) + (word >> 32);
	}
	return fold32(total);
}

uint16_t fos_csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Where a source route is not yet at its end, the pseudo-header holds the last address of the route (RFC 793, section
 * 3.1; RFC 8200, section 8.1), not the header's destination. Returns NULL where there is no telling. */
static FOS__COLD const uint8_t *routed_dst4(const uint8_t *ip, uint32_t hlen)
{
	for (uint32_t at = FOS__IP4_MIN; at < hlen && ip[at] != 0;) {
		uint32_t len = at + 1 < hlen ? ip[at + 1] : 0;

		if (ip[at] == 1) { /* no operation */
			at++;
			continue;
		}
		if (len < 2 || at + len > hlen)
			return NULL;
		if ((ip[at] == 131 || ip[at] == 137) && len >= 7 && ip[at + 2] < len) /* loose, strict */
			return ip + at + len - 4;
		at += len;
	}
	return ip + 16;
}

static FOS__COLD const uint8_t *routed_dst6(const uint8_t *ip, uint32_t l4)
{
	uint8_t kind = ip[6];

	for (uint32_t at = FOS__IP6_LEN; at + 8 <= l4;) {
		uint32_t len = (ip[at + 1] + 1u) * 8;

		if (kind == FOS__IP_FRAGMENT)
			len = 8;
		else if (kind == FOS__IP_AH)
			len = (ip[at + 1] + 2u) * 4;
		if (kind == FOS__IP_ROUTING && ip[at + 3] != 0) {
			if (len < 24 || at + len > l4)
				return NULL;
			if (ip[at + 2] == 0 || ip[at + 2] == 2)
				return ip + at + len - 16;
			return ip[at + 2] == 4 ? ip + at + 8 : NULL; /* segments, last one first */
		}
		kind = ip[at];
		at += len;
	}
	return ip + 24;
}

/* Sum of the pseudo-header, or false where its destination cannot be told. */
static inline bool pseudo_sum(const struct fos_pkt *p, uint32_t len, uint32_t *sum)
{
	const uint8_t *ip = p->ip, *dst;
	uint32_t tail[2] = { htonl(len), htonl(p->proto) };
	bool v4 = p->ip_version == 4;

	dst = ip + (v4 ? 16 : 24);
	if (FOS__UNLIKELY(p->l4 > (v4 ? FOS__IP4_MIN : FOS__IP6_LEN)))
		dst = v4 ? routed_dst4(ip, (ip[0] & 15u) * 4) : routed_dst6(ip, p->l4);
	if (!dst)
		return false;
	*sum = fos_csum_add(ip + (v4 ? 12 : 8), v4 ? 4 : 16, 0);
	*sum = fos_csum_add(dst, v4 ? 4 : 16, *sum);
	*sum = fos_csum_add(tail, sizeof tail, *sum);
	return true;
}

bool fos_checksum_ok(const struct fos_pkt *p)
{
	const uint8_t *ip = p->ip, *l4;
	uint32_t sum;

	if (!fos__verdict_is_ip(p->verdict))
		return true;
	if ((p->f.flags & FOS_FRAME_CSUM_OK) && !(p->f.flags & FOS_FRAME_CORRUPTED) && !p->buf)
		return true;
	if (p->ip_version == 4) {
		if (fos__be16(ip + 2) == 0) /* the sender's NIC was to fill in lengths and sums */
			return true;
		if (fos_csum_fold(fos_csum_add(ip, (ip[0] & 15u) * 4, 0)) != 0)
			return false;
	}
	if (p->verdict != FOS_PKT_TCP && p->verdict != FOS_PKT_UDP)
		return true;
	l4 = ip + p->l4;
	if (p->proto == FOS__IP_UDP && fos__be16(l4 + 6) == 0)
		return p->ip_version == 4;
	if (p->app_len < p->app_wire_len)
		return true;
	if (!pseudo_sum(p, p->l4_len + p->app_len, &sum))
		return true;
	sum = fos_csum_add(l4, p->l4_len, sum);
	if (p->app_len > 0)
		sum = fos_csum_add(p->app, p->app_len, sum);
	return fos_csum_fold(sum) == 0;
}
