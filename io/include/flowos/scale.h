/* SPDX-License-Identifier: BSD-2-Clause
 *
 * scale.h: the same trace with more sessions, or fewer: copies with other addresses and sequence numbers, or a sample.
 *
 * TCP sessions are ranked by chance (the seed's), and stand in one endless row: copy 0 of the trace by rank, copy 1 by
 * rank, and so on. A wave is `sessions` of them in a row, waves follow each other in time until about `target_packets`
 * are reached. So the sample of 10 is within the sample of 100, and a thousand waves of one session show the whole
 * trace rather than one session of it a thousand times.
 *
 * Copy 0 is the original, bytes and all. A later copy has for every host an address of its own (IPv4 10.0.0.0 and up,
 * without any that the trace has; IPv6 fd66:6c6f:7773::/48), so that no two sessions of different copies share an
 * address; ports, and with them reuse of a 4-tuple, stay as they are. TCP sequence numbers are shifted by a draw per session
 * and direction, ACK and SACK numbers by the other direction's. Checksums are updated incrementally (RFC 1624): what was
 * right is right, what was wrong is wrong. In a tunnel, the innermost header is rewritten and the outermost UDP checksum.
 * Within a wave, each copy starts at a drawn offset within the trace's duration; packets are in order of time, and
 * equal times in order of copies. A wave starts 65 s after the last one's end: who keeps
 * sessions for a minute after their end has forgotten it by then.
 *
 * UDP conversations are multiplied in the same proportion. What is neither TCP nor UDP (ICMP, ARP, ...) is in copy 0
 * only, and in none where a wave is less than the whole trace; so are fragments whose first one is missing or does not
 * hold the whole transport header, and source-routed packets. Not rewritten: addresses that payload speaks of, checksums of
 * GRE, TCP-MD5 and TCP-AO signatures, middle layers of nested tunnels.
 *
 * Threads: any; the port then belongs to one thread at a time. Nothing blocks. The same input, options and seed give the
 * same packets on every machine.
 */
#ifndef FLOWOS_SCALE_H
#define FLOWOS_SCALE_H

#include <stdint.h>

#include <flowos/frames.h>
#include <flowos/port.h>

struct fos_scale_opts {
	uint64_t sessions;       /* TCP sessions of a wave, at least 1 */
	uint64_t seed;           /* of ranks, offsets and sequence numbers */
	uint64_t target_packets; /* of all waves; 0: one wave */
};

struct fos_scale_info {
	uint64_t source_sessions;      /* TCP sessions (4-tuples) in the source */
	uint64_t source_conversations; /* UDP 4-tuples in it */
	uint64_t sessions;             /* TCP sessions given out, in all waves */
	uint64_t copies;               /* of the source, the original and a last, partial one counted */
	uint64_t waves;
	uint64_t packets;                /* given out */
	uint64_t distinct_payload_bytes; /* TCP and UDP payload, each source packet that is used counted once */
	uint64_t header_bytes;           /* memory for rewritten headers */
};

/* A port over the scaled packets, which are built up front: 64 bytes and the headers a packet; payload stays with the
 * source, whose frames must be stable and last until the port is closed. rx ends with -ENODATA, rewind works, tx is refused.
 * *info may be NULL.
 *
 * Returns 0, -EINVAL (sessions is 0, or the source's frames are not stable), -ENODATA (no TCP session in the source),
 * -ERANGE (more copies of hosts than there are addresses), -ENOMEM (also where the machine has less than is needed). */
int fos_scale_open(const struct fos_frames *src, const struct fos_scale_opts *opts, struct fos_scale_info *info,
                   struct fos_port **out);

#endif
