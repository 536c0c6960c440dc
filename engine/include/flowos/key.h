/* SPDX-License-Identifier: BSD-2-Clause
 *
 * key.h: the key of a session: the 5-tuple in canonical order, so that both directions have the same key.
 *
 * Pure functions, any thread.
 */
#ifndef FLOWOS_KEY_H
#define FLOWOS_KEY_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/pkt.h>

/* Side 0 is the smaller of (address, port) as bytes in network order. IPv4 addresses fill the first 4 of 16 bytes, the
 * rest is zero. */
struct fos_key {
	uint8_t addr[2][16];
	uint16_t port[2]; /* host byte order */
	uint16_t vlan;    /* outermost VLAN id where it belongs to the key, else 0xffff */
	uint8_t proto;    /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t version;  /* 4 or 6 */
};

_Static_assert(sizeof(struct fos_key) == 40, "the key is hashed as bytes: no padding");

/* The key of a packet that was parsed as TCP or UDP, and in which direction it goes: returns the side that sent it,
 * 0 or 1. `with_vlan` makes the VLAN id part of the key. */
int fos_key_of(const struct fos_pkt *p, int with_vlan, struct fos_key *key);

/* What a worker's table finds it by; `seed` is its configuration's. Who knows the seed can choose keys that have the same hash. */
uint32_t fos_key_hash(const struct fos_key *key, uint64_t seed);

/* "10.0.0.1:80" or "[2001:db8::1]:80": side `side` of the key. `buf` takes at least FOS_ADDR_TEXT bytes; returns buf. */
enum { FOS_ADDR_TEXT = 56 };
char *fos_key_text(const struct fos_key *key, int side, char *buf, size_t len);

#endif
