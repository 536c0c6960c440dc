/* SPDX-License-Identifier: BSD-2-Clause
 *
 * netns.c: see netns.h.
 */
#include "netns.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static void cannot(const char *why)
{
	printf("skipped: %s\n", why);
	exit(77);
}

static int shell(const char *format, va_list args)
{
	char line[500];

	vsnprintf(line, sizeof line, format, args);
	return system(line);
}

void netns_run(const char *format, ...)
{
	va_list args;
	int status;

	va_start(args, format);
	status = shell(format, args);
	va_end(args);
	if (status)
		fail_msg("%s: status %d", format, status);
}

bool netns_try(const char *format, ...)
{
	va_list args;
	int status;

	va_start(args, format);
	status = shell(format, args);
	va_end(args);
	return status == 0;
}

void netns_enter(void)
{
	cpu_set_t one;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (geteuid() != 0)
		cannot("network namespaces need root");
	if (!netns_try("command -v ip >/dev/null && command -v ethtool >/dev/null"))
		cannot("iproute2 and ethtool are needed");
	if (unshare(CLONE_NEWNET))
		cannot("no network namespace can be made here");
	/* What is sent on one CPU stays in order. */
	CPU_ZERO(&one);
	CPU_SET((unsigned)sched_getcpu(), &one);
	sched_setaffinity(0, sizeof one, &one);
	netns_run(
	    "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; "
	    "ip link set lo up");
}

void netns_cable(const char *one, const char *other, bool offloads)
{
	netns_try("ip link del %s 2>/dev/null", one); /* of a test that failed */
	netns_run("ip link add %s type veth peer name %s && ip link set %s up && ip link set %s up", one, other, one,
	          other);
	if (!offloads)
		netns_run("for i in %s %s; do ethtool -K $i tx off tso off gso off gro off >/dev/null; done", one,
		          other);
}

/* An interface whose other end was down sends again some time after that is up: until then packets vanish without a word. */
static void wait_until_it_sends(int fd, const char *name)
{
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	for (int i = 0; i < 5000 && ioctl(fd, SIOCGIFFLAGS, &r) == 0 && !(r.ifr_flags & IFF_RUNNING); i++)
		usleep(1000);
}

int netns_socket(const char *name, bool vnet)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), yes = 1, bytes = 1 << 22;

	assert_true(fd >= 0 && to.sll_ifindex > 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes), 0);
	if (vnet)
		assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof yes), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
	wait_until_it_sends(fd, name);
	return fd;
}

void netns_send(int fd, const void *bytes, uint32_t len)
{
	ssize_t n = send(fd, bytes, len, 0);

	if (n != (ssize_t)len)
		fail_msg("sending %u bytes: %s", len, n < 0 ? strerror(errno) : "in part");
}

void netns_send_frame(int fd, const struct fos_frame *f)
{
	struct virtio_net_hdr v = { .gso_type = f->gso_type, .gso_size = f->gso_size };
	struct iovec iov[3] = { { &v, sizeof v },
		                { (void *)(uintptr_t)f->data, f->len },
		                { (void *)(uintptr_t)f->ext, f->ext_len } };

	if (f->flags & FOS_FRAME_CSUM_PARTIAL) {
		v.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		v.csum_start = f->csum_start;
		v.csum_offset = f->csum_offset;
	}
	if (writev(fd, iov, f->ext_len ? 3 : 2) < 0)
		fail_msg("sending a frame of %u bytes: %s", fos_frame_caplen(f), strerror(errno));
}

uint64_t netns_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void copy(struct fos_frame *to, const struct fos_frame *f)
{
	uint8_t *bytes = malloc(fos_frame_caplen(f) + 1);

	assert_non_null(bytes);
	memcpy(bytes, f->data, f->len);
	if (f->ext_len)
		memcpy(bytes + f->len, f->ext, f->ext_len);
	*to = *f;
	to->data = bytes;
	to->len = fos_frame_caplen(f);
	to->ext = NULL;
	to->ext_len = 0;
}

uint32_t netns_receive(struct fos_port *p, struct fos_frame *to, uint32_t want, int ms, int *event)
{
	static struct fos_batch b;
	uint64_t until = netns_now_ns() + (uint64_t)ms * 1000000;
	uint32_t n = 0;
	int ret;

	if (event)
		*event = 0;
	do {
		ret = fos_port_rx(p, &b); /* at least once, however late this process was */
		if (ret < 0) {
			if (event)
				*event = ret;
			else
				fail_msg("rx: %s", fos_port_error(p));
			break;
		}
		for (uint32_t i = 0; i < b.n && n < want; i++)
			copy(&to[n++], &b.pkt[i].f);
	} while (n < want && netns_now_ns() < until);
	return n;
}

void netns_send_by(struct fos_port *p, const struct fos_frame *f)
{
	static struct fos_batch b;

	b.n = 1;
	b.pkt[0].f = *f;
	assert_int_equal(fos_port_tx(p, &b), 1);
}

void netns_fill(uint8_t *bytes, uint32_t len, uint32_t seed)
{
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)((i * 31 + seed * 7) >> (i & 3));
	memset(bytes, 0xff, 6);
	memset(bytes + 6, 2, 6);
	bytes[12] = 0x88; /* for experiments */
	bytes[13] = 0xb5;
}

void netns_many(struct fos_port *from, struct fos_port *to, uint32_t count, uint32_t ahead)
{
	static struct fos_batch b, in;
	static uint8_t bytes[FOS_BATCH_MAX][200];
	uint64_t until = netns_deadline();
	uint32_t sent = 0, got = 0;

	while (got < count && netns_now_ns() < until) {
		for (b.n = 0; b.n < FOS_BATCH_MAX && sent + b.n < count && sent + b.n < got + ahead; b.n++) {
			netns_fill(bytes[b.n], 200, sent + b.n);
			b.pkt[b.n].f =
			    (struct fos_frame){ .data = bytes[b.n], .len = 200, .wire_len = 200, .linktype = 1 };
		}
		int n = b.n ? fos_port_tx(from, &b) : 0;

		assert_true(n >= 0);
		sent += (uint32_t)n;
		n = fos_port_rx(to, &in);
		assert_true(n >= 0);
		if (n)
			until = netns_deadline();
		for (int i = 0; i < n; i++, got++) {
			netns_fill(bytes[0], 200, got);
			assert_memory_equal(in.pkt[i].f.data, bytes[0], 200);
			assert_true(in.now_ns >= in.pkt[i].f.ts_ns);
		}
	}
	assert_int_equal(got, count);
}

void netns_free(struct fos_frame *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		free((void *)(uintptr_t)f[i].data);
}
