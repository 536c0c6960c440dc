/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mb_stats.h: everything that is counted, over all workers, and its forms: JSON, Prometheus' text, a line for a person.
 *
 * Threads: adding a worker's is for that worker's thread (mb_worker_ask()), the rest for who has the struct.
 */
#ifndef MB_STATS_H
#define MB_STATS_H

#include <jansson.h>
#include <stdio.h>

#include "mb_worker.h"

struct mb_link_total {
	char name[256], kind[16], how[64]; /* as mb_link has them */
	struct fos_port_stats port;
	enum mb_link_state state; /* the worst of the workers' */
	uint64_t losses;
};

struct mb_stats {
	struct fos_worker_stats engine;
	struct mb_worker_counts worker;
	struct mb_link_total link[MB_INTERFACES_MAX];
	unsigned links, workers, unanswered; /* unanswered: workers that were too busy, and are not in here */
	double seconds;                      /* since the box started */
};

/* Adds what a worker has counted so far. For mb_worker_ask(): arg is a struct mb_stats. */
void mb_stats_add(struct mb_worker *w, void *arg);

/* A new reference; NULL: no memory. */
json_t *mb_stats_json(const struct mb_stats *st);

/* Prometheus' text exposition format, version 0.0.4, into a new text (free() it); NULL: no memory. */
char *mb_stats_metrics(const struct mb_stats *st);

/* A few lines for a person. */
void mb_stats_print(const struct mb_stats *st, FILE *out);

#endif
