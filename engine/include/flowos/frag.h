/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frag.h: IP fragments are put together before their datagram is looked up as a session (RFC 791, RFC 8200).
 *
 * A table belongs to one worker: one thread at a time. Time is the greatest that a packet or the caller has told, as
 * for sessions: a clock that is set back gives nothing up. Nothing blocks.
 * The fragments' payloads are copied into one buffer with the header in front: a datagram is the one thing that the
 * engine copies, and it lives as long as somebody holds it (fos_buf_get, fos_buf_put).
 */
#ifndef FLOWOS_FRAG_H
#define FLOWOS_FRAG_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/pkt.h>

struct fos_frag_table;

struct fos_frag_config {
	uint64_t timeout_ns;  /* since a datagram's first fragment; 0: 30 s */
	size_t max_datagrams; /* waiting at the same time; 0: 4096 */
	size_t max_bytes; /* memory of all that waits; 0: 64 MiB. Beyond either cap, the oldest datagram of a pair of
	                        * hosts that has the most and at least 8 is given up, else the oldest of all */
	uint64_t seed;    /* keys the hash table: nobody can fill one chain without knowing it */
};

struct fos_frag_stats {
	uint64_t fragments;       /* fed in */
	uint64_t datagrams;       /* completed */
	uint64_t timeouts;        /* datagrams given up by time */
	uint64_t evicted;         /* datagrams given up by a cap */
	uint64_t evicted_of_many; /* of those: of a pair of hosts that had many */
	uint64_t overlaps;        /* fragments that brought bytes a second time: IPv4 keeps the first, IPv6 drops the
	                       * datagram (RFC 5722); exact duplicates are only counted in `duplicates` */
	uint64_t duplicates;
	uint64_t conflicts; /* overlaps whose bytes differed */
	uint64_t bad;       /* lengths that contradict each other (the datagram is given up), more than 65535 bytes,
	                       * or captured only in part (the fragment alone is) */
	uint64_t held_bytes, held_peak_bytes; /* what max_bytes bounds */
	uint64_t waiting, waiting_peak;       /* what max_datagrams bounds */
};

void fos_frag_defaults(struct fos_frag_config *cfg); /* fills in what is 0, but for the seed */

/* Returns 0 or -ENOMEM. NULL config: the defaults. */
int fos_frag_create(const struct fos_frag_config *cfg, struct fos_frag_table **out);
void fos_frag_destroy(struct fos_frag_table *t); /* NULL is no table */

/* Takes a packet whose verdict is FOS_PKT_FRAGMENT. When it completes its datagram, *p becomes the whole datagram as
 * parsed by fos_parse_ip (p->f stays the last fragment's frame, p->buf owns the bytes with one reference that becomes
 * the caller's) and the new verdict is returned. That may be FOS_PKT_FRAGMENT again, with p->buf set, for a fragment
 * within a tunnel: the caller feeds it in again, and p->buf is taken over. Else FOS_PKT_FRAGMENT is returned and *p is
 * left alone, with p->buf NULL (and p->ip NULL, if it was in p->buf).
 * Header checksums are not verified here: see fos_checksum_ok(). */
enum fos_verdict fos_frag_add(struct fos_frag_table *t, struct fos_pkt *p, unsigned parse_flags);

/* Gives up what is older than the time-out at `now_ns`. Cheap when there is nothing to do. */
void fos_frag_expire(struct fos_frag_table *t, uint64_t now_ns);

void fos_frag_stats(const struct fos_frag_table *t, struct fos_frag_stats *st);
/* The configuration as it came to be, defaults filled in. */
void fos_frag_settings(const struct fos_frag_table *t, struct fos_frag_config *cfg);

/* Shared ownership of a datagram's bytes; not atomic: buffers stay with their worker. */
struct fos_buf {
	uint32_t refs;
	uint32_t len;
	uint8_t bytes[];
};

struct fos_buf *fos_buf_new(uint32_t len); /* one reference, or NULL */
struct fos_buf *fos_buf_get(struct fos_buf *b);
void fos_buf_put(struct fos_buf *b); /* NULL is no buffer */

#endif
