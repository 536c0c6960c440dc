/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_trace.h: for tests of trace readers: files made byte by byte in a temporary folder, and what is read of them.
 */
#ifndef TEST_IO_TRACE_H
#define TEST_IO_TRACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <flowos/rand.h>
#include <flowos/trace.h>

/* A file in the making, in one byte order or the other. */
struct bytes {
	uint8_t v[32768];
	size_t n;
	bool big;
};

static inline void put(struct bytes *b, const void *p, size_t n)
{
	assert_true(b->n + n <= sizeof b->v);
	memcpy(b->v + b->n, p, n);
	b->n += n;
}

static inline void put8(struct bytes *b, unsigned v)
{
	uint8_t c = (uint8_t)v;

	put(b, &c, 1);
}

static inline void put16(struct bytes *b, unsigned v)
{
	put8(b, b->big ? v >> 8 : v);
	put8(b, b->big ? v : v >> 8);
}

static inline void put32(struct bytes *b, uint32_t v)
{
	put16(b, b->big ? v >> 16 : v & 0xffff);
	put16(b, b->big ? v & 0xffff : v >> 16);
}

static inline void put64(struct bytes *b, uint64_t v)
{
	put32(b, (uint32_t)(b->big ? v >> 32 : v));
	put32(b, (uint32_t)(b->big ? v : v >> 32));
}

/* A pcapng block with `body`; the lengths as they should be, plus `lie`. */
static inline void block(struct bytes *b, uint32_t type, const struct bytes *body, uint32_t lie)
{
	uint32_t len = (uint32_t)(12 + (body->n + 3) / 4 * 4);

	put32(b, type);
	put32(b, len + lie);
	put(b, body->v, body->n);
	while (b->n % 4)
		put8(b, 0);
	put32(b, len);
}

static inline void shb(struct bytes *b)
{
	struct bytes s = { .big = b->big };

	put32(&s, 0x1a2b3c4d);
	put16(&s, 1);
	put16(&s, 0);
	put64(&s, UINT64_MAX);
	block(b, 0x0a0d0d0a, &s, 0);
}

/* resolution < 0: no option for it */
static inline void idb(struct bytes *b, unsigned linktype, uint32_t snaplen, int resolution, int64_t offset_s)
{
	struct bytes s = { .big = b->big };

	put16(&s, linktype);
	put16(&s, 0);
	put32(&s, snaplen);
	if (resolution >= 0) {
		put16(&s, 9);
		put16(&s, 1);
		put8(&s, (unsigned)resolution);
		put(&s, "\0\0\0", 3);
	}
	if (offset_s) {
		put16(&s, 14);
		put16(&s, 8);
		put64(&s, (uint64_t)offset_s);
	}
	put32(&s, 0);
	block(b, 1, &s, 0);
}

static inline void epb(struct bytes *b, uint32_t iface, uint64_t ts, const char *data, uint32_t caplen, uint32_t wire)
{
	struct bytes s = { .big = b->big };

	put32(&s, iface);
	put32(&s, (uint32_t)(ts >> 32));
	put32(&s, (uint32_t)ts);
	put32(&s, caplen);
	put32(&s, wire);
	put(&s, data, strlen(data));
	block(b, 6, &s, 0);
}

static char folder[] = "/tmp/flowos-test-XXXXXX";

static inline const char *path_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static inline const char *save(const char *name, const void *p, size_t n)
{
	const char *path = path_of(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	return path;
}

/* What was read: the frames of a small trace, and how it ended. */
struct result {
	struct fos_frame f[256];
	char text[256][16]; /* start of each frame */
	uint32_t n;
	int opened, ended;
	char error[512];
	struct fos_port_stats stats;
};

static inline void drain(struct fos_port *p, struct result *r)
{
	struct fos_batch b;
	int got;

	r->n = 0;
	while ((got = fos_port_rx(p, &b)) > 0) {
		assert_int_equal(got, b.n);
		for (uint32_t i = 0; i < b.n; i++, r->n++) {
			const struct fos_frame *f = &b.pkt[i].f;

			assert_true(r->n < 256);
			assert_int_equal(f->num, r->n + 1);
			assert_true(f->wire_len >= f->len);
			assert_true(b.now_ns >= f->ts_ns);
			r->f[r->n] = *f;
			snprintf(r->text[r->n], sizeof r->text[0], "%.*s", f->len < 15 ? (int)f->len : 15,
			         (const char *)f->data);
		}
	}
	r->ended = got;
	snprintf(r->error, sizeof r->error, "%s", fos_port_error(p));
	assert_int_equal(fos_port_rx(p, &b), got); /* it stays at its end */
}

static inline void read_trace(const char *path, struct result *r)
{
	struct fos_port *p;

	*r = (struct result){ 0 };
	r->opened = fos_trace_open(path, &p, r->error, sizeof r->error);
	if (r->opened) {
		assert_null(p);
		assert_true(strlen(r->error) > 0);
		assert_null(strchr(r->error, '\n'));
		return;
	}
	drain(p, r);
	if (r->ended == -ENODATA) {
		uint32_t n = r->n;

		assert_int_equal(fos_port_rewind(p), 0);
		drain(p, r);
		assert_int_equal(r->n, n);
	}
	fos_port_stats(p, &r->stats);
	assert_int_equal(fos_port_close(p), 0);
}

static inline int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
	char line[sizeof folder + 16];

	(void)state;
	snprintf(line, sizeof line, "rm -r '%s'", folder);
	return system(line);
}

#endif
