/* SPDX-License-Identifier: BSD-2-Clause
 *
 * extras.c: see extras.h.
 */
#include "extras.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/pcapng_writer.h>

#include "team.h"

int bench_write_packets(const struct bench_schedule *s, const char *path, char *err, size_t errlen)
{
	struct fos_port *out;
	char comment[256];
	int rc = fos_pcapng_writer_open(path, &out);

	if (rc == 0) {
		for (size_t i = 0; rc == 0 && i < s->frames.n; i++) {
			const struct fos_frame *f = &s->frames.v[i];
			bool noted =
			    f->note && s->port && fos_impair_note(s->port, f->note, comment, sizeof(comment)) >= 0;

			rc = fos_pcapng_write(out, f, noted ? comment : NULL);
		}
		if (rc == 0)
			rc = fos_port_close(out);
		else
			fos_pcapng_abort(out);
	}
	if (rc)
		snprintf(err, errlen, "%s: %s", path, strerror(-rc));
	return rc;
}

/* The module `dump` does the work, on a pass of its own. */
static int write_streams(const struct bench_opts *o, const struct bench_point *pt, const struct bench_prepared *p,
                         char *err, size_t errlen)
{
	struct bench_engine_opts engine = pt->engine;
	const struct bench_team_spec spec = { .engine = &engine, .impair = &pt->impair };
	struct bench_team team = { 0 };
	struct fos_worker *w = NULL;
	char *stage, *at;
	int rc;

	stage = malloc(2 * strlen(o->streams_out) + 16);
	if (!stage)
		return -ENOMEM;
	/* "key=@FILE" reads a file. */
	at = stpcpy(stage, o->streams_out[0] == '@' ? "dump:dir=./" : "dump:dir=");
	for (const char *c = o->streams_out; *c; c++) {
		if (*c == ':' || *c == '+')
			*at++ = '\\';
		*at++ = *c;
	}
	*at = '\0';
	engine.stages = 1;
	engine.stage[0] = stage;
	if (bench_workers(&engine) > 1) {
		rc = bench_team_make(&team, &spec, err, errlen);
		if (rc == 0)
			rc = bench_team_run(&team, &p->schedule.frames, &p->lanes, NULL, NULL, err, errlen);
		if (rc == 0)
			rc = bench_team_finish(&team, err, errlen);
		bench_team_free(&team);
	} else {
		rc = bench_worker_make(&engine, &pt->impair, NULL, NULL, &w, err, errlen);
	}
	if (rc == 0 && w) {
		rc = bench_feed(w, p->schedule.frames.v, p->schedule.frames.n);
		if (rc)
			snprintf(err, errlen, "--streams-out: %s", strerror(-rc));
		else
			rc = fos_worker_finish(w, err, errlen);
		fos_worker_destroy(w);
	}
	free(stage);
	return rc;
}

int bench_write_extras(const struct bench_opts *o, const struct bench_point *pt, const struct bench_prepared *p,
                       char *err, size_t errlen)
{
	int rc = 0;

	if (o->impaired_out)
		rc = bench_write_packets(&p->schedule, o->impaired_out, err, errlen);
	if (rc == 0 && o->streams_out)
		rc = write_streams(o, pt, p, err, errlen);
	return rc;
}
