/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frame_filter.h: a pcap expression that is run here, on the bytes of Ethernet frames, tags and all. Internal. Touches
 * libpcap's compiler and its interpreter.
 */
#ifndef FOS_FRAME_FILTER_H
#define FOS_FRAME_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fos__frame_filter;

/* Into *out, which fos__frame_filter_free() frees. Returns 0, -EINVAL or -ENOMEM with a line in `err`. */
int fos__frame_filter_new(const char *expression, struct fos__frame_filter **out, char *err, size_t errlen);
void fos__frame_filter_free(struct fos__frame_filter *f); /* NULL is none */

bool fos__frame_filter_takes(const struct fos__frame_filter *f, const uint8_t *data, uint32_t len);

#endif
