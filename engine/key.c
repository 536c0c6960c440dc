/* SPDX-License-Identifier: BSD-2-Clause
 *
 * key.c: the canonical key of a session, and names for people: of an address, of a verdict. Pure functions.
 */
#include <flowos/key.h>

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>

#include "key4.h"
#include "parse_internal.h"

/* Is (address, port) of the sender above that of the receiver? Integers loaded as big-endian sort as their bytes do. */
static bool sender_above(const uint8_t *src, const uint8_t *dst, unsigned alen, uint16_t sport, uint16_t dport)
{
	uint64_t s, d;

	if (alen == 4) {
		s = fos__be32(src);
		d = fos__be32(dst);
	} else {
		s = fos__be64(src);
		d = fos__be64(dst);
		if (s == d) {
			s = fos__be64(src + 8);
			d = fos__be64(dst + 8);
		}
	}
	return s != d ? s > d : sport > dport;
}

int fos_key_of(const struct fos_pkt *p, int with_vlan, struct fos_key *key)
{
	unsigned alen = p->ip_version == 4 ? 4 : 16;
	const uint8_t *src = p->ip + (alen == 4 ? 12 : 8);
	const uint8_t *dst = src + alen;
	int side = sender_above(src, dst, alen, p->sport, p->dport);

	memset(key->addr, 0, sizeof key->addr);
	memcpy(key->addr[side], src, alen);
	memcpy(key->addr[!side], dst, alen);
	key->port[side] = p->sport;
	key->port[!side] = p->dport;
	key->vlan = with_vlan ? p->vlan : 0xffff;
	key->proto = p->proto;
	key->version = p->ip_version;
	return side;
}

uint32_t fos_key_hash(const struct fos_key *key, uint64_t seed)
{
	if (key->version != 4)
		return (uint32_t)XXH3_64bits_withSeed(key, sizeof(*key), seed);
	struct fos__key4 k = fos__key4_of_key(key);

	return fos__key4_hash(&k, seed);
}

char *fos_key_text(const struct fos_key *key, int side, char *buf, size_t len)
{
	char addr[INET6_ADDRSTRLEN] = "?";
	bool v4 = key->version == 4;

	inet_ntop(v4 ? AF_INET : AF_INET6, key->addr[side], addr, sizeof addr);
	snprintf(buf, len, v4 ? "%s:%u" : "[%s]:%u", addr, key->port[side]);
	return buf;
}

const char *fos_verdict_name(enum fos_verdict v)
{
	static const char *const names[FOS_PKT_VERDICTS] = {
		[FOS_PKT_TCP] = "tcp",
		[FOS_PKT_UDP] = "udp",
		[FOS_PKT_FRAGMENT] = "fragment",
		[FOS_PKT_OTHER] = "other",
		[FOS_PKT_NON_IP] = "non_ip",
		[FOS_PKT_MALFORMED] = "malformed",
		[FOS_PKT_TRUNCATED] = "truncated",
		[FOS_PKT_LINKTYPE] = "linktype",
	};

	return (unsigned)v < FOS_PKT_VERDICTS ? names[v] : "?";
}
