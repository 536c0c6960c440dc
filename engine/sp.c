/* SPDX-License-Identifier: BSD-2-Clause
 *
 * sp.c: stream pointers: reading a stream in place, across packets. See stream.h.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "queue.h"

/* Moves p from the end of its span to the beginning of the next that has bytes, while it is before `limit`. */
static void settle(struct fos_sp *p, uint64_t limit)
{
	while (p->off < limit && p->off >= p->span->off + p->span->len && p->span->next)
		p->span = p->span->next;
}

const uint8_t *fos_sp_run(const struct fos_sp *p, const struct fos_sp *limit, size_t *len)
{
	struct fos_sp at = *p;

	*len = 0;
	if (p->off >= limit->off)
		return NULL;
	settle(&at, limit->off);
	uint64_t in = at.off - at.span->off, n = at.span->len - in, most = limit->off - at.off;

	*len = n < most ? n : most;
	return at.span->data + in;
}

int fos_sp_next(struct fos_sp *p, const struct fos_sp *limit)
{
	if (p->off >= limit->off)
		return -1;
	settle(p, limit->off);
	int byte = p->span->data[p->off - p->span->off];

	p->off++;
	settle(p, fos__view_tail(p->stream));
	return byte;
}

int fos_sp_advance(struct fos_sp *p, int64_t n)
{
	uint64_t to = p->off + (uint64_t)n;

	if (n >= 0 ? to < p->off || to > fos__view_tail(p->stream) : to > p->off || to < p->stream->head)
		return -ERANGE;
	p->off = to;
	if (!p->span)
		return 0;
	while (p->span->off > to && p->span->prev)
		p->span = p->span->prev;
	settle(p, fos__view_tail(p->stream));
	return 0;
}

int fos_sp_at(struct fos_stream *s, uint64_t off, struct fos_sp *p)
{
	if (off < s->head || off > fos__view_tail(s))
		return -ERANGE;
	*p = fos_stream_head(s);
	return fos_sp_advance(p, (int64_t)(off - s->head));
}

size_t fos_sp_copy(const struct fos_sp *p, const struct fos_sp *limit, void *buf, size_t len)
{
	struct fos_sp at = *p;
	size_t done = 0, n;

	while (done < len) {
		const uint8_t *run = fos_sp_run(&at, limit, &n);

		if (!run)
			break;
		if (n > len - done)
			n = len - done;
		memcpy((uint8_t *)buf + done, run, n);
		done += n;
		fos_sp_advance(&at, (int64_t)n);
	}
	return done;
}

static int cmp_bytes(const uint8_t *a, const uint8_t *b, size_t len, bool fold)
{
	if (!fold)
		return memcmp(a, b, len);
	for (size_t i = 0; i < len; i++) {
		int x = a[i] >= 'A' && a[i] <= 'Z' ? a[i] + 32 : a[i];
		int y = b[i] >= 'A' && b[i] <= 'Z' ? b[i] + 32 : b[i];

		if (x != y)
			return x - y;
	}
	return 0;
}

static int compare(const struct fos_sp *p, const struct fos_sp *limit, const void *str, size_t len, bool fold)
{
	struct fos_sp at = *p;
	const uint8_t *s = str;
	size_t n;

	while (len) {
		const uint8_t *run = fos_sp_run(&at, limit, &n);

		if (!run)
			return -1;
		if (n > len)
			n = len;
		int c = cmp_bytes(run, s, n, fold);

		if (c)
			return c;
		s += n;
		len -= n;
		fos_sp_advance(&at, (int64_t)n);
	}
	return 0;
}

int fos_sp_cmp(const struct fos_sp *p, const struct fos_sp *limit, const void *str, size_t len)
{
	return compare(p, limit, str, len, false);
}

int fos_sp_casecmp(const struct fos_sp *p, const struct fos_sp *limit, const void *str, size_t len)
{
	return compare(p, limit, str, len, true);
}

/* Each run is searched with memmem(); places where a match would cross into the next run are tried one by one, so the
 * cost is that of memmem() plus the pattern's length per packet. */
int fos_sp_find(const struct fos_sp *p, const struct fos_sp *limit, const void *pattern, size_t len, struct fos_sp *hit)
{
	struct fos_sp at = *p;
	size_t n;

	if (len == 0)
		return -EINVAL;
	for (const uint8_t *run; (run = fos_sp_run(&at, limit, &n)) && limit->off - at.off >= len;) {
		const uint8_t *m = n >= len ? memmem(run, n, pattern, len) : NULL;

		if (m) {
			*hit = at;
			return fos_sp_advance(hit, m - run);
		}
		size_t edge = n >= len ? n - len + 1 : 0;

		fos_sp_advance(&at, (int64_t)edge);
		for (size_t i = edge; i < n && limit->off - at.off >= len; i++) {
			if (run[i] == *(const uint8_t *)pattern && fos_sp_cmp(&at, limit, pattern, len) == 0) {
				*hit = at;
				settle(hit, limit->off);
				return 0;
			}
			fos_sp_advance(&at, 1);
		}
	}
	return -ENOENT;
}

ssize_t fos_sp_read_line(struct fos_sp *p, const struct fos_sp *limit, char *buf, size_t size)
{
	struct fos_sp lf;
	size_t len;

	if (size == 0)
		return -EINVAL;
	if (fos_sp_find(p, limit, "\n", 1, &lf))
		return -EAGAIN;
	len = lf.off - p->off;
	fos_sp_copy(p, &lf, buf, len < size ? len : size - 1);
	if (len && len <= size && len - 1 < size) { /* a CR before the LF is no part of the line */
		struct fos_sp cr = lf;

		fos_sp_advance(&cr, -1);
		if (fos_sp_byte(&cr) == '\r')
			len--;
	}
	buf[len < size ? len : size - 1] = '\0';
	if (len >= size)
		return -EMSGSIZE;
	fos_sp_advance(&lf, 1);
	*p = lf;
	return (ssize_t)len;
}

const struct fos_pkt *fos_sp_pkt(const struct fos_sp *p)
{
	struct fos_sp at = *p;

	if (!p->span || p->off >= fos__view_tail(p->stream))
		return NULL;
	settle(&at, fos__view_tail(p->stream));
	return at.span->pkt;
}

static bool same_packet(const struct fos_span *a, const struct fos_span *b)
{
	return a->pkt && b->pkt && a->pkt->id == b->pkt->id;
}

int fos_sp_packet_bounds(const struct fos_sp *p, uint64_t *from, uint64_t *to)
{
	struct fos_sp at = *p;
	const struct fos_span *a, *b;

	if (!p->span || p->off >= fos__view_tail(p->stream))
		return -ERANGE;
	settle(&at, fos__view_tail(p->stream));
	for (a = at.span; a->prev && same_packet(a->prev, a) && a->prev->off + a->prev->len == a->off; a = a->prev)
		;
	for (b = at.span; b->next && same_packet(b->next, b) && b->off + b->len == b->next->off; b = b->next)
		;
	*from = a->off;
	*to = b->off + b->len;
	return 0;
}

int fos_sp_next_packet(struct fos_sp *p, const struct fos_sp *limit)
{
	uint64_t from, to;

	if (fos_sp_packet_bounds(p, &from, &to))
		return -ERANGE;
	if (to > limit->off)
		to = limit->off;
	if (fos_sp_advance(p, (int64_t)(to - p->off)))
		return -ERANGE;
	return p->off < limit->off ? 0 : -ERANGE;
}

/* The level of that name, if a module of the pipeline reads it. */
static int level_that_is_read(const struct fos__flow *f, const char *level)
{
	for (unsigned i = 0; i < f->n_inst; i++) {
		unsigned l = f->inst[i].level;

		if (f->level[l].queue >= 0 && strcasecmp(f->level[l].decoder->name, level) == 0)
			return (int)l;
	}
	return -1;
}

/* A view at that level that has not released `off` yet. */
static struct fos_stream *view_at(const struct fos_session *s, int side, unsigned level, uint64_t off)
{
	for (unsigned i = 0; i < s->flow->n_inst; i++) {
		struct fos_stream *v = fos__view_of(s, side, i);

		if (s->flow->inst[i].level == level && v->head <= off)
			return v;
	}
	return NULL;
}

/* The span of q in which byte `rel` of the packet's payload (or of what its IP header begins) lies; *there is set where it holds any
 * of the packet. Looks at spans from where it found the last one on, either way: a module that goes through a stream
 * finds the next packet at once. */
static const struct fos_span *mapped(struct fos__queue *q, uint64_t id, bool in_app, ptrdiff_t rel, bool *there)
{
	const struct fos_span *on = q->in && q->in->mapped ? q->in->mapped : fos__queue_first(q),
	                      *back = on ? on->prev : NULL;

	for (bool forward = true; on || back; forward = !forward) {
		const struct fos_span *sp = (forward && on) || !back ? on : back;

		if (sp == on)
			on = on->next;
		else
			back = back->prev;
		if (!sp->pkt || sp->pkt->id != id)
			continue;
		const uint8_t *want = (in_app ? sp->pkt->app : sp->pkt->ip) + rel;

		*there = true;
		if (want >= sp->data && want < sp->data + sp->len) {
			q->in->mapped = sp;
			return sp;
		}
	}
	return NULL;
}

int fos_sp_map(const struct fos_sp *p, const char *level, struct fos_sp *out)
{
	const struct fos_pkt *pkt = fos_sp_pkt(p);
	const struct fos_session *ses = fos__view_session(p->stream);
	int side = (int)fos__view_side(p->stream), to = level_that_is_read(ses->flow, level);
	struct fos_sp at = *p;
	bool there = false;

	if (to < 0)
		return -ENOTSUP;
	if (!pkt)
		return -ERANGE;
	settle(&at, fos__view_tail(p->stream));
	/* A packet's bytes at two levels are the same bytes, unless one level keeps a copy: the distance from the end of
	 * the packet is what they share. */
	const uint8_t *byte = at.span->data + (at.off - at.span->off);
	bool in_app = pkt->app && byte >= pkt->app && byte < pkt->app + pkt->app_len;
	ptrdiff_t rel = in_app ? byte - pkt->app : byte - pkt->ip;
	struct fos__queue *q = fos__queue_of(ses, side, (unsigned)ses->flow->level[to].queue);
	const struct fos_span *sp = mapped(q, pkt->id, in_app, rel, &there);

	if (!sp)
		return there ? -ENOENT : -ERANGE;
	uint64_t off = sp->off + (uint64_t)((in_app ? sp->pkt->app : sp->pkt->ip) + rel - sp->data);
	struct fos_stream *v = view_at(ses, side, (unsigned)to, off);

	if (!v)
		return -ERANGE;
	*out = (struct fos_sp){ .stream = v, .span = sp, .off = off };
	return 0;
}
