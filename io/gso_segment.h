/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gso_segment.h: cuts a super-packet into the packets that it stands for, as the kernel or a NIC would: TCP and UDP over
 * IPv4 and IPv6, also inside tunnels, where lengths, identifications and checksums of every layer are made right.
 * Internal, pure.
 *
 * Known outside the innermost IP header: VLAN tags, IP in IP, GRE (also with Ethernet, with a checksum, with a key), and
 * tunnels over UDP (VXLAN, Geneve, GUE, FOU, …) but those whose own header has a length or a number (GTP-U, L2TP), which no kernel
 * makes super-packets of.
 */
#ifndef FOS_GSO_SEGMENT_H
#define FOS_GSO_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include <flowos/frame.h>

enum {
	FOS__GSO_LAYERS = 12,
	FOS__GSO_HEAD = 640, /* headers of all layers together have at most so many bytes */
};

struct fos__gso {
	const struct fos_frame *f;
	const uint8_t *payload;
	uint32_t head; /* bytes of headers */
	uint32_t left; /* payload bytes that are not cut yet */
	uint32_t index;
	uint8_t proto; /* of the innermost transport header, which is at f->csum_start */
	uint8_t layers;
	struct {
		uint16_t at;
		uint8_t kind;
	} layer
	    [FOS__GSO_LAYERS]; /* what has a length or a checksum, outermost first, without the innermost transport */
};

/* Looks at the super-packet f, which must last as long as *g. Returns 0, or -ENOTSUP: it is none, or has headers that
 * are not known here, or a checksum that is complete already, or headers beyond FOS__GSO_HEAD or in two pieces. */
int fos__gso_open(struct fos__gso *g, const struct fos_frame *f);

/* Is it in a tunnel, where the kernel cannot be told of it as a super-packet? */
bool fos__gso_tunnelled(const struct fos__gso *g);

/* The next packet into *out: headers of its own, written to `head`, which has FOS__GSO_HEAD bytes, and payload in f's
 * bytes. All checksums are complete. Returns false after the last. */
bool fos__gso_next(struct fos__gso *g, uint8_t *head, struct fos_frame *out);

#endif
