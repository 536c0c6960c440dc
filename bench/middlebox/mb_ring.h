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
	"qdisc-bypass, port=afpacket|afxdp, xdp=auto|native|generic|copy|zerocopy"

/* Adds what the text says. */
int mb_ring_set(struct mb_ring *r, const char *text, char *err, size_t errlen);
int mb_ring_bytes(struct mb_ring *r, const char *value, char *err, size_t errlen);

/* The words of mb_port and mb_xdp: into a value, or -EINVAL; of a value, NULL for 0. */
int mb_ring_port(struct mb_ring *r, const char *word);
int mb_ring_xdp(struct mb_ring *r, const char *word);
const char *mb_ring_port_name(enum mb_port port);
const char *mb_ring_xdp_name(enum mb_xdp xdp);

/* What `over` says counts. */
void mb_ring_lay(struct mb_ring *r, const struct mb_ring *over);

#endif
