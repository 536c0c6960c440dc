/* SPDX-License-Identifier: BSD-2-Clause
 *
 * overlap.h: whose byte counts where two segments that are both still above a hole carry the same place of a stream.
 *
 * The policies are those of target-based reassembly (Novak and Sturges, "Target-Based TCP Stream Reassembly", 2007),
 * by the names that the field uses for them. Pure functions, any thread.
 */
#ifndef FLOWOS_OVERLAP_H
#define FLOWOS_OVERLAP_H

#include <stdbool.h>
#include <stdint.h>

enum fos_overlap {
	FOS_OVERLAP_BSD,
	FOS_OVERLAP_FIRST,
	FOS_OVERLAP_LAST,
	FOS_OVERLAP_LINUX,
	FOS_OVERLAP_OLD_LINUX,
	FOS_OVERLAP_WINDOWS,
	FOS_OVERLAP_SOLARIS,
	FOS_OVERLAP_MACOS,
	FOS_OVERLAP_IRIX,
	FOS_OVERLAP_HPUX10,
	FOS_OVERLAP_HPUX11,
	FOS_OVERLAP_BSD_RIGHT,
	FOS_OVERLAP_VISTA,
	FOS_OVERLAP_WINDOWS2K3,
	FOS_OVERLAPS,
};

/* Does the segment that came later, [new_from, new_to), win over [old_from, old_to)? Both as they came on the wire; for
 * `linux` in a stream, `from` is the segment's rank (runs.h), which is where it begins while no two have become one. */
bool fos_overlap_new_wins(enum fos_overlap policy, uint64_t old_from, uint64_t old_to, uint64_t new_from,
                          uint64_t new_to);

const char *fos_overlap_name(enum fos_overlap policy);

/* The policy called `name`, or -EINVAL. */
int fos_overlap_by_name(const char *name);

#endif
