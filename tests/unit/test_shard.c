/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_shard.c: all of a session goes to one worker, whichever way it is sent and whatever lies around it; fragments go
 * where their datagram goes, in whatever order they come, also within tunnels; every packet is placed once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <flowos/rand.h>
#include <flowos/shard.h>

#include "parse_build.h"

enum { WORKERS = 7, PACKETS_MAX = 64 };

static const uint64_t second = UINT64_C(1000000000);

/* Where each packet was placed, and how often. */
static uint32_t placed[PACKETS_MAX];
static unsigned times[PACKETS_MAX];
static struct fos_shard_map *map;
static struct fos_shard shard; /* of most tests: seed 3, WORKERS */

static void place(void *arg, uint64_t number, uint32_t worker)
{
	(void)arg;
	assert_true(number < PACKETS_MAX && worker < WORKERS);
	placed[number] = worker;
	times[number]++;
}

static void open_map(const struct fos_worker_config *cfg)
{
	static const struct fos_worker_config none;

	fos_shard_map_destroy(map);
	memset(times, 0, sizeof times);
	assert_int_equal(fos_shard_map_create(cfg ? cfg : &none, &shard, place, NULL, &map), 0);
}

static void add(const uint8_t *bytes, uint32_t len, uint16_t linktype, uint64_t number, uint64_t now_ns)
{
	struct fos_frame f = { .data = bytes, .len = len, .wire_len = len, .linktype = linktype, .ts_ns = now_ns };

	assert_int_equal(fos_shard_map_add(map, &f, number, now_ns), 0);
}

/* Of a packet without fragments. */
static uint32_t shard_of(const char *line, unsigned client_port)
{
	static struct build b;
	struct fos_pkt p = { 0 };
	uint8_t *l4;

	build(&b, line);
	p.f = (struct fos_frame){
		.data = build_bytes(&b), .len = build_len(&b), .wire_len = build_len(&b), .linktype = 1
	};
	fos_parse(&p, 0);
	assert_true(p.verdict == FOS_PKT_TCP || p.verdict == FOS_PKT_UDP || p.verdict == FOS_PKT_OTHER);
	l4 = build_bytes(&b) + (p.ip + p.l4 - build_bytes(&b));
	if (client_port) {
		put16(l4, client_port);
		fos_parse(&p, 0);
	}
	return fos_shard_of(&shard, &p);
}

/* What lies around a session, and its VLAN, is no part of where it goes. */
static void test_around(void **state)
{
	static const char *const outer[] = { "eth ip4 tcp",
		                             "eth vlan=5 ip4 tcp",
		                             "eth vlan=6 ip4 tcp",
		                             "eth qinq=5 vlan=7 ip4 tcp",
		                             "eth ip4 gre ip4 tcp",
		                             "eth ip6 gre ip4 tcp",
		                             "eth ip4 udp=4789 vxlan eth ip4 tcp",
		                             "eth ip4 ip4 tcp" };

	(void)state;
	for (unsigned port = 1000; port < 1064; port++)
		for (unsigned i = 1; i < sizeof outer / sizeof *outer; i++)
			assert_int_equal(shard_of(outer[i], port), shard_of(outer[0], port));
}

static void random_key(struct fos_key *key, uint64_t *rnd)
{
	memset(key, 0, sizeof *key);
	key->version = fos_mix64(++*rnd) & 1 ? 4 : 6;
	key->proto = 6;
	key->vlan = 0xffff;
	for (int side = 0; side < 2; side++) {
		for (int i = 0; i < (key->version == 4 ? 4 : 16); i++)
			key->addr[side][i] = (uint8_t)fos_mix64(++*rnd);
		key->port[side] = (uint16_t)fos_mix64(++*rnd);
	}
}

/* Every worker gets about as many, whatever the number of workers; seeds deal differently. */
static void test_even(void **state)
{
	uint64_t rnd = 5;

	(void)state;
	for (uint32_t workers = 1; workers <= 9; workers += 2) {
		unsigned count[9] = { 0 }, moved = 0;
		struct fos_shard one, other;

		fos_shard_init(&one, 1, workers);
		fos_shard_init(&other, 2, workers);
		for (int i = 0; i < 9000; i++) {
			struct fos_key key, tagged;
			uint32_t worker;

			random_key(&key, &rnd);
			tagged = key;
			tagged.vlan = 12;
			worker = fos_shard_of_key(&one, &key);
			assert_true(worker < workers);
			assert_int_equal(worker, fos_shard_of_key(&one, &tagged));
			count[worker]++;
			moved += worker != fos_shard_of_key(&other, &key);
		}
		for (uint32_t k = 0; k < workers; k++)
			assert_in_range(count[k], 9000 / workers * 9 / 10, 9000 / workers * 11 / 10);
		if (workers > 1)
			assert_true(moved > 9000 / 3);
	}
}

enum { IN_A_ROW = 10000 };

/* The i-th of sessions as they are in the world, and as somebody may choose who does not know the seed. */
static void row_key(struct fos_key *key, unsigned pattern, unsigned i)
{
	bool v6 = pattern % 2;
	uint8_t *last[2];

	memset(key, 0, sizeof *key);
	key->version = v6 ? 6 : 4;
	key->proto = 6;
	key->vlan = 0xffff;
	for (int side = 0; side < 2; side++) {
		memcpy(key->addr[side], (uint8_t[]){ 10, 0, 0, (uint8_t)side }, 4);
		last[side] = key->addr[side] + (v6 ? 14 : 2);
		key->port[side] = side ? 443 : 40000;
	}
	switch (pattern / 2) {
	case 0: /* ports in a row */
		key->port[0] = (uint16_t)(1024 + i);
		break;
	case 1: /* clients in a row */
		put16(last[0], i);
		break;
	case 2: /* ports in steps, as some systems choose them */
		key->port[0] = (uint16_t)(1024 + i % 5000 * 8);
		key->addr[0][1] = (uint8_t)(i / 5000);
		break;
	case 3: /* what one end has more, the other has less */
		key->port[0] = (uint16_t)(1024 + i);
		key->port[1] = (uint16_t)(60000 - i);
		break;
	case 4: /* the same address bits changed at both ends */
		put16(last[0], i);
		put16(last[1], i);
		break;
	case 5: /* networks in a row, one host each */
		put16(key->addr[0], i);
		break;
	default: /* a hundred clients, a hundred ports */
		last[0][1] = (uint8_t)(i / 100);
		key->port[0] = (uint16_t)(50000 + i % 100);
		break;
	}
}

/* Also sessions that have something in common are dealt evenly: under every seed as evenly as by chance (five standard
 * deviations; a worker of two gets 5,000 of 10,000, more or less 250), and under most within two. */
static void test_even_rows(void **state)
{
	static const uint32_t teams[] = { 2, 3, 4, 7 };
	unsigned within = 0, all = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++)
		for (unsigned pattern = 0; pattern < 14; pattern++)
			for (unsigned t = 0; t < 4; t++) {
				unsigned count[7] = { 0 };
				struct fos_shard s;
				struct fos_key key;

				fos_shard_init(&s, seed, teams[t]);
				for (unsigned i = 0; i < IN_A_ROW; i++) {
					row_key(&key, pattern, i);
					count[fos_shard_of_key(&s, &key)]++;
				}
				for (unsigned k = 0; k < teams[t]; k++) {
					long off = (long)count[k] * teams[t] - IN_A_ROW;
					long variance = (long)IN_A_ROW * (teams[t] - 1);

					assert_true(off * off < 25 * variance);
					within += off * off < 4 * variance;
					all++;
				}
			}
	assert_true(within > all * 9 / 10);
}

/* Both directions of everything that has addresses. */
static void test_symmetric(void **state)
{
	static const char *const lines[] = { "eth ip4 tcp",    "eth ip6 tcp",  "eth ip4 udp=53",
		                             "eth ip6 udp=53", "eth ip4 icmp", "eth ip6 icmp" };
	static struct build b;

	(void)state;
	for (unsigned l = 0; l < sizeof lines / sizeof *lines; l++) {
		uint32_t there, back;

		for (unsigned host = 0; host < 64; host++) {
			struct fos_pkt p = { 0 };
			uint8_t swap[16], *ip;

			build(&b, lines[l]);
			ip = build_bytes(&b) + 14;
			p.f = (struct fos_frame){
				.data = build_bytes(&b), .len = build_len(&b), .wire_len = build_len(&b), .linktype = 1
			};
			uint32_t n = ip[0] >> 4 == 4 ? 4 : 16, at = n == 4 ? 12 : 8, l4 = n == 4 ? 20 : 40;

			ip[at + n - 1] = (uint8_t)host;
			fos_parse(&p, 0);
			there = fos_shard_of(&shard, &p);
			memcpy(swap, ip + at, n);
			memcpy(ip + at, ip + at + n, n);
			memcpy(ip + at + n, swap, n);
			if (p.verdict != FOS_PKT_OTHER) {
				memcpy(swap, ip + l4, 2);
				memcpy(ip + l4, ip + l4 + 2, 2);
				memcpy(ip + l4 + 2, swap, 2);
			}
			fos_parse(&p, 0);
			back = fos_shard_of(&shard, &p);
			assert_int_equal(there, back);
		}
	}
}

/* A datagram in three fragments; the client's port says which session it is of. */
static uint32_t fragment(uint8_t *out, unsigned port, unsigned part, unsigned id)
{
	static struct build b;
	uint8_t *ip;
	uint32_t body, from, to;

	build(&b, "ip4 udp=9 data=1200");
	ip = build_bytes(&b);
	put16(ip + 20, port);
	body = build_len(&b) - 20;
	from = part * 400;
	to = part == 2 ? body : from + 400;
	memcpy(out, ip, 20);
	put16(out + 2, 20 + to - from);
	put16(out + 4, id);
	put16(out + 6, from / 8 | (part < 2 ? 0x2000 : 0));
	memcpy(out + 20, ip + 20 + from, to - from);
	return 20 + to - from;
}

/* In all orders, with copies, many datagrams mixed; the same identification again for another session. */
static void test_fragments(void **state)
{
	static const unsigned order[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		                              { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	uint8_t mem[2000];

	(void)state;
	for (unsigned o = 0; o < 6; o++) {
		open_map(NULL);
		for (unsigned part = 0; part < 3; part++)
			for (unsigned d = 0; d < 16; d++)
				add(mem, fragment(mem, 1000 + d, order[o][part], d), 101, d * 3 + part, second);
		for (unsigned d = 0; d < 16; d++) {
			for (unsigned part = 0; part < 3; part++) {
				assert_int_equal(times[d * 3 + part], 1);
				assert_int_equal(placed[d * 3 + part], shard_of("eth ip4 udp=9", 1000 + d));
			}
		}
		/* the same identification for others, one after the other */
		memset(times, 0, sizeof times);
		for (unsigned d = 0; d < 16; d++)
			for (unsigned part = 0; part < 3; part++)
				add(mem, fragment(mem, 2000 + d, order[o][part], 77), 101, d * 3 + part, 2 * second);
		for (unsigned i = 0; i < 48; i++) {
			assert_int_equal(times[i], 1);
			assert_int_equal(placed[i], shard_of("eth ip4 udp=9", 2000 + i / 3));
		}
	}
}

/* What never is complete, is too late for it, or comes twice, is placed in the end, together. */
static void test_incomplete(void **state)
{
	static const struct fos_worker_config half = { .frag.timeout_ns = UINT64_C(500000000) };
	uint8_t mem[2000];

	(void)state;
	open_map(&half);
	add(mem, fragment(mem, 1000, 0, 1), 101, 0, second);
	add(mem, fragment(mem, 1000, 1, 1), 101, 1, second);
	add(mem, fragment(mem, 1000, 2, 1), 101, 2, 3 * second); /* the first two were given up */
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(times[i], 0);
	add(mem, fragment(mem, 1001, 0, 1), 101, 3, 3 * second);
	add(mem, fragment(mem, 1001, 1, 1), 101, 4, 3 * second); /* with the end that waited: another session's */
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(placed[i], shard_of("eth ip4 udp=9", 1001));
	add(mem, fragment(mem, 1001, 2, 1), 101, 5, 3 * second);
	assert_int_equal(times[5], 0);
	fos_shard_map_end(map);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(times[i], 1);
	open_map(&half); /* what still waits is not lost when the map is */
	add(mem, fragment(mem, 1000, 0, 1), 101, 0, second);
	fos_shard_map_destroy(map);
	map = NULL;
}

/* A tunnel's packet is cut, and what it carries is a fragment, too. */
static void test_fragments_in_fragments(void **state)
{
	uint8_t inner[2000], outer[3000];

	(void)state;
	open_map(NULL);
	for (unsigned part = 3; part-- > 0;) {
		uint32_t len = fragment(inner, 1234, part, 9), half = (len / 2 + 7) & ~7u;

		for (unsigned piece = 0; piece < 2; piece++) {
			uint32_t from = piece ? half : 0, to = piece ? len : half;

			memcpy(outer, (uint8_t[]){ 0x45, [8] = 64, [9] = 4, [12] = 192, 0, 2, 1, 192, 0, 2, 2 }, 20);
			put16(outer + 2, 20 + to - from);
			put16(outer + 4, 100 + part);
			put16(outer + 6, from / 8 | (piece ? 0 : 0x2000));
			memcpy(outer + 20, inner + from, to - from);
			assert_int_equal(times[part * 2 + piece], 0);
			add(outer, 20 + to - from, 101, part * 2 + piece, second);
		}
	}
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(times[i], 1);
		assert_int_equal(placed[i], shard_of("eth ip4 udp=9", 1234));
	}
}

/* A fragment that workers drop for its header's checksum completes nothing here either. */
static void test_checksum(void **state)
{
	static const struct fos_worker_config verify = { .verify_checksums = true };
	uint8_t mem[2000];

	(void)state;
	open_map(&verify);
	for (unsigned part = 0; part < 3; part++) {
		uint32_t len = fragment(mem, 1000, part, 1);

		put16(mem + 10, 0);
		put16(mem + 10, (~model_sum(mem, 20, 0) & 0xffff) ^ (part == 1)); /* the middle one is wrong */
		add(mem, len, 101, part, second);
	}
	assert_int_equal(times[0] + times[2], 0);
	assert_int_equal(times[1], 1);
	fos_shard_map_end(map);
	assert_int_equal(times[0] + times[2], 2);
}

static int teardown(void **state)
{
	(void)state;
	fos_shard_map_destroy(map);
	map = NULL;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_around),     cmocka_unit_test(test_even),
		cmocka_unit_test(test_symmetric),  cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_incomplete), cmocka_unit_test(test_fragments_in_fragments),
		cmocka_unit_test(test_checksum),   cmocka_unit_test(test_even_rows),
	};

	fos_shard_init(&shard, 3, WORKERS);
	return cmocka_run_group_tests(tests, NULL, teardown);
}
