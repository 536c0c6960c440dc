/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_gso_kernel.c: super-packets cut by gso_segment.c against the same super-packets cut by the running kernel, plain and
 * in the kernel's tunnels. One cable takes super-packets, so they arrive whole and are cut here; the other has no offloads,
 * so the kernel cuts them and completes every checksum before they leave.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <flowos/afpacket.h>

#include "gso_segment.h"
#include "netns.h"
#include "parse_build.h"

enum { PARTS = 256 };

static const struct super {
	const char *line;
	uint8_t gso_type, flags; /* of TCP */
	uint16_t gso_size, l4;
} supers[] = {
	{ "eth ip4 tcp=12 data=60000", FOS_GSO_TCPV4, 0x18, 1448, 34 },
	{ "eth ip4 tcp data=5001", FOS_GSO_TCPV4 | FOS_GSO_ECN, 0x99, 1000, 34 },
	{ "eth ip6 tcp=12 data=30000", FOS_GSO_TCPV6, 0x18, 1428, 54 },
	{ "eth ip6 tcp data=2857", FOS_GSO_TCPV6, 0x11, 1428, 54 },
	{ "eth ip4 udp=53 data=9999", FOS_GSO_UDP_L4, 0, 1200, 34 },
	{ "eth ip6 udp=53 data=4001", FOS_GSO_UDP_L4, 0, 1000, 54 },
};
enum { SUPERS = sizeof supers / sizeof *supers };

static struct fos_port *port(const char *name)
{
	struct fos_afpacket_opts o = { .timeout_ms = 20, .filter = "not arp" };
	struct fos_port *p = NULL;
	char err[200] = "";

	if (fos_afpacket_open(name, &o, &p, err, sizeof err))
		fail_msg("opening %s: %s", name, err);
	return p;
}

/* Sends a super-packet, with the sum of its pseudo header where its checksum will be. `tag`: behind a VLAN tag. */
static void send_super(const char *name, const struct super *s, bool tag)
{
	static struct build b;
	bool v4 = s->line[6] == '4', tcp = (s->gso_type & ~FOS_GSO_ECN) != FOS_GSO_UDP_L4;
	uint32_t l4 = s->l4 + (tag ? 4u : 0), field = tcp ? 16 : 6;
	int fd = netns_socket(name, true);
	char line[100];
	uint8_t *p;

	snprintf(line, sizeof line, "eth %s%s", tag ? "vlan=5 " : "", s->line + 4);
	build(&b, line);
	p = build_bytes(&b);
	memcpy(p, (uint8_t[]){ 2, 9, 9, 9, 9, 9, 2, 8, 8, 8, 8, 8 }, 12);
	if (tcp)
		p[l4 + 13] = s->flags;
	put16(p + l4 + field, model_sum(p + l4 - (v4 ? 8 : 32), v4 ? 8 : 32, (tcp ? 6 : 17) + build_len(&b) - l4));
	netns_send_frame(fd, &(struct fos_frame){ .data = p,
	                                          .len = build_len(&b),
	                                          .flags = FOS_FRAME_CSUM_PARTIAL,
	                                          .csum_start = (uint16_t)l4,
	                                          .csum_offset = (uint16_t)field,
	                                          .gso_type = s->gso_type,
	                                          .gso_size = s->gso_size });
	close(fd);
}

/* Cuts what came whole. Returns how many parts. */
static uint32_t cut(const struct fos_frame *f, struct fos_frame *to)
{
	uint8_t head[FOS__GSO_HEAD], *bytes;
	struct fos__gso g;
	uint32_t n = 0;

	assert_int_equal(fos__gso_open(&g, f), 0);
	while (n < PARTS && fos__gso_next(&g, head, &to[n])) {
		bytes = malloc(to[n].len + to[n].ext_len);
		assert_non_null(bytes);
		memcpy(bytes, to[n].data, to[n].len);
		memcpy(bytes + to[n].len, to[n].ext, to[n].ext_len);
		to[n].data = bytes;
		to[n].len += to[n].ext_len;
		n++;
	}
	return n;
}

/* The two lists are the same. In a tunnel the outermost IPv4 header has an identification of its own, and its checksum
 * follows from it; it counts on from packet to packet in both. */
static void compare(struct fos_frame *mine, struct fos_frame *kernels, uint32_t n, bool tunnel)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *m = (uint8_t *)(uintptr_t)mine[i].data, *k = (uint8_t *)(uintptr_t)kernels[i].data;

		assert_int_equal(mine[i].len, kernels[i].len);
		if (tunnel) {
			assert_int_equal(model_sum(m + 14, 20, 0), 0xffff);
			assert_int_equal((uint16_t)(get16(m + 18) - get16(mine[0].data + 18)), i);
			assert_int_equal((uint16_t)(get16(k + 18) - get16(kernels[0].data + 18)), i);
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *m = (uint8_t *)(uintptr_t)mine[i].data, *k = (uint8_t *)(uintptr_t)kernels[i].data;

		if (tunnel) {
			memset(m, 0, 12); /* the cables have addresses of their own */
			memset(k, 0, 12);
			memset(m + 18, 0, 2);
			memset(k + 18, 0, 2);
			memset(m + 24, 0, 2);
			memset(k + 24, 0, 2);
		}
		assert_memory_equal(m, k, mine[i].len);
	}
}

/* `through`: sends on a device over the cable, which the kernel may not take; NULL: on the cable itself. Returns false where it did
 * not take it. */
static bool check(const struct super *s, bool tag, const char *through,
                  void (*over)(const char *device, const char *cable), const char *device)
{
	static struct fos_frame whole[1], mine[PARTS], kernels[PARTS];
	struct fos_port *p = port("v1");
	uint32_t n, got;

	if (over)
		over(device, "v0");
	send_super(through ? through : "v0", s, tag);
	n = netns_receive(p, whole, 1, through ? 1000 : NETNS_PATIENCE_MS, NULL);
	fos_port_close(p);
	if (!n)
		return false;
	if (!whole->gso_type) { /* this kernel cuts it in any case */
		netns_free(whole, 1);
		return false;
	}
	assert_true(whole->gso_size == s->gso_size);
	n = cut(whole, mine);
	p = port("w1");
	if (over)
		over(device, "w0");
	send_super(through ? through : "w0", s, tag);
	got = netns_receive(p, kernels, n, NETNS_PATIENCE_MS, NULL);
	assert_int_equal(got, n);
	assert_false(kernels[0].flags & FOS_FRAME_CSUM_PARTIAL);
	compare(mine, kernels, n, through != NULL);
	netns_free(whole, 1);
	netns_free(mine, n);
	netns_free(kernels, n);
	fos_port_close(p);
	return true;
}

static void cables(void)
{
	netns_cable("v0", "v1", true);
	netns_cable("w0", "w1", false);
}

static void test_plain(void **state)
{
	(void)state;
	cables();
	for (unsigned i = 0; i < SUPERS; i++)
		for (unsigned tag = 0; tag < 2; tag++)
			assert_true(check(&supers[i], tag, NULL, NULL, NULL));
}

/* A tunnel device "t0" of a kind, over one end of a cable. */
static void tunnel_over(const char *kind, const char *cable)
{
	netns_try("ip link del t0 2>/dev/null; ip addr flush dev v0; ip addr flush dev w0");
	netns_run("ip addr add 10.0.0.1/24 dev %s && ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev %s", cable,
	          cable);
	netns_run(kind, cable);
	netns_run("ip link set t0 mtu 1600 up");
}

static void test_tunnels(void **state)
{
	static const char *const kinds[] = {
		"ip link add t0 type vxlan id 7 local 10.0.0.1 remote 10.0.0.2 dstport 4789 dev %s noudpcsum",
		"ip link add t0 type vxlan id 7 local 10.0.0.1 remote 10.0.0.2 dstport 4789 dev %s udpcsum",
		"ip link add t0 type geneve id 7 remote 10.0.0.2 udpcsum # %s",
		"ip link add t0 type gretap local 10.0.0.1 remote 10.0.0.2 dev %s",
		"ip link add t0 type gretap local 10.0.0.1 remote 10.0.0.2 key 9 dev %s",
		"ip link add t0 type gretap local 10.0.0.1 remote 10.0.0.2 ocsum dev %s",
	};
	unsigned compared = 0;

	(void)state;
	cables();
	netns_run("ip link set v0 mtu 1700; ip link set v1 mtu 1700; ip link set w0 mtu 1700; ip link set w1 mtu 1700");
	for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		char probe[300];
		unsigned here = 0;

		snprintf(probe, sizeof probe, kinds[k], "v0");
		netns_try("ip link del t0 2>/dev/null; ip addr replace 10.0.0.1/24 dev v0");
		if (!netns_try("%s 2>/dev/null", probe)) {
			print_message("not in this kernel: %s\n", kinds[k]);
			continue;
		}
		for (unsigned i = 0; i < SUPERS; i++)
			here += check(&supers[i], false, "t0", tunnel_over, kinds[k]);
		print_message("%u of %u the same: %s\n", here, SUPERS, kinds[k]);
		compared += here;
	}
	assert_true(compared >= SUPERS);
	netns_try("ip link del t0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_tunnels),
	};

	netns_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
