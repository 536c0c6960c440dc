/* SPDX-License-Identifier: BSD-2-Clause
 *
 * keymap.h: numbers for keys of 40 bytes, in the order in which they were first seen. Private to io.
 *
 * One thread at a time.
 */
#ifndef FLOWOS_IO_KEYMAP_H
#define FLOWOS_IO_KEYMAP_H

#include <stddef.h>
#include <stdint.h>

enum { FOS__KEY_LEN = 40 };

struct fos__keymap {
	uint8_t (*keys)[FOS__KEY_LEN]; /* by number */
	uint32_t n, cap;               /* keys there are, and room for */
	uint32_t *slots;               /* number + 1, or 0; slots_n is a power of two */
	size_t slots_n;
};

/* The number of `key` in *number; a key that is new gets the next one. Returns 1 if it is new, 0 if not, or -ENOMEM. */
int fos__keymap_add(struct fos__keymap *m, const void *key, uint32_t *number);

void fos__keymap_free(struct fos__keymap *m);

#endif
