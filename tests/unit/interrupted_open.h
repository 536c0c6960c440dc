/* SPDX-License-Identifier: BSD-2-Clause
 *
 * interrupted_open.h: an open() in the place of the library's, behind which a test may have a signal come: what a handler
 * would do is done as soon as the file is there, before whoever opened it knows. For one test, which defines it by including this.
 */
#ifndef INTERRUPTED_OPEN_H
#define INTERRUPTED_OPEN_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <flowos/outfile.h>

static bool interrupted;

/* In the place of the library's. */
int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;
	int fd, error;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	error = errno;
	if (interrupted)
		fos_outfile_cleanup();
	errno = error;
	return fd;
}

#endif
