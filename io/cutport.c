/* SPDX-License-Identifier: BSD-2-Clause
 *
 * cutport.c: see flowos/cutport.h. Touches the port inside, and headers in memory of its own.
 *
 * A batch of the port inside may make many: it is asked for the next only when all of the last was given out, as frames
 * last no longer than that.
 */
#include <flowos/cutport.h>

#include <stdlib.h>
#include <string.h>

#include <flowos/parse.h>

#include "gso_segment.h"

enum { TCP_FIELD = 16, UDP_FIELD = 6 }; /* where a checksum is in its header */

struct cut {
	struct fos_port port;
	struct fos_port *inner;
	uint32_t at;  /* next frame of `in` */
	bool cutting; /* it is a super-packet that is being cut by `g` */
	struct fos__gso g;
	struct fos_batch in;
	uint8_t head[FOS_BATCH_MAX][FOS__GSO_HEAD]; /* headers of what was given out last */
};

/* How many bytes of a frame are headers: a frame that is in two pieces must not have one between them. */
static uint32_t headers(const struct fos_frame *f)
{
	uint32_t l4 = f->csum_start, len = l4 + f->csum_offset + 2u;

	if (f->csum_offset == UDP_FIELD)
		len = l4 + 8;
	else if (f->csum_offset == TCP_FIELD && l4 + 20u <= f->len)
		len = l4 + (f->data[l4 + 12] >> 4) * 4u;
	return len < l4 + f->csum_offset + 2u ? 0 : len;
}

/* Completes the checksum, in a copy of the headers. A frame that makes no sense stays as it is. */
static void complete(const struct fos_frame *f, uint8_t *head, struct fos_frame *out)
{
	uint32_t len = headers(f), l4 = f->csum_start;
	uint16_t sum;

	*out = *f;
	if (!len || len > f->len || len > FOS__GSO_HEAD || (f->ext_len && f->len > len) || (len - l4) % 2)
		return;
	memcpy(head, f->data, len);
	out->data = head;
	out->len = len;
	if (!f->ext_len) {
		out->ext = f->len > len ? f->data + len : NULL;
		out->ext_len = f->len - len;
	}
	/* The field holds the pseudo header's sum, so it counts. */
	sum = fos_csum_fold(fos_csum_add(out->ext, out->ext_len, fos_csum_add(head + l4, len - l4, 0)));
	if (f->csum_offset == UDP_FIELD && !sum)
		sum = 0xffff;
	memcpy(head + l4 + f->csum_offset, &sum, 2);
	out->flags &= ~(uint32_t)(FOS_FRAME_CSUM_PARTIAL | FOS_FRAME_STABLE);
	out->csum_start = out->csum_offset = 0;
}

/* The next packet of the batch inside; there is one. */
static void next(struct cut *c, uint8_t *head, struct fos_frame *out)
{
	const struct fos_frame *f = &c->in.pkt[c->at].f;

	if (!c->cutting && f->gso_type && !fos__gso_open(&c->g, f))
		c->cutting = true;
	if (c->cutting) {
		fos__gso_next(&c->g, head, out);
		c->cutting = c->g.left > 0;
	} else if (!f->gso_type && f->flags & FOS_FRAME_CSUM_PARTIAL) {
		complete(f, head, out);
	} else {
		*out = *f;
	}
	if (!c->cutting)
		c->at++;
}

static int cut_rx(struct fos_port *p, struct fos_batch *b)
{
	struct cut *c = (struct cut *)p;
	int ret;

	b->n = 0;
	if (c->at == c->in.n) {
		c->at = c->in.n = 0;
		ret = fos_port_rx(c->inner, &c->in);
		if (ret <= 0)
			c->in.n = 0;
		b->now_ns = c->in.now_ns;
		if (ret <= 0)
			return ret;
	}
	b->now_ns = c->in.now_ns;
	for (; b->n < FOS_BATCH_MAX && c->at < c->in.n; b->n++)
		next(c, c->head[b->n], &b->pkt[b->n].f);
	return (int)b->n;
}

static int cut_tx(struct fos_port *p, const struct fos_batch *b)
{
	return fos_port_tx(((struct cut *)p)->inner, b);
}

static int cut_rewind(struct fos_port *p)
{
	struct cut *c = (struct cut *)p;

	c->at = c->in.n = 0;
	c->cutting = false;
	return fos_port_rewind(c->inner);
}

/* Packets and bytes are those of the port inside: what the interface counts. */
static void cut_stats(const struct fos_port *p, struct fos_port_stats *st)
{
	fos_port_stats(((const struct cut *)p)->inner, st);
}

static int cut_fd(const struct fos_port *p)
{
	return fos_port_fd(((const struct cut *)p)->inner);
}

static const char *cut_error(const struct fos_port *p)
{
	return fos_port_error(((const struct cut *)p)->inner);
}

static int cut_close(struct fos_port *p)
{
	int ret = fos_port_close(((struct cut *)p)->inner);

	free(p); /* the port is the start of struct cut */
	return ret;
}

static const struct fos_port_ops cut_ops = {
	.name = "cut",
	.rx = cut_rx,
	.tx = cut_tx,
	.rewind = cut_rewind,
	.stats = cut_stats,
	.fd = cut_fd,
	.error = cut_error,
	.close = cut_close,
};

int fos_cut_port_open(struct fos_port *inner, struct fos_port **out)
{
	struct cut *c = malloc(sizeof *c);

	if (!c)
		return -ENOMEM;
	c->port.ops = &cut_ops;
	c->inner = inner;
	c->at = c->in.n = 0;
	c->cutting = false;
	*out = &c->port;
	return 0;
}
