/* SPDX-License-Identifier: BSD-2-Clause
 *
 * memport.c: the port over frames in memory, and the null port. Touches nothing else.
 */
#include <flowos/memport.h>

#include <stdlib.h>

struct mem {
	struct fos_port port;
	const struct fos_frame *v;
	size_t n, at;
	uint64_t clock_ns;
	struct fos_port_stats stats;
	struct fos_frames own; /* empty where the frames are the caller's */
};

static int mem_rx(struct fos_port *p, struct fos_batch *b)
{
	struct mem *m = (struct mem *)p;
	size_t left = m->n - m->at;
	uint32_t n = left < FOS_BATCH_MAX ? (uint32_t)left : FOS_BATCH_MAX;

	for (uint32_t i = 0; i < n; i++) {
		const struct fos_frame *f = &m->v[m->at + i];

		b->pkt[i].f = *f;
		if (m->clock_ns < f->ts_ns)
			m->clock_ns = f->ts_ns;
		m->stats.rx_bytes += fos_frame_caplen(f);
	}
	m->at += n;
	m->stats.rx_packets += n;
	b->n = n;
	b->now_ns = m->clock_ns;
	if (n)
		return (int)n;
	return m->own.status ? m->own.status : -ENODATA;
}

static int mem_rewind(struct fos_port *p)
{
	struct mem *m = (struct mem *)p;

	m->at = 0;
	m->clock_ns = 0;
	return 0;
}

static void mem_stats(const struct fos_port *p, struct fos_port_stats *st)
{
	*st = ((const struct mem *)p)->stats;
}

static const char *mem_error(const struct fos_port *p)
{
	const struct mem *m = (const struct mem *)p;

	return m->at == m->n ? m->own.error : "";
}

static int mem_close(struct fos_port *p)
{
	struct mem *m = (struct mem *)p;

	fos_frames_free(&m->own);
	free(m);
	return 0;
}

static const struct fos_port_ops mem_ops = {
	.name = "mem",
	.rx = mem_rx,
	.rewind = mem_rewind,
	.stats = mem_stats,
	.error = mem_error,
	.close = mem_close,
};

int fos_mem_port_open(const struct fos_frame *v, size_t n, struct fos_port **out)
{
	struct mem *m = calloc(1, sizeof *m);

	if (!m)
		return -ENOMEM;
	m->port.ops = &mem_ops;
	m->v = v;
	m->n = n;
	*out = &m->port;
	return 0;
}

int fos_mem_port_take(struct fos_frames *f, struct fos_port **out)
{
	int ret = fos_mem_port_open(f->v, f->n, out);

	if (ret)
		return ret;
	((struct mem *)*out)->own = *f;
	*f = (struct fos_frames){ 0 };
	return 0;
}

struct null {
	struct fos_port port;
	struct fos_port_stats stats;
};

static int null_rx(struct fos_port *p, struct fos_batch *b)
{
	(void)p;
	b->n = 0;
	b->now_ns = 0;
	return -ENODATA;
}

static int null_tx(struct fos_port *p, const struct fos_batch *b)
{
	struct null *z = (struct null *)p;

	z->stats.tx_packets += b->n;
	for (uint32_t i = 0; i < b->n; i++)
		z->stats.tx_bytes += fos_frame_caplen(&b->pkt[i].f);
	return (int)b->n;
}

static int null_rewind(struct fos_port *p)
{
	(void)p;
	return 0;
}

static void null_stats(const struct fos_port *p, struct fos_port_stats *st)
{
	*st = ((const struct null *)p)->stats;
}

static const char *null_error(const struct fos_port *p)
{
	(void)p;
	return "";
}

static int null_close(struct fos_port *p)
{
	free(p); /* the port is the start of struct null */
	return 0;
}

static const struct fos_port_ops null_ops = {
	.name = "null",
	.rx = null_rx,
	.tx = null_tx,
	.rewind = null_rewind,
	.stats = null_stats,
	.error = null_error,
	.close = null_close,
};

int fos_null_port_open(struct fos_port **out)
{
	struct null *z = calloc(1, sizeof *z);

	if (!z)
		return -ENOMEM;
	z->port.ops = &null_ops;
	*out = &z->port;
	return 0;
}
