/* SPDX-License-Identifier: BSD-2-Clause
 *
 * key4.h: what is not zero in the key of an IPv4 session (flowos/key.h), in two ends and a tag: quick to make of a packet, to
 * hash and to compare. Which end is side 0 of the key is not asked before a session is there to say it. Internal, pure
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

struct fos__key4 {
	uint64_t from, to; /* of the sender and of the receiver: the address's bytes as an integer << 16 | the port */
	uint32_t tag;      /* the key's last bytes: VLAN, protocol, version */
};

_Static_assert(offsetof(struct fos_key, vlan) + sizeof(uint32_t) == sizeof(struct fos_key), "the tag ends the key");

static inline uint64_t fos__end4(const uint8_t *addr, uint16_t port)
{
	uint32_t a;

	memcpy(&a, addr, sizeof(a));
	return (uint64_t)a << 16 | port;
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
	return (struct fos__key4){ .from = fos__end4(p->ip + 12, p->sport),
		                   .to = fos__end4(p->ip + 16, p->dport),
		                   .tag = fos__key4_tag(with_vlan ? p->vlan : 0xffff, p->proto) };
}

/* Of a key, as if its side 0 had sent a packet. */
static inline struct fos__key4 fos__key4_of_key(const struct fos_key *key)
{
	struct fos__key4 k = { .from = fos__end4(key->addr[0], key->port[0]),
		               .to = fos__end4(key->addr[1], key->port[1]) };

	memcpy(&k.tag, &key->vlan, sizeof(k.tag));
	return k;
}

/* Writes the key that it is of where all is zero; returns which side of it sent. */
static inline int fos__key4_key(const struct fos__key4 *k, struct fos_key *key)
{
	uint32_t from = (uint32_t)(k->from >> 16), to = (uint32_t)(k->to >> 16);
	uint16_t sport = (uint16_t)k->from, dport = (uint16_t)k->to;
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
	if (k->from == of.from && k->to == of.to)
		return 0;
	return k->from == of.to && k->to == of.from ? 1 : -1;
}

/* The same for both directions. */
static inline uint32_t fos__key4_hash(const struct fos__key4 *k, uint64_t seed)
{
	uint64_t low = k->from < k->to ? k->from : k->to, high = k->from < k->to ? k->to : k->from;
	uint64_t in[2] = { low | (uint64_t)k->tag << 48, high | (uint64_t)(k->tag >> 16) << 48 };

	return (uint32_t)XXH3_64bits_withSeed(in, sizeof(in), seed);
}

#endif
