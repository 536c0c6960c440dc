/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_ahead.c: a mapped trace tells of its bytes before it reads them, each once, and settles before it unmaps them; what it
 * reads is the same whoever is told, also where nothing is done.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include <flowos/memport.h>

#include "test_io_trace.h"

enum { RECORD = 16, CAPLEN = 65535, NG_RECORD = 32 + 65536, RECORDS = 1300, FAR = 24 << 20 };

#define FIRST(i) (0x01020304u * ((i) % 50)) /* a packet's first bytes */

struct told {
	const uint8_t *base; /* of the first byte told of */
	size_t len, done;
	size_t file; /* its length */
	unsigned calls, settled;
	unsigned refuse; /* of so many calls all but one; 0: none */
	bool map;        /* does what it is told */
};

static bool hear(void *arg, const void *at, size_t len, enum fos_ahead_use use)
{
	struct told *t = arg;

	assert_true(len > 0);
	if (use == FOS_AHEAD_DONE) {
		assert_ptr_equal((const uint8_t *)at + len, t->base + t->len); /* the second half, to within a step */
		assert_in_range(len, t->len / 2, t->len / 2 + (2 << 20));
		assert_int_equal((uintptr_t)at % 4096, 0);
		t->done++;
		if (t->map)
			madvise((void *)(uintptr_t)at, len, MADV_DONTNEED);
		return true;
	}
	assert_int_equal(use, FOS_AHEAD_READ);
	if (t->refuse && t->calls++ % t->refuse)
		return false;
	if (!t->base)
		t->base = at;
	assert_ptr_equal(at, t->base + t->len);
	for (size_t i = 0; t->map && i < len; i += 4096)
		(void)((const volatile uint8_t *)at)[i];
	t->len += len;
	return true;
}

static void settle(void *arg)
{
	struct told *t = arg;

	if (t->len)
		(void)*(const volatile uint8_t *)t->base; /* it is still mapped */
	t->settled++;
}

/* Mostly holes: no more is written than headers and the first bytes of packets. A pcap file, or (ng) a pcapng file. */
static void make(const char *path, bool ng)
{
	const uint32_t head[] = { 0xa1b2c3d4, 4 << 16 | 2, 0, 0, CAPLEN, 1 };
	const uint32_t ng_head[] = { 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX, 28, 1, 20, 1, CAPLEN, 20 };
	size_t head_len = ng ? sizeof ng_head : sizeof head, size = ng ? NG_RECORD : RECORD + CAPLEN;
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, ng ? ng_head : head, head_len, 0), head_len);
	for (uint32_t i = 0; i < RECORDS; i++) {
		const uint32_t record[] = { 1700000000 + i, i, CAPLEN, CAPLEN, FIRST(i) };
		const uint32_t block[] = { 6, NG_RECORD, 0, 0, i, CAPLEN, CAPLEN, FIRST(i) }, end = NG_RECORD;
		off_t at = (off_t)(head_len + i * size);

		if (!ng) {
			assert_int_equal(pwrite(fd, record, sizeof record, at), sizeof record);
			continue;
		}
		assert_int_equal(pwrite(fd, block, sizeof block, at), sizeof block);
		assert_int_equal(pwrite(fd, &end, sizeof end, at + NG_RECORD - 4), sizeof end);
	}
	assert_int_equal(ftruncate(fd, (off_t)(head_len + RECORDS * size)), 0);
	close(fd);
}

static uint32_t read_all(struct fos_port *p, const struct told *t)
{
	static struct fos_batch b;
	uint32_t n = 0;

	while (fos_port_rx(p, &b) > 0) {
		for (uint32_t i = 0; i < b.n; i++, n++) {
			const uint8_t *at = b.pkt[i].f.data;
			uint32_t first;

			assert_int_equal(b.pkt[i].f.len, CAPLEN);
			assert_true(t->refuse || at + CAPLEN <= t->base + t->len);
			if (i == 0 && !t->refuse &&
			    t->file - (size_t)(at - t->base) > FAR) /* far ahead of what is next */
				assert_true(t->len - (size_t)(at - t->base) >= FAR);
			memcpy(&first, at, sizeof first);
			assert_int_equal(first, FIRST(n));
			assert_int_equal(at[CAPLEN - 1], 0);
		}
	}
	return n;
}

static void tell(const char *path, struct told t, size_t file)
{
	const struct fos_ahead ahead = { hear, settle, &t };
	struct fos_port *p;
	char err[256];

	t.file = file;
	assert_int_equal(fos_trace_open(path, &p, err, sizeof err), 0);
	fos_port_ahead(p, &ahead);
	assert_true(t.refuse || t.len >= FAR); /* before the first rx */
	assert_int_equal(read_all(p, &t), RECORDS);
	size_t len = t.len;

	assert_true(t.refuse || len == file);
	assert_int_equal(fos_port_rewind(p), 0);
	assert_int_equal(read_all(p, &t), RECORDS);
	assert_true(t.refuse || t.len == len); /* nothing is told of twice */
	assert_int_equal(fos_port_close(p), 0);
	assert_int_equal(t.settled, 1);
	assert_int_equal(t.done, t.refuse < 4);
}

static void test_told(void **state)
{
	static const struct told how[] = {
		{ .map = true }, { .map = false }, { .refuse = 3, .map = true }, { .refuse = 1u << 30 }
	};
	const char *path = path_of("ahead.pcap");

	(void)state;
	for (int ng = 0; ng < 2; ng++) {
		make(path, ng);
		for (size_t i = 0; i < sizeof how / sizeof *how; i++)
			tell(path, how[i],
			     ng ? 48 + (size_t)RECORDS * NG_RECORD : 24 + (size_t)RECORDS * (RECORD + CAPLEN));
	}
}

/* Without anybody to be told; and a port that has nothing to tell of. */
static void test_nobody(void **state)
{
	struct told none = { .refuse = 1 };
	const struct fos_ahead ahead = { hear, settle, &none };
	struct fos_port *p;
	char err[256];

	(void)state;
	assert_int_equal(fos_trace_open(path_of("ahead.pcap"), &p, err, sizeof err), 0);
	fos_port_ahead(p, NULL);
	assert_int_equal(read_all(p, &none), RECORDS);
	assert_int_equal(fos_port_close(p), 0);
	assert_int_equal(fos_null_port_open(&p), 0);
	fos_port_ahead(p, &ahead);
	assert_int_equal(fos_port_close(p), 0);
	assert_int_equal(none.calls + none.settled, 0);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path_of("ahead.pcap"));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_told), cmocka_unit_test(test_nobody) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
