/* SPDX-License-Identifier: BSD-2-Clause
 *
 * release.h: when a packet may leave the engine.
 *
 * A worker that has a release callback (worker.h) gives every packet back through it, as it came, once it may leave.
 * Which that is, the packet's flow says. `tap`: at once. `gate`: when every module that reads the session's streams has
 * released the packet's bytes. So in a gate
 *   - what is no TCP or UDP packet of a session that the flow took leaves at once, and so does a TCP packet that has
 *     neither payload nor FIN, one with RST, and one whose bytes were all released before (the receiver may have lost them);
 *   - any other waits until all of its bytes are released, its FIN until all bytes before it are. What came above a hole
 *     leaves when the hole was filled. A packet with one new byte waits for that byte;
 *   - an RST lets nothing go that waits: it may be one that the receiver does not take (RFC 5961), and what is above a hole has not
 *     been seen. What the sender of a true one cannot repeat any more waits until the session ends;
 *   - a UDP packet waits where modules read UDP as streams, else it leaves at once;
 *   - of a datagram in fragments the one that completes it is treated as the datagram, and the others leave at once:
 *     without that one the receiver has nothing;
 *   - a direction starts with its first payload, and no hole is given up because it seems to be lost or is old: the sender
 *     will repeat it, as the receiver has not got it either. Only a cap ends a hole, or the session's end.
 * Then, and when a module keeps more than its cap, the flow's policy counts. Open: the bytes pass without having been
 * seen, modules are told of a gap. Closed: packets with bytes behind that place are dropped, now and later, until the
 * session ends.
 *
 * A packet leaves as it came. One that repeats bytes which were released is not compared with them; of two that wait for the
 * same place, both leave. A packet whose session found no room (max_sessions, no memory) belongs to no flow, and leaves at once.
 *
 * Order: packets that wait leave in the order of the stream, all others in the order in which they came.
 *
 * What comes later goes here as well: duplicate ACKs of the engine's own (with SACK) for what waits above a hole, a place
 * in struct fos__gate (engine/release.h) for what was so acknowledged and is kept until the receiver acknowledges it, and,
 * with modules that write, the map from bytes as they came to bytes as they leave: then the callback's frames are not
 * always those that came.
 */
#ifndef FLOWOS_RELEASE_H
#define FLOWOS_RELEASE_H

#include <stdint.h>

enum fos_release {
	FOS_RELEASE_TAP,
	FOS_RELEASE_OPEN,   /* gate, failing open */
	FOS_RELEASE_CLOSED, /* gate, failing closed */
};

struct fos_release_stats {
	uint64_t released;                          /* packets that left */
	uint64_t waited;                            /* of those: that did not leave at once */
	uint64_t longest_wait_ns;                   /* of one that left or was dropped */
	uint64_t waiting, waiting_peak;             /* packets that wait now, and at most */
	uint64_t waiting_bytes, waiting_peak_bytes; /* memory of them */
	uint64_t dropped;                           /* packets that a closed flow did not let pass */
	uint64_t
	    overflow;  /* packets that could not wait for want of room: an open flow let them pass, a closed one dropped
	                    * them (and counts them there, too) */
	uint64_t shut; /* directions of closed flows that were shut */
};

#endif
