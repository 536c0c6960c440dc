/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_afpacket.c: the AF_PACKET port on a cable: what comes is what was sent, in frames and in blocks, by calls and by a ring.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <flowos/afpacket.h>

#include "netns.h"
#include "parse_build.h"

static struct fos_port *port(const char *name, const struct fos_afpacket_opts *opts)
{
	struct fos_port *p = NULL;
	char err[200] = "";

	if (fos_afpacket_open(name, opts, &p, err, sizeof err))
		fail_msg("opening %s: %s", name, err);
	return p;
}

static uint64_t drops(struct fos_port *p)
{
	struct fos_port_stats st;

	fos_port_stats(p, &st);
	return st.drops;
}

/* Kinds of port; past the queueing discipline, super-packets may be cut: the last does not pass them on. */
static const struct fos_afpacket_opts kinds[] = {
	{ .rx = FOS_AFPACKET_FRAMES, .tx = FOS_AFPACKET_SEND, .rx_ring_bytes = 8 << 20 },
	{ .rx = FOS_AFPACKET_BLOCKS, .tx = FOS_AFPACKET_SEND, .rx_ring_bytes = 8 << 20 },
	{ .rx = FOS_AFPACKET_FRAMES, .tx = FOS_AFPACKET_RING, .rx_ring_bytes = 8 << 20 },
	{ .rx = FOS_AFPACKET_BLOCKS, .tx = FOS_AFPACKET_RING, .rx_ring_bytes = 8 << 20 },
	{ .rx = FOS_AFPACKET_FRAMES, .tx = FOS_AFPACKET_SEND, .rx_ring_bytes = 8 << 20, .slot_bytes = 66 << 10 },
	{ .rx = FOS_AFPACKET_FRAMES, .tx = FOS_AFPACKET_RING, .rx_ring_bytes = 8 << 20, .qdisc_bypass = true },
};
enum { KINDS = sizeof kinds / sizeof *kinds, PASSING = KINDS - 1 };

static void test_sizes(void **state)
{
	static const uint32_t lens[] = { 15, 16, 59, 60, 61, 64, 127, 1000, 1513, 1514, 9014, 30000, 65000, 65549 };
	static uint8_t bytes[70000];

	(void)state;
	netns_cable("v0", "v1", true);
	netns_run("ip link set v0 mtu 65535; ip link set v1 mtu 65535");
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_port *from = port("v0", &kinds[k]), *to = port("v1", &kinds[k]);

		for (unsigned i = 0; i < sizeof lens / sizeof *lens; i++) {
			struct fos_frame f = { .data = bytes, .len = lens[i], .wire_len = lens[i], .linktype = 1 }, got;

			netns_fill(bytes, lens[i], i);
			if (i % 2) { /* in two pieces */
				f.len = 14;
				f.ext = bytes + 14;
				f.ext_len = lens[i] - 14;
			}
			netns_send_by(from, &f);
			assert_int_equal(netns_receive(to, &got, 1, NETNS_PATIENCE_MS, NULL), 1);
			assert_int_equal(got.len, lens[i]);
			assert_int_equal(got.wire_len, lens[i]);
			assert_memory_equal(got.data, bytes, lens[i]);
			assert_int_equal(got.num, i + 1);
			netns_free(&got, 1);
		}
		assert_int_equal(drops(to), 0);
		fos_port_close(from);
		fos_port_close(to);
	}
	netns_run("ip link del v0");
}

/* Many, more than a ring has slots (119, of which rx may hold 64), in batches: all come, in order. */
static void test_many(void **state)
{
	enum { N = 5000 };

	(void)state;
	netns_cable("v0", "v1", true);
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_port *from = port("v0", &kinds[k]), *to = port("v1", &kinds[k]);
		struct fos_port_stats st;

		netns_many(from, to, N, 50);
		fos_port_stats(to, &st);
		assert_int_equal(st.rx_packets, N);
		assert_int_equal(st.rx_bytes, N * 200);
		fos_port_stats(from, &st);
		assert_int_equal(st.tx_packets, N);
		assert_int_equal(st.tx_errors, 0);
		fos_port_close(from);
		fos_port_close(to);
	}
	netns_run("ip link del v0");
}

/* What cannot be sent is left out, and what is after it is sent. */
static void test_unsendable(void **state)
{
	static struct fos_batch b;
	static uint8_t bytes[5000];
	struct fos_frame got[4];
	struct fos_port_stats st;

	(void)state;
	netns_cable("v0", "v1", true);
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_port *from = port("v0", &kinds[k]), *to = port("v1", &kinds[k]);

		netns_fill(bytes, sizeof bytes, 1);
		b.n = 5;
		for (unsigned i = 0; i < b.n; i++)
			b.pkt[i].f =
			    (struct fos_frame){ .data = bytes, .len = 100 + i, .wire_len = 100 + i, .linktype = 1 };
		b.pkt[1].f.wire_len = 200;                   /* captured in part */
		b.pkt[2].f.len = b.pkt[2].f.wire_len = 10;   /* no Ethernet header */
		b.pkt[3].f.len = b.pkt[3].f.wire_len = 4000; /* beyond the interface's MTU */
		assert_int_equal(fos_port_tx(from, &b), 5);
		assert_int_equal(netns_receive(to, got, 2, NETNS_PATIENCE_MS, NULL), 2);
		assert_int_equal(netns_receive(to, got + 2, 1, 300, NULL), 0);
		assert_int_equal(got[0].len, 100);
		assert_int_equal(got[1].len, 104);
		netns_free(got, 2);
		fos_port_stats(from, &st);
		assert_int_equal(st.tx_packets, 2);
		assert_int_equal(st.tx_errors, 3);
		fos_port_close(from);
		fos_port_close(to);
	}
	netns_run("ip link del v0");
}

/* Nothing comes back of what the host itself sends. */
static void test_own(void **state)
{
	static uint8_t bytes[100];
	struct fos_frame got;

	(void)state;
	netns_cable("v0", "v1", true);
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_port *p = port("v0", &kinds[k]);
		int fd = netns_socket("v0", false);

		netns_fill(bytes, sizeof bytes, 0);
		netns_send(fd, bytes, sizeof bytes);
		netns_send_by(p, &(struct fos_frame){ .data = bytes, .len = 100, .wire_len = 100, .linktype = 1 });
		assert_int_equal(netns_receive(p, &got, 1, 50, NULL), 0);
		close(fd);
		fos_port_close(p);
	}
	netns_run("ip link del v0");
}

/* Tags come back to where they were, also two, and the place of a partial checksum moves with them. */
static void test_vlan(void **state)
{
	static const char *const lines[] = { "eth vlan=5 ip4 udp=53 data=100", "eth qinq=7 vlan=5 ip4 udp=53 data=100",
		                             "eth vlan=0xe005 ip6 tcp data=1000", "eth ip4 udp=53 data=100" };
	static struct build b;

	(void)state;
	netns_cable("v0", "v1", true);
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_port *mid = port("v1", &kinds[k]);
		int fd = netns_socket("v0", false), vfd = netns_socket("v0", true);

		for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
			struct fos_frame got;

			build(&b, lines[i]);
			netns_send(fd, build_bytes(&b), build_len(&b));
			assert_int_equal(netns_receive(mid, &got, 1, NETNS_PATIENCE_MS, NULL), 1);
			assert_int_equal(got.len, build_len(&b));
			assert_int_equal(got.wire_len, build_len(&b));
			assert_memory_equal(got.data, build_bytes(&b), got.len);
			netns_free(&got, 1);
		}
		build(&b, "eth vlan=5 ip4 tcp data=3000");
		netns_send_frame(vfd, &(struct fos_frame){ .data = build_bytes(&b),
		                                           .len = build_len(&b),
		                                           .csum_start = 38,
		                                           .csum_offset = 16,
		                                           .gso_type = FOS_GSO_TCPV4,
		                                           .gso_size = 1000,
		                                           .flags = FOS_FRAME_CSUM_PARTIAL });
		struct fos_frame got;

		assert_int_equal(netns_receive(mid, &got, 1, NETNS_PATIENCE_MS, NULL), 1);
		assert_int_equal(got.len, build_len(&b));
		assert_memory_equal(got.data, build_bytes(&b), got.len);
		assert_int_equal(got.csum_start, 38);
		assert_int_equal(got.csum_offset, 16);
		assert_int_equal(got.gso_size, 1000);
		assert_int_equal(got.gso_type, FOS_GSO_TCPV4);
		assert_int_equal(got.flags & (FOS_FRAME_CSUM_PARTIAL | FOS_FRAME_CSUM_OK),
		                 FOS_FRAME_CSUM_PARTIAL | FOS_FRAME_CSUM_OK);
		netns_free(&got, 1);
		close(fd);
		close(vfd);
		fos_port_close(mid);
	}
	netns_run("ip link del v0");
}

/* What one port took, another sends on: super-packets and partial checksums arrive as they were. */
static void test_pass_on(void **state)
{
	static const struct {
		const char *line;
		uint8_t gso_type;
		uint16_t l4, field;
	} cases[] = { { "eth ip4 tcp data=30000", FOS_GSO_TCPV4, 34, 16 },
		      { "eth ip6 tcp=12 data=60000", FOS_GSO_TCPV6, 54, 16 },
		      { "eth ip4 udp=53 data=5000", FOS_GSO_UDP_L4, 34, 6 },
		      { "eth vlan=9 ip6 udp=53 data=5000", FOS_GSO_UDP_L4, 58, 6 },
		      { "eth vlan=9 ip4 tcp data=64000", FOS_GSO_TCPV4, 38, 16 },
		      { "eth ip4 udp=53 data=500", FOS_GSO_NONE, 34, 6 } };
	static struct build b;

	(void)state;
	netns_cable("v0", "v1", true);
	netns_cable("w0", "w1", true);
	for (unsigned k = 0; k < PASSING; k++) {
		struct fos_port *in = port("v1", &kinds[k]), *out = port("w0", &kinds[k]), *to = port("w1", &kinds[k]);
		int fd = netns_socket("v0", true);

		for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
			struct fos_frame mid, got;

			build(&b, cases[i].line);
			netns_send_frame(fd, &(struct fos_frame){ .data = build_bytes(&b),
			                                          .len = build_len(&b),
			                                          .csum_start = cases[i].l4,
			                                          .csum_offset = cases[i].field,
			                                          .gso_type = cases[i].gso_type,
			                                          .gso_size = cases[i].gso_type ? 1200 : 0,
			                                          .flags = FOS_FRAME_CSUM_PARTIAL });
			assert_int_equal(netns_receive(in, &mid, 1, NETNS_PATIENCE_MS, NULL), 1);
			netns_send_by(out, &mid);
			assert_int_equal(netns_receive(to, &got, 1, NETNS_PATIENCE_MS, NULL), 1);
			assert_int_equal(got.len, build_len(&b));
			assert_memory_equal(got.data, build_bytes(&b), got.len);
			assert_int_equal(got.gso_type, cases[i].gso_type);
			assert_int_equal(got.gso_size, cases[i].gso_type ? 1200 : 0);
			assert_int_equal(got.csum_start, cases[i].l4);
			assert_int_equal(got.csum_offset, cases[i].field);
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

/* A lone packet: frames give it at once, blocks after block_ms. Times are of this machine, so they are only bounded, and of the
 * fastest tenth, for which nobody else had the processor. */
static void test_lone(void **state)
{
	enum { N = 60 };
	static uint8_t bytes[100];
	uint64_t fast[2];

	(void)state;
	netns_cable("v0", "v1", true);
	for (unsigned k = 0; k < 2; k++) {
		struct fos_port *p = port("v1", &kinds[k]);
		int fd = netns_socket("v0", false);
		uint64_t took[N];

		for (unsigned i = 0; i < N; i++) {
			struct fos_frame got;

			netns_fill(bytes, sizeof bytes, i);
			netns_send(fd, bytes, sizeof bytes);
			assert_int_equal(netns_receive(p, &got, 1, NETNS_PATIENCE_MS, NULL), 1);
			took[i] = netns_now_ns() - got.ts_ns;
			for (unsigned j = i; j > 0 && took[j - 1] > took[j]; j--) {
				uint64_t t = took[j];

				took[j] = took[j - 1];
				took[j - 1] = t;
			}
			netns_free(&got, 1);
		}
		fast[k] = took[N / 10];
		print_message("%s: a lone packet after %.1f us (10 %%), %.1f us (median), %.1f us (90 %%)\n",
		              k ? "blocks" : "frames", (double)fast[k] / 1e3, (double)took[N / 2] / 1e3,
		              (double)took[N * 9 / 10] / 1e3);
		close(fd);
		fos_port_close(p);
	}
	assert_true(fast[0] < 1000000);
	assert_true(fast[1] < 20000000);
	netns_run("ip link del v0");
}

/* Where nobody reads, the ring fills, and every packet is either given out, whole, or counted; then it recovers. */
static void overload(const struct fos_afpacket_opts *kind, const char *name, uint32_t len)
{
	enum { N = 6000, LONGEST = 30000 };
	static uint8_t bytes[LONGEST];
	struct fos_afpacket_opts o = *kind;
	struct fos_port_stats st;
	struct fos_port *p;
	static struct fos_batch b;
	int fd = netns_socket("v0", false);
	uint64_t got = 0, lost = 0, until;

	o.rx_ring_bytes = 1 << 20;
	o.timeout_ms = 20;
	p = port("v1", &o);
	netns_fill(bytes, len, 1);
	for (unsigned i = 0; i < N; i++)
		netns_send(fd, bytes, len);
	until = netns_deadline();
	while (got + lost < N && netns_now_ns() < until) {
		int n = fos_port_rx(p, &b);

		assert_true(n >= 0);
		for (int i = 0; i < n; i++) {
			assert_int_equal(b.pkt[i].f.len, len);
			assert_memory_equal(b.pkt[i].f.data, bytes, len);
		}
		got += (unsigned)n;
		fos_port_stats(p, &st);
		lost = st.drops;
	}
	assert_int_equal(fos_port_rx(p, &b), 0); /* what it gave out goes back to the kernel */
	print_message("%s, %u bytes: %llu given, %llu lost, %llu freezes\n", name, len, (unsigned long long)got,
	              (unsigned long long)lost, (unsigned long long)st.freezes);
	assert_int_equal(got, st.rx_packets);
	assert_int_equal(got + lost, N);
	assert_true(got > 0 && lost > 0);
	assert_true(o.rx == FOS_AFPACKET_FRAMES || st.freezes > 0);
	for (unsigned i = 0; i < 50; i++) { /* and goes on */
		struct fos_frame one;

		netns_send(fd, bytes, len);
		assert_int_equal(netns_receive(p, &one, 1, NETNS_PATIENCE_MS, NULL), 1);
		netns_free(&one, 1);
	}
	fos_port_stats(p, &st);
	assert_int_equal(st.drops, lost);
	close(fd);
	fos_port_close(p);
}

static void test_overload(void **state)
{
	(void)state;
	netns_cable("v0", "v1", true);
	netns_run("ip link set v0 mtu 65535; ip link set v1 mtu 65535");
	for (uint32_t len = 1000; len <= 30000; len += 29000) {
		overload(&kinds[0], "frames", len);
		overload(&kinds[1], "blocks", len);
		overload(&kinds[4], "large slots", len);
	}
	netns_run("ip link del v0");
}

static void test_filter(void **state)
{
	static const struct {
		const char *filter;
		unsigned takes; /* a bit for each of the lines */
	} cases[] = { { "udp port 53", 1 | 4 }, { "tcp", 2 }, { "vlan 5", 4 }, { "vlan 6", 0 }, { "ip", 1 | 2 | 4 } };
	static const char *const lines[] = { "eth ip4 udp=53 data=1400", "eth ip4 tcp data=1400",
		                             "eth vlan=5 ip4 udp=53 data=20", "eth ip6 icmp data=20" };
	static struct build b;
	struct fos_port *p;
	char err[200];

	(void)state;
	netns_cable("v0", "v1", true);
	for (unsigned k = 0; k < 2; k++)
		for (unsigned c = 0; c < sizeof cases / sizeof *cases; c++) {
			struct fos_afpacket_opts o = kinds[k];
			int fd = netns_socket("v0", false);

			o.filter = cases[c].filter;
			p = port("v1", &o);
			for (unsigned i = 0; i < 4; i++) {
				struct fos_frame got;
				unsigned want = cases[c].takes >> i & 1;

				build(&b, lines[i]);
				netns_send(fd, build_bytes(&b), build_len(&b));
				assert_int_equal(netns_receive(p, &got, 1, want ? NETNS_PATIENCE_MS : 30, NULL), want);
				if (want)
					assert_int_equal(got.len, build_len(&b)); /* whole */
				netns_free(&got, want);
			}
			fos_port_close(p);
			close(fd);
		}
	assert_int_equal(
	    fos_afpacket_open("v1", &(struct fos_afpacket_opts){ .filter = "udp prot 5" }, &p, err, sizeof err),
	    -EINVAL);
	assert_non_null(strstr(err, "udp prot 5"));
	netns_run("ip link del v0");
}

/* Nothing that came while a port with a filter was being opened gets past the filter. */
static void test_no_unfiltered(void **state)
{
	struct fos_afpacket_opts o = { .filter = "tcp", .rx_ring_bytes = 1 << 20, .timeout_ms = 5 };
	static struct build b;
	pid_t child;

	(void)state;
	netns_cable("v0", "v1", true);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int fd = netns_socket("v0", false);

		build(&b, "eth ip4 udp=53 data=20");
		for (;;)
			netns_send(fd, build_bytes(&b), build_len(&b));
	}
	for (unsigned i = 0; i < 60; i++) {
		struct fos_frame got;
		struct fos_port *p;

		o.rx = i % 2 ? FOS_AFPACKET_BLOCKS : FOS_AFPACKET_FRAMES;
		p = port("v1", &o);
		assert_int_equal(netns_receive(p, &got, 1, 10, NULL), 0);
		fos_port_close(p);
	}
	kill(child, 9);
	waitpid(child, NULL, 0);
	netns_run("ip link del v0");
}

static bool promiscuous(void)
{
	return netns_try("ip -d link show v1 | grep -q 'promiscuity [1-9]'");
}

static void test_promiscuous(void **state)
{
	struct fos_afpacket_opts o = { .promiscuous = true, .rx_ring_bytes = 1 << 20 };
	struct fos_port *p, *q;
	pid_t child;

	(void)state;
	netns_cable("v0", "v1", true);
	assert_false(promiscuous());
	p = port("v1", NULL);
	assert_false(promiscuous());
	fos_port_close(p);
	p = port("v1", &o);
	q = port("v1", &o);
	assert_true(promiscuous());
	fos_port_close(p);
	assert_true(promiscuous());
	fos_port_close(q);
	assert_false(promiscuous());
	child = fork(); /* a program that is killed leaves nothing behind */
	assert_true(child >= 0);
	if (child == 0) {
		port("v1", &o);
		kill(getpid(), 9);
	}
	waitpid(child, NULL, 0);
	for (int i = 0; i < 2000 && promiscuous(); i++)
		usleep(10000);
	assert_false(promiscuous());
	netns_run("ip link del v0");
}

static void test_open_errors(void **state)
{
	struct fos_port *p;
	char err[200];

	(void)state;
	assert_int_equal(fos_afpacket_open("no-such", NULL, &p, err, sizeof err), -ENODEV);
	assert_non_null(strstr(err, "no-such"));
	assert_int_equal(fos_afpacket_open("", NULL, &p, err, sizeof err), -ENODEV);
	assert_int_equal(fos_afpacket_open("a-name-that-no-interface-can-have", NULL, &p, err, sizeof err), -ENODEV);
	netns_run("ip link add d0 type dummy 2>/dev/null || ip link add d0 type veth");
	assert_int_equal(fos_afpacket_open("d0", &(struct fos_afpacket_opts){ .filter = "tcp" }, &p, err, sizeof err),
	                 -ENETDOWN);
	assert_int_equal(fos_afpacket_open("d0", &(struct fos_afpacket_opts){ .rx_ring_bytes = (size_t)1 << 62 }, &p,
	                                   err, sizeof err),
	                 -EINVAL);
	netns_run("ip link del d0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),         cmocka_unit_test(test_many),
		cmocka_unit_test(test_unsendable),    cmocka_unit_test(test_own),
		cmocka_unit_test(test_vlan),          cmocka_unit_test(test_pass_on),
		cmocka_unit_test(test_lone),          cmocka_unit_test(test_overload),
		cmocka_unit_test(test_filter),        cmocka_unit_test(test_promiscuous),
		cmocka_unit_test(test_no_unfiltered), cmocka_unit_test(test_open_errors),
	};

	netns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
