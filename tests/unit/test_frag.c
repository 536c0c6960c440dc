/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_frag.c: fragments in every order, twice, overlapping, too late, too many, in tunnels; and at random against a
 * model that is an array of bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <flowos/frag.h>
#include <flowos/parse.h>
#include <flowos/rand.h>

#include "parse_build.h"

/* A datagram to be cut up: its IP packet as built, unfragmented. */
static struct build whole;
static struct fos_frag_table *table;
static uint64_t now_ns;
static struct fos_pkt last; /* as fos_frag_add() left it */

static const uint64_t second = UINT64_C(1000000000);

static uint32_t header_len(void)
{
	return build_bytes(&whole)[0] >> 4 == 4 ? (build_bytes(&whole)[0] & 15u) * 4 : 40;
}

static uint32_t payload_len(void)
{
	return build_len(&whole) - header_len();
}

static void start(const char *line, const struct fos_frag_config *cfg)
{
	fos_frag_destroy(table);
	assert_int_equal(fos_frag_create(cfg, &table), 0);
	build(&whole, line);
	now_ns = second;
}

static struct fos_frag_stats stats(void)
{
	struct fos_frag_stats st;

	fos_frag_stats(table, &st);
	return st;
}

/* Feeds an IP packet. A datagram that comes of it is in `last`, for the test to put. */
static int feed(const uint8_t *ip, uint32_t len, uint32_t caplen)
{
	uint8_t *data = exact_copy(ip, caplen);
	int verdict;

	memset(&last, 0, sizeof last);
	last.f = (struct fos_frame){ .data = data, .len = caplen, .wire_len = len, .linktype = 101, .ts_ns = now_ns };
	assert_int_equal(fos_parse(&last, 0), FOS_PKT_FRAGMENT);
	verdict = (int)fos_frag_add(table, &last, 0);
	exact_free(data, caplen); /* what is kept must be a copy */
	assert_true((last.buf != NULL) == (verdict != FOS_PKT_FRAGMENT));
	return verdict;
}

/* The fragment of `whole` with [from, to) of the payload; `xor` changes its last byte. */
static uint32_t cut(uint8_t *out, uint32_t from, uint32_t to, uint8_t xor, uint32_t id)
{
	const uint8_t *ip = build_bytes(&whole);
	uint32_t hlen = header_len(), more = to < payload_len(), body = hlen;

	memcpy(out, ip, hlen);
	if (hlen == 40) {
		out[6] = 44;
		memset(out + 40, 0, 8);
		out[40] = ip[6];
		put16(out + 42, from | more);
		put16(out + 44, id >> 16);
		put16(out + 46, id & 0xffff);
		put16(out + 4, to - from + 8);
		body = 48;
	} else {
		put16(out + 2, hlen + to - from);
		put16(out + 4, id & 0xffff);
		put16(out + 6, from / 8 | more << 13);
	}
	memcpy(out + body, ip + hlen + from, to - from);
	out[body + to - from - 1] ^= xor;
	return body + to - from;
}

static int feed_part(uint32_t from, uint32_t to, uint8_t xor, uint32_t id)
{
	uint8_t mem[66000];
	uint32_t len = cut(mem, from, to < payload_len() ? to : payload_len(), xor, id);

	return feed(mem, len, len);
}

/* `last` is `whole` again, but for the identification and the header checksum. */
static void check_whole(void)
{
	uint8_t *ip = build_bytes(&whole);

	assert_non_null(last.buf);
	assert_int_equal(last.ip_len, build_len(&whole));
	if (ip[0] >> 4 == 4) {
		assert_int_equal(get16(last.ip + 2), build_len(&whole));
		assert_int_equal(get16(last.ip + 6), 0);
		assert_int_equal(model_sum(last.ip, last.l4, 0), 0xffff);
		assert_memory_equal(last.ip + 12, ip + 12, build_len(&whole) - 12);
	} else {
		assert_memory_equal(last.ip, ip, build_len(&whole));
	}
	assert_true(fos_checksum_ok(&last));
	assert_true(last.ip >= last.buf->bytes && last.ip + last.ip_len == last.buf->bytes + last.buf->len);
	fos_buf_put(last.buf);
}

/* All orders of four fragments, each followed by a copy of one before. */
static void test_orders(void **state)
{
	static const char *const lines[] = { "ip4 udp=9 data=1200", "ip4=44 tcp=12 data=1001",
		                             "ip6 udp=9 data=1200", "ip4 udp=9 data=60000",
		                             "ip6 tcp data=65000",  "ip6 hop dst udp=9 data=999" };

	(void)state;
	for (unsigned l = 0; l < sizeof lines / sizeof *lines; l++) {
		start(lines[l], NULL);
		for (unsigned n = 0; n < 256; n++) {
			unsigned order[4] = { n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6 & 3 };
			uint32_t q = payload_len() / 4 & ~7u;

			if ((1u << order[0] | 1u << order[1] | 1u << order[2] | 1u << order[3]) != 15)
				continue;
			for (unsigned i = 0; i < 4; i++) {
				uint32_t from = order[i] * q, to = order[i] == 3 ? 65536 : from + q;

				if (i < 3) {
					assert_int_equal(feed_part(from, to, 0, n), FOS_PKT_FRAGMENT);
					assert_int_equal(feed_part(from, to, 0, n), FOS_PKT_FRAGMENT);
				} else {
					assert_int_equal(feed_part(from, to, 0, n),
					                 strstr(lines[l], "tcp") ? FOS_PKT_TCP : FOS_PKT_UDP);
				}
			}
			check_whole();
		}
		assert_int_equal(stats().datagrams, 24);
		assert_int_equal(stats().duplicates, 24 * 3);
		assert_int_equal(stats().fragments, 24 * 7);
		assert_int_equal(stats().overlaps + stats().conflicts + stats().bad + stats().held_bytes, 0);
		assert_true(stats().held_peak_bytes >= payload_len());
	}
}

/* IPv4 keeps what came first. */
static void test_overlap4(void **state)
{
	(void)state;
	start("ip4 udp=9 data=92", NULL); /* 100 bytes */
	feed_part(0, 48, 0, 1);
	feed_part(32, 64, 1, 1); /* 32 to 48 are the same, 48 to 64 new, and wrong in the last byte */
	assert_int_equal(stats().overlaps, 1);
	assert_int_equal(stats().conflicts, 0);
	feed_part(0, 8, 1, 1); /* differs from what is there */
	assert_int_equal(stats().overlaps, 2);
	assert_int_equal(stats().conflicts, 1);
	feed_part(8, 24, 0, 1); /* nothing new */
	assert_int_equal(stats().duplicates, 1);
	assert_int_equal(feed_part(56, 100, 0, 1), FOS_PKT_UDP);
	assert_int_equal(stats().overlaps, 3);
	assert_int_equal(stats().conflicts, 2);
	assert_int_equal(last.ip[20 + 63], build_bytes(&whole)[20 + 63] ^ 1);
	assert_memory_equal(last.ip + 20, build_bytes(&whole) + 20, 63);
	assert_memory_equal(last.ip + 20 + 64, build_bytes(&whole) + 20 + 64, 36);
	assert_false(fos_checksum_ok(&last));
	fos_buf_put(last.buf);
}

/* IPv6: an overlap, even of equal bytes, is the end of the datagram, and of what comes of it later. */
static void test_overlap6(void **state)
{
	(void)state;
	start("ip6 udp=9 data=92", NULL);
	feed_part(0, 48, 0, 1);
	feed_part(0, 48, 0, 1);
	assert_int_equal(stats().duplicates, 1);
	feed_part(40, 64, 0, 1);
	assert_int_equal(stats().overlaps, 1);
	assert_int_equal(stats().conflicts, 0);
	feed_part(0, 48, 0, 1);
	feed_part(48, 64, 0, 1);
	assert_int_equal(feed_part(64, 100, 0, 1), FOS_PKT_FRAGMENT);
	feed_part(0, 48, 0, 2); /* another is not concerned */
	feed_part(0, 48, 3, 2);
	assert_int_equal(stats().conflicts, 1);
	assert_true(stats().held_bytes < 4000); /* no buffers */
	now_ns += 30 * second;
	fos_frag_expire(table, now_ns);
	assert_int_equal(stats().held_bytes, 0);
	assert_int_equal(stats().timeouts, 0); /* it had been given up before */
	feed_part(0, 48, 0, 1);
	assert_int_equal(feed_part(48, 100, 0, 1), FOS_PKT_UDP);
	check_whole();
}

static void test_bad(void **state)
{
	uint8_t mem[66000];
	uint32_t len;

	(void)state;
	start("ip4 udp=9 data=92", NULL);
	/* in part, empty, not a multiple of eight: nothing waits for the others */
	len = cut(mem, 0, 48, 0, 1);
	feed(mem, len, len - 1);
	feed(mem, 20, 20);
	put16(mem + 2, len - 4);
	feed(mem, len - 4, len - 4);
	assert_int_equal(stats().bad, 3);
	assert_int_equal(stats().held_bytes, 0);
	/* beyond 65,535 */
	len = cut(mem, 8, 48, 0, 1);
	put16(mem + 6, 0x3fff);
	feed(mem, len, len);
	assert_int_equal(stats().bad, 4);
	/* two ends; an end before what came; more behind the end */
	feed_part(48, 100, 0, 1);
	len = cut(mem, 48, 100, 0, 1);
	put16(mem + 2, len - 4);
	feed(mem, len - 4, len - 4);
	assert_int_equal(stats().bad, 5);
	feed_part(64, 88, 0, 2);
	len = cut(mem, 48, 64, 0, 2);
	put16(mem + 6, 48 / 8);
	feed(mem, len, len);
	assert_int_equal(stats().bad, 6);
	len = cut(mem, 48, 64, 0, 3);
	put16(mem + 6, 48 / 8);
	feed(mem, len, len);
	feed_part(64, 88, 0, 3);
	assert_int_equal(stats().bad, 7);
	assert_int_equal(stats().held_bytes, 0);
	/* the first header is longer than those that the length was judged by: 65,516 fit behind 20, not behind 60 */
	start("ip4 data=65515", NULL);
	feed_part(16, 40000, 0, 1);
	feed_part(40000, 65515, 0, 1);
	len = cut(mem, 0, 16, 0, 1);
	memmove(mem + 60, mem + 20, 16);
	memset(mem + 20, 1, 40);
	mem[0] = 0x4f;
	put16(mem + 2, 76);
	assert_int_equal(feed(mem, 76, 76), FOS_PKT_FRAGMENT);
	assert_int_equal(stats().bad, 1);
	assert_int_equal(stats().held_bytes, 0);
}

static void test_time(void **state)
{
	struct fos_frag_config cfg = { .timeout_ns = 5 * second };

	(void)state;
	start("ip4 udp=9 data=92", &cfg);
	feed_part(0, 48, 0, 1);
	now_ns += 4 * second;
	feed_part(0, 48, 0, 2);
	now_ns += second - 1;
	assert_int_equal(feed_part(48, 100, 0, 1), FOS_PKT_UDP); /* just in time */
	check_whole();
	now_ns += 4 * second + 1; /* the second one's time is over, by a fragment's own time stamp */
	assert_int_equal(feed_part(48, 100, 0, 2), FOS_PKT_FRAGMENT);
	assert_int_equal(stats().timeouts, 1);
	now_ns -= 3 * second; /* a time stamp from before gives up nothing, and what begins now is not older for it */
	feed_part(0, 48, 0, 3);
	assert_int_equal(stats().timeouts, 1);
	now_ns += 8 * second - 1;
	assert_int_equal(feed_part(48, 100, 0, 3), FOS_PKT_UDP);
	check_whole();
	assert_int_equal(stats().timeouts, 1);
	fos_frag_expire(table, now_ns + 100 * second);
	assert_int_equal(stats().timeouts, 2);
	assert_int_equal(stats().held_bytes, 0);
	assert_int_equal(stats().datagrams, 2);
}

static void test_caps(void **state)
{
	struct fos_frag_config few = { .max_datagrams = 3 }, small = { .max_bytes = 100000 };
	struct fos_frag_config tiny = { .max_bytes = 1000 }, tight = { .max_bytes = 20000 };

	(void)state;
	start("ip4 udp=9 data=92", &few);
	for (uint32_t id = 1; id <= 5; id++)
		feed_part(0, 48, 0, id);
	assert_int_equal(stats().evicted, 2);
	assert_int_equal(feed_part(48, 100, 0, 3), FOS_PKT_UDP); /* the third is there, the first is not */
	check_whole();
	assert_int_equal(feed_part(48, 100, 0, 1), FOS_PKT_FRAGMENT);

	start("ip4 udp=9 data=60000", &small);
	for (uint32_t id = 0; id < 1000; id++) {
		feed_part(id % 7 * 8192, id % 7 * 8192 + 2048, 0, id);
		assert_true(stats().held_bytes <= 100000);
	}
	assert_true(stats().evicted > 900 && stats().evicted < 1000);
	assert_true(stats().held_peak_bytes > 60000 && stats().held_peak_bytes <= 100000);

	start("ip4 udp=9 data=60000", &tiny); /* not even one */
	feed_part(0, 2048, 0, 1);
	assert_int_equal(stats().evicted, 1);
	assert_int_equal(stats().held_bytes, 0);

	start("ip4 udp=9 data=60000", &tight); /* one may begin, and not grow */
	feed_part(0, 2048, 0, 1);
	assert_int_equal(stats().evicted, 0);
	feed_part(32768, 34816, 0, 1);
	assert_int_equal(stats().evicted, 1);
	assert_int_equal(stats().held_bytes, 0);
}

/* feed_part() from host number `host`. */
static int feed_from(uint32_t host, uint32_t from, uint32_t to, uint32_t id)
{
	uint8_t mem[66000];
	uint32_t len = cut(mem, from, to < payload_len() ? to : payload_len(), 0, id);
	uint32_t src = header_len() == 40 ? 8 + 12 : 12;

	put16(mem + src, 0x0a00 + (host >> 16));
	put16(mem + src + 2, host & 0xffff);
	return feed(mem, len, len);
}

enum { FLOOD = 5000, SLOW = 50 };

/* Datagrams of 50 hosts that take their time, half of a flood each; `attackers` hosts send first fragments of nothing.
 * Returns how many of them come together. */
static unsigned slow_ones(uint32_t attackers)
{
	unsigned whole_ones = 0;

	for (uint32_t i = 0; i < FLOOD; i++) {
		feed_from(1000 + i % attackers, 0, 48, i);
		if (i % 50 == 0 && i / 50 < SLOW)
			feed_from(i / 50, 48, 100, 7);
		if (i % 50 == 49 && i / 50 >= SLOW && feed_from(i / 50 - SLOW, 0, 48, 7) != FOS_PKT_FRAGMENT) {
			fos_buf_put(last.buf);
			whole_ones++;
		}
	}
	return whole_ones;
}

/* Who has many waiting gives way, in turns; who has not completes. Where nobody has many, the oldest goes. */
static void test_fair(void **state)
{
	static const char *const lines[] = { "ip4 udp=9 data=92", "ip6 udp=9 data=92" };
	static const struct fos_frag_config cfg[] = { { .max_datagrams = 200 }, { .max_bytes = 200 * 4500 } };

	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		for (uint32_t attackers = 1; attackers <= 10; attackers += 3) {
			start(lines[k % 2], &cfg[k / 2]);
			assert_int_equal(slow_ones(attackers), SLOW);
			assert_true(stats().evicted >= FLOOD - 200);
			assert_int_equal(stats().evicted_of_many, stats().evicted);
			assert_in_range(stats().waiting_peak, 150, k / 2 ? 250 : 200);
			assert_true(k / 2 == 0 || stats().held_peak_bytes <= cfg[1].max_bytes);
		}
		start(lines[k % 2], &cfg[k / 2]);
		assert_int_equal(slow_ones(FLOOD), 0); /* forged addresses: nobody can be told from anybody else */
		assert_int_equal(stats().evicted_of_many, 0);
	}
	/* a pair that has many does not give up what is just growing */
	start("ip4 udp=9 data=60000", &(struct fos_frag_config){ .max_bytes = 100000 });
	for (uint32_t id = 0; id < 10; id++)
		feed_part(0, 2048, 0, id);
	for (uint32_t at = 2048; at < payload_len(); at += 2048)
		assert_int_equal(feed_part(at, at + 2048, 0, 0) == FOS_PKT_UDP, at + 2048 >= payload_len());
	check_whole();
	assert_int_equal(stats().evicted_of_many, 3); /* 10 wait, until 7 do; then the oldest */
}

/* Same identification, other protocol or address: another datagram. */
static void test_keys(void **state)
{
	uint8_t mem[66000];
	uint32_t len;

	(void)state;
	start("ip4 udp=9 data=92", NULL);
	feed_part(0, 48, 0, 1);
	for (unsigned at = 9; at < 20; at += at == 9 ? 3 : 1) { /* the protocol, then each byte of the addresses */
		len = cut(mem, 48, 100, 0, 1);
		mem[at] ^= 0x40;
		assert_int_equal(feed(mem, len, len), FOS_PKT_FRAGMENT);
	}
	assert_int_equal(feed_part(48, 100, 0, 1), FOS_PKT_UDP);
	check_whole();
}

/* Fragments of a packet in a tunnel, whose outer packet is in fragments itself. */
static void test_tunnel(void **state)
{
	static struct build inner;
	uint8_t first[200], second_half[200];
	uint32_t n, m;

	(void)state;
	start("ip4 udp=9 data=92", NULL);
	inner = whole;
	n = cut(first, 0, 48, 0, 1);
	m = cut(second_half, 48, 100, 0, 1);
	assert_int_equal(feed(second_half, m, m), FOS_PKT_FRAGMENT);
	build(&whole, "ip4 ip4 data=48"); /* and in it the first fragment */
	memcpy(build_bytes(&whole) + 20, first, n);
	assert_int_equal(feed_part(0, 24, 0, 7), FOS_PKT_FRAGMENT);
	{
		uint8_t mem[200];
		uint32_t len = cut(mem, 24, 68, 0, 7);

		memset(&last, 0, sizeof last);
		last.f = (struct fos_frame){ .data = mem, .len = len, .wire_len = len, .linktype = 101 };
		last.f.ts_ns = now_ns;
		assert_int_equal(fos_parse(&last, 0), FOS_PKT_FRAGMENT);
		assert_int_equal(fos_frag_add(table, &last, 0), FOS_PKT_FRAGMENT);
		assert_non_null(last.buf); /* the outer datagram is complete; the inner is a fragment: again */
		assert_int_equal(last.encap, FOS_ENCAP_IPIP);
		assert_int_equal(fos_frag_add(table, &last, 0), FOS_PKT_UDP);
	}
	whole = inner;
	assert_true(fos_checksum_ok(&last));
	check_whole();
	assert_int_equal(stats().held_bytes, 0);
}

/* An unfragmentable part longer than the room that is kept for a header; an atomic fragment header in it. */
static void test_long_header(void **state)
{
	static struct build a, b;
	static const char *const parts[][3] = {
		{ "ip6 hop route route route dst frag6=1 data=64", "ip6 hop route route route dst frag6=64 data=40",
		  "ip6 hop route route route dst data=104" },
		{ "ip6 ah frag6=0 frag6=1 data=64", "ip6 ah frag6=0 frag6=64 data=40", "ip6 ah frag6=0 data=104" },
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint32_t len;

		start(parts[i][2], NULL);
		build(&a, parts[i][0]);
		build(&b, parts[i][1]);
		memcpy(build_bytes(&a) + build_len(&a) - 64, build_bytes(&whole) + build_len(&whole) - 104, 64);
		memcpy(build_bytes(&b) + build_len(&b) - 40, build_bytes(&whole) + build_len(&whole) - 40, 40);
		len = build_len(&a) - 64;
		build_bytes(&a)[len - 8] = build_bytes(&b)[len - 8] = 0xfd; /* what is in the fragments */
		assert_int_equal(feed(build_bytes(&b), build_len(&b), build_len(&b)), FOS_PKT_FRAGMENT);
		assert_int_equal(feed(build_bytes(&a), build_len(&a), build_len(&a)), FOS_PKT_OTHER);
		assert_int_equal(last.proto, 0xfd);
		assert_int_equal(last.l4, len - 8);
		assert_int_equal(last.ip_len, build_len(&whole));
		assert_int_equal(get16(last.ip + 4), build_len(&whole) - 40);
		assert_memory_equal(last.ip + len - 8, build_bytes(&whole) + len - 8, 104);
		fos_buf_put(last.buf);
	}
}

/* Many datagrams at once, any ranges; a copy of each byte that came first says what must come out. */
static void test_random(void **state)
{
	enum { ROUNDS = 3000, UNITS = 40 };
	const char *s = getenv("FLOWOS_SEED");
	uint64_t start_at = s ? strtoull(s, NULL, 0) : 1;
	uint64_t complete = 0;

	(void)state;
	print_message("FLOWOS_SEED=%llu\n", (unsigned long long)start_at);
	start("ip4 udp=9 data=309", NULL); /* 317 bytes: 40 units, the last of 5 bytes */
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint8_t model[UNITS * 8];
		bool have[UNITS] = { false }, all = false;

		for (uint64_t i = 0; !all; i++) {
			uint64_t h = fos_mix64_add(fos_mix64_add(start_at, round), i);
			uint32_t from = (uint32_t)fos_below(h, UNITS), to = from + 1 + (uint32_t)(h & 15);
			int got;

			to = to < UNITS ? to : UNITS;
			got = feed_part(from * 8, to * 8, (uint8_t)(h >> 4 & 3 ? 0 : i), round);
			all = true;
			for (uint32_t u = 0; u < UNITS; u++) {
				if (u >= from && u < to && !have[u]) {
					uint32_t end = u * 8 + 8 < 317 ? u * 8 + 8 : 317;

					memcpy(model + u * 8, build_bytes(&whole) + 20 + u * 8, end - u * 8);
					if (u == to - 1 && !(h >> 4 & 3))
						model[end - 1] ^= (uint8_t)i;
					have[u] = true;
				}
				all = all && have[u];
			}
			assert_int_equal(got == FOS_PKT_FRAGMENT, !all);
		}
		assert_int_equal(last.ip_len, 337);
		assert_memory_equal(last.ip + 20, model, 317);
		fos_buf_put(last.buf);
		complete++;
	}
	assert_int_equal(stats().datagrams, complete);
	assert_int_equal(stats().held_bytes, 0);
	assert_true(stats().conflicts > 0 && stats().overlaps > stats().conflicts && stats().duplicates > 0);
}

static int teardown(void **state)
{
	(void)state;
	fos_frag_destroy(table);
	fos_frag_destroy(NULL);
	fos_buf_put(NULL);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),      cmocka_unit_test(test_overlap4), cmocka_unit_test(test_overlap6),
		cmocka_unit_test(test_bad),         cmocka_unit_test(test_time),     cmocka_unit_test(test_fair),
		cmocka_unit_test(test_caps),        cmocka_unit_test(test_keys),     cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_long_header), cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
