/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_afxdp.c: the AF_XDP port on a cable: what comes is what the wire would carry, whatever the sender's kernel left
 * undone.
 */
#include <errno.h>
#include <unistd.h>

#include "afxdp_ports.h"

static void test_sizes(void **state)
{
	static const uint32_t lens[] = { 15, 16, 59, 60, 61, 64, 127, 1000, 1513, 1514 };
	static uint8_t bytes[4000];

	(void)state;
	for (unsigned k = 0; k < KINDS; k++) {
		netns_cable("v0", "v1", true);
		for (unsigned big = 0; big < 2; big++) {
			struct fos_port *from, *to;

			if (big)
				netns_run("ip link set v0 mtu 3000; ip link set v1 mtu 3000");
			from = port("v0", kinds[k].mode);
			to = port("v1", kinds[k].mode);
			assert_string_equal(fos_afxdp_how(to), kinds[k].how);
			for (unsigned i = 0; i < sizeof lens / sizeof *lens; i++) {
				uint32_t len = big ? lens[i] * 2 - 14 : lens[i];
				struct fos_frame f = { .data = bytes, .len = len, .wire_len = len, .linktype = 1 }, got;

				netns_fill(bytes, len, i);
				if (i % 2) { /* in two pieces */
					f.len = 14;
					f.ext = bytes + 14;
					f.ext_len = len - 14;
				}
				netns_send_by(from, &f);
				comes(to, bytes, len, &got);
				assert_int_equal(got.num, i + 1);
				netns_free(&got, 1);
			}
			fos_port_close(from);
			fos_port_close(to);
		}
		netns_run("ip link del v0");
	}
}

/* Many, more than there is memory for at a time, in batches: all come, in order, and are counted. */
static void test_many(void **state)
{
	enum { N = 20000 };

	(void)state;
	netns_cable("v0", "v1", true);
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_afxdp_opts o = { .mode = kinds[k].mode, .ring_bytes = 1 << 18 };
		struct fos_port *from = port_of("v0", o), *to = port_of("v1", o);
		struct fos_port_stats st;

		netns_many(from, to, N, 60);
		fos_port_stats(from, &st);
		assert_int_equal(st.tx_packets, N);
		assert_int_equal(st.tx_bytes, N * 200);
		assert_int_equal(st.tx_errors, 0);
		fos_port_stats(to, &st);
		assert_int_equal(st.rx_packets, N);
		assert_int_equal(st.rx_bytes, N * 200);
		assert_int_equal(st.drops, 0);
		fos_port_close(from);
		fos_port_close(to);
	}
	netns_run("ip link del v0");
}

/* A tag that the sender's kernel left to its interface is beside the packet there; one in the bytes, too, stays. What a
 * bridge passes on has its tag beside it. */
static void test_tags(void **state)
{
	static const char *const said[] = { "eth vlan=5 ip4 udp=53 data=200", "eth vlan=0xe005 ip6 tcp data=1000",
		                            "eth qinq=7 vlan=5 ip4 udp=53 data=100", "eth ip4 udp=53 data=100" };
	static struct build b;
	struct fos_frame got;
	struct fos_port *p;
	int fd;

	(void)state;
	netns_cable("v0", "v1", true);
	netns_cable("x0", "x1", true);
	netns_run("ip link add br0 type bridge && ip link set br0 type bridge mcast_snooping 0 && "
	          "for i in v0 x1; do ip link set $i master br0; done; ip link set br0 up");
	p = port("v1", FOS_AFXDP_NATIVE);
	fd = netns_socket("x0", false);
	for (unsigned i = 0; i < 2 * sizeof said / sizeof *said; i++) {
		build(&b, said[i / 2]);
		memset(build_bytes(&b), 0xff, 6); /* addresses that a bridge passes on */
		memset(build_bytes(&b) + 6, 2, 6);
		netns_run("ethtool -K v0 tx-vlan-hw-insert %s", i % 2 ? "on" : "off");
		netns_send(fd, build_bytes(&b), build_len(&b));
		comes(p, build_bytes(&b), build_len(&b), &got);
		netns_free(&got, 1);
	}
	close(fd);
	fos_port_close(p);
	netns_run("ip link del br0; ip link del v0; ip link del x0");
}

/* Writes the pseudo header's sum where the checksum is, as a kernel does that leaves it to its interface. */
static void unfinish(uint8_t *p, uint32_t len, uint32_t ip, uint32_t l4, uint32_t field)
{
	bool six = p[ip] >> 4 == 6;
	uint32_t sum = six ? model_sum(p + ip + 8, 32, 0) : model_sum(p + ip + 12, 8, 0);
	uint8_t tail[4] = { 0, field == 16 ? 6 : 17 };

	put16(tail + 2, len - l4);
	put16(p + l4 + field, model_sum(tail, 4, sum));
}

/* A checksum that is left to the interface is found, said, and completed when it is sent on. */
static void test_checksums(void **state)
{
	static const struct {
		const char *line;
		uint16_t ip, l4, field;
	} cases[] = { { "eth ip4 tcp data=1000", 14, 34, 16 },
		      { "eth ip6 tcp=12 data=999", 14, 54, 16 },
		      { "eth ip4 udp=53 data=501", 14, 34, 6 },
		      { "eth vlan=9 ip6 udp=53 data=500", 18, 58, 6 } };
	static struct build b, whole;

	(void)state;
	netns_cable("v0", "v1", true);
	netns_cable("w0", "w1", false);
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_port *in = port("v1", kinds[k].mode), *out = port("w0", kinds[k].mode);
		struct fos_port *to = port("w1", kinds[k].mode);
		int fd = netns_socket("v0", true);

		for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
			struct fos_frame mid, got;

			build(&whole, cases[i].line);
			build(&b, cases[i].line);
			unfinish(build_bytes(&b), build_len(&b), cases[i].ip, cases[i].l4, cases[i].field);
			netns_send_frame(fd, &(struct fos_frame){ .data = build_bytes(&b),
			                                          .len = build_len(&b),
			                                          .csum_start = cases[i].l4,
			                                          .csum_offset = cases[i].field,
			                                          .flags = FOS_FRAME_CSUM_PARTIAL });
			comes(in, build_bytes(&b), build_len(&b), &mid);
			assert_int_equal(mid.flags & (FOS_FRAME_CSUM_PARTIAL | FOS_FRAME_CSUM_OK),
			                 FOS_FRAME_CSUM_PARTIAL | FOS_FRAME_CSUM_OK);
			assert_int_equal(mid.csum_start, cases[i].l4);
			assert_int_equal(mid.csum_offset, cases[i].field);
			netns_send_by(out, &mid);
			comes(to, build_bytes(&whole), build_len(&whole), &got);
			assert_int_equal(got.flags & FOS_FRAME_CSUM_PARTIAL, 0);
			netns_free(&mid, 1);
			netns_free(&got, 1);
		}
		close(fd);
		fos_port_close(in);
		fos_port_close(out);
		fos_port_close(to);
	}
	netns_run("ip link del v0; ip link del w0");
}

/* Native XDP makes the other end of a cable send packets that the wire could carry. Generic XDP does not: that a super-packet
 * came is said, and the port is of no more use. */
static void test_super_packets(void **state)
{
	static struct build b;
	struct fos_frame got[3], f;
	struct fos_port *p;
	static struct fos_batch batch;
	struct fos_port_stats st;

	(void)state;
	netns_cable("v0", "v1", true);
	build(&b, "eth ip4 tcp data=3000");
	unfinish(build_bytes(&b), build_len(&b), 14, 34, 16);
	f = (struct fos_frame){ .data = build_bytes(&b),
		                .len = build_len(&b),
		                .csum_start = 34,
		                .csum_offset = 16,
		                .gso_type = FOS_GSO_TCPV4,
		                .gso_size = 1000,
		                .flags = FOS_FRAME_CSUM_PARTIAL };
	for (unsigned k = 0; k < KINDS; k++) {
		int fd = netns_socket("v0", true);

		p = port("v1", kinds[k].mode);
		netns_send_frame(fd, &f);
		if (kinds[k].mode == FOS_AFXDP_NATIVE) {
			assert_int_equal(netns_receive(p, got, 3, NETNS_PATIENCE_MS, NULL), 3);
			for (unsigned i = 0; i < 3; i++) {
				assert_int_equal(got[i].len, 1054);
				assert_memory_equal(got[i].data + 54, build_bytes(&b) + 54 + i * 1000, 1000);
			}
			netns_free(got, 3);
		} else {
			assert_int_equal(what_became(p), -EMSGSIZE);
			batch.n = 1; /* whoever sends before it receives again hears the same */
			batch.pkt[0].f =
			    (struct fos_frame){ .data = f.data, .len = 100, .wire_len = 100, .linktype = 1 };
			assert_int_equal(fos_port_tx(p, &batch), -EMSGSIZE);
			assert_non_null(strstr(fos_port_error(p), "longer than AF_XDP takes"));
			fos_port_stats(p, &st);
			assert_int_equal(st.drops, 1);
		}
		close(fd);
		fos_port_close(p);
	}
	netns_run("ip link del v0");
}

/* What a port with super-packets gave leaves this one as packets: with headers of their own, checksums complete. */
static void test_cut(void **state)
{
	static struct build b, want;
	struct fos_frame both[2], got, f;
	struct fos_port *from, *to;
	static struct fos_batch batch;
	struct fos_port_stats st;

	(void)state;
	netns_cable("v0", "v1", true);
	from = port("v0", FOS_AFXDP_NATIVE);
	to = port("v1", FOS_AFXDP_NATIVE);
	build(&b, "eth ip4 udp=53 data=2500");
	unfinish(build_bytes(&b), build_len(&b), 14, 34, 6);
	f = (struct fos_frame){ .data = build_bytes(&b),
		                .len = build_len(&b),
		                .wire_len = build_len(&b),
		                .linktype = 1,
		                .csum_start = 34,
		                .csum_offset = 6,
		                .gso_type = FOS_GSO_UDP_L4,
		                .gso_size = 1250,
		                .flags = FOS_FRAME_CSUM_PARTIAL };
	netns_send_by(from, &f);
	assert_int_equal(netns_receive(to, both, 2, NETNS_PATIENCE_MS, NULL), 2);
	for (unsigned i = 0; i < 2; i++) {
		got = both[i];
		assert_int_equal(got.len, 42 + 1250);
		build(&want, "eth ip4 udp=53 data=1250");
		memcpy(build_bytes(&want) + 42, build_bytes(&b) + 42 + i * 1250, 1250);
		assert_memory_equal(got.data + 42, build_bytes(&want) + 42, 1250);
		assert_int_equal(get16(got.data + 16), 20 + 8 + 1250);
		assert_int_equal(model_sum(got.data + 14, 20, 0), 0xffff);
		/* over pseudo header and datagram */
		uint8_t tail[4] = { 0, 17, (uint8_t)((8 + 1250) >> 8), (8 + 1250) & 255 };

		assert_int_equal(model_sum(got.data + 34, 8 + 1250, model_sum(tail, 4, model_sum(got.data + 26, 8, 0))),
		                 0xffff);
	}
	netns_free(both, 2);
	/* what cannot be sent is left out, and counted */
	batch.n = 3;
	for (unsigned i = 0; i < 3; i++)
		batch.pkt[i].f =
		    (struct fos_frame){ .data = build_bytes(&b), .len = 200, .wire_len = 200, .linktype = 1 };
	batch.pkt[0].f.wire_len = 300;
	batch.pkt[1].f.len = batch.pkt[1].f.wire_len = 1519;
	assert_int_equal(fos_port_tx(from, &batch), 3);
	assert_int_equal(netns_receive(to, &got, 1, NETNS_PATIENCE_MS, NULL), 1);
	assert_int_equal(got.len, 200);
	netns_free(&got, 1);
	fos_port_stats(from, &st);
	assert_int_equal(st.tx_errors, 2);
	assert_int_equal(st.tx_packets, 3);
	fos_port_close(from);
	fos_port_close(to);
	netns_run("ip link del v0");
}

/* Where nobody reads, memory runs out, and every packet is either given out, whole, or counted; then it recovers. */
static void test_overload(void **state)
{
	enum { N = 3000, LEN = 1000 };
	static uint8_t bytes[LEN];
	static struct fos_batch b;

	(void)state;
	netns_cable("v0", "v1", true);
	netns_fill(bytes, LEN, 1);
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_afxdp_opts o = { .mode = kinds[k].mode, .ring_bytes = 1 << 20, .timeout_ms = 20 };
		struct fos_port *p = port_of("v1", o);
		struct fos_port_stats st;
		uint64_t got = 0, lost = 0, until;
		int fd = netns_socket("v0", false);

		for (unsigned i = 0; i < N; i++)
			netns_send(fd, bytes, LEN);
		until = netns_deadline();
		while (got + lost < N && netns_now_ns() < until) {
			int n = fos_port_rx(p, &b);

			assert_true(n >= 0);
			for (int i = 0; i < n; i++) {
				assert_int_equal(b.pkt[i].f.len, LEN);
				assert_memory_equal(b.pkt[i].f.data, bytes, LEN);
			}
			got += (unsigned)n;
			fos_port_stats(p, &st);
			lost = st.drops;
		}
		assert_int_equal(netns_receive(p, &(struct fos_frame){ 0 }, 1, 50, NULL), 0); /* and no more */
		fos_port_stats(p, &st);
		print_message("%s: %llu given, %llu lost, %llu freezes\n", kinds[k].how, (unsigned long long)got,
		              (unsigned long long)lost, (unsigned long long)st.freezes);
		assert_int_equal(got, st.rx_packets);
		assert_int_equal(got + lost, N);
		assert_true(got > 0 && lost > 0);
		for (unsigned i = 0; i < 50; i++) { /* and goes on */
			struct fos_frame one;

			netns_send(fd, bytes, LEN);
			comes(p, bytes, LEN, &one);
			netns_free(&one, 1);
		}
		fos_port_stats(p, &st);
		assert_int_equal(st.drops, lost);
		close(fd);
		fos_port_close(p);
	}
	netns_run("ip link del v0");
}

static void test_filter(void **state)
{
	static struct build udp, tcp;
	struct fos_frame got;
	struct fos_port *p;
	int fd;

	(void)state;
	netns_cable("v0", "v1", true);
	p = port_of("v1", (struct fos_afxdp_opts){ .mode = FOS_AFXDP_NATIVE, .filter = "udp port 53 or vlan 5" });
	fd = netns_socket("v0", false);
	build(&tcp, "eth ip4 tcp data=100");
	build(&udp, "eth ip4 udp=53 data=100");
	for (unsigned i = 0; i < 200; i++) {
		netns_send(fd, build_bytes(&tcp), build_len(&tcp));
		netns_send(fd, build_bytes(&udp), build_len(&udp));
		comes(p, build_bytes(&udp), build_len(&udp), &got);
		netns_free(&got, 1);
	}
	build(&tcp, "eth vlan=5 ip4 tcp data=100");
	netns_send(fd, build_bytes(&tcp), build_len(&tcp));
	comes(p, build_bytes(&tcp), build_len(&tcp), &got);
	netns_free(&got, 1);
	assert_int_equal(netns_receive(p, &got, 1, 50, NULL), 0);
	close(fd);
	fos_port_close(p);
	netns_run("ip link del v0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),     cmocka_unit_test(test_many),          cmocka_unit_test(test_tags),
		cmocka_unit_test(test_checksums), cmocka_unit_test(test_super_packets), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_overload),  cmocka_unit_test(test_filter),
	};

	afxdp_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
