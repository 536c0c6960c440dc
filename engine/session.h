/* SPDX-License-Identifier: BSD-2-Clause
 *
 * session.h: what the engine keeps of a session: its key, both TCP directions, its level queues and each module's view.
 * Internal. ORDER.md says what the TCP fields mean.
 *
 * A session's memory is one slab element: struct fos_session, then the queues, views and module state of its flow.
 */
#ifndef FOS_SESSION_H
#define FOS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/stream.h>

struct fos__flow;
struct fos__held;

enum fos__half_flag {
	FOS_HALF_SEEN = 1u << 0,       /* a packet that was no RST */
	FOS_HALF_ANY = 1u << 1,        /* any packet */
	FOS_HALF_ISN = 1u << 2,        /* `isn` is known */
	FOS_HALF_STARTED = 1u << 3,    /* `start` and `next` are known */
	FOS_HALF_MID = 1u << 4,        /* it started without a SYN */
	FOS_HALF_FIN = 1u << 5,        /* `fin` is known */
	FOS_HALF_ACKED = 1u << 6,      /* `ack` is known; before the first packet only its low 32 bits count */
	FOS_HALF_ACKS = 1u << 7,       /* this side sent an ACK: `ack_least` */
	FOS_HALF_HINT = 1u << 8,       /* the peer's SYN-ACK said where this side's data starts */
	FOS_HALF_DATA = 1u << 9,       /* payload was seen */
	FOS_HALF_STRAY = 1u << 10,     /* `stray_seq`: of an RST that belongs to a use that is still to come */
	FOS_HALF_STRAY_ACK = 1u << 11, /* ... and `stray_ack` */
	FOS_HALF_HOLDS = 1u << 12,     /* something waits above a hole: trouble->held */
	FOS_HALF_HOPS = 16,            /* shift: how often what moved here has moved, at most 15 */
};

/* One direction of a TCP session: what each packet in order looks at. All 64-bit members are positions, see seq.h. */
struct fos__half {
	uint64_t next; /* behind the last byte passed on; before the start: the first position seen */
	uint64_t high;
	uint64_t ack; /* greatest position that the peer acknowledged */
	uint32_t flags;
	uint32_t pkts;
};

/* ... and what others do. */
struct fos__half_rest {
	uint64_t start;
	uint64_t low;
	uint64_t fin; /* the greatest */
	uint32_t isn;
	uint32_t ack_least;
	uint32_t hint;
	uint32_t conflicts;
};

/* What only sessions have in which something was out of order, by side: trouble.h. */
struct fos__trouble {
	struct fos__held *held[2];           /* what waits above a hole, or NULL */
	uint64_t fin_before[2];              /* the greatest FIN before `fin`, 0: none */
	uint32_t stray_seq[2], stray_ack[2]; /* see FOS_HALF_STRAY */
};

enum fos__session_flag {
	FOS_SESSION_RST = 1u << 0,
	FOS_SESSION_OLD = 1u << 1,      /* not the newest use of its 4-tuple, or gone: look up again */
	FOS_SESSION_TOUCHED0 = 1u << 2, /* side 0 is in this batch's list; side 1 is the next bit */
	FOS_SESSION_TOUCHED1 = 1u << 3,
	FOS_SESSION_OPEN0 = 1u << 4, /* modules were run, some stream may be open; side 1 is the next bit */
	FOS_SESSION_OPEN1 = 1u << 5,
	/* 1u << 6: FOS_SESSION_ORIGIN */
	FOS_SESSION_HALF_OPEN = 1u << 7, /* no payload delivered, no handshake done: the first to go, see crowd.h */
	FOS_SESSION_AGAIN = 1u << 8,     /* there is an older use of the 4-tuple */
	FOS_SESSION_PLAIN0 = 1u << 9,    /* nothing is out of order for side 0, see fast.h; side 1 is the next bit */
	FOS_SESSION_ABOVE0 = 1u << 11,   /* nothing but that segments wait above a hole; side 1 is the next bit */
	FOS_SESSION_BESIDE0 = 1u << 13,  /* as PLAIN, but something of the other side waits; side 1 is the next bit */
};

/* Three groups: the first 64 bytes find the session, the next 64 are both directions' hot halves, the rest is for what is
 * rarer. Behind it, in the same slab element, lie the flow's views and queues (flow.h): for one module at one level they
 * are 64 bytes. So a packet in order touches three cache lines. */
struct fos_session {
	struct fos_key key;
	uint32_t flags;
	uint32_t number; /* slab number, from 1 */
	uint64_t last_ns;
	struct fos__flow *flow; /* NULL: no flow wants it */

	struct fos__half half[2]; /* by side of the key */

	struct fos__half_rest rest[2];
	struct fos__trouble *trouble; /* or NULL */
	uint64_t id;
	uint64_t first_ns;
	uint32_t older;                   /* the use of the 4-tuple before this one: slab number, or 0 */
	uint32_t wheel_next, wheel_link;  /* see wheel.h; wheel_link 0: in no wheel */
	uint32_t line_before, line_after; /* slab numbers, see crowd.h */
	uint16_t uses;                    /* in the newest use: how many there are */
	uint16_t end_why;                 /* enum fos_end, for directions that nothing else ended */
};

_Static_assert(offsetof(struct fos_session, flags) == offsetof(struct fos_session_head, flags), "stream.h reads both");
_Static_assert(sizeof(struct fos__half) == 32, "both directions' hot halves are one cache line");
_Static_assert(offsetof(struct fos_session, half) == 64, "what finds a session is one cache line");
_Static_assert(offsetof(struct fos_session, rest) == 128, "a packet in order touches nothing behind it but its queue");
_Static_assert(sizeof(struct fos_session) == 256, "with 64 bytes of views and queues: 320 for a session");

static inline bool fos__session_over(const struct fos_session *s)
{
	return (s->flags & FOS_SESSION_RST) || (s->half[0].flags & s->half[1].flags & FOS_HALF_FIN);
}

#endif
