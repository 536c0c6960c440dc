/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frag_key.h: what the fragments of one datagram have in common (RFC 791, section 3.2; RFC 8200, section 4.5). Pure,
 * internal: frag.c and shard.c.
 */
#ifndef FLOWOS_FRAG_KEY_H
#define FLOWOS_FRAG_KEY_H

#include <stdint.h>
#include <string.h>

#include <flowos/pkt.h>

#include "parse_internal.h"

struct fos__frag_key {
	uint8_t src[16], dst[16];
	uint32_t id;
	uint8_t proto; /* IPv4 only */
	uint8_t version;
	uint8_t zero[2];
};

_Static_assert(sizeof(struct fos__frag_key) == 40, "the key is hashed and compared as bytes: no padding");

/* Of a packet whose verdict is FOS_PKT_FRAGMENT. */
static inline void fos__frag_key_read(const struct fos_pkt *p, struct fos__frag_key *key)
{
	memset(key, 0, sizeof *key);
	key->version = p->ip_version;
	if (p->ip_version == 4) {
		memcpy(key->src, p->ip + 12, 4);
		memcpy(key->dst, p->ip + 16, 4);
		key->id = fos__be16(p->ip + 4);
		key->proto = p->proto;
	} else {
		memcpy(key->src, p->ip + 8, 16);
		memcpy(key->dst, p->ip + 24, 16);
		key->id = fos__be32(p->ip + p->l4 - 4);
	}
}

#endif
