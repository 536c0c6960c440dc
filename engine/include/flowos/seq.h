/* SPDX-License-Identifier: BSD-2-Clause
 *
 * seq.h: the only place that knows that TCP sequence numbers wrap (RFC 9293, section 3.4).
 *
 * The engine counts in positions: 64 bits whose low 32 are the sequence number on the wire. The first position of a
 * direction is 2^32 + its first sequence number, so that what lies a little before it is no negative number.
 *
 * Pure functions, any thread.
 */
#ifndef FLOWOS_SEQ_H
#define FLOWOS_SEQ_H

#include <stdint.h>

/* How far b is ahead of a, -2^31 to 2^31 - 1. */
static inline int32_t fos_seq_diff(uint32_t b, uint32_t a)
{
	return (int32_t)(b - a);
}

/* The first position of a direction in which nothing was seen before. */
static inline uint64_t fos_seq_first(uint32_t seq)
{
	return (UINT64_C(1) << 32) + seq;
}

/* The position with sequence number `seq` that is nearest to `near`. */
static inline uint64_t fos_seq_near(uint64_t near, uint32_t seq)
{
	return near + (uint64_t)(int64_t)fos_seq_diff(seq, (uint32_t)near);
}

#endif
