/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shard.c: see shard.h. The map keeps, for each datagram that waits for fragments, the numbers of its packets; what is
 * complete, and in which packet, a table of fragments says that is the same as a worker's. Fragments of one key stay
 * together from one completion to the next: so does whatever a worker's table remembers of them in between.
 */
#include <flowos/shard.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <flowos/rand.h>

#include "frag_key.h"

/* Packets that belong together. */
struct together {
	uint64_t *number;
	size_t n, size;
};

/* Fragments of one key that came since a datagram of it was complete. */
struct lump {
	struct lump *next;
	struct fos__frag_key key;
	struct together packets;
	uint32_t by_address; /* where they go if no datagram comes of them */
};

struct fos_shard_map {
	struct fos_shard shard;
	unsigned parse_flags;
	bool verify_checksums;
	fos_shard_place *place;
	void *arg;
	struct fos_frag_table *frags;
	struct lump **bucket;
	size_t lumps, buckets; /* a power of two */
};

void fos_shard_init(struct fos_shard *s, uint64_t seed, uint32_t workers)
{
	uint64_t from = fos_mix64_add(seed, 0x73686172); /* draws that nothing else makes of the seed */

	s->seed = seed;
	s->workers = workers;
	s->start = (uint32_t)(fos_mix64_add(from, 0) >> 32);
	s->port = (uint32_t)(fos_mix64_add(from, 1) >> 32) | 1; /* odd: no two ports give the same */
	for (unsigned i = 0; i < 8; i++)
		s->addr[i] = (uint32_t)(fos_mix64_add(from, 2 + i) >> 32) | 1;
}

static uint32_t mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352d;
	x ^= x >> 15;
	x *= 0x846ca68b;
	return x ^ x >> 16;
}

static uint32_t end_of(const struct fos_shard *s, const uint8_t *addr, unsigned words, uint16_t port)
{
	uint32_t end = s->start + s->port * port;

	for (unsigned i = 0; i < words; i++)
		end += s->addr[i] * ((uint32_t)addr[2 * i] << 8 | addr[2 * i + 1]);
	return end;
}

static uint32_t worker_of(const struct fos_shard *s, uint32_t one, uint32_t other)
{
	uint32_t low = one < other ? one : other, high = one < other ? other : one;

	return (uint32_t)((uint64_t)(mix(mix(low) + high) >> 16) * s->workers >> 16);
}

uint32_t fos_shard_of_key(const struct fos_shard *s, const struct fos_key *key)
{
	unsigned words = key->version == 4 ? 2 : 8;

	return worker_of(s, end_of(s, key->addr[0], words, key->port[0]), end_of(s, key->addr[1], words, key->port[1]));
}

uint32_t fos_shard_of(const struct fos_shard *s, const struct fos_pkt *p)
{
	bool session = p->verdict == FOS_PKT_TCP || p->verdict == FOS_PKT_UDP;
	unsigned words = p->ip_version == 4 ? 2 : 8;
	const uint8_t *addr = p->ip + (p->ip_version == 4 ? 12 : 8);

	if (!session && p->verdict != FOS_PKT_FRAGMENT && p->verdict != FOS_PKT_OTHER)
		return 0;
	return worker_of(s, end_of(s, addr, words, session ? p->sport : 0),
	                 end_of(s, addr + words * 2, words, session ? p->dport : 0));
}

int fos_shard_map_create(const struct fos_worker_config *cfg, const struct fos_shard *shard, fos_shard_place *place,
                         void *arg, struct fos_shard_map **out)
{
	struct fos_frag_config frag = { .timeout_ns = cfg->frag.timeout_ns,
		                        .max_datagrams = SIZE_MAX,
		                        .max_bytes = SIZE_MAX / 2,
		                        .seed = shard->seed };
	struct fos_shard_map *m = calloc(1, sizeof(*m));

	*out = NULL;
	if (!m)
		return -ENOMEM;
	m->shard = *shard;
	m->parse_flags = cfg->parse_flags;
	m->verify_checksums = cfg->verify_checksums;
	m->place = place;
	m->arg = arg;
	m->buckets = 64;
	m->bucket = calloc(m->buckets, sizeof(struct lump *));
	if (!m->bucket || fos_frag_create(&frag, &m->frags)) {
		fos_shard_map_destroy(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

void fos_shard_map_destroy(struct fos_shard_map *m)
{
	if (!m)
		return;
	for (size_t i = 0; m->bucket && i < m->buckets; i++) {
		for (struct lump *l = m->bucket[i], *next; l; l = next) {
			next = l->next;
			free(l->packets.number);
			free(l);
		}
	}
	free(m->bucket);
	fos_frag_destroy(m->frags);
	free(m);
}

static size_t bucket_of(const struct fos_shard_map *m, const struct fos__frag_key *key)
{
	return (size_t)XXH3_64bits_withSeed(key, sizeof(*key), m->shard.seed) & (m->buckets - 1);
}

/* Without memory the chains get longer, and nothing else. */
static void grow(struct fos_shard_map *m)
{
	struct lump **old = m->bucket, **bigger = calloc(m->buckets * 2, sizeof(struct lump *));
	size_t n = m->buckets;

	if (!bigger)
		return;
	m->bucket = bigger;
	m->buckets *= 2;
	for (size_t i = 0; i < n; i++) {
		for (struct lump *l = old[i], *next; l; l = next) {
			struct lump **at = &m->bucket[bucket_of(m, &l->key)];

			next = l->next;
			l->next = *at;
			*at = l;
		}
	}
	free(old);
}

/* Where the link to the key's lump is; what it points to is NULL where there is none. */
static struct lump **find(struct fos_shard_map *m, const struct fos__frag_key *key)
{
	struct lump **at = &m->bucket[bucket_of(m, key)];

	while (*at && memcmp(&(*at)->key, key, sizeof(*key)) != 0)
		at = &(*at)->next;
	return at;
}

static struct lump *lump_of(struct fos_shard_map *m, const struct fos__frag_key *key, uint32_t address)
{
	struct lump **at = find(m, key), *l = *at;

	if (l)
		return l;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->key = *key;
	l->by_address = address;
	*at = l;
	if (++m->lumps > m->buckets)
		grow(m);
	return l;
}

/* Appends `more` to `to`, and empties it. */
static int join(struct together *to, struct together *more)
{
	if (to->n == 0) {
		free(to->number);
		*to = *more;
		*more = (struct together){ 0 };
		return 0;
	}
	if (to->n + more->n > to->size) {
		size_t size = 2 * (to->n + more->n);
		uint64_t *number = realloc(to->number, size * sizeof(*number));

		if (!number)
			return -ENOMEM;
		to->number = number;
		to->size = size;
	}
	if (more->n)
		memcpy(to->number + to->n, more->number, more->n * sizeof(*more->number));
	to->n += more->n;
	free(more->number);
	*more = (struct together){ 0 };
	return 0;
}

static void place_all(struct fos_shard_map *m, const struct together *t, uint32_t worker)
{
	for (size_t i = 0; i < t->n; i++)
		m->place(m->arg, t->number[i], worker);
}

/* Takes the key's lump out and makes it all that is in `t`. */
static void take_out(struct fos_shard_map *m, const struct fos__frag_key *key, struct together *t)
{
	struct lump **at = find(m, key), *l = *at;

	free(t->number);
	*t = l->packets;
	*at = l->next;
	free(l);
	m->lumps--;
}

/* A datagram that is complete may be a fragment itself, in a tunnel: then all its packets wait for that one. */
static int add_fragment(struct fos_shard_map *m, struct fos_pkt *p, uint64_t number)
{
	struct together t = { .number = malloc(sizeof(*t.number)), .n = 1, .size = 1 };
	int rc = t.number ? 0 : -ENOMEM;

	if (rc == 0)
		t.number[0] = number;
	while (rc == 0) {
		struct fos__frag_key key;
		struct lump *l;

		fos__frag_key_read(p, &key);
		l = lump_of(m, &key, fos_shard_of(&m->shard, p));
		rc = l ? join(&l->packets, &t) : -ENOMEM;
		if (rc)
			break;
		if (fos_frag_add(m->frags, p, m->parse_flags) == FOS_PKT_FRAGMENT && !p->buf)
			return 0;
		take_out(m, &key, &t);
		if (p->verdict != FOS_PKT_FRAGMENT) {
			place_all(m, &t, fos_shard_of(&m->shard, p));
			break;
		}
	}
	fos_buf_put(p->buf);
	free(t.number);
	return rc;
}

int fos_shard_map_add(struct fos_shard_map *m, const struct fos_frame *f, uint64_t number, uint64_t now_ns)
{
	struct fos_pkt p = { .f = *f };

	fos_parse(&p, m->parse_flags);
	if (p.verdict == FOS_PKT_FRAGMENT && (!m->verify_checksums || fos_checksum_ok(&p))) {
		fos_frag_expire(m->frags, now_ns);
		return add_fragment(m, &p, number);
	}
	m->place(m->arg, number, fos_shard_of(&m->shard, &p));
	return 0;
}

void fos_shard_map_end(struct fos_shard_map *m)
{
	for (size_t i = 0; i < m->buckets; i++) {
		for (struct lump *l = m->bucket[i], *next; l; l = next) {
			next = l->next;
			place_all(m, &l->packets, l->by_address);
			free(l->packets.number);
			free(l);
		}
		m->bucket[i] = NULL;
	}
	m->lumps = 0;
}
