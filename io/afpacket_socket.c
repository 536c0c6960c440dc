/* SPDX-License-Identifier: BSD-2-Clause
 *
 * afpacket_socket.c: the sockets of an AF_PACKET port, their rings, and the interface that they are bound to.
 *
 * Order matters: options, then rings, then a filter that takes nothing, then the interface. So the ring is empty when
 * the filter that was asked for takes the place of that one, and nothing has to be thrown away.
 */
#include "afpacket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture_filter.h"
#include "clock.h"

enum {
	TAG_ROOM = 6, /* before a frame: 4 bytes for a tag; 2 more make IP headers start at a multiple of 16 */
	BLOCK_BYTES = 1 << 20,
	PAGE = 4096,
};

static int failed(struct fos__afpacket *a, const char *what)
{
	int err = errno;

	snprintf(a->error, sizeof a->error, "%s: %s: %s", a->name, what, strerror(err));
	return -err;
}

static int set(struct fos__afpacket *a, int fd, int level, int option, int value, const char *what)
{
	if (setsockopt(fd, level, option, &value, sizeof value))
		return failed(a, what);
	return 0;
}

static int ask(const struct fos__afpacket *a, unsigned long request, struct ifreq *r)
{
	*r = (struct ifreq){ 0 };
	memcpy(r->ifr_name, a->name, sizeof a->name);
	return ioctl(a->rx_fd, request, r) ? -errno : 0;
}

/* Takes nothing, or what a filter takes. */
static int attach(struct fos__afpacket *a, const struct sock_fprog *prog)
{
	if (setsockopt(a->rx_fd, SOL_SOCKET, SO_ATTACH_FILTER, prog, sizeof *prog))
		return failed(a, "filter");
	return 0;
}

static int map_ring(struct fos__afpacket *a, int fd, int which, struct fos__ring *r, bool v3)
{
	struct tpacket_req3 q = { .tp_block_size = r->block_bytes,
		                  .tp_block_nr = r->blocks,
		                  .tp_frame_size = r->slot_bytes,
		                  .tp_frame_nr = r->slots,
		                  .tp_retire_blk_tov = a->opts.block_ms };
	int ret = set(a, fd, SOL_PACKET, PACKET_VERSION, v3 ? TPACKET_V3 : TPACKET_V2, "packet sockets with rings");

	if (ret)
		return ret;
	if (setsockopt(fd, SOL_PACKET, which, &q, v3 ? sizeof q : sizeof(struct tpacket_req)))
		return failed(a, "memory for a ring");
	r->base = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (r->base == MAP_FAILED) {
		r->base = NULL;
		return failed(a, "mapping a ring");
	}
	return 0;
}

/* Slots for frames of frame_bytes in blocks; with v3 the kernel packs blocks, and slots only have to look right. Large
 * slots begin with a page, so that a super-packet that is sent from one is in as few pages as a packet may be. */
static void shape_ring(struct fos__ring *r, size_t bytes, uint32_t frame_bytes)
{
	r->slot_bytes = frame_bytes + FOS__SLOT_ROOM;
	r->slot_bytes = r->slot_bytes > PAGE ? (r->slot_bytes + PAGE - 1) & ~(PAGE - 1u) : (r->slot_bytes + 63) & ~63u;
	r->block_bytes = BLOCK_BYTES;
	while (r->block_bytes > bytes / 2 && r->block_bytes / 2 >= r->slot_bytes && r->block_bytes > PAGE)
		r->block_bytes /= 2;
	while (r->block_bytes < r->slot_bytes)
		r->block_bytes *= 2;
	r->blocks = (uint32_t)(bytes / r->block_bytes);
	if (r->blocks < 2)
		r->blocks = 2;
	r->slots_per_block = r->block_bytes / r->slot_bytes;
	r->slots = r->slots_per_block * r->blocks;
	r->bytes = (size_t)r->blocks * r->block_bytes;
}

static int bind_to(struct fos__afpacket *a, int fd, uint16_t protocol)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = a->ifindex };

	return bind(fd, (struct sockaddr *)&to, sizeof to) ? failed(a, "binding") : 0;
}

static int set_promiscuous(struct fos__afpacket *a)
{
	struct packet_mreq m = { .mr_ifindex = a->ifindex, .mr_type = PACKET_MR_PROMISC };

	if (setsockopt(a->rx_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m))
		return failed(a, "promiscuous mode");
	return 0;
}

static int find_interface(struct fos__afpacket *a)
{
	struct ifreq r;

	if (ask(a, SIOCGIFINDEX, &r)) {
		snprintf(a->error, sizeof a->error, "%s: there is no such interface", a->name);
		return -ENODEV;
	}
	a->ifindex = r.ifr_ifindex;
	if (ask(a, SIOCGIFHWADDR, &r))
		return failed(a, "its type");
	if (r.ifr_hwaddr.sa_family != ARPHRD_ETHER && r.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK) {
		snprintf(a->error, sizeof a->error, "%s: not an Ethernet interface", a->name);
		return -ENOTSUP;
	}
	return 0;
}

/* Beyond the system's limit only CAP_NET_ADMIN gets a queue. The kernel counts twice what is asked for, for what is not payload. */
static void set_queue(struct fos__afpacket *a, int fd, int force, int option, int bytes)
{
	socklen_t len = sizeof bytes;
	int got = 0;

	if (!setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof bytes))
		return;
	(void)setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof bytes);
	if (getsockopt(fd, SOL_SOCKET, option, &got, &len) || got / 2 < bytes)
		snprintf(a->note, sizeof a->note, "%s: a queue of %d bytes, and not of %d, for want of CAP_NET_ADMIN",
		         a->name, got / 2, bytes);
}

/* Packets that do not fit into a slot go to the socket's queue, of as many bytes as the ring has. */
static int prepare_big(struct fos__afpacket *a)
{
	int bytes = (int)(a->opts.rx_ring_bytes < 1u << 29 ? a->opts.rx_ring_bytes : 1u << 29);
	int ret = fos__big_new(&a->big, a->opts.frame_bytes, !a->opts.no_offloads);

	if (ret)
		return ret;
	set_queue(a, a->rx_fd, SO_RCVBUFFORCE, SO_RCVBUF, bytes);
	ret = set(a, a->rx_fd, SOL_PACKET, PACKET_AUXDATA, 1, "tags beside packets");
	return ret ? ret : set(a, a->rx_fd, SOL_PACKET, PACKET_COPY_THRESH, 1, "packets longer than a slot");
}

static int prepare_rx(struct fos__afpacket *a)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	int ret;

	a->rx_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: receives nothing */
	if (a->rx_fd < 0)
		return failed(a, "a packet socket");
	ret = find_interface(a);
	if (!ret)
		ret = set(a, a->rx_fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "ignoring what is sent");
	if (!ret)
		ret = set(a, a->rx_fd, SOL_PACKET, PACKET_RESERVE, TAG_ROOM, "room for tags");
	if (!ret && !a->opts.no_offloads)
		ret = set(a, a->rx_fd, SOL_PACKET, PACKET_VNET_HDR, 1, "super-packets");
	if (ret)
		return ret;
	if (a->opts.rx == FOS_AFPACKET_FRAMES && a->opts.slot_bytes < a->opts.frame_bytes) {
		ret = prepare_big(a);
		shape_ring(&a->rx, a->opts.rx_ring_bytes, a->opts.slot_bytes);
	} else {
		shape_ring(&a->rx, a->opts.rx_ring_bytes, a->opts.frame_bytes);
	}
	if (!ret)
		ret = map_ring(a, a->rx_fd, PACKET_RX_RING, &a->rx, a->opts.rx == FOS_AFPACKET_BLOCKS);
	if (!ret)
		ret = attach(a, &(struct sock_fprog){ 1, &nothing });
	if (!ret)
		ret = bind_to(a, a->rx_fd, ETH_P_ALL);
	if (!ret && a->opts.promiscuous)
		ret = set_promiscuous(a);
	return ret;
}

static int prepare_tx(struct fos__afpacket *a)
{
	int bytes = (int)(a->opts.tx_ring_bytes < 1u << 29 ? a->opts.tx_ring_bytes : 1u << 29);
	int ret;

	a->tx_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (a->tx_fd < 0)
		return failed(a, "a packet socket");
	/* What waits in a ring counts at its full size, and must not be held up by another limit. */
	set_queue(a, a->tx_fd, SO_SNDBUFFORCE, SO_SNDBUF, bytes);
	ret = set(a, a->tx_fd, SOL_PACKET, PACKET_VNET_HDR, 1, "super-packets");
	if (!ret && a->opts.qdisc_bypass)
		ret = set(a, a->tx_fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1, "bypassing the queueing discipline");
	if (!ret && a->opts.tx == FOS_AFPACKET_RING) {
		ret = set(a, a->tx_fd, SOL_PACKET, PACKET_LOSS, 1, "skipping what cannot be sent");
		shape_ring(&a->tx, a->opts.tx_ring_bytes, a->opts.frame_bytes);
		if (!ret)
			ret = map_ring(a, a->tx_fd, PACKET_TX_RING, &a->tx, false);
	}
	return ret ? ret : bind_to(a, a->tx_fd, 0);
}

int fos__afpacket_prepare(struct fos__afpacket *a)
{
	int ret = prepare_rx(a);

	if (!ret && a->opts.tx != FOS_AFPACKET_NO_TX) {
		ret = fos__outbox_new(&a->outbox);
		if (!ret)
			ret = prepare_tx(a);
	}
	if (ret)
		fos__afpacket_shut(a);
	return ret;
}

int fos__afpacket_start(struct fos__afpacket *a, const char *filter)
{
	struct sock_fprog prog;
	int none = 0, ret;

	if (filter) {
		ret = fos__capture_filter(a->name, filter, &prog, a->error, sizeof a->error);
		if (ret)
			return ret;
		ret = attach(a, &prog);
		fos__capture_filter_free(&prog);
	} else {
		ret = setsockopt(a->rx_fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none) ? failed(a, "filter") : 0;
	}
	if (!ret)
		fos__afpacket_look(a);
	return ret;
}

static void unmap(struct fos__ring *r)
{
	if (r->base)
		munmap(r->base, r->bytes);
	*r = (struct fos__ring){ 0 };
}

void fos__afpacket_shut(struct fos__afpacket *a)
{
	unmap(&a->rx);
	unmap(&a->tx);
	fos__big_free(a->big);
	a->big = NULL;
	fos__outbox_free(a->outbox);
	a->outbox = NULL;
	if (a->rx_fd >= 0)
		close(a->rx_fd);
	if (a->tx_fd >= 0)
		close(a->tx_fd);
	a->rx_fd = a->tx_fd = -1;
}

/* Does the interface cut super-packets of TCP itself? */
static bool cuts_tcp(const struct fos__afpacket *a)
{
	struct ethtool_value v = { .cmd = ETHTOOL_GTSO };
	struct ifreq r = { .ifr_data = (void *)&v };

	memcpy(r.ifr_name, a->name, sizeof a->name);
	return !ioctl(a->rx_fd, SIOCETHTOOL, &r) && v.data;
}

int fos__afpacket_look(struct fos__afpacket *a)
{
	struct ifreq r;

	a->looked_ns = fos__clock_ns(CLOCK_MONOTONIC);
	if (a->gone || ask(a, SIOCGIFINDEX, &r) || r.ifr_ifindex != a->ifindex) {
		a->gone_ns = a->gone ? a->gone_ns : fos__clock_ns(CLOCK_REALTIME);
		a->gone = true;
		snprintf(a->error, sizeof a->error, "%s: the interface is gone, or has another name now", a->name);
		return -ENODEV;
	}
	a->down = ask(a, SIOCGIFFLAGS, &r) || !(r.ifr_flags & IFF_UP);
	if (!ask(a, SIOCGIFMTU, &r))
		a->mtu = (uint32_t)r.ifr_mtu + 18;
	if (a->opts.qdisc_bypass)
		a->tso = cuts_tcp(a);
	if (a->down) {
		snprintf(a->error, sizeof a->error, "%s: the interface is down", a->name);
		return -ENETDOWN;
	}
	return 0;
}
