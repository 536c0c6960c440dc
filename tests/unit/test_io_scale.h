/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_scale.h: holds a scaled trace against its original: each session whose payload shows where it comes from,
 * packet by packet.
 */
#ifndef TEST_IO_SCALE_H
#define TEST_IO_SCALE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/frames.h>
#include <flowos/gen.h>
#include <flowos/key.h>
#include <flowos/parse.h>
#include <flowos/scale.h>

/* A parsed packet of a trace with its session's key. */
struct row {
	struct fos_key key;
	uint64_t at; /* in the trace */
	int side;
	struct fos_pkt p;
};

static inline int by_key(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int d = memcmp(&x->key, &y->key, sizeof x->key);

	return d ? d : x->at < y->at ? -1 : x->at > y->at;
}

/* What is in a trace: TCP packets by session, and counts. */
struct content {
	struct row *tcp;
	uint64_t n_tcp, sessions;
	uint64_t verdict[FOS_PKT_VERDICTS], good[FOS_PKT_VERDICTS];
};

static inline struct content content_of(const struct fos_frames *f)
{
	struct content c = { .tcp = malloc((f->n + 1) * sizeof *c.tcp) };

	for (uint64_t i = 0; i < f->n; i++) {
		struct row *r = &c.tcp[c.n_tcp];

		r->p.f = f->v[i];
		r->at = i;
		fos_parse(&r->p, 0);
		c.verdict[r->p.verdict]++;
		c.good[r->p.verdict] += fos_checksum_ok(&r->p);
		if (r->p.verdict != FOS_PKT_TCP)
			continue;
		r->side = fos_key_of(&r->p, 0, &r->key);
		c.n_tcp++;
	}
	qsort(c.tcp, c.n_tcp, sizeof *c.tcp, by_key);
	for (uint64_t i = 0; i < c.n_tcp; i++)
		c.sessions += !i || memcmp(&c.tcp[i].key, &c.tcp[i - 1].key, sizeof c.tcp[i].key);
	return c;
}

static inline uint64_t session_end(const struct content *c, uint64_t from)
{
	uint64_t to = from;

	while (to < c->n_tcp && !memcmp(&c->tcp[to].key, &c->tcp[from].key, sizeof c->tcp[from].key))
		to++;
	return to;
}

/* Sessions by where their first payload lies in memory. */
struct place {
	const uint8_t *app;
	uint64_t from; /* in content.tcp */
};

static inline int by_app(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->app < y->app ? -1 : x->app > y->app;
}

static inline uint64_t find_places(const struct content *c, struct place *v)
{
	uint64_t n = 0;

	for (uint64_t from = 0, to; from < c->n_tcp; from = to) {
		to = session_end(c, from);
		for (uint64_t i = from; i < to; i++) {
			if (!c->tcp[i].p.app_len)
				continue;
			v[n++] = (struct place){ c->tcp[i].p.app, from };
			break;
		}
	}
	qsort(v, n, sizeof *v, by_app);
	return n;
}

static inline uint32_t be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Options: the same but for SACK, whose edges are all `shift` further. */
static inline void check_options(const struct fos_pkt *a, const struct fos_pkt *b, uint32_t shift)
{
	const uint8_t *x = a->ip + a->l4, *y = b->ip + b->l4;
	uint32_t at = 20;

	while (at < a->l4_len && x[at] != 0) {
		uint32_t len = x[at] == 1 ? 1 : at + 1 < a->l4_len ? x[at + 1] : 0;

		if ((len < 2 && x[at] != 1) || at + len > a->l4_len)
			break;
		if (x[at] == 5)
			for (uint32_t e = 2; e + 4 <= len; e += 4)
				assert_true(be32(y + at + e) == be32(x + at + e) + shift);
		else
			assert_memory_equal(x + at, y + at, len);
		at += len;
	}
}

/* The scaled session of n packets at b against the original's at a. */
static inline void check_session(const struct row *a, const struct row *b, uint64_t n)
{
	int swap = a->side != b->side; /* other addresses may sort the other way round */
	uint32_t delta[2] = { 0, 0 };
	bool known[2] = { false, false };

	for (uint64_t i = 0; i < n; i++) {
		int s = a[i].side;

		assert_int_equal(a[i].side ^ swap, b[i].side);
		if (known[s])
			assert_true(b[i].p.seq - a[i].p.seq == delta[s]);
		delta[s] = b[i].p.seq - a[i].p.seq;
		known[s] = true;
	}
	for (uint64_t i = 0; i < n; i++) {
		const struct fos_pkt *x = &a[i].p, *y = &b[i].p;
		int s = a[i].side;

		assert_int_equal(x->sport, y->sport);
		assert_int_equal(x->dport, y->dport);
		assert_int_equal(x->tcp_flags, y->tcp_flags);
		assert_int_equal(x->l4_len, y->l4_len);
		assert_int_equal(x->encap, y->encap);
		assert_int_equal(x->vlan, y->vlan);
		assert_int_equal(x->app_len, y->app_len);
		assert_int_equal(x->app_wire_len, y->app_wire_len);
		assert_int_equal(x->f.wire_len, y->f.wire_len);
		assert_int_equal(fos_frame_caplen(&x->f), fos_frame_caplen(&y->f));
		if (x->app_len)
			assert_memory_equal(x->app, y->app, x->app_len);
		assert_int_equal(fos_checksum_ok(x), fos_checksum_ok(y));
		assert_int_equal(x->f.ts_ns - a->p.f.ts_ns, y->f.ts_ns - b->p.f.ts_ns);
		if (x->tcp_flags & FOS_TCP_ACK && known[!s])
			assert_true(y->ack - x->ack == delta[!s]);
		else if (!(x->tcp_flags & FOS_TCP_ACK))
			assert_true(y->ack == x->ack);
		check_options(x, y, x->tcp_flags & FOS_TCP_ACK ? y->ack - x->ack : 0);
	}
}

static inline void scale(const struct fos_frames *src, uint64_t sessions, uint64_t target, struct fos_scale_info *info,
                         struct fos_frames *out, struct fos_port **port)
{
	struct fos_scale_opts opts = { .sessions = sessions, .seed = 5, .target_packets = target };

	*out = (struct fos_frames){ 0 };
	assert_int_equal(fos_scale_open(src, &opts, info, port), 0);
	assert_int_equal(fos_frames_load(*port, out, NULL, NULL), 0);
	assert_int_equal(out->n, info->packets);
	assert_int_equal(out->copied, 0);
}

/* Scales to `times` copies of all there is and checks them. Returns how many sessions could be held against theirs. */
static inline uint64_t check_copies(const struct fos_frames *src, uint64_t times)
{
	struct content a = content_of(src), b;
	struct place *v = malloc((a.sessions + 1) * sizeof *v);
	uint64_t n_places = find_places(&a, v), held = 0, originals = 0;
	struct fos_scale_info info;
	struct fos_frames out;
	struct fos_port *port;

	assert_true(a.sessions > 0);
	scale(src, a.sessions, 0, &info, &out, &port); /* sessions in fragments only count as well */
	fos_frames_free(&out);
	fos_port_close(port);
	scale(src, info.source_sessions * times, 0, &info, &out, &port);
	assert_int_equal(info.copies, times);
	assert_int_equal(info.waves, 1);
	b = content_of(&out);
	for (uint64_t i = 0; i < out.n; i++) { /* the original is there, unchanged */
		const struct fos_frame *want = &src->v[originals % src->n], *got = &out.v[i];

		assert_int_equal(got->num, i + 1);
		originals += got->data == want->data && got->len == want->len && got->ext == want->ext &&
		             got->ts_ns == want->ts_ns;
	}
	assert_int_equal(originals, src->n);
	if (!a.verdict[FOS_PKT_FRAGMENT]) {
		assert_int_equal(b.sessions, a.sessions * times);
		assert_int_equal(b.verdict[FOS_PKT_UDP], a.verdict[FOS_PKT_UDP] * times);
		assert_int_equal(b.good[FOS_PKT_UDP], a.good[FOS_PKT_UDP] * times);
	}
	assert_int_equal(b.verdict[FOS_PKT_OTHER], a.verdict[FOS_PKT_OTHER]);
	for (uint64_t from = 0, to; from < b.n_tcp; from = to) {
		const struct place *p = NULL;

		to = session_end(&b, from);
		for (uint64_t i = from; i < to && !p; i++)
			if (b.tcp[i].p.app_len)
				p = bsearch(&(struct place){ .app = b.tcp[i].p.app }, v, n_places, sizeof *v, by_app);
		if (!p)
			continue;
		assert_int_equal(to - from, session_end(&a, p->from) - p->from);
		check_session(&a.tcp[p->from], &b.tcp[from], to - from);
		held++;
	}
	free(a.tcp);
	free(b.tcp);
	free(v);
	fos_frames_free(&out);
	fos_port_close(port);
	return held;
}

static inline struct fos_port *load_gen(const char *text, struct fos_frames *f)
{
	struct fos_gen_spec s;
	struct fos_port *p;
	char err[200];

	*f = (struct fos_frames){ 0 };
	assert_int_equal(fos_gen_parse(text, &s, err, sizeof err), 0);
	assert_int_equal(fos_gen_open(&s, &p), 0);
	assert_int_equal(fos_frames_load(p, f, NULL, NULL), 0);
	return p;
}

#endif
