/* SPDX-License-Identifier: BSD-2-Clause
 *
 * dumpdir.c: see dumpdir.h. A file's number `cN` is found by making it with O_EXCL: files of one name are numbered
 * without holes, so the next number is searched for in steps that double and then by halves.
 */
#include "dumpdir.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders that this process filled, with how many runs are at it now. Never forgotten. */
struct dumpdir_known {
	struct dumpdir_known *next;
	dev_t dev;
	ino_t ino;
	char *path; /* a folder made anew may get the number of one that was removed */
	unsigned busy;
	atomic_uint open; /* files, of all that are at it */
};

struct dumpdir_slot {
	uint64_t owner; /* 0: free; stream ids begin at 2 */
	uint64_t used;
	int fd;
};

struct dumpdir {
	struct dumpdir_known *known;
	bool finished;
	int fd;
	uint64_t clock;
	unsigned slots;
	struct dumpdir_slot slot[];
};

static pthread_mutex_t dumpdir_lock = PTHREAD_MUTEX_INITIALIZER;
static struct dumpdir_known *dumpdir_all;

/* What a dump leaves behind. */
static const char dumpdir_pattern[] =
    "^(gaps\\.tsv|(udp-)?[0-9a-f.:]+\\.[0-9]{5}-[0-9a-f.:]+\\.[0-9]{5}(--[0-9]+)?(c[0-9]+)?)$";

void dumpdir_name(const struct fos_key *key, int dir, uint32_t count, char *name)
{
	char host[2][INET6_ADDRSTRLEN], vlan[16] = "", use[16] = "";

	for (int i = 0; i < 2; i++) {
		const uint8_t *a = key->addr[i ? !dir : dir];
		if (key->version == 4)
			snprintf(host[i], sizeof(host[i]), "%03u.%03u.%03u.%03u", a[0], a[1], a[2], a[3]);
		else
			inet_ntop(AF_INET6, a, host[i], sizeof(host[i]));
	}
	if (key->vlan != 0xffff)
		snprintf(vlan, sizeof(vlan), "--%u", key->vlan);
	if (count)
		snprintf(use, sizeof(use), "c%u", count);
	snprintf(name, DUMPDIR_NAME, "%s%s.%05u-%s.%05u%s%s", key->proto == 6 ? "" : "udp-", host[0], key->port[dir],
	         host[1], key->port[!dir], vlan, use);
}

/* Removes what an earlier dump left, if `clean`. Returns 1 when other files were there (or, without `clean`, any), else 0. */
static int dumpdir_scan(int fd, bool clean)
{
	int other = 0, copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	regex_t re;

	if (!list) {
		int rc = -errno;
		if (copy >= 0)
			close(copy);
		return rc;
	}
	if (regcomp(&re, dumpdir_pattern, REG_EXTENDED | REG_NOSUB)) {
		closedir(list);
		return -ENOMEM;
	}
	while ((e = readdir(list))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (!clean || regexec(&re, e->d_name, 0, NULL, 0) || unlinkat(fd, e->d_name, 0))
			other = 1;
	}
	regfree(&re);
	closedir(list);
	return other;
}

/* Under the lock: the folder's entry, counted as in use. */
static int dumpdir_claim(int fd, const char *path, bool overwrite, struct dumpdir_known **out)
{
	struct dumpdir_known *k = dumpdir_all;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	while (k && (k->dev != st.st_dev || k->ino != st.st_ino || strcmp(k->path, path)))
		k = k->next;
	if (!k || !k->busy) {
		int rc = dumpdir_scan(fd, overwrite || k);
		if (rc < 0 || (rc && !overwrite && !k))
			return rc < 0 ? rc : -ENOTEMPTY;
	}
	if (!k) {
		char *copy = strdup(path);
		k = calloc(1, sizeof(*k));
		if (!k || !copy) {
			free(k);
			free(copy);
			return -ENOMEM;
		}
		*k = (struct dumpdir_known){ .next = dumpdir_all, .dev = st.st_dev, .ino = st.st_ino, .path = copy };
		dumpdir_all = k;
	}
	k->busy++;
	*out = k;
	return 0;
}

int dumpdir_open(const char *path, bool overwrite, unsigned files, struct dumpdir **out, char *real, char *err,
                 size_t errlen)
{
	struct dumpdir *d = calloc(1, sizeof(*d) + files * sizeof(d->slot[0]));
	int rc = d ? 0 : -ENOMEM;

	if (d) {
		d->slots = files;
		d->fd = -1;
	}
	if (!rc && mkdir(path, 0777) && errno != EEXIST)
		rc = -errno;
	if (!rc && (d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		rc = -errno;
	if (!rc && !realpath(path, real))
		rc = -errno;
	if (!rc) {
		pthread_mutex_lock(&dumpdir_lock);
		rc = dumpdir_claim(d->fd, real, overwrite, &d->known);
		pthread_mutex_unlock(&dumpdir_lock);
	}
	if (rc) {
		snprintf(err, errlen, "%s: %s%s", path, strerror(-rc),
		         rc == -ENOTEMPTY ? " (overwrite=yes replaces an earlier dump)" : "");
		dumpdir_close(d);
		return rc;
	}
	*out = d;
	return 0;
}

static int dumpdir_slot_close(struct dumpdir *d, struct dumpdir_slot *s)
{
	int rc = s->owner && close(s->fd) ? -errno : 0;

	if (s->owner)
		atomic_fetch_sub(&d->known->open, 1);
	s->owner = 0;
	return rc;
}

/* The one that was used least recently, NULL: none is open. */
static struct dumpdir_slot *dumpdir_lru(struct dumpdir *d)
{
	struct dumpdir_slot *best = NULL;

	for (unsigned i = 0; i < d->slots; i++)
		if (d->slot[i].owner && (!best || d->slot[i].used < best->used))
			best = &d->slot[i];
	return best;
}

/* The slot for the next file: one that is free, unless so many are open, of all who are at the folder, that one of these
 * must be closed. Who has none gets one. */
static struct dumpdir_slot *dumpdir_oldest(struct dumpdir *d)
{
	struct dumpdir_slot *used = atomic_load(&d->known->open) >= d->slots ? dumpdir_lru(d) : NULL;

	for (unsigned i = 0; !used && i < d->slots; i++)
		if (!d->slot[i].owner)
			return &d->slot[i];
	return used ? used : dumpdir_lru(d);
}

/* Opens a file in the folder; makes room where the process has too many open. */
static int dumpdir_openat(struct dumpdir *d, const char *name, int flags)
{
	for (;;) {
		int fd = openat(d->fd, name, flags | O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (fd >= 0 || errno != EMFILE)
			return fd < 0 ? -errno : fd;
		struct dumpdir_slot *s = dumpdir_lru(d);
		if (!s)
			return -EMFILE;
		int rc = dumpdir_slot_close(d, s);
		if (rc)
			return rc;
	}
}

static bool dumpdir_exists(const struct dumpdir *d, const struct fos_key *key, int dir, uint32_t count)
{
	char name[DUMPDIR_NAME];

	dumpdir_name(key, dir, count, name);
	return faccessat(d->fd, name, F_OK, 0) == 0;
}

/* The first number above 0 that is free. */
static uint32_t dumpdir_free_count(const struct dumpdir *d, const struct fos_key *key, int dir)
{
	uint32_t taken = 0, free_one = 1;

	while (dumpdir_exists(d, key, dir, free_one)) {
		taken = free_one;
		free_one *= 2;
	}
	while (free_one - taken > 1) {
		uint32_t mid = taken + (free_one - taken) / 2;
		if (dumpdir_exists(d, key, dir, mid))
			taken = mid;
		else
			free_one = mid;
	}
	return free_one;
}

static void dumpdir_take(struct dumpdir *d, struct dumpdir_file *f, uint64_t id, struct dumpdir_slot *s, int fd)
{
	atomic_fetch_add(&d->known->open, 1);
	*s = (struct dumpdir_slot){ .owner = id, .used = ++d->clock, .fd = fd };
	f->slot = (uint32_t)(s - d->slot);
}

int dumpdir_create(struct dumpdir *d, struct dumpdir_file *f, uint64_t id, const struct fos_key *key, int dir)
{
	struct dumpdir_slot *s = dumpdir_oldest(d);
	char name[DUMPDIR_NAME];
	int fd, rc = f->named ? 0 : dumpdir_slot_close(d, s);

	if (rc || f->named)
		return rc;
	for (;;) {
		dumpdir_name(key, dir, f->count, name);
		fd = dumpdir_openat(d, name, O_CREAT | O_EXCL);
		if (fd != -EEXIST)
			break;
		f->count = dumpdir_free_count(d, key, dir);
	}
	if (fd < 0)
		return fd;
	f->named = true;
	dumpdir_take(d, f, id, s, fd);
	return 0;
}

/* The stream's open file, or a negative errno. */
static int dumpdir_fd(struct dumpdir *d, struct dumpdir_file *f, uint64_t id, const struct fos_key *key, int dir)
{
	char name[DUMPDIR_NAME];
	int rc = dumpdir_create(d, f, id, key, dir);

	if (rc)
		return rc;
	struct dumpdir_slot *s = &d->slot[f->slot];
	if (s->owner == id) {
		s->used = ++d->clock;
		return s->fd;
	}
	s = dumpdir_oldest(d);
	rc = dumpdir_slot_close(d, s);
	if (rc)
		return rc;
	dumpdir_name(key, dir, f->count, name);
	int fd = dumpdir_openat(d, name, 0);
	if (fd >= 0)
		dumpdir_take(d, f, id, s, fd);
	return fd;
}

int dumpdir_append(struct dumpdir *d, struct dumpdir_file *f, uint64_t id, const struct fos_key *key, int dir,
                   struct iovec *iov, int n)
{
	int fd = dumpdir_fd(d, f, id, key, dir);

	if (fd < 0)
		return fd;
	while (n > 0) {
		ssize_t done = writev(fd, iov, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		for (; n > 0 && (size_t)done >= iov->iov_len; iov++, n--)
			done -= (ssize_t)iov->iov_len;
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

int dumpdir_done(struct dumpdir *d, const struct dumpdir_file *f, uint64_t id)
{
	struct dumpdir_slot *s = &d->slot[f->slot];

	return f->named && s->owner == id ? dumpdir_slot_close(d, s) : 0;
}

int dumpdir_finish(struct dumpdir *d)
{
	int first = 0;

	for (unsigned i = 0; i < d->slots; i++) {
		int rc = dumpdir_slot_close(d, &d->slot[i]);
		first = first ? first : rc;
	}
	if (!d->finished && d->known) {
		pthread_mutex_lock(&dumpdir_lock);
		d->known->busy--;
		pthread_mutex_unlock(&dumpdir_lock);
	}
	d->finished = true;
	return first;
}

void dumpdir_close(struct dumpdir *d)
{
	if (!d)
		return;
	dumpdir_finish(d);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}
