/* SPDX-License-Identifier: BSD-2-Clause
 *
 * outfile.c: a text file that appears whole or not at all: written beside its place under another name, then renamed.
 * Touches that file only.
 */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_directly(struct fos__outfile *o, const char *path)
{
	o->f = strcmp(path, "-") == 0 ? fdopen(dup(STDOUT_FILENO), "w") : fopen(path, "we");
	return o->f ? 0 : -errno;
}

static int open_temp(struct fos__outfile *o)
{
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	fd = mkostemp(o->temp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	o->f = fdopen(fd, "w");
	if (o->f && fchmod(fd, 0666 & ~mask) == 0)
		return 0;
	if (!o->f)
		close(fd);
	else
		fclose(o->f);
	unlink(o->temp);
	return -EIO;
}

int fos__outfile_open(struct fos__outfile *o, const char *path)
{
	struct stat st;
	char *real = NULL;
	int r = -ENOMEM;

	memset(o, 0, sizeof *o);
	if (strcmp(path, "-") == 0 || (stat(path, &st) == 0 && !S_ISREG(st.st_mode)))
		return open_directly(o, path);
	real = realpath(path, NULL); /* a symbolic link stays one */
	o->path = real ? real : strdup(path);
	if (o->path && asprintf(&o->temp, "%s.XXXXXX", o->path) < 0)
		o->temp = NULL;
	if (o->temp)
		r = open_temp(o);
	if (r) {
		free(o->path);
		free(o->temp);
	}
	return r;
}

int fos__outfile_close(struct fos__outfile *o, int failed)
{
	int r = failed;

	if (fflush(o->f) != 0 && r == 0)
		r = errno ? -errno : -EIO;
	if (ferror(o->f) && r == 0)
		r = -EIO;
	if (fclose(o->f) != 0 && r == 0)
		r = -errno;
	if (o->path) {
		if (r == 0 && rename(o->temp, o->path) != 0)
			r = -errno;
		if (r != 0)
			unlink(o->temp);
	}
	free(o->path);
	free(o->temp);
	return r;
}
