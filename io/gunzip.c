/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gunzip.c: see gunzip.h. By zlib, which gives all that comes before a cut.
 */
#include "gunzip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <zlib.h>

enum { CHUNK = 256 * 1024 };

int fos__gunzip(int fd, int (*sink)(void *arg, const void *buf, size_t len), void *arg)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3), n, ret = 0;
	uint8_t *buf = malloc(CHUNK);
	gzFile gz = NULL;

	if (own >= 0 && lseek(own, 0, SEEK_SET) == 0)
		gz = gzdopen(own, "rb");
	if (!gz || !buf) {
		ret = buf ? -EIO : -ENOMEM;
		goto out;
	}
	gzbuffer(gz, CHUNK);
	while (ret == 0 && (n = gzread(gz, buf, CHUNK)) != 0) {
		if (n < 0) {
			ret = -EBADMSG;
			break;
		}
		ret = sink(arg, buf, (size_t)n);
	}
	/* A cut is told at the end only: there are bytes, and then there are none. */
	if (ret == 0) {
		int code = Z_OK;

		gzerror(gz, &code);
		if (code != Z_OK && code != Z_STREAM_END)
			ret = -EBADMSG;
	}
out:
	if (gz)
		gzclose(gz);
	else if (own >= 0)
		close(own);
	free(buf);
	return ret;
}
