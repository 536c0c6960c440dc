/* SPDX-License-Identifier: BSD-2-Clause
 *
 * httpconn.h: a session as module http follows it: whether it is HTTP, and both directions fed to the parser so that
 * no response goes before its request. http.c says how that is known.
 *
 * Threads: one at a time. Streams are the engine's; they are used within callbacks only.
 */
#ifndef FLOWOS_MODULE_HTTPCONN_H
#define FLOWOS_MODULE_HTTPCONN_H

#include <stdbool.h>
#include <stdint.h>

#include <flowos/stream.h>

#include "httplog.h"
#include "idmap.h"

enum http_kind { HTTP_UNDECIDED, HTTP_YES, HTTP_NO };

struct http_kept;

struct http_dir {
	struct fos_stream *stream; /* while it is open */
	struct http_kept *kept, **last;
	uint64_t fed; /* offset in the stream */
	uint32_t start_seq;
	bool seen, begun, over; /* seen: it has packets; its start_seq may still change */
};

struct http_conn {
	struct httplog_conn log;
	enum http_kind kind;
	struct http_dir dir[2];
};

/* What the connections of a module's instance share. */
struct http {
	struct httplog log;
	struct idmap conns; /* by session id */
	uint64_t hold;
	uint64_t sessions, other, mid, gap_first, errors, gap_errors, tunnels, gaps, waited, overruns, lost;
};

void http_conn_init(struct http_conn *c);

/* Looks at the stream's first bytes: `final` when no more will come. Sets c->kind, or leaves it undecided. */
void http_decide(struct http *h, struct http_conn *c, struct fos_stream *s, bool final);

/* Feeds what can be fed: requests first, then the responses to them, as long as one lets the other go on. */
void http_pump(struct http *h, struct http_conn *c);

/* The window goes away: what waits in it is copied. */
void http_keep_window(struct http *h, struct http_conn *c, struct fos_stream *s);
void http_keep_gap(struct http *h, struct http_conn *c, int dir, uint64_t len);

/* From here on the session's bytes are passed over; its transactions are ended. */
void http_stop(struct http_conn *c);

#endif
