/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_gen.c: made-up sessions are what they claim to be: a naive receiver gets every byte of the formula, and
 * tshark, where it is installed, finds nothing wrong with a packet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <flowos/gen.h>
#include <flowos/parse.h>
#include <flowos/pcapng_writer.h>
#include <flowos/rand.h>
#include <flowos/seq.h>

static struct fos_gen_spec spec_of(const char *text)
{
	struct fos_gen_spec s;
	char err[200];

	if (fos_gen_parse(text, &s, err, sizeof err))
		fail_msg("%s", err);
	return s;
}

static void test_parse(void **state)
{
	struct fos_gen_spec s = spec_of("");

	(void)state;
	assert_int_equal(s.sessions, 100);
	assert_int_equal(s.bytes, 40000);
	assert_int_equal(s.request, 100);
	assert_int_equal(s.mss, 1448);
	assert_int_equal(s.ack, 2);
	assert_int_equal(s.gap_ns, 1000);
	assert_int_equal(s.ip, 4);
	assert_int_equal(s.close, FOS_GEN_FIN);
	s = spec_of(
	    "sessions=2k,bytes=3M,mss=9000,gap=5ms,concurrent=7,ip=6,vlan=4094,close=rst,seed=18446744073709551615,"
	    "ack=0,request=0");
	assert_int_equal(s.sessions, 2000);
	assert_int_equal(s.bytes, 3000000);
	assert_int_equal(s.gap_ns, 5000000);
	assert_int_equal(s.concurrent, 7);
	assert_int_equal(s.vlan, 4094);
	assert_int_equal(s.close, FOS_GEN_RST);
	assert_true(s.seed == UINT64_MAX);
	assert_int_equal(s.ack + s.request, 0);
}

static void test_parse_refuses(void **state)
{
	static const char *const bad[] = {
		"sessions=0",
		"sessions=",
		"sessions",
		"=5",
		",",
		"bytes=1k,",
		"mss=0",
		"mss=65001",
		"gap=1",
		"gap=1h",
		"ip=5",
		"vlan=0",
		"vlan=4095",
		"close=maybe",
		"seed=18446744073709551616",
		"colour=red",
		"bytes=-1",
		"bytes=1kk",
		"bytes=99999999999999M",
		"concurrent=0",
		"sessions=1 ",
		" sessions=1",
		"bytes=0x10",
		"sessions=11111111111111111111111111111111111111111111111111111111111111111111111111111111111",
	};
	struct fos_gen_spec s;
	char err[200];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(fos_gen_parse(bad[i], &s, err, sizeof err), -EINVAL);
		assert_memory_equal(err, "gen: ", 5);
		assert_null(strchr(err, '\n'));
	}
}

/* The formula, word by word, as gen.h has it. */
static uint8_t formula(uint64_t seed, uint64_t session, int dir, uint64_t off)
{
	uint64_t w = fos_mix64_add(fos_mix64_add(fos_mix64_add(fos_mix64(seed), session), (uint64_t)dir), off / 8);

	return (uint8_t)(w >> (off % 8 * 8));
}

static void test_payload(void **state)
{
	uint8_t buf[64];

	(void)state;
	for (uint64_t off = 0; off < 20; off++)
		for (size_t len = 0; len < 40; len++) {
			uint64_t at = off + (off & 1 ? UINT64_C(1) << 33 : 0);

			memset(buf, 0xaa, sizeof buf);
			fos_gen_payload(5, 1000000, 1, at, buf, len);
			for (size_t i = 0; i < len; i++)
				assert_int_equal(buf[i], formula(5, 1000000, 1, at + i));
			assert_int_equal(buf[len], 0xaa);
		}
}

/* A receiver that only takes what is next in order. */
struct end {
	uint32_t isn, next;
	uint64_t got;
	bool syn, fin, rst;
};

struct seen {
	struct end dir[2];    /* by fos_gen_dir */
	uint64_t first, last; /* packet numbers */
};

/* Walks over a made-up trace and checks each packet against the formula and against what came before. */
static struct seen *walk(const struct fos_gen_spec *s, uint64_t *packets, uint64_t *wraps)
{
	struct seen *seen = calloc(s->sessions, sizeof *seen);
	struct fos_port *p;
	struct fos_batch b;
	uint64_t n = 0;

	assert_int_equal(fos_gen_open(s, &p), 0);
	*wraps = 0;
	while (fos_port_rx(p, &b) > 0) {
		for (uint32_t i = 0; i < b.n; i++) {
			struct fos_pkt *q = &b.pkt[i];
			uint64_t session = 0;
			struct fos_key key;
			struct end *from, *to;
			int side, server, dir;
			uint8_t want[65536];

			assert_int_equal(fos_parse(q, 0), FOS_PKT_TCP);
			assert_true(fos_checksum_ok(q));
			assert_int_equal(q->f.num, ++n);
			assert_int_equal(q->f.ts_ns, 1700000000000000000 + (n - 1) * s->gap_ns);
			assert_int_equal(q->f.flags, FOS_FRAME_STABLE);
			assert_int_equal(q->ip_version, s->ip);
			assert_int_equal(q->vlan, s->vlan ? s->vlan : 0xffff);
			assert_int_equal(q->app_len, q->app_wire_len);
			side = fos_key_of(q, 0, &key);
			assert_int_equal(fos_gen_session_of(&key, &session, &server), 0);
			assert_true(session < s->sessions);
			dir = side == server ? FOS_GEN_RESPONSE : FOS_GEN_REQUEST;
			from = &seen[session].dir[dir];
			to = &seen[session].dir[!dir];
			if (q->tcp_flags & FOS_TCP_SYN) {
				assert_false(from->syn);
				from->syn = true;
				from->isn = q->seq;
				from->next = q->seq + 1;
			} else {
				assert_int_equal(q->seq, from->next);
			}
			if (q->tcp_flags & FOS_TCP_ACK)
				assert_int_equal(q->ack, to->next);
			else
				assert_int_equal(q->ack, 0);
			assert_true(q->app_len <= s->mss);
			fos_gen_payload(s->seed, session, dir, from->got, want, q->app_len);
			if (q->app_len)
				assert_memory_equal(q->app, want, q->app_len);
			from->got += q->app_len;
			*wraps += q->seq + q->app_len < q->seq && q->app_len;
			from->next += q->app_len;
			if (q->app_len)
				assert_int_equal(!!(q->tcp_flags & FOS_TCP_PSH),
				                 from->got == (dir == FOS_GEN_RESPONSE ? s->bytes : s->request));
			from->fin |= !!(q->tcp_flags & FOS_TCP_FIN);
			from->rst |= !!(q->tcp_flags & FOS_TCP_RST);
			from->next += !!(q->tcp_flags & FOS_TCP_FIN);
			if (!seen[session].first)
				seen[session].first = n;
			seen[session].last = n;
		}
	}
	*packets = n;
	fos_port_close(p);
	return seen;
}

static void test_streams(void **state)
{
	static const struct {
		const char *text;
		uint64_t packets; /* of a session */
	} t[] = {
		{ "bytes=40000,sessions=200", 3 + 1 + 28 + 14 + 3 },
		{ "bytes=40000,sessions=50,ip=6,vlan=100", 3 + 1 + 28 + 14 + 3 },
		{ "bytes=1,request=0,mss=1,sessions=3", 3 + 1 + 1 + 3 },
		{ "bytes=0,request=0,sessions=3,close=none", 3 },
		{ "bytes=0,request=5000,mss=1000,ack=3,close=rst", 3 + 5 + 2 + 1 },
		{ "bytes=5000,request=5000,mss=1000,ack=0,close=none", 3 + 5 + 5 },
		{ "bytes=200k,mss=65000,sessions=3", 3 + 1 + 4 + 2 + 3 },
		{ "bytes=1000,concurrent=7,sessions=100,gap=3us,seed=99", 3 + 1 + 1 + 1 + 3 },
		{ "bytes=100,sessions=70000", 3 + 1 + 1 + 1 + 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct fos_gen_spec s = spec_of(t[i].text);
		uint64_t packets, wraps;
		struct seen *seen = walk(&s, &packets, &wraps);

		assert_int_equal(packets, t[i].packets * s.sessions);
		for (uint64_t k = 0; k < s.sessions; k++) {
			const struct end *d = seen[k].dir;

			assert_int_equal(d[FOS_GEN_REQUEST].got, s.request);
			assert_int_equal(d[FOS_GEN_RESPONSE].got, s.bytes);
			assert_int_equal(d[0].fin && d[1].fin, s.close == FOS_GEN_FIN);
			assert_int_equal(d[0].rst, s.close == FOS_GEN_RST);
			if (s.concurrent) /* a wave ends before the next begins */
				assert_int_equal((seen[k].first - 1) / (s.concurrent * t[i].packets),
				                 (seen[k].last - 1) / (s.concurrent * t[i].packets));
		}
		if (s.sessions >= 100 && s.bytes >= 1000)
			assert_true(wraps > 0);
		free(seen);
	}
}

static void test_session_of(void **state)
{
	static const uint64_t n[] = { 0, 1, 63, 64, 249, 250, 251, 65535, 1000000, (UINT64_C(1) << 30) - 1 };
	struct fos_key key = {
		.addr = { { 10, 0, 0, 1 }, { 192, 168, 0, 1 } }, .port = { 10000, 80 }, .proto = 6, .version = 4
	};
	uint64_t session;
	int server;

	(void)state;
	assert_int_equal(fos_gen_session_of(&key, &session, &server), 0);
	assert_int_equal(session, 0);
	assert_int_equal(server, 1);
	for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
		uint32_t client = 0x0a000001 + (uint32_t)(n[i] / 64);

		for (int b = 0; b < 4; b++)
			key.addr[0][b] = (uint8_t)(client >> (24 - 8 * b));
		key.addr[1][3] = (uint8_t)(1 + n[i] % 250);
		key.port[0] = (uint16_t)(10000 + n[i] % 64);
		assert_int_equal(fos_gen_session_of(&key, &session, &server), 0);
		assert_int_equal(session, n[i]);
	}
	key.addr[1][3]++;
	assert_int_equal(fos_gen_session_of(&key, &session, &server), -ENOENT);
	key.addr[1][3]--;
	key.port[0] = 10064;
	assert_int_equal(fos_gen_session_of(&key, &session, &server), -ENOENT);
	key.port[0] = 9999;
	assert_int_equal(fos_gen_session_of(&key, &session, &server), -ENOENT);
	key = (struct fos_key){
		.addr = { { 10, 0, 0, 1 }, { 10, 0, 0, 2 } }, .port = { 10000, 80 }, .proto = 17, .version = 4
	};
	assert_int_equal(fos_gen_session_of(&key, &session, &server), -ENOENT);
}

static void test_refuses(void **state)
{
	struct fos_gen_spec s = spec_of("");
	struct fos_port *p;

	(void)state;
	s.mss = 0;
	assert_int_equal(fos_gen_open(&s, &p), -EINVAL);
	assert_null(p);
	s = spec_of("sessions=1000M,bytes=1000M,mss=1");
	assert_int_equal(fos_gen_open(&s, &p), -ENOMEM);
	s = spec_of("sessions=1,bytes=1000000M,mss=1");
	assert_int_equal(fos_gen_open(&s, &p), -ENOMEM);
}

/* The digest of a whole trace: the same on every machine. */
static void test_deterministic(void **state)
{
	struct fos_gen_spec s = spec_of("sessions=20,bytes=3000,seed=7");
	uint64_t digest[2] = { 0, 0 };

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct fos_port *p;
		struct fos_batch b;

		assert_int_equal(fos_gen_open(&s, &p), 0);
		while (fos_port_rx(p, &b) > 0)
			for (uint32_t i = 0; i < b.n; i++)
				for (uint32_t k = 0; k < b.pkt[i].f.len; k++)
					digest[round] = fos_mix64(digest[round] ^ b.pkt[i].f.data[k]);
		fos_port_close(p);
	}
	assert_true(digest[0] == digest[1]);
	assert_true(digest[0] == UINT64_C(0x6ff44e5581521761));
}

static void test_tshark(void **state)
{
	static const char *const texts[] = { "sessions=30,bytes=5000,mss=700",
		                             "sessions=30,bytes=9000,ip=6,vlan=5,ack=1",
		                             "sessions=10,bytes=200k,mss=65000,concurrent=3",
		                             "sessions=5,bytes=3000,close=rst" };
	char path[] = "/tmp/flowos-gen-XXXXXX", command[600], line[300];

	(void)state;
	if (system("command -v tshark >/dev/null"))
		skip();
	close(mkstemp(path));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct fos_gen_spec s = spec_of(texts[i]);
		struct fos_port *p, *w;
		struct fos_batch b;
		FILE *f;

		assert_int_equal(fos_gen_open(&s, &p), 0);
		assert_int_equal(fos_pcapng_writer_open(path, &w), 0);
		while (fos_port_rx(p, &b) > 0)
			assert_int_equal(fos_port_tx(w, &b), b.n);
		fos_port_close(p);
		assert_int_equal(fos_port_close(w), 0);
		snprintf(
		    command, sizeof command,
		    "tshark -r %s -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE --disable-protocol http -Y "
		    "'tcp.checksum.status!=1 || ip.checksum.status==0 || tcp.analysis.flags || _ws.malformed || !tcp' "
		    "2>/dev/null",
		    path);
		f = popen(command, "r");
		if (fgets(line, sizeof line, f))
			fail_msg("%s: %s", texts[i], line);
		assert_int_equal(pclose(f), 0);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),         cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_payload),       cmocka_unit_test(test_streams),
		cmocka_unit_test(test_session_of),    cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_deterministic), cmocka_unit_test(test_tshark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
