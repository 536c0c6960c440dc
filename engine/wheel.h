/* SPDX-License-Identifier: BSD-2-Clause
 *
 * wheel.h: sessions by when to look at them again. A packet costs nothing here: a session that turns out to have been
 * busy is put back. Internal, one thread; driven by the time stamps of packets.
 *
 * Links are slab numbers. A session's wheel_link is the number of the one before it in its slot, or, for the first one,
 * FOS_WHEEL_FIRST and the slot's number; 0 where it is in no wheel.
 */
#ifndef FOS_WHEEL_H
#define FOS_WHEEL_H

#include <stdint.h>

#include "session.h"
#include "slab.h"

enum { FOS_WHEEL_SLOTS = 64 };
#define FOS_WHEEL_FIRST UINT32_C(0x80000000)

struct fos__wheel {
	uint64_t tick; /* seconds, the next slot to look at; 0: not started */
	uint32_t slot[FOS_WHEEL_SLOTS];
};

/* Puts a session in, to be looked at about `at_ns`, but no later than a turn of the wheel from now. */
void fos__wheel_add(struct fos__wheel *w, const struct fos__slab *slab, struct fos_session *s, uint64_t at_ns);
/* Not in a wheel: nothing happens. */
void fos__wheel_remove(struct fos__wheel *w, const struct fos__slab *slab, struct fos_session *s);

/* Takes out one session whose time may have come at now_ns; NULL: none is left. Call until then. */
struct fos_session *fos__wheel_due(struct fos__wheel *w, const struct fos__slab *slab, uint64_t now_ns);

#endif
