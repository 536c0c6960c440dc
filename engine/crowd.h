/* SPDX-License-Identifier: BSD-2-Clause
 *
 * crowd.h: who goes first when there are more sessions than may be. Two lines of sessions, the half-open ones and all
 * others, each in the order in which they were seen last. Internal, one thread; touches what links sessions here and
 * nothing else.
 *
 * Joining, leaving and moving to the end cost the same however many there are. Links are slab numbers: 8 bytes a
 * session.
 */
#ifndef FOS_CROWD_H
#define FOS_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session.h"
#include "slab.h"

struct fos__line {
	uint32_t first, last; /* slab numbers, 0: nobody */
	size_t count;
};

struct fos__crowd {
	struct fos__line half_open, open;
};

/* A new session goes to the end of the line that FOS_SESSION_HALF_OPEN in its flags says. */
void fos__crowd_join(struct fos__crowd *c, const struct fos__slab *slab, struct fos_session *s);
void fos__crowd_leave(struct fos__crowd *c, const struct fos__slab *slab, struct fos_session *s);

/* It was seen: to the end of its line, of that of the open ones where `open` (which it stays). */
void fos__crowd_seen(struct fos__crowd *c, const struct fos__slab *slab, struct fos_session *s, bool open);

/* Whose turn it is to go: the half-open one that was not seen for longest if there are more than `share` of them (or nobody else), else
 * that of the others; NULL: nobody is left. Where there was no share, all places would belong to sessions that
 * were quick to open: the next one, half-open at first, would always be the one to go. */
struct fos_session *fos__crowd_first(const struct fos__crowd *c, const struct fos__slab *slab, size_t share);

#endif
