/* SPDX-License-Identifier: BSD-2-Clause
 *
 * keymap.c: an open-addressing table over an array of keys. Touches its own memory.
 */
#include "keymap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/rand.h>

enum { FIRST = 64 };

static size_t hash(const uint8_t *key)
{
	uint64_t h = 0, w;

	for (unsigned i = 0; i < FOS__KEY_LEN; i += 8) {
		memcpy(&w, key + i, 8);
		h = fos_mix64(h ^ w);
	}
	return (size_t)h;
}

/* The slot where `key` is, or would be. */
static uint32_t *find(struct fos__keymap *m, const uint8_t *key)
{
	size_t at = hash(key) & (m->slots_n - 1);

	while (m->slots[at] && memcmp(m->keys[m->slots[at] - 1], key, FOS__KEY_LEN))
		at = (at + 1) & (m->slots_n - 1);
	return &m->slots[at];
}

/* Doubles the room: keys for up to half of the slots. */
static int grow(struct fos__keymap *m)
{
	uint32_t cap = m->cap ? 2 * m->cap : FIRST;
	uint32_t *slots;
	void *keys;

	if (m->cap > UINT32_MAX / 4)
		return -ENOMEM;
	keys = realloc(m->keys, (size_t)cap * FOS__KEY_LEN);
	if (!keys)
		return -ENOMEM;
	m->keys = keys;
	slots = calloc((size_t)cap * 2, sizeof *slots);
	if (!slots)
		return -ENOMEM;
	free(m->slots);
	m->slots = slots;
	m->slots_n = (size_t)cap * 2;
	m->cap = cap;
	for (uint32_t i = 0; i < m->n; i++)
		*find(m, m->keys[i]) = i + 1;
	return 0;
}

int fos__keymap_add(struct fos__keymap *m, const void *key, uint32_t *number)
{
	uint32_t *slot;

	if (m->n == m->cap && grow(m))
		return -ENOMEM;
	slot = find(m, key);
	if (*slot) {
		*number = *slot - 1;
		return 0;
	}
	memcpy(m->keys[m->n], key, FOS__KEY_LEN);
	*number = m->n++;
	*slot = m->n;
	return 1;
}

void fos__keymap_free(struct fos__keymap *m)
{
	free(m->keys);
	free(m->slots);
	*m = (struct fos__keymap){ 0 };
}
