/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_clock.h: the two clocks that the middlebox reads: one for how long, one for the time that packets are stamped with.
 *
 * Any thread.
 */
#ifndef MB_CLOCK_H
#define MB_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t mb_clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint64_t mb_monotonic_ns(void)
{
	return mb_clock_ns(CLOCK_MONOTONIC);
}

static inline uint64_t mb_monotonic_ms(void)
{
	return mb_monotonic_ns() / 1000000u;
}

#endif
