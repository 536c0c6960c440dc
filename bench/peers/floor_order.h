/* SPDX-License-Identifier: BSD-2-Clause
 *
 * floor_order.h: the least that any program must do that reads reordered or lossy TCP in order: of each direction the next
 * sequence number, and where the payload lies that waits above a hole, read when its turn comes. The same work as the
 * mode `sum` of ../floor.h besides, on the same packets, so that the one beside the other says what order costs.
 *
 * No streams, times or overlaps: of two segments that meet, the one that was passed on first counts, and of waiting ones
 * that do, the one that begins first. A direction begins with its SYN; a hole is given up when FLOOR_ORDER_WAIT segments wait above it, or at the end.
 * One thread.
 */
#ifndef FLOOR_ORDER_H
#define FLOOR_ORDER_H

#include "../floor.h"

enum { FLOOR_ORDER_WAIT = 1024 };

struct floor_order_lane; /* a direction */

struct floor_order {
	struct bench_floor *f;
	struct floor_order_lane *lane; /* two for each slot of the table */
	size_t bytes_mapped;
	bool no_memory; /* times mean nothing */
};

/* `f` is initialised and outlives it. 0 or -ENOMEM. */
int floor_order_init(struct floor_order *o, struct bench_floor *f);

/* A frame: its bytes stay where they are until floor_order_end(). */
void floor_order_packet(struct floor_order *o, const uint8_t *p, size_t len);

/* Reads what still waits, and frees everything but `f`. */
void floor_order_end(struct floor_order *o);

#endif
