/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_afpacket_set.c: what the kernel divides among threads: both directions of every session come to one thread, at two
 * interfaces, the one that flowos/shard.h says, also after an interface was opened again; and nothing is lost or doubled.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include <flowos/afpacket_set.h>
#include <flowos/parse.h>

#include "netns.h"
#include "parse_build.h"

enum { SESSIONS = 200, THREADS = 4 };

static struct fos_shard shard; /* for THREADS */
static const char *const names[2] = { "v1", "w1" };

static struct fos_afpacket_set_opts opts(uint32_t threads)
{
	return (struct fos_afpacket_set_opts){
		.threads = threads, .port = { .rx_ring_bytes = 4 << 20, .frame_bytes = 2048, .timeout_ms = -1 }
	};
}

static struct fos_afpacket_set *set(uint32_t interfaces, const struct fos_afpacket_set_opts *o)
{
	struct fos_afpacket_set *s = NULL;
	char err[200] = "";

	if (fos_afpacket_set_open(names, interfaces, o, &s, err, sizeof err))
		fail_msg("opening: %s", err);
	return s;
}

/* A packet of session i, in one direction or the other. */
static void session_packet(struct build *b, unsigned i, bool back, bool v6, bool udp)
{
	uint8_t *p, *ip, a[16], port[2];

	build(b, udp  ? v6 ? "eth ip6 udp=53 data=30" : "eth ip4 udp=53 data=30"
	         : v6 ? "eth ip6 tcp data=30"
	              : "eth ip4 tcp data=30");
	p = build_bytes(b);
	ip = p + 14;
	put16(ip + (v6 ? 40 : 20), 1024 + i * 7);
	ip[v6 ? 23 : 15] = (uint8_t)(i % 31 + 1);
	ip[v6 ? 39 : 19] = (uint8_t)(i % 17 + 100);
	if (back) {
		uint32_t at = v6 ? 8 : 12, n = v6 ? 16 : 4, l4 = v6 ? 40 : 20;

		memcpy(a, ip + at, n);
		memmove(ip + at, ip + at + n, n);
		memcpy(ip + at + n, a, n);
		memcpy(port, ip + l4, 2);
		memmove(ip + l4, ip + l4 + 2, 2);
		memcpy(ip + l4 + 2, port, 2);
	}
	if (!v6) {
		put16(ip + 10, 0);
		put16(ip + 10, ~model_sum(ip, 20, 0) & 0xffff);
	}
}

/* Which thread gets the packet that was just sent; there must be one, and once. */
static unsigned taken_by(struct fos_afpacket_set *s, uint32_t interface, uint32_t threads)
{
	static struct fos_batch b;
	uint64_t until = netns_deadline();
	int by = -1;

	while (by < 0 && netns_now_ns() < until)
		for (uint32_t t = 0; t < threads; t++) {
			int n = fos_port_rx(fos_afpacket_set_port(s, interface, t), &b);

			assert_true(n >= 0 && n <= 1);
			if (n) {
				assert_int_equal(by, -1);
				assert_int_equal(b.pkt[0].f.port, interface);
				by = (int)t;
			}
		}
	assert_true(by >= 0);
	return (unsigned)by;
}

/* Whose a packet is by flowos/shard.h. */
static uint32_t shard_of(struct build *b)
{
	struct fos_pkt p = {
		.f = { .data = build_bytes(b), .len = build_len(b), .wire_len = build_len(b), .linktype = 1 }
	};

	assert_true(fos_parse(&p, 0) <= FOS_PKT_OTHER);
	return fos_shard_of(&shard, &p);
}

/* How many of the sessions have one thread; every thread must have some. Where the set deals by `shard`, it is that one. */
static unsigned agreeing(struct fos_afpacket_set *s)
{
	static struct build b;
	unsigned agree = 0, has[THREADS] = { 0 };
	int west = netns_socket("v0", false), east = netns_socket("w0", false);

	for (unsigned i = 0; i < SESSIONS; i++) {
		bool v6 = i % 4 == 1, udp = i % 3 == 2;
		unsigned there, back;

		session_packet(&b, i, false, v6, udp);
		netns_send(west, build_bytes(&b), build_len(&b));
		there = taken_by(s, 0, THREADS);
		session_packet(&b, i, true, v6, udp);
		netns_send(east, build_bytes(&b), build_len(&b));
		back = taken_by(s, 1, THREADS);
		agree += there == back;
		has[there]++;
		if (fos_afpacket_set_dealer(s) == 0)
			assert_int_equal(there, shard_of(&b));
	}
	for (unsigned t = 0; t < THREADS; t++)
		assert_true(has[t] > SESSIONS / THREADS / 4);
	close(west);
	close(east);
	return agree;
}

static void cables(void)
{
	netns_cable("v0", "v1", true);
	netns_cable("w0", "w1", true);
}

static void test_symmetric(void **state)
{
	struct fos_afpacket_set_opts o = opts(THREADS);
	struct fos_afpacket_set *s, *other;
	char err[200];

	(void)state;
	cables();
	for (unsigned k = 0; k < 4; k++) {
		o.port.rx = k % 2 ? FOS_AFPACKET_BLOCKS : FOS_AFPACKET_FRAMES;
		o.shard = k < 2 ? &shard : NULL;
		s = set(2, &o);
		assert_int_equal(fos_afpacket_set_dealer(s), k < 2 ? 0 : -ENOENT);
		other = set(2, &o); /* groups of their own: one takes nothing from the other */
		assert_int_equal(agreeing(s), SESSIONS);
		fos_afpacket_set_close(other);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(fos_afpacket_set_reopen(s, i % 2, err, sizeof err), 0);
			assert_int_equal(agreeing(s), SESSIONS);
		}
		fos_afpacket_set_close(s);
	}
}

/* An interface that was down, and one that is another now. The other one's ports stay. */
static void after_events(const struct fos_shard *by)
{
	struct fos_afpacket_set_opts o = opts(THREADS);
	struct fos_afpacket_set *s;
	struct fos_port_stats before, after;
	static struct fos_batch b;
	struct fos_port *stays;
	char err[200];

	cables();
	o.shard = by;
	s = set(2, &o);
	netns_run("ip link set w1 down; ip link set w1 up; ip link set v1 down; ip link set v1 up");
	for (uint32_t i = 0; i < 2 * THREADS; i++)
		(void)fos_port_rx(fos_afpacket_set_port(s, i % 2, i / 2), &b);
	assert_int_equal(agreeing(s), SESSIONS);
	stays = fos_afpacket_set_port(s, 0, 0);
	netns_run("ip link del w0");
	for (int i = 0; i < 2000 && fos_port_rx(fos_afpacket_set_port(s, 1, 2), &b) != -ENODEV; i++)
		usleep(10000);
	assert_int_equal(fos_port_rx(fos_afpacket_set_port(s, 1, 2), &b), -ENODEV);
	assert_int_equal(fos_afpacket_set_reopen(s, 1, err, sizeof err), -ENODEV);
	assert_non_null(strstr(err, "w1"));
	assert_null(fos_afpacket_set_port(s, 1, 0));
	assert_ptr_equal(fos_afpacket_set_port(s, 0, 0), stays);
	assert_true(fos_port_rx(stays, &b) >= 0);
	netns_cable("w0", "w1", true);
	assert_int_equal(fos_afpacket_set_reopen(s, 1, err, sizeof err), 0);
	fos_port_stats(fos_afpacket_set_port(s, 1, 0), &before);
	assert_true(before.rx_packets > 0); /* counts go on */
	assert_int_equal(agreeing(s), SESSIONS);
	fos_port_stats(fos_afpacket_set_port(s, 1, 0), &after);
	assert_true(after.rx_packets > before.rx_packets && after.rx_packets < before.rx_packets + SESSIONS);
	fos_afpacket_set_close(s);
}

static void test_after_events(void **state)
{
	(void)state;
	after_events(&shard);
	after_events(NULL);
}

/* As the kernel has them: with the first tag beside the packet, put there by itself or by the sender's side, or as super-packets. */
static void test_dealt(void **state)
{
	static const char *const lines[] = {
		"eth ip4 tcp data=30",
		"eth ip6 tcp data=30",
		"eth ip4 udp=53 data=30",
		"eth vlan=5 ip4 tcp data=30",
		"eth vlan=5 ip6 udp=53 data=9",
		"eth qinq=5 vlan=7 ip4 tcp data=30",
		"eth ip4=32 tcp data=30",
		"eth ip6 hop dst tcp data=30",
		"eth vlan=3 pppoe ppp ip4 tcp data=30",
		"eth ip4 icmp data=30",
		"eth ip6 icmp data=30",
		"eth frag4=0x2000 udp=53 data=40",
		"eth ip4 udp=4789 vxlan eth ip4 tcp data=30",
		"eth ip4 gre=0x2000 ip6 tcp data=30",
		"eth ip6 ip4 udp=53 data=9",
		"eth frag4=6 data=40",
		"eth ip4 tcp data=9000",
		"eth vlan=5 ip6 tcp data=9000",
	};
	struct fos_afpacket_set_opts o = opts(THREADS);
	struct fos_afpacket_set *s;
	static struct build b;
	int fd;

	(void)state;
	cables();
	bool tags = netns_try("ip link add link v0 name v0.9 type vlan id 9 2>/dev/null && ip link set v0.9 up");

	o.shard = &shard;
	o.port.frame_bytes = 1 << 16;
	s = set(1, &o);
	fd = netns_socket("v0", true);
	for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++)
		for (unsigned host = 1; host < 20; host++) {
			struct fos_frame f = { .linktype = 1 };
			struct fos_pkt p = { 0 };

			build(&b, lines[i]);
			f.data = build_bytes(&b);
			f.len = f.wire_len = build_len(&b);
			p.f = f;
			fos_parse(&p, 0);
			uint8_t *ip = build_bytes(&b) + (p.ip - build_bytes(&b));

			ip[p.ip_version == 4 ? 14 : 20] = (uint8_t)host;
			if (p.ip_version == 4) {
				put16(ip + 10, 0);
				put16(ip + 10, ~model_sum(ip, p.l4, 0) & 0xffff);
			}
			if (f.len > 2000) {
				f.gso_type = p.ip_version == 4 ? FOS_GSO_TCPV4 : FOS_GSO_TCPV6;
				f.gso_size = 1448;
				f.flags = FOS_FRAME_CSUM_PARTIAL;
				f.csum_start = (uint16_t)(ip + p.l4 - f.data);
				f.csum_offset = 16;
			}
			netns_send_frame(fd, &f);
			assert_int_equal(taken_by(s, 0, THREADS), shard_of(&b));
		}
	close(fd);
	fd = netns_socket(tags ? "v0.9" : "v0", false); /* its tag is beside the packet from the beginning */
	for (unsigned i = 0; i < 20; i++) {
		session_packet(&b, i, false, i % 2, i % 3 == 0);
		netns_send(fd, build_bytes(&b), build_len(&b));
		assert_int_equal(taken_by(s, 0, THREADS), shard_of(&b));
	}
	close(fd);
	fos_afpacket_set_close(s);
}

/* A kernel that takes no program deals by its own hash. Last: the process cannot go back. */
static void test_refused(void **state)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_FANOUT_DATA, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog refuse = { sizeof code / sizeof *code, code };
	struct fos_afpacket_set_opts o = opts(THREADS);
	struct fos_afpacket_set *s;
	char err[200];

	(void)state;
	cables();
	o.shard = &shard;
	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &refuse), 0);
	s = set(2, &o);
	assert_int_equal(fos_afpacket_set_dealer(s), -EACCES);
	assert_int_equal(agreeing(s), SESSIONS);
	assert_int_equal(fos_afpacket_set_reopen(s, 0, err, sizeof err), 0);
	assert_int_equal(agreeing(s), SESSIONS);
	fos_afpacket_set_close(s);
}

/* The kernel does not put fragments together: what would come of it could not be sent on. */
static void test_fragments_are_left_alone(void **state)
{
	struct fos_afpacket_set_opts o = opts(THREADS);
	struct fos_afpacket_set *s;
	static struct build b;
	int fd;

	(void)state;
	cables();
	s = set(1, &o);
	fd = netns_socket("v0", false);
	build(&b, "eth frag4=0x2000 udp=53 data=40");
	netns_send(fd, build_bytes(&b), build_len(&b));
	unsigned first = taken_by(s, 0, THREADS);

	build(&b, "eth frag4=6 data=40");
	netns_send(fd, build_bytes(&b), build_len(&b));
	assert_int_equal(taken_by(s, 0, THREADS), first); /* both come, as they are, to one thread */
	close(fd);
	fos_afpacket_set_close(s);
}

/* A full ring loses; with rollover another thread's takes it. */
static void test_rollover(void **state)
{
	static struct build b;

	(void)state;
	cables();
	for (unsigned rollover = 0; rollover < 2; rollover++) {
		struct fos_afpacket_set_opts o = opts(2);
		uint64_t given[2] = { 0 }, lost = 0, until;
		struct fos_afpacket_set *s;
		static struct fos_batch in;
		int fd = netns_socket("v0", false);

		o.rollover = rollover;
		o.port.rx_ring_bytes = 1 << 20;
		s = set(1, &o);
		session_packet(&b, 1, false, false, false);
		for (unsigned i = 0; i < 1200; i++) /* of one session */
			netns_send(fd, build_bytes(&b), build_len(&b));
		until = netns_deadline();
		while (given[0] + given[1] + lost < 1200 && netns_now_ns() < until) {
			lost = 0;
			for (uint32_t t = 0; t < 2; t++) {
				struct fos_port_stats st;
				int n;

				while ((n = fos_port_rx(fos_afpacket_set_port(s, 0, t), &in)) > 0)
					given[t] += (unsigned)n;
				fos_port_stats(fos_afpacket_set_port(s, 0, t), &st);
				lost += st.drops;
			}
		}
		assert_int_equal(given[0] + given[1] + lost, 1200);
		if (rollover)
			assert_true(given[0] && given[1]);
		else
			assert_true((!given[0] || !given[1]) && lost > 0);
		close(fd);
		fos_afpacket_set_close(s);
	}
}

static void test_errors(void **state)
{
	static const char *const missing[2] = { "v1", "no-such" };
	struct fos_afpacket_set_opts o = opts(2);
	struct fos_afpacket_set *s;
	char err[200];

	(void)state;
	cables();
	assert_int_equal(fos_afpacket_set_open(missing, 2, &o, &s, err, sizeof err), -ENODEV);
	assert_non_null(strstr(err, "no-such"));
	o.threads = 0;
	assert_int_equal(fos_afpacket_set_open(names, 2, &o, &s, err, sizeof err), -EINVAL);
	o = opts(2);
	o.port.filter = "no filter at all";
	assert_int_equal(fos_afpacket_set_open(names, 2, &o, &s, err, sizeof err), -EINVAL);
	netns_run("ip link set w1 down");
	o = opts(2);
	int ret = fos_afpacket_set_open(names, 2, &o, &s, err, sizeof err);

	if (ret == 0) /* newer kernels let members of an interface join that is down */
		fos_afpacket_set_close(s);
	else
		assert_int_equal(ret, -ENETDOWN);
	fos_afpacket_set_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symmetric),
		cmocka_unit_test(test_after_events),
		cmocka_unit_test(test_fragments_are_left_alone),
		cmocka_unit_test(test_rollover),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_dealt),
		cmocka_unit_test(test_refused),
	};

	fos_shard_init(&shard, 29, THREADS);
	netns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
