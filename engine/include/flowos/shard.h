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

/* The worker of a session, 0 to workers - 1. The VLAN id counts for nothing, also where the key has one. `seed` must be a secret
 * where others choose addresses: who knows it can send everything to one worker. */
uint32_t fos_shard_of_key(const struct fos_key *key, uint64_t seed, uint32_t workers);

/* The worker of a parsed packet: TCP and UDP by their session; what else has IP addresses, fragments too, by these, in
 * whichever direction; all other packets: 0. */
uint32_t fos_shard_of(const struct fos_pkt *p, uint64_t seed, uint32_t workers);

struct fos_shard_map;

/* Tells where a packet belongs: that of fos_shard_map_add()'s `number`. */
typedef void fos_shard_place(void *arg, uint64_t number, uint32_t worker);

/* `cfg` is what all workers have: how packets are parsed, which are dropped for their checksum, how long fragments wait. The map
 * itself has no cap: fragments that wait are bounded by the trace that they are in. Returns 0 or -ENOMEM. */
int fos_shard_map_create(const struct fos_worker_config *cfg, uint64_t seed, uint32_t workers, fos_shard_place *place,
                         void *arg, struct fos_shard_map **out);
void fos_shard_map_destroy(struct fos_shard_map *m); /* NULL is no map */

/* Takes packets in their order. `now_ns` is the greatest time stamp until then. Calls `place` for this packet, or for none,
 * or for many. Returns 0 or -ENOMEM, after which the map can only be destroyed. */
int fos_shard_map_add(struct fos_shard_map *m, const struct fos_frame *f, uint64_t number, uint64_t now_ns);

/* No more packets: places fragments whose datagram never was complete, by their addresses. */
void fos_shard_map_end(struct fos_shard_map *m);

#endif
