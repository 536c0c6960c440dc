/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz.c: see fuzz.h. Touches files in memory only.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* stdio may have been made quiet: descriptor 2 is written to. */
void fuzz_fail(const char *file, int line, const char *condition, const char *format, ...)
{
	const char *name = strrchr(file, '/');
	char text[16384];
	va_list ap;
	int n = snprintf(text, sizeof(text), "\n%s:%d: does not hold: %s: ", name ? name + 1 : file, line, condition);

	va_start(ap, format);
	n += vsnprintf(text + n, sizeof(text) - (size_t)n - 2, format, ap);
	va_end(ap);
	n = n > (int)sizeof(text) - 2 ? (int)sizeof(text) - 2 : n;
	text[n] = '\n';
	if (write(STDERR_FILENO, text, (size_t)n + 1) < 0)
		_exit(77);
	abort();
}

char *fuzz_text(struct fuzz_in *in)
{
	size_t n = fuzz_left(in);
	char *text = malloc(n + 1);

	if (!text)
		abort();
	if (n)
		memcpy(text, in->at, n);
	text[n] = '\0';
	in->at = in->end;
	return text;
}

uint8_t *fuzz_exact(const void *bytes, size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	if (!p)
		abort();
	if (len)
		memcpy(p, bytes, len);
	return p;
}

void fuzz_file_open(struct fuzz_file *f, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	f->fd = memfd_create("flowos-fuzz", MFD_CLOEXEC);
	while (f->fd >= 0 && len) {
		ssize_t n = write(f->fd, at, len);

		if (n <= 0)
			break;
		at += n;
		len -= (size_t)n;
	}
	if (f->fd < 0 || len)
		fuzz_fail(__FILE__, __LINE__, "memfd", "no file in memory: %s", strerror(errno));
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
}

void fuzz_file_close(struct fuzz_file *f)
{
	close(f->fd);
	f->fd = -1;
}

uint8_t *fuzz_file_bytes(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *p = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && (p = malloc((size_t)st.st_size + 1)) != NULL)
		*len = pread(fd, p, (size_t)st.st_size, 0) == st.st_size ? (size_t)st.st_size : SIZE_MAX;
	if (!p || *len == SIZE_MAX)
		fuzz_fail(__FILE__, __LINE__, "open", "%s cannot be read: %s", path, strerror(errno));
	close(fd);
	return p;
}

static char folder[64];

static void remove_folder(void)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(folder);
}

const char *fuzz_folder(void)
{
	if (folder[0])
		return folder;
	strcpy(folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/flowos-fuzz-XXXXXX" : "/tmp/flowos-fuzz-XXXXXX");
	if (!mkdtemp(folder))
		fuzz_fail(__FILE__, __LINE__, "mkdtemp", "%s: %s", folder, strerror(errno));
	atexit(remove_folder);
	return folder;
}

void fuzz_quiet(void)
{
	static FILE *nowhere;

	if (nowhere)
		return;
	nowhere = fopen("/dev/null", "w");
	if (nowhere)
		stdout = stderr = nowhere; /* the GNU C library lets a program do that */
	stdin = fopen("/dev/null", "r");
}

/* For targets that are linked with --wrap=fos__libtrace_load: libtrace is not ours to fuzz, and not there. */
struct fos__libtrace_abi;
const struct fos__libtrace_abi *__wrap_fos__libtrace_load(char *err, size_t errlen);
const struct fos__libtrace_abi *__wrap_fos__libtrace_load(char *err, size_t errlen)
{
	snprintf(err, errlen, "needs libtrace, which is not there");
	return NULL;
}
