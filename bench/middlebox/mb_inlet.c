/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_inlet.c: see mb_inlet.h. Here, where nothing arrives and no port says what time it is, a clock is read.
 */
#include "mb_inlet.h"

#include <stdio.h>
#include <string.h>

#include "mb_clock.h"

static int rx_trace(struct mb_inlet *in, struct fos_batch *b)
{
	int n = fos_port_rx(in->link->port, b);

	if (n < 0 && n != -ENODATA && !in->status) {
		in->status = n;
		snprintf(in->error, sizeof(in->error), "%s", fos_port_error(in->link->port));
	}
	return n < 0 ? -ENODATA : n;
}

static int inlet_rx(struct fos_port *p, struct fos_batch *b)
{
	struct mb_inlet *in = (struct mb_inlet *)p;

	b->n = 0;
	if (in->ending)
		return -ENODATA;
	if (in->trace)
		return rx_trace(in, b);
	for (unsigned i = 0; i < in->links; i++) {
		struct mb_link *l = &in->link[in->turn];
		int n;

		in->turn = in->turn + 1 < in->links ? in->turn + 1 : 0;
		if (!mb_link_ready(l))
			continue;
		n = fos_port_rx(l->port, b);
		for (int k = 0; k < n; k++)
			b->pkt[k].f.port = (uint16_t)l->index;
		if (n > 0) {
			mb_link_alive(l);
			return n;
		}
		if (n < 0)
			mb_link_lost(l, n);
		else
			mb_link_alive(l);
	}
	b->n = 0;
	b->now_ns = mb_clock_ns(CLOCK_REALTIME);
	return 0;
}

static void inlet_stats(const struct fos_port *p, struct fos_port_stats *st)
{
	(void)p;
	memset(st, 0, sizeof(*st)); /* each link has its own */
}

static const char *inlet_error(const struct fos_port *p)
{
	return ((const struct mb_inlet *)p)->error;
}

static int inlet_close(struct fos_port *p)
{
	(void)p;
	return 0;
}

static const struct fos_port_ops ops = {
	.name = "inlet",
	.rx = inlet_rx,
	.stats = inlet_stats,
	.error = inlet_error,
	.close = inlet_close,
};

void mb_inlet_init(struct mb_inlet *in, struct mb_link *link, unsigned links, bool trace)
{
	*in = (struct mb_inlet){ .port = { .ops = &ops }, .link = link, .links = links, .trace = trace };
}
