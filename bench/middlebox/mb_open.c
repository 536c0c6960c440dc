/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_open.c: how links are opened: a trace, an interface, or interfaces for several workers. See
 * mb_link.h, mb_box.h.
 */
#include <errno.h>
#include <stdio.h>

#include <flowos/afpacket.h>
#include <flowos/afxdp.h>
#include <flowos/trace.h>

#include "mb_box.h"

int mb_open_trace(const struct mb_link *l, struct fos_port **port, char *err, size_t errlen)
{
	return fos_trace_open(l->conf->trace, port, err, errlen);
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

static int open_xdp(const struct mb_link *l, struct fos_port **port, char *err, size_t errlen)
{
	const struct mb_conf *c = l->conf;
	const struct fos_afxdp_opts opts = {
		.mode = c->ring.xdp ? (enum fos_afxdp_mode)(c->ring.xdp - MB_XDP_AUTO) : FOS_AFXDP_AUTO,
		.receive_only = c->interfaces < 2,
		.ring_bytes = (size_t)c->ring.bytes,
		.timeout_ms = -1,
		.promiscuous = true,
		.port = (uint16_t)l->index,
		.say = l->say,
		.say_arg = l->say_arg,
	};

	return fos_afxdp_open(c->interface[l->index], &opts, port, err, errlen);
}

/* Where AF_XDP cannot be had there is AF_PACKET, which can do everything. */
int mb_open_live(const struct mb_link *l, struct fos_port **port, char *err, size_t errlen)
{
	struct fos_afpacket_opts opts = options_of(l->conf);
	char text[600];
	int rc = 0, ret;

	if (l->conf->ring.port == MB_PORT_AFXDP && !l->plain) {
		rc = open_xdp(l, port, err, errlen);
		if (rc == 0)
			*err = 0;
		if (rc == 0 || rc == -ENODEV)
			return rc;
		snprintf(text, sizeof(text), "%s; AF_PACKET instead of AF_XDP", err);
	}
	opts.port = (uint16_t)l->index;
	ret = fos_afpacket_open(l->conf->interface[l->index], &opts, port, err, errlen);
	if (ret == 0 && rc && l->say)
		l->say(l->say_arg, text);
	return ret;
}

int mb_open_set(const struct mb_conf *c, const struct fos_shard *shard, struct fos_afpacket_set **set, char *err,
                size_t errlen)
{
	const struct fos_afpacket_set_opts opts = { .port = options_of(c), .threads = c->workers, .shard = shard };

	return fos_afpacket_set_open(c->interface, c->interfaces, &opts, set, err, errlen);
}
