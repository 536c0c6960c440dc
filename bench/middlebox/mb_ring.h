/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_ring.h: a live port's ring as a text: "bytes=64M,blocks,send-ring".
 *
 * Any thread. Functions return 0 or a negative errno with a line in err.
 */
#ifndef MB_RING_H
#define MB_RING_H

#include "mb_conf.h"

#define MB_RING_HELP                                                                                                   \
	"bytes=N, frame=N (largest frame), slot=N (largest that comes by the ring), blocks, block=T, send-ring, "      \
	"qdisc-bypass"

/* Adds what the text says. */
int mb_ring_set(struct mb_ring *r, const char *text, char *err, size_t errlen);
int mb_ring_bytes(struct mb_ring *r, const char *value, char *err, size_t errlen);

/* What `over` says counts. */
void mb_ring_lay(struct mb_ring *r, const struct mb_ring *over);

#endif
