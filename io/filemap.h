/* SPDX-License-Identifier: BSD-2-Clause
 *
 * filemap.h: a file as read-only memory: mapped where it is a regular file, else read into a memfd first.
 *
 * Any thread. Private to io.
 */
#ifndef FLOWOS_IO_FILEMAP_H
#define FLOWOS_IO_FILEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fos__map {
	const uint8_t *base; /* NULL where the file is empty */
	size_t len;
	int fd;   /* open for reading, so that another reader may take it over; -1 after fos__map_close() */
	bool cut; /* decompressed from a file that is damaged, as far as that went */
};

/* Opens and maps `path`, "-" for standard input. Blocks until a pipe has ended. Returns 0 or a negative errno. */
int fos__map_open(const char *path, struct fos__map *m);

/* Maps `fd`, a regular file or a memfd, and owns it from here on, also when it fails. */
int fos__map_fd(int fd, struct fos__map *m);

/* Appends `len` bytes at `buf` to `fd`. Returns 0 or a negative errno. */
int fos__write_all(int fd, const void *buf, size_t len);

/* Unmaps and closes; a map that is all zero with fd -1, or closed already, is left alone. */
void fos__map_close(struct fos__map *m);

#endif
