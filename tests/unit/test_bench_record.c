/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_bench_record.c: what a record keeps of made-up sessions, in order and impaired, is the formula's.
 */
#include "record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <flowos/frames.h>
#include <flowos/gen.h>

#include "replay.h"

static struct {
	struct fos_port *port;
	struct fos_frames frames;
	struct fos_gen_spec spec;
	char err[512];
} made;

static void make(const char *spec)
{
	assert_int_equal(fos_gen_parse(spec, &made.spec, made.err, sizeof(made.err)), 0);
	assert_int_equal(fos_gen_open(&made.spec, &made.port), 0);
	assert_int_equal(fos_frames_load(made.port, &made.frames, NULL, NULL), 0);
}

static void unmake(void)
{
	fos_frames_free(&made.frames);
	fos_port_close(made.port);
}

static struct bench_record *record(const char *name, const char *value)
{
	struct bench_engine_opts o = { .stages = 0 };
	struct fos_impair_spec spec;
	struct bench_schedule s;
	struct bench_record *r;

	fos_impair_spec_init(&spec);
	if (name)
		assert_int_equal(fos_impair_spec_set(&spec, name, value, made.err, sizeof(made.err)), 0);
	assert_int_equal(bench_schedule_make(&s, &made.frames, &spec, made.err, sizeof(made.err)), 0);
	assert_int_equal(bench_record_run(&o, &spec, &s.frames, &r, NULL, made.err, sizeof(made.err)), 0);
	assert_int_equal(bench_record_hash(r), 0);
	bench_schedule_free(&s);
	fos_impair_spec_free(&spec);
	return r;
}

/* Every span holds the formula's bytes; spans and gaps together are the stream, without overlap. */
static void hold(const struct bench_record *r)
{
	uint8_t want[4096];

	for (size_t i = 0; i < r->streams; i++) {
		const struct bench_stream *st = &r->stream[i];
		uint64_t session, at = 0, all = st->bytes;
		int server;

		if (st->mid) /* its beginning is lost: offsets count from elsewhere */
			continue;
		assert_int_equal(fos_gen_session_of(&st->key, &session, &server), 0);
		int dir = st->side == server ? FOS_GEN_RESPONSE : FOS_GEN_REQUEST;

		for (uint32_t k = 0; k < st->gaps; k++)
			all += st->gap[k].len;
		assert_true(all <= (dir == FOS_GEN_RESPONSE ? made.spec.bytes : made.spec.request));
		for (uint32_t k = 0; k < st->spans; k++) {
			assert_true(st->span[k].off >= at);
			at = st->span[k].off + st->span[k].len;
			assert_true(st->span[k].len <= sizeof(want));
			fos_gen_payload(made.spec.seed, session, dir, st->span[k].off, want, st->span[k].len);
			assert_memory_equal(st->span[k].data, want, st->span[k].len);
		}
	}
}

static void test_whole(void **state)
{
	struct bench_record *r;

	(void)state;
	make("sessions=20,bytes=5000,mss=700,request=300");
	r = record(NULL, NULL);
	assert_int_equal(r->streams, 40);
	for (size_t i = 0; i < r->streams; i++) {
		assert_true(r->stream[i].bytes == 5000 || r->stream[i].bytes == 300);
		assert_int_equal(r->stream[i].gaps, 0);
		assert_int_equal(r->stream[i].use, 0);
		assert_int_equal(r->stream[i].end, FOS_END_FIN);
		assert_false(r->stream[i].mid);
	}
	hold(r);
	bench_record_free(r);
	unmake();
}

static void test_impaired_is_the_same(void **state)
{
	static const struct {
		const char *name, *value;
	} impair[] = { { "reorder", "30%" }, { "dup", "30%,depth=9" }, { "delay", "1us,jitter=50us" } };
	struct bench_record *clean, *r;

	(void)state;
	make("sessions=50,bytes=3000,mss=300");
	clean = record(NULL, NULL);
	for (size_t i = 0; i < sizeof(impair) / sizeof(impair[0]); i++) {
		r = record(impair[i].name, impair[i].value);
		assert_int_equal(r->streams, clean->streams);
		for (size_t k = 0; k < r->streams; k++) {
			assert_memory_equal(r->stream[k].sha256, clean->stream[k].sha256, 32);
			assert_int_equal(bench_direction_cmp(&r->stream[k].key, r->stream[k].side,
			                                     &clean->stream[k].key, clean->stream[k].side),
			                 0);
			assert_int_equal(r->stream[k].start_seq, clean->stream[k].start_seq);
			assert_int_equal(r->stream[k].needless, 0);
			assert_false(r->stream[k].conflict);
		}
		hold(r);
		bench_record_free(r);
	}
	bench_record_free(clean);
	unmake();
}

static void test_gaps(void **state)
{
	struct bench_record *r;
	uint64_t gaps = 0;

	(void)state;
	make("sessions=50,bytes=3000,mss=300");
	r = record("loss", "10%");
	for (size_t i = 0; i < r->streams; i++)
		gaps += r->stream[i].gaps;
	assert_true(gaps > 10);
	hold(r);
	bench_record_free(r);
	unmake();
}

static void test_direction_text(void **state)
{
	struct bench_record *r;
	char buf[2 * FOS_ADDR_TEXT], other[2 * FOS_ADDR_TEXT];

	(void)state;
	make("sessions=1,ip=6");
	r = record(NULL, NULL);
	bench_direction_text(&r->stream[0].key, 0, buf, sizeof(buf));
	bench_direction_text(&r->stream[0].key, 1, other, sizeof(other));
	assert_int_equal(buf[0], '[');
	assert_non_null(strstr(buf, " > ["));
	assert_string_not_equal(buf, other);
	bench_record_free(r);
	bench_record_free(NULL);
	unmake();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_impaired_is_the_same),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_direction_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
