/* SPDX-License-Identifier: BSD-2-Clause
 *
 * idmap.c: linear probing at a load of at most 3/4; taking an entry out moves those behind it back, so there are no
 * tombstones and a map's cost does not grow with its age.
 */
#include "idmap.h"

#include <errno.h>
#include <stdlib.h>

static size_t idmap_home(const struct idmap *m, uint64_t id)
{
	return (size_t)((id * 0x9e3779b97f4a7c15u) >> 20) & (m->size - 1);
}

static struct idmap_slot *idmap_find(const struct idmap *m, uint64_t id)
{
	size_t i = idmap_home(m, id);

	while (m->slot[i].id && m->slot[i].id != id)
		i = (i + 1) & (m->size - 1);
	return &m->slot[i];
}

void *idmap_get(const struct idmap *m, uint64_t id)
{
	return m->size ? idmap_find(m, id)->value : NULL;
}

static int idmap_grow(struct idmap *m)
{
	struct idmap bigger = { .size = m->size ? m->size * 2 : 64, .used = m->used };

	bigger.slot = calloc(bigger.size, sizeof(*bigger.slot));
	if (!bigger.slot)
		return -ENOMEM;
	for (size_t i = 0; i < m->size; i++) {
		if (m->slot[i].id)
			*idmap_find(&bigger, m->slot[i].id) = m->slot[i];
	}
	free(m->slot);
	*m = bigger;
	return 0;
}

int idmap_put(struct idmap *m, uint64_t id, void *value)
{
	if (m->used >= m->size / 4 * 3 && idmap_grow(m))
		return -ENOMEM;
	struct idmap_slot *s = idmap_find(m, id);
	m->used += !s->id;
	*s = (struct idmap_slot){ id, value };
	return 0;
}

void *idmap_take(struct idmap *m, uint64_t id)
{
	if (!m->size)
		return NULL;
	struct idmap_slot *s = idmap_find(m, id);
	void *value = s->value;
	if (!s->id)
		return NULL;

	size_t mask = m->size - 1, hole = (size_t)(s - m->slot);
	for (size_t i = (hole + 1) & mask; m->slot[i].id; i = (i + 1) & mask) {
		size_t home = idmap_home(m, m->slot[i].id);
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->slot[hole] = m->slot[i];
			hole = i;
		}
	}
	m->slot[hole] = (struct idmap_slot){ 0, NULL };
	m->used--;
	return value;
}

void *idmap_next(const struct idmap *m, size_t *at)
{
	while (*at < m->size) {
		const struct idmap_slot *s = &m->slot[(*at)++];
		if (s->id)
			return s->value;
	}
	return NULL;
}

void idmap_free(struct idmap *m)
{
	free(m->slot);
	*m = (struct idmap){ NULL, 0, 0 };
}
