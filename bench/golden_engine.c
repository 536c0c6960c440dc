/* SPDX-License-Identifier: BSD-2-Clause
 *
 * golden_engine.c: see golden_engine.h.
 */
#include "golden_engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int golden_engine_set(struct golden_engine *e, const char *command, char *err, size_t errlen)
{
	(void)e;
	(void)command;
	snprintf(err, errlen, "not built yet: another engine cannot be put under test in this version");
	return -ENOTSUP;
}

int golden_engine_lines(const struct golden_engine *e, const struct bench_engine_opts *o,
                        const struct fos_impair_spec *spec, const struct fos_frames *frames, struct bench_golden *out,
                        char *err, size_t errlen)
{
	struct bench_record *record = NULL;
	int rc;

	memset(out, 0, sizeof(*out));
	if (e->command) {
		snprintf(err, errlen, "not built yet: another engine under test");
		return -ENOTSUP;
	}
	rc = bench_record_run(o, spec, frames, &record, NULL, err, errlen);
	if (rc)
		return rc;
	rc = bench_record_hash(record);
	if (rc == 0)
		rc = bench_golden_add(out, record);
	if (rc) {
		snprintf(err, errlen, "the engine's lines: %s", strerror(-rc));
		bench_golden_free(out);
	}
	bench_record_free(record);
	return rc;
}
