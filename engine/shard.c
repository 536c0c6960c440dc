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
	uint64_t seed;
	uint32_t workers;
	unsigned parse_flags;
	bool verify_checksums;
	fos_shard_place *place;
	void *arg;
	struct fos_frag_table *frags;
	struct lump **bucket;
	size_t lumps, buckets; /* a power of two */
};

static uint32_t spread(uint64_t hash, uint32_t workers)
{
	return (uint32_t)((hash >> 32) * workers >> 32);
}

uint32_t fos_shard_of_key(const struct fos_key *key, uint64_t seed, uint32_t workers)
{
	struct fos_key plain = *key;

	plain.vlan = 0xffff;
	return spread(XXH3_64bits_withSeed(&plain, sizeof(plain), ~seed), workers);
}

static uint32_t by_address(const struct fos_pkt *p, uint64_t seed, uint32_t workers)
{
	uint8_t addr[32] = { 0 };
	size_t len = p->ip_version == 4 ? 4 : 16;
	const uint8_t *a = p->ip + (p->ip_version == 4 ? 12 : 8), *b = a + len;
	bool swap = memcmp(a, b, len) > 0;

	memcpy(addr, swap ? b : a, len);
	memcpy(addr + 16, swap ? a : b, len);
	return spread(XXH3_64bits_withSeed(addr, sizeof(addr), ~seed), workers);
}

uint32_t fos_shard_of(const struct fos_pkt *p, uint64_t seed, uint32_t workers)
{
	struct fos_key key;

	switch (p->verdict) {
	case FOS_PKT_TCP:
	case FOS_PKT_UDP:
		fos_key_of(p, 0, &key);
		return fos_shard_of_key(&key, seed, workers);
	case FOS_PKT_FRAGMENT:
	case FOS_PKT_OTHER:
		return by_address(p, seed, workers);
	default:
		return 0;
	}
}

int fos_shard_map_create(const struct fos_worker_config *cfg, uint64_t seed, uint32_t workers, fos_shard_place *place,
                         void *arg, struct fos_shard_map **out)
{
	struct fos_frag_config frag = {
		.timeout_ns = cfg->frag.timeout_ns, .max_datagrams = SIZE_MAX, .max_bytes = SIZE_MAX / 2, .seed = seed
	};
	struct fos_shard_map *m = calloc(1, sizeof(*m));

	*out = NULL;
	if (!m)
		return -ENOMEM;
	m->seed = seed;
	m->workers = workers;
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
	return (size_t)XXH3_64bits_withSeed(key, sizeof(*key), m->seed) & (m->buckets - 1);
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
		l = lump_of(m, &key, fos_shard_of(p, m->seed, m->workers));
		rc = l ? join(&l->packets, &t) : -ENOMEM;
		if (rc)
			break;
		if (fos_frag_add(m->frags, p, m->parse_flags) == FOS_PKT_FRAGMENT && !p->buf)
			return 0;
		take_out(m, &key, &t);
		if (p->verdict != FOS_PKT_FRAGMENT) {
			place_all(m, &t, fos_shard_of(p, m->seed, m->workers));
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
	m->place(m->arg, number, fos_shard_of(&p, m->seed, m->workers));
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
