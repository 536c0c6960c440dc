/* SPDX-License-Identifier: BSD-2-Clause
 *
 * result_file.c: the writers meet io's outfile.
 */
#include "result_file.h"

#include <errno.h>
#include <string.h>

#include <flowos/outfile.h>

static int finish(struct fos_outfile *file, int rc, const char *path, char *err, size_t errlen)
{
	if (rc)
		fos_outfile_abort(file);
	else
		rc = fos_outfile_commit(file);
	if (rc)
		snprintf(err, errlen, "%s: cannot write: %s", path, strerror(-rc));
	return rc;
}

int bench_file_save(const struct bench_result *r, bench_writer *write, const char *path, char *err, size_t errlen)
{
	struct fos_outfile *file = NULL;
	int rc = fos_outfile_open(path, &file);

	if (rc == 0)
		rc = write(r, fos_outfile_stream(file));
	return finish(file, rc, path, err, errlen);
}

int bench_file_save_bytes(const char *path, const char *data, size_t len, char *err, size_t errlen)
{
	struct fos_outfile *file = NULL;
	int rc = fos_outfile_open(path, &file);

	if (rc == 0 && fwrite(data, 1, len, fos_outfile_stream(file)) != len)
		rc = -EIO;
	return finish(file, rc, path, err, errlen);
}
