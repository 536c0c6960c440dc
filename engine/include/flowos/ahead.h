/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ahead.h: memory that will be used soon, told to somebody who sees to it that its pages are there by then. To have a page
 * mapped, and a new one filled with zeroes, costs as much as hundreds of packets; another thread can do it meanwhile.
 *
 * All of it is advice: where nobody is told, or he does not come to it in time, the first access does the same.
 *
 * Threads: who is told does the work in whatever thread he likes; memory does not change by it. Ownership: memory remains its
 * owner's, who calls fos_ahead_settle() before he unmaps any that he has told of.
 */
#ifndef FLOWOS_AHEAD_H
#define FLOWOS_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fos_ahead_use {
	FOS_AHEAD_READ,  /* it will be read: a mapped file */
	FOS_AHEAD_WRITE, /* it will be written: private memory */
	FOS_AHEAD_DONE,  /* it will not be read again: a mapped file, which would be read from the file if it were */
};

struct fos_ahead {
	/* Tells of `len` bytes at `at`, a multiple of the page size. Does not wait for the work. False: there is too much of it as it is. */
	bool (*want)(void *arg, const void *at, size_t len, enum fos_ahead_use use);
	/* Returns when nothing that was told before is looked at any more: what was not begun is forgotten, whoever told of it. Blocks
	 * for as long as it takes to map some MiB. */
	void (*settle)(void *arg);
	void *arg;
};

/* NULL is nobody to be told: false. */
static inline bool fos_ahead_want(const struct fos_ahead *a, const void *at, size_t len, enum fos_ahead_use use)
{
	return a && a->want(a->arg, at, len, use);
}

static inline void fos_ahead_settle(const struct fos_ahead *a)
{
	if (a)
		a->settle(a->arg);
}

/* Has the pages of memory that is to be read mapped, here and now. Linux maps 64 KiB around a page that is read, where nobody has set
 * it otherwise, so one byte of each is read. Any thread. Blocks where the file is not in memory. */
static inline void fos_ahead_map(const void *at, size_t len)
{
	enum { AROUND = 64 << 10 };
	const volatile uint8_t *from = (const volatile uint8_t *)at;

	for (size_t i = 0; i < len; i += AROUND)
		(void)from[i];
}

#endif
