/* SPDX-License-Identifier: BSD-2-Clause
 *
 * crowd.c: see crowd.h. Lists that are linked both ways.
 */
#include "crowd.h"

static struct fos_session *at(const struct fos__slab *slab, uint32_t number)
{
	return fos__slab_at(slab, number);
}

static struct fos__line *line_of(struct fos__crowd *c, const struct fos_session *s)
{
	return (s->flags & FOS_SESSION_HALF_OPEN) ? &c->half_open : &c->open;
}

void fos__crowd_join(struct fos__crowd *c, const struct fos__slab *slab, struct fos_session *s)
{
	struct fos__line *l = line_of(c, s);

	s->line_before = l->last;
	s->line_after = 0;
	*(l->last ? &at(slab, l->last)->line_after : &l->first) = s->number;
	l->last = s->number;
	l->count++;
}

void fos__crowd_leave(struct fos__crowd *c, const struct fos__slab *slab, struct fos_session *s)
{
	struct fos__line *l = line_of(c, s);

	*(s->line_before ? &at(slab, s->line_before)->line_after : &l->first) = s->line_after;
	*(s->line_after ? &at(slab, s->line_after)->line_before : &l->last) = s->line_before;
	s->line_before = s->line_after = 0;
	l->count--;
}

void fos__crowd_seen(struct fos__crowd *c, const struct fos__slab *slab, struct fos_session *s, bool open)
{
	bool moves = open && (s->flags & FOS_SESSION_HALF_OPEN);

	if (!moves && line_of(c, s)->last == s->number)
		return;
	fos__crowd_leave(c, slab, s);
	if (moves)
		s->flags &= ~(uint32_t)FOS_SESSION_HALF_OPEN;
	fos__crowd_join(c, slab, s);
}

struct fos_session *fos__crowd_first(const struct fos__crowd *c, const struct fos__slab *slab, size_t share)
{
	uint32_t number = c->half_open.count > share || !c->open.first ? c->half_open.first : c->open.first;

	return number ? at(slab, number) : NULL;
}
