/* SPDX-License-Identifier: BSD-2-Clause
 *
 * machine.h: what the measurement ran on. The host's name is not read.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include "result.h"

/* Reads ROOT/proc/cpuinfo, ROOT/proc/meminfo, ROOT/etc/os-release, ROOT/sys (root: "" but in tests), uname, and what the
 * build says (macros FLOWOS_COMMIT and FLOWOS_CFLAGS, strings, where they are defined). What cannot be read stays
 * empty. -ENOMEM. */
int bench_machine_read(struct bench_machine *m, const char *root);

#endif
