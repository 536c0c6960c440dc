/* SPDX-License-Identifier: BSD-2-Clause
 *
 * machine.h: what the measurement ran on. The host's name is not read.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include "result.h"

/* Reads ROOT/proc/cpuinfo, ROOT/proc/meminfo, ROOT/etc/os-release, ROOT/sys (root: "" but in tests), uname, and what the
 * build says: macros BENCH_COMPILER, BENCH_CFLAGS, and FLOWOS_COMMIT or FLOWOS_SOURCE_DIR, strings, where they are
 * defined. What cannot be read stays empty. -ENOMEM. */
int bench_machine_read(struct bench_machine *m, const char *root);
/* What is checked out in the git working tree `dir`, without running git: the commit's digest in *out, which is left
 * alone when there is none. -ENOMEM. */
int bench_machine_commit(const char *dir, char **out);

#endif
