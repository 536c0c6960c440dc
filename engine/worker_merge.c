/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worker_merge.c: many workers as one: each one's share of what is capped in all, and what all have found, added up.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "worker_state.h"

static size_t share(size_t all, uint32_t workers)
{
	return all / workers ? all / workers : 1;
}

void fos_worker_config_share(struct fos_worker_config *cfg, uint32_t workers)
{
	fos__worker_defaults(cfg);
	cfg->cap_total_bytes = share(cfg->cap_total_bytes, workers);
	cfg->max_sessions = share(cfg->max_sessions, workers);
	cfg->frag.max_datagrams = share(cfg->frag.max_datagrams, workers);
	cfg->frag.max_bytes = share(cfg->frag.max_bytes, workers);
}

int fos_worker_mergeable(const struct fos_worker *w, char *err, size_t errlen)
{
	for (unsigned f = 0; f < w->n_flows; f++) {
		for (unsigned i = 0; i < w->flow[f]->n_inst; i++) {
			const struct fos_module *m = w->flow[f]->inst[i].module;

			if (m->merge)
				continue;
			snprintf(err, errlen,
			         "module %s runs with one worker only: what more of them find is not added up",
			         m->name);
			return -ENOTSUP;
		}
	}
	return 0;
}

int fos_worker_merge(struct fos_worker *w, struct fos_worker *other, char *err, size_t errlen)
{
	int rc = fos_worker_mergeable(w, err, errlen);

	for (unsigned f = 0; rc == 0 && f < w->n_flows; f++) {
		for (unsigned i = 0; rc == 0 && i < w->flow[f]->n_inst; i++) {
			const struct fos__inst *a = &w->flow[f]->inst[i], *b = &other->flow[f]->inst[i];

			rc = a->module == b->module ? a->module->merge(a->self, b->self) : -EINVAL;
			if (rc)
				snprintf(err, errlen, "module %s: adding up: %s", a->module->name, strerror(-rc));
		}
	}
	return rc;
}

void fos_worker_stats_add(struct fos_worker_stats *sum, const struct fos_worker_stats *st)
{
	uint64_t *to = (uint64_t *)(void *)sum;
	const uint64_t *from = (const uint64_t *)(const void *)st;

	uint64_t longest = sum->release.longest_wait_ns;

	_Static_assert(sizeof(*sum) % sizeof(*to) == 0, "all members are uint64_t");
	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
	sum->release.longest_wait_ns = longest > st->release.longest_wait_ns ? longest : st->release.longest_wait_ns;
}
