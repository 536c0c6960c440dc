/* SPDX-License-Identifier: BSD-2-Clause
 *
 * origin.c: see origin.h.
 */
#include "origin.h"

#include <errno.h>
#include <string.h>

#include <flowos/frag.h>

#include "store.h"

_Static_assert(sizeof(struct fos__origin) == 192, "three cache lines");

/* Where `p`, a pointer into the old bytes of a packet, is in the new ones. */
static const uint8_t *moved(const uint8_t *p, const struct fos_frame *f, const uint8_t *to)
{
	if (!p)
		return NULL;
	if (p >= f->data && p <= f->data + f->len)
		return to + (p - f->data);
	return to + f->len + (p - f->ext);
}

/* Do its bytes stay where they are? */
static inline bool stays(const struct fos_pkt *p)
{
	return (p->f.flags & FOS_FRAME_STABLE) && !p->buf;
}

/* Makes *to, a copy of *from, one that outlives the batch. */
static int pkt_keep(struct fos_pkt *to, const struct fos_pkt *from)
{
	const struct fos_frame *f = &from->f;

	if (from->buf) {
		fos_buf_get(from->buf);
		if (!(f->flags & FOS_FRAME_STABLE)) {
			to->f.data = to->f.ext = NULL;
			to->f.len = to->f.ext_len = 0;
		}
		return 0;
	}
	struct fos_buf *b = fos_buf_new(f->len + f->ext_len);

	if (!b)
		return -ENOMEM;
	memcpy(b->bytes, f->data, f->len);
	if (f->ext_len)
		memcpy(b->bytes + f->len, f->ext, f->ext_len);
	to->buf = b;
	to->ip = moved(from->ip, f, b->bytes);
	to->app = moved(from->app, f, b->bytes);
	if (to->ip)
		to->ip_len = b->len - (uint32_t)(to->ip - b->bytes);
	to->f.data = b->bytes;
	to->f.len = b->len;
	to->f.ext = NULL;
	to->f.ext_len = 0;
	to->f.flags |= FOS_FRAME_STABLE;
	return 0;
}

/* Notes it as the one of its packet, if that is of the batch and has none yet. */
static void note(struct fos__store *st, struct fos__origin *o, const struct fos_pkt *pkt)
{
	uintptr_t i = ((uintptr_t)pkt - (uintptr_t)st->batch) / sizeof(*pkt);

	if (i >= FOS_BATCH_MAX || st->kept[i])
		return;
	o->refs++;
	st->kept[i] = o;
	st->kept_mask |= UINT64_C(1) << i;
}

/* Of stable bytes nothing is read from what was just written: that would wait until the origin is in the cache. */
struct fos__origin *fos__origin_new(struct fos__store *st, const struct fos_pkt *pkt)
{
	struct fos__origin *o = fos__pool_take(&st->origin);

	if (!o)
		return NULL;
	o->pkt = *pkt;
	o->data = pkt->app;
	o->bytes = sizeof(*o);
	if (!stays(pkt)) {
		if (pkt_keep(&o->pkt, pkt)) {
			fos__pool_give(o);
			return NULL;
		}
		o->data = o->pkt.app;
		o->bytes += (uint32_t)(sizeof(struct fos_buf) + o->pkt.buf->len + 16);
	}
	o->refs = 1;
	o->pieces = 0;
	o->o_from = o->held_ns = 0;
	o->o_len = o->joined = 0;
	o->heir = NULL;
	o->shown = false;
	if (st->batch)
		note(st, o, pkt);
	return o;
}

void fos__origin_put(struct fos__origin *o)
{
	if (--o->refs)
		return;
	if (o->bytes != sizeof(*o)) /* else there is no need to look at pkt */
		fos_buf_put(o->pkt.buf);
	fos__pool_give(o);
}

const uint8_t *fos__origin_at(const struct fos__origin *o, const struct fos_pkt *pkt, const uint8_t *data)
{
	if (pkt->app && data >= pkt->app && data <= pkt->app + pkt->app_len)
		return o->pkt.app + (data - pkt->app);
	return o->pkt.ip + (data - pkt->ip);
}

struct fos_span *fos__span_new(struct fos__store *st, struct fos__origin *o, const uint8_t *data, uint32_t len)
{
	struct fos_span *sp = fos__pool_take(&st->span);

	if (!sp) {
		fos__origin_put(o);
		return NULL;
	}
	sp->data = data;
	sp->len = len;
	sp->pkt = &o->pkt;
	return sp;
}

void fos__span_free(struct fos_span *sp)
{
	fos__origin_put(fos__origin_of(sp->pkt));
	fos__pool_give(sp);
}
