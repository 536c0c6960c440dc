/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_mem.c: frames in memory, the port over them, and the null port.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <flowos/memport.h>

enum { FRAMES = 1000 };

/* A port whose frames die with the next rx, in two pieces, and which ends as it is told. */
struct fleeting {
	struct fos_port port;
	uint64_t at, n;
	int end;
	uint8_t bytes[FOS_BATCH_MAX][32];
};

static void content(uint64_t i, uint8_t buf[32])
{
	for (unsigned k = 0; k < 32; k++)
		buf[k] = (uint8_t)(i * 7 + k);
}

static int fleeting_rx(struct fos_port *p, struct fos_batch *b)
{
	struct fleeting *f = (struct fleeting *)p;

	memset(f->bytes, 0xee, sizeof f->bytes);
	for (b->n = 0; b->n < FOS_BATCH_MAX && f->at < f->n; f->at++, b->n++) {
		uint8_t *at = f->bytes[b->n];

		content(f->at, at);
		b->pkt[b->n].f = (struct fos_frame){ .data = at,
			                             .len = 10,
			                             .ext = at + 10,
			                             .ext_len = (uint32_t)(f->at % 23),
			                             .ts_ns = f->at,
			                             .num = f->at + 1,
			                             .wire_len = 99 };
	}
	b->now_ns = f->at;
	return b->n ? (int)b->n : f->end;
}

static const char *fleeting_error(const struct fos_port *p)
{
	return ((const struct fleeting *)p)->end == -ENODATA ? "" : "fleeting: it broke";
}

static const struct fos_port_ops fleeting_ops = { .name = "fleeting", .rx = fleeting_rx, .error = fleeting_error };

static void check_frames(const struct fos_frames *f, uint64_t n)
{
	assert_int_equal(f->n, n);
	for (uint64_t i = 0; i < n; i++) {
		uint8_t want[32];

		content(i, want);
		assert_int_equal(f->v[i].len, 10 + i % 23);
		assert_memory_equal(f->v[i].data, want, f->v[i].len);
		assert_null(f->v[i].ext);
		assert_int_equal(f->v[i].flags, FOS_FRAME_STABLE);
		assert_int_equal(f->v[i].wire_len, 99);
	}
}

static void test_load(void **state)
{
	struct fleeting src = { .port.ops = &fleeting_ops, .n = 200000, .end = -ENODATA };
	struct fos_frames f = { 0 };

	(void)state;
	assert_int_equal(fos_frames_load(&src.port, &f, NULL, NULL), 0);
	check_frames(&f, 200000);
	assert_int_equal(f.status, 0);
	assert_string_equal(f.error, "");
	fos_frames_free(&f);
	assert_int_equal(f.n, 0);
	fos_frames_free(&f);
}

static void test_damaged(void **state)
{
	struct fleeting src = { .port.ops = &fleeting_ops, .n = FRAMES, .end = -EBADMSG };
	struct fos_frames f = { 0 };
	struct fos_port *p;
	struct fos_batch b;
	uint64_t n = 0;
	int ret;

	(void)state;
	assert_int_equal(fos_frames_load(&src.port, &f, NULL, NULL), -EBADMSG);
	check_frames(&f, FRAMES);
	assert_string_equal(f.error, "fleeting: it broke");
	assert_int_equal(fos_mem_port_take(&f, &p), 0);
	assert_int_equal(f.n, 0);
	assert_null(f.v);
	while ((ret = fos_port_rx(p, &b)) > 0)
		n += b.n;
	assert_int_equal(n, FRAMES); /* the damage is passed on, behind what is good */
	assert_int_equal(ret, -EBADMSG);
	assert_string_equal(fos_port_error(p), "fleeting: it broke");
	assert_int_equal(fos_port_close(p), 0);
}

static int stop_at(void *arg, uint64_t packets)
{
	return packets >= *(uint64_t *)arg;
}

static void test_progress(void **state)
{
	struct fleeting src = { .port.ops = &fleeting_ops, .n = 10000000, .end = -ENODATA };
	struct fos_frames f = { 0 };
	uint64_t limit = 100000;

	(void)state;
	assert_int_equal(fos_frames_load(&src.port, &f, stop_at, &limit), -ECANCELED);
	assert_in_range(f.n, 100000, 200000);
	check_frames(&f, f.n);
	src.at = src.n = 0; /* a port with nothing now is asked again until progress has enough */
	src.end = 0;
	limit = 0;
	assert_int_equal(fos_frames_load(&src.port, &f, stop_at, &limit), -ECANCELED);
	fos_frames_free(&f);
}

static void test_port(void **state)
{
	static struct fos_frame v[FRAMES];
	struct fos_port_stats st;
	struct fos_port *p;
	struct fos_batch b;
	int ret;

	(void)state;
	for (uint64_t i = 0; i < FRAMES; i++)
		v[i] = (struct fos_frame){
			.data = (uint8_t *)&v[i], .len = 56, .wire_len = 60, .ts_ns = i % 100, .num = i + 1
		};
	assert_int_equal(fos_mem_port_open(v, FRAMES, &p), 0);
	for (int round = 0; round < 2; round++) {
		uint64_t n = 0, now = 0;

		while ((ret = fos_port_rx(p, &b)) > 0) {
			for (uint32_t i = 0; i < b.n; i++)
				assert_memory_equal(&b.pkt[i].f, &v[n + i], sizeof *v);
			assert_true(b.now_ns >= now);
			now = b.now_ns;
			n += b.n;
		}
		assert_int_equal(n, FRAMES);
		assert_int_equal(ret, -ENODATA);
		assert_int_equal(b.n, 0);
		assert_int_equal(fos_port_rewind(p), 0);
	}
	fos_port_stats(p, &st);
	assert_int_equal(st.rx_packets, 2 * FRAMES);
	assert_int_equal(st.rx_bytes, 2 * FRAMES * 56);
	b.n = 1;
	assert_int_equal(fos_port_tx(p, &b), -ENOTSUP);
	assert_string_equal(fos_port_error(p), "");
	assert_int_equal(fos_port_close(p), 0);
	assert_int_equal(fos_mem_port_open(NULL, 0, &p), 0);
	assert_int_equal(fos_port_rx(p, &b), -ENODATA);
	assert_int_equal(fos_port_close(p), 0);
}

static void test_null(void **state)
{
	struct fos_batch b = { .n = 2 };
	struct fos_port_stats st;
	struct fos_port *p;

	(void)state;
	b.pkt[0].f.len = 100;
	b.pkt[1].f.len = 50;
	b.pkt[1].f.ext_len = 7;
	assert_int_equal(fos_null_port_open(&p), 0);
	assert_int_equal(fos_port_tx(p, &b), 2);
	assert_int_equal(fos_port_tx(p, &b), 2);
	fos_port_stats(p, &st);
	assert_int_equal(st.tx_packets, 4);
	assert_int_equal(st.tx_bytes, 314);
	assert_int_equal(fos_port_rx(p, &b), -ENODATA);
	assert_int_equal(b.n, 0);
	assert_int_equal(fos_port_close(p), 0);
	assert_int_equal(fos_port_close(NULL), 0);
}

static void test_bytes(void **state)
{
	struct fos_frames f = { 0 };
	uint8_t *first = fos_frames_bytes(&f, 10), *at;

	(void)state;
	memcpy(first, "0123456789", 10);
	for (size_t len = 1; len < 100000000; len *= 3) {
		at = fos_frames_bytes(&f, len);
		assert_non_null(at);
		at[0] = at[len - 1] = 'x';
	}
	assert_memory_equal(first, "0123456789", 10);
	fos_frames_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load), cmocka_unit_test(test_damaged), cmocka_unit_test(test_progress),
		cmocka_unit_test(test_port), cmocka_unit_test(test_null),    cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
