/* SPDX-License-Identifier: BSD-2-Clause
 *
 * fuzz_modules.c: any bytes as a conversation of two ends, through the modules that make sense of bytes: http, grep,
 * and those that count. What they report does not depend on the size of batches, nor on how long frames last (but for
 * http); nothing is left over.
 *
 * An input: 0 settings; then payload of the client, in which 0 says that the other end goes on, 1 that a segment ends,
 * 2 that some bytes are missing, and 3 that this segment comes after the next one.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>

#include <flowos/module_load.h>
#include <flowos/worker.h>

#include "json_out.h"

enum { SEGMENTS_MAX = 256, SEGMENT_MAX = 1400, HEADERS = 40, GAP = 5, TURN = 0, CUT = 1, MISSING = 2, SWAP = 3 };

enum setting { FIN = 1, NO_HANDSHAKE = 2, SMALL_RETAIN = 4, RST = 8, GREP = 16 };

struct segment {
	uint8_t dir, flags;
	uint32_t seq, ack, len;
	uint8_t bytes[HEADERS + SEGMENT_MAX];
};

struct conversation {
	unsigned settings;
	uint32_t n;
	uint32_t next[2]; /* sequence numbers */
	struct segment segment[SEGMENTS_MAX];
};

static struct conversation talk;

/* ---- frames ---------------------------------------------------------------------------------------------------- */

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

static void put_headers(struct segment *s)
{
	uint8_t *ip = s->bytes, *tcp = ip + 20;

	memset(ip, 0, HEADERS);
	ip[0] = 0x45;
	put16(ip + 2, HEADERS + s->len);
	ip[8] = 64;
	ip[9] = 6;
	ip[12] = ip[16] = 10;
	ip[15] = s->dir ? 2 : 1;
	ip[19] = s->dir ? 1 : 2;
	put16(tcp, s->dir ? 80 : 1000);
	put16(tcp + 2, s->dir ? 1000 : 80);
	put32(tcp + 4, s->seq);
	put32(tcp + 8, s->ack);
	tcp[12] = 5 << 4;
	tcp[13] = s->flags;
}

static struct segment *add(struct conversation *c, unsigned dir, uint8_t flags)
{
	struct segment *s;

	if (c->n == SEGMENTS_MAX)
		return NULL;
	s = &c->segment[c->n++];
	s->dir = (uint8_t)dir;
	s->flags = flags;
	s->seq = c->next[dir];
	s->ack = c->next[!dir];
	s->len = 0;
	return s;
}

static void handshake(struct conversation *c)
{
	add(c, 0, FOS_TCP_SYN);
	c->next[0]++;
	add(c, 1, FOS_TCP_SYN | FOS_TCP_ACK);
	c->next[1]++;
	add(c, 0, FOS_TCP_ACK);
}

static void swap_last(struct conversation *c)
{
	static struct segment t;

	if (c->n < 2)
		return;
	t = c->segment[c->n - 1];
	c->segment[c->n - 1] = c->segment[c->n - 2];
	c->segment[c->n - 2] = t;
}

static void read_talk(struct conversation *c, struct fuzz_in *in)
{
	struct segment *s = NULL;
	unsigned dir = 0;
	bool swap = false;

	while (in->at < in->end) {
		uint8_t byte = fuzz_u8(in);

		if (byte <= SWAP || (s && s->len == SEGMENT_MAX)) {
			if (s && swap)
				swap_last(c);
			swap = byte == SWAP;
			s = NULL;
			dir ^= byte == TURN;
			c->next[dir] += byte == MISSING ? GAP : 0;
			if (byte <= SWAP)
				continue;
		}
		if (!s)
			s = add(c, dir, FOS_TCP_ACK | FOS_TCP_PSH);
		if (!s)
			break;
		s->bytes[HEADERS + s->len++] = byte;
		c->next[dir]++;
	}
}

static void read_input(struct conversation *c, const uint8_t *data, size_t size)
{
	struct fuzz_in in = { .at = data, .end = data + size };

	c->n = 0;
	c->next[0] = 1000;
	c->next[1] = 0xffffffc0; /* wraps soon */
	c->settings = fuzz_u8(&in);
	if (!(c->settings & NO_HANDSHAKE))
		handshake(c);
	read_talk(c, &in);
	if (c->settings & FIN) {
		add(c, 0, FOS_TCP_FIN | FOS_TCP_ACK);
		add(c, 1, FOS_TCP_FIN | FOS_TCP_ACK);
	}
	if (c->settings & RST)
		add(c, 1, FOS_TCP_RST);
	for (uint32_t i = 0; i < c->n; i++)
		put_headers(&c->segment[i]);
}

/* ---- a run ------------------------------------------------------------------------------------------------------ */

static struct fos_worker *make_worker(const struct conversation *c)
{
	static const char *const stages[] = { "http", "grep:pattern=[Gg]et", "count", "sum", "digest", "template" };
	struct fos_worker_config cfg = { .cap_retained_bytes = (c->settings & SMALL_RETAIN) ? 300 : 0 };
	struct fos_worker *w;
	char err[512] = "";

	FUZZ_CHECK(fos_worker_create(&cfg, &w) == 0, "no worker");
	FUZZ_CHECK(fos_worker_add_flow(w, "all", NULL, "ip:tcp:app:http", err, sizeof(err)) == 0, "%s", err);
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		if (i == 1 && !(c->settings & GREP)) /* to compile a pattern takes longer than all else */
			continue;
		int rc = fos_stage_add(w, 0, 0, stages[i], NULL, err, sizeof(err));

		/* http and grep need libraries: where these are missing they were not built. */
		FUZZ_CHECK(rc == 0 || (rc == -ENOENT && i < 2), "%s: %s", stages[i], err);
	}
	return w;
}

static void feed(struct fos_worker *w, const struct conversation *c, unsigned batch, bool stable)
{
	static struct fos_batch b;
	uint8_t *own[FOS_BATCH_MAX];

	for (uint32_t at = 0; at < c->n;) {
		for (b.n = 0; b.n < batch && at < c->n; b.n++, at++) {
			const struct segment *s = &c->segment[at];
			uint32_t len = HEADERS + s->len;

			own[b.n] = stable ? NULL : fuzz_exact(s->bytes, len);
			b.pkt[b.n].f = (struct fos_frame){ .data = stable ? s->bytes : own[b.n],
				                           .ts_ns = (uint64_t)at * 1000 + 1,
				                           .num = at + 1,
				                           .len = len,
				                           .wire_len = len,
				                           .flags = stable ? FOS_FRAME_STABLE : 0u,
				                           .linktype = 101 };
			b.now_ns = b.pkt[b.n].f.ts_ns;
		}
		FUZZ_CHECK(fos_worker_run(w, &b) == 0, "a batch was not run");
		for (unsigned i = 0; i < b.n; i++)
			free(own[i]);
	}
}

/* What the modules say, as text; to be freed. */
static char *run(const struct conversation *c, unsigned batch, bool stable)
{
	struct fos_worker *w = make_worker(c);
	struct bench_report_json report;
	struct fos_worker_stats st;
	char err[512] = "", *text;
	json_t *json;

	feed(w, c, batch, stable);
	fos_worker_end(w, FOS_END_EOF);
	FUZZ_CHECK(fos_worker_finish(w, err, sizeof(err)) == 0, "%s", err);
	fos_worker_stats(w, &st);
	FUZZ_CHECK(st.held_bytes == 0 && st.sessions_now == 0 && st.packets == c->n, "something is left");
	bench_report_json_init(&report);
	fos_worker_report(w, &report.report);
	json = bench_report_json_take(&report);
	FUZZ_CHECK(json != NULL, "no report: %d", report.error);
	json_object_del(json, "http"); /* of what is no HTTP, libhtp thinks one thing or another as it comes */
	text = json_dumps(json, JSON_SORT_KEYS | JSON_INDENT(1));
	json_decref(json);
	fos_worker_destroy(w);
	FUZZ_CHECK(text != NULL, "the report is no text");
	return text;
}

static void check_same(const char *a, const char *b)
{
	size_t at = 0, from;

	while (a[at] && a[at] == b[at])
		at++;
	from = at < 80 ? 0 : at - 80;
	FUZZ_CHECK(a[at] == b[at], "the report depends on the size of batches:\n...%.1600s\n...%.1600s", a + from,
	           b + from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *one, *many;

	read_input(&talk, data, size);
	one = run(&talk, 1, false);
	many = run(&talk, FOS_BATCH_MAX, true);
	if (!(talk.settings & SMALL_RETAIN)) /* what a module may keep is looked at once a batch */
		check_same(one, many);
	free(one);
	free(many);
	return 0;
}
