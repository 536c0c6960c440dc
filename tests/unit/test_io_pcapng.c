/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_pcapng.c: pcapng files are read as they were written, in both byte orders, with every kind of packet block,
 * time stamp and section; damage is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_io_trace.h"

/* libwandio leaks its buffers where libtrace gives up on a file. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libwandio\nleak:libtrace.so\n";
}

static void pcapng_sections(struct bytes *b)
{
	struct bytes s = { .big = b->big };

	shb(b);
	idb(b, 1, 0, -1, 0);      /* microseconds */
	idb(b, 101, 4, 9, 0);     /* nanoseconds */
	idb(b, 113, 0, 0x8a, 0);  /* 2^-10 s */
	idb(b, 1, 0, 3, 1000000); /* milliseconds, from 1,000,000 s on */
	idb(b, 1, 0, 12, -2);     /* picoseconds, two seconds back */
	epb(b, 0, 1700000000123456, "micro", 5, 1500);
	put32(&s, 7);
	block(b, 0xbad, &s, 0); /* not known */
	epb(b, 1, 1700000000123456789, "nano", 4, 4);
	epb(b, 2, 3 << 10 | 512, "binary", 6, 6);
	epb(b, 3, 5001, "milli", 5, 5);
	epb(b, 4, 3000000001999, "pico", 4, 4);
	s.n = 0;
	put16(&s, 1); /* an old packet block: interface, drops */
	put16(&s, 0);
	put32(&s, 0);
	put32(&s, 99);
	put32(&s, 3);
	put32(&s, 3);
	put(&s, "old", 3);
	block(b, 2, &s, 0);
	shb(b);
	idb(b, 101, 6, -1, 0);
	s.n = 0;
	put32(&s, 100);
	put(&s, "simple", 6);
	block(b, 3, &s, 0);
}

static void test_pcapng(void **state)
{
	struct result r;

	(void)state;
	for (int big = 0; big < 2; big++) {
		struct bytes b = { .big = big };

		pcapng_sections(&b);
		b.big = !big; /* a section in the other byte order */
		shb(&b);
		idb(&b, 1, 0, -1, 0);
		epb(&b, 0, 1, "other", 5, 5);
		read_trace(save("v.pcapng", b.v, b.n), &r);
		assert_int_equal(r.ended, -ENODATA);
		assert_int_equal(r.n, 8);
		assert_int_equal(r.stats.skipped, 2); /* once, and once again after rewinding */
		assert_int_equal(r.f[0].ts_ns, 1700000000123456000);
		assert_int_equal(r.f[0].wire_len, 1500);
		assert_int_equal(r.f[1].ts_ns, 1700000000123456789);
		assert_int_equal(r.f[1].linktype, 101);
		assert_int_equal(r.f[1].port, 1);
		assert_int_equal(r.f[2].ts_ns, 3500000000);
		assert_int_equal(r.f[3].ts_ns, 1000005001000000);
		assert_int_equal(r.f[4].ts_ns, 1000000001);
		assert_string_equal(r.text[5], "old");
		assert_int_equal(r.f[5].ts_ns, 99);
		assert_string_equal(r.text[6], "simple");
		assert_int_equal(r.f[6].wire_len, 100);
		assert_int_equal(r.f[6].ts_ns, 1700000000123456789); /* it has no time of its own */
		assert_string_equal(r.text[7], "other");
	}
}

static void test_pcapng_damage(void **state)
{
	static const char *const says[] = {
		"the block's two lengths differ: ",
		"block claims 4 bytes",
		"block claims 33 bytes",
		"block claims 4000 bytes, and the file ends after ",
		"packet of interface 1, and there are 1",
		"packet claims 9 bytes in a block of 40",
		"packet claims 4294967295 bytes",
		"the file ends inside a block's header",
		"a packet block of 16 bytes",
		"an interface block of 16 bytes",
		"an option leaves its block",
		"a section header without byte order",
		"version 9 of pcapng is not known",
	};
	struct result r;

	(void)state;
	for (unsigned i = 0; i < sizeof says / sizeof *says; i++) {
		struct bytes b = { 0 }, s = { 0 };

		shb(&b);
		idb(&b, 1, 0, -1, 0);
		epb(&b, 0, 1, "good", 4, 4);
		put32(&s, 0);
		switch (i) {
		case 0:
			block(&b, 0xbad, &s, 4);
			put64(&b, 0);
			break;
		case 1:
			block(&b, 0xbad, &s, (uint32_t)-12);
			break;
		case 2:
			block(&b, 0xbad, &s, 17);
			put64(&b, 0);
			put64(&b, 0);
			put64(&b, 0);
			break;
		case 3:
			block(&b, 0xbad, &s, 4000 - 16);
			break;
		case 4:
			epb(&b, 1, 1, "bad", 3, 3);
			break;
		case 5:
			epb(&b, 0, 1, "12345678", 9, 9);
			break;
		case 6:
			epb(&b, 0, 1, "bad", UINT32_MAX, UINT32_MAX);
			break;
		case 7:
			put64(&b, 6);
			break;
		case 8:
			block(&b, 6, &s, 0);
			break;
		case 9:
			block(&b, 1, &s, 0);
			break;
		case 10:
			put32(&s, 0);
			put32(&s, 0x00500009);
			block(&b, 1, &s, 0);
			break;
		case 11:
			block(&b, 0x0a0d0d0a, &s, 0);
			break;
		case 12:
			shb(&b);
			b.v[b.n - 16] = 9;
			break;
		}
		read_trace(save("d.pcapng", b.v, b.n), &r);
		assert_int_equal(r.n, 1);
		assert_int_equal(r.ended, -EBADMSG);
		assert_string_equal(r.text[0], "good");
		if (!strstr(r.error, says[i]) || !strstr(r.error, ", after 1 packet: "))
			fail_msg("%u: \"%s\"", i, r.error);
	}
}

/* Whatever the bytes are, the reader stays inside them: the sanitizer is the judge. */
static void test_mangled(void **state)
{
	static struct bytes whole;
	static struct result r;

	(void)state;
	pcapng_sections(&whole);
	for (size_t n = 1; n < whole.n; n++) {
		read_trace(save("cut", whole.v, n), &r);
		assert_true(r.opened || r.ended == -EBADMSG || r.ended == -ENODATA);
	}
	for (uint64_t seed = 0; seed < 3000; seed++) {
		struct bytes b = whole;

		for (uint64_t i = 0; i < 1 + seed % 4; i++) {
			uint64_t h = fos_mix64_add(fos_mix64(seed), i);

			b.v[4 + fos_below(h, b.n - 4)] = (uint8_t)(h & 1 ? h >> 8 : 0xff);
		}
		read_trace(save("mangled", b.v, b.n), &r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcapng),
		cmocka_unit_test(test_pcapng_damage),
		cmocka_unit_test(test_mangled),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
