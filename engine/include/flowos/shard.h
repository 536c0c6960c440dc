/* SPDX-License-Identifier: BSD-2-Clause
 *
 * shard.h: which of several workers a packet belongs to, so that workers share nothing: all of a session goes to the
 * same one, both directions, every use of the 4-tuple, whatever tags or tunnels lie around it, and all fragments.
 *
 * What a packet says itself is decided by pure functions, from any thread. Of fragments, only the first one has the
 * ports: a shard map waits until it has put the datagram together, and then says where all its fragments belong. So a
 * map is for packets that can wait, as those of a trace; it belongs to one thread.
 */
#ifndef FLOWOS_SHARD_H
#define FLOWOS_SHARD_H

#include <stdint.h>

#include <flowos/key.h>
#include <flowos/worker.h>

/* How sessions are dealt to `workers` workers: what the hash multiplies by. The hash is made so that a program of the kernel's packet
 * filter, which has 32-bit words, no loops and little memory, can work it out as well: so live ports deal.
 *
 * Of each end (address, port), in 16-bit words in network order, modulo 2^32:
 *     end = start + addr[0] * word 0 + addr[1] * word 1 + ... + port * (port, or 0 where ports do not count)
 * An IPv4 address has two words, an IPv6 address eight. With `low` the lesser end and `high` the greater,
 *     hash = mix(mix(low) + high), and the worker is (hash >> 16) * workers >> 16;
 *     mix(x): x ^= x >> 16, x *= 0x7feb352d, x ^= x >> 15, x *= 0x846ca68b, x ^= x >> 16.
 *
 * Who does not know the seed cannot choose sessions that meet at one worker: of any two ends, the sums are the same for one seed in
 * 2^16 at most, whatever the ends are, and what is not the same is mixed. It is no cipher: who could watch long enough which
 * worker gets what could learn the multipliers. What that would give is one worker that has all the work, and loses packets
 * like any that is too slow; the caps of memory hold for each worker. */
struct fos_shard {
	uint64_t seed;
	uint32_t workers; /* 1 to 65,536 */
	uint32_t start, addr[8], port;
};

/* `seed` must be a secret where others choose addresses, and not that of a hash table: multipliers say something of it. */
void fos_shard_init(struct fos_shard *s, uint64_t seed, uint32_t workers);

/* The worker of a session, 0 to workers - 1. Protocol and VLAN id count for nothing, also where the key has one. */
uint32_t fos_shard_of_key(const struct fos_shard *s, const struct fos_key *key);

/* The worker of a parsed packet: TCP and UDP by their session; what else has IP addresses, fragments too, by these, in
 * whichever direction; all other packets: 0. */
uint32_t fos_shard_of(const struct fos_shard *s, const struct fos_pkt *p);

struct fos_shard_map;

/* Tells where a packet belongs: that of fos_shard_map_add()'s `number`. */
typedef void fos_shard_place(void *arg, uint64_t number, uint32_t worker);

/* `cfg` is what all workers have: how packets are parsed, which are dropped for their checksum, how long fragments wait. The map
 * itself has no cap: fragments that wait are bounded by the trace that they are in. *shard is copied. Returns 0 or -ENOMEM. */
int fos_shard_map_create(const struct fos_worker_config *cfg, const struct fos_shard *shard, fos_shard_place *place,
                         void *arg, struct fos_shard_map **out);
void fos_shard_map_destroy(struct fos_shard_map *m); /* NULL is no map */

/* Takes packets in their order. `now_ns` is the greatest time stamp until then. Calls `place` for this packet, or for none,
 * or for many. Returns 0 or -ENOMEM, after which the map can only be destroyed. */
int fos_shard_map_add(struct fos_shard_map *m, const struct fos_frame *f, uint64_t number, uint64_t now_ns);

/* No more packets: places fragments whose datagram never was complete, by their addresses. */
void fos_shard_map_end(struct fos_shard_map *m);

#endif
