/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta_edit.h: packets written anew for the metamorphic oracle: headers copied from a packet of the trace, lengths and
 * checksums made right, or left as wrong as they were.
 *
 * A set belongs to one thread. 0 or -ENOMEM.
 */
#ifndef BENCH_META_EDIT_H
#define BENCH_META_EDIT_H

#include "meta.h"

static inline uint16_t meta_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t meta_be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void meta_put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline void meta_put32(uint8_t *at, uint32_t v)
{
	meta_put16(at, v >> 16);
	meta_put16(at + 2, v);
}

/* A copy of p's bytes with room for `more` before and `extra` behind; p->f points to it. NULL: no memory. */
uint8_t *meta_own(struct meta_set *s, struct meta_pkt *p, uint32_t more, uint32_t extra);

/* May this packet's bytes be written anew? A wrong checksum that counts must stay wrong. */
bool meta_writable(const struct meta_set *s, const struct meta_pkt *p);

/* A TCP segment with the headers of `like` (which is META_PLAIN) and other payload: sequence number, flags and IPv4 id as
 * given. Where it is longer than a length field can say, that is 0 (BIG TCP). `out` is like `like` in all else. */
int meta_segment(struct meta_set *s, const struct meta_pkt *like, uint32_t seq, const uint8_t *payload, uint32_t len,
                 uint8_t flags, uint16_t id, struct meta_pkt *out);

/* Checksums of a header that was changed in place: what they sum was `before` and is `after` (RFC 1624); what was right is right,
 * what was wrong wrong. UDP without one stays without. */
void meta_sum_fix(uint8_t *at, uint32_t before, uint32_t after, bool udp);

/* The IPv4 id of a packet, 0 over IPv6. */
uint16_t meta_ip_id(const struct meta_pkt *p);

/* Where the IP packet ends within the frame; 0: the header does not say. */
uint32_t meta_ip_end(const struct meta_pkt *p);

/* Is it TCP payload that may be joined and cut: captured whole, in order its own, no SYN, RST or urgent data, or a FIN without
 * payload? `skipped`: it is not, but for its conversation's or capture's sake. */
bool meta_is_data(const struct meta_set *s, const struct meta_pkt *p, bool *skipped);

/* next[i]: the packet of i's direction whose data follows directly on i's, and which is the next of its direction to carry any;
 * UINT32_MAX: none. first[i]: it is no other's next. Counts what is skipped. */
int meta_chain(struct meta_set *s, enum meta_kind kind, uint32_t **next, bool **first);

#endif
