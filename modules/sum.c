/* SPDX-License-Identifier: BSD-2-Clause
 *
 * sum.c: adds every stream up in 8-byte little-endian words: the least work that still touches every byte, so that
 * what a run costs is the engine's own cost. Peers are timed with the same work.
 *
 * A byte's place in its word is its offset modulo 8, so byte b at offset o adds b * 256^(o mod 8), whatever the pieces
 * are in which it comes; bytes that are missing count as zero, and nothing needs to be kept per stream. The sum of all
 * streams (modulo 2^64) does not depend on the order of sessions. UDP datagrams start at offset 0 each and are summed
 * apart: their sum does not depend on their order either.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/module.h>

#include "util/args.h"
#include "util/names.h"

struct sum {
	uint64_t sum, bytes, streams, gaps, gap_bytes;
	uint64_t datagram_sum, datagram_bytes, datagrams;
};

/* Four sums side by side: what vector units do in one or two additions. */
typedef uint64_t sum_words __attribute__((vector_size(32)));

static inline uint64_t sum_load(const uint8_t *data)
{
	uint64_t w;

	memcpy(&w, data, sizeof(w));
	return le64toh(w);
}

/* Whole words from a word boundary on. */
static uint64_t sum_bulk(const uint8_t *data, size_t len)
{
	uint64_t sum = 0;

#if __BYTE_ORDER == __LITTLE_ENDIAN
	sum_words a = { 0 }, b = { 0 }, x, y;
	for (; len >= 2 * sizeof(x); len -= 2 * sizeof(x), data += 2 * sizeof(x)) {
		memcpy(&x, data, sizeof(x));
		memcpy(&y, data + sizeof(x), sizeof(y));
		a += x;
		b += y;
	}
	a += b;
	sum = a[0] + a[1] + a[2] + a[3];
#endif
	for (; len >= 8; len -= 8, data += 8)
		sum += sum_load(data);
	return sum;
}

/* The run's share of the sum, with its first byte at offset `off`. */
static uint64_t sum_run(uint64_t off, const uint8_t *data, size_t len)
{
	uint64_t sum = 0;
	unsigned place = off & 7;

	if (place) {
		for (; len && place < 8; len--, place++)
			sum += (uint64_t)*data++ << 8 * place;
	}
	size_t whole = len & ~(size_t)7;
	sum += sum_bulk(data, whole);
	for (size_t i = whole; i < len; i++)
		sum += (uint64_t)data[i] << 8 * (i - whole);
	return sum;
}

static int sum_open(const struct fos_module_args *args, void **self, char *err, size_t errlen)
{
	(void)args;
	*self = calloc(1, sizeof(struct sum));
	return *self ? 0 : mod_no_memory(err, errlen);
}

static void sum_stream_open(void *self, struct fos_stream *s)
{
	struct sum *m = self;

	(void)s;
	m->streams++;
}

static void sum_stream_data(void *self, struct fos_stream *s)
{
	struct sum *m = self;

	m->bytes += fos_stream_window(s);
	while (fos_stream_window(s)) {
		uint64_t off = fos_stream_offset(s);
		size_t len;
		const uint8_t *run = fos_stream_take(s, &len);

		m->sum += sum_run(off, run, len);
	}
}

static void sum_stream_gap(void *self, struct fos_stream *s, uint64_t off, uint64_t len)
{
	struct sum *m = self;

	(void)s, (void)off;
	m->gaps++;
	m->gap_bytes += len;
}

static void sum_datagram(void *self, struct fos_session *s, const struct fos_pkt *p, int dir)
{
	struct sum *m = self;

	(void)s, (void)dir;
	m->datagrams++;
	m->datagram_bytes += p->app_len;
	if (p->app)
		m->datagram_sum += sum_run(0, p->app, p->app_len);
}

static void sum_report(void *self, struct fos_report *r)
{
	struct sum *m = self;

	fos_report_u64(r, "streams", m->streams);
	fos_report_u64(r, "bytes", m->bytes);
	fos_report_u64(r, "gaps", m->gaps);
	fos_report_u64(r, "gap_bytes", m->gap_bytes);
	mod_report_sum(r, "sum", m->sum);
	fos_report_u64(r, "datagrams", m->datagrams);
	fos_report_u64(r, "datagram_bytes", m->datagram_bytes);
	mod_report_sum(r, "datagram_sum", m->datagram_sum);
}

static int sum_merge(void *self, void *other)
{
	struct sum *m = self;
	const struct sum *o = other;

	m->sum += o->sum;
	m->bytes += o->bytes;
	m->streams += o->streams;
	m->gaps += o->gaps;
	m->gap_bytes += o->gap_bytes;
	m->datagram_sum += o->datagram_sum;
	m->datagram_bytes += o->datagram_bytes;
	m->datagrams += o->datagrams;
	return 0;
}

FOS_MODULE(.name = "sum", .summary = "adds every stream up in 8-byte words", .access = FOS_READ_ONLY, .open = sum_open,
           .report = sum_report, .close = free, .stream_open = sum_stream_open, .stream_data = sum_stream_data,
           .stream_gap = sum_stream_gap, .datagram = sum_datagram, .merge = sum_merge);
