/* SPDX-License-Identifier: BSD-2-Clause
 *
 * reorder_metrics.h: how much reordering there is, measured where packets arrive, as RFC 4737 defines it.
 *
 * Per stream direction (as impair.h tells them apart), with the frame's number in the original as its sequence
 * number: a packet is reordered (Type-P-Reordered, section 3.3) when a greater number arrived before it; its extent
 * (4.2.2) is how many arrivals of its direction ago the first greater number arrived. Copies and retransmissions
 * that an impairment made are not counted.
 *
 * Memory: 32 bytes for each of the last FOS_REORDER_WINDOW arrivals of all directions together, and 80 or more per
 * direction. The extent of a packet that is displaced by more than that is a lower bound; `clipped` counts them. A
 * packet costs O(log window).
 *
 * Threads: one at a time. Frames are parsed and not kept. Nothing blocks.
 */
#ifndef FLOWOS_REORDER_METRICS_H
#define FLOWOS_REORDER_METRICS_H

#include <stdint.h>

#include <flowos/frame.h>

enum { FOS_REORDER_WINDOW = 1 << 20 };

struct fos_reorder_metrics {
	uint64_t packets; /* that were counted */
	uint64_t reordered;
	double reordered_ratio; /* reordered / packets; 0 without packets */
	uint64_t max_extent;    /* in packets of the direction */
	uint64_t directions;    /* that had packets */
	uint64_t clipped;       /* extents that are lower bounds */
};

struct fos_reorder_meter;

int fos_reorder_meter_create(struct fos_reorder_meter **out); /* 0 or -ENOMEM */
void fos_reorder_meter_destroy(struct fos_reorder_meter *m);  /* NULL is no meter */

/* A frame as it leaves. Returns its extent, 0 where it is not reordered, or -ENOMEM (it is not counted). */
int64_t fos_reorder_meter_frame(struct fos_reorder_meter *m, const struct fos_frame *f);

/* The same for who knows better what a direction is: `direction` is any number, `seq` the packet's place in it. */
int64_t fos_reorder_meter_add(struct fos_reorder_meter *m, uint64_t direction, uint64_t seq);

void fos_reorder_meter_read(const struct fos_reorder_meter *m, struct fos_reorder_metrics *out);

#endif
