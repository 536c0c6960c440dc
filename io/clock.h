/* SPDX-License-Identifier: BSD-2-Clause
 *
 * clock.h: the system's clocks as ports of live interfaces read them. Private to io.
 */
#ifndef FLOWOS_IO_CLOCK_H
#define FLOWOS_IO_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds. */
static inline uint64_t fos__clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

#endif
