/* SPDX-License-Identifier: BSD-2-Clause
 *
 * outfile.c: files that appear whole or not at all. Touches the target's folder.
 *
 * The temporary file lies in the same folder, as rename() works within one file system only, and its name begins with
 * a dot. It is not synced to the disk: "not at all" is about programs that fail, not about power.
 */
#include <flowos/outfile.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 1 << 20, TRIES = 100, OPEN_MAX_NOTED = 256 };

/* Names of temporary files that are there now, or in the next moment, for fos_outfile_cleanup(). One beyond the last
 * place is not noted. */
static char *_Atomic noted[OPEN_MAX_NOTED];

static void swap_noted(char *from, char *to)
{
	for (size_t i = 0; i < OPEN_MAX_NOTED; i++) {
		char *expected = from;

		if (atomic_compare_exchange_strong(&noted[i], &expected, to))
			return;
	}
}

void fos_outfile_note(char *name)
{
	swap_noted(NULL, name);
}

void fos_outfile_forget(char *name)
{
	swap_noted(name, NULL);
}

int fos_outfile_each(int (*f)(void *arg, const char *name), void *arg)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < OPEN_MAX_NOTED; i++) {
		const char *name = atomic_load(&noted[i]);

		if (name)
			ret = f(arg, name);
	}
	return ret;
}

void fos_outfile_cleanup(void)
{
	for (size_t i = 0; i < OPEN_MAX_NOTED; i++) {
		char *name = atomic_load(&noted[i]);

		if (name)
			unlink(name);
	}
}

struct fos_outfile {
	FILE *stream;
	char *target; /* NULL: written directly */
	char *temp;
	char *buffer;
};

static void outfile_free(struct fos_outfile *o)
{
	if (o->temp)
		fos_outfile_forget(o->temp);
	free(o->buffer);
	free(o->target);
	free(o->temp);
	free(o);
}

/* ".NAME.PID-COUNT.tmp" in the folder of the target, in `buf` of PATH_MAX bytes. */
static int temp_name(const char *target, char *buf)
{
	static atomic_uint count;
	char folder[PATH_MAX], name[PATH_MAX];

	if (strlen(target) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(folder, target);
	strcpy(name, target);
	/* The name is cut so that the temporary one is no longer than a folder takes. */
	if (snprintf(buf, PATH_MAX, "%s/.%.200s.%ld-%u.tmp", dirname(folder), basename(name), (long)getpid(),
	             atomic_fetch_add(&count, 1)) >= PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

/* Creates the file `name` where nothing has that name. It is noted first, as a signal may come as soon as it is there, and
 * not where the name is taken: what has it is somebody else's. Returns its fd; keeps a copy of the name in `o` then. */
static int create_temp(struct fos_outfile *o, const char *name)
{
	struct stat st;
	int fd;

	if (!lstat(name, &st))
		return -EEXIST;
	o->temp = strdup(name);
	if (!o->temp)
		return -ENOMEM;
	fos_outfile_note(o->temp);
	fd = open(o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd >= 0)
		return fd;
	fd = -errno;
	fos_outfile_forget(o->temp);
	free(o->temp);
	o->temp = NULL;
	return fd;
}

/* Creates a temporary file with the permissions that the target has or would get. Returns its fd. */
static int open_temp(struct fos_outfile *o, const struct stat *existing)
{
	char name[PATH_MAX];
	int ret, fd = -EEXIST;

	if (existing && access(o->target, W_OK))
		return -errno;
	for (int i = 0; fd == -EEXIST && i < TRIES; i++) {
		ret = temp_name(o->target, name);
		if (ret)
			return ret;
		fd = create_temp(o, name);
	}
	if (fd >= 0 && existing)
		(void)fchmod(fd, existing->st_mode & 0777);
	return fd;
}

/* Opens the target's temporary file, or the target itself where it is no regular file. Returns an fd. */
static int open_target(struct fos_outfile *o, const char *path)
{
	struct stat st;
	bool exists;
	int fd;

	if (!strcmp(path, "-")) {
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? -errno : fd;
	}
	exists = !stat(path, &st);
	if (!exists && errno != ENOENT)
		return -errno;
	if (exists && S_ISDIR(st.st_mode))
		return -EISDIR;
	if (exists && !S_ISREG(st.st_mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	if (!*path || path[strlen(path) - 1] == '/')
		return *path ? -EISDIR : -ENOENT;
	o->target = exists ? realpath(path, NULL) : strdup(path);
	if (!o->target)
		return -errno;
	return open_temp(o, exists ? &st : NULL);
}

int fos_outfile_open(const char *path, struct fos_outfile **out)
{
	struct fos_outfile *o = calloc(1, sizeof *o);
	int fd;

	*out = NULL;
	if (!o)
		return -ENOMEM;
	fd = open_target(o, path);
	if (fd < 0) {
		outfile_free(o);
		return fd;
	}
	o->stream = fdopen(fd, "w");
	o->buffer = malloc(BUFFER);
	if (!o->stream || !o->buffer) {
		if (!o->stream)
			close(fd);
		fos_outfile_abort(o);
		return -ENOMEM;
	}
	setvbuf(o->stream, o->buffer, _IOFBF, BUFFER);
	*out = o;
	return 0;
}

FILE *fos_outfile_stream(struct fos_outfile *o)
{
	return o->stream;
}

bool fos_outfile_direct(const struct fos_outfile *o)
{
	return !o->target;
}

int fos_outfile_commit(struct fos_outfile *o)
{
	int ret = 0;

	if (!o)
		return 0;
	if (fflush(o->stream))
		ret = -errno;
	if (!ret && ferror(o->stream))
		ret = -EIO; /* an earlier write failed, and whoever made it knows why */
	if (fclose(o->stream) && !ret)
		ret = -errno;
	if (o->temp && !ret && rename(o->temp, o->target))
		ret = -errno;
	if (o->temp && ret)
		unlink(o->temp);
	outfile_free(o);
	return ret;
}

void fos_outfile_abort(struct fos_outfile *o)
{
	if (!o)
		return;
	if (o->temp)
		unlink(o->temp);
	if (o->stream)
		fclose(o->stream);
	outfile_free(o);
}
