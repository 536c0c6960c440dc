/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mod_stream.c: the functions of stream.h and key.h as a module sees them, over the fake engine's list of spans.
 * Everything walks from the first span: simple before quick.
 */
#include "mod_harness.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>

const char *fos_end_name(enum fos_end e)
{
	static const char *const name[] = { "fin", "rst", "timeout", "eof" };

	return name[e];
}

char *fos_key_text(const struct fos_key *key, int side, char *buf, size_t len)
{
	char host[INET6_ADDRSTRLEN];

	assert_true(len >= FOS_ADDR_TEXT);
	inet_ntop(key->version == 6 ? AF_INET6 : AF_INET, key->addr[side], host, sizeof(host));
	snprintf(buf, len, key->version == 6 ? "[%s]:%u" : "%s:%u", host, key->port[side]);
	return buf;
}

int fos_sp_at(struct fos_stream *s, uint64_t off, struct fos_sp *p)
{
	const struct fos_span *span = mh_of(s)->first;

	if (off < s->head || off > mh_tail(s))
		return -ERANGE;
	while (span && span->next && off >= span->off + span->len)
		span = span->next;
	*p = (struct fos_sp){ s, span, off };
	return 0;
}

struct fos_sp fos_stream_head(struct fos_stream *s)
{
	struct fos_sp p;

	assert_int_equal(fos_sp_at(s, s->head, &p), 0);
	return p;
}

struct fos_sp fos_stream_tail(struct fos_stream *s)
{
	struct fos_sp p;

	assert_int_equal(fos_sp_at(s, mh_tail(s), &p), 0);
	return p;
}

const char *fos_stream_level(const struct fos_stream *s)
{
	(void)s;
	return "app";
}

struct fos_stream *fos_stream_peer(const struct fos_stream *s)
{
	return &mh_of(s)->session->stream[!mh_of(s)->dir].view;
}

void *fos_stream_state(const struct fos_stream *s)
{
	return mh_of(s)->state;
}

uint64_t fos_stream_id(const struct fos_stream *s)
{
	return mh_of(s)->session->id * 2 + (uint64_t)mh_of(s)->dir;
}

bool fos_stream_mid(const struct fos_stream *s)
{
	return mh_of(s)->session->mid;
}

uint32_t fos_stream_start_seq(const struct fos_stream *s)
{
	return mh_of(s)->dir ? 0x20 : 0xfffffff0u; /* wraps soon */
}

enum fos_gap_why fos_stream_gap_why(const struct fos_stream *s)
{
	return mh_of(s)->why;
}

/* Frees spans that end at or before the head. */
void mh_drop(struct fos_stream *view)
{
	struct mh_stream *s = mh_of(view);

	while (s->first && s->first->off + s->first->len <= view->head) {
		struct mh_span *n = (struct mh_span *)(void *)s->first;
		s->first = s->first->next;
		if (s->first)
			s->first->prev = NULL;
		else
			s->last = NULL;
		free(n->bytes);
		free(n);
	}
}

void fos_release(struct fos_stream *s, const struct fos_sp *p)
{
	assert_ptr_equal(p->stream, s);
	assert_true(p->off >= s->head && p->off <= mh_tail(s));
	s->shown -= (uint32_t)(p->off - s->head);
	s->head = p->off;
	mh_drop(s);
}

void fos_release_packet(struct fos_stream *s, const struct fos_sp *p)
{
	struct fos_sp q = *p;

	if (p->off < mh_tail(s))
		q.off = p->span->off + p->span->len;
	fos_release(s, &q);
}

const uint8_t *fos_stream_take(struct fos_stream *s, size_t *len)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	const uint8_t *run = fos_sp_run(&p, &tail, len);

	s->head += *len; /* what was taken is freed after the callback */
	s->shown -= (uint32_t)*len;
	return run;
}

const uint8_t *fos_sp_run(const struct fos_sp *p, const struct fos_sp *limit, size_t *len)
{
	struct fos_sp q = { 0 };

	*len = 0;
	assert_true(p->off <= limit->off && limit->off <= mh_tail(p->stream));
	assert_int_equal(fos_sp_at(p->stream, p->off, &q), 0);
	if (p->off >= limit->off)
		return NULL;
	uint64_t end = q.span->off + q.span->len;
	*len = (size_t)((end < limit->off ? end : limit->off) - p->off);
	return q.span->data + (p->off - q.span->off);
}

int fos_sp_next(struct fos_sp *p, const struct fos_sp *limit)
{
	size_t len;
	const uint8_t *b = fos_sp_run(p, limit, &len);

	if (!b)
		return -1;
	fos_sp_at(p->stream, p->off + 1, p);
	return *b;
}

int fos_sp_advance(struct fos_sp *p, int64_t n)
{
	return fos_sp_at(p->stream, p->off + (uint64_t)n, p);
}

size_t fos_sp_copy(const struct fos_sp *p, const struct fos_sp *limit, void *buf, size_t len)
{
	struct fos_sp q = *p;
	size_t done = 0, n;
	const uint8_t *b;

	while (done < len && (b = fos_sp_run(&q, limit, &n))) {
		n = n < len - done ? n : len - done;
		memcpy((uint8_t *)buf + done, b, n);
		done += n;
		fos_sp_advance(&q, (int64_t)n);
	}
	return done;
}

static int mh_compare(struct fos_sp p, const struct fos_sp *limit, const uint8_t *str, size_t len, bool fold)
{
	for (size_t i = 0; i < len; i++) {
		int b = fos_sp_next(&p, limit);
		int d = b < 0 ? -1 : fold ? tolower(b) - tolower(str[i]) : b - str[i];
		if (d)
			return d;
	}
	return 0;
}

int fos_sp_cmp(const struct fos_sp *p, const struct fos_sp *limit, const void *str, size_t len)
{
	return mh_compare(*p, limit, str, len, false);
}

int fos_sp_casecmp(const struct fos_sp *p, const struct fos_sp *limit, const void *str, size_t len)
{
	return mh_compare(*p, limit, str, len, true);
}

int fos_sp_find(const struct fos_sp *p, const struct fos_sp *limit, const void *pattern, size_t len, struct fos_sp *hit)
{
	for (struct fos_sp q = *p; q.off + len <= limit->off; fos_sp_advance(&q, 1)) {
		if (mh_compare(q, limit, pattern, len, false) == 0) {
			*hit = q;
			return 0;
		}
		if (q.off == limit->off)
			break;
	}
	return -ENOENT;
}

ssize_t fos_sp_read_line(struct fos_sp *p, const struct fos_sp *limit, char *buf, size_t size)
{
	struct fos_sp lf;
	size_t n = (size_t)fos_sp_distance(p, limit);
	int rc = fos_sp_find(p, limit, "\n", 1, &lf);

	if (rc && n < size)
		return -EAGAIN;
	if (!rc)
		n = (size_t)fos_sp_distance(p, &lf);
	if (n > size - 1) {
		buf[fos_sp_copy(p, limit, buf, size - 1)] = 0;
		return -EMSGSIZE;
	}
	buf[fos_sp_copy(p, limit, buf, n)] = 0;
	if (n && buf[n - 1] == '\r')
		buf[--n] = 0;
	fos_sp_advance(&lf, 1);
	*p = lf;
	return (ssize_t)n;
}

const struct fos_pkt *fos_sp_pkt(const struct fos_sp *p)
{
	return p->off < mh_tail(p->stream) ? p->span->pkt : NULL;
}

int fos_sp_packet_bounds(const struct fos_sp *p, uint64_t *from, uint64_t *to)
{
	if (p->off >= mh_tail(p->stream))
		return -ERANGE;
	*from = p->span->off;
	*to = p->span->off + p->span->len;
	return 0;
}

int fos_sp_next_packet(struct fos_sp *p, const struct fos_sp *limit)
{
	uint64_t to = p->off < mh_tail(p->stream) ? p->span->off + p->span->len : p->off;

	if (to >= limit->off) {
		*p = *limit;
		return -ERANGE;
	}
	return fos_sp_at(p->stream, to, p);
}

uint64_t fos_session_id(const struct fos_session *s)
{
	return s->id;
}

const char *fos_session_flow(const struct fos_session *s)
{
	return s->flow;
}

uint64_t fos_session_first_ns(const struct fos_session *s)
{
	return s->first_ns;
}

uint64_t fos_session_last_ns(const struct fos_session *s)
{
	return s->last_ns;
}

bool fos_session_seen(const struct fos_session *s, int dir)
{
	return !s->unseen[dir];
}

uint32_t fos_session_conflicts(const struct fos_session *s, int dir)
{
	(void)s, (void)dir;
	return 0;
}

enum fos_end fos_session_end(const struct fos_session *s, int dir)
{
	return s->end[dir];
}
