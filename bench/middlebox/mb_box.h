/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_box.h: the middlebox: its workers, and what is asked of them all. mb_run.c drives one, mb_server.c answers for it.
 *
 * One thread, but for mb_box_say(), which any may call.
 */
#ifndef MB_BOX_H
#define MB_BOX_H

#include <jansson.h>

#include "mb_stats.h"

struct mb_box {
	const struct mb_conf *conf;
	struct mb_worker *worker; /* conf->workers of them */
	unsigned made;
	int ended; /* an eventfd: a worker's thread is over */
	uint64_t start_ns;
};

/* Opens everything. Returns 0 or a negative errno with a line in err; free it either way. */
int mb_box_make(struct mb_box *b, const struct mb_conf *c, char *err, size_t errlen);
int mb_box_start(struct mb_box *b, char *err, size_t errlen);
void mb_box_stop(struct mb_box *b); /* all workers drain and end */
void mb_box_join(struct mb_box *b);
void mb_box_free(struct mb_box *b);

void mb_box_stats(struct mb_box *b, struct mb_stats *st);
/* What modules found, added up; once all workers have ended. A new reference; NULL: no memory. */
json_t *mb_box_modules(const struct mb_box *b);
/* The first thing that went wrong in a worker: its errno with the line, or 0. */
int mb_box_status(const struct mb_box *b, const char **text);

/* "flowos run: text" on standard error. */
void mb_box_say(void *box, const char *text);

#endif
