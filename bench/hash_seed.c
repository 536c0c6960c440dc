/* SPDX-License-Identifier: BSD-2-Clause
 *
 * hash_seed.c: see hash_seed.h. Where the kernel has no random numbers to give yet, time and the process are what is left.
 */
#include "hash_seed.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <flowos/rand.h>

static uint64_t draw(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed)) {
		struct timespec t;

		clock_gettime(CLOCK_REALTIME, &t);
		seed = fos_mix64_add(fos_mix64_add((uint64_t)t.tv_nsec, (uint64_t)t.tv_sec), (uint64_t)getpid());
	}
	return seed | (seed == 0);
}

static uint64_t drawn_once(uint64_t *seed)
{
	if (!*seed)
		*seed = draw();
	return *seed;
}

uint64_t bench_hash_seed(void)
{
	static uint64_t seed;

	return drawn_once(&seed);
}

uint64_t bench_shard_seed(void)
{
	static uint64_t seed;

	return drawn_once(&seed);
}
