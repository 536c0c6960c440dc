/* SPDX-License-Identifier: BSD-2-Clause
 *
 * trace.c: what kind of trace a file is, and which reader gets it. Touches the file, and memory for compressed ones.
 */
#include <flowos/trace.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "filemap.h"
#include "gunzip.h"
#include "libtrace_abi.h"
#include "tracefile.h"

enum { GZIP }; /* index in forms */

/* Compressed forms by their first bytes. */
static const struct form {
	const char *name;
	uint8_t magic[6];
	uint8_t len;
	const char *by_hand; /* how to decompress it where libtrace cannot */
} forms[] = {
	[GZIP] = { "gzip", { 0x1f, 0x8b }, 2, "gzip -dc" },     { "bzip2", { 'B', 'Z', 'h' }, 3, "bzip2 -dc" },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, "xz -dc" }, { "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, "zstd -dc" },
	{ "lz4", { 0x04, 0x22, 0x4d, 0x18 }, 4, "lz4 -dc" },    { "lzo", { 0x89, 'L', 'Z', 'O', 0 }, 5, "lzop -dc" },
};

static const struct form *form_of(const struct fos__map *m)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (m->len >= forms[i].len && !memcmp(m->base, forms[i].magic, forms[i].len))
			return &forms[i];
	return NULL;
}

static bool is_plain(const uint8_t *at, size_t len)
{
	return len >= 4 && (fos__pcap_magic(at) || fos__pcapng_magic(at));
}

static int open_plain(struct fos__map *m, const char *path, struct fos_port **out, char *err, size_t errlen)
{
	return fos__pcap_magic(m->base) ? fos__pcap_open(m, path, out, err, errlen)
	                                : fos__pcapng_open(m, path, out, err, errlen);
}

/* Where decompressed bytes go. */
struct inflated {
	const struct form *form;
	uint64_t len, max;
	int fd;
};

static int inflate_sink(void *arg, const void *buf, size_t len)
{
	struct inflated *to = arg;

	if (to->len == 0 && len >= to->form->len && !memcmp(buf, to->form->magic, to->form->len))
		return -ENOTSUP; /* it comes as it is: not a compression that is known there */
	if (to->len == 0 && !is_plain(buf, len))
		return -EINVAL; /* no pcap inside: libtrace's to read */
	to->len += len;
	if (to->len > to->max)
		return -EFBIG; /* libtrace reads it packet by packet */
	return fos__write_all(to->fd, buf, len);
}

/* Half of the machine's memory. */
static uint64_t inflate_max(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages / 2 * (uint64_t)size : UINT64_MAX;
}

/* A compressed pcap or pcapng file: decompresses it into memory and replaces the map. Returns 0, or a negative errno
 * where this cannot be done and *m is as before: -EINVAL it is neither pcap nor pcapng, -EFBIG it is too long, -ENOTSUP
 * it cannot be decompressed, -EBADMSG nothing of it can be. A file whose compression ends badly gives what came before. */
static int inflate(int (*by)(int fd, int (*sink)(void *arg, const void *buf, size_t len), void *arg),
                   const struct form *form, struct fos__map *m)
{
	struct inflated to = { .form = form, .max = inflate_max(), .fd = memfd_create("flowos-inflated", MFD_CLOEXEC) };
	struct fos__map plain;
	int ret;

	if (to.fd < 0)
		return -errno;
	ret = by(m->fd, inflate_sink, &to);
	if (ret && !(ret == -EBADMSG && to.len)) {
		close(to.fd);
		return ret;
	}
	if (!to.len) {
		close(to.fd);
		return -EINVAL;
	}
	if (fos__map_fd(to.fd, &plain))
		return -ENOMEM;
	plain.cut = ret == -EBADMSG;
	fos__map_close(m);
	*m = plain;
	return 0;
}

static int open_compressed(const struct fos__libtrace_abi *abi, const struct form *form, struct fos__map *m,
                           const char *path, struct fos_port **out, char *err, size_t errlen)
{
	char why[400];
	int ret = inflate(abi->inflate, form, m);

	if (!ret)
		return open_plain(m, path, out, err, errlen);
	if (ret == -EBADMSG)
		snprintf(err, errlen, "%s: damaged: %s-compressed, and the compressed data is cut or damaged", path,
		         form->name);
	if (ret == -ENOTSUP)
		snprintf(err, errlen,
		         "%s: %s-compressed, which this libtrace cannot read; decompress it: %s FILE | ... -", path,
		         form->name, form->by_hand);
	if (ret == -EBADMSG || ret == -ENOTSUP)
		return ret;
	ret = abi->open(m->fd, path, out, why, sizeof why);
	if (ret == -EINVAL)
		snprintf(
		    err, errlen,
		    "%s: not a capture: %s-compressed, and inside neither pcap, pcapng nor anything libtrace reads",
		    path, form->name);
	else if (ret)
		snprintf(err, errlen, "%s: %s", path, why);
	return ret;
}

static int open_other(struct fos__map *m, const char *path, struct fos_port **out, char *err, size_t errlen)
{
	const struct form *form = form_of(m);
	const struct fos__libtrace_abi *abi;
	char why[400];
	int ret;

	if (form == &forms[GZIP] && !inflate(fos__gunzip, form, m)) /* the usual one needs no libtrace */
		return open_plain(m, path, out, err, errlen);
	abi = fos__libtrace_load(why, sizeof why);
	if (!abi && form)
		snprintf(err, errlen, "%s: %s-compressed: %s; or decompress it: %s FILE | ... -", path, form->name, why,
		         form->by_hand);
	else if (!abi)
		snprintf(err, errlen, "%s: not a capture: neither pcap nor pcapng, and anything else %s", path, why);
	if (!abi)
		return -ENOTSUP;
	if (form)
		return open_compressed(abi, form, m, path, out, err, errlen);
	ret = abi->open(m->fd, path, out, why, sizeof why);
	if (ret == -EINVAL)
		snprintf(err, errlen, "%s: not a capture: neither pcap, pcapng nor anything libtrace reads", path);
	else if (ret)
		snprintf(err, errlen, "%s: %s", path, why);
	return ret;
}

int fos_trace_open(const char *path, struct fos_port **out, char *err, size_t errlen)
{
	const char *name = strcmp(path, "-") ? path : "standard input";
	struct fos__map m;
	int ret = fos__map_open(path, &m);

	*out = NULL;
	if (errlen)
		err[0] = 0;
	if (ret) {
		snprintf(err, errlen, "%s: %s", name, strerror(-ret));
		return ret;
	}
	if (m.len == 0) {
		snprintf(err, errlen, "%s: not a capture: the file is empty", name);
		ret = -EINVAL;
	} else if (is_plain(m.base, m.len)) {
		ret = open_plain(&m, name, out, err, errlen);
	} else {
		ret = open_other(&m, name, out, err, errlen);
	}
	fos__map_close(&m); /* the port has taken what it needs */
	return ret;
}
