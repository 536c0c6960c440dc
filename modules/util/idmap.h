/* SPDX-License-Identifier: BSD-2-Clause
 *
 * idmap.h: a map from session ids to what a module keeps per session. Open addressing, no memory per entry.
 *
 * Threads: one at a time. The map owns no values. Ids are not 0.
 */
#ifndef FLOWOS_MODULE_IDMAP_H
#define FLOWOS_MODULE_IDMAP_H

#include <stddef.h>
#include <stdint.h>

struct idmap_slot {
	uint64_t id; /* 0: empty */
	void *value;
};

struct idmap {
	struct idmap_slot *slot;
	size_t used, size; /* size: a power of two, or 0 */
};

void *idmap_get(const struct idmap *m, uint64_t id);      /* NULL: none */
int idmap_put(struct idmap *m, uint64_t id, void *value); /* an id that is not there; 0 or -ENOMEM */
void *idmap_take(struct idmap *m, uint64_t id);           /* removes; NULL: there was none */
void *idmap_next(const struct idmap *m, size_t *at);      /* walks: *at from 0; NULL behind the last */
void idmap_free(struct idmap *m);

#endif
