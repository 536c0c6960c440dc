/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worker.h: the engine as a program uses it. A worker owns its sessions and shares nothing: it takes a batch and runs
 * it to completion, through parsing, session lookup, TCP order and the pipeline of the flow.
 *
 * Threads: one thread at a time per worker. Ownership: the batch stays the caller's; see FOS_FRAME_STABLE for how long
 * its bytes must last. The worker reads no clock: time is the batch's. Functions return 0 or a negative errno, and
 * where they take `err`, a line for a person in it. Nothing blocks, but for what a module does in `finish`.
 *
 * Use: create, add_flow, add_module, then run for every batch, end, finish, report, destroy.
 */
#ifndef FLOWOS_WORKER_H
#define FLOWOS_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flowos/ahead.h>
#include <flowos/frag.h>
#include <flowos/module.h>
#include <flowos/overlap.h>
#include <flowos/parse.h>
#include <flowos/pkt.h>
#include <flowos/release.h>

struct fos_worker;

struct fos_worker_config {
	uint64_t
	    seed; /* keys the hash table: results do not depend on it. Must be a secret where others choose addresses */
	enum fos_overlap overlap;
	bool verify_checksums;      /* packets with a wrong transport checksum are dropped and counted */
	bool vlan_key;              /* VLAN ids belong to the session key */
	unsigned parse_flags;       /* enum fos_parse_flag */
	uint32_t hole_wait_packets; /* see ORDER.md, Patience; both 0: 1024 packets */
	uint64_t hole_wait_ns;
	uint64_t hole_timeout_ns;   /* 0: 120 s */
	uint64_t idle_ns;           /* a session without packets ends; 0: 2 h 4 min (RFC 5382) */
	uint64_t linger_ns;         /* one that is over is kept for late packets; 0: 60 s */
	size_t cap_direction_bytes; /* memory held above holes, per direction; 0: 16 MiB */
	size_t cap_total_bytes;     /* and in all; 0: 1 GiB. Who holds the most pays for it */
	size_t cap_retained_bytes;  /* bytes that a module has not released, per direction; 0: 64 MiB. The number of
	                              * runs that they came in is bounded, too: one per 128 bytes, and 4096 */
	size_t max_sessions;        /* 0: 2^24; uses of a 4-tuple count one each. See below */
	struct fos_frag_config frag;

	/* Called for every held run of bytes when it is delivered: how long it waited for a hole. May be NULL. */
	void (*hol_wait)(void *arg, uint64_t wait_ns, uint32_t bytes);
	void *hol_wait_arg;

	/* Called when a session begins (change 1) or ends (-1). `packet`: the number of the packet with which it did, of those
	 * that this worker got, from 1; 0: it ended with a batch, or with the run. May be NULL. */
	void (*session_count)(void *arg, uint64_t packet, int change);
	void *session_count_arg;

	/* Called with packets that may leave, in the order in which they leave, at most FOS_BATCH_MAX at a time, before
	 * fos_worker_run() returns, and when sessions end: every packet that came comes here once, but those that are dropped
	 * (release.h). Of b->pkt[i] only `f` counts, which is as it came (but FOS_FRAME_STABLE); its bytes last until the call
	 * returns. Must not call the worker. NULL: packets are the caller's business, and no flow may be a gate. */
	void (*release)(void *arg, const struct fos_batch *b);
	void *release_arg;

	/* Told of memory for sessions before they come; lasts as long as the worker. NULL: nobody is. */
	const struct fos_ahead *ahead;
};

/* When there are max_sessions, one more ends another. If more than a quarter of them are half-open, it is one of these: no
 * payload was delivered, and both sides were not seen, or all packets since are SYNs and RSTs. Else it is one of the others.
 * Of either kind, it is the one whose last packet is longest ago; of open ones that had none since half of the places were
 * taken, the oldest. Its streams end as by time-out. So floods of SYNs and sessions that never close push out each other and
 * what is idle, and nobody who talks. */

/* Everything that was counted. What ends in _bytes counts bytes, all else packets or events. */
struct fos_worker_stats {
	uint64_t packets, wire_bytes, captured_bytes;
	uint64_t verdict[FOS_PKT_VERDICTS]; /* by what parsing made of each frame; fragments also once as a datagram */
	uint64_t bad_checksum;              /* dropped */
	uint64_t unmatched;                 /* packets of sessions that no flow wants */
	uint64_t payload_bytes;             /* TCP and UDP payload as captured, duplicates too */
	uint64_t delivered_bytes;           /* TCP payload in order, each byte once */
	uint64_t datagrams, datagram_bytes;
	uint64_t sessions, sessions_now, sessions_peak; /* uses of a 4-tuple; TCP and UDP */
	uint64_t tcp_sessions, udp_sessions;
	uint64_t late_bytes;                  /* came for a place that had been passed on */
	uint64_t before_start_bytes;          /* came for a place before the stream's start */
	uint64_t out_of_window;               /* segments dropped for their sequence number */
	uint64_t conflicts;                   /* overlaps whose bytes differed, both still held */
	uint64_t held_segments;               /* segments that waited above a hole, ever */
	uint64_t held_bytes, held_peak_bytes; /* memory of those that wait */
	uint64_t gaps, gap_bytes;
	uint64_t cap_gaps, cap_gap_bytes; /* of those: for a cap */
	uint64_t time_gaps;               /* of those: for time alone */
	uint64_t forced_releases;         /* a module kept more than cap_retained_bytes */
	uint64_t session_cap;             /* packets of sessions that were not made for want of a place */
	uint64_t evicted_half_open;       /* sessions that ended for max_sessions, half-open ones */
	uint64_t evicted_idle;            /* and others */
	uint64_t no_memory;               /* packets that were given up for want of memory */
	struct fos_frag_stats frag;
	struct fos_release_stats release;
};

int fos_worker_create(const struct fos_worker_config *cfg, struct fos_worker **out);
void fos_worker_destroy(struct fos_worker *w); /* NULL is no worker */

/* Defines a flow: sessions that match `filter` (pcap syntax; NULL or "": all) and that no earlier flow took. It is run on an IP
 * packet without tags, with the session's addresses and ports, in both directions: either may match. `levels` in the
 * original's notation, "ip:tcp:app" (NULL), at most 8. Returns the flow's number. Sessions that no flow takes pass by.
 * All flows before the first batch. */
int fos_worker_add_flow(struct fos_worker *w, const char *name, const char *filter, const char *levels, char *err,
                        size_t errlen);

/* Only sessions whose first packet came from interface `port` (fos_frame.port) belong to the flow; -1: from any, as it is
 * after fos_worker_add_flow(). Before the first batch. Returns 0 or -EINVAL. */
int fos_worker_flow_port(struct fos_worker *w, int flow, int port);

/* When packets of the flow leave, where the worker has a release callback; FOS_RELEASE_TAP, as it is after
 * fos_worker_add_flow(). A flow no module of which reads streams has nothing to wait for. Before the first batch. Returns 0 or
 * -EINVAL. */
int fos_worker_flow_release(struct fos_worker *w, int flow, enum fos_release how);

/* Makes an instance of a module in stage `stage` (from 0, without holes) of the flow's pipeline. `level`: which level it reads,
 * NULL: what the module says. The module must last until destroy. */
int fos_worker_add_module(struct fos_worker *w, int flow, unsigned stage, const struct fos_module *m,
                          const struct fos_module_args *args, const char *level, char *err, size_t errlen);

/* Runs a batch to completion: parses its packets in place. Returns 0, or -ENOMEM where packets were given up (counted; the worker
 * goes on). */
int fos_worker_run(struct fos_worker *w, struct fos_batch *b);

/* The same for a worker that gets a share of the packets: time is also what the others are. `clock_ns`, where not NULL, says for
 * each packet what time it is when it comes (the greatest time stamp of all packets until then), and b->now_ns what time it is
 * behind the batch, which may have no packets: then time passes. */
int fos_worker_run_at(struct fos_worker *w, struct fos_batch *b, const uint64_t *clock_ns);

/* Ends every session, with `why` where no FIN or RST says otherwise. More batches may follow: they make new ones. */
void fos_worker_end(struct fos_worker *w, enum fos_end why);

/* Calls `finish` of every module instance; the first error is returned, all are called. */
int fos_worker_finish(struct fos_worker *w, char *err, size_t errlen);

void fos_worker_stats(const struct fos_worker *w, struct fos_worker_stats *st);

/* Shows sessions that a flow took, between batches: looks at up to `looks` places from number `from` on (0: the first) and calls
 * `each` for every session there, which may ask what stream.h says of a session, and fos_session_progress(), until it returns
 * something other than 0. Returns where to go on, 0 at the end. Sessions that come and go between two calls may be missed; one
 * that stays is shown once. */
uint32_t fos_worker_sessions(const struct fos_worker *w, uint32_t from, uint32_t looks,
                             int (*each)(void *arg, const struct fos_session *s), void *arg);

/* How far one direction of a session has come. */
struct fos_session_progress {
	uint64_t packets;      /* modulo 2^32 */
	uint64_t passed_bytes; /* TCP: how far the stream at level `app` has come, gaps included; UDP: 0 */
	uint64_t held_bytes;   /* memory of what waits above a hole */
	bool fin;              /* its end was seen */
	uint64_t waiting;      /* packets of a gate that wait to be released, and their memory */
	uint64_t waiting_bytes;
	uint64_t waits_since_ns; /* since when the first of them, in order of the stream, has waited; 0: none does */
	bool shut;               /* a closed gate lets nothing more pass */
};
void fos_session_progress(const struct fos_session *s, int dir, struct fos_session_progress *out);
bool fos_session_half_open(const struct fos_session *s); /* see max_sessions */

/* Another patience, between batches; the values as in the configuration. It counts whenever it is asked from now on whether a hole has
 * been waited for long enough; of one about which that was asked before, a shorter one may be noticed only when the longer is
 * over. */
void fos_worker_set_hole_wait(struct fos_worker *w, uint32_t packets, uint64_t ns);

/* The configuration as it came to be, defaults filled in. */
void fos_worker_settings(const struct fos_worker *w, struct fos_worker_config *cfg);

/* The reports of the module instances: one object each, keyed by name (a name that is there already gets "#2", ...). */
void fos_worker_report(const struct fos_worker *w, struct fos_report *r);

/* --- more than one: each has its thread; these are for one thread, when nobody runs them ------------------------------- */

/* Fills in the defaults and makes of them the share that each of `workers` has: of cap_total_bytes, max_sessions, fragments'
 * max_datagrams and max_bytes, which count for all of them together. What counts per direction stays. */
void fos_worker_config_share(struct fos_worker_config *cfg, uint32_t workers);

/* Can what its modules find be added up? 0, or -ENOTSUP with a line that names the first one that cannot. */
int fos_worker_mergeable(const struct fos_worker *w, char *err, size_t errlen);

/* Adds what the modules of `other` have found to those of `w`; both have finished, and have the same flows and modules.
 * Returns 0 or a negative errno with a line in err. */
int fos_worker_merge(struct fos_worker *w, struct fos_worker *other, char *err, size_t errlen);

/* Adds all counters. Of peaks that is a bound: the greatest number of all workers together may have been less. The longest wait is
 * that of any. */
void fos_worker_stats_add(struct fos_worker_stats *sum, const struct fos_worker_stats *st);

#endif
