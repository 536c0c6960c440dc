/* SPDX-License-Identifier: BSD-2-Clause
 *
 * meta.h: changes to a trace that must not change any stream of it: the same packets in another order, twice, cut at
 * other places, joined, in fragments, among other sessions, with other addresses. Each is a function of the packets and
 * of draws.
 *
 * A set belongs to one thread. Functions return a count or 0, or a negative errno; nothing blocks. Bytes of changed packets are
 * the set's until meta_set_clear(); those of others stay where the trace has them.
 */
#ifndef BENCH_META_H
#define BENCH_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/frames.h>
#include <flowos/key.h>

#include "golden.h"
#include "meta_draw.h"

/* In the order in which they are made. */
enum meta_kind {
	META_RENAME,     /* other addresses and ports */
	META_ISN,        /* other initial sequence numbers: the wrap lies elsewhere */
	META_SPLIT,      /* segments cut as TSO does */
	META_COALESCE,   /* segments joined as GRO does */
	META_RESEGMENT,  /* other boundaries */
	META_OVERLAP,    /* retransmissions that overlap in part */
	META_INTERLEAVE, /* other sessions between */
	META_DUPLICATE,  /* packets twice */
	META_PERMUTE,    /* another order */
	META_FRAGMENT,   /* IP fragments */
	META_TAG,        /* VLAN tags put on, taken off */
	META_PAD,        /* Ethernet padding */
	META_LINK,       /* another link layer */
	META_TIME,       /* other time stamps */
	META_KINDS,
};

extern const char *const meta_kind_name[META_KINDS];
extern const char *const meta_kind_help[META_KINDS];

/* One conversation: what must be known of it to tell which changes leave its streams alone. */
struct meta_conv {
	struct fos_key key; /* vlan 0xffff */
	uint8_t fixed;      /* bit 1 << side: different bytes came for one place: order and boundaries decide */
	bool ambiguous;     /* the packets do not say which use they belong to: the order of both directions decides */
	bool fragments;     /* fragments travel between its hosts, whose ports are unknown */
	bool reused;        /* SYNs with different numbers came: its uses are kept apart */
	bool left_out;      /* what its streams are depends on how long holes are waited for */
};

enum { META_NO_CONV = UINT32_MAX };

enum meta_bit {
	META_HEAD = 1u << 0,    /* no tunnel: the headers are at `ip` and `l4` */
	META_PLAIN = 1u << 1,   /* that, no IP options or extension headers, and all captured */
	META_BAD_SUM = 1u << 2, /* a checksum is wrong */
	META_CLOCK = 1u << 3,   /* the last one, which only says what time it is */
	META_GONE = 1u << 4,    /* meta_set_sort() drops it */
};

/* A packet, and where parsing found what. */
struct meta_pkt {
	struct fos_frame f; /* in one piece; f.num: the frame of the trace that it was made from */
	uint32_t conv;      /* in the set's conv; META_NO_CONV */
	uint32_t order;     /* place in the trace of what it was made from, from 0 */
	uint32_t did;       /* bit 1 << kind: changes that touched it */
	uint32_t seq, ack, app_len;
	uint16_t use;         /* part of a 4-tuple that is used again: meta_trace.c */
	uint16_t ip, l4, app; /* offsets in f.data; app 0: no payload, or not there */
	uint8_t side, tcp_flags, verdict, version, proto;
	uint8_t bits; /* enum meta_bit */
};

struct meta_chunk;

struct meta_set {
	struct meta_pkt *v;
	int64_t *key; /* see meta_set_keys() */
	size_t n, slots;
	struct meta_conv *conv;
	size_t convs, conv_slots;
	struct bench_golden want; /* lines that must come out */
	uint64_t slack_ns;        /* how far a packet may move in time */
	uint64_t last_ns;         /* of the trace as it was */
	bool vlan_key, verify, filter;
	bool big;                /* packets of more than 64 KiB, whose length field says 0, may be made */
	bool fragments, tunnels; /* some packet is */
	bool fragments_fixed;    /* fragments of the trace come twice, overlap, or lack others: their order decides */
	bool across;             /* packets may go to where another use of their 4-tuple is */
	bool ends_open;          /* how streams start and end may be another way now */
	uint64_t
	    skipped[META_KINDS]; /* packets that could not be changed: conflicts, ambiguity, cut captures, tunnels */
	struct meta_chunk *chunk;
	size_t chunk_used;
};

/* Forgets packets, lines and bytes, keeps memory. All zero is an empty set. */
void meta_set_clear(struct meta_set *s);
void meta_set_free(struct meta_set *s);

/* Memory until meta_set_clear(); NULL: none. */
uint8_t *meta_bytes(struct meta_set *s, size_t len);

/* Fills a packet from its frame: all but conv, side, order and did. The frame must be in one piece. *key: of TCP and UDP. Returns
 * enum fos_encap. */
unsigned meta_parse(struct meta_pkt *p, struct fos_key *key);

/* Appends; meta_set_put() with a key. 0 or -ENOMEM. */
int meta_set_add(struct meta_set *s, const struct meta_pkt *p);
int meta_set_put(struct meta_set *s, const struct meta_pkt *p, int64_t key);
int meta_set_conv(struct meta_set *s, const struct meta_conv *c);
int meta_set_want(struct meta_set *s, char *line); /* takes the line, which may be NULL (-ENOMEM) */

/* How every change of order works: meta_set_keys() gives packet i the key of slot i; the change moves keys, adds packets
 * with keys, marks packets gone; meta_set_sort() puts the rest in order of keys (equal: as they were) and gives the time
 * stamps out anew, in order. */
enum { META_SLOT = 1 << 20 }; /* keys of a slot are [slot * META_SLOT, (slot + 1) * META_SLOT) */
void meta_set_keys(struct meta_set *s);
int meta_set_sort(struct meta_set *s);

/* Of enum bench_golden_flag: what does not count in its lines after the changes that were made. */
unsigned meta_set_flags(const struct meta_set *s);

/* May its place among its direction's packets, and where it is cut, be changed? */
static inline bool meta_free(const struct meta_set *s, const struct meta_pkt *p)
{
	return p->conv == META_NO_CONV || !(s->conv[p->conv].fixed >> p->side & 1);
}

/* Packets that must stay in order have one number, not 0. */
uint32_t meta_group(const struct meta_set *s, const struct meta_pkt *p);

/* [*lo, *hi] for every packet: how far it may move, in time, where sessions are long in bytes, and among the packets of its use; arrays of s->n that the caller frees. 0 or -ENOMEM. */
int meta_reach(const struct meta_set *s, uint32_t **lo, uint32_t **hi);

/* By how many packets one came later than any that was behind it in the trace. */
uint32_t meta_extent(const struct meta_set *s);

/* The changes. Each returns how many packets it changed, 0 where it had nothing to do, or -ENOMEM. */
int meta_rename(struct meta_set *s, struct meta_draw *d);
int meta_isn(struct meta_set *s, struct meta_draw *d);
int meta_split(struct meta_set *s, struct meta_draw *d);
int meta_coalesce(struct meta_set *s, struct meta_draw *d);
int meta_resegment(struct meta_set *s, struct meta_draw *d);
int meta_overlap(struct meta_set *s, struct meta_draw *d);
int meta_interleave(struct meta_set *s, struct meta_draw *d);
int meta_duplicate(struct meta_set *s, struct meta_draw *d);
int meta_permute(struct meta_set *s, struct meta_draw *d);
int meta_fragment(struct meta_set *s, struct meta_draw *d);
int meta_tag(struct meta_set *s, struct meta_draw *d);
int meta_pad(struct meta_set *s, struct meta_draw *d);
int meta_link(struct meta_set *s, struct meta_draw *d);
int meta_time(struct meta_set *s, struct meta_draw *d);

int meta_apply(enum meta_kind kind, struct meta_set *s, struct meta_draw *d);

#endif
