/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_io_scale_odd.c: scaling of what is odd: fragments, tunnels, SACKs, wrong checksums, made by hand; and of captures
 * that others made, where they are there, with tshark as a second judge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <unistd.h>

#include <flowos/pcapng_writer.h>
#include <flowos/trace.h>

#include "test_io_scale.h"

/* libwandio leaks its buffers where libtrace gives up on a file. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libwandio\nleak:libtrace.so\n";
}

/* Hand-made packets. */
static uint8_t *put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t v)
{
	return put16(put16(at, v >> 16), v);
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	uint16_t v = fos_csum_fold(sum);

	memcpy(at, &v, 2);
}

/* An IPv4 header at `at`, before `len` bytes. */
static uint8_t *put_ip4(uint8_t *at, uint32_t len, uint32_t fragment, uint8_t proto, uint32_t src, uint32_t dst)
{
	uint8_t *ip = at;

	at = put32(put32(at, 0x45000000 | (20 + len)), 0x77770000 | fragment);
	at = put32(put32(put32(at, 64u << 24 | (uint32_t)proto << 16), src), dst);
	put_sum(ip + 10, fos_csum_add(ip, 20, 0));
	return at;
}

static uint32_t pseudo4(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	uint8_t tail[4];

	put16(put16(tail, proto), len);
	return fos_csum_add(tail, 4, fos_csum_add(ip + 12, 8, 0));
}

static void add(struct fos_frames *f, const uint8_t *p, size_t len, uint16_t linktype)
{
	uint8_t *at = fos_frames_bytes(f, len);
	struct fos_frame frame = { .data = at,
		                   .len = (uint32_t)len,
		                   .wire_len = (uint32_t)len,
		                   .ts_ns = 1000 + f->n * 10,
		                   .num = f->n + 1,
		                   .flags = FOS_FRAME_STABLE,
		                   .linktype = linktype };

	memcpy(at, p, len);
	assert_int_equal(fos_frames_add(f, &frame), 0);
}

enum { RAW = 101, TUNNEL_CLIENT = 0x0a000001, SERVER = 0xc0000201 };

/* A TCP segment over IPv4 with a SACK option at an odd place; `bad` spoils its checksum. */
static size_t put_tcp(uint8_t *ip, uint32_t src, uint32_t dst, uint32_t ports, uint32_t seq, uint32_t ack,
                      const char *data, bool bad)
{
	uint32_t len = 32 + (uint32_t)strlen(data);
	uint8_t *tcp = put_ip4(ip, len, 0, IPPROTO_TCP, src, dst), *at;

	at = put32(put32(put32(tcp, ports), seq), ack);
	at = put32(put32(at, 0x80100000 | 500), 0);
	memcpy(at, "\1\5\x0a", 3);
	at = put32(put32(at + 3, ack + 1000), ack + 2000);
	*at++ = 0;
	memcpy(at, data, strlen(data));
	put_sum(tcp + 16, fos_csum_add(tcp, len, pseudo4(ip, IPPROTO_TCP, len)));
	tcp[17] ^= bad;
	return 20 + len;
}

/* A UDP datagram of n bytes in two fragments, the second one first. */
static void add_fragments(struct fos_frames *f, uint32_t n)
{
	uint8_t whole[4000] = { 0 }, part[4000], *udp;

	udp = put_ip4(whole, 8 + n, 0, IPPROTO_UDP, 0x01020304, SERVER);
	put32(put32(udp, 0x10000035), (8 + n) << 16);
	for (uint32_t i = 0; i < n; i++)
		udp[8 + i] = (uint8_t)(i * 13);
	put_sum(udp + 6, fos_csum_add(udp, 8 + n, pseudo4(whole, IPPROTO_UDP, 8 + n)));
	put_ip4(part, 8 + n - 1000, 1000 / 8, IPPROTO_UDP, 0x01020304, SERVER);
	memcpy(part + 20, udp + 1000, 8 + n - 1000);
	add(f, part, 20 + 8 + n - 1000, RAW);
	put_ip4(part, 1000, 0x2000, IPPROTO_UDP, 0x01020304, SERVER);
	memcpy(part + 20, udp, 1000);
	add(f, part, 20 + 1000, RAW);
}

/* TCP in VXLAN, over IPv4 or IPv6, the outer checksum right or not there. */
static void add_vxlan(struct fos_frames *f, bool v6, bool sum, uint32_t seq)
{
	uint8_t p[500] = { 0 }, *udp = p + (v6 ? 40 : 20), *ip = udp + 8 + 8 + 14;
	uint32_t len =
	             (uint32_t)(8 + 8 + 14 + put_tcp(ip, TUNNEL_CLIENT, SERVER, 0x22220050, seq, 77, "inside", false)),
	         s;
	uint8_t tail[4];

	put32(put32(put32(udp, 0x999912b5), len << 16), 0x08000000);
	put16(udp + 16 + 12, 0x0800);
	if (v6) {
		put32(put32(p, 0x60000000), len << 16 | IPPROTO_UDP << 8 | 64);
		memcpy(p + 8, "\xfd\1abcdefghijklmn\xfd\1zyxwvutsrqponm", 32);
		put16(put16(tail, IPPROTO_UDP), len);
		s = fos_csum_add(tail, 4, fos_csum_add(p + 8, 32, 0));
	} else {
		put_ip4(p, len, 0, IPPROTO_UDP, 0x05050505, 0x06060606);
		s = pseudo4(p, IPPROTO_UDP, len);
	}
	if (sum)
		put_sum(udp + 6, fos_csum_add(udp, len, s));
	add(f, p, (size_t)(udp - p) + len, RAW);
}

static void test_odd_packets(void **state)
{
	struct fos_frames f = { 0 }, out;
	struct fos_scale_info info;
	struct fos_port *port;
	uint64_t outer = 0, fragments = 0;
	uint8_t p[200];

	(void)state;
	add(&f, p, put_tcp(p, 0x0a000005, SERVER, 0x11110050, 0xfffffff0, 5, "one", false), RAW);
	add(&f, p, put_tcp(p, 0x0a000005, SERVER, 0x11110050, 0xfffffff3, 5, "two, across the wrap", true), RAW);
	add(&f, p, put_tcp(p, SERVER, 0x0a000005, 0x00501111, 5, 7, "", false), RAW);
	add_fragments(&f, 2501);
	for (int i = 0; i < 4; i++)
		add_vxlan(&f, i & 1, i & 2 || i & 1, 1000 + 6 * (uint32_t)i);
	put_ip4(p, 8, 0, IPPROTO_ICMP, 1, 2);
	add(&f, p, 28, RAW);
	add(&f, p, 10, RAW); /* cut */
	assert_int_equal(check_copies(&f, 5), 2 * 5);
	scale(&f, 2 * 5, 0, &info, &out, &port);
	assert_int_equal(info.source_sessions, 2);
	assert_int_equal(info.source_conversations, 1);
	assert_int_equal(info.packets, 5 * (f.n - 2) + 2);
	for (uint64_t i = 0; i < out.n; i++) {
		struct fos_pkt o = { .f = out.v[i] };
		uint8_t flat[4000];

		memcpy(flat, o.f.data, o.f.len); /* in one piece, as an outer header's payload is otherwise in two */
		if (o.f.ext)
			memcpy(flat + o.f.len, o.f.ext, o.f.ext_len);
		o.f.len += o.f.ext_len;
		o.f.ext_len = 0;
		o.f.data = flat;
		o.f.ext = NULL;
		if (fos_parse(&o, FOS_PARSE_NO_DECAP) == FOS_PKT_UDP) {
			assert_true(fos_checksum_ok(&o));
			outer++;
		} else if (o.verdict == FOS_PKT_FRAGMENT && (o.ip[6] & 0x20)) {
			uint8_t whole[4000];
			const uint8_t *second = NULL;

			for (uint64_t k = 0; k < out.n; k++) { /* its other half has the same addresses */
				const uint8_t *ip = out.v[k].data;

				if (out.v[k].len > 20 && ip[6] == 0 && ip[7] == 125 && !memcmp(ip + 12, o.ip + 12, 8))
					second = ip;
			}
			assert_non_null(second);
			assert_int_equal(fos_csum_fold(fos_csum_add(o.ip, 20, 0)), 0);
			assert_int_equal(fos_csum_fold(fos_csum_add(second, 20, 0)), 0);
			memcpy(whole, o.ip + 20, 1000);
			memcpy(whole + 1000, second + 20, 1509);
			assert_int_equal(fos_csum_fold(fos_csum_add(whole, 2509, pseudo4(o.ip, IPPROTO_UDP, 2509))), 0);
			fragments++;
		}
	}
	assert_int_equal(outer, 5 * 4);
	assert_int_equal(fragments, 5);
	fos_frames_free(&out);
	fos_port_close(port);
	fos_frames_free(&f);
}

/* Traces of others: wrong checksums, SACK, tunnels, fragments, reuse of 4-tuples, and what not. */
static void test_collection(void **state)
{
	char source[] = __FILE__, dir[PATH_MAX], path[2 * PATH_MAX], line[4096], name[1024], err[512];
	const char *env = getenv("FLOWOS_CAPTURES");
	uint64_t held = 0, files = 0;
	FILE *f;

	(void)state;
	snprintf(dir, sizeof dir, "%s/../../../shared/captures", dirname(source));
	snprintf(path, sizeof path, "%s/MANIFEST.tsv", env ? env : dir);
	f = fopen(path, "r");
	if (!f)
		skip();
	while (fgets(line, sizeof line, f)) {
		struct fos_frames frames = { 0 };
		struct content c;
		struct fos_port *p;

		if (sscanf(line, "%1023[^\t]\t%*[^\t]\t%*[^\t]\t%*u", name) != 1)
			continue;
		snprintf(path, sizeof path, "%s/%s", env ? env : dir, name);
		if (fos_trace_open(path, &p, err, sizeof err))
			continue;
		assert_int_equal(fos_frames_load(p, &frames, NULL, NULL), 0);
		c = content_of(&frames);
		free(c.tcp);
		if (c.sessions) {
			held += check_copies(&frames, 3);
			files++;
		}
		fos_frames_free(&frames);
		fos_port_close(p);
	}
	fclose(f);
	print_message("%lu sessions of %lu captures\n", (unsigned long)held, (unsigned long)files);
}

/* How many packets of the frames tshark has this to say of. */
static long tshark_count(const struct fos_frames *f, const char *filter)
{
	char path[] = "/tmp/flowos-scale-XXXXXX", command[600], line[100] = "";
	struct fos_port *w;
	FILE *p;

	close(mkstemp(path));
	assert_int_equal(fos_pcapng_writer_open(path, &w), 0);
	for (uint64_t i = 0; i < f->n; i++)
		assert_int_equal(fos_pcapng_write(w, &f->v[i], NULL), 0);
	assert_int_equal(fos_port_close(w), 0);
	snprintf(command, sizeof command,
	         "tshark -r %s -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -Y '%s' 2>/dev/null | wc -l", path,
	         filter);
	p = popen(command, "r");
	assert_non_null(fgets(line, sizeof line, p));
	assert_int_equal(pclose(p), 0);
	unlink(path);
	return atol(line);
}

/* tshark says of three copies what it says of the original, three times. */
static void test_tshark(void **state)
{
	static const char *const filters[] = { "tcp",
		                               "tcp.checksum.status==1",
		                               "tcp.analysis.retransmission",
		                               "tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment",
		                               "tcp.analysis.duplicate_ack",
		                               "ip.checksum.status==0" };
	char source[] = __FILE__, path[2 * PATH_MAX], err[512];
	const char *env = getenv("FLOWOS_CAPTURES");
	struct fos_frames f = { 0 }, out;
	struct fos_port *p = NULL, *port;
	struct fos_scale_info info;

	(void)state;
	if (env)
		snprintf(path, sizeof path, "%s", env);
	else
		snprintf(path, sizeof path, "%s/../../../shared/captures", dirname(source));
	strcat(path, "/PcapPlusPlus/Tests/ExamplesTest/pcap_examples/http-packets.pcap");
	if (system("command -v tshark >/dev/null") || fos_trace_open(path, &p, err, sizeof err))
		skip();
	assert_int_equal(fos_frames_load(p, &f, NULL, NULL), 0);
	scale(&f, 12 * 3, 0, &info, &out, &port);
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
		assert_int_equal(tshark_count(&out, filters[i]), 3 * tshark_count(&f, filters[i]));
	fos_frames_free(&out);
	fos_port_close(port);
	fos_frames_free(&f);
	fos_port_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_odd_packets),
		cmocka_unit_test(test_collection),
		cmocka_unit_test(test_tshark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
