/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_key.c: both directions have one key, whatever the addresses; and how keys and verdicts are written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <flowos/key.h>
#include <flowos/parse.h>
#include <flowos/rand.h>

/* A packet with nothing in it but what a key is made of. */
struct ends {
	uint8_t ip[40];
	struct fos_pkt p;
};

static void ends_set(struct ends *e, unsigned version, const uint8_t *src, uint16_t sport, const uint8_t *dst,
                     uint16_t dport)
{
	unsigned n = version == 4 ? 4 : 16, at = version == 4 ? 12 : 8;

	memset(e, 0, sizeof *e);
	memcpy(e->ip + at, src, n);
	memcpy(e->ip + at + n, dst, n);
	e->p.ip = e->ip;
	e->p.ip_version = (uint8_t)version;
	e->p.proto = 6;
	e->p.sport = sport;
	e->p.dport = dport;
	e->p.vlan = 77;
}

static void test_both_ways(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < 100000; round++) {
		uint8_t a[18], b[18];
		struct fos_key there, back;
		struct ends e, f;
		unsigned version = round & 1 ? 4 : 6, n = version == 4 ? 4 : 16;
		uint64_t h = fos_mix64(round);
		int side;

		for (unsigned i = 0; i < 16; i++) { /* addresses that differ late, or not at all */
			a[i] = (uint8_t)(h >> 8);
			b[i] = i >= (h & 31) ? (uint8_t)fos_mix64(h + i) : a[i];
		}
		a[n] = (uint8_t)(h >> 16 & 1);
		a[n + 1] = (uint8_t)(h >> 17 & 3);
		b[n] = (uint8_t)(h >> 19 & 1);
		b[n + 1] = (uint8_t)(h >> 20 & 3);
		ends_set(&e, version, a, (uint16_t)(a[n] * 256 + a[n + 1]), b, (uint16_t)(b[n] * 256 + b[n + 1]));
		ends_set(&f, version, b, e.p.dport, a, e.p.sport);
		memset(&there, 0xaa, sizeof there);
		memset(&back, 0x55, sizeof back);
		side = fos_key_of(&e.p, 0, &there);
		assert_int_equal(side, memcmp(a, b, n + 2) > 0); /* the definition */
		assert_int_equal(fos_key_of(&f.p, 0, &back), memcmp(b, a, n + 2) > 0);
		assert_memory_equal(&there, &back, sizeof there);
		assert_memory_equal(there.addr[side], a, n);
		assert_memory_equal(there.addr[!side], b, n);
		assert_int_equal(there.port[side], e.p.sport);
		assert_int_equal(there.port[!side], e.p.dport);
		assert_int_equal(there.vlan, 0xffff);
		assert_int_equal(there.version, version);
		assert_int_equal(there.proto, 6);
		fos_key_of(&e.p, 1, &there);
		assert_int_equal(there.vlan, 77);
	}
}

static void test_text(void **state)
{
	static const uint8_t a6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 }, b6[16] = { 0xff, 0xff, [13] = 1, 2, 3 };
	static const uint8_t full[16] = { 0xff, 0xee, 0xff, 0xee, 0xff, 0xee, 0xff, 0xee,
		                          0xff, 0xee, 0xff, 0xee, 0xff, 0xee, 0xff, 0xef };
	char buf[FOS_ADDR_TEXT];
	struct fos_key key;
	struct ends e;

	(void)state;
	ends_set(&e, 4, (uint8_t[]){ 10, 0, 0, 1 }, 80, (uint8_t[]){ 9, 255, 0, 1 }, 65535);
	assert_int_equal(fos_key_of(&e.p, 0, &key), 1);
	assert_ptr_equal(fos_key_text(&key, 1, buf, sizeof buf), buf);
	assert_string_equal(buf, "10.0.0.1:80");
	assert_string_equal(fos_key_text(&key, 0, buf, sizeof buf), "9.255.0.1:65535");
	ends_set(&e, 6, a6, 1, b6, 65535);
	assert_int_equal(fos_key_of(&e.p, 0, &key), 0);
	assert_string_equal(fos_key_text(&key, 0, buf, sizeof buf), "[2001:db8::1]:1");
	assert_string_equal(fos_key_text(&key, 1, buf, sizeof buf), "[ffff::1:203]:65535");
	ends_set(&e, 6, full, 65535, full, 65535);
	fos_key_of(&e.p, 0, &key);
	assert_string_equal(fos_key_text(&key, 0, buf, sizeof buf), "[ffee:ffee:ffee:ffee:ffee:ffee:ffee:ffef]:65535");
	assert_string_equal(fos_key_text(&key, 0, buf, 6), "[ffee");
}

static void test_verdicts(void **state)
{
	static const char *const names[] = { "tcp",    "udp",       "fragment",  "other",
		                             "non_ip", "malformed", "truncated", "linktype" };

	(void)state;
	for (int i = 0; i < FOS_PKT_VERDICTS; i++)
		assert_string_equal(fos_verdict_name((enum fos_verdict)i), names[i]);
	assert_string_equal(fos_verdict_name(FOS_PKT_VERDICTS), "?");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_verdicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
