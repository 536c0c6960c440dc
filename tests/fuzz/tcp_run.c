/* SPDX-License-Identifier: BSD-2-Clause
 *
 * tcp_run.c: see tcp_run.h.
 */
#include "tcp_run.h"

#include <stdlib.h>

static struct tcp_run *run; /* the one that is going on */

static struct tcp_stream *stream_of(const struct fos_stream *s)
{
	uint64_t id = fos_stream_id(s);
	struct tcp_stream *t;

	FUZZ_CHECK(id >= 2 && id < TCP_STREAMS, "stream id %llu", (unsigned long long)id);
	t = &run->stream[id];
	if (id >= run->n_streams)
		run->n_streams = (uint32_t)id + 1;
	FUZZ_CHECK(!t->closed, "stream %llu goes on after its end", (unsigned long long)id);
	if (!t->opened)
		return t;
	FUZZ_CHECK(t->start_seq == fos_stream_start_seq(s) && t->mid == fos_stream_mid(s), "the start has moved");
	return t;
}

static int recorder_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	*self = run;
	return 0;
}

static void note_start(struct tcp_stream *t, const struct fos_stream *s)
{
	t->opened = true;
	t->start_seq = fos_stream_start_seq(s);
	t->mid = fos_stream_mid(s);
	t->tuple = t->dir = 255;
	if (run->c->clean) {
		FUZZ_CHECK(run->n_owners < TCP_OWNERS, "more streams than directions");
		t->owner = run->owner[run->n_owners++];
		memset(t->owner, 0xff, sizeof(run->owner[0]));
	}
}

static void recorder_stream_open(void *self, struct fos_stream *s)
{
	struct tcp_stream *t = stream_of(s);

	(void)self;
	FUZZ_CHECK(!t->opened, "opened twice");
	note_start(t, s);
}

/* Bytes at offset `off` that packet `pkt` brought: they are that packet's, and for that place. */
static void check_bytes(struct tcp_stream *t, const struct fos_pkt *pkt, uint64_t off, const uint8_t *data, size_t len)
{
	const struct tcp_case *c = run->c;
	uint64_t number = pkt->f.num - 1;
	const struct tcp_packet *p = &c->packet[number];
	uint32_t seq = t->start_seq + (uint32_t)off, at = seq - p->first;
	unsigned dir = p->tuple == TCP_SELF ? 0 : p->dir;

	FUZZ_CHECK(number < c->n && number < run->fed && !p->bad, "no such packet: %llu", (unsigned long long)number);
	FUZZ_CHECK(at < p->len && len <= p->len - at, "packet %llu does not have place %llu, %zu bytes",
	           (unsigned long long)number, (unsigned long long)off, len);
	if (t->tuple == 255) {
		t->tuple = p->tuple;
		t->dir = (uint8_t)dir;
	}
	FUZZ_CHECK(t->tuple == p->tuple && t->dir == dir, "packet %llu is of another stream",
	           (unsigned long long)number);
	for (size_t i = 0; i < len; i++) {
		FUZZ_CHECK(data[i] == tcp_byte(p->tuple, dir, seq + (uint32_t)i, p->version),
		           "offset %llu: not what packet %llu brought", (unsigned long long)(off + i),
		           (unsigned long long)number);
		if (t->owner && off + i < TCP_CLEAN_SPAN + 64)
			t->owner[off + i] = (int16_t)number;
	}
	t->hash = fuzz_hash(t->hash, data, len);
	for (size_t i = 0; i < len; i++) /* not per run: runs may be cut elsewhere */
		t->hash = fuzz_hash_u64(t->hash, number);
}

static void recorder_data(void *self, struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	struct tcp_stream *t = stream_of(s);
	const uint8_t *data;
	size_t n;

	(void)self;
	FUZZ_CHECK(t->opened, "bytes before it was opened");
	FUZZ_CHECK(p.off == t->next, "it goes on at %llu, not at %llu", (unsigned long long)p.off,
	           (unsigned long long)t->next);
	FUZZ_CHECK(tail.off > p.off, "there is nothing new");
	while ((data = fos_sp_run(&p, &tail, &n)) != NULL) {
		FUZZ_CHECK(n > 0 && p.span && fos_sp_pkt(&p) == p.span->pkt, "a run is a span's");
		check_bytes(t, p.span->pkt, p.off, data, n);
		t->bytes += n;
		t->next += n;
		FUZZ_CHECK(fos_sp_advance(&p, (int64_t)n) == 0, "the run does not end before the tail");
	}
	FUZZ_CHECK(p.off == tail.off && t->next == tail.off, "runs do not come to the tail");
	fos_release_all(s);
}

static void recorder_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	struct tcp_stream *t = stream_of(s);

	(void)self;
	FUZZ_CHECK(off == t->next && len > 0, "gap %llu+%llu behind %llu", (unsigned long long)off,
	           (unsigned long long)len, (unsigned long long)t->next);
	if (run->n_gaps < TCP_GAPS)
		run->gap[run->n_gaps++] =
		    (struct tcp_gap){ .stream = (uint32_t)(t - run->stream), .fed = run->fed, .off = off, .len = len };
	run->gaps_told++;
	t->next += len;
	t->gap_bytes += len;
	t->hash = fuzz_hash_u64(t->hash, len);
}

static void recorder_late(void *self, struct fos_stream *s, int64_t off, const uint8_t *data, uint32_t len)
{
	struct tcp_stream *t = stream_of(s);

	(void)self;
	FUZZ_CHECK(len > 0 && off + (int64_t)len <= (int64_t)t->next, "late, but beyond what was passed on");
	t->late += fuzz_hash(fuzz_hash_u64(len, (uint64_t)off), data, len);
}

static void recorder_close(void *self, struct fos_stream *s, enum fos_end end)
{
	struct tcp_stream *t = stream_of(s);

	(void)self, (void)end;
	FUZZ_CHECK(fos_stream_head(s).off == t->next && fos_stream_tail(s).off == t->next,
	           "the stream ends at %llu, shown were %llu", (unsigned long long)fos_stream_tail(s).off,
	           (unsigned long long)t->next);
	t->closed = true;
	t->end = end;
}

static void recorder_session(void *self, struct fos_session *s)
{
	(void)self;
	run->sessions++;
	if (fos_session_id(s) * 2 + 2 > run->n_streams)
		run->n_streams = (uint32_t)fos_session_id(s) * 2 + 2;
	for (int dir = 0; dir < 2; dir++) {
		struct tcp_stream *t = &run->stream[fos_session_id(s) * 2 + (unsigned)dir];

		FUZZ_CHECK(!t->ended && (t->closed || !t->opened), "the session ends before its stream, or twice");
		t->ended = true;
		t->seen = fos_session_seen(s, dir);
		t->mid = fos_session_mid(s, dir);
		t->start_seq = fos_session_start_seq(s, dir);
		t->end = fos_session_end(s, dir);
	}
}

static const struct fos_module recorder = {
	.abi = FOS_MODULE_ABI,
	.size = sizeof(struct fos_module),
	.name = "recorder",
	.open = recorder_open,
	.stream_open = recorder_stream_open,
	.stream_data = recorder_data,
	.stream_gap = recorder_gap,
	.stream_late = recorder_late,
	.stream_close = recorder_close,
	.session_close = recorder_session,
};

static void lend(const struct tcp_case *c, uint32_t number, unsigned mode, struct fos_frame *f, uint8_t *own[2])
{
	const struct tcp_packet *p = &c->packet[number];
	uint32_t len = p->headers + p->len, cut = (mode & TCP_PIECES) ? p->headers : len;

	*f = (struct fos_frame){ .data = p->frame,
		                 .ts_ns = p->ts_ns,
		                 .num = number + 1,
		                 .len = cut,
		                 .wire_len = len + p->more,
		                 .flags = FOS_FRAME_STABLE,
		                 .linktype = 1 };
	own[0] = own[1] = NULL;
	if (len > cut) {
		f->ext = p->frame + cut;
		f->ext_len = len - cut;
	}
	if (mode & TCP_UNSTABLE) {
		f->flags = 0;
		f->data = own[0] = fuzz_exact(f->data, f->len);
		if (f->ext)
			f->ext = own[1] = fuzz_exact(f->ext, f->ext_len);
	}
}

static void feed(struct tcp_run *r, struct fos_worker *w, unsigned batch, unsigned mode)
{
	static struct fos_batch b;
	uint8_t *own[FOS_BATCH_MAX][2];
	uint64_t now_ns = 0;

	while (r->fed < r->c->n) {
		for (b.n = 0; b.n < batch && r->fed < r->c->n; b.n++) {
			memset(&b.pkt[b.n], 0xee, sizeof(b.pkt[b.n]));
			lend(r->c, r->fed++, mode, &b.pkt[b.n].f, own[b.n]);
			if (b.pkt[b.n].f.ts_ns > now_ns)
				now_ns = b.pkt[b.n].f.ts_ns;
		}
		b.now_ns = now_ns;
		FUZZ_CHECK(fos_worker_run(w, &b) == 0, "a batch was not run");
		for (unsigned i = 0; i < b.n; i++) {
			free(own[i][0]);
			free(own[i][1]);
		}
	}
}

/* What was counted is what was told. */
static void check_stats(const struct tcp_run *r)
{
	const struct fos_worker_stats *st = &r->st;
	uint64_t bytes = 0, gap_bytes = 0, payload = 0, bad = 0, slack = (uint64_t)(r->c->n + 1) * 512 + TCP_LEN_MAX;

	for (unsigned i = 0; i < r->n_streams; i++) {
		bytes += r->stream[i].bytes;
		gap_bytes += r->stream[i].gap_bytes;
	}
	for (uint32_t i = 0; i < r->c->n; i++) {
		payload += r->c->packet[i].bad ? 0 : r->c->packet[i].len;
		bad += r->c->packet[i].bad;
	}
	FUZZ_CHECK(st->packets == r->c->n && st->verdict[FOS_PKT_TCP] == r->c->n, "packets");
	FUZZ_CHECK(st->bad_checksum == bad, "%llu of %llu wrong checksums", (unsigned long long)st->bad_checksum,
	           (unsigned long long)bad);
	FUZZ_CHECK(st->payload_bytes == payload, "payload_bytes");
	FUZZ_CHECK(st->held_bytes == 0 && st->sessions_now == 0 && st->no_memory == 0, "something is left: %llu held",
	           (unsigned long long)st->held_bytes);
	FUZZ_CHECK(st->sessions == r->sessions && st->tcp_sessions == r->sessions, "sessions");
	FUZZ_CHECK(st->delivered_bytes == bytes, "delivered_bytes %llu, told %llu",
	           (unsigned long long)st->delivered_bytes, (unsigned long long)bytes);
	FUZZ_CHECK(st->gaps == r->gaps_told && st->gap_bytes == gap_bytes, "gaps");
	FUZZ_CHECK(st->cap_gap_bytes <= st->gap_bytes && st->cap_gaps + st->time_gaps <= st->gaps, "kinds of gaps");
	FUZZ_CHECK(bytes + st->late_bytes + st->before_start_bytes <= payload, "a byte counts twice");
	FUZZ_CHECK(!r->c->cfg.cap_total_bytes || st->held_peak_bytes <= r->c->cfg.cap_total_bytes + slack,
	           "held %llu of %zu", (unsigned long long)st->held_peak_bytes, r->c->cfg.cap_total_bytes);
	FUZZ_CHECK(st->session_cap == 0 || r->c->cfg.max_sessions, "session_cap");
	FUZZ_CHECK(st->forced_releases == 0 || r->c->walker, "forced_releases");
}

void tcp_run(struct tcp_run *r, const struct tcp_case *c, unsigned batch, unsigned mode)
{
	static const char *const levels[4] = { "app", "tcp", "ip", "app" };
	struct fos_worker *w;
	char err[256] = "";

	memset(r, 0, offsetof(struct tcp_run, gap));
	memset(r->stream, 0, sizeof(r->stream));
	r->c = c;
	r->batch = batch;
	run = r;
	FUZZ_CHECK(fos_worker_create(&c->cfg, &w) == 0, "no worker");
	FUZZ_CHECK(fos_worker_add_flow(w, "all", NULL, "ip:tcp:app", err, sizeof(err)) == 0, "%s", err);
	FUZZ_CHECK(fos_worker_add_module(w, 0, 0, &recorder, NULL, NULL, err, sizeof(err)) == 0, "%s", err);
	tcp_walker_seed(c->seed);
	if (c->walker)
		FUZZ_CHECK(fos_worker_add_module(w, 0, c->level == 3, &tcp_walker, NULL, levels[c->level], err,
		                                 sizeof(err)) == 0,
		           "%s", err);
	feed(r, w, batch, mode);
	fos_worker_end(w, FOS_END_EOF);
	FUZZ_CHECK(fos_worker_finish(w, err, sizeof(err)) == 0, "%s", err);
	fos_worker_stats(w, &r->st);
	fos_worker_destroy(w);
	check_stats(r);
}
