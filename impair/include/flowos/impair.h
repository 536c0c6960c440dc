/* SPDX-License-Identifier: BSD-2-Clause
 *
 * impair.h: the impairment layer: a port wrapped round a port. It admits the inner port's packets and releases them
 * late, twice, changed, or never.
 *
 * A packet passes the stages in this order, and each stage is admitted what the one before released:
 *
 *     only -> loss -> corrupt -> truncate -> reorder -> dup -> delay
 *
 * - What is lost needs no further decision, and does not count as a "later packet" for one that is held back.
 * - A corrupted packet is never truncated as well: its checksum could not be told wrong any more.
 * - Dup is behind reorder, so that "directly after" holds, and so that adding copies does not shift who overtakes
 *   whom. A copy has its original's changes, decisions and delay; neither it nor a retransmission is impaired again.
 * - Delay is the link's latency: it comes last and is the same for a packet, its copy and its retransmission.
 *
 * Every decision is a pure function of (seed, stage, canonical 5-tuple innermost, use of the 5-tuple, direction,
 * index within the direction); `only` does not shift it, nor do other stages or other sessions. A use begins when a
 * SYN without ACK has another sequence number than the SYN before it from the same side. Fragments are a direction
 * per (source, destination, protocol, id); other IP packets per (source, destination, protocol); what is no IP per
 * (link type, ethertype, MACs). Burst loss has a state: one per direction, begun by a draw from the chain's long-run
 * shares (so that short directions lose their share, too), moved on by draws per index, whether or not `only` spares
 * the packet.
 *
 * Time is the frames' time stamps, never a clock: the greatest seen so far, or the inner port's now_ns when it has
 * nothing. A packet that was held carries the time of its release; where held packets are due by the time of the
 * next packet they leave before it, each with its due time, equal times in order of arrival. Output times never run
 * backwards where input times do not; packets that are not held keep their time whatever it is. At the end of the
 * input, packets that wait for others leave at once, with the greatest time; those that wait for a time leave at
 * their time.
 *
 * Threads: as every port, one at a time. Nothing blocks but what the inner port does, and writing decisions-out.
 */
#ifndef FLOWOS_IMPAIR_H
#define FLOWOS_IMPAIR_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/decisions.h>
#include <flowos/impair_spec.h>
#include <flowos/port.h>

/* Packets, but where a name says otherwise. */
struct fos_impair_stats {
	uint64_t packets;  /* admitted */
	uint64_t eligible; /* of those: match `only`. `lost` is drawn from them, all else from what is not lost */
	uint64_t lost, retransmitted;
	uint64_t corrupted, corrupt_skipped; /* skipped: drawn, but no checksum covers a bit that could be flipped */
	uint64_t truncated;
	uint64_t selected;  /* drawn for reordering */
	uint64_t timed_out; /* of those that waited for packets, and of copies that did: left by time */
	uint64_t ended;     /* likewise: left at the end of the input */
	uint64_t duplicated;
	uint64_t delayed;
	uint64_t decisions;       /* impaired packets: numbered from 1 in fos_frame.note */
	uint64_t released;        /* given out or ready */
	uint64_t held, held_peak; /* now and at most */
	uint64_t directions;      /* conversations, at two directions each, that are told apart */
	uint64_t unplaced;        /* packets of conversations beyond 2^24: passed untouched */
};

/* Wraps `inner` into *out. On success *out owns inner; on failure inner stays the caller's. Returns 0, -EINVAL (a
 * filter that does not compile) or -ENOMEM, with one line for a person in err.
 *
 * The port: rx as port.h says; frames that the inner port calls stable stay shared and stable, a changed copy of
 * such a one lasts until close; others are copied while they are held, and last until the next rx. A filter that has
 * no meaning on a frame's link type is an error of rx (-EINVAL). tx, stats and error are the inner port's. rewind
 * forgets everything and draws the same again. close writes decisions-out if fos_impair_finish() did not. */
int fos_impair_open(struct fos_port *inner, const struct fos_impair_spec *spec, struct fos_port **out, char *err,
                    size_t errlen);

/* All below take a port made by fos_impair_open(). */

void fos_impair_stats(const struct fos_port *port, struct fos_impair_stats *st);

/* When the next packet that is held leaves by time alone, on the frames' clock; UINT64_MAX: none is held. For who waits between
 * calls of rx where time goes on by itself. */
uint64_t fos_impair_due(const struct fos_port *port);

/* Writes decisions-out, where the spec says so; once (a second call does nothing). Call it when the run is over:
 * close can give no message. Returns 0 or a negative errno with a line in err. */
int fos_impair_finish(struct fos_port *port, char *err, size_t errlen);

/* What decision `note` (fos_frame.note) did, as a pcapng comment says it: "flowos: frame 17: held back by 5 packets
 * (reorder)". Returns 0; -ENOENT: no such decision, or they are not kept (fos_impair_spec.keep_decisions). */
int fos_impair_note(const struct fos_port *port, uint32_t note, char *buf, size_t len);

/* The decisions so far, in order of admission; NULL when they are not kept. Valid until rewind or close; the caller
 * may take a reference after the end of the input. */
struct fos_decisions *fos_impair_decisions(const struct fos_port *port);

/* How many of a trace's TCP and UDP packets have a wrong checksum already, for who refuses `corrupt` without
 * `checksum=fix` on such traces: reads up to `max` packets (0: all) of `scan`, then rewinds it. Returns 0 or a
 * negative errno of the port. */
struct fos_impair_checksums {
	uint64_t checked, invalid;
};
int fos_impair_checksums_scan(struct fos_port *scan, uint64_t max, struct fos_impair_checksums *out);

#endif
