/* SPDX-License-Identifier: BSD-2-Clause
 *
 * decoder.h: where a level starts in a packet. Decoders are registered by name; a flow lists them: "ip:tcp:http".
 *
 * The list is filled before workers are made and only read afterwards: registering is for one thread.
 */
#ifndef FLOWOS_DECODER_H
#define FLOWOS_DECODER_H

#include <stdint.h>

#include <flowos/pkt.h>

enum { FOS_LEVELS_MAX = 8 };

struct fos_decoder {
	const char *name; /* compared without regard to case */
	/* Returns where the level starts in the packet, or NULL where this packet does not have it. `prev` is where the level below
	 * starts. `off` is the offset of the packet's payload in the stream of level `app`, `state` a word per
	 * direction of a session that is 0 at first. Called in stream order, once per packet, and once more
	 * for each further piece of a packet that an overlap has cut. */
	const uint8_t *(*start)(const struct fos_pkt *p, const uint8_t *prev, uint64_t off, uint32_t *state);
};

/* Returns 0, -EEXIST for a name that is taken, -ENOSPC. The decoder must last. "ip", "tcp", "udp", "app" and "http" are there. */
int fos_decoder_register(const struct fos_decoder *d);
const struct fos_decoder *fos_decoder_find(const char *name, unsigned long len); /* NULL: none */

#endif
