/* SPDX-License-Identifier: BSD-2-Clause
 *
 * frame.h: one frame, that is link-layer bytes where a port put them, and what is known of it before parsing.
 *
 * A port fills frames, the engine parses them in place. A frame may be in two pieces: `data` holds every header,
 * `ext`, where it is not NULL, holds what follows. (A session that was multiplied from a trace has headers of its own
 * and shares its payload with the original.) The boundary never lies inside a header.
 *
 * Threads: a frame belongs to the thread that holds its batch. Ownership: see fos_frame_flag FOS_FRAME_STABLE.
 */
#ifndef FLOWOS_FRAME_H
#define FLOWOS_FRAME_H

#include <stdint.h>

/* What a port, or an impairment in front of the engine, says about a frame. */
enum fos_frame_flag {
	FOS_FRAME_STABLE = 1u << 0,       /* bytes stay where they are until the port is closed */
	FOS_FRAME_CSUM_OK = 1u << 1,      /* the driver vouches for the transport checksum: do not verify */
	FOS_FRAME_REORDERED = 1u << 2,    /* held back by an impairment */
	FOS_FRAME_DUPLICATE = 1u << 3,    /* a copy that an impairment made */
	FOS_FRAME_CORRUPTED = 1u << 4,    /* one bit flipped by an impairment */
	FOS_FRAME_TRUNCATED = 1u << 5,    /* cut short by an impairment */
	FOS_FRAME_DELAYED = 1u << 6,      /* released later by a delay */
	FOS_FRAME_RETRANSMIT = 1u << 7,   /* lost by an impairment, and sent again by it */
	FOS_FRAME_CSUM_PARTIAL = 1u << 8, /* the checksum is to be completed by whoever sends: see csum_start below;
	                                   * comes with FOS_FRAME_CSUM_OK, as there is nothing to verify yet */
};

/* What a super-packet is: one frame with the payload of many, which the sender's or the receiver's kernel, or the NIC,
 * cuts into packets of `gso_size` payload bytes each. The values are those of Linux's struct virtio_net_hdr. */
enum fos_gso {
	FOS_GSO_NONE = 0,
	FOS_GSO_TCPV4 = 1,
	FOS_GSO_UDP = 3, /* one UDP datagram that is to be cut into IP fragments */
	FOS_GSO_TCPV6 = 4,
	FOS_GSO_UDP_L4 = 5, /* UDP datagrams of one size, the last may be shorter */
	FOS_GSO_ECN = 0x80, /* joined to a TCP type: CWR is set in the first packet only */
};

struct fos_frame {
	const uint8_t *data; /* first byte of the link-layer header */
	const uint8_t *ext;  /* what follows `data` + `len`, or NULL */
	uint64_t ts_ns;      /* time of arrival, ns since the epoch on the port's clock */
	uint64_t num;        /* number of the frame in its source, from 1 */
	uint32_t len;        /* bytes at `data` */
	uint32_t ext_len;    /* bytes at `ext` */
	uint32_t wire_len;   /* length on the wire, at least len + ext_len */
	uint32_t flags;      /* enum fos_frame_flag */
	uint32_t note;       /* number of the impairment decision that touched it, 0 for none */
	uint16_t linktype;   /* LINKTYPE_ value as in a pcap file header (www.tcpdump.org/linktypes.html) */
	uint16_t port;       /* index of the interface it came from, 0 where there is one */

	/* Offloads, as struct virtio_net_hdr has them; all 0 for a frame that is what the wire carries. A VLAN tag is in
	 * the bytes, wherever the port found it. With FOS_FRAME_CSUM_PARTIAL the checksum field holds the sum of the pseudo
	 * header only, and the checksum is that of the bytes from csum_start to the end of the packet. */
	uint16_t gso_size;    /* payload bytes of each packet of a super-packet, 0 for none */
	uint16_t csum_start;  /* from `data` to where the sum begins: the (innermost) TCP or UDP header */
	uint16_t csum_offset; /* from csum_start to the checksum field */
	uint8_t gso_type;     /* enum fos_gso */
	uint8_t reserved;     /* 0 */
};

_Static_assert(sizeof(struct fos_frame) == 64, "a frame is a cache line: traces in memory hold one per packet");

/* Captured bytes of a frame, both pieces. */
static inline uint32_t fos_frame_caplen(const struct fos_frame *f)
{
	return f->len + f->ext_len;
}

#endif
