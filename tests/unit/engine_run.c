/* SPDX-License-Identifier: BSD-2-Clause
 *
 * engine_run.c: see engine_run.h. Packets are built from the payload outwards; checksums are right unless asked not to
 * be, by the engine's own sum (which test_checksum.c holds against another one).
 */
#include "engine_run.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t er_seed(void)
{
	const char *env = getenv("FLOWOS_SEED");
	uint64_t seed = env ? strtoull(env, NULL, 0) : 20240607;

	printf("FLOWOS_SEED=%llu\n", (unsigned long long)seed);
	return fos_mix64(seed);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* Sum of the pseudo-header: addresses of `addr_len` bytes each, protocol, length. */
static uint32_t pseudo(const uint8_t *addr, uint32_t addr_len, uint32_t proto, uint32_t len)
{
	uint8_t rest[8] = { 0 };

	put32(rest, len);
	put32(rest + 4, proto);
	return fos_csum_add(rest, 8, fos_csum_add(addr, 2 * addr_len, 0));
}

static void put_l4(uint8_t *l4, const struct er_spec *s, const uint8_t *addr, uint32_t addr_len)
{
	uint16_t client = 40000, server = s->port ? s->port : 80;
	uint32_t hlen = s->udp ? 8 : 20, len = hlen + s->len;
	uint8_t *sum = l4 + (s->udp ? 6 : 16);
	uint16_t csum;

	put16(l4, s->dir ? server : client);
	put16(l4 + 2, s->dir ? client : server);
	if (s->udp) {
		put16(l4 + 4, len + s->more);
	} else {
		put32(l4 + 4, s->seq);
		put32(l4 + 8, s->ack);
		l4[12] = 5 << 4;
		l4[13] = s->flags;
	}
	if (s->len)
		memcpy(l4 + hlen, s->data, s->len);
	csum = fos_csum_fold(fos_csum_add(l4, len, pseudo(addr, addr_len, s->udp ? IPPROTO_UDP : IPPROTO_TCP, len)));
	memcpy(sum, &csum, 2);
	if (s->bad)
		sum[0] ^= 0x40;
}

static void put_ip(uint8_t *ip, const struct er_spec *s)
{
	uint8_t client = s->host ? s->host : 1, proto = s->udp ? IPPROTO_UDP : IPPROTO_TCP;
	uint32_t l4 = (s->udp ? 8 : 20) + s->len;

	if (s->v6) {
		ip[0] = 0x60;
		put16(ip + 4, l4 + s->more);
		ip[6] = proto;
		ip[7] = 64;
		memcpy(ip + 8, (uint8_t[]){ 0x20, 1, 0xd, 0xb8 }, 4);
		memcpy(ip + 24, ip + 8, 4);
		ip[23] = s->dir ? 200 : client;
		ip[39] = s->dir ? client : 200;
		put_l4(ip + 40, s, ip + 8, 16);
		return;
	}
	ip[0] = 0x45;
	put16(ip + 2, 20 + l4 + s->more);
	ip[8] = 64;
	ip[9] = proto;
	memcpy(ip + 12, (uint8_t[]){ 10, 0, 0, s->dir ? 200 : client, 10, 0, 0, s->dir ? client : 200 }, 8);
	uint16_t csum = fos_csum_fold(fos_csum_add(ip, 20, 0));
	memcpy(ip + 10, &csum, 2);
	put_l4(ip + 20, s, ip + 12, 4);
}

static struct er_frame *add_frame(struct er_trace *t, uint32_t len)
{
	struct er_frame *e;

	if (t->n == t->size) {
		t->size = t->size ? t->size * 2 : 64;
		t->frame = realloc(t->frame, t->size * sizeof(*t->frame));
		assert_non_null(t->frame);
	}
	t->ts_ns += t->ts_ns ? ER_SECOND / 1000 : (uint64_t)1600000000 * ER_SECOND;
	e = &t->frame[t->n++];
	*e = (struct er_frame){ .mem = calloc(1, len) };
	assert_non_null(e->mem);
	e->f = (struct fos_frame){ .data = e->mem,
		                   .ts_ns = t->ts_ns,
		                   .num = t->n,
		                   .len = len,
		                   .wire_len = len,
		                   .flags = FOS_FRAME_STABLE,
		                   .linktype = 1 };
	return e;
}

void er_add(struct er_trace *t, const struct er_spec *s)
{
	uint32_t link = s->vlan ? 18 : 14, headers = link + (s->v6 ? 40 : 20) + (s->udp ? 8 : 20);
	struct er_frame *e = add_frame(t, headers + s->len);

	e->headers = headers;
	e->f.wire_len += s->more;
	if (s->vlan) {
		put16(e->mem + 12, 0x8100);
		put16(e->mem + 14, s->vlan);
	}
	put16(e->mem + link - 2, s->v6 ? 0x86dd : 0x0800);
	put_ip(e->mem + link, s);
}

void er_add_raw(struct er_trace *t, const void *bytes, uint32_t len)
{
	struct er_frame *e = add_frame(t, len);

	memcpy(e->mem, bytes, len);
	e->headers = len;
}

void er_trace_free(struct er_trace *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->frame[i].mem);
	free(t->frame);
	memset(t, 0, sizeof(*t));
}

static uint8_t flags_of(const char *word)
{
	static const char letters[] = "FSRPAU";
	unsigned flags = 0;

	for (; *word; word++) {
		const char *at = strchr(letters, *word);

		if (at)
			flags |= 1u << (at - letters);
		else
			assert_int_equal(*word, '.');
	}
	return (uint8_t)flags;
}

/* The payload word of a script. */
static void payload(struct er_spec *s, char *word, uint8_t *buf)
{
	char *more = strchr(word, '~');

	if (more) {
		*more = '\0';
		s->more = (uint32_t)atoi(more + 1);
	}
	s->data = word;
	s->len = (uint32_t)strlen(word);
	if (word[0] != '#')
		return;
	s->data = buf;
	s->len = (uint32_t)atoi(word + 1);
	assert_true(s->len <= ER_PAYLOAD_MAX);
	for (uint32_t i = 0; i < s->len; i++)
		buf[i] = (uint8_t)('a' + (s->seq + i) % 26);
}

static void script_line(struct er_trace *t, char *line)
{
	static uint8_t buf[ER_PAYLOAD_MAX];
	char *save, *word = strtok_r(line, " \t\n", &save);
	struct er_spec s = { 0 };
	int times = 1;

	if (!word)
		return;
	if (strcmp(word, "t") == 0) {
		t->ts_ns += (uint64_t)(atof(strtok_r(NULL, " ", &save)) * ER_SECOND);
		return;
	}
	if (word[0] == '*') {
		times = atoi(word + 1);
		word = strtok_r(NULL, " ", &save);
	}
	assert_non_null(strchr("<>", word[0]));
	s.dir = word[0] == '<';
	s.flags = flags_of(strtok_r(NULL, " ", &save));
	s.seq = (uint32_t)strtoul(strtok_r(NULL, " ", &save), NULL, 0);
	if (s.flags & FOS_TCP_ACK)
		s.ack = (uint32_t)strtoul(strtok_r(NULL, " ", &save), NULL, 0);
	word = strtok_r(NULL, " ", &save);
	if (word)
		payload(&s, word, buf);
	while (times--)
		er_add(t, &s);
}

void er_script(struct er_trace *t, const char *script)
{
	char *copy = strdup(script), *save;

	assert_non_null(copy);
	for (char *line = strtok_r(copy, ";", &save); line; line = strtok_r(NULL, ";", &save))
		script_line(t, line);
	free(copy);
}

/* A frame as the mode wants it; what must be freed after the batch goes to own[0] and own[1]. */
static struct fos_frame lend(const struct er_frame *e, unsigned mode, uint8_t *own[2])
{
	struct fos_frame f = e->f;
	uint32_t cut = (mode & ER_PIECES) ? e->headers : f.len;

	own[0] = own[1] = NULL;
	if (mode & ER_PIECES) {
		f.ext = f.len > cut ? e->mem + cut : NULL;
		f.ext_len = f.len - cut;
		f.len = cut;
	}
	if (!(mode & ER_UNSTABLE))
		return f;
	f.flags &= ~(uint32_t)FOS_FRAME_STABLE;
	own[0] = malloc(f.len ? f.len : 1);
	assert_non_null(own[0]);
	f.data = memcpy(own[0], e->mem, f.len);
	if (f.ext) {
		own[1] = malloc(f.ext_len);
		assert_non_null(own[1]);
		f.ext = memcpy(own[1], e->mem + cut, f.ext_len);
	}
	return f;
}

void er_feed_part(struct fos_worker *w, const struct er_trace *t, size_t from, size_t to, unsigned batch, unsigned mode)
{
	static struct fos_batch b;
	uint8_t *own[FOS_BATCH_MAX][2];

	while (from < to) {
		for (b.n = 0; b.n < batch && from < to; b.n++, from++) {
			memset(&b.pkt[b.n], 0xee, sizeof(b.pkt[b.n]));
			b.pkt[b.n].f = lend(&t->frame[from], mode, own[b.n]);
			b.now_ns = b.pkt[b.n].f.ts_ns;
		}
		assert_int_equal(fos_worker_run(w, &b), 0);
		for (unsigned i = 0; i < b.n; i++) {
			free(own[i][0]);
			free(own[i][1]);
		}
	}
}

void er_feed(struct fos_worker *w, const struct er_trace *t, unsigned batch, unsigned mode)
{
	er_feed_part(w, t, 0, t->n, batch, mode);
}

struct fos_worker *er_worker(const struct fos_worker_config *cfg, const char *levels)
{
	struct fos_worker *w;
	char err[256] = "";

	assert_int_equal(fos_worker_create(cfg, &w), 0);
	if (fos_worker_add_flow(w, "all", NULL, levels, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	return w;
}

void er_module(struct fos_worker *w, unsigned stage, const struct fos_module *m, const char *level)
{
	char err[256] = "";

	if (fos_worker_add_module(w, 0, stage, m, NULL, level, err, sizeof(err)) != 0)
		fail_msg("%s", err);
}

/* ---- the recorder --------------------------------------------------------------------------------------------- */

struct text {
	char *s;
	size_t len, size;
};

struct recorder {
	struct text *stream; /* by stream id */
	size_t n;
};

static struct recorder *last; /* the one that was opened last */

static void append(struct text *t, const void *bytes, size_t len)
{
	if (t->len + len + 1 > t->size) {
		t->size = (t->len + len + 1) * 2;
		t->s = realloc(t->s, t->size);
		assert_non_null(t->s);
	}
	memcpy(t->s + t->len, bytes, len);
	t->len += len;
	t->s[t->len] = '\0';
}

static struct text *text_of(struct recorder *r, uint64_t id)
{
	if (id >= r->n) {
		size_t n = (size_t)id * 2 + 2;

		r->stream = realloc(r->stream, n * sizeof(*r->stream));
		assert_non_null(r->stream);
		memset(r->stream + r->n, 0, (n - r->n) * sizeof(*r->stream));
		r->n = n;
	}
	return &r->stream[id];
}

static int recorder_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args, (void)err, (void)errlen;
	last = calloc(1, sizeof(*last));
	assert_non_null(last);
	*self = last;
	return 0;
}

static void recorder_data(void *self, struct fos_stream *s)
{
	struct fos_sp p = fos_stream_head(s), tail = fos_stream_tail(s);
	const uint8_t *run;
	size_t n;

	while ((run = fos_sp_run(&p, &tail, &n))) {
		append(text_of(self, fos_stream_id(s)), run, n);
		assert_int_equal(fos_sp_advance(&p, (int64_t)n), 0);
	}
	fos_release_all(s);
}

static void recorder_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	char text[32];

	assert_int_equal(fos_stream_tail(s).off, off);
	append(text_of(self, fos_stream_id(s)), text, (size_t)sprintf(text, "[%llu]", (unsigned long long)len));
}

static void recorder_session(void *self, struct fos_session *s)
{
	for (int dir = 0; dir < 2; dir++) {
		uint64_t id = fos_session_id(s) * 2 + (unsigned)dir;
		struct text *t = text_of(self, id), body = *t;
		char text[64];

		if (!fos_session_seen(s, dir))
			continue;
		*t = (struct text){ 0 };
		bool mid = fos_session_mid(s, dir);

		append(
		    t, text,
		    (size_t)sprintf(text, "%llu%c %s", (unsigned long long)(id / 2), dir ? '<' : '>', mid ? "~" : ""));
		if (body.len)
			append(t, body.s, body.len);
		append(
		    t, text,
		    (size_t)sprintf(text, "%s%s", body.len || mid ? " " : "", fos_end_name(fos_session_end(s, dir))));
		free(body.s);
	}
}

const struct fos_module er_recorder = { .abi = FOS_MODULE_ABI,
	                                .size = sizeof(struct fos_module),
	                                .name = "recorder",
	                                .open = recorder_open,
	                                .stream_data = recorder_data,
	                                .stream_gap = recorder_gap,
	                                .session_close = recorder_session };

char *er_recorded(void)
{
	struct text all = { 0 };

	append(&all, "", 0);
	for (size_t i = 0; i < last->n; i++) {
		if (!last->stream[i].s)
			continue;
		if (all.len)
			append(&all, "; ", 2);
		append(&all, last->stream[i].s, last->stream[i].len);
		free(last->stream[i].s);
	}
	free(last->stream);
	free(last);
	last = NULL;
	return all.s;
}

char *er_play(const struct er_trace *t, const struct fos_worker_config *cfg, unsigned batch, unsigned mode,
              struct fos_worker_stats *st)
{
	struct fos_worker *w = er_worker(cfg, NULL);
	struct fos_worker_stats own;

	er_module(w, 0, &er_recorder, NULL);
	er_feed(w, t, batch, mode);
	fos_worker_end(w, FOS_END_EOF);
	fos_worker_stats(w, &own);
	assert_int_equal(own.held_bytes, 0);
	assert_int_equal(own.sessions_now, 0);
	assert_int_equal(own.no_memory, 0);
	if (st)
		*st = own;
	fos_worker_destroy(w);
	return er_recorded();
}

void er_expect(const char *script, const struct fos_worker_config *cfg, const char *want, struct fos_worker_stats *st)
{
	struct er_trace t = { 0 };

	er_script(&t, script);
	for (unsigned i = 0; i < 6; i++) { /* however it is fed */
		char *got = er_play(&t, cfg, (unsigned[]){ 64, 1, 2, 3, 7, 64 }[i], i % ER_MODES, st);

		if (strcmp(got, want) != 0)
			fail_msg("script: %s\nwant: %s\n got: %s", script, want, got);
		free(got);
	}
	er_trace_free(&t);
}
