/* SPDX-License-Identifier: BSD-2-Clause
 *
 * reorder_metrics.c: RFC 4737 measured on arrivals. The first arrival that is greater than a late packet was greater
 * than all before it, so only such records need to be kept: per direction a stack of records, rising in both place
 * and sequence number. They all lie in one ring, whose oldest entries are overwritten. Each record also points to
 * one further down, chosen as in E. Myers, "An applicative random-access stack" (1983), so that the stack is
 * searched in O(log n).
 */
#include <flowos/reorder_metrics.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <flowos/parse.h>
#include <flowos/rand.h>

#include "direction.h"

/* Records are named by serial number from 1; 0 is none. Those before the last FOS_REORDER_WINDOW are gone. */
struct record {
	uint64_t seq, place;
	uint32_t prev, jump; /* how many serial numbers before; 0: none; NOT_KEPT */
	uint32_t depth;      /* of the stack up to here, modulo 2^32 */
};

enum { NOT_KEPT = FOS_REORDER_WINDOW };

struct direction {
	uint64_t key;
	uint64_t arrivals;   /* 0: a free slot */
	uint64_t max, place; /* of the top record */
	uint64_t top;        /* its serial number */
};

struct fos_reorder_meter {
	struct record *ring;
	uint64_t last; /* serial number of the newest record */
	struct direction *slot;
	uint64_t mask;
	struct fos_reorder_metrics m;
};

int fos_reorder_meter_create(struct fos_reorder_meter **out)
{
	struct fos_reorder_meter *m = calloc(1, sizeof *m);

	if (!m)
		return -ENOMEM;
	m->mask = 255;
	m->ring = malloc(FOS_REORDER_WINDOW * sizeof *m->ring); /* pages are taken as they are written */
	m->slot = calloc(m->mask + 1, sizeof *m->slot);
	if (!m->ring || !m->slot) {
		fos_reorder_meter_destroy(m);
		return -ENOMEM;
	}
	*out = m;
	return 0;
}

void fos_reorder_meter_destroy(struct fos_reorder_meter *m)
{
	if (!m)
		return;
	free(m->ring);
	free(m->slot);
	free(m);
}

static struct direction *find(struct direction *slot, uint64_t mask, uint64_t key)
{
	uint64_t at = fos_mix64(key) & mask;

	while (slot[at].arrivals && slot[at].key != key)
		at = (at + 1) & mask;
	return &slot[at];
}

static int grow(struct fos_reorder_meter *m)
{
	uint64_t mask = 2 * m->mask + 1;
	struct direction *slot = calloc(mask + 1, sizeof *slot);

	if (!slot)
		return -ENOMEM;
	for (uint64_t i = 0; i <= m->mask; i++) {
		if (m->slot[i].arrivals)
			*find(slot, mask, m->slot[i].key) = m->slot[i];
	}
	free(m->slot);
	m->slot = slot;
	m->mask = mask;
	return 0;
}

static struct record *record_at(const struct fos_reorder_meter *m, uint64_t serial)
{
	return &m->ring[serial % FOS_REORDER_WINDOW];
}

static bool kept(const struct fos_reorder_meter *m, uint64_t serial)
{
	return serial > 0 && serial + FOS_REORDER_WINDOW > m->last;
}

/* The serial number `back` before, or 0 where it is none or not kept. */
static uint64_t down(const struct fos_reorder_meter *m, uint64_t serial, uint32_t back)
{
	return back == 0 || back >= NOT_KEPT || !kept(m, serial - back) ? 0 : serial - back;
}

static uint32_t distance(uint64_t from, uint64_t to)
{
	return from - to < NOT_KEPT ? (uint32_t)(from - to) : NOT_KEPT;
}

/* The arrival is greater than all before it in its direction. */
static void push(struct fos_reorder_meter *m, struct direction *d, uint64_t seq)
{
	uint64_t serial = ++m->last, prev = d->top, jump, beyond;
	struct record *r = record_at(m, serial);

	*r = (struct record){ .seq = seq, .place = d->arrivals, .depth = 1 };
	if (prev) {
		r->prev = r->jump = distance(serial, prev);
		r->depth = 2;
	}
	if (prev && kept(m, prev)) {
		const struct record *p = record_at(m, prev);

		r->depth = p->depth + 1;
		jump = down(m, prev, p->jump);
		beyond = jump ? down(m, jump, record_at(m, jump)->jump) : 0;
		if (beyond &&
		    p->depth - record_at(m, jump)->depth == record_at(m, jump)->depth - record_at(m, beyond)->depth)
			r->jump = distance(serial, beyond);
	}
	d->top = serial;
	d->max = seq;
	d->place = d->arrivals;
}

/* How many arrivals ago did the first one greater than `seq` come? */
static uint64_t extent(struct fos_reorder_meter *m, const struct direction *d, uint64_t seq)
{
	uint64_t at = d->top, next;

	if (!kept(m, at)) {
		m->m.clipped++;
		return d->arrivals - d->place;
	}
	for (;;) {
		next = down(m, at, record_at(m, at)->jump);
		if (!next || record_at(m, next)->seq <= seq)
			next = down(m, at, record_at(m, at)->prev);
		if (!next || record_at(m, next)->seq <= seq)
			break;
		at = next;
	}
	if (!next && record_at(m, at)->prev)
		m->m.clipped++;
	return d->arrivals - record_at(m, at)->place;
}

int64_t fos_reorder_meter_add(struct fos_reorder_meter *m, uint64_t direction, uint64_t seq)
{
	struct direction *d = find(m->slot, m->mask, direction);
	uint64_t e;

	if (d->arrivals == 0) {
		if (2 * (m->m.directions + 1) > m->mask) {
			int r = grow(m);

			if (r)
				return r;
			d = find(m->slot, m->mask, direction);
		}
		m->m.directions++;
		d->key = direction;
	}
	m->m.packets++;
	d->arrivals++;
	if (d->arrivals == 1 || seq > d->max) {
		push(m, d, seq);
		return 0;
	}
	if (seq == d->max)
		return 0;
	e = extent(m, d, seq);
	m->m.reordered++;
	if (e > m->m.max_extent)
		m->m.max_extent = e;
	return (int64_t)e;
}

int64_t fos_reorder_meter_frame(struct fos_reorder_meter *m, const struct fos_frame *f)
{
	struct fos_pkt p;
	uint64_t hash;
	int side;

	if (f->flags & (FOS_FRAME_DUPLICATE | FOS_FRAME_RETRANSMIT))
		return 0;
	p.f = *f;
	fos_parse(&p, 0);
	hash = fos__conversation_hash(&p, &side);
	return fos_reorder_meter_add(m, fos_mix64_add(hash, (unsigned)side), f->num);
}

void fos_reorder_meter_read(const struct fos_reorder_meter *m, struct fos_reorder_metrics *out)
{
	*out = m->m;
	out->reordered_ratio = m->m.packets ? (double)m->m.reordered / (double)m->m.packets : 0;
}
