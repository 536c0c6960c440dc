/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tracefile.c: the common part of the pcap and pcapng readers. Touches its own struct and its map.
 */
#include "tracefile.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

int fos__tracefile_init(struct fos__tracefile *t, const struct fos_port_ops *ops, const char *path)
{
	*t = (struct fos__tracefile){ .port.ops = ops, .map.fd = -1 };
	t->path = strdup(strcmp(path, "-") ? path : "standard input");
	return t->path ? 0 : -ENOMEM;
}

void fos__tracefile_map_more(struct fos__tracefile *t)
{
	uint64_t most = t->ahead ? t->off + FOS__TELL_AHEAD : t->off + FOS__MAP_AHEAD;

	if (most > t->map.len)
		most = t->map.len;
	while (t->mapped < most) {
		uint64_t left = t->map.len - t->mapped, n = left < FOS__MAP_STEP ? left : FOS__MAP_STEP;

		if (!t->ahead)
			fos_ahead_map(t->map.base + t->mapped, n);
		else if (!fos_ahead_want(t->ahead, t->map.base + t->mapped, n, FOS_AHEAD_READ))
			return; /* it has enough to do: the next time */
		t->mapped += n;
	}
}

void fos__tracefile_ahead(struct fos_port *p, const struct fos_ahead *a)
{
	struct fos__tracefile *t = (struct fos__tracefile *)p;

	t->ahead = a;
	if (a) /* there may be something else to do before the first rx */
		fos__tracefile_map_more(t);
}

bool fos__tracefile_damage(struct fos__tracefile *t, uint64_t off, const char *fmt, ...)
{
	va_list ap;
	int n;

	n = snprintf(t->error, sizeof t->error,
	             "%.300s: damaged at byte %" PRIu64 ", after %" PRIu64 " packet%s: ", t->path, off, t->num,
	             t->num == 1 ? "" : "s");
	va_start(ap, fmt);
	vsnprintf(t->error + n, sizeof t->error - (size_t)n, fmt, ap);
	va_end(ap);
	t->status = -EBADMSG;
	return false;
}

bool fos__tracefile_end(struct fos__tracefile *t)
{
	if (t->map.cut)
		return fos__tracefile_damage(t, t->off,
		                             "the compressed file is cut or damaged (bytes are counted uncompressed)");
	t->status = -ENODATA;
	return false;
}

int fos__tracefile_batch(const struct fos__tracefile *t, struct fos_batch *b, uint32_t n)
{
	b->n = n;
	b->now_ns = t->clock_ns;
	return n ? (int)n : t->status;
}

void fos__tracefile_rewind(struct fos__tracefile *t, uint64_t off)
{
	t->off = off;
	t->num = 0;
	t->clock_ns = 0;
	t->status = 0;
	t->error[0] = 0;
}

void fos__tracefile_stats(const struct fos_port *p, struct fos_port_stats *st)
{
	*st = ((const struct fos__tracefile *)p)->stats;
}

const char *fos__tracefile_error(const struct fos_port *p)
{
	return ((const struct fos__tracefile *)p)->error;
}

/* Mapped pages cost as much to give back: two halves at the same time. */
static void let_go(const struct fos__tracefile *t)
{
	uint64_t half = t->mapped / 2 / FOS__MAP_STEP * FOS__MAP_STEP;
	uint8_t *base = (uint8_t *)(uintptr_t)t->map.base;

	if (half && fos_ahead_want(t->ahead, base + half, t->mapped - half, FOS_AHEAD_DONE))
		(void)madvise(base, half, MADV_DONTNEED);
	fos_ahead_settle(t->ahead);
}

int fos__tracefile_close(struct fos_port *p)
{
	struct fos__tracefile *t = (struct fos__tracefile *)p;

	let_go(t);
	fos__map_close(&t->map);
	free(t->path);
	free(t);
	return 0;
}
