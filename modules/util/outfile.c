/* SPDX-License-Identifier: BSD-2-Clause
 *
 * outfile.c: see outfile.h. `struct outfile_sink` is the file, in a list under one lock; `struct outfile` is one
 * instance's handle with a buffer of whole lines.
 */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <flowos/outfile.h>

enum { OUTFILE_BUFFER = 65536 };

struct outfile_sink {
	struct outfile_sink *next;
	char *name;     /* as it was given */
	char *path;     /* where it goes; NULL: what is written stays where it is */
	char *temp;     /* NULL: none */
	int fd, direct; /* direct: where a sorted file that has no temporary goes at the end, else -1 */
	unsigned flags, users, unfinished;
	size_t head; /* bytes in front that are not sorted */
	int error;   /* the first one */
};

struct outfile {
	struct outfile_sink *sink;
	bool finished;
	size_t used;
	char *buf;
};

static pthread_mutex_t outfile_lock = PTHREAD_MUTEX_INITIALIZER;
static struct outfile_sink *outfile_sinks;
static unsigned outfile_count;

static int outfile_write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static void outfile_sink_write(struct outfile_sink *s, const char *data, size_t len)
{
	int rc = s->error ? 0 : outfile_write_all(s->fd, data, len);
	if (rc)
		s->error = rc;
}

/* A nameless file for lines that must be sorted before they go into a pipe. */
static int outfile_nameless(void)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

static int outfile_sink_create(struct outfile_sink *s)
{
	struct stat st;
	int fd;

	s->fd = s->direct = -1;
	if (strcmp(s->name, "-") == 0) {
		fd = dup(STDOUT_FILENO);
	} else if (stat(s->name, &st) == 0 && !S_ISREG(st.st_mode)) {
		fd = open(s->name, O_WRONLY | O_CLOEXEC);
	} else {
		char *real = realpath(s->name, NULL); /* through a symbolic link: the link stays */
		s->path = real ? real : strdup(s->name);
		if (!s->path || asprintf(&s->temp, "%s.%d.%u.tmp", s->path, (int)getpid(), outfile_count++) < 0) {
			s->temp = NULL;
			return -ENOMEM;
		}
		/* Noted first, as a signal may come as soon as the file is there, but not what is somebody else's. */
		if (lstat(s->temp, &st) != 0)
			fos_outfile_note(s->temp);
		s->fd = open(s->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (s->fd >= 0)
			return 0;
		fd = -errno;                 /* nothing was made that could be removed */
		fos_outfile_forget(s->temp); /* of a name that was not noted: nothing */
		free(s->temp);
		s->temp = NULL;
		return fd;
	}
	if (fd < 0)
		return -errno;
	if (!s->flags) {
		s->fd = fd;
		return 0;
	}
	s->direct = fd;
	s->fd = outfile_nameless();
	return s->fd < 0 ? s->fd : 0;
}

static void outfile_sink_destroy(struct outfile_sink *s)
{
	for (struct outfile_sink **at = &outfile_sinks; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			break;
		}
	}
	if (s->fd >= 0)
		close(s->fd);
	if (s->direct >= 0)
		close(s->direct);
	if (s->temp) {
		unlink(s->temp);
		fos_outfile_forget(s->temp);
	}
	free(s->temp);
	free(s->path);
	free(s->name);
	free(s);
}

/* The sink of this name that others have open, or a new one. */
static int outfile_sink_get(const char *name, unsigned flags, const char *head, struct outfile_sink **out)
{
	struct outfile_sink *s = outfile_sinks;

	while (s && (strcmp(s->name, name) || !s->unfinished))
		s = s->next;
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		s->flags = flags;
		s->fd = s->direct = -1;
		s->name = strdup(name);
		int rc = s->name ? outfile_sink_create(s) : -ENOMEM;
		if (rc) {
			outfile_sink_destroy(s);
			return rc;
		}
		if (head) {
			s->head = strlen(head) + 1;
			outfile_sink_write(s, head, s->head - 1);
			outfile_sink_write(s, "\n", 1);
		}
		s->next = outfile_sinks;
		outfile_sinks = s;
	}
	s->users++;
	s->unfinished++;
	*out = s;
	return 0;
}

int outfile_open(const char *path, unsigned flags, const char *head, struct outfile **out, char *err, size_t errlen)
{
	struct outfile *o = calloc(1, sizeof(*o));
	int rc = -ENOMEM;

	if (o && (o->buf = malloc(OUTFILE_BUFFER))) {
		pthread_mutex_lock(&outfile_lock);
		rc = outfile_sink_get(path, flags, head, &o->sink);
		pthread_mutex_unlock(&outfile_lock);
	}
	if (rc) {
		snprintf(err, errlen, "%s: %s", path, strerror(-rc));
		if (o)
			free(o->buf);
		free(o);
		return rc;
	}
	*out = o;
	return 0;
}

static void outfile_flush(struct outfile *o, const char *more, size_t len)
{
	pthread_mutex_lock(&outfile_lock);
	outfile_sink_write(o->sink, o->buf, o->used);
	outfile_sink_write(o->sink, more, len);
	pthread_mutex_unlock(&outfile_lock);
	o->used = 0;
}

void outfile_line(struct outfile *o, const char *fmt, ...)
{
	char *long_line = NULL;
	va_list ap;

	if (!o || o->finished)
		return;
	va_start(ap, fmt);
	int n = vsnprintf(o->buf + o->used, OUTFILE_BUFFER - o->used, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n + 1 <= OUTFILE_BUFFER - o->used) {
		o->used += (size_t)n;
		o->buf[o->used++] = '\n'; /* in the place of the NUL */
		return;
	}
	va_start(ap, fmt);
	n = vasprintf(&long_line, fmt, ap);
	va_end(ap);
	if (n < 0) {
		outfile_flush(o, "", 0);
		o->sink->error = o->sink->error ? o->sink->error : -ENOMEM;
		return;
	}
	long_line[n] = '\n';
	outfile_flush(o, long_line, (size_t)n + 1);
	free(long_line);
}

const char *outfile_field(const void *data, size_t len, char *buf, size_t size)
{
	const unsigned char *b = data;
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		size_t need = b[i] < 0x20 || b[i] == 0x7f || b[i] == '\\' ? 4 : 1;
		if (at + need + (i + 1 < len ? 3 : 0) >= size) {
			size_t dots = size - 1 - at < 3 ? size - 1 - at : 3;
			memcpy(buf + at, "...", dots);
			at += dots;
			break;
		}
		if (need == 1)
			buf[at] = (char)b[i];
		else
			snprintf(buf + at, size - at, "\\x%02x", b[i]);
		at += need;
	}
	buf[at] = 0;
	return buf;
}

static int outfile_by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines are compared where they lie, one behind the other as they came. */
static int outfile_by_name(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	size_t n = strcspn(x, "\t"), m = strcspn(y, "\t");
	int c = memcmp(x, y, n < m ? n : m);

	if (c == 0)
		c = (n > m) - (n < m);
	return c ? c : (x > y) - (x < y);
}

/* Reads the whole file and writes its lines in order: into the same file, or to where it goes. */
static int outfile_sort(struct outfile_sink *s)
{
	off_t end = lseek(s->fd, 0, SEEK_END);
	size_t len = end < 0 ? 0 : (size_t)end, lines = 0, n = 0, at = 0;
	char *all = malloc(len + 1), **line = NULL;
	int rc = end < 0 ? -errno : all ? 0 : -ENOMEM;

	while (!rc && at < len) {
		ssize_t got = pread(s->fd, all + at, len - at, (off_t)at);
		if (got > 0)
			at += (size_t)got;
		else if (got == 0 || errno != EINTR)
			rc = got ? -errno : -EIO;
	}
	for (at = s->head; !rc && at < len; at++)
		lines += all[at] == '\n';
	if (!rc && lines && !(line = calloc(lines, sizeof(*line))))
		rc = -ENOMEM;
	if (rc)
		goto out;

	for (at = s->head; n < lines; at++) {
		line[n++] = all + at;
		at = (size_t)((char *)memchr(all + at, '\n', len - at) - all);
		all[at] = 0;
	}
	if (lines)
		qsort(line, lines, sizeof(*line), s->flags & OUTFILE_BY_NAME ? outfile_by_name : outfile_by_line);
	FILE *f = fdopen(dup(s->direct >= 0 ? s->direct : s->fd), "w");
	if (!f || (s->direct < 0 && fseek(f, 0, SEEK_SET)))
		rc = -errno;
	if (f && !rc) {
		fwrite(all, 1, s->head, f);
		for (n = 0; n < lines; n++) {
			size_t key = s->flags & OUTFILE_NUMBERED ? strcspn(line[n], "\t") : 0;

			if (key)
				fprintf(f, "%zu", n + 1);
			fprintf(f, "%s\n", line[n] + key);
		}
		if (s->direct < 0 && (fflush(f) || ftruncate(s->fd, ftell(f)))) /* numbers are shorter than keys */
			rc = -errno;
	}
	if (f && fclose(f) && !rc)
		rc = -errno;
out:
	free(line);
	free(all);
	return rc;
}

static int outfile_commit(struct outfile_sink *s)
{
	if (!s->error && s->flags)
		s->error = outfile_sort(s);
	if (!s->path)
		return s->error;
	if (close(s->fd) && !s->error)
		s->error = -errno;
	s->fd = -1;
	if (!s->error && rename(s->temp, s->path))
		s->error = -errno;
	if (!s->error) {
		fos_outfile_forget(s->temp);
		free(s->temp);
		s->temp = NULL;
	}
	return s->error;
}

int outfile_finish(struct outfile *o, char *err, size_t errlen)
{
	if (!o || o->finished)
		return 0;
	outfile_flush(o, "", 0);
	o->finished = true;
	pthread_mutex_lock(&outfile_lock);
	struct outfile_sink *s = o->sink;
	int rc = --s->unfinished ? s->error : outfile_commit(s);
	pthread_mutex_unlock(&outfile_lock);
	if (rc)
		snprintf(err, errlen, "%s: %s", s->name, strerror(-rc));
	return rc;
}

void outfile_close(struct outfile *o)
{
	if (!o)
		return;
	pthread_mutex_lock(&outfile_lock);
	struct outfile_sink *s = o->sink;
	if (!o->finished) {
		/* without what this one would have added, the file would not be whole */
		s->error = s->error ? s->error : -ECANCELED;
		s->unfinished--;
	}
	if (!--s->users)
		outfile_sink_destroy(s);
	pthread_mutex_unlock(&outfile_lock);
	free(o->buf);
	free(o);
}
