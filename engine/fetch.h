/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fetch.h: bringing memory into the cache: asking for a line, and how functions are declared that do so and return nothing. Internal.
 *
 * GCC takes such a function, unless it is inlined before it looks, for one without effect, and drops the calls.
 */
#ifndef FOS_FETCH_H
#define FOS_FETCH_H

#define FOS__FETCHES inline __attribute__((always_inline))

/* Asks for the line at `p`, one of many lines, into the second-level cache. Of many requests for the first level at once, and of many to
 * write, AMD's Zen 4 drops what its few buffers there do not take (about half of 128), and they would be missed one by one. */
static FOS__FETCHES void fos__fetch(const void *p)
{
	__builtin_prefetch(p, 0, 2);
}

#endif
