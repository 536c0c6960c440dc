/* SPDX-License-Identifier: BSD-2-Clause
 *
 * filemap.c: opens a file and maps it. Touches the file system and nothing else.
 */
#include "filemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_CHUNK = 1 << 20 };

/* What is read into memory at most: of a device that never ends, and of a pipe. */
static uint64_t slurp_max(mode_t mode)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	if (S_ISCHR(mode))
		return 64 << 20;
	return pages > 0 && size > 0 ? (uint64_t)pages / 2 * (uint64_t)size : UINT64_MAX;
}

int fos__write_all(int fd, const void *buf, size_t len)
{
	const uint8_t *at = buf;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* All that `from` has to say, in a new memfd. Returns the memfd or a negative errno. */
static int slurp(int from, mode_t mode)
{
	uint64_t max = slurp_max(mode), got = 0;
	int ret = 0, to = memfd_create("flowos-trace", MFD_CLOEXEC);
	uint8_t *buf;

	if (to < 0)
		return -errno;
	buf = malloc(READ_CHUNK);
	if (!buf) {
		ret = -ENOMEM;
		goto close_to;
	}
	for (;;) {
		ssize_t n = read(from, buf, READ_CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			ret = n < 0 ? -errno : 0;
			break;
		}
		got += (uint64_t)n;
		ret = got > max ? -EFBIG : fos__write_all(to, buf, (size_t)n);
		if (ret)
			break;
	}
	free(buf);
	if (!ret)
		return to;
close_to:
	close(to);
	return ret;
}

int fos__map_fd(int fd, struct fos__map *m)
{
	struct stat st;
	void *base;
	int ret;

	*m = (struct fos__map){ .fd = fd };
	if (fstat(fd, &st)) {
		ret = -errno;
		goto close_fd;
	}
	if (st.st_size == 0)
		return 0;
	base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (base == MAP_FAILED) {
		ret = -errno;
		goto close_fd;
	}
	m->base = base;
	m->len = (size_t)st.st_size;
	/* Advice: refused by some file systems, and nothing is lost then. */
	(void)madvise(base, m->len, MADV_HUGEPAGE);
	(void)madvise(base, m->len, MADV_SEQUENTIAL);
	(void)madvise(base, m->len, MADV_WILLNEED);
	return 0;
close_fd:
	close(fd);
	m->fd = -1;
	return ret;
}

int fos__map_open(const char *path, struct fos__map *m)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	struct stat st;
	int ret;

	*m = (struct fos__map){ .fd = -1 };
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	/* A regular file on standard input may stand anywhere: only from its start is it the whole trace. */
	if (!S_ISREG(st.st_mode) || lseek(fd, 0, SEEK_CUR) != 0) {
		ret = slurp(fd, st.st_mode);
		close(fd);
		if (ret < 0)
			return ret;
		fd = ret;
	}
	return fos__map_fd(fd, m);
}

void fos__map_close(struct fos__map *m)
{
	if (m->base)
		munmap((void *)(uintptr_t)m->base, m->len);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct fos__map){ .fd = -1 };
}
