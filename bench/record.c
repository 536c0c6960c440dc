/* SPDX-License-Identifier: BSD-2-Clause
 *
 * record.c: see record.h. The module's half; record_done.c has what is worked out afterwards.
 */
#include "record.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <flowos/module.h>

/* What the next instance of the module records into: add_module() calls open() before it returns. */
static _Thread_local struct bench_record *attaching;

struct bench_record *bench_record_new(void)
{
	return calloc(1, sizeof(struct bench_record));
}

void bench_record_free(struct bench_record *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->streams; i++) {
		free(r->stream[i].span);
		free(r->stream[i].gap);
	}
	for (size_t i = 0; i < r->udps; i++)
		free(r->udp[i].digest);
	for (size_t i = 0; i < r->copies; i++)
		free(r->copy[i]);
	for (size_t i = 0; i < r->lates; i++)
		free(r->late[i].data);
	free(r->late);
	free(r->stream);
	free(r->udp);
	free(r->index);
	free(r->copy);
	free(r);
}

/* Makes room for one more element; false: no memory. */
static bool room(void *array, size_t used, size_t *slots, size_t size, size_t first)
{
	void **a = array, *p;
	size_t n = *slots ? *slots * 2 : first;

	if (used < *slots)
		return true;
	p = realloc(*a, n * size);
	if (!p)
		return false;
	*a = p;
	*slots = n;
	return true;
}

static bool room32(void *array, uint32_t used, uint32_t *slots, size_t size, uint32_t first)
{
	size_t n = *slots;

	if (!room(array, used, &n, size, first))
		return false;
	*slots = (uint32_t)n;
	return true;
}

static uint32_t *index_of(struct bench_record *r, uint64_t session, int side)
{
	size_t at = (size_t)session * 2 + (unsigned)side;

	if (at >= r->indexes) {
		size_t n = r->indexes ? r->indexes * 2 : 1024;
		uint32_t *p;

		while (n <= at)
			n *= 2;
		p = realloc(r->index, n * sizeof(*p));
		if (!p)
			return NULL;
		memset(p + r->indexes, 0, (n - r->indexes) * sizeof(*p));
		r->index = p;
		r->indexes = n;
	}
	return &r->index[at];
}

static struct bench_stream *stream_of(struct bench_record *r, const struct fos_session *s, int side)
{
	uint32_t *i = index_of(r, fos_session_id(s), side);

	if (!i)
		goto no_memory;
	if (*i == 0) {
		if (!room(&r->stream, r->streams, &r->stream_slots, sizeof(*r->stream), 64))
			goto no_memory;
		struct bench_stream *st = &r->stream[r->streams++];

		memset(st, 0, sizeof(*st));
		st->key = *fos_session_key(s);
		st->session = fos_session_id(s);
		st->side = (uint8_t)side;
		*i = (uint32_t)r->streams;
	}
	return &r->stream[*i - 1];
no_memory:
	r->failed = true;
	return NULL;
}

static int record_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = attaching;
	return 0;
}

static void record_packet(void *self, struct fos_session *s, const struct fos_pkt *p, int dir)
{
	if (p->verdict == FOS_PKT_TCP)
		stream_of(self, s, dir);
}

/* Bytes that outlive the run: the frame's own, or a copy. */
static const uint8_t *lasting(struct bench_record *r, const struct fos_pkt *p, const uint8_t *data, size_t len)
{
	uint8_t *c;

	if (!p->buf)
		return data;
	if (!room(&r->copy, r->copies, &r->copy_slots, sizeof(*r->copy), 64) || !(c = malloc(len))) {
		r->failed = true;
		return data;
	}
	memcpy(c, data, len);
	return r->copy[r->copies++] = c;
}

static void record_data(void *self, struct fos_stream *s)
{
	struct bench_record *r = self;
	struct bench_stream *st = stream_of(r, fos_stream_session(s), fos_stream_dir(s));
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	const uint8_t *run;
	size_t n;

	while (st && (run = fos_sp_run(&p, &tail, &n))) {
		const struct fos_pkt *pkt = fos_sp_pkt(&p);

		if (!room32(&st->span, st->spans, &st->span_slots, sizeof(*st->span), 4)) {
			r->failed = true;
			break;
		}
		st->span[st->spans++] = (struct bench_span){
			.off = p.off, .data = lasting(r, pkt, run, n), .frame = pkt->f.num, .len = (uint32_t)n
		};
		st->bytes += n;
		fos_sp_advance(&p, (int64_t)n);
	}
	fos_release_all(s);
}

static void record_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	struct bench_record *r = self;
	struct bench_stream *st = stream_of(r, fos_stream_session(s), fos_stream_dir(s));

	if (!st)
		return;
	if (!room32(&st->gap, st->gaps, &st->gap_slots, sizeof(*st->gap), 2)) {
		r->failed = true;
		return;
	}
	st->gap[st->gaps++] = (struct bench_gap){ .off = off, .len = len, .why = fos_stream_gap_why(s) };
}

/* The first span that ends behind `off`. */
static uint32_t span_behind(const struct bench_stream *st, uint64_t off)
{
	uint32_t lo = 0, hi = st->spans;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (st->span[mid].off + st->span[mid].len <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool differs(const struct bench_stream *st, uint64_t off, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = span_behind(st, off); i < st->spans && st->span[i].off < off + len; i++) {
		const struct bench_span *sp = &st->span[i];
		uint64_t from = sp->off > off ? sp->off : off;
		uint64_t to = sp->off + sp->len < off + len ? sp->off + sp->len : off + len;

		if (memcmp(sp->data + (from - sp->off), data + (from - off), to - from) != 0)
			return true;
	}
	return false;
}

/* The first gap that ends behind `off`. */
static uint32_t gap_behind(const struct bench_stream *st, uint64_t off)
{
	uint32_t lo = 0, hi = st->gaps;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (st->gap[mid].off + st->gap[mid].len <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Late bytes for a place that was reported as a gap, though nothing forced the engine to. */
static uint64_t in_needless_gap(const struct bench_stream *st, uint64_t off, uint64_t len)
{
	uint64_t n = 0;

	for (uint32_t i = gap_behind(st, off); i < st->gaps && st->gap[i].off < off + len; i++) {
		const struct bench_gap *g = &st->gap[i];
		uint64_t from = g->off > off ? g->off : off;
		uint64_t to = g->off + g->len < off + len ? g->off + g->len : off + len;

		if (g->why != FOS_GAP_CAP && g->why != FOS_GAP_TIME)
			n += to - from;
	}
	return n;
}

static void look_at_late(struct bench_stream *st, uint64_t off, const uint8_t *data, uint32_t len)
{
	st->needless += in_needless_gap(st, off, len);
	if (differs(st, off, data, len))
		st->conflict = true;
}

/* How far the stream was delivered, bytes or gaps, as the record knows. */
static uint64_t seen_to(const struct bench_stream *st)
{
	uint64_t span = st->spans ? st->span[st->spans - 1].off + st->span[st->spans - 1].len : 0;
	uint64_t gap = st->gaps ? st->gap[st->gaps - 1].off + st->gap[st->gaps - 1].len : 0;

	return span > gap ? span : gap;
}

static void keep_late(struct bench_record *r, const struct bench_stream *st, uint64_t off, const uint8_t *data,
                      uint32_t len)
{
	uint8_t *copy;

	if (!room(&r->late, r->lates, &r->late_slots, sizeof(*r->late), 64) || !(copy = malloc(len))) {
		r->failed = true;
		return;
	}
	memcpy(copy, data, len);
	r->late[r->lates++] =
	    (struct bench_late){ .stream = (size_t)(st - r->stream), .off = off, .data = copy, .len = len };
}

void bench_record_late_done(struct bench_record *r)
{
	for (size_t i = 0; i < r->lates; i++) {
		const struct bench_late *l = &r->late[i];

		look_at_late(&r->stream[l->stream], l->off, l->data, l->len);
		free(l->data);
	}
	r->lates = 0;
}

static void record_late(void *self, struct fos_stream *s, int64_t off, const uint8_t *data, uint32_t len)
{
	struct bench_stream *st = stream_of(self, fos_stream_session(s), fos_stream_dir(s));

	if (!st || off + (int64_t)len <= 0)
		return;
	if (off < 0) {
		data += -off;
		len -= (uint32_t)-off;
		off = 0;
	}
	if ((uint64_t)off + len <= seen_to(st))
		look_at_late(st, (uint64_t)off, data, len);
	else
		keep_late(self, st, (uint64_t)off, data, len);
}

static void udp_add(struct bench_record *r, struct bench_udp_flow *u, const struct fos_pkt *p)
{
	unsigned n = 32;

	if (!room(&u->digest, u->datagrams, &u->slots, sizeof(*u->digest), 4) ||
	    !EVP_Digest(p->app ? p->app : (const uint8_t *)"", p->app_len, u->digest[u->datagrams], &n, EVP_sha256(),
	                NULL)) {
		r->failed = true;
		return;
	}
	u->datagrams++;
	u->bytes += p->app_len;
}

static void record_datagram(void *self, struct fos_session *s, const struct fos_pkt *p, int dir)
{
	struct bench_record *r = self;
	uint32_t *i = index_of(r, fos_session_id(s), dir);

	if (i && *i == 0) {
		if (!room(&r->udp, r->udps, &r->udp_slots, sizeof(*r->udp), 64)) {
			r->failed = true;
			return;
		}
		memset(&r->udp[r->udps], 0, sizeof(*r->udp));
		r->udp[r->udps].key = *fos_session_key(s);
		r->udp[r->udps].side = (uint8_t)dir;
		*i = (uint32_t)++r->udps;
	}
	if (i)
		udp_add(r, &r->udp[*i - 1], p);
	else
		r->failed = true;
}

static void record_session_close(void *self, struct fos_session *s)
{
	struct bench_record *r = self;

	if (fos_session_key(s)->proto != IPPROTO_TCP)
		return;
	for (int side = 0; side < 2; side++) {
		if (!fos_session_seen(s, side))
			continue;
		struct bench_stream *st = stream_of(r, s, side);

		if (!st)
			return;
		st->end = fos_session_end(s, side);
		st->mid = fos_session_mid(s, side);
		st->start_seq = fos_session_start_seq(s, side);
		st->conflict |= fos_session_conflicts(s, side) != 0;
	}
}

static const struct fos_module record_module = {
	.abi = FOS_MODULE_ABI,
	.size = sizeof(struct fos_module),
	.name = "record",
	.summary = "keeps what was delivered",
	.access = FOS_READ_ONLY,
	.open = record_open,
	.packet = record_packet,
	.stream_data = record_data,
	.stream_gap = record_gap,
	.stream_late = record_late,
	.datagram = record_datagram,
	.session_close = record_session_close,
};

int bench_record_attach(struct bench_record *r, struct fos_worker *w, int flow, unsigned stage, const char *level,
                        char *err, size_t errlen)
{
	attaching = r;
	return fos_worker_add_module(w, flow, stage, &record_module, NULL, level, err, errlen);
}
