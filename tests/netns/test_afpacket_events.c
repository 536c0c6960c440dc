/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_afpacket_events.c: interfaces that go down, come back, get another name, are deleted and made again, under a
 * port: it says which, waits without using the processor, and goes on.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <flowos/afpacket.h>

#include "netns.h"

static const struct fos_afpacket_opts kinds[] = {
	{ .rx = FOS_AFPACKET_FRAMES, .tx = FOS_AFPACKET_SEND, .rx_ring_bytes = 4 << 20, .timeout_ms = 50 },
	{ .rx = FOS_AFPACKET_BLOCKS, .tx = FOS_AFPACKET_RING, .rx_ring_bytes = 4 << 20, .timeout_ms = 50 },
};
enum { KINDS = 2 };

static uint8_t bytes[100] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 2, 2, 2, 2, 2, 0x88, 0xb5, 1 };

static struct fos_port *port(const char *name, unsigned kind)
{
	struct fos_port *p = NULL;
	char err[200] = "";

	if (fos_afpacket_open(name, &kinds[kind], &p, err, sizeof err))
		fail_msg("opening %s: %s", name, err);
	return p;
}

static void one_comes(struct fos_port *p)
{
	struct fos_frame got;
	int fd = netns_socket("v0", false);

	netns_send(fd, bytes, sizeof bytes);
	assert_int_equal(netns_receive(p, &got, 1, NETNS_PATIENCE_MS, NULL), 1);
	netns_free(&got, 1);
	close(fd);
}

/* rx says `want`, after a while. */
static void says(struct fos_port *p, int want)
{
	struct fos_frame got;
	uint64_t until = netns_deadline();
	int event = 0;

	while (event != want && netns_now_ns() < until)
		assert_int_equal(netns_receive(p, &got, 1, 100, &event), 0);
	assert_int_equal(event, want);
	assert_int_not_equal(strlen(fos_port_error(p)), 0);
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Whoever asks in a loop meanwhile is made to wait. */
static void waits(struct fos_port *p, int want)
{
	static struct fos_batch b;
	double cpu = cpu_seconds();
	uint64_t from = netns_now_ns();

	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(fos_port_rx(p, &b), want);
	assert_true(netns_now_ns() - from > 6 * 40 * 1000000ull);
	assert_true(cpu_seconds() - cpu < 0.1);
}

static int send_one(struct fos_port *p)
{
	static struct fos_batch b;

	b.n = 1;
	b.pkt[0].f = (struct fos_frame){ .data = bytes, .len = sizeof bytes, .wire_len = sizeof bytes, .linktype = 1 };
	return fos_port_tx(p, &b);
}

static void test_down_and_up(void **state)
{
	(void)state;
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_frame got[3];
		struct fos_port *p;
		int fd, event;

		netns_cable("v0", "v1", true);
		p = port("v1", k);
		one_comes(p);
		fd = netns_socket("v0", false);
		for (unsigned i = 0; i < 3; i++)
			netns_send(fd, bytes, sizeof bytes);
		close(fd);
		netns_run("ip link set v1 down");
		assert_int_equal(netns_receive(p, got, 3, NETNS_PATIENCE_MS, &event), 3); /* what was there before */
		netns_free(got, 3);
		says(p, -ENETDOWN);
		waits(p, -ENETDOWN);
		assert_int_equal(send_one(p), -ENETDOWN);
		netns_run("ip link set v1 up");
		for (int i = 0, n = -ENETDOWN; i < 400 && n == -ENETDOWN; i++) {
			static struct fos_batch b;

			n = fos_port_rx(p, &b);
			assert_true(n == -ENETDOWN || n == 0);
		}
		one_comes(p);
		assert_int_equal(send_one(p), 1);
		for (unsigned i = 0; i < 20; i++) /* often */
			netns_run("ip link set v1 down; ip link set v1 up");
		for (unsigned i = 0; i < 3; i++) {
			static struct fos_batch b;
			int n = fos_port_rx(p, &b);

			assert_true(n == -ENETDOWN || n == 0);
		}
		one_comes(p);
		fos_port_close(p);
	}
	netns_run("ip link del v0");
}

/* A port that is opened before its interface is up. */
static void test_opened_down(void **state)
{
	(void)state;
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_port *p;
		static struct fos_batch b;

		netns_cable("v0", "v1", true);
		netns_run("ip link set v1 down");
		p = port("v1", k);
		says(p, -ENETDOWN);
		netns_run("ip link set v1 up");
		for (int i = 0; i < 400 && fos_port_rx(p, &b) == -ENETDOWN; i++)
			;
		one_comes(p);
		assert_int_equal(send_one(p), 1);
		fos_port_close(p);
	}
	netns_run("ip link del v0");
}

static void test_deleted(void **state)
{
	(void)state;
	for (unsigned k = 0; k < KINDS; k++) {
		struct fos_port *p;
		char err[200];

		netns_cable("v0", "v1", true);
		p = port("v1", k);
		one_comes(p);
		netns_run("ip link del v0");
		says(p, -ENODEV);
		waits(p, -ENODEV);
		assert_int_equal(send_one(p), -ENODEV);
		netns_cable("v0", "v1", true); /* another of the same name is not taken for it */
		waits(p, -ENODEV);
		fos_port_close(p);
		p = port("v1", k);
		one_comes(p);
		netns_run("ip link del v0");
		fos_port_close(p);
		assert_int_equal(fos_afpacket_open("v1", &kinds[k], &p, err, sizeof err), -ENODEV);
	}
}

static void test_renamed(void **state)
{
	(void)state;
	for (unsigned k = 0; k < KINDS; k++)
		for (unsigned live = 0; live < 2; live++) {
			struct fos_port *p;

			netns_cable("v0", "v1", true);
			p = port("v1", k);
			one_comes(p);
			if (!live)
				netns_run("ip link set v1 down && ip link set v1 name x1 && ip link set x1 up");
			else if (!netns_try("ip link set v1 name x1 2>/dev/null")) /* kernels before 6.2 refuse */
				print_message("an interface that is up cannot be renamed here\n");
			if (!netns_try("ip link show v1 >/dev/null 2>&1")) {
				says(p, -ENODEV);
				waits(p, -ENODEV);
				netns_run("ip link set x1 down; ip link set x1 name v1; ip link set v1 up");
			}
			fos_port_close(p);
			p = port("v1", k);
			one_comes(p);
			fos_port_close(p);
		}
	netns_run("ip link del v0");
}

/* The name goes away while packets keep coming: that is noticed between them. */
static void test_renamed_busy(void **state)
{
	(void)state;
	for (unsigned k = 0; k < KINDS; k++) {
		static struct fos_batch b;
		struct fos_port *p;
		uint64_t until;
		int fd, n = 0;

		netns_cable("v0", "v1", true);
		p = port("v1", k);
		one_comes(p);
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
		close(fd);
		assert_int_equal(n, -ENODEV);
		fos_port_close(p);
	}
	netns_try("ip link del v0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_down_and_up), cmocka_unit_test(test_opened_down),  cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_renamed),     cmocka_unit_test(test_renamed_busy),
	};

	netns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
