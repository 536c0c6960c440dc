/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_floods.c: attacks by number: sessions, datagrams, and keys that fall together in a hash table.
 */
#include "worst_case.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/key.h>
#include <flowos/pkt.h>
#include <flowos/rand.h>

enum {
	STAY_PACKETS = 4, /* of a session that stays */
	KEY_PACKETS = 8,  /* of a session whose key was chosen */
	DATAGRAM = 60000, /* that is cut into overlapping pieces */
	PIECE = 24,       /* of which 8 are its own */
	HOSTS = 4,        /* that send beginnings of datagrams */
	BEGINNING = 1400,
};

static uint8_t ip_of(const struct worst_plan *p)
{
	return p->c->ip ? p->c->ip : 4;
}

int worst_make_syns(struct worst_traffic *t, const struct worst_plan *p)
{
	const struct worst_segment syn = { .flags = FOS_TCP_SYN };
	int rc = 0;

	for (uint32_t i = 0; i < p->o->segments && rc == 0; i++) {
		struct worst_flow f = worst_flow(i, ip_of(p));

		rc = worst_add(t, &f, &syn);
	}
	return rc;
}

int worst_make_stayers(struct worst_traffic *t, const struct worst_plan *p)
{
	const struct worst_segment said = { .flags = FOS_TCP_ACK, .seq = 1, .ack = 1, .len = p->o->payload };
	int rc = 0;

	for (uint32_t i = 0; i < p->o->segments / STAY_PACKETS && rc == 0; i++) {
		struct worst_flow f = worst_flow(i, ip_of(p));

		rc = worst_add_handshake(t, &f);
		if (rc == 0)
			rc = worst_add(t, &f, &said);
	}
	return rc;
}

/* The hash that a table with a known seed has for the flow's session. */
static uint32_t known_hash(const struct worst_flow *f)
{
	struct fos_key k = { .vlan = 0xffff, .proto = IPPROTO_TCP, .version = 4 };

	for (int i = 0; i < 2; i++) { /* the client's address is the smaller one */
		for (int b = 0; b < 4; b++)
			k.addr[i][b] = (uint8_t)(f->addr[i] >> (24 - 8 * b));
		k.port[i] = f->port[i];
	}
	return fos_key_hash(&k, WORST_KNOWN_SEED);
}

/* Flows whose hashes end in as many zeroes as a table of so many sessions looks at, or any flows. */
static void choose_keys(struct worst_flow *v, uint32_t n, uint64_t seed, bool any)
{
	uint32_t mask = 1023;

	while (mask < n)
		mask = mask * 2 + 1;
	for (uint64_t draw = 0; n;) {
		uint64_t h = fos_mix64_add(seed, draw++);
		struct worst_flow f = worst_flow((uint32_t)h & 0xffff, 4);

		f.port[0] = (uint16_t)(1024 + fos_below(fos_mix64(h), 60000));
		f.isn[0] = (uint32_t)(h >> 32);
		if (any || (known_hash(&f) & mask) == 0)
			v[--n] = f;
	}
}

int worst_make_keys(struct worst_traffic *t, const struct worst_plan *p)
{
	uint32_t n = (uint32_t)p->o->segments / KEY_PACKETS + 1;
	struct worst_flow *v = malloc(n * sizeof(*v));
	int rc = v ? 0 : -ENOMEM;

	if (rc == 0)
		choose_keys(v, n, p->o->seed, p->twin);
	for (uint32_t round = 0; round < KEY_PACKETS && rc == 0; round++) {
		for (uint32_t i = 0; i < n && rc == 0; i++) {
			uint32_t len = round ? p->o->payload : 0;
			const struct worst_segment s = { .flags = round ? FOS_TCP_ACK : FOS_TCP_SYN,
				                         .seq = round ? 1 + (round - 1) * len : 0,
				                         .ack = 1,
				                         .len = len };

			rc = worst_add(t, &v[i], &s);
		}
	}
	free(v);
	return rc;
}

/* The numbers 0 to n - 1, in order or not. */
static void shuffle(uint32_t *v, uint32_t n, uint64_t seed, bool in_order)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = in_order ? i : (uint32_t)fos_below(fos_mix64_add(seed, i), (uint64_t)i + 1);

		v[i] = v[at];
		v[at] = i;
	}
}

/* Pieces of 24 bytes at every multiple of 8, so that each lies over two others on both sides. */
int worst_make_teardrop(struct worst_traffic *t, const struct worst_plan *p)
{
	enum { PIECES = DATAGRAM / 8 - 2 };
	uint32_t n = p->o->segments < PIECES ? (uint32_t)p->o->segments : PIECES;
	struct worst_flow f = worst_flow(1, ip_of(p));
	uint32_t *v = calloc(n, sizeof(*v));
	int rc = v ? 0 : -ENOMEM;

	for (uint32_t id = 1; id <= p->o->segments / n && rc == 0; id++) {
		shuffle(v, n, fos_mix64_add(p->o->seed, id), p->twin);
		for (uint32_t i = 0; i < n && rc == 0; i++)
			rc = worst_add_fragment(t, &f, id, v[i] * 8, v[i] * 8 + PIECE, (n + 2) * 8);
	}
	free(v);
	return rc;
}

int worst_make_pieces(struct worst_traffic *t, const struct worst_plan *p)
{
	int rc = 0;

	for (uint32_t i = 0; i < p->o->segments && rc == 0; i++) {
		struct worst_flow f = worst_flow(p->c->forged ? i : i % HOSTS, ip_of(p));

		rc = worst_add_fragment(t, &f, i, 0, BEGINNING / 8 * 8, DATAGRAM);
	}
	return rc;
}
