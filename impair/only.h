/* SPDX-License-Identifier: BSD-2-Clause
 *
 * only.h: a pcap filter on frames of any link type: which packets are impaired. It is compiled once per link type, when
 * the first frame of that type comes. One thread at a time; nothing blocks.
 */
#ifndef FLOWOS_IMPAIR_ONLY_H
#define FLOWOS_IMPAIR_ONLY_H

#include <stdbool.h>
#include <stddef.h>

#include <flowos/frame.h>

struct fos__only;

/* Is this a filter at all? 0, or -EINVAL with libpcap's words in err. */
int fos__only_check(const char *filter, char *err, size_t errlen);

int fos__only_create(const char *filter, struct fos__only **out); /* copies the text; 0 or -ENOMEM */
void fos__only_destroy(struct fos__only *o);                      /* NULL is no filter */

/* 1: matches, 0: does not; -EINVAL or -ENOMEM with a line in err: the filter has no meaning on this link type. Where
 * a frame is in two pieces the filter sees the first one. */
int fos__only_match(struct fos__only *o, const struct fos_frame *f, char *err, size_t errlen);

#endif
