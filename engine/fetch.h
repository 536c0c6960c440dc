/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fetch.h: how a function is declared that brings memory into the cache and returns nothing. Internal.
 *
 * GCC takes such a function, unless it is inlined before it looks, for one without effect, and drops the calls.
 */
#ifndef FOS_FETCH_H
#define FOS_FETCH_H

#define FOS__FETCHES inline __attribute__((always_inline))

#endif
