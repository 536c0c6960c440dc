/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_impair.h: what the tests of the impairments share: packets that are made up, a port that gives them out of an
 * array, and what came out of a port.
 */
#ifndef TEST_IMPAIR_H
#define TEST_IMPAIR_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <flowos/impair.h>
#include <flowos/parse.h>
#include <flowos/rand.h>

struct frames {
	struct fos_frame *f;
	uint8_t **bytes; /* of each */
	size_t n, cap;
};

static inline void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static inline void frames_add(struct frames *fs, uint8_t *bytes, uint32_t len, uint64_t ts_ns)
{
	if (fs->n == fs->cap) {
		fs->cap = fs->cap ? 2 * fs->cap : 256;
		fs->f = realloc(fs->f, fs->cap * sizeof *fs->f);
		fs->bytes = realloc(fs->bytes, fs->cap * sizeof *fs->bytes);
	}
	fs->bytes[fs->n] = bytes;
	fs->f[fs->n] = (struct fos_frame){
		.data = bytes, .len = len, .wire_len = len, .ts_ns = ts_ns, .num = fs->n + 1, .linktype = 1
	};
	fs->f[fs->n].flags = FOS_FRAME_STABLE;
	fs->n++;
}

static inline void frames_free(struct frames *fs)
{
	for (size_t i = 0; i < fs->n; i++)
		free(fs->bytes[i]);
	free(fs->f);
	free(fs->bytes);
	memset(fs, 0, sizeof *fs);
}

/* One TCP or UDP packet over IPv4 of session `s` (client 10.0.x.x to 192.168.0.1:80), `dir` 0 from the client. */
struct made {
	unsigned session, dir, proto;
	uint32_t seq;
	uint8_t flags;
	unsigned payload; /* bytes; their values depend on seq */
	bool no_sum;
};

static inline void frames_tcp(struct frames *fs, struct made m, uint64_t ts_ns)
{
	unsigned l4 = m.proto == 17 ? 8 : 20, len = 14 + 20 + l4 + m.payload;
	uint8_t *b = calloc(1, len), *ip = b + 14, *t = ip + 20;
	uint32_t client = 0x0a000000u + m.session, server = 0xc0a80001u, sum;
	uint8_t pseudo[12] = { 0 };

	memset(b, 2, 12);
	put16(b + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, len - 14);
	ip[8] = 64;
	ip[9] = (uint8_t)(m.proto == 17 ? 17 : 6);
	put32(ip + 12, m.dir ? server : client);
	put32(ip + 16, m.dir ? client : server);
	put16(t, m.dir ? 80 : 10000);
	put16(t + 2, m.dir ? 10000 : 80);
	if (m.proto == 17) {
		put16(t + 4, 8 + m.payload);
	} else {
		put32(t + 4, m.seq);
		t[12] = 0x50;
		t[13] = m.flags;
	}
	for (unsigned i = 0; i < m.payload; i++)
		t[l4 + i] = (uint8_t)fos_mix64(m.seq + i);
	memcpy(pseudo, ip + 12, 8);
	pseudo[9] = ip[9];
	put16(pseudo + 10, l4 + m.payload);
	sum = fos_csum_fold(fos_csum_add(ip, 20, 0));
	memcpy(ip + 10, &(uint16_t){ (uint16_t)sum }, 2);
	sum = fos_csum_fold(fos_csum_add(t, l4 + m.payload, fos_csum_add(pseudo, 12, 0)));
	if (!m.no_sum)
		memcpy(t + (m.proto == 17 ? 6 : 16), &(uint16_t){ (uint16_t)sum }, 2);
	frames_add(fs, b, len, ts_ns);
}

/* `sessions` sessions of `each` packets, interleaved, both ways in turn, `gap_ns` apart. Session numbers from
 * `first` on by `step`, with the times and numbers that the packets would have among all. */
static inline void frames_mixed(struct frames *fs, unsigned sessions, unsigned each, uint64_t gap_ns, unsigned payload)
{
	uint64_t t = UINT64_C(1700000000000000000);

	for (unsigned i = 0; i < each; i++) {
		for (unsigned s = 0; s < sessions; s++, t += gap_ns) {
			struct made m = {
				.session = s, .dir = i % 2, .seq = 1000 + i * 100, .flags = 0x10, .payload = payload
			};

			if (i == 0)
				m.flags = 0x02;
			frames_tcp(fs, m, t);
		}
	}
}

/* --- a port that gives frames out of an array ---------------------------------------------------------------- */

struct array_port {
	struct fos_port port;
	const struct fos_frame *f;
	size_t n, at;
	unsigned batch;                          /* packets a batch */
	bool scribble;                           /* frames are not stable: their bytes are overwritten at the next rx */
	bool two_pieces;                         /* payload in `ext` */
	bool (*want)(const struct fos_frame *f); /* or NULL: all */
	uint8_t *lent[FOS_BATCH_MAX];
	uint32_t lent_len[FOS_BATCH_MAX];
	unsigned lent_n;
	unsigned *closed;
	unsigned tx;
};

static inline void array_scribble(struct array_port *a)
{
	while (a->lent_n) {
		a->lent_n--;
		memset(a->lent[a->lent_n], 0xee, a->lent_len[a->lent_n]);
		free(a->lent[a->lent_n]);
	}
}

static inline int array_rx(struct fos_port *p, struct fos_batch *b)
{
	struct array_port *a = (struct array_port *)p;

	array_scribble(a);
	b->n = 0;
	while (a->at < a->n && b->n < a->batch) {
		struct fos_frame f = a->f[a->at++];

		if (a->want && !a->want(&f))
			continue;
		if (a->scribble) {
			a->lent[a->lent_n] = malloc(f.len);
			memcpy(a->lent[a->lent_n], f.data, f.len);
			a->lent_len[a->lent_n] = f.len;
			f.data = a->lent[a->lent_n++];
			f.flags &= ~(uint32_t)FOS_FRAME_STABLE;
		}
		if (a->two_pieces && f.len > 60) {
			f.ext = f.data + 54;
			f.ext_len = f.len - 54;
			f.len = 54;
		}
		b->pkt[b->n++].f = f;
		b->now_ns = f.ts_ns;
	}
	return b->n ? (int)b->n : -ENODATA;
}

static inline int array_tx(struct fos_port *p, const struct fos_batch *b)
{
	((struct array_port *)p)->tx += b->n;
	return (int)b->n;
}

static inline int array_rewind(struct fos_port *p)
{
	((struct array_port *)p)->at = 0;
	return 0;
}

static inline void array_stats(const struct fos_port *p, struct fos_port_stats *st)
{
	memset(st, 0, sizeof *st);
	st->rx_packets = ((const struct array_port *)p)->at;
}

static inline const char *array_error(const struct fos_port *p)
{
	(void)p;
	return "array";
}

static inline int array_close(struct fos_port *p)
{
	struct array_port *a = (struct array_port *)p;

	array_scribble(a);
	if (a->closed)
		++*a->closed;
	free(a);
	return 0;
}

static const struct fos_port_ops array_ops = { .name = "array",
	                                       .rx = array_rx,
	                                       .tx = array_tx,
	                                       .rewind = array_rewind,
	                                       .stats = array_stats,
	                                       .error = array_error,
	                                       .close = array_close };

static inline struct array_port *array_open(const struct frames *fs, unsigned batch)
{
	struct array_port *a = calloc(1, sizeof *a);

	a->port.ops = &array_ops;
	a->f = fs->f;
	a->n = fs->n;
	a->batch = batch;
	return a;
}

/* --- what came out ------------------------------------------------------------------------------------------- */

/* Sets options from "name=text" strings up to NULL. */
static inline struct fos_impair_spec spec_of(const char *const *options)
{
	struct fos_impair_spec spec;
	char err[256], name[32];

	fos_impair_spec_init(&spec);
	for (; *options; options++) {
		const char *eq = strchr(*options, '=');

		snprintf(name, sizeof name, "%.*s", (int)(eq - *options), *options);
		if (fos_impair_spec_set(&spec, name, eq + 1, err, sizeof err) != 0)
			fail_msg("%s", err);
	}
	return spec;
}

#define SPEC(...) spec_of((const char *const[]){ __VA_ARGS__, NULL })

static inline struct fos_port *impair(struct array_port *inner, const struct fos_impair_spec *spec)
{
	struct fos_port *p = NULL;
	char err[256] = "";

	if (fos_impair_open(&inner->port, spec, &p, err, sizeof err) != 0)
		fail_msg("%s", err);
	return p;
}

static inline uint64_t hash_bytes(uint64_t h, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* The bytes of a frame as a number, whatever pieces they are in. */
static inline uint64_t frame_hash(const struct fos_frame *f)
{
	return hash_bytes(hash_bytes(UINT64_C(0xcbf29ce484222325), f->data, f->len), f->ext, f->ext_len);
}

/* What a packet was when it came out. */
struct seen {
	struct fos_frame f; /* its pointers are not to be followed */
	uint64_t hash;
	uint32_t session; /* client's address */
	uint16_t sport;
	bool sum_ok;
	uint8_t verdict;
};

struct output {
	struct seen *p;
	size_t n, cap;
	uint64_t hash; /* of everything */
	int end;
};

static inline struct output drain(struct fos_port *port)
{
	struct output o = { .hash = 1 };
	struct fos_batch *b = calloc(1, sizeof *b);
	int r;

	while ((r = fos_port_rx(port, b)) > 0) {
		assert_int_equal(r, b->n);
		for (unsigned i = 0; i < b->n; i++) {
			struct fos_pkt *k = &b->pkt[i];
			struct seen s = { .f = k->f, .hash = frame_hash(&k->f) };
			uint64_t parts[] = { s.hash, k->f.ts_ns, k->f.num, k->f.flags & ~1u, k->f.note, k->f.wire_len };

			assert_true(b->now_ns >= k->f.ts_ns);
			s.verdict = (uint8_t)fos_parse(k, 0);
			s.sum_ok = fos_checksum_ok(k);
			s.sport = k->sport;
			if (k->ip && k->ip_version == 4)
				memcpy(&s.session, k->ip + (k->sport == 80 ? 16 : 12), 4);
			if (o.n == o.cap) {
				o.cap = o.cap ? 2 * o.cap : 1024;
				o.p = realloc(o.p, o.cap * sizeof *o.p);
			}
			o.p[o.n++] = s;
			o.hash = hash_bytes(o.hash, (const uint8_t *)parts, sizeof parts);
		}
	}
	o.end = r;
	free(b);
	return o;
}

static inline void output_free(struct output *o)
{
	free(o->p);
	memset(o, 0, sizeof *o);
}

/* Everything at once that can be done at once. */
#define ALL                                                                                                            \
	"reorder=10%,depth=12", "loss=3%,burst=2,retransmit=5ms", "dup=4%,depth=3", "corrupt=2%", "truncate=2%",       \
	    "delay=300us,jitter=200us"

static inline struct output run(const struct frames *fs, const struct fos_impair_spec *spec, unsigned batch)
{
	struct fos_port *p = impair(array_open(fs, batch), spec);
	struct output o = drain(p);

	assert_int_equal(o.end, -ENODATA);
	fos_port_close(p);
	return o;
}

/* Is `got` within 5 standard deviations of n draws with chance `share`? */
static inline void assert_binomial(uint64_t got, uint64_t n, double share)
{
	double mean = (double)n * share, sigma = sqrt((double)n * share * (1 - share));

	if (fabs((double)got - mean) > 5 * sigma + 1e-9)
		fail_msg("%llu of %llu at %g %%: %g sigma", (unsigned long long)got, (unsigned long long)n, share * 100,
		         ((double)got - mean) / sigma);
}

static inline int by_hash(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

/* The packets of `o` without copies are those of `fs`, each once. */
static inline void assert_complete(const struct frames *fs, const struct output *o)
{
	struct seen *in = calloc(fs->n, sizeof *in), *out = calloc(o->n, sizeof *out);
	size_t n = 0;

	for (size_t i = 0; i < fs->n; i++)
		in[i].hash = fos_mix64_add(frame_hash(&fs->f[i]), fs->f[i].num);
	for (size_t i = 0; i < o->n; i++) {
		if (!(o->p[i].f.flags & FOS_FRAME_DUPLICATE))
			out[n++].hash = fos_mix64_add(o->p[i].hash, o->p[i].f.num);
	}
	assert_int_equal(n, fs->n);
	qsort(in, n, sizeof *in, by_hash);
	qsort(out, n, sizeof *out, by_hash);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(in[i].hash, out[i].hash);
	free(in);
	free(out);
}

static inline void assert_time_forward(const struct output *o)
{
	for (size_t i = 1; i < o->n; i++)
		assert_true(o->p[i].f.ts_ns >= o->p[i - 1].f.ts_ns);
}

/* Place of frame `num` in what came out. */
static inline size_t place(const struct output *o, uint64_t num)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->p[i].f.num == num)
			return i;
	}
	fail_msg("frame %llu is missing", (unsigned long long)num);
	return 0;
}

#endif
