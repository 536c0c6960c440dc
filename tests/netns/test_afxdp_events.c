/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_afxdp_events.c: how an interface is had by AF_XDP, and what is said where it is not; programs that are killed,
 * queues, and interfaces that come and go.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "afxdp_ports.h"

static void test_ways(void **state)
{
	struct fos_port *p;
	char err[300];

	(void)state;
	netns_cable("v0", "v1", true);
	p = port("v1", FOS_AFXDP_AUTO);
	assert_string_equal(fos_afxdp_how(p), "native, copying, 1 queue");
	assert_int_equal(lines, 1);
	assert_non_null(strstr(heard, "v1: an AF_XDP socket: Operation not supported"));
	assert_non_null(strstr(heard, "trying native, copying"));
	assert_true(taken("v1"));
	/* while one has it, no other gets it, and that is said */
	struct fos_port *second = NULL;

	assert_int_equal(fos_afxdp_open("v1", NULL, &second, err, sizeof err) < 0, 1);
	assert_non_null(strstr(err, "v1: "));
	assert_true(taken("v1"));
	fos_port_close(p);
	assert_false(taken("v1"));
	p = port("v1", FOS_AFXDP_GENERIC);
	assert_string_equal(fos_afxdp_how(p), "generic, copying, 1 queue");
	assert_int_equal(lines, 1);
	assert_non_null(strstr(heard, "VLAN tags"));
	fos_port_close(p);
	assert_int_equal(
	    fos_afxdp_open("v1", &(struct fos_afxdp_opts){ .mode = FOS_AFXDP_ZEROCOPY }, &p, err, sizeof err),
	    -EOPNOTSUPP);
	assert_false(taken("v1"));
	assert_null(fos_afxdp_how(NULL));
	netns_run("ip link del v0");
}

static void test_open_errors(void **state)
{
	struct fos_port *p;
	char err[300];

	(void)state;
	assert_int_equal(fos_afxdp_open("no-such", NULL, &p, err, sizeof err), -ENODEV);
	assert_non_null(strstr(err, "no-such"));
	assert_int_equal(fos_afxdp_open("", NULL, &p, err, sizeof err), -ENODEV);
	assert_int_equal(fos_afxdp_open("a-name-that-no-interface-can-have", NULL, &p, err, sizeof err), -ENODEV);
	netns_cable("v0", "v1", true);
	assert_int_equal(fos_afxdp_open("v1", &(struct fos_afxdp_opts){ .filter = "no filter" }, &p, err, sizeof err),
	                 -EINVAL);
	assert_non_null(strstr(err, "no filter"));
	/* loopback has no native XDP: generic would lose what it cannot see, and must be asked for */
	assert_true(fos_afxdp_open("lo", NULL, &p, err, sizeof err) < 0);
	netns_run("ip link set v1 mtu 4000");
	assert_int_equal(fos_afxdp_open("v1", NULL, &p, err, sizeof err), -EMSGSIZE);
	assert_non_null(strstr(err, "MTU"));
	netns_run("ip link del v0");
}

static bool promiscuous(void)
{
	return netns_try("ip -d link show v1 | grep -q 'promiscuity [1-9]'");
}

/* A program that is killed leaves nothing behind, and the next one gets the interface. */
static void test_killed(void **state)
{
	struct fos_afxdp_opts o = { .mode = FOS_AFXDP_NATIVE, .promiscuous = true };

	(void)state;
	netns_cable("v0", "v1", true);
	for (unsigned k = 0; k < KINDS; k++) {
		int ready[2];
		char byte;
		pid_t child;

		o.mode = kinds[k].mode;
		assert_int_equal(pipe(ready), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			port_of("v1", o);
			(void)!write(ready[1], "x", 1);
			pause();
			_exit(0);
		}
		assert_int_equal(read(ready[0], &byte, 1), 1);
		assert_true(taken("v1") && promiscuous());
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		for (int i = 0; i < 1000 && (taken("v1") || promiscuous()); i++)
			usleep(10000);
		assert_false(taken("v1") || promiscuous());
		struct fos_port *p = port_of("v1", o);

		assert_string_equal(fos_afxdp_how(p), kinds[k].how);
		fos_port_close(p);
		assert_false(taken("v1") || promiscuous());
		close(ready[0]);
		close(ready[1]);
	}
	netns_run("ip link del v0");
}

/* All receive queues are there; what comes by any is given out, and can be waited for. A number that changes is noticed. */
static void test_queues(void **state)
{
	enum { N = 400 };
	static struct build b;
	static unsigned char seen[N];
	struct fos_frame got;
	struct fos_port *p;
	unsigned lines_of[2] = { 0 };
	int fd;

	(void)state;
	netns_cable("v0", "v1", true);
	if (!netns_try("ethtool -L v0 rx 2 tx 2 2>/dev/null && ethtool -L v1 rx 2 tx 2 2>/dev/null"))
		skip();
	p = port("v1", FOS_AFXDP_NATIVE);
	assert_string_equal(fos_afxdp_how(p), "native, copying, 2 queues");
	fd = netns_socket("v0", false);
	for (unsigned i = 0; i < N; i++) {
		build(&b, "eth ip4 udp=53 data=100");
		put16(build_bytes(&b) + 34, 1000 + i); /* source port: the sender's queue goes by it */
		put16(build_bytes(&b) + 40, 0);
		netns_send(fd, build_bytes(&b), build_len(&b));
		assert_int_equal(netns_receive(p, &got, 1, NETNS_PATIENCE_MS, NULL), 1);
		assert_int_equal(got.len, build_len(&b));
		seen[get16(got.data + 34) - 1000]++;
		netns_free(&got, 1);
	}
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(seen[i], 1);
	for (unsigned q = 0; q < 2; q++) {
		FILE *f;
		char line[200];

		snprintf(line, sizeof line, "ethtool -S v1 | sed -n 's/.*rx_queue_%u_xdp_packets: //p'", q);
		f = popen(line, "r");
		assert_non_null(f);
		assert_int_equal(fscanf(f, "%u", &lines_of[q]), 1);
		pclose(f);
		print_message("queue %u had %u packets\n", q, lines_of[q]);
	}
	assert_int_equal(lines_of[0] + lines_of[1], N);
	assert_true(lines_of[0] > 0 && lines_of[1] > 0);
	close(fd);
	fos_port_close(p);
	netns_run("ethtool -L v0 rx 1 tx 1");
	for (unsigned i = 0; i < 1000 && !netns_try("ethtool -L v1 rx 1 tx 1 2>/dev/null"); i++)
		usleep(20000); /* until the kernel has let go of the sockets */
	p = port("v1", FOS_AFXDP_NATIVE);
	netns_run("ethtool -L v1 rx 2"); /* fewer the kernel refuses while there are sockets */
	assert_int_equal(what_became(p), -ENODEV);
	fos_port_close(p);
	netns_run("ip link del v0");
}

/* An interface that goes down comes back by itself; one that is deleted is gone. */
static void test_come_and_go(void **state)
{
	static uint8_t bytes[100];
	static struct fos_batch b;
	struct fos_frame got;

	(void)state;
	netns_fill(bytes, sizeof bytes, 3);
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_port *p;
		int fd, event = -ENETDOWN;

		netns_cable("v0", "v1", true);
		p = port("v1", kinds[k].mode);
		netns_run("ip link set v1 down");
		assert_int_equal(what_became(p), -ENETDOWN);
		b.n = 1;
		b.pkt[0].f = (struct fos_frame){ .data = bytes, .len = 100, .wire_len = 100, .linktype = 1 };
		assert_int_equal(fos_port_tx(p, &b), -ENETDOWN);
		netns_run("ip link set v1 up");
		fd = netns_socket("v0", false);
		for (unsigned i = 0; i < 400 && event; i++)
			(void)netns_receive(p, &got, 1, 100, &event);
		netns_send(fd, bytes, sizeof bytes);
		comes(p, bytes, sizeof bytes, &got);
		netns_free(&got, 1);
		assert_int_equal(fos_port_tx(p, &b), 1);
		close(fd);
		netns_run("ip link del v0");
		for (unsigned i = 0; i < 400 && event != -ENODEV; i++)
			event = what_became(p);
		assert_int_equal(event, -ENODEV);
		assert_int_equal(fos_port_tx(p, &b), -ENODEV);
		fos_port_close(p);
	}
}

/* The name goes away while packets keep coming: that is noticed between them, and what comes later is not given out. */
static void test_renamed_busy(void **state)
{
	static uint8_t bytes[100];
	static struct fos_batch b;

	(void)state;
	netns_fill(bytes, sizeof bytes, 3);
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_port *p;
		uint64_t until;
		int fd, n = 0;

		netns_cable("v0", "v1", true);
		p = port_of("v1", (struct fos_afxdp_opts){ .mode = kinds[k].mode, .timeout_ms = 20 });
		if (!netns_try("ip link set v1 name x1 2>/dev/null")) {
			print_message("an interface that is up cannot be renamed here\n");
			fos_port_close(p);
			continue;
		}
		fd = netns_socket("v0", false);
		until = netns_now_ns() + 20000000000;
		while (n >= 0 && netns_now_ns() < until) {
			netns_send(fd, bytes, sizeof bytes);
			n = fos_port_rx(p, &b);
			if (n > 0 && netns_now_ns() > until - 10000000000)
				fail_msg("still going after ten seconds");
		}
		assert_int_equal(n, -ENODEV);
		netns_send(fd, bytes, sizeof bytes);
		assert_int_equal(fos_port_rx(p, &b), -ENODEV);
		assert_int_equal(b.n, 0);
		close(fd);
		fos_port_close(p);
		netns_run("ip link del v0");
	}
}

/* The same with a frame that is too long: that others come does not hide it. */
static void test_too_long_busy(void **state)
{
	static uint8_t bytes[2000];
	static struct fos_batch b;
	struct fos_port *p;
	uint64_t until;
	int fd, n = 0;

	(void)state;
	netns_cable("v0", "v1", true);
	netns_fill(bytes, sizeof bytes, 3);
	p = port("v1", FOS_AFXDP_GENERIC);
	netns_run("ip link set v0 mtu 3000; ip link set v1 mtu 3000");
	fd = netns_socket("v0", false);
	netns_send(fd, bytes, 1900);
	until = netns_deadline();
	while (n >= 0 && netns_now_ns() < until) {
		netns_send(fd, bytes, 100);
		n = fos_port_rx(p, &b);
	}
	assert_int_equal(n, -EMSGSIZE);
	close(fd);
	fos_port_close(p);
	netns_run("ip link del v0");
}

/* An interface that does not say how many queues it has: loopback, where generic XDP must be asked for. */
static void test_loopback(void **state)
{
	static uint8_t bytes[100];
	struct fos_frame got;
	struct fos_port *p;
	int fd = netns_socket("lo", false);

	(void)state;
	netns_run("ip link set lo mtu 1500");
	p = port("lo", FOS_AFXDP_GENERIC);
	assert_string_equal(fos_afxdp_how(p), "generic, copying, 1 queue");
	netns_fill(bytes, sizeof bytes, 5);
	netns_send(fd, bytes, sizeof bytes);
	comes(p, bytes, sizeof bytes, &got);
	netns_free(&got, 1);
	close(fd);
	fos_port_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),          cmocka_unit_test(test_open_errors),
		cmocka_unit_test(test_killed),        cmocka_unit_test(test_queues),
		cmocka_unit_test(test_come_and_go),   cmocka_unit_test(test_renamed_busy),
		cmocka_unit_test(test_too_long_busy), cmocka_unit_test(test_loopback),
	};

	afxdp_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
