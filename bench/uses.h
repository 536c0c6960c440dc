/* SPDX-License-Identifier: BSD-2-Clause
 *
 * uses.h: how far apart connections of the same addresses and ports are in a trace.
 *
 * Pure on its arguments; one thread.
 */
#ifndef BENCH_USES_H
#define BENCH_USES_H

#include <stddef.h>
#include <stdint.h>

#include <flowos/frame.h>

/* The shortest time from the last packet of a TCP connection to the SYN of another one between the same addresses and ports, ns;
 * UINT64_MAX: none comes again. 0 or -ENOMEM. */
int bench_uses_apart(const struct fos_frame *v, size_t n, uint64_t *apart_ns);

#endif
