/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worker_state.h: what a worker is made of; for the engine's own files. Everything in it belongs to one thread.
 */
#ifndef FOS_WORKER_STATE_H
#define FOS_WORKER_STATE_H

#include <flowos/worker.h>

#include "arena.h"
#include "crowd.h"
#include "flow.h"
#include "key4.h"
#include "queue.h"
#include "session.h"
#include "slab.h"
#include "store.h"
#include "table.h"
#include "wheel.h"

enum { FOS_FLOWS_MAX = 64 };

/* A packet's session key, worked out once per batch, and the side that sent it. */
struct fos__place {
	struct fos_session *likely; /* what is found first under its hash, or NULL; once it was placed: its own */
	struct fos__key4 key4;      /* the key, where it is IPv4 */
	bool has_key;               /* `key` and `side` are set; fos__place_key() sets them */
	int side;                   /* of the key: who sent it */
	struct fos_key key;
};

struct fos_worker {
	struct fos_worker_config cfg;
	struct fos_worker_stats st;
	uint64_t now_ns; /* greatest time stamp seen */
	uint64_t next_id;
	uint64_t next_pkt;
	uint64_t placing; /* id of the packet that is at its session; 0: none */
	const uint64_t
	    *clock_ns; /* by packet of this batch: what time it is for all workers; NULL: what the packet says */
	struct fos__table table;
	struct fos__slab slab;
	struct fos__wheel wheel;
	struct fos__crowd crowd;
	size_t crowded; /* from so many sessions on the crowd is told of every packet */
	struct fos_frag_table *frags;
	struct fos__arena arena;
	struct fos__store store;
	uint32_t dead;      /* freed at the end of the batch: slab number; linked by wheel_next */
	uintptr_t *touched; /* sessions whose streams gained bytes in this batch, plus the side (0 or 1) */
	size_t n_touched, touched_size;
	unsigned n_flows;
	bool laid_out;
	int batch_err;
	bool bufs; /* packets of this batch may hold buffers */
	struct fos__flow *flow[FOS_FLOWS_MAX];
	struct fos__release *release;           /* or NULL: nobody asks which packets may leave */
	uint32_t plain_tag;                     /* of parse_plain.h's packets: key4.h */
	uint64_t plain_secret;                  /* likewise */
	uint64_t quiet_ns;                      /* a session that was quiet for less has not timed out */
	uint64_t short_ns;                      /* ... and of its packets no checksum is to be looked at */
	struct fos__place place[FOS_BATCH_MAX]; /* of this batch's packets, and likewise: */
	struct {
		struct fos_span span;
		struct fos__spans spans;
	} fresh[FOS_BATCH_MAX];
	/* Packets of which modules that take them in runs were not told: fos__fast_tell(). */
	struct fos__flow *seen_flow; /* all are of this one */
	struct fos__flow *run_flow;  /* the same, if no module of it takes each packet by itself; or NULL */
	struct fos_seen *seen_end, seen[FOS_BATCH_MAX];
};

/* worker.c: fills in what was left 0. */
void fos__worker_defaults(struct fos_worker_config *cfg);

/* worker.c: puts a side of a session on the list of those whose modules run at the end of the batch. */
void fos__worker_touch(struct fos_worker *w, struct fos_session *s, int side);

/* worker.c: a parsed packet, all the way: fragments become their datagram, checksums are looked at, sessions made. */
void fos__worker_admit(struct fos_worker *w, struct fos_pkt *p, struct fos__place *at);

/* ... runs them now, if it is on the list. */
void fos__worker_show(struct fos_worker *w, struct fos_session *s, int side);

/* pipeline.c: runs the flow's modules over what a side of a session has gained; it is then no longer on that list. */
void fos__pipeline_run(struct fos_worker *w, struct fos_session *s, int side);
/* ... over all that is on the list. */
void fos__pipeline_run_all(struct fos_worker *w);
/* ... for the last time, and tells them how the stream ended. */
void fos__pipeline_close(struct fos_worker *w, struct fos_session *s, int side);

/* The use of the 4-tuple before this one, or NULL. */
static inline struct fos_session *fos__use_older(const struct fos_worker *w, const struct fos_session *s)
{
	return s->older ? fos__slab_at(&w->slab, s->older) : NULL;
}

/* use.c: makes, finds and ends uses of a 4-tuple. */
struct fos_session *fos__use_find(const struct fos_worker *w, const struct fos_key *key, uint32_t hash);
struct fos_session *fos__use_new(struct fos_worker *w, const struct fos_key *key, uint32_t hash,
                                 struct fos_session *older, int originator, int port);
/* ... the first of an IPv4 4-tuple, by who opens it, in a worker that is not full, where that takes but a few steps; *side: who
 * sent the packet. NULL: fos__use_new() has to. */
struct fos_session *fos__use_first(struct fos_worker *w, const struct fos__key4 *key, uint32_t hash, int *side);
struct fos_session *fos__use_pick(struct fos_worker *w, struct fos_session *newest, const struct fos_pkt *p, int side);
/* Rule 3, the end: does it lie where this use cannot have anything, so that it is of a connection whose SYN is still to come? */
bool fos__use_strange(const struct fos_session *s, const struct fos_pkt *p, int side);
/* ... and an RST: is it such a connection's end? */
bool fos__use_stray_rst(const struct fos_session *s, const struct fos_pkt *p, int side);
/* Its streams end and its modules are told, but it stays where it is found. */
void fos__use_close(struct fos_worker *w, struct fos_session *s, enum fos_end why);
/* ... and it goes. */
void fos__use_end(struct fos_worker *w, struct fos_session *s, enum fos_end why);
/* After a packet of a session that is half-open, or of any when it is crowded. */
void fos__use_seen(struct fos_worker *w, struct fos_session *s, const struct fos_pkt *p);
/* Ends every use of the conversation that has been idle for too long, and looks at the time of holes. Returns the
 * newest use that is left, or NULL. */
struct fos_session *fos__use_time(struct fos_worker *w, struct fos_session *newest);
uint64_t fos__use_deadline(const struct fos_worker *w, const struct fos_session *s);

/* tcp.c and tcp_move.c: see ORDER.md. */
void fos__tcp_input(struct fos_worker *w, struct fos_session *s, struct fos_pkt *p, int side);
void fos__tcp_patience(struct fos_worker *w, struct fos_session *s, int side);
void fos__tcp_patience_of_both(struct fos_worker *w, struct fos_session *s);
void fos__tcp_end(struct fos_worker *w, struct fos_session *s, int side);
void fos__tcp_move_held(struct fos_worker *w, struct fos_session *from, struct fos_session *to, int side, uint32_t isn);

enum {
	FOS_NEAR = 16 << 20, /* ORDER.md, Limits */
	FOS_WINDOW = 1 << 30,
	FOS_STRAY = 1 << 20,
	FOS_USES = 8,
	FOS_HALF_OPEN_SHARE = 4, /* one in so many places is for half-open sessions */
};

#endif
