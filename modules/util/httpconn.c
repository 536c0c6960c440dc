/* SPDX-License-Identifier: BSD-2-Clause
 *
 * httpconn.c: see httpconn.h. A direction's bytes wait in the stream's window; those that cannot stay there (the
 * stream ends, or has a gap) are copied into a list that is fed before the window.
 */
#include "httpconn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum http_look { HTTP_LOOK_MORE, HTTP_LOOK_REQUEST, HTTP_LOOK_RESPONSE, HTTP_LOOK_OTHER };
enum { HTTP_OPEN_MAX = 4096, HTTP_PREFIX = 20 };

/* Bytes of a response that could stay in the window no longer. No `data`: a gap. */
struct http_kept {
	struct http_kept *next;
	uint32_t ack;
	bool has_ack, gap;
	uint64_t len;
	size_t at; /* what was fed of it */
	uint8_t data[];
};

/* --- what a session is -------------------------------------------------------------------------------------------- */

static enum http_look http_look(struct fos_stream *s, bool final)
{
	static const char *const begin[] = { "HTTP/1.", "GET ",      "POST ",     "HEAD ",      "PUT ",
		                             "DELETE ", "OPTIONS ",  "PATCH ",    "CONNECT ",   "TRACE ",
		                             "MKCOL ",  "COPY ",     "MOVE ",     "LOCK ",      "UNLOCK ",
		                             "REPORT ", "MERGE ",    "PROPFIND ", "PROPPATCH ", "SEARCH ",
		                             "NOTIFY ", "M-SEARCH ", "PURGE ",    "SUBSCRIBE ", "CHECKOUT " };
	char buf[HTTP_PREFIX];
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	size_t n = fos_sp_copy(&p, &tail, buf, sizeof(buf));
	bool maybe = false;

	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++) {
		size_t len = strlen(begin[i]);
		if (memcmp(buf, begin[i], n < len ? n : len))
			continue;
		if (n >= len)
			return i ? HTTP_LOOK_REQUEST : HTTP_LOOK_RESPONSE;
		maybe = true;
	}
	return maybe && !final ? HTTP_LOOK_MORE : HTTP_LOOK_OTHER;
}

static void http_kept_free(struct http_dir *d)
{
	while (d->kept) {
		struct http_kept *k = d->kept;
		d->kept = k->next;
		free(k);
	}
	d->last = &d->kept;
}

void http_stop(struct http_conn *c)
{
	httplog_end(&c->log);
	c->kind = HTTP_NO;
	for (int i = 0; i < 2; i++) {
		http_kept_free(&c->dir[i]);
		if (c->dir[i].stream)
			fos_release_all(c->dir[i].stream);
	}
}

static void http_begin(struct http *h, struct http_conn *c, const struct fos_session *s, int client)
{
	if (httplog_begin(&h->log, &c->log, fos_session_key(s), client)) {
		h->lost++;
		http_stop(c);
		return;
	}
	c->kind = HTTP_YES;
	h->sessions++;
}

/* Was this packet sent after bytes of the other side that were not fed yet? It acknowledges them. One more than was fed
 * is the sequence number of a FIN, which is no byte, unless a request has begun that is not whole. */
static bool http_early(const struct http_conn *c, int dir, bool has_ack, uint32_t ack)
{
	const struct http_dir *other = &c->dir[!dir];

	if (!has_ack || other->over)
		return false;
	if (!other->begun && (c->kind == HTTP_YES || !other->seen)) /* where it begins is not known for certain */
		return c->kind == HTTP_YES;
	int32_t more = (int32_t)(ack - other->start_seq - (uint32_t)other->fed);
	if (more != 1 || c->kind != HTTP_YES)
		return more > 0;
	return dir != c->log.client && htp_connp_get_in_tx(c->log.connp);
}

/* Must this packet wait? A response for its request; a request only where the answer says what its bytes are. */
static bool http_waits(const struct http_conn *c, int dir, bool has_ack, uint32_t ack)
{
	return (dir != c->log.client || c->log.upgrade) && http_early(c, dir, has_ack, ack);
}

static bool http_too_much(const struct http *h, struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);

	return (uint64_t)fos_sp_distance(&p, &tail) > h->hold;
}

/* Does this stream begin with an answer to bytes that are still to come? The other side says what the session is then. */
static bool http_answers(const struct http *h, struct http_conn *c, struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	const struct fos_pkt *pkt = fos_sp_compare(&p, &tail) < 0 ? fos_sp_pkt(&p) : NULL;
	struct http_dir *other = &c->dir[!fos_stream_dir(s)];
	struct fos_stream *peer = fos_stream_peer(s);

	if (!pkt || http_too_much(h, s))
		return false;
	if (!other->begun && peer && fos_session_seen(fos_stream_session(s), !fos_stream_dir(s))) {
		other->seen = true;
		other->start_seq = fos_stream_start_seq(peer);
	}
	return http_early(c, fos_stream_dir(s), pkt->tcp_flags & FOS_TCP_ACK, pkt->ack);
}

void http_decide(struct http *h, struct http_conn *c, struct fos_stream *s, bool final)
{
	const struct fos_session *session = fos_stream_session(s);
	int dir = fos_stream_dir(s);
	enum http_look look = http_look(s, final);

	if (look == HTTP_LOOK_MORE || (!final && http_answers(h, c, s)))
		return;
	if (look == HTTP_LOOK_OTHER) {
		h->other++;
		http_stop(c);
	} else {
		http_begin(h, c, session, look == HTTP_LOOK_REQUEST ? dir : !dir);
	}
}

/* --- feeding the parser ---------------------------------------------------------------------------------------------- */

/* Hands over a piece (data NULL: a gap). Returns how much was taken; less than len: the parser waits for the other side. */
static size_t http_give(struct http *h, struct http_conn *c, int dir, const uint8_t *data, size_t len)
{
	bool request = dir == c->log.client;
	htp_connp_t *p = c->log.connp;
	int rc = request ? htp_connp_req_data(p, NULL, data, len) : htp_connp_res_data(p, NULL, data, len);
	size_t used = request ? htp_connp_req_data_consumed(p) : htp_connp_res_data_consumed(p);

	if (rc != HTP_STREAM_DATA_OTHER && !(rc == HTP_STREAM_CLOSED && !data))
		used = len;
	else if (used >= len) /* a gap that ends with a body is answered with CLOSED, but taken */
		rc = HTP_STREAM_DATA;
	if (rc == HTP_STREAM_DATA_OTHER) {
		return used;
	} else if (rc == HTP_STREAM_TUNNEL) {
		h->tunnels++;
		http_stop(c);
	} else if (rc != HTP_STREAM_DATA || c->log.open > HTTP_OPEN_MAX) {
		h->errors += data != NULL;
		h->gap_errors += data == NULL;
		http_stop(c);
	}
	return used;
}

/* Feeds what was kept. Returns true when something was taken. */
static bool http_feed_kept(struct http *h, struct http_conn *c, int dir)
{
	struct http_dir *d = &c->dir[dir];
	bool any = false;

	while (c->kind == HTTP_YES && d->kept) {
		struct http_kept *k = d->kept;
		if (http_waits(c, dir, k->has_ack, k->ack))
			return any;
		size_t len = (size_t)k->len - k->at;
		size_t used = http_give(h, c, dir, k->gap ? NULL : k->data + k->at, len);
		if (c->kind != HTTP_YES)
			return true; /* and what was kept is gone */
		any |= used > 0;
		k->at += used;
		d->fed += used;
		if (used < len)
			return any;
		d->kept = k->next;
		if (!d->kept)
			d->last = &d->kept;
		free(k);
	}
	return any;
}

/* Feeds the window, and releases what was taken. */
static bool http_feed_window(struct http *h, struct http_conn *c, int dir)
{
	struct http_dir *d = &c->dir[dir];
	struct fos_sp p = fos_stream_head(d->stream), tail = fos_stream_tail(d->stream);
	bool any = false, force = http_too_much(h, d->stream);
	const uint8_t *run;
	size_t len;

	while ((run = fos_sp_run(&p, &tail, &len))) {
		const struct fos_pkt *pkt = fos_sp_pkt(&p);
		if (pkt && http_waits(c, dir, pkt->tcp_flags & FOS_TCP_ACK, pkt->ack)) {
			h->waited += !force;
			h->overruns += force;
			if (!force)
				break;
		}
		size_t used = http_give(h, c, dir, run, len);
		if (c->kind != HTTP_YES)
			return true; /* and all was released */
		any |= used > 0;
		fos_sp_advance(&p, (int64_t)used);
		d->fed = p.off;
		if (used < len)
			break;
	}
	if (any)
		fos_release(d->stream, &p);
	return any;
}

static bool http_feed(struct http *h, struct http_conn *c, int dir)
{
	bool any = c->kind == HTTP_YES && http_feed_kept(h, c, dir);

	if (c->kind == HTTP_YES && !c->dir[dir].kept && c->dir[dir].stream)
		any |= http_feed_window(h, c, dir);
	return any;
}

void http_pump(struct http *h, struct http_conn *c)
{
	bool moved = true;

	while (c->kind == HTTP_YES && moved) {
		moved = http_feed(h, c, c->log.client);
		if (http_feed(h, c, !c->log.client)) /* in any case: each may have waited for the other */
			moved = true;
	}
}

static int http_keep(struct http_dir *d, uint64_t len, const uint8_t *data, const struct fos_pkt *pkt)
{
	struct http_kept *k = calloc(1, sizeof(*k) + (data ? (size_t)len : 0));

	if (!k)
		return -ENOMEM;
	k->len = len;
	k->gap = !data;
	if (data)
		memcpy(k->data, data, (size_t)len);
	k->has_ack = pkt && (pkt->tcp_flags & FOS_TCP_ACK);
	k->ack = pkt ? pkt->ack : 0;
	*d->last = k;
	d->last = &k->next;
	return 0;
}

void http_keep_window(struct http *h, struct http_conn *c, struct fos_stream *s)
{
	struct http_dir *d = &c->dir[fos_stream_dir(s)];
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	const uint8_t *run;
	size_t len;

	while (c->kind == HTTP_YES && (run = fos_sp_run(&p, &tail, &len))) {
		if (http_keep(d, len, run, fos_sp_pkt(&p))) {
			h->lost++;
			http_stop(c);
			return;
		}
		fos_sp_advance(&p, (int64_t)len);
	}
	fos_release_all(s);
}

void http_keep_gap(struct http *h, struct http_conn *c, int dir, uint64_t len)
{
	if (c->kind == HTTP_YES && http_keep(&c->dir[dir], len, NULL, NULL)) {
		h->lost++;
		http_stop(c);
	}
}

void http_conn_init(struct http_conn *c)
{
	c->dir[0].last = &c->dir[0].kept;
	c->dir[1].last = &c->dir[1].kept;
}
