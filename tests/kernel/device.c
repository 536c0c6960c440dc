/* SPDX-License-Identifier: BSD-2-Clause
 *
 * device.c: see device.h. The devices are made by ip(8), from iproute2.
 */
#include "device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire.h"

static const char common[] = "link set lo up\n"
                             "link set stack up\n"
                             "addr add 10.9.0.1/16 dev stack\n"
                             "addr add fd09::1/64 dev stack nodad\n";

/* Runs ip(8) with these lines. */
static int ip_batch(const char *lines)
{
	int ends[2], status = 0;

	if (pipe(ends))
		return -errno;
	pid_t child = fork();

	if (child < 0) {
		close(ends[0]);
		close(ends[1]);
		return -errno;
	}
	if (child == 0) {
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		close(ends[1]);
		execlp("ip", "ip", "-batch", "-", (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	bool written = write(ends[1], lines, strlen(lines)) == (ssize_t)strlen(lines);

	close(ends[1]);
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return written && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* Of what the kernel sends, only SYN-ACKs are kept: the offsets are those behind an Ethernet header. */
static int only_syn_acks(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 2, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14 + 20 + 13),
		BPF_STMT(BPF_JMP | BPF_JA, 1),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14 + 40 + 13),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, WIRE_SYN | WIRE_ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WIRE_SYN | WIRE_ACK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 65535),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int open_veth(struct device *d, char *err, size_t errlen)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };

	/* Without ARP the kernel needs no answer to learn where the clients are. */
	if (ip_batch("link add wire type veth peer name stack\nlink set stack arp off\nlink set wire up\n") ||
	    ip_batch(common)) {
		snprintf(err, errlen, "ip cannot make a veth pair");
		return -EIO;
	}
	d->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* hears nothing before it is bound */
	at.sll_ifindex = (int)if_nametoindex("wire");
	if (d->fd < 0 || only_syn_acks(d->fd) || bind(d->fd, (const struct sockaddr *)&at, sizeof(at))) {
		snprintf(err, errlen, "a packet socket: %s", strerror(errno));
		return -errno;
	}
	return 0;
}

static int open_tap(struct device *d, char *err, size_t errlen)
{
	struct ifreq name = { .ifr_name = "stack" };

	name.ifr_flags = IFF_TAP | IFF_NO_PI;
	d->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (d->fd < 0 || ioctl(d->fd, TUNSETIFF, &name)) {
		snprintf(err, errlen, "/dev/net/tun: %s", strerror(errno));
		return -errno;
	}
	if (ip_batch("link set stack arp off\n") || ip_batch(common)) {
		snprintf(err, errlen, "ip cannot set up a tap device");
		return -EIO;
	}
	return 0;
}

/* The address of the kernel's end, to which packets are sent. */
static int learn_mac(struct device *d, char *err, size_t errlen)
{
	struct ifreq name = { .ifr_name = "stack" };
	int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = any < 0 || ioctl(any, SIOCGIFHWADDR, &name) ? -errno : 0;

	if (rc)
		snprintf(err, errlen, "the device's address: %s", strerror(-rc));
	else
		memcpy(d->mac, name.ifr_hwaddr.sa_data, 6);
	if (any >= 0)
		close(any);
	return rc;
}

int device_open(struct device *d, enum device_kind kind, char *err, size_t errlen)
{
	d->fd = -1;
	if (unshare(CLONE_NEWNET)) {
		snprintf(err, errlen, "no network namespace: %s", strerror(errno));
		return -errno;
	}
	int rc = kind == DEVICE_TAP ? open_tap(d, err, errlen) : open_veth(d, err, errlen);

	if (!rc)
		rc = learn_mac(d, err, errlen);
	if (rc)
		device_close(d);
	return rc;
}

bool device_send(struct device *d, const uint8_t *packet, size_t len)
{
	uint8_t frame[WIRE_ETHER + WIRE_MAX];

	memcpy(frame, d->mac, 6);
	memcpy(frame + 6, "\2\0\0\0\0\1", 6);
	memcpy(frame + 12, packet[0] >> 4 == 6 ? "\x86\xdd" : "\x08\x00", 2);
	memcpy(frame + WIRE_ETHER, packet, len);
	return write(d->fd, frame, WIRE_ETHER + len) == (ssize_t)(WIRE_ETHER + len);
}

size_t device_receive(struct device *d, uint8_t *buf, size_t size, int timeout_ms)
{
	struct pollfd ready = { .fd = d->fd, .events = POLLIN };

	if (poll(&ready, 1, timeout_ms) != 1)
		return 0;
	ssize_t n = read(d->fd, buf, size);

	if (n <= WIRE_ETHER)
		return 0;
	memmove(buf, buf + WIRE_ETHER, (size_t)n - WIRE_ETHER);
	return (size_t)n - WIRE_ETHER;
}

void device_close(struct device *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}
