/* SPDX-License-Identifier: BSD-2-Clause
 *
 * stream.c: what a module may ask of a stream and of a session, and release.
 */
#include <flowos/stream.h>

#include <netinet/in.h>
#include <string.h>

#include "queue.h"

static const char *const end_names[] = { "fin", "rst", "timeout", "eof" };

const char *fos_end_name(enum fos_end e)
{
	return (unsigned)e < 4 ? end_names[e] : "?";
}

static const struct fos_span *span_at(const struct fos_stream *v, uint64_t off)
{
	const struct fos__queue *q = fos__view_queue(v);
	const struct fos_span *sp = q->in ? q->in->hint : NULL;

	if (!sp || sp->off > off)
		return fos__queue_find(q, off);
	while (sp->next && sp->next->off <= off)
		sp = sp->next;
	return sp;
}

struct fos_sp fos_stream_head(struct fos_stream *s)
{
	return (struct fos_sp){ .stream = s, .span = span_at(s, s->head), .off = s->head };
}

struct fos_sp fos_stream_tail(struct fos_stream *s)
{
	uint64_t tail = fos__view_tail(s);

	return (struct fos_sp){ .stream = s, .span = span_at(s, tail), .off = tail };
}

const char *fos_stream_level(const struct fos_stream *s)
{
	return fos__view_session(s)->flow->level[fos__view_inst(s)->level].decoder->name;
}

struct fos_stream *fos_stream_peer(const struct fos_stream *s)
{
	return fos__view_of(fos__view_session(s), !fos__view_side(s), s->inst);
}

void *fos_stream_state(const struct fos_stream *s)
{
	const struct fos__inst *in = fos__view_inst(s);
	size_t one = ((size_t)in->module->stream_state + 15) & ~(size_t)15;

	return (void *)((uintptr_t)fos__view_session(s) + in->state_off + fos__view_side(s) * one);
}

uint64_t fos_stream_id(const struct fos_stream *s)
{
	return fos__view_session(s)->id * 2 + fos__view_side(s);
}

bool fos_stream_mid(const struct fos_stream *s)
{
	return (fos__view_session(s)->half[fos__view_side(s)].flags & FOS_HALF_MID) != 0;
}

uint32_t fos_stream_start_seq(const struct fos_stream *s)
{
	return (uint32_t)fos__view_session(s)->rest[fos__view_side(s)].start;
}

enum fos_gap_why fos_stream_gap_why(const struct fos_stream *s)
{
	return (enum fos_gap_why)(s->flags & FOS_VIEW_WHY);
}

/* Within the window. */
static void move_head(struct fos_stream *s, uint64_t to)
{
	s->shown -= (uint32_t)(to - s->head);
	s->head = to;
}

void fos_release(struct fos_stream *s, const struct fos_sp *p)
{
	if (p->off > s->head && p->off - s->head <= s->shown)
		move_head(s, p->off);
}

void fos_release_packet(struct fos_stream *s, const struct fos_sp *p)
{
	uint64_t from, to;

	if (fos_sp_packet_bounds(p, &from, &to))
		return;
	if (to > fos__view_tail(s))
		to = fos__view_tail(s);
	if (to > s->head)
		move_head(s, to);
}

/* The span that holds the view's head, where what is known is not at or before it. */
static __attribute__((noinline, cold)) const struct fos_span *find(const struct fos__queue *q, uint64_t head)
{
	return fos__queue_find(q, head);
}

const uint8_t *fos_stream_take(struct fos_stream *s, size_t *len)
{
	if (!s->shown) {
		*len = 0;
		return NULL;
	}
	struct fos_session *of = fos_stream_session(s);
	struct fos__flow *f = of->flow;
	const struct fos__queue *q = f->plain ? fos__queue_plain(of, fos_stream_dir(s)) : fos__view_queue(s);
	const struct fos_span *sp = q->in->hint;
	uint64_t head = s->head;

	if (__builtin_expect(!sp || sp->off > head, 0))
		sp = find(q, head);
	while (sp->off + sp->len <= head)
		sp = sp->next;
	uint64_t in = head - sp->off, n = sp->len - in;

	f->reads = true;
	q->in->hint = sp;
	n = n < s->shown ? n : s->shown;
	*len = n;
	s->head = head + n;
	s->shown -= (uint32_t)n;
	return sp->data + in;
}

uint64_t fos_session_id(const struct fos_session *s)
{
	return s->id;
}

const char *fos_session_flow(const struct fos_session *s)
{
	return s->flow ? s->flow->name : "";
}

uint64_t fos_session_first_ns(const struct fos_session *s)
{
	return s->first_ns;
}

uint64_t fos_session_last_ns(const struct fos_session *s)
{
	return s->last_ns;
}

bool fos_session_seen(const struct fos_session *s, int dir)
{
	return (s->half[dir].flags & FOS_HALF_ANY) != 0;
}

bool fos_session_mid(const struct fos_session *s, int dir)
{
	return (s->half[dir].flags & FOS_HALF_MID) != 0;
}

uint32_t fos_session_start_seq(const struct fos_session *s, int dir)
{
	return (uint32_t)s->rest[dir].start;
}

uint32_t fos_session_conflicts(const struct fos_session *s, int dir)
{
	return s->rest[dir].conflicts;
}

enum fos_end fos_session_end(const struct fos_session *s, int dir)
{
	if (s->half[dir].flags & FOS_HALF_FIN)
		return FOS_END_FIN;
	return s->flags & FOS_SESSION_RST ? FOS_END_RST : (enum fos_end)s->end_why;
}
