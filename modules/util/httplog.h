/* SPDX-License-Identifier: BSD-2-Clause
 *
 * httplog.h: what module http finds out: libhtp's settings and callbacks, counters, and a line a transaction.
 *
 * Threads: one at a time.
 */
#ifndef FLOWOS_MODULE_HTTPLOG_H
#define FLOWOS_MODULE_HTTPLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <htp/htp.h>

#include <flowos/key.h>
#include <flowos/report.h>

#include "idmap.h"

enum { HTTPLOG_METHODS = HTP_M_INVALID + 1, HTTPLOG_STATUS = 1000 };

struct outfile;

struct httplog {
	htp_cfg_t *cfg;
	struct outfile *out;
	struct idmap hosts; /* by hash of the name */
	uint64_t transactions, incomplete, requests, responses, request_body, response_body;
	uint64_t method[HTTPLOG_METHODS], status[HTTPLOG_STATUS];
};

/* A connection; lives as long as its parser. */
struct httplog_conn {
	struct httplog *log;
	const struct fos_key *key;
	int client;    /* side of the key that sends requests */
	uint32_t open; /* transactions that have begun and are not complete */
	bool upgrade;  /* a request asked for another protocol */
	htp_connp_t *connp;
};

int httplog_init(struct httplog *l); /* 0 or -ENOMEM */
void httplog_free(struct httplog *l);

int httplog_begin(struct httplog *l, struct httplog_conn *c, const struct fos_key *key, int client);
/* No more data: ends what an end of stream ends, lists what is not complete, frees the parser. */
void httplog_end(struct httplog_conn *c);

/* Adds what `o` counted, and the names of its hosts. 0 or -ENOMEM. */
int httplog_merge(struct httplog *l, const struct httplog *o);

void httplog_report(const struct httplog *l, struct fos_report *r);

#endif
