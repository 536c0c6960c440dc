/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_box_fixture.h: for tests: a box that replays a trace, as far as the test wants, in the test's own thread. Header only, so
 * that tests which do without a box are not linked with one.
 */
#ifndef MB_BOX_FIXTURE_H
#define MB_BOX_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mb_box.h"

struct box_fixture {
	struct mb_conf conf;
	struct mb_box box;
};

static inline struct box_fixture *box_open(const char *trace, unsigned batches)
{
	struct box_fixture *f = calloc(1, sizeof(*f));
	struct bench_engine_opts o = { .filter = "tcp" };
	char err[512] = "";

	mb_conf_init(&f->conf);
	f->conf.trace = trace;
	assert_int_equal(mb_conf_simple(&f->conf, &o, err, sizeof(err)), 0);
	if (mb_box_make(&f->box, &f->conf, err, sizeof(err)))
		fail_msg("%s", err);
	for (unsigned i = 0; i < batches; i++) {
		struct mb_worker *w = &f->box.worker[0];

		assert_true(fos_port_rx(w->rx, w->batch) > 0);
		assert_int_equal(fos_worker_run(w->engine, w->batch), 0);
	}
	return f;
}

static inline void box_close(struct box_fixture *f)
{
	mb_box_free(&f->box);
	mb_conf_free(&f->conf);
	free(f);
}

#endif
