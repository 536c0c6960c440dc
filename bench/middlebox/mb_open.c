/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_open.c: how links are opened: a trace, an interface, or interfaces for several workers. See
 * mb_link.h, mb_box.h.
 */
#include <flowos/afpacket.h>
#include <flowos/trace.h>

#include "mb_box.h"

int mb_open_trace(const struct mb_conf *c, unsigned index, unsigned worker, struct fos_port **port, char *err,
                  size_t errlen)
{
	(void)index, (void)worker;
	return fos_trace_open(c->trace, port, err, errlen);
}

/* One interface is only looked at. Waiting is the worker's, for all its links at a time. */
static struct fos_afpacket_opts options_of(const struct mb_conf *c)
{
	const struct mb_ring *r = &c->ring;

	return (struct fos_afpacket_opts){
		.rx = r->blocks ? FOS_AFPACKET_BLOCKS : FOS_AFPACKET_FRAMES,
		.tx = c->interfaces < 2 ? FOS_AFPACKET_NO_TX
		      : r->send_ring    ? FOS_AFPACKET_RING
		                        : FOS_AFPACKET_SEND,
		.rx_ring_bytes = (size_t)r->bytes,
		.frame_bytes = (uint32_t)r->frame_bytes,
		.slot_bytes = (uint32_t)r->slot_bytes,
		.block_ms = (uint32_t)(r->block_ns / 1000000),
		.timeout_ms = -1,
		.promiscuous = true,
		.qdisc_bypass = r->qdisc_bypass,
	};
}

int mb_open_live(const struct mb_conf *c, unsigned index, unsigned worker, struct fos_port **port, char *err,
                 size_t errlen)
{
	struct fos_afpacket_opts opts = options_of(c);

	(void)worker;
	opts.port = (uint16_t)index;
	return fos_afpacket_open(c->interface[index], &opts, port, err, errlen);
}

int mb_open_set(const struct mb_conf *c, const struct fos_shard *shard, struct fos_afpacket_set **set, char *err,
                size_t errlen)
{
	const struct fos_afpacket_set_opts opts = { .port = options_of(c), .threads = c->workers, .shard = shard };

	return fos_afpacket_set_open(c->interface, c->interfaces, &opts, set, err, errlen);
}
