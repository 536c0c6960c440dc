/* SPDX-License-Identifier: BSD-2-Clause
 *
 * http.c: requests and responses of HTTP/1, parsed by libhtp.
 *
 * The parser wants a response after its request. Each direction is put in order for itself, so a response may be ready
 * while a segment of its request is still missing. What was sent says what it came after: a packet of the response
 * acknowledges the request bytes that the server had. Such a packet is fed once the request stream has been fed up to
 * there, and is not released before; it is copied only when its stream cannot wait (it ends, or has a gap).
 *
 * A session is taken for HTTP by its first bytes. Sessions whose beginning was not seen are passed over and counted.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/module.h>

#include "util/args.h"
#include "util/httpconn.h"
#include "util/outfile.h"

enum { HTTP_HOLD = 1000000 };

struct http_stream {
	struct http_conn *conn;
};

/* --- callbacks --------------------------------------------------------------------------------------------------------- */

/* The session's connection; NULL: there is none for want of memory. */
static struct http_conn *http_conn_of(struct http *h, struct fos_stream *s)
{
	struct http_stream *st = fos_stream_state(s);
	uint64_t id = fos_session_id(fos_stream_session(s));

	if (st->conn)
		return st->conn;
	struct http_conn *c = idmap_get(&h->conns, id);
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c || idmap_put(&h->conns, id, c)) {
			free(c);
			h->lost++;
			return NULL;
		}
		http_conn_init(c);
	}
	st->conn = c;
	return c;
}

/* Takes note of the direction. Returns NULL when the session is not followed (all is released then). */
static struct http_conn *http_enter(struct http *h, struct fos_stream *s)
{
	struct http_conn *c = http_conn_of(h, s);
	struct http_dir *d = c ? &c->dir[fos_stream_dir(s)] : NULL;

	if (c && !d->begun) {
		d->begun = true;
		d->stream = s;
		d->start_seq = fos_stream_start_seq(s);
		if (c->kind != HTTP_NO && fos_stream_mid(s)) {
			h->mid++;
			http_stop(c);
		}
	}
	if (c && c->kind != HTTP_NO)
		return c;
	fos_release_all(s);
	return NULL;
}

static void http_stream_data(void *self, struct fos_stream *s)
{
	struct http *h = self;
	struct http_conn *c = http_enter(h, s);

	if (c && c->kind == HTTP_UNDECIDED)
		http_decide(h, c, s, false);
	if (c)
		http_pump(h, c);
}

static void http_stream_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	struct http *h = self;
	struct http_conn *c = http_enter(h, s);
	int dir = fos_stream_dir(s);

	(void)off;
	if (!c)
		return;
	if (c->kind == HTTP_UNDECIDED) {
		h->gap_first++;
		http_stop(c);
		return;
	}
	h->gaps++;
	http_keep_window(h, c, s);
	http_keep_gap(h, c, dir, len);
	http_pump(h, c);
}

static void http_stream_close(void *self, struct fos_stream *s, enum fos_end end)
{
	struct http *h = self;
	struct http_conn *c = http_enter(h, s);

	(void)end;
	struct http_conn *any = ((struct http_stream *)fos_stream_state(s))->conn;
	struct http_dir *d = any ? &any->dir[fos_stream_dir(s)] : NULL;
	if (c && c->kind == HTTP_UNDECIDED)
		http_decide(h, c, s, true);
	if (c && c->kind == HTTP_YES) {
		http_pump(h, c);
		http_keep_window(h, c, s);
	}
	if (d) {
		d->over = true;
		d->stream = NULL;
	}
	if (c && c->kind == HTTP_UNDECIDED && any->dir[!fos_stream_dir(s)].stream) /* the other one waited for this */
		http_decide(h, c, any->dir[!fos_stream_dir(s)].stream, false);
	if (c)
		http_pump(h, c);
}

/* UDP is not HTTP; without this it would come as streams. */
static void http_datagram(void *self, struct fos_session *s, const struct fos_pkt *p, int dir)
{
	(void)self, (void)s, (void)p, (void)dir;
}

static void http_session_close(void *self, struct fos_session *s)
{
	struct http *h = self;
	struct http_conn *c = idmap_take(&h->conns, fos_session_id(s));

	if (!c)
		return;
	c->dir[0].over = c->dir[1].over = true;
	c->dir[0].stream = c->dir[1].stream = NULL;
	http_pump(h, c);
	http_stop(c);
	free(c);
}

/* --- the instance ------------------------------------------------------------------------------------------------------ */

static void http_close(void *self)
{
	struct http *h = self;
	struct http_conn *c;
	size_t at = 0;

	while ((c = idmap_next(&h->conns, &at))) {
		c->dir[0].stream = c->dir[1].stream = NULL;
		http_stop(c);
		free(c);
	}
	idmap_free(&h->conns);
	outfile_close(h->log.out);
	httplog_free(&h->log);
	free(h);
}

static int http_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	static const char head[] = "session\tmethod\thost\turi\tstatus\trequest_body\tresponse_body\tcontent_type";
	struct http *h = calloc(1, sizeof(*h));
	const char *path = NULL;
	int rc = h ? 0 : mod_no_memory(err, errlen);

	if (!rc)
		rc = mod_arg_path(args, "out", &path, err, errlen);
	if (!rc)
		rc = mod_arg_u64(args, "hold", HTTP_HOLD, 0, 1000000000, &h->hold, err, errlen);
	if (!rc && httplog_init(&h->log))
		rc = mod_no_memory(err, errlen);
	if (!rc && path)
		rc = outfile_open(path, OUTFILE_BY_NAME, head, &h->log.out, err, errlen);
	if (rc && h)
		http_close(h);
	if (!rc)
		*self = h;
	return rc;
}

static int http_finish(void *self, char *err, size_t errlen)
{
	struct http *h = self;

	return outfile_finish(h->log.out, err, errlen);
}

static void http_report(void *self, struct fos_report *r)
{
	struct http *h = self;

	fos_report_u64(r, "sessions", h->sessions);
	httplog_report(&h->log, r);
	fos_report_u64(r, "errors", h->errors);
	fos_report_u64(r, "gaps", h->gaps);
	fos_report_u64(r, "gap_errors", h->gap_errors);
	fos_report_u64(r, "tunnels", h->tunnels);
	fos_report_u64(r, "not_http", h->other);
	fos_report_u64(r, "mid_stream", h->mid);
	fos_report_u64(r, "gap_at_start", h->gap_first);
	fos_report_u64(r, "waited", h->waited);
	fos_report_u64(r, "hold_overruns", h->overruns);
	fos_report_u64(r, "no_memory", h->lost);
}

static int http_merge(void *self, void *other)
{
	struct http *h = self;
	const struct http *o = other;

	h->sessions += o->sessions;
	h->errors += o->errors;
	h->gaps += o->gaps;
	h->gap_errors += o->gap_errors;
	h->tunnels += o->tunnels;
	h->other += o->other;
	h->mid += o->mid;
	h->gap_first += o->gap_first;
	h->waited += o->waited;
	h->overruns += o->overruns;
	h->lost += o->lost;
	return httplog_merge(&h->log, &o->log);
}

static const char *const http_args[] = {
	"out=FILE  a line a transaction, by session: session, method, host, uri, status, body lengths, content type",
	"hold=BYTES  of a response that are kept back until its request was seen (default 1M)",
	NULL,
};

FOS_MODULE(.name = "http", .summary = "requests and responses of HTTP/1", .arg_help = http_args, .level = "app",
           .access = FOS_READ_ONLY, .stream_state = sizeof(struct http_stream), .open = http_open,
           .finish = http_finish, .report = http_report, .close = http_close, .stream_data = http_stream_data,
           .stream_gap = http_stream_gap, .stream_close = http_stream_close, .datagram = http_datagram,
           .session_close = http_session_close, .merge = http_merge);
