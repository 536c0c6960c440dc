/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_case.h: the worst cases by design, each a function that makes an attack's packets.
 *
 * Pure functions of the plan, but for memory. They return 0 or -ENOMEM.
 */
#ifndef BENCH_WORST_CASE_H
#define BENCH_WORST_CASE_H

#include "worst.h"
#include "worst_packet.h"

/* In which order the segments above the hole come. */
enum worst_order {
	WORST_SENT /* as it was sent: no hole */,
	WORST_ASCENDING,
	WORST_REVERSE,
	WORST_RANDOM,
	WORST_INWARDS,
	WORST_OUTWARDS
};

/* What the twin is. */
enum worst_twin {
	WORST_NO_TWIN,
	WORST_IN_ORDER,    /* the same packets, in the order in which a sender would send them */
	WORST_ROOM,        /* the same packets in the same order, with room for all: what giving way costs */
	WORST_RELEASED,    /* the same packets, and nothing is kept */
	WORST_RANDOM_KEYS, /* the same sessions with addresses and ports that nobody chose */
};

struct worst_case;

struct worst_plan {
	const struct worst_case *c;
	const struct worst_opts *o;
	bool twin;
};

struct worst_case {
	const char *name, *about;
	int (*make)(struct worst_traffic *t, const struct worst_plan *p);
	enum worst_twin twin;
	enum worst_order order;
	uint8_t ip;         /* 0: 4 */
	bool again;         /* the duplicates come as a second pass, not each right after its original */
	bool one_byte;      /* segments of a byte */
	bool wrap;          /* the sequence numbers wrap in the middle */
	bool cut_innocents; /* the innocents' packets are fragments */
	bool slow;          /* ... some of which come late */
	bool forged;        /* every packet from another address */
	bool known_seed;    /* the attacker knows what keys the hash table: shown, not judged */
	bool keep;          /* a module keeps all that it is shown */
	bool roomy;         /* the cap on sessions is not the point */
	int overlap;        /* enum fos_overlap + 1; 0: as the options say */
	bool one_stream;    /* the attack is one direction of one session, whose bytes are the formula's */
	uint64_t gap_ns;    /* between packets; 0: 1 us */
};

extern const struct worst_case worst_cases[];
extern const size_t worst_case_count;

/* By name; NULL: there is none. */
const struct worst_case *worst_case_find(const char *name);

/* worst_orders.c: one TCP session with a hole. */
int worst_make_order(struct worst_traffic *t, const struct worst_plan *p);
int worst_make_holes(struct worst_traffic *t, const struct worst_plan *p);
int worst_make_chain(struct worst_traffic *t, const struct worst_plan *p);
int worst_make_super(struct worst_traffic *t, const struct worst_plan *p);
int worst_make_conflict(struct worst_traffic *t, const struct worst_plan *p);
int worst_make_acks(struct worst_traffic *t, const struct worst_plan *p);
int worst_make_reuse(struct worst_traffic *t, const struct worst_plan *p);

/* worst_floods.c: many sessions, many datagrams. */
int worst_make_syns(struct worst_traffic *t, const struct worst_plan *p);
int worst_make_stayers(struct worst_traffic *t, const struct worst_plan *p);
int worst_make_keys(struct worst_traffic *t, const struct worst_plan *p);
int worst_make_teardrop(struct worst_traffic *t, const struct worst_plan *p);
int worst_make_pieces(struct worst_traffic *t, const struct worst_plan *p);

/* The seed that the attacker of known_seed knows, and that weak tables have. */
enum { WORST_KNOWN_SEED = 1 };

#endif
