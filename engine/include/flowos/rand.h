/* SPDX-License-Identifier: BSD-2-Clause
 *
 * rand.h: chance as a function. There is no generator with a state: a draw is a function of a seed and of what it is
 * drawn for, so that one decision never shifts another.
 *
 * The mixing step is the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). Pure functions, any thread; the
 * same on every machine.
 */
#ifndef FLOWOS_RAND_H
#define FLOWOS_RAND_H

#include <stdint.h>

static inline uint64_t fos_mix64(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* Adds one more value to what is drawn for. */
static inline uint64_t fos_mix64_add(uint64_t h, uint64_t value)
{
	return fos_mix64(h ^ fos_mix64(value));
}

/* [0, 1) with 53 bits */
static inline double fos_unit(uint64_t h)
{
	return (double)(h >> 11) * 0x1.0p-53;
}

/* [0, n), n > 0; the bias is below n / 2^64 */
static inline uint64_t fos_below(uint64_t h, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)h * n) >> 64);
}

#endif
