/* SPDX-License-Identifier: BSD-2-Clause
 *
 * change.h: what changes a frame's bytes: copying it, flipping a bit, cutting it short. One thread; parses, keeps
 * nothing.
 */
#ifndef FLOWOS_IMPAIR_CHANGE_H
#define FLOWOS_IMPAIR_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "waiting.h"

/* Gives the parcel a copy of its frame's bytes, in one piece or in as many as before. 0 or -ENOMEM. */
int fos__copy(struct fos__parcel *p, bool one_piece);

/* Flips a bit of a frame in one private piece, at a place drawn from `h`, so that the packet must be refused; with
 * `fix` a bit of its payload, and repairs the checksum. True and *bit, or false: no checksum covers the packet (it
 * is as it was). */
bool fos__corrupt_draw(struct fos__parcel *p, bool fix, uint64_t h, uint32_t *bit);

/* The same at a given bit: false where the frame has no such bit (or, with `fix`, where it is not payload). */
bool fos__corrupt_at(struct fos__parcel *p, bool fix, uint32_t bit);

/* Cuts to `len` captured bytes: false where there are no more than that. */
bool fos__truncate(struct fos__parcel *p, uint32_t len);

#endif
