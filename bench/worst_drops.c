/* SPDX-License-Identifier: BSD-2-Clause
 *
 * worst_drops.c: see worst_drops.h.
 */
#include "worst_drops.h"

#define OF(member) offsetof(struct fos_worker_stats, member)

static const struct {
	const char *name;
	size_t at;
} drops[] = {
	{ "evicted_half_open", OF(evicted_half_open) },
	{ "evicted_idle", OF(evicted_idle) },
	{ "session_cap", OF(session_cap) },
	{ "fragments_cap", OF(frag.evicted) },
	{ "fragments_cap_of_many", OF(frag.evicted_of_many) },
	{ "fragments_timeout", OF(frag.timeouts) },
	{ "fragments_bad", OF(frag.bad) },
	{ "fragment_overlaps", OF(frag.overlaps) },
	{ "cap_gaps", OF(cap_gaps) },
	{ "cap_gap_bytes", OF(cap_gap_bytes) },
	{ "time_gaps", OF(time_gaps) },
	{ "out_of_window", OF(out_of_window) },
	{ "forced_releases", OF(forced_releases) },
	{ "conflicts", OF(conflicts) },
	{ "no_memory", OF(no_memory) },
};

const size_t worst_drop_count = sizeof(drops) / sizeof(drops[0]);

const char *worst_drop_name(size_t i)
{
	return drops[i].name;
}

uint64_t worst_drop_at(size_t i, const struct fos_worker_stats *st)
{
	return *(const uint64_t *)((const char *)st + drops[i].at);
}
