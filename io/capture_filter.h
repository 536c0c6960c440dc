/* SPDX-License-Identifier: BSD-2-Clause
 *
 * capture_filter.h: a pcap expression as a filter that the kernel runs on packets of an interface. Internal.
 *
 * It is compiled for live packets, whose VLAN tag the kernel keeps beside them: `vlan 5` asks for that.
 */
#ifndef FOS_CAPTURE_FILTER_H
#define FOS_CAPTURE_FILTER_H

#include <stddef.h>

struct sock_fprog;

/* Compiles `expression` for the interface `name`, which must be up, into *prog, which fos__capture_filter_free() frees. Returns 0,
 * -EINVAL the expression is wrong, -ENETDOWN, -ENODEV, -EPERM or -EIO, with a line in `err`. */
int fos__capture_filter(const char *name, const char *expression, struct sock_fprog *prog, char *err, size_t errlen);
void fos__capture_filter_free(struct sock_fprog *prog);

#endif
