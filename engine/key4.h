/* SPDX-License-Identifier: BSD-2-Clause
 *
 * key4.h: what is not zero in the key of an IPv4 session (flowos/key.h), in 16 bytes: quick to make of a packet, to hash
 * and to compare. Which end is side 0 of the key is not asked before a session is there to say it. Internal, pure
 * functions.
 */
#ifndef FOS_KEY4_H
#define FOS_KEY4_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <flowos/key.h>

/* As its packet has it: `addr` the bytes of the IP header, `port` in host byte order, the sender's the low half of each. */
struct fos__key4 {
	uint64_t addr;
	uint32_t port;
	uint32_t tag; /* the key's last bytes: VLAN, protocol, version */
};

_Static_assert(offsetof(struct fos_key, vlan) + sizeof(uint32_t) == sizeof(struct fos_key), "the tag ends the key");

/* Of a sender's and a receiver's address as they stand in memory. */
static inline uint64_t fos__key4_addr(const uint8_t *from, const uint8_t *to)
{
	uint32_t a, b;

	memcpy(&a, from, sizeof(a));
	memcpy(&b, to, sizeof(b));
	return a | (uint64_t)b << 32;
}

static inline uint32_t fos__key4_port(uint16_t from, uint16_t to)
{
	return from | (uint32_t)to << 16;
}

static inline uint32_t fos__key4_tag(uint16_t vlan, uint8_t proto)
{
	struct fos_key k = { .vlan = vlan, .proto = proto, .version = 4 };
	uint32_t tag;

	memcpy(&tag, &k.vlan, sizeof(tag));
	return tag;
}

/* Of a packet with IPv4. */
static inline struct fos__key4 fos__key4_of(const struct fos_pkt *p, bool with_vlan)
{
	return (struct fos__key4){ .addr = fos__key4_addr(p->ip + 12, p->ip + 16),
		                   .port = fos__key4_port(p->sport, p->dport),
		                   .tag = fos__key4_tag(with_vlan ? p->vlan : 0xffff, p->proto) };
}

/* Of a key, as if its side 0 had sent a packet. */
static inline struct fos__key4 fos__key4_of_key(const struct fos_key *key)
{
	struct fos__key4 k = { .addr = fos__key4_addr(key->addr[0], key->addr[1]),
		               .port = fos__key4_port(key->port[0], key->port[1]) };

	memcpy(&k.tag, &key->vlan, sizeof(k.tag));
	return k;
}

/* Writes the key that it is of where all is zero; returns which side of it sent. */
static inline int fos__key4_key(const struct fos__key4 *k, struct fos_key *key)
{
	uint32_t from = (uint32_t)k->addr, to = (uint32_t)(k->addr >> 32);
	uint16_t sport = (uint16_t)k->port, dport = (uint16_t)(k->port >> 16);
	uint32_t a = ntohl(from), b = ntohl(to);
	int side = a != b ? a > b : sport > dport;

	memcpy(key->addr[side], &from, sizeof(from));
	memcpy(key->addr[!side], &to, sizeof(to));
	key->port[side] = sport;
	key->port[!side] = dport;
	memcpy(&key->vlan, &k->tag, sizeof(k->tag));
	return side;
}

/* Is it the key, and which side of it sent? 0, 1, or -1: it is another. */
static inline int fos__key4_side(const struct fos__key4 *k, const struct fos_key *key)
{
	struct fos__key4 of = fos__key4_of_key(key);

	if (k->tag != of.tag)
		return -1;
	if (k->addr == of.addr && k->port == of.port)
		return 0;
	return k->addr == (of.addr << 32 | of.addr >> 32) && k->port == (of.port << 16 | of.port >> 16) ? 1 : -1;
}

/* What fos__key4_mix() takes for the keys with a tag: odd. */
static inline uint64_t fos__key4_secret(uint32_t tag, uint64_t seed)
{
	return XXH3_64bits_withSeed(&tag, sizeof(tag), seed) | 1;
}

/* The same for both directions, as both ends are treated alike: the halves of a product of 64 by 64 bits, of what nobody
 * knows who does not know the secret. */
static inline uint32_t fos__key4_mix(uint64_t addr, uint32_t port, uint64_t secret)
{
	uint64_t from = (addr & UINT32_MAX) | (uint64_t)port << 48;
	uint64_t to = addr >> 32 | (uint64_t)(port >> 16) << 48;
	unsigned __int128 x = (unsigned __int128)(from ^ secret) * (to ^ secret);

	return (uint32_t)((((uint64_t)(x >> 64) ^ (uint64_t)x) * secret) >> 32);
}

static inline uint32_t fos__key4_hash(const struct fos__key4 *k, uint64_t seed)
{
	return fos__key4_mix(k->addr, k->port, fos__key4_secret(k->tag, seed));
}

#endif
