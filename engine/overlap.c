/* SPDX-License-Identifier: BSD-2-Clause
 *
 * overlap.c: the overlap policies as one table of rules. Pure; touches nothing.
 */
#include <flowos/overlap.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "bug.h"

static const char *const names[FOS_OVERLAPS] = {
	[FOS_OVERLAP_BSD] = "bsd",
	[FOS_OVERLAP_FIRST] = "first",
	[FOS_OVERLAP_LAST] = "last",
	[FOS_OVERLAP_LINUX] = "linux",
	[FOS_OVERLAP_OLD_LINUX] = "old-linux",
	[FOS_OVERLAP_WINDOWS] = "windows",
	[FOS_OVERLAP_SOLARIS] = "solaris",
	[FOS_OVERLAP_MACOS] = "macos",
	[FOS_OVERLAP_IRIX] = "irix",
	[FOS_OVERLAP_HPUX10] = "hpux10",
	[FOS_OVERLAP_HPUX11] = "hpux11",
	[FOS_OVERLAP_BSD_RIGHT] = "bsd-right",
	[FOS_OVERLAP_VISTA] = "vista",
	[FOS_OVERLAP_WINDOWS2K3] = "windows2k3",
};

bool fos_overlap_new_wins(enum fos_overlap policy, uint64_t old_from, uint64_t old_to, uint64_t new_from,
                          uint64_t new_to)
{
	switch (policy) {
	case FOS_OVERLAP_FIRST:
	case FOS_OVERLAP_VISTA:
		return false;
	case FOS_OVERLAP_LAST:
		return true;
	case FOS_OVERLAP_BSD_RIGHT:
		return new_from >= old_from;
	case FOS_OVERLAP_LINUX:
		return new_from < old_from || (new_from == old_from && new_to > old_to);
	case FOS_OVERLAP_OLD_LINUX:
		return new_from < old_from || (new_from == old_from && new_to >= old_to);
	case FOS_OVERLAP_SOLARIS:
	case FOS_OVERLAP_HPUX11:
		return new_from <= old_from ? new_to >= old_to : new_to > old_to;
	case FOS_OVERLAP_BSD:
	case FOS_OVERLAP_WINDOWS:
	case FOS_OVERLAP_WINDOWS2K3:
	case FOS_OVERLAP_MACOS:
	case FOS_OVERLAP_IRIX:
	case FOS_OVERLAP_HPUX10:
	case FOS_OVERLAPS:
		break;
	}
	return new_from < old_from || (FOS_BUG(OVERLAP) && new_from == old_from);
}

const char *fos_overlap_name(enum fos_overlap policy)
{
	return (unsigned)policy < FOS_OVERLAPS ? names[policy] : "?";
}

int fos_overlap_by_name(const char *name)
{
	for (int i = 0; i < FOS_OVERLAPS; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -EINVAL;
}
