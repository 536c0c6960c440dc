/* SPDX-License-Identifier: BSD-2-Clause
 *
 * floor.h: the least that any program must do with these packets, to hold an engine's time against: no streams, no
 * state beyond a table of flows, no order. Four amounts of it, each with all of the one before: touch every packet's
 * headers; parse them and hash the 5-tuple; look it up in a flow table; add the payload up in 8-byte words.
 *
 * It takes TCP over IPv4 over Ethernet, which is what the traces are that it is made for; what else there is, is
 * counted. All of it is inline, so that each walker over packets (a file that is mapped in peers/floor.c, packets in
 * memory in peers.c) is one loop. The 5-tuple's key is the same for both directions; look-ups wait in small groups,
 * while the cache lines of the table that they need are on their way.
 *
 * One thread. Nothing here is linked with the engine.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum bench_floor_mode { BENCH_FLOOR_HEADERS, BENCH_FLOOR_HASH, BENCH_FLOOR_TABLE, BENCH_FLOOR_SUM };

enum { BENCH_FLOOR_GROUP = 32, BENCH_FLOOR_HUGE = 2 << 20, BENCH_FLOOR_CACHE = 256 << 10 };

/* Both ends of a connection, address and port, the smaller first: 48 bits each, and never 0 in `low`. */
struct bench_floor_key {
	uint64_t low, high;
};

struct bench_floor {
	struct bench_floor_key *slot; /* open addressing, linear; a power of two; low 0: empty */
	size_t slots, bytes_mapped;
	size_t flows, flows_max;
	uint64_t packets, other; /* taken; not TCP over IPv4, or cut within the headers */
	uint64_t payload_bytes, sum;
	uint64_t mix; /* what touching and hashing came to: keeps compilers from leaving them out */
	bool small;   /* the table is in the cache: nothing to wait for */
	bool full;    /* more flows than the table was made for: times mean nothing */
	uint32_t waiting;
	struct bench_floor_key key[BENCH_FLOOR_GROUP];
	uint64_t hash[BENCH_FLOOR_GROUP];
};

/* A table for this many flows, at most half full. 0 or -ENOMEM. */
static inline int bench_floor_init(struct bench_floor *f, size_t flows)
{
	memset(f, 0, sizeof(*f));
	f->flows_max = flows ? flows : 1;
	for (f->slots = 1024; f->slots < 2 * f->flows_max; f->slots *= 2)
		;
	f->small = f->slots * sizeof(*f->slot) <= BENCH_FLOOR_CACHE;
	f->bytes_mapped = f->slots * sizeof(*f->slot);
	f->slot = mmap(NULL, f->bytes_mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->slot == MAP_FAILED)
		return -ENOMEM;
	if (f->bytes_mapped >= BENCH_FLOOR_HUGE)
		madvise(f->slot, f->bytes_mapped, MADV_HUGEPAGE); /* where the system gives them */
	return 0;
}

static inline void bench_floor_clear(struct bench_floor *f)
{
	if (f->slot && f->slot != MAP_FAILED)
		munmap(f->slot, f->bytes_mapped);
	f->slot = NULL;
}

static inline uint64_t bench_floor_hash(const struct bench_floor_key *k)
{
	unsigned __int128 m = (unsigned __int128)(k->low ^ 0x9e3779b97f4a7c15u) * (k->high ^ 0xd6e8feb86659fd93u);

	uint64_t h = (uint64_t)m ^ (uint64_t)(m >> 64);

	return h ^ h >> 32;
}

/* The flow's slot, which is made where there is none; 0 where there are too many. */
static inline size_t bench_floor_look_up(struct bench_floor *f, const struct bench_floor_key *key, uint64_t hash)
{
	size_t mask = f->slots - 1, at = hash & mask;

	while (f->slot[at].low != key->low || f->slot[at].high != key->high) {
		if (f->slot[at].low) {
			at = (at + 1) & mask;
			continue;
		}
		f->full |= ++f->flows > f->flows_max;
		if (f->full)
			return 0;
		f->slot[at] = *key;
	}
	return at;
}

/* The look-ups that wait. */
static inline void bench_floor_flush(struct bench_floor *f)
{
	for (uint32_t i = 0; i < f->waiting; i++)
		bench_floor_look_up(f, &f->key[i], f->hash[i]);
	f->waiting = 0;
}

/* Four sums side by side: what vector units do in one or two additions. */
typedef uint64_t bench_floor_words __attribute__((vector_size(32)));

static inline uint64_t bench_floor_sum(const uint8_t *p, size_t len)
{
	bench_floor_words a = { 0 }, b = { 0 }, x, y;
	uint64_t sum, word = 0;

	for (; len >= 2 * sizeof(x); len -= 2 * sizeof(x), p += 2 * sizeof(x)) {
		memcpy(&x, p, sizeof(x));
		memcpy(&y, p + sizeof(x), sizeof(y));
		a += x;
		b += y;
	}
	a += b;
	sum = a[0] + a[1] + a[2] + a[3];
	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		sum += le64toh(word);
	}
	word = 0;
	memcpy(&word, p, len);
	return sum + le64toh(word);
}

/* Where the payload of a packet lies that is TCP over IPv4 over Ethernet, and how long it is; `headers`, which are at `p`,
 * of which `len` bytes are there, end before it, or with them where `ext` is not NULL. NULL: no such packet. */
static inline const uint8_t *bench_floor_payload(const uint8_t *p, size_t len, const uint8_t *ext, size_t ext_len,
                                                 size_t *payload)
{
	enum { ETHERNET = 14, IPV4 = 20, TCP = 20 };
	uint16_t total;
	size_t ihl, headers, end;

	if (len < ETHERNET + IPV4 + TCP || p[12] != 0x08 || p[13] != 0 || p[23] != 6)
		return NULL;
	ihl = (size_t)(p[ETHERNET] & 15) * 4;
	if (ihl < IPV4 || ETHERNET + ihl + TCP > len)
		return NULL;
	memcpy(&total, p + ETHERNET + 2, 2);
	headers = ETHERNET + ihl + (size_t)(p[ETHERNET + ihl + 12] >> 4) * 4;
	end = ETHERNET + be16toh(total);
	end = end < len + ext_len ? end : len + ext_len;
	*payload = end > headers ? end - headers : 0;
	return ext ? ext : p + (headers < len ? headers : len);
}

/* The flow of such a packet, whose TCP header is at `tcp`. *second: it comes from the end that is greater. */
static inline __attribute__((always_inline)) struct bench_floor_key bench_floor_key_of(const uint8_t *p,
                                                                                       const uint8_t *tcp, bool *second)
{
	uint32_t from, to;
	uint16_t ports[2];

	memcpy(&from, p + 26, 4);
	memcpy(&to, p + 30, 4);
	memcpy(ports, tcp, 4);

	uint64_t a = (uint64_t)from << 16 | ports[0], b = (uint64_t)to << 16 | ports[1];

	*second = a >= b;
	return (struct bench_floor_key){ (a < b ? a : b) | (uint64_t)1 << 48, a < b ? b : a };
}

/* One packet, in the pieces of bench_floor_payload(). The mode is a constant where this is called, and what it does not
 * need is left out. */
static inline __attribute__((always_inline)) void bench_floor_packet(struct bench_floor *f, enum bench_floor_mode mode,
                                                                     const uint8_t *p, size_t len, const uint8_t *ext,
                                                                     size_t ext_len)
{
	size_t payload;
	const uint8_t *data = bench_floor_payload(p, len, ext, ext_len, &payload);
	bool second;

	f->packets++;
	if (!data) {
		f->other++;
		return;
	}
	if (mode == BENCH_FLOOR_HEADERS) {
		f->mix += payload;
		return;
	}
	f->payload_bytes += payload;

	struct bench_floor_key key = bench_floor_key_of(p, p + 14 + (size_t)(p[14] & 15) * 4, &second);
	uint64_t hash = bench_floor_hash(&key);

	if (mode == BENCH_FLOOR_HASH) {
		f->mix += hash;
		return;
	}
	if (f->small) {
		bench_floor_look_up(f, &key, hash);
	} else {
		__builtin_prefetch(&f->slot[hash & (f->slots - 1)], 1);
		f->key[f->waiting] = key;
		f->hash[f->waiting] = hash;
		if (++f->waiting == BENCH_FLOOR_GROUP)
			bench_floor_flush(f);
	}
	if (mode == BENCH_FLOOR_SUM && payload)
		f->sum += bench_floor_sum(data, payload);
}

#endif
