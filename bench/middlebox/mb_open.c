/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_open.c: how links are opened: a trace, or an interface. See mb_link.h.
 */
#include <flowos/afpacket.h>
#include <flowos/trace.h>

#include "mb_link.h"

int mb_open_trace(const struct mb_conf *c, unsigned index, unsigned worker, struct fos_port **port, char *err,
                  size_t errlen)
{
	(void)index, (void)worker;
	return fos_trace_open(c->trace, port, err, errlen);
}

/* One interface is only looked at. Waiting is the worker's, for all its links at a time. */
int mb_open_live(const struct mb_conf *c, unsigned index, unsigned worker, struct fos_port **port, char *err,
                 size_t errlen)
{
	const struct mb_ring *r = &c->ring;
	const struct fos_afpacket_opts opts = {
		.rx = r->blocks ? FOS_AFPACKET_BLOCKS : FOS_AFPACKET_FRAMES,
		.tx = c->interfaces < 2 ? FOS_AFPACKET_NO_TX
		      : r->send_ring    ? FOS_AFPACKET_RING
		                        : FOS_AFPACKET_SEND,
		.rx_ring_bytes = (size_t)r->bytes,
		.frame_bytes = (uint32_t)r->frame_bytes,
		.block_ms = (uint32_t)(r->block_ns / 1000000),
		.timeout_ms = -1,
		.promiscuous = true,
		.qdisc_bypass = r->qdisc_bypass,
		.port = (uint16_t)index,
	};

	(void)worker;
	return fos_afpacket_open(c->interface[index], &opts, port, err, errlen);
}
