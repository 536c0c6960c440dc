/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_scale.c: copies of a trace are the trace but for addresses and sequence numbers. The main check takes each
 * scaled session whose payload shows where it comes from, and holds it against the original packet by packet; it runs
 * over made-up traces, over hand-made odd ones, and over captures that others made, where they are there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <flowos/frames.h>
#include <flowos/gen.h>
#include <flowos/key.h>
#include <flowos/parse.h>
#include <flowos/pcapng_writer.h>
#include <flowos/rand.h>
#include <flowos/scale.h>
#include <flowos/trace.h>

/* A parsed packet of a trace with its session's key. */
struct row {
	struct fos_key key;
	uint64_t at; /* in the trace */
	int side;
	struct fos_pkt p;
};

static int by_key(const void *a, const void *b)
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

static struct content content_of(const struct fos_frames *f)
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

static uint64_t session_end(const struct content *c, uint64_t from)
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

static int by_app(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->app < y->app ? -1 : x->app > y->app;
}

static uint64_t find_places(const struct content *c, struct place *v)
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

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Options: the same but for SACK, whose edges are all `shift` further. */
static void check_options(const struct fos_pkt *a, const struct fos_pkt *b, uint32_t shift)
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
static void check_session(const struct row *a, const struct row *b, uint64_t n)
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

static void scale(const struct fos_frames *src, uint64_t sessions, uint64_t target, struct fos_scale_info *info,
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
static uint64_t check_copies(const struct fos_frames *src, uint64_t times)
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

static struct fos_port *load_gen(const char *text, struct fos_frames *f)
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

static void test_copies(void **state)
{
	static const char *const t[] = { "sessions=20,bytes=5000", "sessions=300,bytes=100,ip=6,vlan=9,ack=1",
		                         "sessions=1,bytes=90000,mss=30000" };

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct fos_frames f;
		struct fos_port *p = load_gen(t[i], &f);
		uint64_t sessions = (uint64_t[]){ 20, 300, 1 }[i];

		assert_int_equal(check_copies(&f, 7), 7 * sessions);
		fos_frames_free(&f);
		fos_port_close(p);
	}
}

/* Hand-made packets. */
static uint8_t *put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t v)
{
	return put16(put16(at, v >> 16), v);
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	uint16_t v = fos_csum_fold(sum);

	memcpy(at, &v, 2);
}

/* An IPv4 header at `at`, before `len` bytes. */
static uint8_t *put_ip4(uint8_t *at, uint32_t len, uint32_t fragment, uint8_t proto, uint32_t src, uint32_t dst)
{
	uint8_t *ip = at;

	at = put32(put32(at, 0x45000000 | (20 + len)), 0x77770000 | fragment);
	at = put32(put32(put32(at, 64u << 24 | (uint32_t)proto << 16), src), dst);
	put_sum(ip + 10, fos_csum_add(ip, 20, 0));
	return at;
}

static uint32_t pseudo4(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	uint8_t tail[4];

	put16(put16(tail, proto), len);
	return fos_csum_add(tail, 4, fos_csum_add(ip + 12, 8, 0));
}

static void add(struct fos_frames *f, const uint8_t *p, size_t len, uint16_t linktype)
{
	uint8_t *at = fos_frames_bytes(f, len);
	struct fos_frame frame = { .data = at,
		                   .len = (uint32_t)len,
		                   .wire_len = (uint32_t)len,
		                   .ts_ns = 1000 + f->n * 10,
		                   .num = f->n + 1,
		                   .flags = FOS_FRAME_STABLE,
		                   .linktype = linktype };

	memcpy(at, p, len);
	assert_int_equal(fos_frames_add(f, &frame), 0);
}

enum { RAW = 101, TUNNEL_CLIENT = 0x0a000001, SERVER = 0xc0000201 };

/* A TCP segment over IPv4 with a SACK option at an odd place; `bad` spoils its checksum. */
static size_t put_tcp(uint8_t *ip, uint32_t src, uint32_t dst, uint32_t ports, uint32_t seq, uint32_t ack,
                      const char *data, bool bad)
{
	uint32_t len = 32 + (uint32_t)strlen(data);
	uint8_t *tcp = put_ip4(ip, len, 0, IPPROTO_TCP, src, dst), *at;

	at = put32(put32(put32(tcp, ports), seq), ack);
	at = put32(put32(at, 0x80100000 | 500), 0);
	memcpy(at, "\1\5\x0a", 3);
	at = put32(put32(at + 3, ack + 1000), ack + 2000);
	*at++ = 0;
	memcpy(at, data, strlen(data));
	put_sum(tcp + 16, fos_csum_add(tcp, len, pseudo4(ip, IPPROTO_TCP, len)));
	tcp[17] ^= bad;
	return 20 + len;
}

/* A UDP datagram of n bytes in two fragments, the second one first. */
static void add_fragments(struct fos_frames *f, uint32_t n)
{
	uint8_t whole[4000] = { 0 }, part[4000], *udp;

	udp = put_ip4(whole, 8 + n, 0, IPPROTO_UDP, 0x01020304, SERVER);
	put32(put32(udp, 0x10000035), (8 + n) << 16);
	for (uint32_t i = 0; i < n; i++)
		udp[8 + i] = (uint8_t)(i * 13);
	put_sum(udp + 6, fos_csum_add(udp, 8 + n, pseudo4(whole, IPPROTO_UDP, 8 + n)));
	put_ip4(part, 8 + n - 1000, 1000 / 8, IPPROTO_UDP, 0x01020304, SERVER);
	memcpy(part + 20, udp + 1000, 8 + n - 1000);
	add(f, part, 20 + 8 + n - 1000, RAW);
	put_ip4(part, 1000, 0x2000, IPPROTO_UDP, 0x01020304, SERVER);
	memcpy(part + 20, udp, 1000);
	add(f, part, 20 + 1000, RAW);
}

/* TCP in VXLAN, over IPv4 or IPv6, the outer checksum right or not there. */
static void add_vxlan(struct fos_frames *f, bool v6, bool sum, uint32_t seq)
{
	uint8_t p[500] = { 0 }, *udp = p + (v6 ? 40 : 20), *ip = udp + 8 + 8 + 14;
	uint32_t len =
	             (uint32_t)(8 + 8 + 14 + put_tcp(ip, TUNNEL_CLIENT, SERVER, 0x22220050, seq, 77, "inside", false)),
	         s;
	uint8_t tail[4];

	put32(put32(put32(udp, 0x999912b5), len << 16), 0x08000000);
	put16(udp + 16 + 12, 0x0800);
	if (v6) {
		put32(put32(p, 0x60000000), len << 16 | IPPROTO_UDP << 8 | 64);
		memcpy(p + 8, "\xfd\1abcdefghijklmn\xfd\1zyxwvutsrqponm", 32);
		put16(put16(tail, IPPROTO_UDP), len);
		s = fos_csum_add(tail, 4, fos_csum_add(p + 8, 32, 0));
	} else {
		put_ip4(p, len, 0, IPPROTO_UDP, 0x05050505, 0x06060606);
		s = pseudo4(p, IPPROTO_UDP, len);
	}
	if (sum)
		put_sum(udp + 6, fos_csum_add(udp, len, s));
	add(f, p, (size_t)(udp - p) + len, RAW);
}

static void test_odd_packets(void **state)
{
	struct fos_frames f = { 0 }, out;
	struct fos_scale_info info;
	struct fos_port *port;
	uint64_t outer = 0, fragments = 0;
	uint8_t p[200];

	(void)state;
	add(&f, p, put_tcp(p, 0x0a000005, SERVER, 0x11110050, 0xfffffff0, 5, "one", false), RAW);
	add(&f, p, put_tcp(p, 0x0a000005, SERVER, 0x11110050, 0xfffffff3, 5, "two, across the wrap", true), RAW);
	add(&f, p, put_tcp(p, SERVER, 0x0a000005, 0x00501111, 5, 7, "", false), RAW);
	add_fragments(&f, 2501);
	for (int i = 0; i < 4; i++)
		add_vxlan(&f, i & 1, i & 2 || i & 1, 1000 + 6 * (uint32_t)i);
	put_ip4(p, 8, 0, IPPROTO_ICMP, 1, 2);
	add(&f, p, 28, RAW);
	add(&f, p, 10, RAW); /* cut */
	assert_int_equal(check_copies(&f, 5), 2 * 5);
	scale(&f, 2 * 5, 0, &info, &out, &port);
	assert_int_equal(info.source_sessions, 2);
	assert_int_equal(info.source_conversations, 1);
	assert_int_equal(info.packets, 5 * (f.n - 2) + 2);
	for (uint64_t i = 0; i < out.n; i++) {
		struct fos_pkt o = { .f = out.v[i] };
		uint8_t flat[4000];

		memcpy(flat, o.f.data, o.f.len); /* in one piece, as an outer header's payload is otherwise in two */
		if (o.f.ext)
			memcpy(flat + o.f.len, o.f.ext, o.f.ext_len);
		o.f.len += o.f.ext_len;
		o.f.ext_len = 0;
		o.f.data = flat;
		o.f.ext = NULL;
		if (fos_parse(&o, FOS_PARSE_NO_DECAP) == FOS_PKT_UDP) {
			assert_true(fos_checksum_ok(&o));
			outer++;
		} else if (o.verdict == FOS_PKT_FRAGMENT && (o.ip[6] & 0x20)) {
			uint8_t whole[4000];
			const uint8_t *second = NULL;

			for (uint64_t k = 0; k < out.n; k++) { /* its other half has the same addresses */
				const uint8_t *ip = out.v[k].data;

				if (out.v[k].len > 20 && ip[6] == 0 && ip[7] == 125 && !memcmp(ip + 12, o.ip + 12, 8))
					second = ip;
			}
			assert_non_null(second);
			assert_int_equal(fos_csum_fold(fos_csum_add(o.ip, 20, 0)), 0);
			assert_int_equal(fos_csum_fold(fos_csum_add(second, 20, 0)), 0);
			memcpy(whole, o.ip + 20, 1000);
			memcpy(whole + 1000, second + 20, 1509);
			assert_int_equal(fos_csum_fold(fos_csum_add(whole, 2509, pseudo4(o.ip, IPPROTO_UDP, 2509))), 0);
			fragments++;
		}
	}
	assert_int_equal(outer, 5 * 4);
	assert_int_equal(fragments, 5);
	fos_frames_free(&out);
	fos_port_close(port);
	fos_frames_free(&f);
}

/* The keys of the first wave's sessions, sorted. */
static uint64_t first_wave(const struct fos_frames *f, uint64_t n, struct fos_key *keys)
{
	struct fos_scale_info info;
	struct fos_frames out;
	struct fos_port *port;
	struct content c;
	uint64_t k = 0;

	scale(f, n, 0, &info, &out, &port);
	c = content_of(&out);
	for (uint64_t i = 0; i < c.n_tcp; i = session_end(&c, i))
		keys[k++] = c.tcp[i].key;
	free(c.tcp);
	fos_frames_free(&out);
	fos_port_close(port);
	return k;
}

static int key_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct fos_key));
}

static void test_nested(void **state)
{
	static const uint64_t sizes[] = { 1, 3, 10, 99, 100, 101, 250, 1000 };
	static struct fos_key keys[2][1000];
	struct fos_frames f;
	struct fos_port *p = load_gen("sessions=100,bytes=100", &f);
	uint64_t before = 0;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint64_t n = first_wave(&f, sizes[i], keys[i % 2]);

		assert_int_equal(n, sizes[i]);
		for (uint64_t k = 0; k < before; k++)
			assert_non_null(
			    bsearch(&keys[(i + 1) % 2][k], keys[i % 2], n, sizeof(struct fos_key), key_cmp));
		before = n;
	}
	fos_frames_free(&f);
	fos_port_close(p);
}

static void test_waves(void **state)
{
	struct fos_frames f;
	struct fos_port *p = load_gen("sessions=30,bytes=3000,concurrent=4", &f);

	(void)state;
	for (uint64_t n = 1; n < 200; n = n * 2 + 1) {
		struct fos_scale_info info;
		struct fos_frames out;
		struct fos_port *port;
		struct content c;
		uint64_t last = 0, target = 20000, wave = f.n / 30 * n;

		scale(&f, n, target, &info, &out, &port);
		assert_int_equal(info.sessions, n * info.waves);
		assert_int_equal(info.copies, (info.sessions + 29) / 30);
		assert_int_equal(info.distinct_payload_bytes, info.sessions < 30 ? info.sessions * 3100 : 30 * 3100);
		assert_true(info.packets + wave / 2 >= target && info.packets <= target + wave / 2);
		for (uint64_t i = 0; i < out.n; i++) {
			assert_true(out.v[i].ts_ns >= last);
			if (i && i % wave == 0)
				assert_int_equal(out.v[i].ts_ns, last + 1000000000);
			last = out.v[i].ts_ns;
		}
		c = content_of(&out);
		assert_int_equal(c.sessions, info.sessions); /* no 4-tuple twice */
		assert_int_equal(c.good[FOS_PKT_TCP], out.n);
		free(c.tcp);
		fos_frames_free(&out);
		fos_port_close(port);
	}
	fos_frames_free(&f);
	fos_port_close(p);
}

static uint64_t digest(const struct fos_frames *f)
{
	uint64_t h = 0;

	for (uint64_t i = 0; i < f->n; i++) {
		h = fos_mix64(h ^ f->v[i].ts_ns);
		for (uint32_t k = 0; k < f->v[i].len; k++)
			h = fos_mix64(h ^ f->v[i].data[k]);
		for (uint32_t k = 0; k < f->v[i].ext_len; k++)
			h = fos_mix64(h ^ f->v[i].ext[k]);
	}
	return h;
}

/* Also: what is scaled can be scaled again, and its addresses do not meet the old ones. */
static void test_deterministic(void **state)
{
	struct fos_frames f, out[2], again;
	struct fos_port *p = load_gen("sessions=10,bytes=300,ip=6,seed=3", &f), *port[3];
	struct fos_scale_info info;

	(void)state;
	scale(&f, 33, 2000, &info, &out[0], &port[0]);
	scale(&f, 33, 2000, &info, &out[1], &port[1]);
	assert_true(digest(&out[0]) == digest(&out[1]));
	assert_true(digest(&out[0]) == UINT64_C(0x81daf0f595046c6f)); /* on every machine */
	assert_int_equal(check_copies(&out[0], 3), 3 * info.sessions);
	scale(&out[0], info.sessions, 0, &info, &again, &port[2]);
	assert_int_equal(info.source_sessions, info.sessions);
	fos_frames_free(&again);
	for (int i = 0; i < 3; i++)
		fos_port_close(port[i]);
	fos_frames_free(&out[0]);
	fos_frames_free(&out[1]);
	fos_frames_free(&f);
	fos_port_close(p);
}

static void test_refuses(void **state)
{
	struct fos_scale_opts opts = { .sessions = 1 };
	struct fos_frames f = { 0 };
	struct fos_port *p, *g;

	(void)state;
	assert_int_equal(fos_scale_open(&f, &opts, NULL, &p), -ENODATA);
	assert_null(p);
	g = load_gen("sessions=3,bytes=10", &f);
	opts.sessions = 0;
	assert_int_equal(fos_scale_open(&f, &opts, NULL, &p), -EINVAL);
	opts.sessions = UINT64_C(1) << 32;
	assert_int_equal(fos_scale_open(&f, &opts, NULL, &p), -ENOMEM);
	opts.sessions = 3;
	f.v[5].flags = 0;
	assert_int_equal(fos_scale_open(&f, &opts, NULL, &p), -EINVAL);
	assert_null(p);
	fos_frames_free(&f);
	fos_port_close(g);
}

/* Traces of others: wrong checksums, SACK, tunnels, fragments, reuse of 4-tuples, and what not. */
static void test_collection(void **state)
{
	char source[] = __FILE__, dir[PATH_MAX], path[2 * PATH_MAX], line[4096], name[1024], err[512];
	const char *env = getenv("FLOWOS_CAPTURES");
	uint64_t held = 0, files = 0;
	FILE *f;

	(void)state;
	snprintf(dir, sizeof dir, "%s/../../../shared/captures", dirname(source));
	snprintf(path, sizeof path, "%s/MANIFEST.tsv", env ? env : dir);
	f = fopen(path, "r");
	if (!f)
		skip();
	while (fgets(line, sizeof line, f)) {
		struct fos_frames frames = { 0 };
		struct content c;
		struct fos_port *p;

		if (sscanf(line, "%1023[^\t]\t%*[^\t]\t%*[^\t]\t%*u", name) != 1)
			continue;
		snprintf(path, sizeof path, "%s/%s", env ? env : dir, name);
		if (fos_trace_open(path, &p, err, sizeof err))
			continue;
		assert_int_equal(fos_frames_load(p, &frames, NULL, NULL), 0);
		c = content_of(&frames);
		free(c.tcp);
		if (c.sessions) {
			held += check_copies(&frames, 3);
			files++;
		}
		fos_frames_free(&frames);
		fos_port_close(p);
	}
	fclose(f);
	print_message("%lu sessions of %lu captures\n", (unsigned long)held, (unsigned long)files);
}

/* How many packets of the frames tshark has this to say of. */
static long tshark_count(const struct fos_frames *f, const char *filter)
{
	char path[] = "/tmp/flowos-scale-XXXXXX", command[600], line[100] = "";
	struct fos_port *w;
	FILE *p;

	close(mkstemp(path));
	assert_int_equal(fos_pcapng_writer_open(path, &w), 0);
	for (uint64_t i = 0; i < f->n; i++)
		assert_int_equal(fos_pcapng_write(w, &f->v[i], NULL), 0);
	assert_int_equal(fos_port_close(w), 0);
	snprintf(command, sizeof command,
	         "tshark -r %s -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -Y '%s' 2>/dev/null | wc -l", path,
	         filter);
	p = popen(command, "r");
	assert_non_null(fgets(line, sizeof line, p));
	assert_int_equal(pclose(p), 0);
	unlink(path);
	return atol(line);
}

/* tshark says of three copies what it says of the original, three times. */
static void test_tshark(void **state)
{
	static const char *const filters[] = { "tcp",
		                               "tcp.checksum.status==1",
		                               "tcp.analysis.retransmission",
		                               "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment",
		                               "tcp.analysis.duplicate_ack",
		                               "ip.checksum.status==0" };
	char source[] = __FILE__, path[2 * PATH_MAX], err[512];
	const char *env = getenv("FLOWOS_CAPTURES");
	struct fos_frames f = { 0 }, out;
	struct fos_port *p, *port;
	struct fos_scale_info info;

	(void)state;
	if (env)
		snprintf(path, sizeof path, "%s", env);
	else
		snprintf(path, sizeof path, "%s/../../../shared/captures", dirname(source));
	strcat(path, "/PcapPlusPlus/Tests/ExamplesTest/pcap_examples/http-packets.pcap");
	if (system("command -v tshark >/dev/null") || fos_trace_open(path, &p, err, sizeof err))
		skip();
	assert_int_equal(fos_frames_load(p, &f, NULL, NULL), 0);
	scale(&f, 12 * 3, 0, &info, &out, &port);
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
		assert_int_equal(tshark_count(&out, filters[i]), 3 * tshark_count(&f, filters[i]));
	fos_frames_free(&out);
	fos_port_close(port);
	fos_frames_free(&f);
	fos_port_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies),     cmocka_unit_test(test_odd_packets),   cmocka_unit_test(test_nested),
		cmocka_unit_test(test_waves),      cmocka_unit_test(test_deterministic), cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_collection), cmocka_unit_test(test_tshark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
