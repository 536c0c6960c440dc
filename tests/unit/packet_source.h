/* SPDX-License-Identifier: BSD-2-Clause
 *
 * packet_source.h: for tests: one parsed packet in memory of its own, which can go away under those who kept the packet.
 */
#ifndef FOS_TEST_PACKET_SOURCE_H
#define FOS_TEST_PACKET_SOURCE_H

#include "engine_run.h"

/* A parsed packet whose payload is `data`, in memory of its own as the mode (enum er_mode) says. */
struct source {
	struct fos_pkt pkt;
	struct er_trace t;
	uint8_t *mem, *ext;
	uint32_t len, ext_len;
};

void source_make(struct source *x, const void *data, uint32_t len, unsigned mode);
void source_free(struct source *x);

#endif
