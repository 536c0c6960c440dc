/* SPDX-License-Identifier: BSD-2-Clause
 *
 * dump.c: writes every stream to a file of its own, named as tcpflow names them, so that the two can be compared with
 * diff -r. Gaps are left out of the files and listed in gaps.tsv.
 *
 * Files are appended to as bytes come, straight from the packets (writev); util/dumpdir.c keeps the number of open
 * ones bounded. The first error is told by `finish`; a stream that failed is not written to any more.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/module.h>

#include "util/args.h"
#include "util/dumpdir.h"
#include "util/outfile.h"

enum { DUMP_IOV = 64, DUMP_FILES = 256 };

struct dump_stream {
	struct dumpdir_file file;
	bool failed;
};

struct dump {
	struct dumpdir *dir;
	struct outfile *gaps_out;
	bool udp;
	int error; /* the first one, and of which file */
	char error_name[DUMPDIR_NAME];
	uint64_t files, bytes, gaps, gap_bytes, failed;
};

static void dump_close(void *self)
{
	struct dump *d = self;

	dumpdir_close(d->dir);
	outfile_close(d->gaps_out);
	free(d);
}

static int dump_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	struct dump *d = calloc(1, sizeof(*d));
	char *real = malloc(PATH_MAX + sizeof("/gaps.tsv"));
	uint64_t files = 0;
	bool overwrite = false;
	const char *dir = NULL;
	int rc = d && real ? 0 : mod_no_memory(err, errlen);

	if (!rc)
		rc = mod_arg_path(args, "dir", &dir, err, errlen);
	if (!rc && !dir) {
		snprintf(err, errlen, "dir=DIR is missing: where the files go");
		rc = -EINVAL;
	}
	if (!rc)
		rc = mod_arg_bool(args, "overwrite", false, &overwrite, err, errlen);
	if (!rc)
		rc = mod_arg_bool(args, "udp", false, &d->udp, err, errlen);
	if (!rc)
		rc = mod_arg_u64(args, "files", DUMP_FILES, 1, 1000000, &files, err, errlen);
	if (!rc)
		rc = dumpdir_open(dir, overwrite, (unsigned)files, &d->dir, real, err, errlen);
	if (!rc) {
		strcat(real, "/gaps.tsv");
		rc = outfile_open(real, OUTFILE_BY_NAME, "file\toffset\tlength", &d->gaps_out, err, errlen);
	}
	free(real);
	if (rc && d)
		dump_close(d);
	if (!rc)
		*self = d;
	return rc;
}

static void dump_failed(struct dump *d, struct fos_stream *s, int error)
{
	struct dump_stream *st = fos_stream_state(s);

	d->failed++;
	st->failed = true;
	if (d->error)
		return;
	d->error = error;
	dumpdir_name(fos_session_key(fos_stream_session(s)), fos_stream_dir(s), st->file.count, d->error_name);
}

static bool dump_wanted(const struct dump *d, const struct fos_stream *s)
{
	const struct dump_stream *st = fos_stream_state(s);

	return !st->failed && (d->udp || fos_session_key(fos_stream_session(s))->proto == IPPROTO_TCP);
}

/* Writes what is in `iov` and forgets it. */
static void dump_write(struct dump *d, struct fos_stream *s, struct iovec *iov, int n)
{
	struct dump_stream *st = fos_stream_state(s);
	uint64_t bytes = 0;

	if (st->failed || n == 0)
		return;
	for (int i = 0; i < n; i++)
		bytes += iov[i].iov_len;
	d->files += !st->file.named;
	int rc = dumpdir_append(d->dir, &st->file, fos_stream_id(s), fos_session_key(fos_stream_session(s)),
	                        fos_stream_dir(s), iov, n);
	if (rc)
		dump_failed(d, s, rc);
	else
		d->bytes += bytes;
}

static void dump_stream_data(void *self, struct fos_stream *s)
{
	struct dump *d = self;
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	struct iovec iov[DUMP_IOV];
	const uint8_t *run;
	size_t len;
	int n = 0;

	while (dump_wanted(d, s) && (run = fos_sp_run(&p, &tail, &len))) {
		iov[n++] = (struct iovec){ (void *)(uintptr_t)run, len };
		fos_sp_advance(&p, (int64_t)len);
		if (n == DUMP_IOV) {
			dump_write(d, s, iov, n);
			n = 0;
		}
	}
	dump_write(d, s, iov, n);
	fos_release_all(s);
}

static void dump_stream_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	struct dump *d = self;
	struct dump_stream *st = fos_stream_state(s);
	const struct fos_key *key = fos_session_key(fos_stream_session(s));
	char name[DUMPDIR_NAME];

	if (!dump_wanted(d, s))
		return;
	d->gaps++;
	d->gap_bytes += len;
	d->files += !st->file.named;
	int rc = dumpdir_create(d->dir, &st->file, fos_stream_id(s), key, fos_stream_dir(s));
	if (rc)
		dump_failed(d, s, rc);
	dumpdir_name(key, fos_stream_dir(s), st->file.count, name);
	outfile_line(d->gaps_out, "%s\t%llu\t%llu", name, (unsigned long long)off, (unsigned long long)len);
}

static void dump_stream_close(void *self, struct fos_stream *s, enum fos_end end)
{
	struct dump *d = self;
	struct dump_stream *st = fos_stream_state(s);

	(void)end;
	int rc = dumpdir_done(d->dir, &st->file, fos_stream_id(s));
	if (rc && !st->failed)
		dump_failed(d, s, rc);
}

static int dump_finish(void *self, char *err, size_t errlen)
{
	struct dump *d = self;
	int rc = dumpdir_finish(d->dir), gaps = outfile_finish(d->gaps_out, err, errlen);

	if (d->error) {
		snprintf(err, errlen, "dump: %s: %s (%llu streams are not whole)", d->error_name, strerror(-d->error),
		         (unsigned long long)d->failed);
		return d->error;
	}
	if (rc)
		snprintf(err, errlen, "dump: %s", strerror(-rc));
	return rc ? rc : gaps;
}

static void dump_report(void *self, struct fos_report *r)
{
	struct dump *d = self;

	fos_report_u64(r, "files", d->files);
	fos_report_u64(r, "bytes", d->bytes);
	fos_report_u64(r, "gaps", d->gaps);
	fos_report_u64(r, "gap_bytes", d->gap_bytes);
	fos_report_u64(r, "failed_streams", d->failed);
}

static int dump_merge(void *self, void *other)
{
	struct dump *d = self;
	const struct dump *o = other;

	d->files += o->files;
	d->bytes += o->bytes;
	d->gaps += o->gaps;
	d->gap_bytes += o->gap_bytes;
	d->failed += o->failed;
	return 0;
}

static const char *const dump_args[] = {
	"dir=DIR  where the files go; made if missing",
	"overwrite=yes|no  replace an earlier dump in DIR; without it a DIR with files in it is refused",
	"udp=yes|no  UDP conversations too, as udp-NAME (default no)",
	"files=N  files that are open at a time (default 256)",
	NULL,
};

FOS_MODULE(.name = "dump", .summary = "every stream to a file, named as tcpflow names them", .arg_help = dump_args,
           .access = FOS_READ_ONLY, .stream_state = sizeof(struct dump_stream), .open = dump_open,
           .finish = dump_finish, .report = dump_report, .close = dump_close, .stream_data = dump_stream_data,
           .stream_gap = dump_stream_gap, .stream_close = dump_stream_close, .merge = dump_merge);
