/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_decoder.c: the registry: names without regard to case, taken names, how many fit; and which streams are HTTP, by
 * their first bytes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <flowos/decoder.h>

#include "engine_run.h"

static const uint8_t *nowhere(const struct fos_pkt *p, const uint8_t *prev, uint64_t off, uint32_t *state)
{
	(void)p, (void)prev, (void)off, (void)state;
	return NULL;
}

static void test_find(void **state)
{
	static const char *const names[] = { "ip", "tcp", "udp", "app", "http" };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		const struct fos_decoder *d = fos_decoder_find(names[i], strlen(names[i]));

		assert_non_null(d);
		assert_string_equal(d->name, names[i]);
	}
	assert_non_null(fos_decoder_find("HttP:more", 4));
	assert_null(fos_decoder_find("http", 3));
	assert_null(fos_decoder_find("https", 5));
	assert_null(fos_decoder_find("", 0));
}

static void test_http(void **state)
{
	static const struct {
		const char *bytes;
		bool http;
	} table[] = { { "GET / HTTP/1.1\r\n", true },
		      { "HTTP/1.0 200", true },
		      { "GET", true },
		      { "GE", false },
		      { "GETTER", false },
		      { "get / ", false },
		      { "POST /x", true },
		      { "\x16\x03\x01", false },
		      { "HTTP/2", false },
		      { "OPTIONS *", true },
		      { "DELETE", true },
		      { "SSH-2.0", false },
		      { "DELETED", false },
		      { "x", false } };
	const struct fos_decoder *d = fos_decoder_find("http", 4);

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const uint8_t *bytes = (const uint8_t *)table[i].bytes, *then = (const uint8_t *)"other";
		struct fos_pkt p = { .app = bytes, .app_len = (uint32_t)strlen(table[i].bytes), .proto = 6 };
		uint32_t word = 0;

		if ((d->start(&p, bytes, 0, &word) == bytes) != table[i].http)
			fail_msg("%s", table[i].bytes);
		p.app = then;
		p.app_len = 5; /* the first packet decides for the direction */
		assert_ptr_equal(d->start(&p, then, 10, &word), table[i].http ? then : NULL);
	}
}

static void test_transport(void **state)
{
	uint8_t ip[64] = { 0 };
	struct fos_pkt p = { .ip = ip, .l4 = 20, .app = ip + 40, .app_len = 4, .proto = 6 };
	uint32_t word = 0;

	(void)state;
	assert_ptr_equal(fos_decoder_find("ip", 2)->start(&p, NULL, 0, &word), ip);
	assert_ptr_equal(fos_decoder_find("tcp", 3)->start(&p, ip, 0, &word), ip + 20);
	assert_null(fos_decoder_find("udp", 3)->start(&p, ip, 0, &word));
	assert_ptr_equal(fos_decoder_find("app", 3)->start(&p, ip, 0, &word), ip + 40);
	p.proto = 17;
	assert_null(fos_decoder_find("tcp", 3)->start(&p, ip, 0, &word));
	assert_ptr_equal(fos_decoder_find("udp", 3)->start(&p, ip, 0, &word), ip + 20);
}

static void test_register(void **state)
{
	static struct fos_decoder many[100];
	static char name[100][16];
	int n = 0, rc;

	(void)state;
	assert_int_equal(fos_decoder_register(&(struct fos_decoder){ "TCP", nowhere }), -EEXIST);
	for (;; n++) {
		snprintf(name[n], sizeof(name[n]), "x%d", n);
		many[n] = (struct fos_decoder){ name[n], nowhere };
		rc = fos_decoder_register(&many[n]);
		if (rc)
			break;
		assert_ptr_equal(fos_decoder_find(name[n], strlen(name[n])), &many[n]);
		assert_int_equal(fos_decoder_register(&many[n]), -EEXIST);
	}
	assert_int_equal(rc, -ENOSPC);
	assert_in_range(n, 16, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_find), cmocka_unit_test(test_http),
		                            cmocka_unit_test(test_transport), cmocka_unit_test(test_register) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
